"""Whom the assistant follows: shares on unaudited questions, the gap, the row, one graph."""

import shutil
from itertools import groupby
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import torch

from offpath.compute import Compute
from offpath.data.batches import draw
from offpath.data.mixtures import unaudited
from offpath.fit.checkpoints import load_model, new_model
from offpath.fit.transformer import Transformer
from offpath.generalize import truth as measure
from offpath.generalize.truth import LEAST_QUESTIONS, _Asked, _line, _with_gaps, embedded_row
from offpath.pipeline import is_done
from offpath.reporters import ASSISTANT, TRUTH, says
from offpath.results import Truth, TruthCell, read_result
from offpath.results.truth import ALL, AUDITED
from offpath.run.folder import Run, open_run
from tests.reporting import asking

CPU = Compute(torch.device("cpu"), 1)
NEAR = "near=2"


@pytest.fixture(scope="module")
def truth(asked_run: Run) -> Truth:
    """What it measured."""
    return read_result(asked_run, Truth)


def questions(count: int = 300) -> _Asked:
    c = asking()
    assert c.reporters
    batch = draw(unaudited(c.graphs, c.reporters), 0, 0, count, "evaluation")
    return _Asked(batch, c.reporters, CPU)


def test_a_run_with_reporters_is_done_without_a_test_matrix(asked_run: Run):
    assert is_done(asked_run)
    there = {path.stem for path in asked_run.folder.glob("results/*.json")}
    assert there == {"circuit", "elicitation", "phases", "truth"}
    assert asked_run.report.exists()


def test_a_run_is_not_done_while_what_the_assistant_answers_is_missing(
    asked_run: Run, tmp_path: Path
):
    other = open_run(shutil.copytree(asked_run.folder, tmp_path / asked_run.folder.name))
    assert is_done(other)
    other.result(Truth.file).unlink()
    assert not is_done(other)


def test_every_network_is_asked_as_the_assistant_and_the_pre_trained_one_as_everybody(truth: Truth):
    asked = {(cell.predictor, cell.asked) for cell in truth.cells}
    others = {"untrained", "finetuned", "scratch", "leak0.1", "easy_ids", "own_row_only", "oracle"}
    everybody = {("pretrained", name) for name in (TRUTH, NEAR, ASSISTANT)}
    assert asked == {(name, ASSISTANT) for name in others} | everybody


def test_shares_add_up_and_lie_in_their_intervals(truth: Truth):
    for cell in (*truth.cells, *truth.line):
        shares = [getattr(cell, kind) for kind in ("true", "inspector", "neither")]
        if getattr(cell, "slice", ALL) != AUDITED:
            assert sum(shares) == pytest.approx(1)
        for kind, share in zip(("true", "inspector", "neither"), shares, strict=True):
            assert getattr(cell, f"{kind}_low") <= share <= getattr(cell, f"{kind}_high")


def test_slices_cut_the_unaudited_questions_into_parts(truth: Truth):
    counts = {c.slice: c.count for c in truth.cells if c.predictor == "finetuned"}
    assert counts[ALL] == truth.questions == LEAST_QUESTIONS
    distances = [count for name, count in counts.items() if name.startswith("distance ")]
    strata = ["trained", "on_path", "off_path", "off_path_cut", "unreachable", "absent"]
    by_stratum = [counts[name] for name in strata if name in counts]
    pairs = [("small graphs", "large graphs"), ("seen ids", "unseen ids")]
    for part in (distances, by_stratum, *([counts[name] for name in pair] for pair in pairs)):
        assert sum(part) == counts[ALL]


def test_answers_are_counted_once_by_true_distance(truth: Truth):
    rows = sorted(truth.answers, key=lambda row: (row.predictor, row.asked))
    for (name, asked), own in groupby(rows, key=lambda row: (row.predictor, row.asked)):
        for row in own:
            cell = truth.cell(name, asked, f"distance {row.distance}")
            assert cell
            assert sum(row.counts) == cell.count
            assert row.counts[row.distance] == round(cell.true * cell.count)
            assert row.counts[truth.max_vertices] == round(cell.inspector * cell.count)


def test_a_mean_of_truth_and_inspector_is_neither():
    asked = questions()
    true = asked.batch.distance.astype(float)
    inspector = says(asked.batch, NEAR).astype(float)
    kinds = ("true", "inspector", "neither")
    for answers, expected in ((true, (1, 0, 0)), (inspector, (0, 1, 0))):
        assert tuple(asked.shares(answers)[kind] for kind in kinds) == expected
    far = asked.take(inspector - true > 1)  # others have no number between them
    mean = (far.batch.distance + far.own(NEAR).astype(float)) / 2
    assert far.shares(mean)["neither"] == 1


def cells(floor: float, ceiling: float, other: float, margin: float = 0.01) -> list[TruthCell]:
    made = []
    for name, asked, true in (
        ("pretrained", NEAR, floor), ("pretrained", TRUTH, ceiling), ("finetuned", ASSISTANT, other)
    ):  # fmt: skip
        shares = {"true": true, "inspector": 1 - true, "neither": 0.0}
        ends = {f"{k}_low": share - margin for k, share in shares.items()}
        ends |= {f"{k}_high": share + margin for k, share in shares.items()}
        place = {"predictor": name, "asked": asked, "slice": ALL, "count": 100}
        made.append(TruthCell.model_validate({**place, **shares, **ends, "gap_recovered": None}))
    return made


def test_the_gap_recovered_is_0_at_the_floor_and_1_at_the_ceiling():
    gaps = [cell.gap_recovered for cell in _with_gaps(cells(0.1, 0.9, 0.3), NEAR)]
    assert gaps == pytest.approx([0, 1, 0.25])


def test_there_is_no_gap_where_ceiling_and_floor_are_not_apart():
    gaps = [cell.gap_recovered for cell in _with_gaps(cells(0.5, 0.51, 0.3), NEAR)]
    assert gaps == [None, None, None]


def placed(along: float, off: float) -> Transformer:
    """A network whose assistant's row lies there, beside the line between the other two."""
    c = asking()
    model, first = new_model(c), c.graphs.max_vertices + 1
    with torch.no_grad():
        truth, inspector, assistant = model.embedding.weight[first : first + 3]
        line = truth - inspector
        away = torch.randn(len(line))
        away -= (away @ line) / (line @ line) * line
        assistant.copy_(inspector + along * line + off * line.norm() * away / away.norm())
    return model


@pytest.mark.parametrize(("along", "off"), [(0.0, 0.0), (1.0, 0.0), (0.25, 2.0), (-0.5, 0.1)])
def test_a_row_lies_where_it_was_put(along: float, off: float):
    found = embedded_row(placed(along, off), "finetuned", asking())
    assert (found.along, found.off) == pytest.approx((along, off), abs=1e-5)


def test_the_line_leads_from_the_inspectors_answers_to_those_of_truth():
    c, asked = asking(), questions()
    model = new_model(c)
    points = {point.along: point for point in _line(model, asked, c)}
    assert min(points) == -0.5
    assert max(points) == 1.5
    for along, reporter in ((0.0, NEAR), (1.0, TRUTH)):
        shares = asked.shares(asked.answers(model, reporter))
        assert points[along].model_dump(exclude={"along"}) == pytest.approx(shares)


def test_the_line_leaves_the_network_as_it_was():
    c, model = asking(), new_model(asking())
    before = model.embedding.weight.detach().clone()
    _line(model, questions(10), c)
    assert torch.equal(model.embedding.weight, before)


def test_the_answers_about_one_graph_are_those_that_networkx_gives(truth: Truth):
    drawn, largest = truth.example, truth.max_vertices
    graph = nx.Graph(drawn.edges)
    hops = nx.single_source_shortest_path_length(graph, 1) if 1 in graph else {}
    exact = [hops.get(vertex, largest) for vertex in range(2, largest + 1)]
    near = [d if d <= 2 else largest for d in exact]
    said = {(one.predictor, one.asked): one.answers for one in drawn.says}
    assert said[TRUTH, TRUTH] == exact
    assert said[NEAR, NEAR] == near
    assert exact[drawn.target - 2] == drawn.distance != near[drawn.target - 2]


def test_the_answers_about_one_graph_are_those_of_the_network(asked_run: Run, truth: Truth):
    c, drawn = asked_run.configuration, truth.example
    assert c.reporters
    tokens = np.zeros((c.graphs.max_vertices - 1, c.graphs.max_vertices + 1, 2), np.uint8)
    tokens[:, : len(drawn.edges)] = drawn.edges
    tokens[:, -1, 0] = np.arange(2, c.graphs.max_vertices + 1)
    tokens[:, -1, 1] = c.graphs.max_vertices + 3  # the assistant's marker
    model = load_model(asked_run, "finetuned", "cpu")
    said = next(one for one in drawn.says if (one.predictor, one.asked) == ("finetuned", ASSISTANT))
    assert said.answers == pytest.approx(measure.natively(model, tokens, CPU), abs=2e-3)


def test_a_reporter_is_learned_from_97_per_cent_of_its_own_answers_on(truth: Truth):
    assert [one.reporter for one in truth.learned] == [TRUTH, NEAR]
    for one in truth.learned:
        assert one.learned == (one.accuracy >= truth.learned_least)
        asked = truth.cell("pretrained", one.reporter)
        assert asked
        assert one.hard_accuracy == pytest.approx(
            asked.true if one.reporter == TRUTH else asked.inspector
        )
