from collections import Counter

import numpy as np
import pytest
import torch

from offpath.compute import Compute
from offpath.data.batches import frozen
from offpath.data.label_distribution import label_distribution
from offpath.data.worlds import world, worlds
from offpath.fit.checkpoints import load_model, new_model, save_model
from offpath.fit.transformer import predict
from offpath.generalize.baselines import rules
from offpath.generalize.matrix import BIN_WIDTH, measure_matrix
from offpath.networks import networks
from offpath.recipes import smoke
from offpath.results import Labels, Matrix, Overlap, Predictions, Study, read_result
from offpath.run.folder import Run, create_run

CPU = Compute(torch.device("cpu"), 1)
CHECKPOINTS = [network.name for network in networks(smoke())]


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> Run:
    """A run whose checkpoints answer differently, measured."""
    c = smoke()
    c = c.model_copy(update={"evaluate": c.evaluate.model_copy(update={"examples": 300})})
    run = create_run(c, tmp_path_factory.mktemp("runs"))
    for number, name in enumerate(CHECKPOINTS):
        model = new_model(c)
        with torch.no_grad():
            model.readout.weight.mul_(number + 1)
            model.readout.bias.fill_(number)
        save_model(run, name, model)
    assert [r["world"] for r in measure_matrix(run, CPU)] == list(worlds(c.graphs))
    return run


@pytest.mark.parametrize("name", ["pretraining", "test_e"])
@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
def test_each_cell_and_histogram_is_that_of_its_checkpoint_and_distribution(
    measured: Run, checkpoint: str, name: str
):
    batch, digest = frozen(world(name, measured.configuration.graphs), 0, 300)
    answers = predict(load_model(measured, checkpoint, CPU.device), batch.tokens)
    matrix, predictions = read_result(measured, Matrix), read_result(measured, Predictions)
    pooled = matrix.cell(checkpoint, name)
    assert pooled is not None
    assert pooled.mse == pytest.approx(((answers - batch.distance) ** 2).mean(), rel=1e-5)
    assert pooled.count == 300
    assert digest in [w.sha256 for w in matrix.worlds if w.world == name]
    (histogram,) = (c for c in predictions.cells if (c.predictor, c.world) == (checkpoint, name))
    counted = Counter()
    for label, answer in zip(batch.distance.tolist(), answers.tolist(), strict=True):
        inside = min(max(answer, predictions.lowest), predictions.highest - 1e-6)
        counted[label, int((inside - predictions.lowest) // BIN_WIDTH)] += 1
    assert {(label, b): count for label, b, count in histogram.counts} == counted


def test_labels_are_counted_beside_their_exact_probabilities(measured: Run):
    for entry in read_result(measured, Labels).worlds:
        a_world = world(entry.world, measured.configuration.graphs)
        batch, _ = frozen(a_world, 0, 300)
        exact = label_distribution(a_world)
        for row in entry.labels:
            assert row.count == np.sum(batch.distance == row.label)
            assert row.exact == (pytest.approx(float(exact[row.label])) if exact else None)
        assert sum(entry.strata.values()) == 300


def test_the_rows_are_the_networks_of_the_run_and_the_rules(measured: Run):
    rows = read_result(measured, Matrix).predictors
    assert [row.predictor for row in rows] == [*CHECKPOINTS, *rules(finetuned=True)]
    assert read_result(measured, Study).quantities


def test_the_overlap_is_measured_for_each_evaluation_set_and_training_set(measured: Run):
    rows = read_result(measured, Overlap).rows
    known = worlds(measured.configuration.graphs)
    assert {(r.world, r.training_world) for r in rows} == {
        (name, trained) for name in known for trained in ("pretraining", "finetuning")
    }


def test_networks_are_set_beside_rules_and_recalibrated(measured: Run):
    matrix = read_result(measured, Matrix)
    found = matrix.cell("finetuned", "test_e")
    assert found is not None
    assert None not in (found.best_rule, found.recalibrated, found.balanced, found.auroc)
    assert found.best_rule in [row.predictor for row in matrix.predictors if row.trivial]
