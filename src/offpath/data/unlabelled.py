"""Graphs without labels, drawn whole, and the share of the examples with labels beside them.

In: (seed, step) or (seed, example). Out: graphs as in test e, of which a quarter, by content, is
held out for measurement; examples, of which some are left out.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import count
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, UInt8

from offpath.configs import Graphs
from offpath.data.batches import Batch, draw
from offpath.data.changes import shares
from offpath.data.distances import Adjacency, adjacency_of
from offpath.data.graphs import held_out
from offpath.data.mixtures import FIRST_NUMBER
from offpath.data.worlds import World, worlds
from offpath.plans import Coherence
from offpath.slices import ANY_TARGET

GRAPHS = 48  # of each step
HELD_OUT_SHARE = 0.25
FIRST_UNLABELLED = FIRST_NUMBER + 64  # of their random streams, behind those of changed worlds
SIZES = ("all", "small", "large")
AUDITING = (
    5 * 2**20
)  # added to the number of a random stream, as in `batches`; never beside REPORTING


class Whole(NamedTuple):
    """Some graphs, each with all questions that can be asked about it."""

    tokens: UInt8[np.ndarray, "question token 2"]  # of each graph the targets 2, 3, ... in turn
    adjacency: Adjacency  # by vertices 1, 2, ... of the largest graph


def unlabelled_world(graphs: Graphs, coherence: Coherence) -> World:
    """The law of test e in graphs of some sizes; training never draws the quarter held out."""
    share = max(HELD_OUT_SHARE, graphs.held_out_share)
    base = worlds(graphs.model_copy(update={"held_out_share": share}))[ANY_TARGET]
    small, number = graphs.finetune_vertices, FIRST_UNLABELLED + SIZES.index(coherence.sizes)
    if coherence.sizes == "small":
        return replace(base, number=number, most_vertices=small)
    return replace(
        base, number=number, fewest_vertices=small + 1 if coherence.sizes == "large" else 3
    )


def whole_graphs(
    graphs: Graphs, coherence: Coherence, seed: int, first_step: int = 0
) -> Iterator[Whole]:
    """The graphs of each step, from `first_step` on."""
    world = unlabelled_world(graphs, coherence)
    for step in count(first_step):
        batch = draw(world, seed, step * GRAPHS, GRAPHS)
        whole = whole_of(batch.tokens)
        if coherence.shuffled:
            whole = whole._replace(adjacency=np.roll(whole.adjacency, 1, axis=0))
        yield whole


def whole_of(tokens: UInt8[np.ndarray, "graph token 2"]) -> Whole:
    """Every question on the graphs of these examples."""
    largest = tokens.shape[1] - 1
    asked = np.repeat(tokens[:, None], largest - 1, axis=1)
    asked[:, :, -1, 0] = np.arange(2, largest + 1)
    return Whole(asked.reshape(-1, *tokens.shape[1:]), adjacency_of(tokens))


def is_held_out(adjacency: Adjacency) -> Bool[np.ndarray, " graph"]:
    """Which graphs training without labels never draws."""
    bits = (np.uint64(1) << np.arange(adjacency.shape[2], dtype=np.uint64))[None, None]
    masks = np.where(adjacency, bits, np.uint64(0)).sum(2, dtype=np.uint64)
    return np.array([held_out(neighbours, HELD_OUT_SHARE) for neighbours in masks], bool)


def audited(
    batches: Iterable[Batch], share: float, world: World, seed: int, first: int, batch_examples: int
) -> Iterator[Batch]:
    """The examples of each batch that are kept: each with this probability, by seed and number.

    `first`: the number of the first example of the first batch; the next begins `batch_examples`
    later.
    """
    for start, batch in zip(count(first, batch_examples), batches, strict=False):
        numbers = np.arange(start, start + len(batch.distance))
        kept = shares(seed, 2 * world.number + AUDITING, numbers) < share
        yield batch if kept.all() else batch.take(kept)
