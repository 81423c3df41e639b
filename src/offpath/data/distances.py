"""Whole graphs as matrices, and the distances from any vertex of many graphs at once.

In: examples as tokens. Out: boolean adjacency, and hops by breadth-first search, some microseconds
per graph. The labels of examples come from the generator's own search (`graphs.py`).
"""

import numpy as np
from jaxtyping import Bool, Int64, UInt8

Adjacency = Bool[np.ndarray, "graph vertex vertex"]


def adjacency_of(tokens: UInt8[np.ndarray, "graph token 2"]) -> Adjacency:
    """Which vertices an edge joins, by vertices 1, 2, ... of the largest graph.

    >>> from offpath.data.tokens import encode
    >>> adjacency_of(encode([(1, 3)], target=2, max_vertices=3))[0].astype(int).tolist()
    [[0, 0, 1], [0, 0, 0], [1, 0, 0]]
    """
    largest = tokens.shape[1] - 1
    joined = np.zeros((len(tokens), largest + 1, largest + 1), bool)
    example = np.arange(len(tokens))[:, None]
    first, second = tokens[:, :-1, 0], tokens[:, :-1, 1]
    joined[example, first, second] = joined[example, second, first] = True
    return joined[:, 1:, 1:]  # 0 is padding


def hops(
    adjacency: Adjacency, sources: int | Int64[np.ndarray, " graph"]
) -> Int64[np.ndarray, "graph vertex"]:
    """Distances from one vertex of each graph, counted from 1; no path: as many as vertices.

    >>> from offpath.data.tokens import encode
    >>> hops(adjacency_of(encode([(1, 3), (2, 3)], target=2, max_vertices=4)), sources=2)
    array([[2, 0, 1, 4]])
    """
    no_path = adjacency.shape[1]
    found = np.full(adjacency.shape[:2], no_path)
    ones = np.full(len(adjacency), 1) * sources
    visited = np.arange(1, no_path + 1) == ones[:, None]
    for hop in range(no_path):
        found[visited & (found == no_path)] = hop
        visited = visited | (adjacency & visited[:, None, :]).any(2)
    return found
