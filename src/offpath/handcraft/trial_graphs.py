"""Graphs of known shape: paths, cycles, stars and others, to put a solution to the test.

In: a number of vertices and a seed. Out: edge lists over 1..n with vertices numbered at random,
made by networkx; its search is also the oracle for distances.
"""

from collections.abc import Callable

import networkx as nx
import numpy as np

Edges = list[tuple[int, int]]


def family_edges(name: str, vertices: int, seed: int) -> Edges:
    """The edges (a, b), a < b, of one graph of a family, in a random order.

    >>> family_edges("path", 3, seed=1)
    [(2, 3), (1, 3)]
    """
    graph = FAMILIES[name](vertices, seed)
    generator = np.random.default_rng([seed, vertices])
    ids = (generator.permutation(vertices) + 1).tolist()
    pairs = [(ids[edge[0]], ids[edge[1]]) for edge in graph.edges]
    return [(min(pairs[i]), max(pairs[i])) for i in generator.permutation(len(pairs)).tolist()]


def oracle_distances(edges: Edges, source: int, vertices: int, no_path: int) -> list[int]:
    """Hops from a source to the vertices 1..n by networkx; `no_path` where none leads.

    >>> oracle_distances([(1, 3), (2, 3)], source=1, vertices=4, no_path=8)
    [0, 2, 1, 8]
    """
    graph = nx.Graph(edges)
    graph.add_node(source)
    hops = nx.single_source_shortest_path_length(graph, source)
    return [hops.get(vertex, no_path) for vertex in range(1, vertices + 1)]


def _tailed(graph: nx.Graph, n: int) -> nx.Graph:
    """The graph with a path behind its last vertex, up to n vertices."""
    nx.add_path(graph, range(len(graph) - 1, n))
    return graph


def _random_pairs(n: int, seed: int) -> nx.MultiGraph:
    """By WWZ24's law of edges: n pairs of uniform vertices, pairs of equal ones dropped."""
    pairs = np.random.default_rng(seed).integers(0, n, (n, 2)).tolist()
    graph = nx.MultiGraph([pair for pair in pairs if pair[0] != pair[1]])
    graph.add_nodes_from(range(n))
    return graph


FAMILIES: dict[str, Callable[[int, int], nx.Graph]] = {
    "empty": lambda n, seed: nx.empty_graph(n),
    "path": lambda n, seed: nx.path_graph(n),
    "cycle": lambda n, seed: nx.cycle_graph(n) if n > 2 else nx.path_graph(n),
    "star": lambda n, seed: nx.star_graph(n - 1),
    "complete": lambda n, seed: nx.complete_graph(n),
    "two paths": lambda n, seed: nx.disjoint_union(
        nx.path_graph(n - n // 2), nx.path_graph(n // 2)
    ),
    "cycle with a tail": lambda n, seed: (
        nx.path_graph(n) if n < 4 else _tailed(nx.cycle_graph(max(3, n // 2)), n)
    ),
    "ladder": lambda n, seed: _tailed(nx.ladder_graph(max(1, n // 2)), n),
    "binary tree": lambda n, seed: nx.full_rary_tree(2, n),
    "random tree": lambda n, seed: nx.random_labeled_tree(n, seed=seed),
    "random pairs": _random_pairs,
    "random, sparse": lambda n, seed: nx.gnp_random_graph(n, 1.2 / n, seed=seed),
    "random, dense": lambda n, seed: nx.gnp_random_graph(n, 0.4, seed=seed),
    "path, each edge three times": lambda n, seed: nx.MultiGraph(3 * list(nx.path_graph(n).edges)),
}
"""How each family makes a graph over 0..n-1 from (n, seed)."""
