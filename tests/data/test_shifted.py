"""The exact sampler of the shift suite against counting, enumeration, rejection and networkx."""

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from hashlib import sha256
from itertools import pairwise, product

import networkx
import numpy as np
import pytest
from scipy.stats import chisquare

from offpath.configs import Graphs, InputError
from offpath.data.batches import DRAWN, Batch, Purpose, draw, frozen, joined
from offpath.data.graphs import held_out
from offpath.data.growth import growth, weights
from offpath.data.label_distribution import distance_distribution
from offpath.data.questions import CUT, OFF_PATH, ON_PATH, PAIRS, Question, Shift
from offpath.data.shifts import axes
from offpath.data.worlds import World, world
from offpath.recipes import laptop, paper
from offpath.slices import STRATA
from tests.data.test_worlds import p_value_of_one_distribution, stratum_by_definition

LAPTOP, WWZ24 = laptop().graphs, paper().graphs
SUITE = {level.world.name: level.world for axis in axes(LAPTOP).values() for level in axis.levels}
ONE = Fraction(1)
UNLIKELY = 1e-4


def asking(question: Question, vertices: int, pairs: int, graphs: Graphs = LAPTOP) -> World:
    """The world of one question about random pairs, with any target."""
    ids = tuple(range(3, vertices + 1))
    shift = Shift(PAIRS, vertices, pairs, ((question, ONE),), ids, max(pairs, graphs.max_vertices))
    return replace(world("size/8", LAPTOP), graphs=graphs, shift=shift)


def edges_of(batch: Batch, example: int) -> list[tuple[int, int]]:
    return [(a, b) for a, b in batch.tokens[example, :-1].tolist() if b]


@pytest.mark.parametrize("vertices", [3, 5, 8])
def test_the_probabilities_of_both_distances_add_up_to_the_exact_ones_of_one(vertices: int):
    places = (vertices - 1) * (vertices - 2)
    hops = [None, *range(1, vertices)]
    for a, exact in zip(hops, distance_distribution(vertices), strict=True):
        shift = asking(Question(CUT, None, a), vertices, vertices).shift
        assert shift is not None
        found = 0.0
        for b in hops:
            table = weights(growth(shift, Question(CUT, b, a)))
            found += table[0, 1, vertices - 1, vertices] / places
        assert found == pytest.approx(float(exact), rel=1e-12)


QUESTIONS = [
    Question(ON_PATH, 1, 2),
    Question(ON_PATH, 2, 3),
    Question(OFF_PATH, 2, 1),
    Question(OFF_PATH, 1, 2),
    Question(OFF_PATH, 2, 2),
    Question(CUT, 1, None),
    Question(STRATA[4].slice, None, 1),
    Question(STRATA[4].slice, None, None),
]


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_sequence_of_pairs_that_has_a_question_is_equally_likely(question: Question):
    vertices, pairs = 4, 3
    batch = draw(asking(question, vertices, pairs), 0, 0, 20_000)
    observed = Counter(row.tobytes() for row in batch.tokens)
    ordered = [(min(p), max(p)) for p in product(range(1, vertices + 1), repeat=2)]
    expected = Counter()
    for sequence in product(ordered, repeat=pairs):
        graph = networkx.Graph([p for p in sequence if p[0] != p[1]])
        graph.add_nodes_from(range(1, vertices + 1))
        hops = networkx.single_source_shortest_path_length(graph, 1)
        hops_to_2 = networkx.single_source_shortest_path_length(graph, 2)
        for target in (3, 4):
            stratum = stratum_by_definition(target, vertices, hops, hops_to_2)
            if Question(stratum, hops.get(target), hops.get(2)) == question:
                row = np.zeros_like(batch.tokens[0])
                kept = [p for p in sequence if p[0] != p[1]]
                row[: len(kept)] = kept or row[:0]
                row[-1] = target, LAPTOP.max_vertices + 1
                expected[row.tobytes()] += 1
    assert observed.keys() <= expected.keys()
    share = observed.total() / expected.total()
    counts = [observed[row] for row in expected]
    assert chisquare(counts, [n * share for n in expected.values()]).pvalue > UNLIKELY


@pytest.mark.parametrize(
    "question",
    [
        Question(ON_PATH, 2, 4),
        Question(OFF_PATH, 3, 2),
        Question(OFF_PATH, 2, 3),
        Question(OFF_PATH, 2, 2),
        Question(CUT, 2, None),
    ],
)
def test_a_question_is_drawn_as_rejection_draws_it(question: Question):
    rejecting = replace(world("test_e", LAPTOP), fewest_vertices=8)
    plain = draw(rejecting, 1, 0, 200_000)
    labels = [d or LAPTOP.max_vertices for d in question[1:]]
    kept = (plain.distance == labels[0]) & (plain.distance_to_2 == labels[1])
    kept &= np.array([stratum.slice for stratum in STRATA])[plain.stratum] == question.stratum
    rows = np.flatnonzero(kept)[:2000]
    exact = draw(asking(question, 8, 8), 2, 0, 2000)
    features = {
        "edges": lambda b, i: len(edges_of(b, i)),
        "target": lambda b, i: int(b.tokens[i, -1, 0]),
        "degrees": lambda b, i: tuple(sorted(Counter(b.tokens[i, :-1].ravel().tolist()).values())),
        "degrees of 1, 2 and t": lambda b, i: tuple(
            int((b.tokens[i, :-1] == v).sum()) for v in (1, 2, b.tokens[i, -1, 0])
        ),
        "first edge": lambda b, i: b.tokens[i, 0].tobytes(),
        "different edges": lambda b, i: len(set(edges_of(b, i))),
    }
    for name, feature in features.items():
        one, other = [feature(plain, i) for i in rows], [feature(exact, i) for i in range(2000)]
        assert p_value_of_one_distribution(one, other) > UNLIKELY, name


@pytest.mark.parametrize("distance", [10, 12, 14])
def test_long_distances_are_drawn_by_the_thousand(distance: int):
    batch = draw(world(f"distance/{distance}", WWZ24), 0, 0, 4000)
    assert set(batch.distance.tolist()) == {distance}
    assert len(np.unique(batch.tokens, axis=0)) > 3900


@pytest.mark.parametrize("name", SUITE)
def test_every_example_agrees_with_networkx_and_has_a_question_of_its_level(name: str):
    distribution = SUITE[name]
    shift, no_path = distribution.shift, LAPTOP.max_vertices
    assert shift is not None
    batch = draw(distribution, 3, 0, 40, "evaluation")
    assert batch.no_path == no_path
    assert batch.tokens.shape[1] == distribution.slots
    assert (batch.vertices == shift.vertices).all()
    asked = {question for question, _ in shift.questions}
    for i in range(40):
        edges, target = edges_of(batch, i), int(batch.tokens[i, -1, 0])
        assert not batch.tokens[i, len(edges) : -1].any()
        graph = networkx.Graph(edges)
        graph.add_nodes_from([1, 2, target])
        assert graph.number_of_nodes() <= shift.vertices
        hops = networkx.single_source_shortest_path_length(graph, 1)
        hops_to_2 = networkx.single_source_shortest_path_length(graph, 2)
        found = hops.get(target, no_path), hops.get(2, no_path)
        assert (batch.distance[i], batch.distance_to_2[i]) == found
        stratum = stratum_by_definition(target, 99, hops, hops_to_2)
        assert STRATA[batch.stratum[i]].slice == stratum
        assert not asked or Question(stratum, hops.get(target), hops.get(2)) in asked
        assert target in shift.target_ids
        assert batch.unseen_id[i] == (target > LAPTOP.finetune_vertices)
        assert batch.isolated[i] == (graph.degree(target) == 0)


@pytest.mark.parametrize("name", ["size/8", "density/3", "target_id/8", "family/tree"])
def test_an_example_depends_on_its_place_alone(name: str):
    start = 2**33 - 100
    whole = draw(SUITE[name], 4, start, 300)
    for threads, cuts in [(1, [0, 1, 2, 150, 300]), (3, [0, 300])]:
        parts = [draw(SUITE[name], 4, start + a, b - a, threads=threads) for a, b in pairwise(cuts)]
        for column, pieces in zip(whole[:DRAWN], joined(parts)[:DRAWN], strict=True):
            assert np.array_equal(column, pieces)


def test_another_seed_purpose_level_or_place_gives_other_examples():
    batches = [
        draw(SUITE["size/8"], 5, 0, 200),
        draw(SUITE["size/8"], 6, 0, 200),
        draw(SUITE["size/8"], 5, 200, 200),
        draw(SUITE["size/8"], 5, 0, 200, "evaluation"),
        draw(SUITE["density/1"], 5, 0, 200),
    ]
    rows = [{row.tobytes() for row in batch.tokens} for batch in batches]
    assert all(len(one & other) < 3 for i, one in enumerate(rows) for other in rows[:i])


def test_training_draws_no_graph_that_is_held_out():
    graphs = LAPTOP.model_copy(update={"held_out_share": 0.5})
    purposes: dict[Purpose, bool] = {"training": False, "evaluation": True}
    for purpose, some in purposes.items():
        batch = draw(replace(SUITE["size/8"], graphs=graphs), 6, 0, 300, purpose)
        found = []
        for i in range(300):
            masks = np.zeros(64, np.uint64)
            for a, b in edges_of(batch, i):
                masks[a - 1] |= np.uint64(1 << (b - 1))
                masks[b - 1] |= np.uint64(1 << (a - 1))
            found.append(held_out(masks, 0.5))
        assert any(found) == some


@pytest.mark.parametrize("question", [Question(ON_PATH, 3, 4), Question(OFF_PATH, 3, 3)])
def test_a_question_that_no_graph_has_is_refused_at_once(question: Question):
    with pytest.raises(InputError, match=r"no graph was found for .*; choose another level"):
        draw(asking(question, 4, 4), 0, 0, 2000)


# A change of this digest is a change of published results: say so in the change log.
DIGEST = "c12b07a08bded4a3"


def test_the_examples_of_the_suite_are_the_same_on_every_machine():
    sums = [frozen(distribution, 0, 100)[1] for distribution in SUITE.values()]
    assert sha256("".join(sums).encode()).hexdigest()[:16] == DIGEST


def test_a_shifted_world_is_part_of_a_mixture_by_the_index_of_each_example():
    shifted = SUITE["size/8"]
    mixed = replace(world("finetuning", LAPTOP), parts=((0.5, shifted), (0.5, shifted)))
    one, other = draw(mixed, 0, 3, 50)[:DRAWN], draw(shifted, 0, 3, 50)[:DRAWN]
    assert all(map(np.array_equal, one, other))
