import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from offpath.compute import Compute
from offpath.data.batches import draw
from offpath.data.tokens import pack
from offpath.data.worlds import worlds
from offpath.fit.checkpoints import new_model
from offpath.fit.forecast import _operations, forecast
from offpath.fit.transformer import to_device
from offpath.recipes import laptop, paper, smoke

CPU = Compute(torch.device("cpu"), 1)


@pytest.mark.parametrize("recipe", [laptop, paper])
def test_operations_agree_with_torchs_count_of_the_matrix_products(recipe):
    c = recipe()
    batch = draw(worlds(c.graphs)["pretraining"], 0, 0, 256)
    model = new_model(c)
    packed = pack(batch.tokens, groups=100)
    with FlopCounterMode(display=False) as counter:
        model(*to_device(packed, CPU.device)).sum().backward()
    products = counter.get_total_flops()  # padding within a group too, and no attention on a CPU
    told = _operations(c, batch.token_counts.tolist())
    assert told == pytest.approx(products, rel=0.15)


def test_a_forecast_covers_every_stage_of_the_recipe(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("offpath.fit.forecast.TIMED_SECONDS", 0.0)
    told = forecast(smoke(), CPU)
    assert list(told["stages"]) == [
        *("pretrained", "finetuned", "scratch", "circuit-finetuned", "evaluate")
    ]
    assert told["stages"]["pretrain"]["examples"] == 40 * 64
    assert told["seconds"] == pytest.approx(sum(s["seconds"] for s in told["stages"].values()))
    assert told["parameters"] == sum(p.numel() for p in new_model(smoke()).parameters())
