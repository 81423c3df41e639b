"""Small graphs worked out by hand: one table, used by the tests of every stage."""

from typing import NamedTuple


class Case(NamedTuple):
    """An undirected graph with vertices 1..n and at most n edges (a, b), a < b."""

    vertices: int
    edges: tuple[tuple[int, int], ...]
    hops: tuple[int | None, ...]
    """From vertex 1 to vertex 1, 2, ..., n; None is no path."""
    on_path: frozenset[int]
    """The vertices of all shortest paths from 1 to 2, both ends too; empty if there is none."""


CASES = {
    "no edges": Case(3, (), (0, None, None), frozenset()),
    "one edge": Case(3, ((1, 2),), (0, 1, None), frozenset({1, 2})),
    "triangle: 3 is near, but on no shortest path": Case(
        3, ((1, 2), (1, 3), (2, 3)), (0, 1, 1), frozenset({1, 2})
    ),
    "repeated edges": Case(
        4, ((1, 3), (2, 3), (1, 3), (1, 3)), (0, 2, 1, None), frozenset({1, 2, 3})
    ),
    "line": Case(4, ((1, 3), (3, 4), (2, 4)), (0, 3, 1, 2), frozenset({1, 2, 3, 4})),
    "line that goes on behind 2": Case(
        4, ((3, 4), (2, 3), (1, 2)), (0, 1, 2, 3), frozenset({1, 2})
    ),
    "star": Case(5, ((1, 3), (2, 3), (3, 4), (3, 5)), (0, 2, 1, 2, 2), frozenset({1, 2, 3})),
    "shortcut beats the long way": Case(
        5, ((1, 3), (3, 4), (2, 4), (2, 5), (1, 5)), (0, 2, 1, 2, 1), frozenset({1, 2, 5})
    ),
    "2 is cut off": Case(5, ((1, 3), (3, 4), (2, 5)), (0, None, 1, 2, None), frozenset()),
    "1 is alone": Case(
        5, ((2, 3), (3, 4), (2, 4), (4, 5)), (0, None, None, None, None), frozenset()
    ),
    "circle: two ways round": Case(
        6,
        ((1, 3), (3, 5), (2, 5), (2, 6), (4, 6), (1, 4)),
        (0, 3, 1, 1, 2, 2),
        frozenset({1, 2, 3, 4, 5, 6}),
    ),
    # Walked back from 2 by fair choices, the path has 5 or 6 with 1/2 each, 3 with 3/4, 4 with 1/4.
    # One of the three paths chosen uniformly would give 1/3, 2/3, 2/3, 1/3.
    "three shortest paths": Case(
        7,
        ((1, 3), (1, 4), (3, 5), (3, 6), (4, 6), (2, 5), (2, 6)),
        (0, 3, 1, 1, 2, 2, None),
        frozenset({1, 2, 3, 4, 5, 6}),
    ),
}
