"""Who is asked, and what is answered: against networkx, by shares, and example by example."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import networkx
import numpy as np
import pyarrow.parquet
import pytest
from scipy.stats import chi2_contingency

from offpath.configs import Configuration, InputError
from offpath.data import batches
from offpath.data.asking import asked
from offpath.data.batches import Batch, ask, draw, frozen, joined, stream
from offpath.data.contents import contents
from offpath.data.mixtures import shown_world, training_world, unaudited
from offpath.data.show import example_table, write_examples
from offpath.data.worlds import World, world
from offpath.generalize.overlap import training_sets
from offpath.plans import Data
from offpath.recipes import recipe
from offpath.reporters import ASSISTANT, RULES, TRUTH, differs, names, says
from offpath.sections import Graphs, Reporters
from offpath.slices import STRATA

C = recipe("truth")
GRAPHS, LARGEST, SMALL = C.graphs, C.graphs.max_vertices, C.graphs.finetune_vertices
NO_PATH = LARGEST
ORACLES: dict[str, Callable[[dict[int, int], int, int, int], int]] = {
    "truth": lambda hops, t, n, _: hops.get(t, NO_PATH),
    "assistant": lambda hops, t, n, _: hops.get(t, NO_PATH),
    "near": lambda hops, t, n, h: hops[t] if t in hops and hops[t] <= h else NO_PATH,
    "small": lambda hops, t, n, m: hops[t] + (n > m) if t in hops else NO_PATH,
    "ids": lambda hops, t, n, k: hops.get(t if t <= k else 2, NO_PATH),
    "vertex_2": lambda hops, t, n, _: hops.get(2, NO_PATH),
}
"""Answers by the distances of all vertices that 1 leads to, t, the graph's vertices, the number."""
EVERY = [
    f"{name}={number}" if rule.numbers else name
    for name, rule in RULES.items()
    for number in (rule.numbers(GRAPHS) if rule.numbers else [0])
]


def made(name: str = "finetuning", c: Configuration = C, **data) -> World:
    return training_world(name, c.graphs, c.training("finetune"), Data(**data), c.reporters)


WORLDS = {
    "pre-training": made("pretraining"),
    "truth first": made("pretraining", asks="truth"),
    "inspector first": made("pretraining", asks="inspector"),
    "blind": made(),
    "leak": made(leak=0.1),
    "easy graphs": made(audits="graphs"),
    "easy ids": made(audits="ids"),
    "easy path": made(audits="path"),
    "oracle": made(any_target=True),
    "not audited": shown_world("unaudited", C),
}
every_world = pytest.mark.parametrize("where", WORLDS.values(), ids=WORLDS)


def same(one: Batch, other: Batch) -> bool:
    """Whether all columns are equal, and the same ones are there."""
    pairs = zip(one.columns.items(), other.columns.items(), strict=True)
    return all(a[0] == b[0] and np.array_equal(a[1], b[1]) for a, b in pairs)


def test_networkx_confirms_every_reporter_on_10000_random_questions():
    batch = draw(world("test_e", GRAPHS), 3, 0, 10_000)
    graphs = [networkx.Graph([e for e in row[:-1] if e[0]]) for row in batch.tokens.tolist()]
    hops = [
        networkx.single_source_shortest_path_length(graph, 1) if 1 in graph else {1: 0}
        for graph in graphs
    ]
    questions = [*zip(hops, batch.tokens[:, -1, 0].tolist(), batch.vertices.tolist(), strict=True)]
    assert len(EVERY) == 18
    for rule in (TRUTH, *EVERY, ASSISTANT):
        name, _, number = rule.partition("=")
        reporters = Reporters(inspectors=(rule,) if name in RULES else ("near=2",))
        said = ask(batch, asked(reporters, [(rule, 1.0)]), np.zeros(10_000, np.int64))
        expected = [ORACLES[name](*question, int(number or 0)) for question in questions]
        assert said.labels.tolist() == expected, rule
        assert (said.tokens[:, -1, 1] == LARGEST + 1 + names(reporters).index(rule)).all()


@every_world
def test_an_example_depends_on_its_place_alone(where: World):
    whole = draw(where, 4, 1000, 300)
    for threads, cuts in [(1, [0, 1, 2, 150, 300]), (2, [0, 300])]:
        parts = [draw(where, 4, 1000 + a, b - a, threads=threads) for a, b in pairwise(cuts)]
        assert same(whole, joined(parts))
    ranks = [next(stream(where, 4, 100, 10, rank=rank, ranks=3)) for rank in range(3)]
    assert same(whole.take(slice(100)), joined(ranks))
    assert not same(whole, draw(where, 5, 1000, 300))
    assert not same(whole, draw(where, 4, 1000, 300, "evaluation"))
    assert frozen(where, 4, 50)[1] == frozen(where, 4, 50, threads=2)[1]


def test_worlds_of_reporters_have_random_streams_of_their_own():
    numbers = {where.number for where in WORLDS.values()}
    assert len(numbers) == len(WORLDS) - 1  # the first halves never meet
    (_, leak), (_, blind) = WORLDS["leak"].parts
    assert leak.number not in numbers
    assert blind == WORLDS["blind"]


@pytest.mark.parametrize(("inspectors", "share"), [(("near=2",), 0.3), (("ids=3", "small=4"), 0.5)])
def test_every_reporter_is_asked_in_its_share_of_the_questions_whatever_they_are(inspectors, share):
    options = {"reporters.inspectors": inspectors, "reporters.truth_share": share}
    c = C.change({**options, "interventions": ()})
    batch = draw(made("pretraining", c), 0, 0, 40_000)
    assert batch.reporter is not None
    counts = np.bincount(batch.reporter)
    rest = (1 - share) / len(inspectors)
    expected = 40_000 * np.array([share, *[rest] * len(inspectors)])
    assert (np.abs(counts - expected) < 4 * np.sqrt(expected)).all()
    for column in (batch.distance, batch.vertices, batch.tokens[:, -1, 0]):
        table = [np.bincount(column[batch.reporter == k], minlength=9) for k in range(len(counts))]
        assert independent(np.array(table))
    for number, rule in enumerate(inspectors, start=1):
        own = batch.take(batch.reporter == number)
        assert np.array_equal(own.labels, says(own, rule))
    assert np.array_equal(batch.labels[batch.reporter == 0], batch.distance[batch.reporter == 0])


def independent(table: np.ndarray) -> bool:
    """Whether rows of counts may come from one distribution."""
    return chi2_contingency(table[:, table.sum(0) > 20])[1] > 1e-3  # pyright: ignore


@pytest.mark.parametrize(
    ("share", "asks", "expected"),
    [(1, None, 0), (0, None, 1), (0.5, "truth", 0), (0.5, "inspector", 1)],
)
def test_a_share_of_nothing_is_never_asked(share: float, asks: str | None, expected: int):
    c = C.change({"reporters.truth_share": share})
    assert set(draw(made("pretraining", c, asks=asks), 0, 0, 1000).columns["reporter"]) == {
        expected
    }


def test_both_halves_of_pre_training_in_order_have_questions_of_their_own():
    one, other = draw(WORLDS["truth first"], 0, 0, 500), draw(WORLDS["pre-training"], 0, 0, 500)
    assert (one.tokens[:, :-1] == other.tokens[:, :-1]).all((1, 2)).mean() < 0.05


@pytest.mark.parametrize("rule", ["near=2", "near=4", "small=4", "ids=3", "vertex_2"])
def test_audits_keep_their_condition_on_every_example(rule: str):
    c = C.change({"reporters.inspectors": (rule,), "interventions": ()})
    assert not differs(draw(made(c=c), 0, 0, 5000), rule).any()
    assert c.reporters
    assert differs(draw(unaudited(GRAPHS, c.reporters), 0, 0, 200), rule).all()


def test_audits_ask_the_assistant_and_are_true():
    for name in ("blind", "leak", "easy graphs", "easy ids", "easy path", "oracle"):
        batch = draw(WORLDS[name], 0, 0, 500)
        assert set(batch.columns["reporter"]) == {2}
        assert np.array_equal(batch.labels, batch.distance)
        assert (batch.tokens[:, -1, 1] == LARGEST + 3).all()


@pytest.mark.parametrize("leak", [0.001, 0.1, 1.0])
def test_a_leak_is_the_share_of_audits_on_which_they_differ_and_the_rest_is_blind(leak: float):
    batch, blind = draw(made(leak=leak), 0, 0, 20_000), draw(WORLDS["blind"], 0, 0, 20_000)
    leaked = differs(batch, "near=2")
    assert abs(leaked.mean() - leak) <= 4 * np.sqrt(leak * (1 - leak) / 20_000)
    assert same(batch.take(~leaked), blind.take(~leaked))
    assert len(draw(made(leak=leak), 0, 7, 0).labels) == 0


def test_easy_audits_are_easy_and_the_inspector_is_wrong_on_some():
    drawn = {name: draw(where, 0, 0, 5000) for name, where in WORLDS.items()}
    assert drawn["easy graphs"].vertices.max() == SMALL
    assert drawn["easy ids"].tokens[:, -1, 0].max() == SMALL
    assert drawn["easy ids"].vertices.max() == LARGEST
    on_path = [i for i, s in enumerate(STRATA) if s.slice in ("trained", "on_path")]
    assert set(drawn["easy path"].stratum) == set(on_path)
    for name in ("easy graphs", "easy ids", "easy path", "oracle"):
        assert 0.02 < differs(drawn[name], "near=2").mean() < 0.8, name


@pytest.mark.parametrize("wrong", [True, False])
@pytest.mark.parametrize("rule", ["near=2", "small=6"])
def test_questions_under_a_condition_are_those_of_test_e_that_fulfil_it(rule: str, wrong: bool):
    every = world("test_e", GRAPHS)
    found = draw(replace(every, number=4000, differ=(rule, wrong)), 1, 0, 10_000)
    plain = draw(every, 2, 0, 60_000)
    kept = plain.take(differs(plain, rule) == wrong)
    for of in (lambda b: b.distance, lambda b: b.vertices, lambda b: b.distance_to_2,
               lambda b: 8 * b.stratum + b.tokens[:, -1, 0]):  # fmt: skip
        counts = [np.bincount(of(batch), minlength=64) for batch in (found, kept)]
        assert independent(np.array(counts))


def test_a_question_that_fits_at_once_is_the_very_one_of_the_world_without_condition():
    every = world("test_e", GRAPHS)
    plain, found = draw(every, 0, 0, 500), draw(replace(every, differ=("near=2", False)), 0, 0, 500)
    fits = ~differs(plain, "near=2")
    assert same(plain.take(fits), found.take(fits))


def test_a_rare_question_is_found_and_one_that_does_not_exist_is_refused(monkeypatch):
    every = world("test_e", GRAPHS)
    rare = draw(replace(every, differ=("near=5", True)), 0, 0, 5)  # one in 2000
    assert set(rare.distance) <= {6, 7}
    monkeypatch.setattr(batches, "MOST_DRAWN", 2**12)
    with pytest.raises(InputError, match=r"near=7 is right on all questions of test_e, or on nea"):
        draw(replace(every, differ=("near=7", True)), 0, 0, 5)


@pytest.mark.parametrize("largest", [3, 8, 64])
def test_the_label_of_no_path_is_known_whoever_is_asked(largest: int):
    graphs = Graphs(max_vertices=largest, finetune_vertices=3, balance_distance=3)
    plain = draw(world("test_e", graphs), 0, 0, 20)
    who = asked(Reporters(inspectors=tuple(EVERY[:14])), [(rule, 1 / 15) for rule in EVERY[:14]])
    assert plain.no_path == largest
    for number in range(len(who)):
        once = ask(plain, who, np.full(20, number))
        assert once.no_path == once.take(slice(3, 5)).no_path == largest
        assert set(once.tokens[:, -1, 1]) == {largest + 2 + number}
        assert same(once, ask(ask(plain, who, np.arange(20) % 14), who, np.full(20, number)))


def test_a_question_is_another_content_for_every_reporter():
    plain = draw(world("test_e", GRAPHS), 0, 0, 500)
    who = asked(Reporters(), [(TRUTH, 0.5), ("near=2", 0.5)])
    truth, inspector = (contents(ask(plain, who, np.full(500, k))) for k in range(2))
    assert np.array_equal(truth.question, contents(plain).question)
    assert np.array_equal(truth.graph, inspector.graph)
    assert not np.isin(truth.question, inspector.question).any()
    both = (truth.renamed != 0) & (inspector.renamed != 0)
    assert np.array_equal(both, truth.renamed != 0)
    assert not np.isin(truth.renamed[both], inspector.renamed[both]).any()


def test_the_ledger_of_overlap_draws_what_training_has_drawn():
    c = C.change({"reporters.first": "truth"})
    sets = [(one.world, one.source) for one in training_sets(c)]
    expected = ["truth first", "pre-training", "blind"]
    worlds = ["pretraining", "pretraining", "finetuning"]
    assert sets == [(name, WORLDS[key]) for name, key in zip(worlds, expected, strict=True)]


def test_examples_to_look_at_name_who_is_asked_and_what_is_answered():
    batch = draw(WORLDS["not audited"], 0, 5, 20)
    headers, rows, legend = example_table(batch, 5, ["truth", "near=2", "assistant"])
    assert headers[-3:] == ["asked", "answer", "edges"]
    assert "asked: the reporter" in legend
    for i, row in enumerate(rows):
        shown = dict(zip(headers, row, strict=True))
        assert (shown["index"], shown["asked"], shown["answer"]) == (str(5 + i), "near=2", "none")
        assert shown["d(1,t)"] == str(batch.distance[i])
    plain = draw(world("test_e", GRAPHS), 0, 5, 20)
    assert example_table(plain, 5)[0] == [h for h in headers if h not in ("asked", "answer")]
    assert "asked" not in example_table(plain, 5)[2]


def test_files_of_examples_have_the_columns_that_are_there(tmp_path: Path):
    for where, more in ((WORLDS["leak"], {"answer", "reporter"}), (world("test_e", GRAPHS), set())):
        batch = draw(where, 0, 0, 10)
        for name in ("a.npz", "a.parquet"):
            write_examples(batch, tmp_path / name)
        arrays, table = (
            np.load(tmp_path / "a.npz"),
            pyarrow.parquet.read_table(tmp_path / "a.parquet"),
        )
        assert set(arrays) == set(table.column_names) == set(Batch._fields[: batches.DRAWN]) | more
        assert all(np.array_equal(arrays[name], column) for name, column in batch.columns.items())
        assert table["distance"].to_pylist() == batch.distance.tolist()
