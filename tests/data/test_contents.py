from collections import Counter
from itertools import combinations

import networkx as nx
import numpy as np
import pytest

from offpath.configs import Graphs
from offpath.data.batches import Batch, draw
from offpath.data.contents import MOST_RENAMED, contents
from offpath.data.worlds import worlds
from offpath.recipes import laptop

BATCH = draw(worlds(laptop().graphs)["test_e"], 0, 0, 400)
CONTENTS = contents(BATCH)


def question(batch: Batch, i: int) -> tuple[tuple, int]:
    edges = sorted(tuple(edge) for edge in batch.tokens[i, :-1].tolist() if edge[1])
    return tuple(edges), int(batch.tokens[i, -1, 0])


def as_graph(asked: tuple[tuple, int]) -> nx.Graph:
    """Vertices 1 and t have roles of their own; an edge carries how often it was drawn."""
    edges, target = asked
    graph = nx.Graph()
    graph.add_node(1, role="source")
    graph.add_node(target, role="target")
    for (a, b), times in Counter(edges).items():
        graph.add_edge(a, b, times=times)
    nx.set_node_attributes(graph, {v: "" for v in graph if v not in (1, target)}, "role")
    return graph


def test_equal_hashes_are_equal_contents_and_no_others():
    asked = [question(BATCH, i) for i in range(400)]
    for i, j in combinations(range(400), 2):
        (edges, target), (others, other_target) = asked[i], asked[j]
        same = edges == others and target == other_target
        assert (CONTENTS.question[i] == CONTENTS.question[j]) == same
        assert (CONTENTS.graph[i] == CONTENTS.graph[j]) == (set(edges) == set(others))


def test_renamed_questions_are_equal_exactly_if_networkx_finds_an_isomorphism():
    small = worlds(Graphs(max_vertices=6, finetune_vertices=5, balance_distance=4))["test_e"]
    batch = draw(small, 1, 0, 120)
    asked = [question(batch, i) for i in range(120)]
    renamed = contents(batch).renamed
    pairs = 0
    for i, j in combinations(range(120), 2):
        same = nx.is_isomorphic(
            *(as_graph(asked[k]) for k in (i, j)),
            node_match=lambda a, b: a["role"] == b["role"],
            edge_match=lambda a, b: a["times"] == b["times"],
        )
        assert (renamed[i] == renamed[j]) == same
        pairs += same
    assert pairs > 20


def test_questions_with_many_vertices_are_not_renamed():
    for i in range(400):
        edges, target = question(BATCH, i)
        named = {1, target, *(v for edge in edges for v in edge)}
        assert (CONTENTS.renamed[i] == 0) == (len(named) > MOST_RENAMED)


@pytest.mark.parametrize("name", ["pretraining", "finetuning"])
def test_training_never_draws_a_graph_that_is_held_out(name: str):
    graphs = laptop().graphs
    every = contents(draw(worlds(graphs)[name], 0, 0, 20_000)).graph
    halved = worlds(graphs.model_copy(update={"held_out_share": 0.3}))[name]
    drawn = np.unique(contents(draw(halved, 0, 0, 200_000)).graph)
    evaluated = draw(halved, 0, 0, 20_000, "evaluation")
    assert 0.6 < np.isin(np.unique(every), drawn).mean() < 0.8
    unlike = draw(worlds(graphs)[name], 0, 0, 20_000, "evaluation")
    assert np.array_equal(evaluated.tokens, unlike.tokens)


def test_a_larger_share_holds_out_the_same_graphs_and_more():
    graphs = laptop().graphs
    seen = []
    for share in (0.2, 0.5):
        world = worlds(graphs.model_copy(update={"held_out_share": share}))["finetuning"]
        seen.append(set(contents(draw(world, 0, 0, 100_000)).graph.tolist()))
    assert seen[1] < seen[0]
