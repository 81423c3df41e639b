"""Families of graphs: each draws a graph whose vertices `shifted` then numbers at random.

Kernels of this file call none of another new file: numba's cache on disk watches one file alone.
"""

from collections.abc import Callable
from typing import NamedTuple


class Family(NamedTuple):
    """A law of edges with a shape."""

    title: str
    edges: Callable[[int], int]  # at most, by the number of vertices
    reach: Callable[[int], int]  # the distance that its graphs offer often enough to ask for


FAMILIES = {
    "tree": Family("uniform random tree", lambda n: n - 1, lambda n: n - 1),
    "path": Family("path", lambda n: n - 1, lambda n: n - 1),
    "cycle": Family("cycle", lambda n: n, lambda n: n // 2),
    "grid": Family("square grid", lambda n: 2 * n, lambda n: 2 * (_side(n) - 1) if n > 3 else 0),
    "star": Family("star", lambda n: n - 1, lambda n: 2),
    "two_cliques": Family("two cliques", lambda n: 2 * _pairs((n + 1) // 2), lambda n: 1),
    "two_chains": Family("two chains", lambda n: n - 2, lambda n: (n + 1) // 2 - 1),
    "barbell": Family("barbell", lambda n: 2 * _pairs(_bell(n)) + n - 2 * _bell(n) + 1,
                      lambda n: n - 2 * _bell(n) + 3 if n > 5 else 0),
    "watts_strogatz": Family("Watts-Strogatz", lambda n: n * _near(n) // 2, lambda n: n // 2),
    "preferential": Family("preferential attachment", lambda n: 2 * n, lambda n: 4 if n > 13 else 3),
    "delaunay": Family("Delaunay triangulation", lambda n: 3 * n, lambda n: 4 if n > 11 else 3),
}  # fmt: skip


def _pairs(n: int) -> int:
    return n * (n - 1) // 2


def _side(n: int) -> int:
    """Columns of the smallest square that holds n vertices."""
    return next(k for k in range(1, n + 1) if k * k >= n)


def _bell(n: int) -> int:
    """Vertices of each clique of a barbell."""
    return max(3, n // 3)


def _near(n: int) -> int:
    """Neighbours of each vertex of the ring that is rewired."""
    return 2 if n < 10 else 4
