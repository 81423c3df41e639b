"""Random graphs with one question each: every numba kernel of the data.

In: a world's rules and (seed, stream, index). Out: that one example, in whatever batch, thread or
process. Cost: 0.1 to 0.7 microseconds per accepted example and core.

A graph is one 64-bit mask of neighbours per vertex: bit v - 1 stands for vertex v, so that a search
moves a whole frontier by or-ing masks. Randomness is Philox4x32-10 (Salmon, Moraes, Dror, Shaw
2011, "Parallel random numbers: as easy as 1, 2, 3"): key = seed, counter = (block, index, stream),
so that example 10^12 costs what example 0 does.

All kernels that draw are in this one file because numba's cache on disk watches only the file that
a kernel is written in: after an edit, a caller in another file would still use the old kernel. In
`contents.py` kernels call `mixed` alone, a published function that does not change.
"""

from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float64, Int64, UInt64
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

UNIFORM_PAIRS = 0  # laws of edges: a kernel each, chosen in `draw_examples`
FIXED, ON_PATH, UNIFORM = 0, 1, 2  # rules for the target, see `draw_target`
OF_STRATUM = 8  # and more: uniform, of the stratum whose index is added to this

BLOCKS = 8  # Philox blocks made at once: the loop over them vectorizes
ZERO, ONE, HALF_WORD, LOW = np.uint64(0), np.uint64(1), np.uint64(32), np.uint64(0xFFFFFFFF)
MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
KEY_STEPS = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))

Masks = UInt64[np.ndarray, " vertex"]  # a set of vertices for each vertex or each distance
Source = tuple[np.ndarray, np.ndarray]  # random words; (seed, stream, index, block, words used)

kernel = numba.njit(cache=True, nogil=True)
inlined = numba.njit(cache=True, nogil=True, inline="always")


@kernel
@no_type_check
def draw_examples(
    rules: tuple[int, ...],
    acceptance: Float64[np.ndarray, "vertices label"],
    held_out_share: float,
    seed: int,
    stream: int,
    indices: Int64[np.ndarray, " example"],
    out: tuple[np.ndarray, ...],
) -> None:
    """Fill the arrays of `out` with the examples of a stream that have these indices.

    `acceptance[n, label]`: the share of the graphs with n vertices at that distance 1-2 to keep. A
    rejected graph is redrawn with the same n: only ratios count, and the largest share may be 1.
    `held_out_share`: of all graphs, the share that never occurs, see `held_out`.
    """
    fewest, most, largest_seen, no_path, edge_law, target_rule, largest_target = rules
    tokens, distance, distance_to_2, size, stratum, unseen_id, isolated = out
    source = words, state = np.empty(2 * BLOCKS, np.uint64), np.empty(5, np.int64)
    adjacency, layers = np.zeros(64, np.uint64), np.zeros((2, 65), np.uint64)
    for example in range(len(distance)):
        state[:] = (seed, stream, indices[example], 0, len(words))
        row = tokens[example]
        n = fewest + below(source, most - fewest + 1)
        while True:
            threshold = np.float64(next_word(source) >> np.uint64(11)) * 2.0**-53
            adjacency[:n] = ZERO
            if edge_law == UNIFORM_PAIRS:
                edges = uniform_pairs(source, n, row, adjacency)
            else:
                raise ValueError("edge_law must be a law of edges of data/graphs.py")
            d2 = frontier_layers(adjacency, 0, ONE << ONE, no_path, layers[0])
            if threshold < acceptance[n, d2] and not held_out(adjacency[:n], held_out_share):
                target = draw_target(target_rule, largest_target, source, adjacency, layers[0], d2)
                label, where = truth(adjacency, n, target, d2, no_path, layers)
                if target < largest_target and (
                    target_rule < OF_STRATUM or where == target_rule - OF_STRATUM
                ):
                    break
        row[edges:-1] = 0
        row[-1, 0], row[-1, 1] = target + 1, len(row)
        size[example], distance_to_2[example] = n, d2
        unseen_id[example] = target >= largest_seen
        isolated[example] = target >= n or adjacency[target] & ~(ONE << np.uint64(target)) == ZERO
        distance[example], stratum[example] = label, where


@kernel
@no_type_check
def uniform_pairs(source: Source, vertices: int, row: np.ndarray, adjacency: Masks) -> int:
    """WWZ24's law of edges: n independent uniform pairs; loops are dropped, repeated edges stay.

    Each law writes at most as many edges as the largest graph has vertices into `row`, a row of
    tokens, and into the empty `adjacency`, by `add_edge`, and returns their number.
    """
    # 8 endpoints from 60 bits up to n = 16, 4 endpoints from 58 bits up to n = 64
    pairs_per_word, bits = (4, np.uint64(60)) if vertices <= 16 else (2, np.uint64(58))
    mask = (ONE << bits) - ONE
    n = np.uint64(vertices)
    edges = 0
    for left in range(vertices, 0, -pairs_per_word):
        fraction = next_word(source) >> (np.uint64(64) - bits)
        for _ in range(min(left, pairs_per_word)):
            product = fraction * n
            a = np.int64(product >> bits)
            product = (product & mask) * n
            b = np.int64(product >> bits)
            fraction = product & mask
            edges = add_edge(edges, a, b, row, adjacency)
    return edges


@inlined
@no_type_check
def add_edge(edges: int, a: int, b: int, row: np.ndarray, adjacency: Masks) -> int:
    """Write edge number `edges` between two vertices, counted from 0; the new number of edges.

    A loop is not counted: the next edge overwrites it, and in `adjacency` it changes no distance.
    """
    adjacency[a] |= ONE << np.uint64(b)
    adjacency[b] |= ONE << np.uint64(a)
    row[edges, 0] = min(a, b) + 1
    row[edges, 1] = max(a, b) + 1
    return edges + (a != b)


@inlined
@no_type_check
def draw_target(
    target_rule: int, largest: int, source: Source, adjacency: Masks, layers: Masks, distance: int
) -> int:
    """The target, counted from 0: vertex 2, or one of a shortest path, or any of 2 to `largest`.

    One of a path may be above `largest`: the caller then draws another graph.
    """
    if target_rule == FIXED:
        return 1
    if target_rule == ON_PATH:
        return on_path_vertex(source, adjacency, layers, distance)
    return 1 + below(source, largest - 1)


@kernel
@no_type_check
def on_path_vertex(source: Source, adjacency: Masks, layers: Masks, distance: int) -> int:
    """Vertex number i, counted from 0, of one shortest 1-2 path; i = 1..distance, with weight i.

    The path: from vertex 2 back to 1, each time to a uniformly random neighbour one hop nearer to
    1. A search in order of ids would put small ids on paths: seen and unseen ones would differ.
    """
    ticket = below(source, distance * (distance + 1) // 2)
    position = 1
    while ticket >= position:
        ticket -= position
        position += 1
    vertex = 1
    for hop in range(distance - 1, position - 1, -1):
        nearer = adjacency[vertex] & layers[hop]
        candidates = 0
        while nearer != ZERO:  # the k-th candidate replaces the choice with probability 1 / k
            candidates += 1
            if candidates == 1 or below(source, candidates) == 0:
                vertex = np.int64(trailing_zeros(nearer))
            nearer &= nearer - ONE
    return vertex


@kernel
@no_type_check
def held_out(adjacency: Masks, share: float) -> bool:
    """Whether a graph is among the `share` of all graphs that training never draws.

    Its set of edges decides, whatever the seed, the number of vertices and repeated edges; a larger
    share holds out the same graphs and more.
    """
    if share == 0.0:
        return False
    content = ZERO
    for vertex in range(len(adjacency)):
        neighbours = adjacency[vertex] & ~(ONE << np.uint64(vertex))
        if neighbours != ZERO:
            content += mixed(mixed(neighbours) + np.uint64(vertex))
    return np.float64(mixed(content) >> np.uint64(11)) * 2.0**-53 < share


@inlined
@no_type_check
def mixed(word: np.uint64) -> np.uint64:
    """A word whose bits all depend on all bits of `word`: the finalizer of SplitMix64.

    Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators".
    """
    word += KEY_STEPS[0]
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


@kernel
@no_type_check
def truth(
    adjacency: Masks, vertices: int, target: int, distance_to_2: int, no_path: int, layers: Masks
) -> tuple[int, int]:
    """Label of a target, counted from 0, and the index of its stratum in `slices.STRATA`."""
    if target == 1:
        return distance_to_2, 0
    if target >= vertices:
        return no_path, 5
    goal = ONE << np.uint64(target)
    hops = frontier_layers(adjacency, 0, goal, no_path, layers[0])
    if hops == no_path:
        return no_path, 4
    if distance_to_2 == no_path:
        return hops, 3
    on_path = hops + frontier_layers(adjacency, 1, goal, no_path, layers[1]) == distance_to_2
    return hops, 1 if on_path else 2


@kernel
@no_type_check
def frontier_layers(adjacency: Masks, source: int, target: int, no_path: int, layers: Masks) -> int:
    """Write the set of vertices at each distance from `source`; the distance of the set `target`.

    Breadth-first search (Moore 1959, "The shortest path through a maze"): `layers[d]` are the
    vertices d hops away. It ends at the first layer that meets `target`, or out of reach at
    `no_path`.
    """
    layers[0] = visited = frontier = ONE << np.uint64(source)
    hop = 0
    while frontier & target == ZERO:
        reached = ZERO
        while frontier != ZERO:
            reached |= adjacency[np.int64(trailing_zeros(frontier))]
            frontier &= frontier - ONE
        frontier = reached & ~visited
        visited |= frontier
        hop += 1
        layers[hop] = frontier
        if frontier == ZERO:
            return no_path
    return hop


# A whole number below n comes from the high bits of (a fraction of b bits) * n; the low bits are
# the fraction for the next number. With k numbers from one fraction the probability of an outcome
# is wrong by a factor of at most 1 + n^k / 2^b: below 1 + 4e-9 for an edge list (16^8 / 2^60).
@kernel
@no_type_check
def below(source: Source, limit: int) -> int:
    """A uniform whole number from 0 to `limit` - 1, for limits up to 2^20 (relative bias 2^-24)."""
    return np.int64((next_word(source) >> np.uint64(20)) * np.uint64(limit) >> np.uint64(44))


@kernel
@no_type_check
def next_word(source: Source) -> np.uint64:
    """The next 64 random bits of an example, from its (words, state) pair."""
    words, state = source
    if state[4] == len(words):
        philox_words(state[0], state[1], state[2], state[3], words)
        state[3] += BLOCKS
        state[4] = 0
    state[4] += 1
    return words[state[4] - 1]


@kernel
@no_type_check
def philox_words(
    seed: int, stream: int, index: int, first_block: int, words: UInt64[np.ndarray, " word"]
) -> None:
    """Fill `words` with 64 random bits each, two per block, from block `first_block` on."""
    index, seed = np.uint64(index), np.uint64(seed)
    for block in range(len(words) // 2):
        c0 = np.uint64(first_block) + np.uint64(block)
        c1, c2 = index & LOW, index >> HALF_WORD
        c3 = np.uint64(stream)
        k0, k1 = seed & LOW, seed >> HALF_WORD
        for _ in range(10):
            high, low = MULTIPLIERS[0] * c0, MULTIPLIERS[1] * c2
            c0, c1 = (low >> HALF_WORD) ^ c1 ^ k0, low & LOW
            c2, c3 = (high >> HALF_WORD) ^ c3 ^ k1, high & LOW
            k0, k1 = (k0 + KEY_STEPS[0]) & LOW, (k1 + KEY_STEPS[1]) & LOW
        words[2 * block] = c0 | c1 << HALF_WORD
        words[2 * block + 1] = c2 | c3 << HALF_WORD


@intrinsic
@no_type_check
def trailing_zeros(_context: object, mask: types.Type) -> tuple[object, object]:
    """Index of the lowest bit set in a mask that is not 0: an instruction that numba lacks."""
    zero_is_undefined = ir.Constant(ir.IntType(1), 1)
    signature = types.uint64(types.uint64)
    return signature, lambda _c, builder, _s, masks: builder.cttz(masks[0], zero_is_undefined)
