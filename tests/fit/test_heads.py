import copy
import math

import numpy as np
import pytest
import torch

from offpath.configs import InputError
from offpath.data.batches import draw
from offpath.data.worlds import world
from offpath.fit.checkpoints import load_model, new_model
from offpath.fit.classes import losses
from offpath.fit.heads import expected, head_loss
from offpath.fit.native import answers as natively
from offpath.fit.native import native_library, native_step
from offpath.fit.start import start_model
from offpath.fit.transformer import answer, predict, rectangle
from offpath.recipes import laptop, smoke
from offpath.run.folder import working_on
from tests.fit.interventions import CPU, changed, declared, pretrained, trained

HEADS = ["classification", "ordinal"]
LOGITS = torch.tensor([[0.0, math.log(2), 0.0], [math.log(6), 0.0, 0.0]])  # of labels 1, 2, 3
THRESHOLDS = torch.tensor([[math.log(3), -1.0], [1.0, 2.0]])  # of d >= 2, d >= 3
TOKENS = draw(world("test_e", smoke().graphs), 0, 0, 50).tokens


@pytest.fixture(scope="module")
def run(tiny, tmp_path_factory):
    run = pretrained(tiny, tmp_path_factory.mktemp("runs"))
    with working_on(run):
        yield run


def architecture(run, head: str, **more):
    return run.configuration.model.model_copy(update={"head": head, **more})


def test_classification_answers_the_likeliest_label_and_loses_its_surprise():
    labels = torch.tensor([3, 1])
    assert answer(LOGITS, "classification").tolist() == [2.0, 1.0]
    assert head_loss(LOGITS, labels, "classification").item() == pytest.approx(
        math.log(4) + math.log(8 / 6)
    )
    assert expected(LOGITS, "classification").tolist() == pytest.approx([2.0, 1 + 1 / 8 + 2 / 8])


def test_ordinal_answers_one_more_than_the_thresholds_passed_and_loses_at_each():
    labels = torch.tensor([2, 3])
    assert answer(THRESHOLDS, "ordinal").tolist() == [2.0, 3.0]
    surprises = [math.log(4 / 3), math.log(1 + math.exp(-1)), math.log(1 + math.exp(-1))]
    surprises.append(math.log(1 + math.exp(-2)))
    assert head_loss(THRESHOLDS, labels, "ordinal").item() == pytest.approx(sum(surprises))
    chances = [3 / 4 + 1 / (1 + math.e), 1 / (1 + math.exp(-1)) + 1 / (1 + math.exp(-2))]
    assert expected(THRESHOLDS, "ordinal").tolist() == pytest.approx([1 + c for c in chances])


def test_the_squared_error_of_a_head_is_that_of_its_answers():
    squared, loss = losses(LOGITS, torch.tensor([3, 1]), 0.0, "classification")
    assert squared.tolist() == [1.0, 0.0]
    assert loss.item() == pytest.approx(math.log(4) + math.log(8 / 6))
    one = torch.tensor([[1.5], [2.0]])
    assert losses(one, torch.tensor([1, 4]), 0.0)[1].item() == 4.25
    assert torch.equal(expected(one, "regression"), one[:, 0])


@pytest.mark.skipif(native_library()[0] is None, reason="no C++ compiler")
@pytest.mark.parametrize("head", HEADS)
def test_the_native_step_has_answers_and_gradients_of_each_head(head: str):
    c, batch = laptop(), draw(world("test_e", laptop().graphs), 0, 0, 100)
    model = new_model(c, c.model.model_copy(update={"head": head}))
    torch.nn.init.normal_(model.readout.weight)
    double = copy.deepcopy(model).double()
    outputs = double.outputs(*rectangle(torch.from_numpy(batch.tokens).long()))
    labels = torch.from_numpy(batch.distance).long()
    squared, loss = losses(outputs, labels, 0.0, model.architecture.head)
    (loss / 100).backward()
    step = native_step(model, CPU)
    assert step
    answers = step.set_gradients(batch.tokens, labels.float(), 0.0, 1 / 100)
    assert torch.equal((answers - labels).square().double(), squared.detach())
    for p, true in zip(model.parameters(), double.parameters(), strict=True):
        assert p.grad is not None
        assert true.grad is not None
        assert (p.grad - true.grad).norm() <= 1e-5 * true.grad.norm() + 1e-9


@pytest.mark.parametrize(("head", "outputs"), [("classification", 5), ("ordinal", 4)])
def test_a_new_head_is_zero_and_the_body_that_of_the_network_it_starts_from(run, head, outputs):
    for start in ("pretrained", "untrained"):
        network = declared(run, "head", start, architecture(run, head))
        model, before = start_model(run, network, CPU.device), load_model(run, start, "cpu")
        assert model.readout.out_features == outputs
        assert not any(p.any() for p in model.readout.parameters())
        for name, weight in before.state_dict().items():
            if not name.startswith("readout"):
                assert torch.equal(weight, model.state_dict()[name])


@pytest.mark.parametrize("head", HEADS)
def test_a_head_is_trained_saved_and_answers_labels(run, head: str):
    network = declared(run, "head", "pretrained", architecture(run, head))
    model = trained(run, network)
    given = predict(model, TOKENS)
    assert set(given) <= {1.0, 2.0, 3.0, 4.0, 5.0}
    assert np.array_equal(given, natively(model, TOKENS, CPU))
    assert np.abs(predict(model, TOKENS, expected) - given).max() > 0.01
    resumed = trained(run, network, stop=4)
    for a, b in zip(model.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("how", [{"trains": "bias_and_norm"}, {"rank": 1}])
def test_a_read_out_of_labels_is_trained_whatever_else_is(run, how: dict):
    network = declared(run, "head", "pretrained", architecture(run, "ordinal"), **how)
    model = trained(run, network)
    assert model.readout.weight.any()
    assert not torch.equal(model.readout.weight[0], model.readout.weight[1])
    before = load_model(run, "pretrained", "cpu").embedding.weight
    assert torch.equal(model.embedding.weight, before)


def test_a_head_learns_what_regression_learns(run):
    network = declared(run, "longer", "pretrained", architecture(run, "ordinal"), steps=60,
                       warmup_steps=2, learning_rate=0.01)  # fmt: skip
    batch = draw(world("finetuning", run.configuration.graphs), 1, 0, 500)
    right = predict(trained(run, network), batch.tokens) == batch.distance
    most = np.bincount(batch.distance).max() / len(right)
    assert right.mean() > most + 0.05


def test_classes_beside_a_head_of_labels_are_refused(run):
    network = declared(run, "head", "pretrained", architecture(run, "ordinal"), classification=1.0)
    with pytest.raises(InputError, match=r"head\.classification must be 0.0 where the head is ord"):
        trained(run, network)


def test_a_network_cannot_start_from_layers_of_another_shape(run):
    network = declared(run, "wide", "pretrained", architecture(run, "regression", width=32))
    with pytest.raises(InputError, match="wide cannot start from pretrained, whose layers are of"):
        trained(run, network)
    network = network._replace(starts_from="untrained")
    assert trained(run, network).architecture.width == 32


def test_a_network_that_is_declared_as_it_is_by_default_is_the_same(run):
    network = declared(run, "same", "pretrained", run.configuration.model)
    assert "readout.weight" in changed(run, network, trained(run, network))
