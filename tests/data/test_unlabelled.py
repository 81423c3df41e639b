"""Graphs without labels, and the examples with labels that are kept beside them."""

from itertools import islice

import networkx
import numpy as np
import pytest

from offpath.data.batches import draw, stream
from offpath.data.distances import adjacency_of
from offpath.data.unlabelled import (
    GRAPHS,
    HELD_OUT_SHARE,
    audited,
    is_held_out,
    unlabelled_world,
    whole_graphs,
    whole_of,
)
from offpath.data.worlds import world
from offpath.plans import Coherence
from offpath.recipes import recipe

C = recipe("laptop")
FINETUNING = world("finetuning", C.graphs)


def test_each_graph_is_asked_about_every_target_and_has_the_edges_of_networkx():
    batch = draw(world("test_e", C.graphs), 0, 0, 50)
    whole = whole_of(batch.tokens)
    assert whole.tokens.shape == (50 * 7, 9, 2)
    for graph, tokens in enumerate(whole.tokens.reshape(50, 7, 9, 2)):
        assert tokens[:, -1, 0].tolist() == [2, 3, 4, 5, 6, 7, 8]
        assert (tokens[:, :-1] == batch.tokens[graph, :-1]).all()
        edges = networkx.Graph([edge for edge in batch.tokens[graph, :-1].tolist() if edge[0]])
        edges.add_nodes_from(range(1, 9))
        matrix = networkx.to_numpy_array(edges, nodelist=range(1, 9)) > 0
        assert np.array_equal(whole.adjacency[graph], matrix)


@pytest.mark.parametrize(
    ("sizes", "fewest", "most"), [("small", 3, 5), ("large", 6, 8), ("all", 3, 8)]
)
def test_graphs_have_the_sizes_asked_for_and_none_is_of_the_quarter_held_out(sizes, fewest, most):
    made = unlabelled_world(C.graphs, Coherence(sizes=sizes))
    batch = draw(made, 0, 0, 4000)
    assert set(batch.vertices.tolist()) == set(range(fewest, most + 1))
    assert not is_held_out(adjacency_of(batch.tokens)).any()


def test_a_quarter_of_the_graphs_of_test_e_is_held_out():
    batch = draw(world("test_e", C.graphs), 0, 0, 4000, "evaluation")
    large = adjacency_of(batch.tokens)[batch.vertices == 8]  # few contents recur
    assert abs(is_held_out(large).mean() - HELD_OUT_SHARE) < 4 * (0.25 * 0.75 / len(large)) ** 0.5


def test_graphs_of_a_step_are_the_same_from_wherever_training_begins_and_differ_by_seed():
    first, again, other = (
        next(islice(whole_graphs(C.graphs, Coherence(), seed, start), skip, None))
        for seed, start, skip in ((0, 0, 3), (0, 3, 0), (1, 3, 0))
    )
    assert len(first.adjacency) == GRAPHS
    assert np.array_equal(first.tokens, again.tokens)
    assert not np.array_equal(first.tokens, other.tokens)


def test_shuffled_edges_are_those_of_another_graph_of_the_step():
    own, shuffled = (
        next(whole_graphs(C.graphs, Coherence(shuffled=flag), 0)) for flag in (False, True)
    )
    assert np.array_equal(own.tokens, shuffled.tokens)
    assert np.array_equal(own.adjacency, np.roll(shuffled.adjacency, -1, axis=0))
    assert not np.array_equal(own.adjacency, shuffled.adjacency)


def kept(share: float, first: int = 0, size: int = 200, count: int = 10) -> np.ndarray:
    batches = (draw(FINETUNING, 0, first + i * size, size) for i in range(count))
    parts = audited(batches, share, FINETUNING, 0, first, size)
    return np.concatenate([batch.tokens for batch in parts])


def test_audited_examples_are_kept_by_their_number_in_whatever_batch():
    whole, cut = kept(0.1), kept(0.1, size=100, count=20)
    assert np.array_equal(whole, cut)
    assert abs(len(whole) / 2000 - 0.1) < 4 * (0.09 / 2000) ** 0.5
    later = kept(0.1, first=1000, count=5)
    assert np.array_equal(whole[-len(later) :], later)


def test_a_share_of_none_or_all_keeps_none_or_all():
    assert len(kept(0.0)) == 0
    batches = stream(FINETUNING, 0, 200)
    assert np.array_equal(kept(1.0), np.concatenate([next(batches).tokens for _ in range(10)]))
