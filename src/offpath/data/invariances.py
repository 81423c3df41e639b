"""Changes of examples that leave every true answer as it is: a network's answers must not move.

In: a batch and a seed. Out: the same questions on the same graphs, given otherwise. Example i
depends on (seed, i) alone.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8

from offpath.data.batches import Batch

PADDING = 8  # slots that are added


class Invariance(NamedTuple):
    """A change of examples, and what it changes."""

    title: str  # its name for readers
    change: Callable[[Batch, int], Batch]  # the same questions, from a batch and a seed


def edge_order(batch: Batch, seed: int) -> Batch:
    """The edges in random order."""
    order = _random_order(batch, seed)
    edges = np.take_along_axis(batch.tokens[:, :-1], order[:, :, None], 1)
    return _with_edges(batch, edges)


def one_edge_twice(batch: Batch, seed: int) -> Batch:
    """One random edge is given once more, if the graph has one."""
    first = _random_order(batch, seed)[:, :1, None]
    edges = batch.tokens[:, :-1]
    return _with_edges(batch, np.concatenate([np.take_along_axis(edges, first, 1), edges], 1))


def every_edge_twice(batch: Batch, seed: int) -> Batch:
    """All edges are given twice."""
    return _with_edges(batch, batch.tokens[:, :-1].repeat(2, axis=1))


def swapped_ends(batch: Batch, seed: int) -> Batch:
    """Each edge has its larger vertex first."""
    return _with_edges(batch, batch.tokens[:, :-1, ::-1])


def more_padding(batch: Batch, seed: int) -> Batch:
    """More slots are empty."""
    return _with_edges(batch, np.pad(batch.tokens[:, :-1], ((0, 0), (0, PADDING), (0, 0))))


INVARIANCES = {
    "edge_order": Invariance("edges in another order", edge_order),
    "one_edge_twice": Invariance("one edge given twice", one_edge_twice),
    "every_edge_twice": Invariance("every edge given twice", every_edge_twice),
    "swapped_ends": Invariance("ends of each edge swapped", swapped_ends),
    "more_padding": Invariance("longer padding", more_padding),
}


def _random_order(batch: Batch, seed: int) -> Int64[np.ndarray, "example slot"]:
    """The slots of each example in random order, those with edges first."""
    edges = batch.tokens[:, :-1, 1]
    keys = np.random.Generator(np.random.Philox(key=[seed, 0])).random(edges.shape)
    return np.where(edges > 0, keys, np.inf).argsort(1, kind="stable")


def _with_edges(batch: Batch, edges: UInt8[np.ndarray, "example slot 2"]) -> Batch:
    tokens = np.concatenate([edges, batch.tokens[:, -1:]], axis=1)
    return batch._replace(tokens=np.ascontiguousarray(tokens))
