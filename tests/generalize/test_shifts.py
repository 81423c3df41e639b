"""The measured shift suite: each cell against a slow oracle, and what `words` leave alone."""

from collections.abc import Sequence

import networkx as nx
import pytest
import torch

from offpath.compute import Compute
from offpath.data.batches import Batch, draw, frozen
from offpath.data.invariances import INVARIANCES
from offpath.data.shifts import axes
from offpath.data.worlds import worlds
from offpath.errors import InputError
from offpath.fit.checkpoints import load_model, new_model, save_model
from offpath.fit.transformer import predict
from offpath.generalize.baselines import Known, rules
from offpath.generalize.neighbours import finetuning_questions
from offpath.generalize.shifts import CALIBRATION, hard_questions, measure_shifts
from offpath.handcraft.circuits import set_circuit
from offpath.networks import networks
from offpath.recipes import smoke
from offpath.results import ShiftCell, Shifts, read_result, write_result
from offpath.run.folder import Run, create_run

CPU = Compute(torch.device("cpu"), 1)
EXAMPLES = 128
SIZES = {"max_vertices": 7, "finetune_vertices": 5, "balance_distance": 5}
C = smoke().change({f"graphs.{name}": value for name, value in SIZES.items()})


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run whose checkpoints answer differently, with the suite measured."""
    run = create_run(C, tmp_path_factory.mktemp("runs"))
    for number, one in enumerate(networks(C)):
        model = new_model(C)
        with torch.no_grad():
            model.readout.weight.mul_(3.0)
            model.readout.bias.fill_(number)
        save_model(run, one.name, model)
    run.checkpoint("circuit").unlink()
    set_circuit(run)
    titles = [record["world"] for record in measure_shifts(run, CPU)]
    assert titles == [axis.title for axis in axes(C.graphs).values()]
    return run


@pytest.fixture
def suite(measured: Run) -> Shifts:
    return read_result(measured, Shifts)


def cell(suite: Shifts, level: str, predictor: str) -> ShiftCell:
    every = [one for axis in suite.axes for one in axis.cells]
    (found,) = (one for one in every if (one.level, one.predictor) == (level, predictor))
    return found


def evaluation_set(level: str) -> Batch:
    axis, _, name = level.partition("/")
    (found,) = (one for one in axes(C.graphs)[axis].levels if one.name == name)
    return frozen(found.world, C.evaluate.seed, EXAMPLES)[0]


def slow_hard(tokens: Sequence[Sequence[int]], no_path: int) -> bool:
    """Whether a question is hard, by networkx."""
    *edges, (target, _) = tokens
    graph = nx.Graph([(a, b) for a, b in edges if a])
    graph.add_nodes_from([1, 2, target])
    hops = nx.single_source_shortest_path_length(graph, 1)
    distance, to_2 = hops.get(target, no_path), hops.get(2, no_path)
    return distance >= 3 and (target == 2 or distance != to_2)


def test_a_question_is_hard_where_networkx_says_so():
    batch = draw(worlds(C.graphs)["test_e"], 0, 0, 400)
    slow = [slow_hard(tokens, C.graphs.max_vertices) for tokens in batch.tokens.tolist()]
    assert hard_questions(batch).tolist() == slow
    assert 0 < sum(slow) < 400


@pytest.mark.parametrize("level", ["size/5", "stratum/off_path_cut", "target_id/3"])
@pytest.mark.parametrize("predictor", ["finetuned", "circuit"])
def test_a_cell_is_that_of_a_slow_oracle(measured: Run, suite: Shifts, level: str, predictor: str):
    batch, found = evaluation_set(level), cell(suite, level, predictor)
    answers = predict(load_model(measured, predictor, "cpu"), batch.tokens).tolist()
    right = [round(a) == d for a, d in zip(answers, batch.distance.tolist(), strict=True)]
    hard = [slow_hard(tokens, C.graphs.max_vertices) for tokens in batch.tokens.tolist()]
    on_hard = [one for one, is_hard in zip(right, hard, strict=True) if is_hard]
    assert found.every.accuracy == pytest.approx(sum(right) / EXAMPLES)
    assert found.hard
    assert (found.hard.count, len(on_hard)) == (sum(hard), sum(hard))
    assert found.hard.accuracy == pytest.approx(sum(on_hard) / len(on_hard))
    assert found.hard.accuracy_low <= found.hard.accuracy <= found.hard.accuracy_high


def test_the_best_rule_is_the_most_accurate_on_the_same_questions(suite: Shifts):
    level = next(one for one in axes(C.graphs)["size"].levels if one.name == "5")
    batch = evaluation_set("size/5")
    other = draw(level.world, C.evaluate.seed, EXAMPLES, CALIBRATION, "evaluation")
    questions = finetuning_questions(C)
    best = 0.0
    for rule in rules(finetuned=True).values():
        if rule.trivial:
            answers = rule.answers(batch, Known(other, questions)).tolist()
            hits = [round(a) == d for a, d in zip(answers, batch.distance.tolist(), strict=True)]
            best = max(best, sum(hits) / EXAMPLES)
    found = cell(suite, "size/5", "finetuned").every
    assert found.above_rule is not None
    assert found.accuracy - found.above_rule == pytest.approx(best)


def test_the_circuit_is_exact_on_every_level_with_no_more_edges_than_vertices(suite: Shifts):
    worlds = [level.world for axis in axes(C.graphs).values() for level in axis.levels]
    within = [w.name for w in worlds if w.slots == C.graphs.max_vertices + 1]
    assert len(within) > 20
    assert {cell(suite, name, "circuit").every.accuracy for name in within} == {1.0}


def test_a_level_without_hard_questions_says_so(suite: Shifts):
    assert not hard_questions(evaluation_set("distance/2")).any()
    assert cell(suite, "distance/2", "finetuned").hard is None


def test_a_level_of_one_answer_is_beside_the_one_rule_that_is_best_on_its_axis(suite: Shifts):
    (axis,) = (one for one in suite.axes if one.axis == "distance")
    hard = [one.hard for one in axis.cells if one.hard]
    assert {one.rules_fitted_on for one in hard} == {"axis"}
    assert len({one.best_rule for one in hard}) == 1
    of_circuit = [one.hard for one in axis.cells if one.predictor == "circuit" and one.hard]
    assert (
        sum(one.above_rule == 0 for one in of_circuit) == 1
    )  # what the rule says beyond its search
    assert len(of_circuit) == 4


def test_no_rule_is_compared_where_none_can_miss(suite: Shifts):
    alone = [one.hard for axis in suite.axes for one in axis.cells
             if one.hard and one.hard.best_rule is None]  # fmt: skip
    assert alone
    assert all(one.above_rule is None and one.above_rule_low is None for one in alone)


def test_words_measure_what_they_choose_and_leave_the_rest(measured: Run):
    before = read_result(measured, Shifts)
    worse = before.axes[0].cells[0].every.model_copy(update={"accuracy": 0.25})
    cells = [one.model_copy(update={"every": worse}) for one in before.axes[0].cells]
    axis = before.axes[0].model_copy(update={"cells": cells})
    write_result(measured, before.model_copy(update={"axes": [axis, *before.axes[1:]]}))
    list(measure_shifts(measured, CPU, ["size/7", "size/5", "size/5*stratum"]))
    after = read_result(measured, Shifts)
    assert [one.axis for one in after.axes] == [*(one.axis for one in before.axes), "size*stratum"]
    assert [one.level for one in after.axes[0].levels] == ["size/5", "size/6", "size/7"]
    assert cell(after, "size/5", "scratch") == cell(before, "size/5", "scratch")
    assert cell(after, "size/6", "scratch").every.accuracy == 0.25
    assert after.axes[1:-1] == before.axes[1:]
    write_result(measured, before)


def test_levels_that_are_chosen_one_by_one_are_one_axis(measured: Run):
    before = read_result(measured, Shifts)
    measured.result("shifts").unlink()
    list(measure_shifts(measured, CPU, ["size/7", "size/5"]))
    (axis,) = read_result(measured, Shifts).axes
    assert [one.level for one in axis.levels] == ["size/5", "size/7"]
    write_result(measured, before)


def test_an_axis_that_is_not_there_is_named(measured: Run):
    with pytest.raises(InputError, match=r"must be one of size, .*; got 'sise'"):
        list(measure_shifts(measured, CPU, ["sise"]))


def test_every_network_is_asked_in_every_variant(suite: Shifts):
    asked = [(row.predictor, row.variant) for row in suite.invariances]
    names, variants = [one.name for one in networks(C)], INVARIANCES.values()
    assert asked == [(name, variant.title) for name in names for variant in variants]


def test_the_circuit_does_not_move_where_edges_are_not_more_than_vertices(suite: Shifts):
    beyond = INVARIANCES["every_edge_twice"].title
    rows = [row for row in suite.invariances if row.predictor == "circuit"]
    moved = {row.variant: row.largest_change for row in rows if row.variant != beyond}
    assert max(moved.values()) < 0.05, moved
