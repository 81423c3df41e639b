"""Examples that are drawn: real ones, by the rule that is stated, with true paths."""

from itertools import pairwise

import networkx as nx
import numpy as np
import pytest

from offpath.data.batches import frozen
from offpath.data.worlds import worlds
from offpath.generalize.examples import LEAST_DISTANCE, LEAST_EDGES, world_examples
from offpath.recipes import laptop, smoke
from offpath.results import Example
from offpath.slices import STRATA

KNOWN = worlds(laptop().graphs)
SETS = {name: frozen(world, 0, 4096)[0] for name, world in KNOWN.items()}


def shown(name: str) -> list[Example]:
    """The examples of a distribution."""
    return world_examples(KNOWN[name], SETS[name]).examples


@pytest.mark.parametrize("name", KNOWN)
def test_an_example_is_that_of_the_evaluation_set(name: str):
    batch = SETS[name]
    for e in shown(name):
        edges = [pair for pair in batch.tokens[e.index, :-1].tolist() if pair[1]]
        assert [list(edge) for edge in e.edges] == edges
        assert (e.target, e.vertices) == (batch.tokens[e.index, -1, 0], batch.vertices[e.index])
        assert (e.distance, e.distance_to_2) == (
            batch.distance[e.index],
            batch.distance_to_2[e.index],
        )
        assert e.stratum == STRATA[batch.stratum[e.index]].slice


@pytest.mark.parametrize("name", KNOWN)
def test_paths_are_shortest_and_lead_through_an_on_path_target(name: str):
    for e in shown(name):
        graph = nx.Graph(e.edges)
        for path, goal, hops in ((e.path, e.target, e.distance), (e.path_to_2, 2, e.distance_to_2)):
            if hops == 8:
                assert path == []
                continue
            assert (path[0], path[-1], len(path)) == (1, goal, hops + 1)
            assert all(graph.has_edge(*pair) for pair in pairwise(path))
        assert (e.target in e.path_to_2) == (e.stratum in ("on_path", "trained") and e.path != [])


def test_the_path_to_2_leads_through_every_target_that_is_on_one():
    batch = SETS["test_b"]
    for i in np.flatnonzero(batch.stratum == 1)[:200]:
        (e,) = world_examples(KNOWN["test_b"], batch.take(np.array([i]))).examples
        assert (e.stratum, e.index, len(e.path_to_2)) == ("on_path", 0, e.distance_to_2 + 1)
        assert e.target in e.path_to_2


@pytest.mark.parametrize("name", KNOWN)
def test_each_stratum_has_its_first_example_that_fits_the_rule(name: str):
    batch, examples = SETS[name], shown(name)
    assert [e.stratum for e in examples] == [
        where.slice for i, where in enumerate(STRATA) if (batch.stratum == i).any()
    ]
    for e in examples:
        fitting = [
            i
            for i in range(len(batch.distance))
            if STRATA[batch.stratum[i]].slice == e.stratum
            and len({(a, b) for a, b in batch.tokens[i, :-1].tolist() if b}) >= LEAST_EDGES
            and LEAST_DISTANCE <= batch.distance[i] < 8
        ]
        if fitting or (e.stratum in ("on_path", "off_path", "trained") and name == "test_e"):
            assert e.index == fitting[0]


def test_where_graphs_are_too_small_for_the_rule_the_first_with_the_most_edges_is_taken():
    world = worlds(smoke().graphs)["finetuning"]  # at most 4 vertices
    batch, _ = frozen(world, 0, 512)
    for e in world_examples(world, batch).examples:
        counts = [
            len({(a, b) for a, b in row[:-1].tolist() if b})
            for row, stratum in zip(batch.tokens, batch.stratum, strict=True)
            if STRATA[stratum].slice == e.stratum
        ]
        assert len({*e.edges}) == max(counts) < LEAST_EDGES
