"""Changes to examples once they are drawn: other vertex ids, and other questions on graphs.

In: the columns of a batch, which are changed in place, and (seed, stream, indices). What happens to
an example depends on these alone. Costs about a tenth of a microsecond per example.

The kernels call those of `graphs.py`, whose edits numba's cache does not see.
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Float64, Int64

from offpath.data.graphs import (
    BLOCKS,
    OF_STRATUM,
    ONE,
    ZERO,
    below,
    draw_target,
    frontier_layers,
    kernel,
    next_word,
    truth,
)


@kernel
@no_type_check
def shares(
    seed: int, stream: int, indices: Int64[np.ndarray, " example"]
) -> Float64[np.ndarray, " example"]:
    """A uniform number from 0 to 1 for each example."""
    source = words, state = np.empty(2 * BLOCKS, np.uint64), np.empty(5, np.int64)
    drawn = np.empty(len(indices))
    for example in range(len(indices)):
        state[:] = (seed, stream, indices[example], 0, len(words))
        drawn[example] = np.float64(next_word(source) >> np.uint64(11)) * 2.0**-53
    return drawn


@kernel
@no_type_check
def rename(
    rules: tuple[float, int, int, int],
    seed: int,
    stream: int,
    indices: Int64[np.ndarray, " example"],
    out: tuple[np.ndarray, ...],
) -> None:
    """Give the vertices 3, 4, ... random ids, in a share of the examples.

    `rules`: that share; the largest id of all; the largest that the target may get; and the largest
    id that fine-tuning asks for.
    """
    share, largest, largest_target, largest_seen = rules
    tokens, unseen_id = out
    source = words, state = np.empty(2 * BLOCKS, np.uint64), np.empty(5, np.int64)
    ids = np.empty(largest + 1, np.uint8)
    for example in range(len(indices)):
        state[:] = (seed, stream, indices[example], 0, len(words))
        if np.float64(next_word(source) >> np.uint64(11)) * 2.0**-53 >= share:
            continue
        row = tokens[example]
        while True:
            draw_ids(source, ids)
            if ids[row[-1, 0]] <= largest_target:
                break
        for i in range(len(row) - 1):
            a, b = ids[row[i, 0]], ids[row[i, 1]]
            row[i, 0], row[i, 1] = min(a, b), max(a, b)
        row[-1, 0] = ids[row[-1, 0]]
        unseen_id[example] = row[-1, 0] > largest_seen


@kernel
@no_type_check
def draw_ids(source: tuple[np.ndarray, np.ndarray], ids: np.ndarray) -> None:
    """Fill `ids` with new ids of the vertices 0, 1, ...: 0 (padding), 1 and 2 keep theirs."""
    for vertex in range(len(ids)):
        ids[vertex] = vertex
    for vertex in range(len(ids) - 1, 3, -1):  # Fisher, Yates 1938
        other = 3 + below(source, vertex - 2)
        ids[vertex], ids[other] = ids[other], ids[vertex]


def ids_of_seed(seed: int, stream: int, largest: int) -> list[int]:
    """The ids that vertices 0 to `largest` get where all examples of a seed have the same."""
    tokens = np.stack([np.arange(largest + 1), np.arange(largest + 1)], axis=1).astype(np.uint8)
    tokens = np.append(tokens, np.zeros((1, 2), np.uint8), axis=0)[None]
    rules = (1.0, largest, largest, largest)
    rename(rules, seed, stream, np.zeros(1, np.int64), (tokens, np.zeros(1, np.bool_)))
    return tokens[0, :-1, 0].tolist()


@kernel
@no_type_check
def ask_anew(
    rules: tuple[int, int, int, int],
    seed: int,
    stream: int,
    indices: Int64[np.ndarray, " example"],
    out: tuple[np.ndarray, ...],
) -> None:
    """Draw the targets of examples anew, by the rule that has drawn them."""
    largest_seen, no_path, target_rule, largest_target = rules
    tokens, distance, distance_to_2, size, stratum, unseen_id, isolated = out
    source = words, state = np.empty(2 * BLOCKS, np.uint64), np.empty(5, np.int64)
    adjacency, layers = np.zeros(64, np.uint64), np.zeros((2, 65), np.uint64)
    for example in range(len(indices)):
        state[:] = (seed, stream, indices[example], 0, len(words))
        row, n, d2 = tokens[example], size[example], distance_to_2[example]
        adjacency[:] = ZERO
        for i in range(len(row) - 1):
            if row[i, 0] != 0:
                a, b = np.uint64(row[i, 0]) - ONE, np.uint64(row[i, 1]) - ONE
                adjacency[np.int64(a)] |= ONE << b
                adjacency[np.int64(b)] |= ONE << a
        while True:  # it ends: a target that fits was found when the graph was drawn
            frontier_layers(adjacency, 0, ONE << ONE, no_path, layers[0])
            target = draw_target(target_rule, largest_target, source, adjacency, layers[0], d2)
            label, where = truth(adjacency, n, target, d2, no_path, layers)
            if target < largest_target and (
                target_rule < OF_STRATUM or where == target_rule - OF_STRATUM
            ):
                break
        row[-1, 0], distance[example], stratum[example] = target + 1, label, where
        unseen_id[example] = target >= largest_seen
        isolated[example] = target >= n or adjacency[target] == ZERO
