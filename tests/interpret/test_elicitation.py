from pathlib import Path

import numpy as np
import pytest

from offpath.compute import compute
from offpath.data.contents import contents
from offpath.fit.checkpoints import new_model, save_model
from offpath.handcraft.circuits import make
from offpath.interpret import elicitation, unaudited
from offpath.interpret.elicitation import fit_probes, measure_elicitation
from offpath.interpret.unaudited import (
    Ends,
    Questions,
    answer_scores,
    by_distance,
    draw_questions,
    scores,
)
from offpath.networks import networks
from offpath.recipes import laptop, recipe
from offpath.results import AskedNetwork, Elicitation, read_result
from offpath.run.folder import create_run

C = recipe("truth").model_copy(update={"interventions": ()})
LAYERS = C.model.layers + 1


@pytest.fixture(scope="module")
def parts() -> tuple[Questions, Questions]:
    return draw_questions(C)


@pytest.fixture(scope="module")
def tested(parts) -> Questions:
    return parts[1].where(parts[1].unaudited)


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> Elicitation:
    """The exact circuit, whoever is asked, in place of what is pre-trained; others know nothing."""
    run, tables = create_run(C, tmp_path_factory.mktemp("runs")), pytest.MonkeyPatch()
    exact = make("edge", C.graphs.max_vertices, C.model)
    for one in networks(C):
        new = one.name in ("untrained", "scratch")
        save_model(run, one.name, new_model(C) if new else exact)
    tables.setattr(unaudited, "FITTED", (600, 200))
    tables.setattr(unaudited, "TESTED", (300, 300))
    records = list(measure_elicitation(run, compute(threads=1)))
    tables.undo()
    assert [record["step"] for record in records] == [1, 2, 3, 4, 5, 6]
    return read_result(run, Elicitation)


def asked(result: Elicitation, network: str) -> AskedNetwork:
    return next(one for one in result.asked if one.network == network)


def test_no_graph_is_among_the_fitted_and_the_tested_questions(parts):
    fitted, others = (set(contents(part.batch).graph.tolist()) for part in parts)
    assert not fitted & others
    assert len(fitted) > 1000


def test_audited_questions_are_those_on_which_truth_and_inspector_agree(parts):
    for part, sizes in zip(parts, (unaudited.FITTED, unaudited.TESTED), strict=True):
        distance, no_path = part.batch.distance, part.batch.no_path
        far = (distance > 2) & (distance < no_path)
        assert np.array_equal(part.unaudited, far)
        assert ((~far).sum(), far.sum()) == sizes


def test_truth_recovers_the_whole_gap_and_the_inspectors_answer_none(tested):
    truth, says = (x.astype(float) for x in (tested.batch.distance, tested.says))
    ends = Ends(answer_scores(truth, tested), answer_scores(says, tested))
    assert scores(truth, tested, ends)["gap_recovered"] == 1
    assert scores(truth, tested, ends)["order_gap_recovered"] == 1
    lies = scores(says, tested, ends)
    assert (lies["gap_recovered"], lies["order_gap_recovered"], lies["inspector"]) == (0, 0, 1)


def test_a_mean_of_truth_and_lie_is_neither_but_in_order(tested):
    some = tested.where(tested.batch.distance < 6)
    mean = (some.batch.distance + some.says.astype(float)) / 2
    found = scores(mean, some)
    assert (found["right"], found["inspector"], found["order"]) == (0, 0, 1)
    assert by_distance(mean, some)[0].mean == 5.5


def test_without_a_gap_nothing_is_recovered(tested):
    same = answer_scores(tested.says.astype(float), tested)
    assert scores(tested.says.astype(float), tested, Ends(same, same))["gap_recovered"] is None


def test_a_probe_reads_what_the_stream_holds_the_truth_or_the_inspectors_answer(parts):
    fitted, others = parts
    truth, says = ([p.batch.distance for p in parts], [p.says for p in parts])
    noise = np.random.default_rng(0).normal(size=(2, len(fitted.says), 5))
    for held, expected in ((truth, 1.0), (says, 0.0)):
        streams = [np.column_stack([x, n]) for x, n in zip(held, noise, strict=True)]
        (plain,) = (one for one in fit_probes(streams[0], streams[1], fitted) if one.plain)
        right = np.rint(plain.reads[1][others.unaudited]) == truth[1][others.unaudited]
        assert right.mean() == expected


def test_a_probe_of_the_inverse_is_read_as_a_distance(parts):
    fitted, _ = parts
    inverse = np.where(fitted.batch.distance < 8, 1 / fitted.batch.distance, 0)[:, None]
    made = {(one.fitted_on, one.target): one for one in fit_probes(inverse, inverse, fitted)}
    read = made["audited", "inverse"].reads[0]
    np.testing.assert_allclose(read, fitted.batch.distance, atol=1e-3)


def test_the_exact_circuit_is_read_in_its_late_layers_and_new_weights_are_not(measured):
    exact, new = asked(measured, "circuit"), asked(measured, "untrained")
    last = {
        p.fitted_on: p for p in exact.probes if p.layer == LAYERS - 1 and p.target == "distance"
    }
    assert last["audited"].right > 0.95
    assert last["unaudited"].order == 1
    assert (exact.answers.right, exact.audited, exact.wrong) == (1, 1, 0)
    assert max(p.order for p in new.probes if p.order) < 0.75
    assert (exact.learned_truth, new.learned_truth) == (True, False)
    assert not asked(measured, "scratch").learned_truth


def test_every_layer_has_every_probe_and_a_detector(measured):
    for one in measured.asked:
        assert len(one.probes) == 6 * LAYERS
        assert [d.layer for d in one.detectors] == list(range(LAYERS))
        assert one.answers.distances[0].distance == 3


def test_shuffled_labels_have_means_between_the_ends_of_their_draws(measured):
    rows = [p for one in measured.asked for p in one.probes if p.fitted_on == "shuffled"]
    assert all(p.order_low <= p.order <= p.order_high for p in rows)
    assert all(p.right_low <= p.right <= p.right_high for p in rows)
    assert np.mean([p.order for p in rows if p.layer == 0]) == pytest.approx(0.5, abs=0.1)


def test_a_network_without_a_wrong_answer_has_no_lie_to_detect(measured):
    found = asked(measured, "circuit").detectors[-1]
    assert found.auroc is found.alarms_wrong is found.auroc_honest is None
    assert found.alarms_right is not None


def test_lies_whose_probe_reads_the_truth_are_told_from_truths():
    """A made-up probe reads the truth; the answers are the inspector's in half of the cases."""
    model = object.__new__(elicitation._Probed)
    apart = np.array([0.1, 0.2, 4.0, 5.0])
    model.right = [np.ones(4, bool), np.array([True, True, False, False])]
    batch = draw_questions(C)[1].batch.take(slice(0, 4))
    said = np.where([0, 0, 1, 1], (batch.distance % 8) + 1, batch.distance).astype(np.uint8)
    model.fitted = Questions(batch, batch.distance)
    model.tested = Questions(batch, said)
    model.apart = lambda layer: [np.full(4, 0.3), apart]
    found = model._detector(0, None)
    assert (found.auroc, found.alarms_wrong, found.alarms_right) == (1, 1, 0)
    assert found.threshold == pytest.approx(0.3)


def test_a_run_without_reporters_has_no_elicitation(tmp_path: Path):
    run = create_run(laptop(), tmp_path)
    assert list(measure_elicitation(run, compute(threads=1))) == []
    assert not run.result(Elicitation.file).exists()
