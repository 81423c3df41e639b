from dataclasses import replace
from itertools import islice

import networkx as nx
import numpy as np
import pytest

from offpath.data.batches import DRAWN, draw, joined, stream
from offpath.data.emphasis import chosen, emphasis, search_rounds
from offpath.data.tokens import encode
from offpath.data.worlds import world
from offpath.recipes import laptop, paper

PRETRAINING = world("pretraining", paper().graphs)


def oracle(tokens: np.ndarray) -> int:
    """Rounds of search by networkx."""
    graph = nx.Graph([tuple(edge) for edge in tokens[:-1].tolist() if edge[1]])
    target = int(tokens[-1, 0])
    graph.add_nodes_from([1, target])
    if nx.has_path(graph, 1, target):
        return int(nx.shortest_path_length(graph, 1, target))
    return sum(max(nx.single_source_shortest_path_length(graph, v).values()) for v in (1, target))


@pytest.mark.parametrize("name", ["pretraining", "test_e"])
@pytest.mark.parametrize("recipe", [laptop, paper])
def test_rounds_of_search_are_those_of_networkx(recipe, name: str):
    batch = draw(world(name, recipe().graphs), 0, 0, 500)
    rounds = search_rounds(batch.tokens, batch.distance)
    assert rounds.tolist() == [oracle(tokens) for tokens in batch.tokens]


def test_a_target_without_edges_takes_the_rounds_of_vertex_1_alone():
    tokens = encode([(1, 3), (3, 4), (4, 5)], 2, 5)
    assert search_rounds(tokens, np.array([5], np.uint8)).tolist() == [3]


def test_the_chosen_are_distinct_and_in_order_and_depend_on_seed_and_position_alone():
    weights = np.linspace(1, 3, 100)
    kept = chosen(weights, 40, 7, 256)
    assert len(np.unique(kept)) == 40
    assert np.array_equal(kept, np.sort(kept))
    assert np.array_equal(kept, chosen(weights, 40, 7, 256))
    assert not np.array_equal(kept, chosen(weights, 40, 8, 256))
    assert not np.array_equal(kept, chosen(weights, 40, 7, 512))


def test_one_of_many_is_chosen_in_proportion_to_its_emphasis():
    weights = np.array([1.0, 2.0, 5.0])
    counts = np.bincount([chosen(weights, 1, 0, first)[0] for first in range(8000)])
    deviation = (counts / 8000 - weights / 8) / np.sqrt(weights / 8 * (1 - weights / 8) / 8000)
    assert np.abs(deviation).max() < 4


def test_more_vertices_and_longer_searches_are_more_frequent():
    batch = draw(PRETRAINING, 0, 0, 5000)
    weights = emphasis(batch.tokens, batch.distance, batch.vertices)
    large, rounds = batch.vertices == 15, search_rounds(batch.tokens, batch.distance)
    by_rounds = [weights[large & (rounds == r)] for r in range(1, 8)]
    assert all(np.ptp(same) < 1e-12 for same in by_rounds)
    assert np.all(np.diff([same[0] for same in by_rounds]) > 0)
    three = [weights[(rounds == 3) & (batch.vertices == n)][0] for n in range(4, 16)]
    assert np.all(np.diff(three) > 0)


def test_a_stream_of_chosen_examples_resumes_and_is_shared_by_ranks():
    hard = replace(PRETRAINING, candidates=4)
    batches = list(islice(stream(hard, 1, 50), 4))
    again = next(stream(hard, 1, 50, first_step=3))
    shares = [next(stream(hard, 1, 50, 3, rank=rank, ranks=3)) for rank in range(3)]
    whole = joined(shares)[:DRAWN]
    for array, same, shared in zip(batches[3][:DRAWN], again[:DRAWN], whole, strict=True):
        assert np.array_equal(array, same)
        assert np.array_equal(array, shared)
    drawn = draw(PRETRAINING, 1, 3 * 200, 200)
    rows = {tokens.tobytes() for tokens in drawn.tokens}
    assert all(tokens.tobytes() in rows for tokens in batches[3].tokens)
    assert batches[3].vertices.mean() > drawn.vertices.mean() + 1
