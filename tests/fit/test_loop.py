import pytest
import torch

from offpath.compute import Compute, compute
from offpath.data.batches import stream
from offpath.data.worlds import worlds
from offpath.fit.checkpoints import new_model
from offpath.fit.loop import LossByLabel, train
from offpath.fit.optimizer import make_optimizer
from offpath.fit.transformer import predict
from offpath.recipes import smoke

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]

# The losses of 20 steps of recipe smoke, seed 0, on CPU: what a refactoring must not change.
GOLDEN = [
    9.1643,
    8.1667,
    8.7346,
    6.002,
    8.0847,
    5.1539,
    4.4835,
    5.4052,
    3.4538,
    5.6198,
    4.8981,
    3.9668,
    2.8136,
    2.6383,
    4.1055,
    3.7465,
    2.825,
    2.6818,
    3.2119,
    3.4181,
]


def steps(configuration, optimizer=None):
    c = configuration
    model = new_model(c)
    optimizer = optimizer or make_optimizer(model, c.training("pretrain"))
    batches = stream(worlds(c.graphs)["pretraining"], c.seed, c.training("pretrain").batch_examples)
    yield from train(model, optimizer, c.training("pretrain"), batches)


def test_twenty_steps_give_the_golden_losses():
    losses = [
        s.squared_errors.mean().item() for s, _ in zip(steps(smoke()), range(20), strict=False)
    ]
    assert losses == pytest.approx(GOLDEN, rel=1e-4)


def test_training_yields_once_for_each_step_and_stops():
    c = smoke()
    seen = [s.step for s in steps(c)]
    assert seen == list(range(1, c.training("pretrain").steps + 1))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "tf32"])
def test_lower_precision_trains_alike_and_keeps_weights_in_float32(device: str, precision: str):
    if (device, precision) == ("cpu", "tf32"):
        pytest.skip("refused, see test_compute")
    c = smoke()
    machine = compute(device, 1).at(precision)
    model = new_model(c).to(machine.device)
    optimizer = make_optimizer(model, c.training("pretrain"))
    batches = stream(worlds(c.graphs)["pretraining"], c.seed, c.training("pretrain").batch_examples)
    losses = [
        step.squared_errors.mean().item()
        for step, _ in zip(
            train(model, optimizer, c.training("pretrain"), batches, 0, machine),
            range(20),
            strict=False,
        )
    ]
    assert losses == pytest.approx(GOLDEN, rel=0.05)
    exact = losses == pytest.approx(GOLDEN, rel=1e-4)
    assert exact == (precision == "float32")
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    state = [value for kept in optimizer.state.values() for value in kept.values()]
    assert {value.dtype for value in state} == {torch.float32}


def test_answers_are_read_out_in_full_precision():
    # A distance of 15 in bfloat16 is a multiple of 1/16: an error of 3e-4 that no training mends.
    c = smoke()
    model, machine = new_model(c), compute("cpu", 1).at("bfloat16")
    tokens = next(stream(worlds(c.graphs)["pretraining"], 0, 256)).tokens
    with torch.no_grad():
        model.readout.bias.fill_(15.0)
    with machine.autocast():
        answers = torch.from_numpy(predict(model, tokens))
    assert (answers != answers.bfloat16().float()).float().mean() > 0.9


def test_the_gradient_norm_is_that_before_clipping():
    tight = smoke().training("pretrain").model_copy(update={"clip_norm": 1e-3})
    step = next(steps(smoke().model_copy(update={"pretrain": tight})))
    assert step.gradient_norm > 0.1


def test_losses_by_label_are_means_over_the_examples_since_the_last_reading():
    losses = LossByLabel(6, Compute(torch.device("cpu"), 1))
    seen = [s for s, _ in zip(steps(smoke()), range(3), strict=False)]
    losses.add(seen[0])
    losses.read()
    for step in seen[1:]:
        losses.add(step)
    errors = torch.cat([s.squared_errors for s in seen[1:]]).double()
    labels = torch.cat([s.labels for s in seen[1:]])
    read = losses.read()
    assert read["loss"] == pytest.approx(errors.mean().item())
    assert read["count_by_label"] == {
        str(label): int((labels == label).sum()) for label in labels.unique().tolist()
    }
    for label, loss in read["loss_by_label"].items():
        assert loss == pytest.approx(errors[labels == int(label)].mean().item())
