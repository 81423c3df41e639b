"""Hop distances in graphs of at most 64 vertices: the ground truth of every later stage.

Breadth-first search (Moore 1959, "The shortest path through a maze") on 64-bit masks of neighbours:
the kernel that the generator uses too, in `graphs.py`.
"""

import numpy as np
from jaxtyping import UInt8

from offpath.data.graphs import NO_PATH, fill_distances


def distances(
    tokens: UInt8[np.ndarray, "example token 2"], source: int, vertices: int
) -> UInt8[np.ndarray, "example vertex"]:
    """Hops from vertex `source` to every vertex 1..`vertices`; `NO_PATH` where no path leads.

    Column v - 1 belongs to vertex v. Tokens that are no edge, padding or a question, change
    nothing.

    >>> line = np.array([[(1, 3), (2, 3), (0, 0)]], np.uint8)
    >>> distances(line, 1, vertices=4)
    array([[  0,   2,   1, 255]], dtype=uint8)
    """
    if not 1 <= vertices <= 64:
        raise ValueError(f"vertices must be 1 to 64, one bit each; got {vertices}")
    if not 1 <= source <= vertices:
        raise ValueError(f"source must be a vertex of its graph, 1 to {vertices}; got {source}")
    result = np.full((len(tokens), vertices), NO_PATH, np.uint8)
    fill_distances(tokens, source, result)
    return result
