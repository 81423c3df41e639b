import numpy as np
import pytest
import torch

from offpath.compute import Compute
from offpath.data.batches import draw
from offpath.data.worlds import world
from offpath.fit.checkpoints import load_model, new_model
from offpath.fit.classes import Outputs, add_classes, losses, without_classes
from offpath.fit.stages import pretrain
from offpath.fit.transformer import parameter_count, predict, rectangle
from offpath.recipes import smoke
from offpath.run.folder import create_run

TOKENS = draw(world("test_e", smoke().graphs), 0, 0, 20)


def test_more_rows_of_the_read_out_leave_the_answers_as_they_are():
    model = new_model(smoke())
    before, count = predict(model, TOKENS.tokens), parameter_count(model)
    add_classes(model)
    assert parameter_count(model) == count + 6 * (16 + 1)
    assert predict(model, TOKENS.tokens) == pytest.approx(before, abs=1e-5)
    narrow = without_classes(model)
    assert parameter_count(narrow) == count
    assert np.array_equal(predict(narrow, TOKENS.tokens), before)
    assert model.readout.out_features == 7, "the model that is trained keeps them"


def test_the_loss_is_the_squared_error_and_the_cross_entropy_of_the_label():
    model = new_model(smoke())
    add_classes(model)
    torch.nn.init.normal_(model.readout.weight)
    outputs = Outputs(model)(*rectangle(torch.from_numpy(TOKENS.tokens).long()))
    labels = torch.from_numpy(TOKENS.distance).long()
    squared, loss = losses(outputs, labels, 0.5)
    chances = outputs[:, 1:].double().softmax(1)[torch.arange(20), labels]
    assert squared.tolist() == pytest.approx(((outputs[:, 0] - labels) ** 2).tolist())
    assert loss.item() == pytest.approx(
        (squared.sum() - 0.5 * chances.log().sum()).item(), rel=1e-5
    )
    assert losses(outputs, labels, 0.0)[1].item() == pytest.approx(squared.sum().item())


@pytest.mark.parametrize("step", ["torch", "auto"])
def test_a_run_resumes_with_classes_and_ends_without_them(tmp_path, step: str):
    options = {
        "pretrain.classification": 1.0,
        "pretrain.candidates": 3,
        "pretrain.optimizer": "muon",
    }
    c = smoke().change(options)
    compute = Compute(torch.device("cpu"), 1, step=step)
    whole, stopped = create_run(c, tmp_path / "whole"), create_run(c, tmp_path / "stopped")
    for _ in pretrain(whole, compute):
        pass
    for record in pretrain(stopped, compute):
        if record["step"] == 22:
            break
    for _ in pretrain(stopped, compute):
        pass
    one, other = (load_model(run, "pretrained", "cpu") for run in (whole, stopped))
    assert one.readout.out_features == 1
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
