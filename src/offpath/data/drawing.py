"""Where the vertices of a graph lie in a drawing."""

from collections.abc import Sequence

import networkx as nx
import numpy as np
from jaxtyping import Float

GAP = 0.6  # between components; one of m vertices is as wide as the root of m
FLAT = 0.05  # a component that is thinner than this share of its length is drawn as a line


def places(edges: Sequence[tuple[int, int]], vertices: int) -> list[tuple[float, float]]:
    """The place of each vertex 1..n, 0 to 1 across and up; equal edge lists have equal places.

    Components stand side by side, that of vertex 1 first, each laid out by springs (Kamada, Kawai
    1989); vertices without an edge are a column at the right.

    >>> places([(1, 3)], vertices=4)
    [(0.702, 0.5), (1.0, 1.0), (0.0, 0.5), (1.0, 0.0)]
    """
    graph = nx.Graph(edges)
    parts = sorted(nx.connected_components(graph), key=lambda part: (1 not in part, -len(part)))
    alone = [vertex for vertex in range(1, vertices + 1) if vertex not in graph]
    heights = np.linspace(1, 0, len(alone)) if len(alone) > 1 else [0.5]
    found = {vertex: (1.0, y) for vertex, y in zip(alone, heights, strict=False)}
    widths = [len(part) ** 0.5 for part in parts]
    whole, start = sum(widths) + GAP * (len(parts) - (not alone)), 0.0
    for part, width in zip(parts, widths, strict=True):
        drawn = nx.kamada_kawai_layout(graph.subgraph(part))
        for vertex, (x, y) in zip(drawn, _unit(np.array([*drawn.values()])), strict=True):
            found[vertex] = ((start + width * x) / whole, y)
        start += width + GAP
    ordered = np.array([found[vertex] for vertex in range(1, vertices + 1)])
    return [(x, y) for x, y in ordered.round(3).tolist()]


def _unit(drawn: Float[np.ndarray, "vertex 2"]) -> Float[np.ndarray, "vertex 2"]:
    """Places stretched to 0 to 1 on each axis; the middle where they hardly differ."""
    low, size = drawn.min(0), np.ptp(drawn, axis=0)
    return np.where(size > FLAT * size.max(), (drawn - low) / np.maximum(size, 1e-9), 0.5)
