"""Random graphs with questions about them: every numba kernel of the data.

In: a world's rules and (seed, stream, index). Out: that one example, whatever the batch, thread,
process or machine that asks for it. About 0.1 to 0.7 microseconds an accepted example and core.

A graph is one 64-bit mask of neighbours a vertex: bit v - 1 stands for vertex v. A search then
moves a whole frontier by or-ing masks. Randomness is Philox4x32-10 (Salmon, Moraes, Dror, Shaw
2011, "Parallel random numbers: as easy as 1, 2, 3"): key = seed, counter = (block, index, stream),
so that example 10^12 costs what example 0 does.

All kernels are in this one file because numba's cache on disk watches only the file that a kernel
is written in: one that calls a kernel of another file would go on with the old one after an edit
there.
"""

from typing import no_type_check

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

NO_PATH = 255  # what a search returns where no path leads; examples carry the recipe's label

FIXED, ON_PATH, UNIFORM = 0, 1, 2  # rules for the target

BLOCKS = 8  # Philox blocks made at once: the loop over them vectorizes
ZERO, ONE = np.uint64(0), np.uint64(1)
LOW = np.uint64(0xFFFFFFFF)
HALF_WORD = np.uint64(32)
MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
KEY_STEPS = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))


@numba.njit(cache=True, nogil=True)
@no_type_check
def draw_examples(rules, acceptance, seed, stream, start, out):
    """Fill the arrays of `out` with examples `start`, `start` + 1, ... of a stream.

    `rules`: fewest and most vertices, fine-tuning limit, label of "no path", rule for the target,
    and its limit. `acceptance[n, label]`: the share of the graphs with n vertices at that distance
    1-2 to keep, scaled so that the largest share that n allows is 1: rejected graphs are redrawn
    with the same n, so that only the ratios count, and small graphs are not drawn in vain.
    """
    fewest, most, tune_limit, no_path, rule, target_limit = rules
    tokens, distance, distance_to_2, size, stratum, unseen_name, isolated = out
    words = np.empty(2 * BLOCKS, np.uint64)
    state = np.empty(5, np.int64)  # seed, stream, index, block, words used
    source = (words, state)
    adjacency = np.zeros(64, np.uint64)
    layers = np.zeros(66, np.uint64)
    layers_back = np.zeros(66, np.uint64)
    state[0], state[1] = seed, stream
    for example in range(len(distance)):
        state[2], state[3], state[4] = start + example, 0, len(words)
        row = tokens[example]
        n = fewest + below(source, most - fewest + 1)
        while True:
            threshold = np.float64(next_word(source) >> np.uint64(11)) * 2.0**-53
            edges = draw_edges(source, n, row, adjacency)
            d2 = frontier_layers(adjacency, 0, ONE << ONE, layers)
            d2 = no_path if d2 == NO_PATH else d2
            if threshold >= acceptance[n, d2]:
                continue
            if rule == FIXED:
                target = 1
            elif rule == ON_PATH:
                target = on_path_vertex(source, adjacency, layers, d2)
                if target >= target_limit:
                    continue
            else:
                target = 1 + below(source, target_limit - 1)
            break
        row[edges:-1] = 0
        row[-1, 0], row[-1, 1] = target + 1, len(row)
        size[example] = n
        distance_to_2[example] = d2
        unseen_name[example] = target >= tune_limit
        isolated[example] = target >= n or adjacency[target] & ~(ONE << np.uint64(target)) == ZERO
        d, kind = truth(adjacency, n, target, d2, no_path, layers, layers_back)
        distance[example], stratum[example] = d, kind


@numba.njit(cache=True, nogil=True)
@no_type_check
def truth(adjacency, vertices, target, distance_to_2, no_path, layers, layers_back):
    """The distance from vertex 1 to a target, counted from 0, and its place in `worlds.STRATA`."""
    if target == 1:
        return distance_to_2, 0
    if target >= vertices:
        return no_path, 5
    goal = ONE << np.uint64(target)
    d = frontier_layers(adjacency, 0, goal, layers)
    if d == NO_PATH:
        return no_path, 4
    if distance_to_2 == no_path:
        return d, 3
    on_path = d + frontier_layers(adjacency, 1, goal, layers_back) == distance_to_2
    return d, 1 if on_path else 2


@numba.njit(cache=True, nogil=True)
@no_type_check
def on_path_vertex(source, adjacency, layers, distance):
    """Vertex number i, counted from 0, of one shortest 1-2 path; i = 1..distance, with weight i.

    The path: from vertex 2 back to 1, each time to a uniformly random neighbour one hop nearer to
    1. No vertex is preferred for its name, so that names seen and unseen in fine-tuning differ in
    nothing else (a search in order of names would put small names on paths).
    """
    ticket = below(source, distance * (distance + 1) // 2)
    position = 1
    while ticket >= position:
        ticket -= position
        position += 1
    vertex = 1
    for hop in range(distance - 1, position - 1, -1):
        nearer = adjacency[vertex] & layers[hop]
        vertex = np.int64(trailing_zeros(nearer))
        others = 1
        nearer &= nearer - ONE
        while nearer != ZERO:  # the k-th candidate replaces the choice with probability 1 / k
            others += 1
            if below(source, others) == 0:
                vertex = np.int64(trailing_zeros(nearer))
            nearer &= nearer - ONE
    return vertex


@numba.njit(cache=True, nogil=True)
@no_type_check
def draw_edges(source, vertices, row, adjacency):
    """Draw n pairs of endpoints, drop the equal ones; returns how many edges are left.

    Writes the edges into the token `row`, smaller endpoint first, and into `adjacency`.
    """
    # 8 endpoints from 60 bits up to n = 16, 4 endpoints from 58 bits up to n = 64
    edges_a_word, bits = (4, np.uint64(60)) if vertices <= 16 else (2, np.uint64(58))
    mask = (ONE << bits) - ONE
    n = np.uint64(vertices)
    adjacency[:vertices] = ZERO
    edges = 0
    left = vertices
    while left > 0:
        fraction = next_word(source) >> (np.uint64(64) - bits)
        for _ in range(min(left, edges_a_word)):
            product = fraction * n
            a = np.int64(product >> bits)
            product = (product & mask) * n
            b = np.int64(product >> bits)
            fraction = product & mask
            connect(adjacency, a, b)  # a loop changes no distance
            row[edges, 0] = min(a, b) + 1
            row[edges, 1] = max(a, b) + 1
            edges += a != b  # a loop is overwritten by the next edge
        left -= edges_a_word
    return edges


@numba.njit(cache=True, nogil=True, inline="always")
@no_type_check
def connect(adjacency, a, b):
    """Add the edge between two vertices, counted from 0."""
    adjacency[a] |= ONE << np.uint64(b)
    adjacency[b] |= ONE << np.uint64(a)


@numba.njit(cache=True, nogil=True)
@no_type_check
def frontier_layers(adjacency, source, target, layers):
    """Write the set of vertices at each distance from `source`; the distance of the set `target`.

    `layers[d]` are the vertices d hops away. The search ends at the first layer that meets
    `target`, or after the last vertex within reach; the entry behind the last layer is 0.
    """
    frontier = ONE << np.uint64(source)
    visited = frontier
    layers[0] = frontier
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
            return NO_PATH
    layers[hop + 1] = ZERO
    return hop


@numba.njit(cache=True, nogil=True)
@no_type_check
def fill_distances(tokens, source, result):
    """Write the hops from `source` to each vertex, a row of `result` a graph given as edge
    tokens."""
    adjacency = np.zeros(64, np.uint64)
    layers = np.zeros(65, np.uint64)
    vertices = result.shape[1]
    for example in range(len(tokens)):
        adjacency[:] = ZERO
        for token in range(tokens.shape[1]):
            a, b = tokens[example, token, 0], tokens[example, token, 1]
            if 0 < a <= vertices and 0 < b <= vertices:
                connect(adjacency, np.int64(a) - 1, np.int64(b) - 1)
        frontier_layers(adjacency, np.int64(source) - 1, ZERO, layers)
        hop = 0
        while layers[hop] != ZERO:
            members = layers[hop]
            while members != ZERO:
                result[example, np.int64(trailing_zeros(members))] = hop
                members &= members - ONE
            hop += 1


# A whole number below n comes from the high bits of (a fraction of b bits) * n; the low bits are
# again a fraction, for the next number. Taking k numbers from one fraction makes the probability of
# an outcome wrong by a factor of at most 1 + n^k / 2^b. For an edge list that is below 1 + 4e-9
# (16^8 / 2^60).
@numba.njit(cache=True, nogil=True)
@no_type_check
def below(source, limit):
    """A uniform whole number from 0 to `limit` - 1, for limits up to 2^20 (relative bias 2^-24)."""
    return np.int64((next_word(source) >> np.uint64(20)) * np.uint64(limit) >> np.uint64(44))


@numba.njit(cache=True, nogil=True)
@no_type_check
def next_word(source):
    """The next 64 random bits of an example, from its (words, state) pair."""
    words, state = source
    if state[4] == len(words):
        philox_words(state[0], state[1], state[2], state[3], words)
        state[3] += BLOCKS
        state[4] = 0
    state[4] += 1
    return words[state[4] - 1]


@numba.njit(cache=True, nogil=True)
@no_type_check
def philox_words(seed, stream, index, first_block, words):
    """Fill `words` with 64 random bits each, two a block, from block `first_block` on."""
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
def trailing_zeros(_context, mask):  # one instruction; numba offers none by name
    """Index of the lowest bit set in a 64-bit mask that is not 0."""

    def emit(_context, builder, _signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), emit
