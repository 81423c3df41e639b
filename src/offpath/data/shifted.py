"""Examples of the shift suite: a question, a graph that has it, and ids for its vertices.

In: a world with a shift, and (seed, stream, index). Out: that one example, whatever the batch,
thread or process. Whether t is on the path is left to rejection, and so are held-out graphs.

The kernels call none of another new file: numba's cache on disk watches one file alone.
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Int64

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
from offpath.data.growth import Place, grow, growth, weights
from offpath.data.questions import ON_PATH, PAIRS, Question, Shift
from offpath.data.worlds import World
from offpath.errors import InputError
from offpath.slices import STRATA

MOST_ATTEMPTS = 2**10  # for one example
MOST_FRUITLESS = 2**10  # examples in succession of which none is found: there is none
GRAPH_BLOCKS = 2**21  # of random words for each attempt
NAMING = 2**31  # the first block of the words that number vertices
NAMING_BLOCKS = 2**11
ANY = 255  # stratum of a question that may be any
STRATUM = {stratum.slice: index for index, stratum in enumerate(STRATA)}


def draw_shifted(
    world: World, held_out_share: float, seed: int, stream: int,
    indices: Int64[np.ndarray, " example"],
    out: tuple[np.ndarray, ...],
) -> None:  # fmt: skip
    """Fill the arrays of `out` with the examples of a stream that have these indices."""
    shift, graphs = world.shift, world.graphs
    assert shift is not None, "the caller has looked"
    questions = [question for question, _ in shift.questions] or [None]
    shares = np.cumsum([float(share) for _, share in shift.questions])[:-1]
    chosen, ids = np.zeros(len(out[0]), np.int64), np.array(shift.target_ids)
    choose((seed, stream, indices, 0), shares, chosen)
    rules = (graphs.max_vertices, graphs.finetune_vertices, held_out_share)
    for number, question in enumerate(questions):
        rows, fruitless = np.flatnonzero(chosen == number), 0
        asked = (shift.vertices, ids, _wanted(question, graphs.max_vertices))
        for attempt in range(1, MOST_ATTEMPTS):
            if not len(rows) or fruitless > MOST_FRUITLESS:
                break
            fits = np.zeros(len(rows), np.bool_)
            graph = _graphs(shift, question, (seed, stream, indices, attempt * GRAPH_BLOCKS), rows)
            naming = (seed, stream, indices, NAMING + attempt * NAMING_BLOCKS)
            place_vertices(naming, rules, asked, rows, graph, out, fits)
            fruitless = 0 if fits.any() else fruitless + len(rows)
            rows = rows[~fits]
        if len(rows):
            raise InputError(
                f"{world.name}: no graph was found for {question}; choose another level, or a "
                "smaller --graphs.held-out-share"
            )


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
    seed, stream, indices, first_block = place
    for example in range(len(chosen)):
        state[:] = (seed, stream, indices[example], first_block, len(words))
        number = np.float64(next_word(source) >> np.uint64(11)) * 2.0**-53
        for cut in cuts:
            chosen[example] += number >= cut


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
    seed, stream, indices, first_block = place
    no_path, largest_seen, held_out_share = rules
    vertices, ids, wanted = asked
    tokens, distance, distance_to_2, size, stratum, unseen_id, isolated = out
    edges, counts, special = graph
    adjacency, layers = np.zeros(64, np.uint64), np.zeros((2, 65), np.uint64)
    names = np.empty(64, np.int64)
    for i in range(len(rows)):
        state[:] = (seed, stream, indices[rows[i]], first_block, len(words))
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
