"""Examples in batches: any part of a world's endless stream, and frozen evaluation sets.

Example i of a stream depends on (seed, world, purpose, i) alone. Step s of training takes examples
s * batch to (s + 1) * batch, and each rank its share of them: a stream resumes without any state.
"""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import count as count_from
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8

from offpath.data.graphs import draw_examples
from offpath.data.tokens import token_counts
from offpath.data.worlds import World

Purpose = Literal["training", "evaluation"]


class Batch(NamedTuple):
    """Examples with their labels, and what else is true of them."""

    tokens: UInt8[np.ndarray, "example token 2"]
    """Edges (a, b), a < b, as drawn; padding (0, 0); last the question (t, TARGET)."""
    distance: UInt8[np.ndarray, " example"]
    """Hops from vertex 1 to t, the label; `max_vertices` where no path leads."""
    distance_to_2: UInt8[np.ndarray, " example"]
    """Hops from vertex 1 to vertex 2; `max_vertices` likewise."""
    vertices: UInt8[np.ndarray, " example"]
    """Vertices of the graph."""
    stratum: UInt8[np.ndarray, " example"]
    """Index into `slices.STRATA`."""
    unseen_id: Bool[np.ndarray, " example"]
    """Whether t is above the fine-tuning limit: a vertex id that fine-tuning never asks for."""
    isolated: Bool[np.ndarray, " example"]
    """Whether no edge touches t; true for absent targets too, which look the same to a model."""

    @property
    def token_counts(self) -> Int64[np.ndarray, " example"]:
        """Tokens of each example that are not padding."""
        return token_counts(self.tokens)


def draw(
    world: World,
    seed: int,
    start: int,
    count: int,
    *,
    purpose: Purpose = "training",
    threads: int = 1,
) -> Batch:
    """Examples `start` to `start + count - 1` of a stream, drawn by `threads` threads.

    >>> from offpath.configs import Graphs
    >>> from offpath.data.worlds import world
    >>> graphs = Graphs(max_vertices=8, finetune_vertices=5, balance_distance=5)
    >>> draw(world("finetuning", graphs), seed=0, start=10**12, count=3).distance.shape
    (3,)
    """
    if start < 0 or count < 0:
        raise ValueError(f"start and count must be at least 0; got {start} and {count}")
    if not 0 <= seed < 2**63:
        raise ValueError(f"seed must be 0 to 2**63 - 1; got {seed}")
    graphs = world.graphs
    batch = _empty(count, graphs.max_vertices + 1)
    rules = (world.fewest_vertices, world.most_vertices, graphs.finetune_vertices,
             graphs.max_vertices, world.edge_law, world.target_rule,
             world.largest_target)  # fmt: skip
    shares = acceptance(world)
    stream = 2 * world.number + (purpose == "evaluation")
    cuts = np.linspace(0, count, max(1, threads) + 1).astype(int)

    def fill(first: int, end: int) -> None:
        out = tuple(array[first:end] for array in batch)
        draw_examples(rules, shares, seed, stream, start + first, out)

    if threads == 1:
        fill(0, count)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(fill, cuts[:-1].tolist(), cuts[1:].tolist()))
    return batch


def stream(
    world: World,
    seed: int,
    batch_examples: int,
    first_step: int = 0,
    *,
    rank: int = 0,
    ranks: int = 1,
    threads: int = 1,
) -> Iterator[Batch]:
    """The endless batches of training, from step `first_step` on; each rank gets its share.

    The next batch is drawn in a thread while the caller works on this one.
    """
    edges = np.linspace(0, batch_examples, ranks + 1).astype(int)
    low, high = int(edges[rank]), int(edges[rank + 1])
    with ThreadPoolExecutor(1) as pool:
        pending = None
        for step in count_from(first_step):
            start = step * batch_examples + low
            ahead = pool.submit(draw, world, seed, start, high - low, threads=threads)
            if pending is not None:
                yield pending.result()
            pending = ahead


def frozen(world: World, seed: int, examples: int, threads: int = 1) -> tuple[Batch, str]:
    """The evaluation set of (world, seed, examples), and its SHA-256.

    No training example comes from the same stream, whatever the seeds.
    """
    batch = draw(world, seed, 0, examples, purpose="evaluation", threads=threads)
    digest = hashlib.sha256()
    for array in batch:
        digest.update(np.ascontiguousarray(array).tobytes())
    return batch, digest.hexdigest()


@cache  # exact fractions cost .1 ms at 8 vertices and 6 ms at 64: too much for every batch
def acceptance(world: World) -> Float64[np.ndarray, "vertices label"]:
    """[n, label]: the share of graphs to keep, divided by the largest share that n allows."""
    limit = world.graphs.max_vertices
    table = np.zeros((limit + 1, limit + 1))
    for n in range(world.fewest_vertices, world.most_vertices + 1):
        largest = max(world.shares[:n])  # distances up to n - 1, and entry 0, no path
        for distance in range(1, n):
            table[n, distance] = world.shares[distance] / largest
        table[n, limit] = world.shares[0] / largest
    return table


def _empty(count: int, tokens: int) -> Batch:
    numbers = [np.empty(count, np.uint8) for _ in range(4)]
    flags = [np.empty(count, np.bool_) for _ in range(2)]
    return Batch(np.empty((count, tokens, 2), np.uint8), *numbers, *flags)
