"""The label distribution of every world, in exact fractions: what the generator is held to.

Dynamic programming over the layers of a breadth-first search. A graph has n edges, each a pair of
independent uniform endpoints. After some layers let f vertices be the frontier, u the vertices not
yet reached, and r the edges of which it is only known that neither endpoint lies behind the
frontier: each is uniform over the (f + u)^2 ordered pairs. Of these, f^2 stay inside the frontier,
2 f u lead out of it, and u^2 wait for later. Counting sequences of pairs keeps everything in whole
numbers.
"""

from fractions import Fraction
from functools import cache
from itertools import product
from math import comb

from offpath.data.graphs import FIXED, ON_PATH
from offpath.data.worlds import World


@cache
def distance_distribution(vertices: int) -> tuple[Fraction, ...]:
    """P(d(1, 2) = d) in a drawn graph of `vertices` vertices, for d = 1, 2, ...; entry 0: no path.

    >>> [str(p) for p in distance_distribution(2)]
    ['1/4', '3/4']
    """
    counts = _sequences(1, vertices - 1, vertices)
    total = vertices ** (2 * vertices)
    return (Fraction(total - sum(counts), total), *(Fraction(c, total) for c in counts))


@cache
def label_distribution(world: World, vertices: int | None = None) -> tuple[Fraction, ...]:
    """P(label) for the labels 0 to `max_vertices` of a world, or of its graphs with `vertices`
    vertices.

    All vertices but 1 and 2 are alike, so that the distance to a uniform target is that to 2, and a
    target on the path before 2 is uniform on 3..n.
    """
    if vertices is None:
        sizes = range(world.fewest_vertices, world.most_vertices + 1)
        rows = [label_distribution(world, n) for n in sizes]
        return tuple(sum(column, Fraction(0)) / len(rows) for column in zip(*rows, strict=True))
    drawn = distance_distribution(vertices)
    weights = [Fraction(0)] * (world.graphs.max_vertices + 1)  # by label, up to a common factor
    for distance, probability in enumerate(drawn):
        kept = probability * world.shares[distance]
        if world.target_rule == FIXED:
            weights[distance or -1] += kept
        elif world.target_rule == ON_PATH:
            nameable = Fraction(min(world.target_limit, vertices) - 2, vertices - 2)
            for i in range(1, distance + 1):
                share = Fraction(2 * i, distance * (distance + 1))
                weights[i] += kept * share * (1 if i == distance else nameable)
        else:
            present = Fraction(min(world.target_limit, vertices) - 1, world.target_limit - 1)
            weights[distance or -1] += kept * present
            weights[-1] += kept * (1 - present)
    total = sum(weights)
    return tuple(weight / total for weight in weights)


def mean_acceptance(world: World) -> Fraction:
    """The share of drawn graphs that a world keeps, before it asks for a target.

    Rejected graphs are redrawn with the same n, so that every n yields as many kept ones: this is
    the harmonic mean of the shares of each n.
    """
    sizes = range(world.fewest_vertices, world.most_vertices + 1)
    drawn_for_one = Fraction(0)
    for n in sizes:
        pairs = zip(distance_distribution(n), world.shares, strict=False)
        drawn_for_one += 1 / sum((p * share for p, share in pairs), Fraction(0))
    return len(sizes) / drawn_for_one


@cache
def _sequences(frontier: int, unreached: int, edges: int) -> tuple[int, ...]:
    """How many sequences of `edges` ordered pairs let 2 be reached in 1, 2, ... more hops."""
    result = [0] * unreached
    for new, rest in product(range(1, unreached + 1), range(edges)):
        # Which edges wait, which vertices are reached by the others, and how.
        ways = comb(edges, rest) * comb(unreached, new) * _reaching(frontier, edges - rest, new)
        # Vertex 2 is among the new ones in new / unreached of these ways; the waiting edges have
        # their endpoints among all vertices that were unreached before.
        result[0] += ways * new * unreached ** (2 * rest) // unreached
        if missed := ways * (unreached - new) // unreached:
            for hop, count in enumerate(_sequences(new, unreached - new, rest), start=1):
                result[hop] += missed * count
    return tuple(result)


@cache
def _reaching(frontier: int, edges: int, new: int) -> int:
    """Ways for `edges` pairs, each touching the frontier, to reach exactly `new` given vertices."""
    return sum(
        comb(edges, leading)
        * frontier ** (2 * (edges - leading))  # both ends in the frontier
        * (2 * frontier) ** leading  # one end, first or second, in it
        * _surjections(leading, new)
        for leading in range(new, edges + 1)
    )


@cache
def _surjections(balls: int, boxes: int) -> int:
    """Ways to throw balls into boxes so that none stays empty (inclusion and exclusion)."""
    return sum((-1) ** k * comb(boxes, k) * (boxes - k) ** balls for k in range(boxes + 1))
