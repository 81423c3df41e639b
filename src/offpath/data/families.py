"""Families of graphs, each a law of edges with a shape.

In: (seed, stream, index), and a question. Out: a graph of the family, redrawn until it offers the
question, with the places of 1, 2 and t: one of the choices that it offers, all equally likely.
`shifted.py` gives the vertices their ids.

The kernels call none of another new file: numba's cache on disk watches one file alone.
"""

from collections.abc import Callable
from typing import NamedTuple, no_type_check

import numpy as np

from offpath.data.graphs import (
    BLOCKS,
    ONE,
    ZERO,
    Masks,
    Source,
    below,
    kernel,
    next_word,
    trailing_zeros,
)

MOST_TRIES = 2**12  # graphs drawn before an attempt fails
REWIRED = 0.2  # share of the edges that Watts-Strogatz rewires
FAR = 255  # farther than any vertex


class Family(NamedTuple):
    """A law of edges with a shape."""

    title: str  # its name for readers
    edges: Callable[[int], int]  # at most, by the number of vertices
    reach: Callable[[int], int]  # the largest distance that its graphs have, and not too rarely


FAMILIES = {
    "tree": Family("uniform random tree", lambda n: n - 1, lambda n: n - 1),
    "path": Family("path", lambda n: n - 1, lambda n: n - 1),
    "cycle": Family("cycle", lambda n: n, lambda n: n // 2),
    "grid": Family("square grid", lambda n: 2 * n, lambda n: 2 * _side(n) - 3),
    "star": Family("star", lambda n: n - 1, lambda n: 2),
    "two_cliques": Family("two cliques", lambda n: 2 * _pairs((n + 1) // 2), lambda n: 1),
    "two_chains": Family("two chains", lambda n: n - 2, lambda n: (n + 1) // 2 - 1),
    "barbell": Family("barbell", lambda n: n + 1 + 2 * (_pairs(_bell(n)) - _bell(n)),
                      lambda n: min(n - 1, n - 2 * _bell(n) + 3)),
    "watts_strogatz": Family("Watts-Strogatz", lambda n: n * _near(n) // 2,
                             lambda n: n // 2 if n < 10 else (n + 3) // 4),
    "preferential": Family("preferential attachment", lambda n: 2 * n,
                           lambda n: 2 if n < 5 else 3 if n < 14 else 4),
    "delaunay": Family("Delaunay triangulation", lambda n: 3 * n,
                       lambda n: 1 if n < 4 else 2 if n < 7 else 3 if n < 12 else 4),
}  # fmt: skip
NUMBERS = {name: number for number, name in enumerate(FAMILIES)}
TREE, PATH, CYCLE, GRID, STAR, CLIQUES, CHAINS, BARBELL, WATTS, PREFERENTIAL, _ = range(11)


def _pairs(n: int) -> int:
    return n * (n - 1) // 2


@kernel
@no_type_check
def _side(n: int) -> int:
    """Columns of the smallest square that holds n vertices."""
    side = 1
    while side * side < n:
        side += 1
    return side


@kernel
@no_type_check
def _bell(n: int) -> int:
    """Vertices of each clique of a barbell; a path of the others lies between them."""
    return min(max(3, n // 3), n // 2)


@kernel
@no_type_check
def _near(n: int) -> int:
    """Neighbours of each vertex of the ring that Watts-Strogatz rewires."""
    return 2 if n < 10 else 4


@kernel
@no_type_check
def draw_family(
    place: tuple[int, int, int, int], family: int, vertices: int,
    asked: tuple[int, int, bool], rows: np.ndarray, graph: tuple[np.ndarray, ...],
) -> None:  # fmt: skip
    """Draw a graph for each row that offers a question, and one of those, all equally likely.

    `asked`: d(1, t), d(1, 2), and whether t is on a shortest path to 2; distance 0: any question.
    """
    source = words, state = np.empty(2 * BLOCKS, np.uint64), np.empty(5, np.int64)
    seed, stream, indices, first_block = place
    edges, counts, special = graph
    adjacency, distances = np.zeros(64, np.uint64), np.zeros((vertices, vertices), np.int64)
    for i in range(len(rows)):
        state[:] = (seed, stream, indices[rows[i]], first_block, len(words))
        for _ in range(MOST_TRIES):
            counts[i] = draw_edges(source, family, vertices, edges[i], adjacency)
            for vertex in range(vertices):
                fill_distances(adjacency, vertex, distances[vertex])
            offers = offer(distances, asked, -1, special[i])
            if offers:
                offer(distances, asked, below(source, offers), special[i])
                break


@kernel
@no_type_check
def fill_distances(adjacency: Masks, vertex: int, distances: np.ndarray) -> None:
    """Distances from a vertex; `FAR` where there is no path."""
    distances[:] = FAR
    visited = frontier = ONE << np.uint64(vertex)
    hop = 0
    while frontier != ZERO:
        reached = ZERO
        while frontier != ZERO:
            other = np.int64(trailing_zeros(frontier))
            distances[other] = hop
            reached |= adjacency[other]
            frontier &= frontier - ONE
        frontier = reached & ~visited
        visited |= frontier
        hop += 1


@kernel
@no_type_check
def offer(
    distances: np.ndarray, asked: tuple[int, int, bool], ticket: int, special: np.ndarray
) -> int:
    """How many choices of 1, 2 and t fit; `special` becomes number `ticket` of them."""
    hops_t, hops_2, on_path = asked
    n, found = len(distances), 0
    for a in range(n):
        for b in range(n):
            if b == a or (hops_t and distances[a, b] != hops_2):
                continue
            for t in range(n):
                if t in (a, b) or (hops_t and distances[a, t] != hops_t):
                    continue
                if hops_t and (distances[a, t] + distances[t, b] == distances[a, b]) != on_path:
                    continue
                if found == ticket:
                    special[0], special[1], special[2] = a, b, t
                found += 1
    return found


@kernel
@no_type_check
def draw_edges(source: Source, family: int, n: int, edges: np.ndarray, adjacency: Masks) -> int:
    """Write the edges of a graph of a family, and their number."""
    adjacency[:] = ZERO
    if family == TREE:
        return tree(source, n, edges, adjacency)
    if family == WATTS:
        return watts_strogatz(source, n, edges, adjacency)
    if family == PREFERENTIAL:
        return preferential(source, n, edges, adjacency)
    if family > PREFERENTIAL:
        return delaunay(source, n, edges, adjacency)
    count = 0
    for a in range(n):
        for b in range(a + 1, n):
            if adjacent(family, n, a, b):
                count = join(edges, count, a, b, adjacency)
    return count


@kernel
@no_type_check
def adjacent(family: int, n: int, a: int, b: int) -> bool:
    """Whether two vertices, a < b, are joined in a family whose graphs of a size are all alike."""
    if family == STAR:
        return a == 0
    if family == GRID:
        side = _side(n)
        return b == a + side or (b == a + 1 and b % side != 0)
    if family == CLIQUES:
        return b < (n + 1) // 2 or a >= (n + 1) // 2
    if family == BARBELL:
        return b == a + 1 or b < _bell(n) or a >= n - _bell(n)
    if family == CHAINS:
        return b == a + 1 and b != (n + 1) // 2
    return b == a + 1 or (family == CYCLE and b == a + n - 1)


@kernel
@no_type_check
def join(edges: np.ndarray, count: int, a: int, b: int, adjacency: Masks) -> int:
    """Write one more edge; their number."""
    edges[count, 0], edges[count, 1] = a, b
    adjacency[a] |= ONE << np.uint64(b)
    adjacency[b] |= ONE << np.uint64(a)
    return count + 1


@kernel
@no_type_check
def tree(source: Source, n: int, edges: np.ndarray, adjacency: Masks) -> int:
    """Every labelled tree with equal probability.

    A random walk on all vertices, of which the edges to new ones are kept: Aldous 1990, "The random
    walk construction of uniform spanning trees and uniform labelled trees".
    """
    visited, vertex, count = ONE, 0, 0
    while count < n - 1:
        other = below(source, n)
        if visited >> np.uint64(other) & ONE == ZERO:
            visited |= ONE << np.uint64(other)
            count = join(edges, count, vertex, other, adjacency)
        vertex = other
    return count


@kernel
@no_type_check
def watts_strogatz(source: Source, n: int, edges: np.ndarray, adjacency: Masks) -> int:
    """A ring whose edges move one end with probability `REWIRED`: Watts, Strogatz 1998."""
    count = 0
    for hop in range(1, _near(n) // 2 + 1):
        for a in range(n):
            count = join(edges, count, a, (a + hop) % n, adjacency)
    for k in range(count):
        a, b = np.int64(edges[k, 0]), np.int64(edges[k, 1])
        full = (ONE << np.uint64(n - 1) << ONE) - ONE
        moves = np.float64(next_word(source) >> np.uint64(11)) * 2.0**-53 < REWIRED
        if moves and adjacency[a] | ONE << np.uint64(a) != full:
            other = a
            while other == a or adjacency[a] >> np.uint64(other) & ONE != ZERO:
                other = below(source, n)
            adjacency[a] &= ~(ONE << np.uint64(b))
            adjacency[b] &= ~(ONE << np.uint64(a))
            join(edges, k, a, other, adjacency)
    return count


@kernel
@no_type_check
def preferential(source: Source, n: int, edges: np.ndarray, adjacency: Masks) -> int:
    """Each new vertex joins two others by their degrees: Barabasi, Albert 1999; first a star of 3.

    A random end of a random edge is a vertex in proportion to its degree.
    """
    count = join(edges, 0, 0, 1, adjacency)
    count = join(edges, count, 0, 2, adjacency)
    for new in range(3, n):
        ends = 2 * count
        first = below(source, ends)
        a = b = np.int64(edges[first // 2, first % 2])
        while b == a:
            second = below(source, ends)
            b = np.int64(edges[second // 2, second % 2])
        count = join(edges, count, new, a, adjacency)
        count = join(edges, count, new, b, adjacency)
    return count


@kernel
@no_type_check
def delaunay(source: Source, n: int, edges: np.ndarray, adjacency: Masks) -> int:
    """Edges of the triangles of random points in a square whose circles hold no other point."""
    points = np.empty((n, 2))
    for i in range(n):
        for axis in range(2):
            points[i, axis] = np.float64(next_word(source) >> np.uint64(11)) * 2.0**-53
    count = 0
    for a in range(n):
        for b in range(a + 1, n):
            for c in range(b + 1, n):
                if not empty_circle(points, a, b, c):
                    continue
                for first, second in ((a, b), (a, c), (b, c)):
                    if adjacency[first] >> np.uint64(second) & ONE == ZERO:
                        count = join(edges, count, first, second, adjacency)
    return count


@kernel
@no_type_check
def empty_circle(points: np.ndarray, a: int, b: int, c: int) -> bool:
    """Whether no other point lies in the circle through three: the sign of a determinant."""
    bx, by = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1]
    cx, cy = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1]
    turn, b2, c2 = bx * cy - by * cx, bx * bx + by * by, cx * cx + cy * cy
    x, y = cy * b2 - by * c2, bx * c2 - cx * b2  # the centre, seen from a, times twice the turn
    for d in range(len(points)):
        dx, dy = points[d, 0] - points[a, 0], points[d, 1] - points[a, 1]
        inside = (dx * dx + dy * dy) * turn - dx * x - dy * y
        if d != a and d != b and d != c and inside * turn < 0.0:
            return False
    return True
