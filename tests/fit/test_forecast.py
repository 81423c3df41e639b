import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from offpath.compute import Compute
from offpath.data.batches import draw
from offpath.data.tokens import pack
from offpath.data.worlds import worlds
from offpath.fit.checkpoints import new_model
from offpath.fit.forecast import _held_bytes, forecast, operations
from offpath.fit.transformer import to_device
from offpath.recipes import laptop, paper, smoke

CPU = Compute(torch.device("cpu"), 1)


@pytest.mark.parametrize("recipe", [laptop, paper])
def test_operations_agree_with_torchs_count_of_the_matrix_products(recipe):
    c = recipe()
    batch = draw(worlds(c.graphs)["pretraining"], 0, 0, 256)
    model = new_model(c)
    packed = pack(batch.tokens)
    with FlopCounterMode(display=False) as counter:
        model(*to_device(packed, CPU.device)).sum().backward()
    products = counter.get_total_flops()  # no attention on a CPU
    estimate = operations(c, [length for count, length in packed.groups for _ in range(count)])
    assert estimate == pytest.approx(products, rel=0.15)


def test_a_forecast_covers_every_stage_of_the_recipe(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("offpath.fit.forecast.TIMED_SECONDS", 0.0)
    estimate = forecast(smoke(), CPU)
    assert list(estimate["stages"]) == [
        *("pretrained", "finetuned", "scratch", "circuit-finetuned", "evaluate")
    ]
    assert estimate["stages"]["pretrained"]["examples"] == 40 * 64
    assert estimate["seconds"] == pytest.approx(
        sum(s["seconds"] for s in estimate["stages"].values())
    )
    assert estimate["parameters"] == sum(p.numel() for p in new_model(smoke()).parameters())


@pytest.mark.parametrize(
    ("optimizer", "bytes_per_weight"),
    [
        (torch.optim.Adam, 16),  # weight, gradient and two moments
        (lambda parameters: torch.optim.SGD(parameters, momentum=0.9), 12),
        (torch.optim.SGD, 8),
    ],
)
def test_memory_counts_weights_gradients_and_what_the_optimizer_holds(optimizer, bytes_per_weight):
    model = new_model(smoke())
    chosen = optimizer(model.parameters())
    torch.stack([p.sum() for p in model.parameters()]).sum().backward()
    chosen.step()
    expected = bytes_per_weight * sum(p.numel() for p in model.parameters())
    assert _held_bytes(model, chosen) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("step", ["torch", "auto"])
def test_a_forecast_times_training_with_classes_and_candidates(step: str, monkeypatch):
    monkeypatch.setattr("offpath.fit.forecast.TIMED_SECONDS", 0.0)
    c = smoke().change({"pretrain.classification": 1.0, "pretrain.candidates": 3})
    estimate = forecast(c, Compute(torch.device("cpu"), 1, step=step))
    assert estimate["stages"]["pretrained"]["seconds"] > 0
    assert estimate["stages"]["pretrained"]["memory_bytes"] > 1000
