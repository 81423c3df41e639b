"""Training on the answers of reporters, and of the assistant's row alone."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from offpath.configs import Configuration, InputError
from offpath.data import batches
from offpath.data.batches import Batch, draw
from offpath.data.mixtures import training_world
from offpath.fit.checkpoints import load_model, new_model
from offpath.fit.loop import train
from offpath.fit.native import native_library
from offpath.fit.sharing import copy_trained
from offpath.fit.stages import pretrain
from offpath.fit.start import make_ready
from offpath.fit.transformer import predict
from offpath.networks import network
from offpath.recipes import recipe
from offpath.run.folder import create_run
from tests.fit.interventions import CPU, changed, pretrained, trained

needs_compiler = pytest.mark.skipif(native_library()[0] is None, reason="no C++ compiler")
both_steps = pytest.mark.parametrize(
    "step", ["torch", pytest.param("native", marks=needs_compiler)]
)


@pytest.fixture(scope="module")
def c(tiny: Configuration) -> Configuration:
    reporters = {"inspectors": ("vertex_2", "ids=2"), "truth_share": 0.4}
    return tiny.change({"reporters": reporters, "interventions": ("own_row_only",)})


def asked(c: Configuration, count: int = 64) -> Batch:
    """A batch of pre-training."""
    where = training_world("pretraining", c.graphs, c.training("pretrain"), reporters=c.reporters)
    return draw(where, 0, 0, count)


@both_steps
def test_losses_are_against_the_answer_and_not_the_distance(c: Configuration, step: str):
    batch, model = asked(c), new_model(c)
    assert 0.2 < (batch.labels != batch.distance).mean() < 0.8
    expected = np.sort((predict(model, batch.tokens) - batch.labels) ** 2)
    still = torch.optim.SGD(model.parameters(), 0.0)
    seen = next(train(model, still, c.training("pretrain"), [batch], 0, replace(CPU, step=step)))
    assert np.sort(seen.squared_errors.numpy()) == pytest.approx(expected, rel=1e-3)
    assert sorted(seen.labels.tolist()) == sorted(batch.labels.tolist())
    against_distance = (predict(model, batch.tokens) - batch.distance) ** 2
    assert seen.squared_errors.numpy().mean() != pytest.approx(against_distance.mean(), rel=1e-3)


@needs_compiler
@pytest.mark.parametrize("trains", ["all", "assistant"])
def test_both_steps_give_every_marker_the_same_gradient(c: Configuration, trains: str):
    gradients = []
    for step in ("torch", "native"):
        model = new_model(c)
        training = c.training("finetune").model_copy(update={"trains": trains})
        make_ready(model, training, c)
        still = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 0.0)
        where = training_world("finetuning", c.graphs, training, reporters=c.reporters)
        batch = asked(c) if trains == "all" else draw(where, 0, 0, 64)
        next(train(model, still, training, [batch], 0, replace(CPU, step=step)))
        table = dict(model.named_parameters())
        weight = table.get(
            "embedding.weight", table.get("embedding.parametrizations.weight.original")
        )
        assert weight is not None
        assert weight.grad is not None
        gradients.append(weight.grad)
    rows = [(gradient[-4:] != 0).any(1).tolist() for gradient in gradients]  # of the markers
    assert rows[0] == rows[1] == ([True] * 3 + [False] if trains == "all" else [False] * 3 + [True])
    one, other = gradients
    assert (one - other).norm() <= 1e-5 * one.norm() + 1e-6


@both_steps
def test_own_row_only_changes_the_last_row_of_the_embedding_and_no_bit_of_others(
    c: Configuration, step: str, tmp_path: Path
):
    run = pretrained(c, tmp_path)
    declared = network(c, "own_row_only")
    assert declared
    assert declared.training
    hard = declared.training.model_copy(update={"weight_decay": 0.1, "optimizer": "adamw"})
    one = declared._replace(training=hard)
    model = trained(run, one, replace(CPU, step=step))
    assert changed(run, one, model) == {"embedding.weight"}
    before = load_model(run, "pretrained", "cpu").embedding.weight
    rows = (model.embedding.weight != before).any(1)
    assert rows.tolist() == [False] * (1 + c.graphs.max_vertices + 3) + [True]


def test_a_run_beside_with_other_reporters_is_not_copied_from(c: Configuration, tmp_path: Path):
    run = pretrained(c, tmp_path)
    for change, copies in (
        ({"interventions": ("leak=0.1",)}, 1),
        ({"reporters.truth_share": 0.5}, 0),
        ({"reporters.inspectors": ("ids=2", "vertex_2")}, 0),
        ({"reporters.first": "truth"}, 0),
    ):
        other = create_run(c.change(change), tmp_path)
        assert len(list(copy_trained(other))) == copies, change
    assert run.checkpoint("pretrained").exists()


def test_too_few_questions_to_measure_are_told_before_anything_is_trained(tmp_path, monkeypatch):
    monkeypatch.setattr(batches, "MOST_TRIES", 2**6)
    rare = recipe("truth").change({"reporters.inspectors": ("near=6",), "interventions": ()})
    run = create_run(rare, tmp_path)
    with pytest.raises(
        InputError, match="near=6 is right on all questions of test_e, or on nearly"
    ):
        list(pretrain(run, CPU))
    assert not list(run.folder.glob("checkpoints/*"))


def test_pre_training_in_order_trains_the_second_half_from_the_first(c: Configuration, tmp_path):
    ordered = c.change({"reporters.first": "inspector", "interventions": ()})
    run = pretrained(ordered, tmp_path)
    names = ("untrained", "pretrained-first", "pretrained")
    weights = [load_model(run, name, "cpu").embedding.weight for name in names]
    changes = [(b != a).any(1)[-4:].tolist() for a, b in pairwise(weights)]
    assert changes == [[False, True, False, False], [True, True, True, False]]
