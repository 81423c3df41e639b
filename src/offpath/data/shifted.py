"""Examples of the shift suite: graphs drawn exactly from their law, given what a question fixes.

In: a world with a shift, and (seed, stream, index). Out: that one example, whatever the batch,
thread or process. An example draws its question, then a graph that has it, then the vertex ids.
Under WWZ24's law the graph grows by layers of a breadth-first search, each with its exact
probability given the distances to 2 and t: distance 14 of 15 vertices costs no more than 3, where
rejection meets it once in 400,000 graphs. Whether t is on the path is left to rejection.

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

from offpath.data.cells import OFF_PATH, ON_PATH, PAIRS, Question, Shift
from offpath.data.families import NUMBERS, draw_family
from offpath.data.graphs import (
    BLOCKS,
    ONE,
    ZERO,
    Source,
    add_edge,
    below,
    frontier_layers,
    held_out,
    kernel,
    next_word,
    truth,
)
from offpath.data.worlds import World
from offpath.errors import InputError
from offpath.slices import STRATA

MOST_ATTEMPTS = 2**10  # for one example
MOST_FRUITLESS = 2**10  # examples in succession of which none is found: there is none
GRAPH_BLOCKS = 2**21  # of random words for each attempt
NAMING = 2**31  # the first block of the words that number vertices
NAMING_BLOCKS = 2**11
END = 255  # the layer of what no path leads to
ANY = 255  # stratum of a question that may be any
STRATUM = {stratum.slice: index for index, stratum in enumerate(STRATA)}

Place = tuple[int, int, int, int]  # seed, stream, index of example 0, first block of random words


class Growth(NamedTuple):
    """What the growth of a graph by layers is given."""

    vertices: int
    pairs: int
    hop_2: int  # the layer of vertex 2, or `END`
    hop_t: int  # the layer of the target
    spare: bool  # whether the target needs another vertex in its layer to be off the path


def draw_shifted(
    world: World, held_out_share: float, seed: int, stream: int, start: int,
    out: tuple[np.ndarray, ...],
) -> None:  # fmt: skip
    """Fill the arrays of `out` with examples `start`, `start` + 1, ... of a stream."""
    shift, graphs = world.shift, world.graphs
    assert shift is not None, "the caller has looked"
    questions = [question for question, _ in shift.questions] or [None]
    shares = np.cumsum([float(share) for _, share in shift.questions])[:-1]
    chosen, ids = np.zeros(len(out[0]), np.int64), np.array(shift.target_ids)
    choose((seed, stream, start, 0), shares, chosen)
    rules = (graphs.max_vertices, graphs.finetune_vertices, held_out_share)
    for number, question in enumerate(questions):
        rows, fruitless = np.flatnonzero(chosen == number), 0
        asked = (shift.vertices, ids, _wanted(question, graphs.max_vertices))
        for attempt in range(1, MOST_ATTEMPTS):
            if not len(rows) or fruitless > MOST_FRUITLESS:
                break
            fits = np.zeros(len(rows), np.bool_)
            graph = _graphs(shift, question, (seed, stream, start, attempt * GRAPH_BLOCKS), rows)
            naming = (seed, stream, start, NAMING + attempt * NAMING_BLOCKS)
            place_vertices(naming, rules, asked, rows, graph, out, fits)
            fruitless = 0 if fits.any() else fruitless + len(rows)
            rows = rows[~fits]
        if len(rows):
            raise InputError(
                f"{world.name}: no graph was found for {question}; choose another level, or a "
                "smaller --graphs.held-out-share"
            )


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


def _graphs(
    shift: Shift, question: Question | None, place: Place, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each row a graph: pairs of vertices, their number, and the places of 1, 2 and t."""
    edges = np.zeros((len(rows), shift.most_edges, 2), np.uint8)
    counts, special = np.zeros(len(rows), np.int64), np.tile(np.arange(3), (len(rows), 1))
    graph = edges, counts, special
    if shift.family == PAIRS:
        assert question is not None, "a world of random pairs has questions"
        given = growth(shift, question)
        table = weights(given)
        if table[0, 1, shift.vertices - 1, shift.pairs] > 0.0:
            grow(place, given, table, rows, graph)
    else:
        asked = (0, 0, False)
        if question is not None:
            asked = question.distance, question.distance_to_2, question.stratum == ON_PATH
        draw_family(place, NUMBERS[shift.family], shift.vertices, asked, rows, graph)
    return graph


def _wanted(question: Question | None, no_path: int) -> tuple[int, int, int]:
    """Label, distance to 2 and stratum of a question as numbers."""
    if question is None:
        return 0, 0, ANY
    distance, to_2 = question.distance or no_path, question.distance_to_2 or no_path
    return distance, to_2, STRATUM[question.stratum]


@kernel
@no_type_check
def choose(place: Place, cuts: np.ndarray, chosen: np.ndarray) -> None:
    """The question of each example: how many cuts lie below a uniform number."""
    source = words, state = np.empty(2 * BLOCKS, np.uint64), np.empty(5, np.int64)
    seed, stream, start, first_block = place
    for example in range(len(chosen)):
        state[:] = (seed, stream, start + example, first_block, len(words))
        number = fraction(source)
        for cut in cuts:
            chosen[example] += number >= cut


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
    seed, stream, start, first_block = place
    edges, counts, special = graph
    reach = np.zeros((given.pairs + 1, given.vertices + 1))
    layers = np.zeros((END + 1, 2), np.int64)  # first vertex and size of each layer
    for i in range(len(rows)):
        state[:] = (seed, stream, start + rows[i], first_block, len(words))
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


@kernel
@no_type_check
def place_vertices(
    place: Place, rules: tuple[int, int, float],
    asked: tuple[int, np.ndarray, tuple[int, int, int]], rows: np.ndarray,
    graph: tuple[np.ndarray, ...],
    out: tuple[np.ndarray, ...], fits: np.ndarray,
) -> None:  # fmt: skip
    """Give the vertices of each graph their ids, write the example, and say whether it fits."""
    source = words, state = np.empty(2 * BLOCKS, np.uint64), np.empty(5, np.int64)
    seed, stream, start, first_block = place
    no_path, largest_seen, held_out_share = rules
    vertices, ids, wanted = asked
    tokens, distance, distance_to_2, size, stratum, unseen_id, isolated = out
    edges, counts, special = graph
    adjacency, layers = np.zeros(64, np.uint64), np.zeros((2, 65), np.uint64)
    names = np.empty(64, np.int64)
    for i in range(len(rows)):
        state[:] = (seed, stream, start + rows[i], first_block, len(words))
        target = ids[below(source, len(ids))] - 1
        name_vertices(source, vertices, target, special[i], names)
        adjacency[:] = ZERO
        row, filled = tokens[rows[i]], 0
        row[:] = 0
        for k in range(counts[i]):  # in random order
            other = k + below(source, counts[i] - k)
            a, b = names[edges[i, other, 0]], names[edges[i, other, 1]]
            edges[i, other] = edges[i, k]
            filled = add_edge(filled, a, b, row, adjacency)
        row[filled:] = 0
        row[-1, 0], row[-1, 1] = target + 1, no_path + 1
        d2 = frontier_layers(adjacency, 0, ONE << ONE, no_path, layers[0])
        found = truth(adjacency, 64, target, d2, no_path, layers)
        fits[i] = wanted[2] == ANY or (found[0], d2, found[1]) == wanted
        fits[i] &= not held_out(adjacency, held_out_share)
        distance[rows[i]], stratum[rows[i]] = found
        distance_to_2[rows[i]], size[rows[i]] = d2, vertices
        unseen_id[rows[i]] = target >= largest_seen
        isolated[rows[i]] = adjacency[target] & ~(ONE << np.uint64(target)) == ZERO


@kernel
@no_type_check
def name_vertices(
    source: Source, vertices: int, target: int, special: np.ndarray, names: np.ndarray
) -> None:
    """Ids, counted from 0: 0, 1 and the target's are given, the others random below `vertices`."""
    free = np.empty(64, np.int64)
    count = 0
    for name in range(2, vertices):
        if name != target:
            free[count] = name
            count += 1
    for vertex in range(vertices):
        if vertex == special[0]:
            names[vertex] = 0
        elif vertex == special[1]:
            names[vertex] = 1
        elif vertex == special[2]:
            names[vertex] = target
        else:
            pick = below(source, count)
            count -= 1
            names[vertex] = free[pick]
            free[pick] = free[count]
