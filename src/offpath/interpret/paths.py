"""Graphs in which one path leads from 1 to 2, and what is left of them without one of their edges.

In: the number of vertices and the length of that path. Out: edges, the path's first, and tokens.
All vertices are used: those beside the path are a second path, in a component of its own or joined
to the first by a bridge. Either way the graph has no cycle, and the only path stays the only one.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, Integer, UInt8

TARGET = 2  # the question of pre-training


class OnlyPaths(NamedTuple):
    """Graphs of as many vertices, with an only path of one length."""

    edges: UInt8[np.ndarray, "graph edge 2"]
    """First the edges of the path, by their hop from 1. (0, 0) is no edge: there is no bridge."""
    distance: int

    @property
    def vertices(self) -> int:
        """Of each graph: one more than a tree has edges."""
        return self.edges.shape[1] + 1

    @property
    def isolating(self) -> Int64[np.ndarray, "graph edge"]:
        """How many vertices each edge alone holds: its removal leaves them without an edge."""
        ids = np.arange(1, self.vertices + 1)
        degrees = (self.edges[:, :, :, None] == ids).sum((1, 2))  # (graph, vertex)
        ends = self.edges.astype(np.int64).clip(1) - 1
        graph = np.arange(len(ends))[:, None, None]
        return (degrees[graph, ends] == 1).sum(2)

    @property
    def tokens(self) -> UInt8[np.ndarray, "graph token 2"]:
        """The graphs with the question on 2."""
        return asked(self.edges, self.vertices)

    @property
    def cut_tokens(self) -> UInt8[np.ndarray, "graph edge token 2"]:
        """The same without one edge, for each of the edges."""
        edges = self.edges.shape[1]
        made = np.repeat(self.tokens[:, None], edges, axis=1)
        made[:, np.arange(edges), np.arange(edges)] = 0
        return made


def only_paths(vertices: int, distance: int, graphs: int, random: np.random.Generator) -> OnlyPaths:
    """Random ids on a path from 1 to 2 and on a second path of the other vertices.

    Half of the second paths are joined to the first, at an inner vertex where there is one: no edge
    beside the path touches 1 or 2. One other vertex alone is always joined.

    >>> made = only_paths(8, 3, 2, np.random.default_rng(0))
    >>> made.edges[0].tolist()
    [[1, 6], [6, 5], [5, 2], [8, 7], [7, 3], [3, 4], [5, 8]]
    """
    if not 1 <= distance <= vertices - 2:
        raise ValueError(
            f"distance must be 1 to {vertices - 2}, so that an edge is left beside the path of "
            f"{vertices} vertices; got {distance}"
        )
    others = random.permuted(np.tile(np.arange(3, vertices + 1), (graphs, 1)), axis=1)
    inner, rest = np.split(others, [distance - 1], axis=1)
    ones = np.ones((graphs, 1), np.int64)
    path = np.concatenate([ones, inner, TARGET * ones], axis=1)
    met = random.integers(1, distance, graphs) if distance > 1 else random.integers(0, 2, graphs)
    bridge = np.stack([path[np.arange(graphs), met], rest[:, 0]], axis=1)
    if rest.shape[1] > 1:
        bridge *= random.integers(0, 2, (graphs, 1))
    edges = [along(path), along(rest), bridge[:, None]]
    return OnlyPaths(np.concatenate(edges, axis=1).astype(np.uint8), distance)


def along(path: Int64[np.ndarray, "graph vertex"]) -> Int64[np.ndarray, "graph edge 2"]:
    """The edges of paths, by hop."""
    return np.stack([path[:, :-1], path[:, 1:]], axis=2)


def asked(
    edges: Integer[np.ndarray, "graph edge 2"], vertices: int
) -> UInt8[np.ndarray, "graph token 2"]:
    """Graphs with the question on 2 as tokens. The order of edges is kept: networks see none."""
    made = np.zeros((len(edges), vertices + 1, 2), np.uint8)
    made[:, : edges.shape[1]] = np.sort(edges, axis=2)
    made[:, -1] = (TARGET, vertices + 1)
    return made
