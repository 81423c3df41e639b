"""Random graphs drawn exactly from WWZ24's law given the distances from 1 to 2 and to t.

In: the number of vertices and of pairs, and the two distances. Out: pairs of vertices, counted from
0 in the order in which a breadth-first search from 1 reaches them, and the places of 2 and t.
Distance 14 of 15 vertices costs no more than 3, where rejection meets it once in 400,000 graphs.

Dynamic programming as in `label_distribution.py`: let f vertices be the frontier, u those not yet
reached, and r the pairs of which no end lies behind the frontier. Each is uniform over (f + u)^2
pairs. Vertices but 1 are alike: given the layers, 2 and t are uniform in theirs.

The kernels call none of another new file: numba's cache on disk watches one file alone.
"""

from functools import lru_cache
from math import exp, log
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float64

from offpath.data.graphs import BLOCKS, Source, below, kernel, next_word
from offpath.data.questions import OFF_PATH, Question, Shift

END = 255  # the layer of what no path leads to
Place = tuple[int, int, np.ndarray, int]  # seed, stream, indices, first block of random words


class Growth(NamedTuple):
    """What the growth of a graph by layers is given."""

    vertices: int  # of the graph
    pairs: int  # that are drawn
    hop_2: int  # the layer of vertex 2, or `END`
    hop_t: int  # the layer of the target
    spare: bool  # whether the target needs another vertex in its layer to be off the path


def growth(shift: Shift, question: Question) -> Growth:
    """What the layers of a graph are given by a question."""
    hop_2, hop_t = (END if d is None else d for d in (question.distance_to_2, question.distance))
    spare = question.stratum == OFF_PATH and hop_t < hop_2
    return Growth(shift.vertices, shift.pairs, hop_2, hop_t, spare)


@lru_cache(32)  # the questions of one level; at 64 vertices a table has some 10 MB
def weights(given: Growth) -> Float64[np.ndarray, "hop frontier unreached pairs"]:
    """The expected number of choices of 2 and t that fit, from each state of the growth on.

    At its start, divided by (n - 1) (n - 2), it is the probability of the two distances.
    """
    hops = max(hop for hop in (0, given.hop_2, given.hop_t) if hop != END)
    side = given.vertices + 1
    values = np.zeros((hops + 1, side, side, given.pairs + 1))
    weigh(given, values)
    return values


@kernel
@no_type_check
def fraction(source: Source) -> float:
    """A uniform number from 0 to below 1."""
    return np.float64(next_word(source) >> np.uint64(11)) * 2.0**-53


@kernel
@no_type_check
def choices(given: Growth, hop: int, size: int) -> float:
    """In how many ways 2 and t lie in a layer of that size, so far as they belong there."""
    if given.hop_t == hop and given.hop_2 == hop:
        return size * (size - 1.0)
    if given.hop_t == hop:
        return 0.0 if given.spare and size < 2 else float(size)
    return float(size) if given.hop_2 == hop else 1.0


@kernel
@no_type_check
def weigh(given: Growth, values: np.ndarray) -> None:
    """Fill the table of `weights`: states with fewer vertices to reach come first."""
    last, pairs = len(values) - 1, given.pairs
    ends = given.hop_2 == END or given.hop_t == END
    factorials = np.zeros(pairs + 1)  # logarithms
    for k in range(1, pairs + 1):
        factorials[k] = factorials[k - 1] + log(k)
    reach, sums = np.zeros((pairs + 1, given.vertices + 1)), np.zeros(pairs + 1)
    values[last] = 0.0 if ends else 1.0
    for u in range(1, given.vertices):
        for f in range(1, given.vertices - u + 1):
            fill_reach(f, u, pairs, reach)
            wait = (u / (f + u)) ** 2
            for hop in range(last + ends):
                for e in range(pairs + 1):
                    end = choices(given, END, u) if hop == last else 0.0
                    for left in range(pairs + 1 - e):
                        sums[left] = reach[e, 0] * end
                    for new in range(1, min(e, u) + 1):
                        scale = reach[e, new] * choices(given, hop + 1 if hop < last else 0, new)
                        then = min(hop + 1, last)
                        for left in range(pairs + 1 - e):
                            sums[left] += scale * values[then, new, u - new, left]
                    for left in range(pairs + 1 - e):
                        chance = factorials[left + e] - factorials[left] - factorials[e]
                        chance += e * log(1.0 - wait) + left * log(wait)
                        values[hop, f, u, left + e] += exp(chance) * sums[left]


@kernel
@no_type_check
def fill_reach(f: int, u: int, pairs: int, reach: np.ndarray) -> None:
    """[e, new]: the probability that e pairs that touch the frontier reach `new` vertices of u.

    Each stays inside the frontier with weight f, and leads to each unreached vertex with weight 2.
    """
    reach[0, 0] = 1.0
    for e in range(1, pairs + 1):
        for new in range(min(e, u) + 1):
            reach[e, new] = reach[e - 1, new] * (f + 2 * new) / (f + 2 * u) if new < e else 0.0
            if new:
                reach[e, new] += reach[e - 1, new - 1] * 2 * (u - new + 1) / (f + 2 * u)


@kernel
@no_type_check
def grow(
    place: Place, given: Growth, values: np.ndarray, rows: np.ndarray,
    graph: tuple[np.ndarray, ...],
) -> None:  # fmt: skip
    """Draw a graph for each row, layer by layer, and the places of 2 and t in their layers."""
    source = words, state = np.empty(2 * BLOCKS, np.uint64), np.empty(5, np.int64)
    seed, stream, indices, first_block = place
    edges, counts, special = graph
    reach = np.zeros((given.pairs + 1, given.vertices + 1))
    layers = np.zeros((END + 1, 2), np.int64)  # first vertex and size of each layer
    for i in range(len(rows)):
        state[:] = (seed, stream, indices[rows[i]], first_block, len(words))
        hop, first, f, u, filled = 0, 0, 1, given.vertices - 1, 0
        while hop < len(values) - 1 or given.hop_2 == END or given.hop_t == END:
            grown = hop, f, u, given.pairs - filled
            e, new = next_layer(source, given, values, grown, reach)
            lead(source, edges[i, filled : filled + e], first, f, new)
            filled, hop, first, f, u = filled + e, hop + 1, first + f, new, u - new
            layers[min(hop, END - 1)] = (first, f)
            if new == 0:
                break
        layers[END] = (first, u)
        for k in range(filled, given.pairs):  # what is left may be anywhere in front
            edges[i, k, 0] = first + below(source, f + u)
            edges[i, k, 1] = first + below(source, f + u)
        counts[i] = given.pairs
        (first_2, size_2), (first_t, size_t) = layers[given.hop_2], layers[given.hop_t]
        special[i, 1] = first_2 + below(source, size_2)
        special[i, 2] = first_t + below(source, size_t - (given.hop_2 == given.hop_t))
        special[i, 2] += given.hop_2 == given.hop_t and special[i, 2] >= special[i, 1]


@kernel
@no_type_check
def next_layer(
    source: Source, given: Growth, values: np.ndarray, grown: tuple[int, int, int, int],
    reach: np.ndarray,
) -> tuple[int, int]:  # fmt: skip
    """How many of the pairs that are left touch the frontier, and how many vertices they reach."""
    hop, f, u, left = grown
    last = len(values) - 1
    fill_reach(f, u, left, reach)
    wait = (u / (f + u)) ** 2
    ticket = fraction(source) * values[min(hop, last), f, u, left]
    then = min(hop + 1, last)
    found = 0, 0
    logarithm = left * log(wait)
    for e in range(left + 1):
        chance = exp(logarithm)
        logarithm += log((1.0 - wait) / wait * (left - e) / (e + 1)) if e < left else 0.0
        for new in range(min(e, u) + 1):
            weight = chance * reach[e, new]
            if new:
                weight *= choices(given, hop + 1 if hop < last else 0, new)
                weight *= values[then, new, u - new, left - e]
            else:
                weight *= choices(given, END, u) if hop >= last else 0.0
            if weight > 0.0:
                found = e, new
                ticket -= weight
                if ticket < 0.0:
                    return found
    return found  # rounding left a crumb of the ticket


@kernel
@no_type_check
def lead(source: Source, edges: np.ndarray, first: int, f: int, new: int) -> None:
    """Draw pairs that touch the frontier so that they reach exactly the next `new` vertices.

    `cover[k, c]`: the probability that k pairs reach the c vertices still to be reached.
    """
    count = len(edges)
    cover = np.zeros((count + 1, new + 1))
    cover[0, 0] = 1.0
    for k in range(1, count + 1):
        for c in range(min(k, new) + 1):
            cover[k, c] = cover[k - 1, c] * (f + 2 * (new - c)) / (f + 2 * new)
            if c:
                cover[k, c] += cover[k - 1, c - 1] * 2 * c / (f + 2 * new)
    missing = new
    for i in range(count):
        k = count - i
        edges[i, 0] = first + below(source, f)
        reaching = cover[k - 1, missing - 1] * 2 * missing / (f + 2 * new) if missing else 0.0
        if missing and fraction(source) * cover[k, missing] < reaching:
            edges[i, 1] = first + f + new - missing
            missing -= 1
        else:
            other = below(source, f + 2 * (new - missing))
            edges[i, 1] = first + (other if other < f else f + (other - f) // 2)
