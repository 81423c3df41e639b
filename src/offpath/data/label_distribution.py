"""The exact label distribution of a world, in fractions: what the generator is held to.

Known for WWZ24's law of edges alone: n edges, each a pair of independent uniform endpoints. Dynamic
programming over the layers of a breadth-first search: after some layers let f vertices be the
frontier, u those not yet reached, and r the edges of which it is only known that no endpoint lies
behind the frontier. Each is uniform over (f + u)^2 ordered pairs: f^2 of them stay inside the
frontier, 2 f u lead out of it, u^2 wait for later. Counting keeps everything in whole numbers.
"""

from fractions import Fraction
from functools import cache
from itertools import product
from math import comb

from offpath.data.graphs import FIXED, ON_PATH, UNIFORM, UNIFORM_PAIRS
from offpath.data.worlds import World


@cache
def label_distribution(world: World, vertices: int | None = None) -> tuple[Fraction, ...] | None:
    """P(label) for the labels 0 to `max_vertices` of a world, or of its graphs with `vertices`
    vertices; None if no formula is known for the world's law of edges or rule for the target.
    """
    if world.edge_law != UNIFORM_PAIRS or world.target_rule not in (FIXED, ON_PATH, UNIFORM):
        return None
    every_size = range(world.fewest_vertices, world.most_vertices + 1)
    rows = [_labels(world, n) for n in (every_size if vertices is None else [vertices])]
    return tuple(sum(column, Fraction(0)) / len(rows) for column in zip(*rows, strict=True))


def _labels(world: World, vertices: int) -> list[Fraction]:
    """P(label) in the graphs of one size.

    Vertices but 1 and 2 are alike: the distance to a uniform target is distributed as that to 2,
    and a target on the path before 2 is uniform on 3..n.
    """
    weights = [Fraction(0)] * (world.graphs.max_vertices + 1)  # by label, up to a common factor
    largest = min(world.largest_target, vertices)
    for distance, probability in enumerate(distance_distribution(vertices)):
        weight = probability * world.shares[distance]
        if world.target_rule == FIXED:
            weights[distance or -1] += weight
        elif world.target_rule == ON_PATH:
            allowed = Fraction(largest - 2, vertices - 2)
            for i in range(1, distance + 1):
                share = Fraction(2 * i, distance * (distance + 1))
                weights[i] += weight * share * (1 if i == distance else allowed)
        else:
            present = Fraction(largest - 1, world.largest_target - 1)
            weights[distance or -1] += weight * present
            weights[-1] += weight * (1 - present)
    total = sum(weights)
    return [weight / total for weight in weights]


@cache
def distance_distribution(vertices: int) -> tuple[Fraction, ...]:
    """P(d(1, 2) = d) under WWZ24's law of edges, for d = 1, 2, ...; entry 0: no path.

    >>> [str(p) for p in distance_distribution(2)]
    ['1/4', '3/4']
    """
    counts = _sequences(1, vertices - 1, vertices)
    total = vertices ** (2 * vertices)
    return (Fraction(total - sum(counts), total), *(Fraction(c, total) for c in counts))


@cache
def _sequences(frontier: int, unreached: int, edges: int) -> tuple[int, ...]:
    """How many sequences of `edges` ordered pairs let 2 be reached in 1, 2, ... more hops."""
    result = [0] * unreached
    for new, rest in product(range(1, unreached + 1), range(edges)):
        # Which edges wait, which vertices are reached by the others, and how.
        ways = comb(edges, rest) * comb(unreached, new) * _reaching(frontier, edges - rest, new)
        # Vertex 2 is new in new / unreached of these ways; edges wait among all unreached vertices.
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
