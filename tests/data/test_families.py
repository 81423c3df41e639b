"""Families of graphs against networkx and scipy."""

from collections import Counter
from collections.abc import Callable

import networkx
import numpy as np
import pytest
from scipy.spatial import Delaunay
from scipy.stats import chisquare

from offpath.data import families
from offpath.data.families import FAMILIES, NUMBERS, draw_edges
from offpath.data.graphs import BLOCKS, next_word
from tests.data.test_worlds import p_value_of_one_distribution

SIZES = (3, 4, 5, 7, 8, 9, 15, 16)


def source_of(index: int) -> tuple[np.ndarray, np.ndarray]:
    words = np.empty(2 * BLOCKS, np.uint64)
    return words, np.array([0, 0, index, 0, len(words)])


def graph_of(name: str, vertices: int, index: int = 0) -> networkx.Graph:
    edges = np.zeros((FAMILIES[name].edges(vertices), 2), np.uint8)
    adjacency = np.zeros(64, np.uint64)
    count = draw_edges(source_of(index), NUMBERS[name], vertices, edges, adjacency)
    graph = networkx.Graph(edges[:count].tolist())
    assert graph.number_of_edges() == count, "no edge is written twice"
    graph.add_nodes_from(range(vertices))
    masks = [sum(1 << other for other in graph[v]) for v in range(vertices)]
    assert adjacency[:vertices].tolist() == masks
    return graph


def grid(n: int) -> networkx.Graph:
    """The first n places of a square, row by row."""
    side = int(np.ceil(n**0.5))
    whole = networkx.grid_2d_graph(side, side)
    return whole.subgraph([place for place in sorted(whole) if side * place[0] + place[1] < n])


def two(part: Callable[[int], networkx.Graph], n: int) -> networkx.Graph:
    return networkx.disjoint_union(part((n + 1) // 2), part(n // 2))


SHAPES: dict[str, Callable[[int], networkx.Graph]] = {
    "path": networkx.path_graph,
    "cycle": networkx.cycle_graph,
    "grid": grid,
    "star": lambda n: networkx.star_graph(n - 1),
    "two_cliques": lambda n: two(networkx.complete_graph, n),
    "two_chains": lambda n: two(networkx.path_graph, n),
    "barbell": lambda n: networkx.barbell_graph(
        min(max(3, n // 3), n // 2), n - 2 * min(max(3, n // 3), n // 2)
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_is_that_of_networkx(name: str):
    for n in SIZES:
        if (name, n) == ("barbell", 3):
            continue  # networkx has none with cliques of one vertex
        graph = graph_of(name, n)
        assert networkx.is_isomorphic(graph, SHAPES[name](n)), n
        assert graph.number_of_edges() <= FAMILIES[name].edges(n), n


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_reaches_as_far_as_it_says(name: str):
    for n in SIZES:
        reach, longest = min(6, FAMILIES[name].reach(n)), 0
        for index in range(200):
            lengths = dict(networkx.all_pairs_shortest_path_length(graph_of(name, n, index)))
            longest = max(longest, *(hops for of in lengths.values() for hops in of.values()))
            if longest >= reach:
                break
        assert longest >= reach, n


def test_every_labelled_tree_is_equally_likely():
    drawn = Counter(frozenset(map(frozenset, graph_of("tree", 4, i).edges)) for i in range(3200))
    assert all(networkx.is_tree(networkx.Graph(map(tuple, edges))) for edges in drawn)
    assert len(drawn) == 16
    assert chisquare(list(drawn.values())).pvalue > 1e-4


@pytest.mark.parametrize("n", [8, 15])
def test_watts_strogatz_is_that_of_networkx(n: int):
    near = 2 if n < 10 else 4
    ours = [graph_of("watts_strogatz", n, i) for i in range(1000)]
    theirs = [networkx.watts_strogatz_graph(n, near, families.REWIRED, seed=i) for i in range(1000)]
    compare(ours, theirs)


@pytest.mark.parametrize("n", [8, 15])
def test_preferential_attachment_is_that_of_networkx(n: int):
    ours = [graph_of("preferential", n, i) for i in range(1000)]
    theirs = [networkx.barabasi_albert_graph(n, 2, seed=i) for i in range(1000)]
    compare(ours, theirs)


def compare(ours: list[networkx.Graph], theirs: list[networkx.Graph]) -> None:
    features: dict[str, Callable[[networkx.Graph], object]] = {
        "edges": lambda g: g.number_of_edges(),
        "degrees": lambda g: tuple(sorted(d for _, d in g.degree)),
        "triangles": lambda g: round(networkx.transitivity(g), 6),
        "components": networkx.number_connected_components,
        "from the first": lambda g: max(networkx.single_source_shortest_path_length(g, 0).values()),
    }
    for name, feature in features.items():
        values = [str(feature(graph)) for graph in ours], [str(feature(graph)) for graph in theirs]
        assert p_value_of_one_distribution(*values) > 1e-4, name


@pytest.mark.parametrize("n", [3, 4, 8, 15, 40])
def test_delaunay_edges_are_those_of_scipy(n: int):
    for index in range(20):
        source = source_of(index)
        words = [int(next_word(source)) >> 11 for _ in range(2 * n)]
        points = np.array(words, float).reshape(n, 2) * 2.0**-53
        corners = Delaunay(points).simplices.tolist()
        expected = {frozenset(pair) for a, b, c in corners for pair in ((a, b), (b, c), (a, c))}
        assert set(map(frozenset, graph_of("delaunay", n, index).edges)) == expected
