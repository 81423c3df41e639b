import networkx as nx
import pytest

from offpath.handcraft.trial_graphs import FAMILIES, family_edges, oracle_distances
from tests.cases import CASES, Case


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("n", [2, 3, 5, 12])
def test_edges_are_pairs_of_vertices_the_smaller_first(family: str, n: int):
    edges = family_edges(family, n, seed=3)
    assert all(1 <= a < b <= n for a, b in edges)
    assert edges == family_edges(family, n, seed=3)


def test_families_have_their_shape():
    n, graphs = 12, {name: nx.MultiGraph(family_edges(name, 12, seed=0)) for name in FAMILIES}
    degrees = {name: sorted(d for _, d in graph.degree) for name, graph in graphs.items()}
    assert degrees["empty"] == []
    assert degrees["path"] == [1, 1, *[2] * 10]
    assert degrees["cycle"] == [2] * n
    assert degrees["star"] == [*[1] * 11, 11]
    assert degrees["complete"] == [11] * n
    assert degrees["path, each edge three times"] == [3, 3, *[6] * 10]
    assert nx.number_connected_components(graphs["two paths"]) == 2
    for name in ("random tree", "binary tree"):
        assert nx.is_tree(nx.Graph(graphs[name]))
    assert len(graphs["cycle with a tail"].edges) == n
    assert len(graphs["random pairs"].edges) <= n


def test_vertices_are_numbered_at_random():
    assert len({tuple(sorted(family_edges("path", 8, seed))) for seed in range(20)}) == 20


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_oracle_agrees_with_the_worked_graphs(case: Case):
    hops = oracle_distances(list(case.edges), 1, case.vertices, no_path=99)
    assert hops == [99 if h is None else h for h in case.hops]
