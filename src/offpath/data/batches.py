"""Examples in batches: any part of a world's endless stream, and frozen evaluation sets.

Example i of a stream depends on (seed, world, purpose, i) alone. Step s of training takes examples
s * batch to (s + 1) * batch, each rank its share of them: a stream resumes without any state. With
several candidates per example it chooses among s * batch * candidates and the next, by seed and
step; then each rank draws them all.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from hashlib import sha256
from itertools import count as count_from
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8

from offpath.data.asking import Asked, asked
from offpath.data.changes import ask_anew, rename, shares
from offpath.data.emphasis import chosen, emphasis
from offpath.data.graphs import draw_examples
from offpath.data.shifted import draw_shifted
from offpath.data.worlds import World
from offpath.errors import InputError
from offpath.reporters import differs, says
from offpath.sections import Reporters

Purpose = Literal["training", "evaluation"]
RENAMING, MIXING, CHOOSING, ASKING, REPORTING = (2**20 * number for number in range(1, 6))
"""Added to the number of a random stream: what else is drawn for an example."""
MOST_DRAWN = 2**20  # examples among which different graphs, or a condition, are looked for
DRAWN = 7  # columns of a batch that are drawn: the others are of reporters
NEXT_TRY, MOST_TRIES = 2**48, 2**15  # added to an index, to draw its example again, so often
TRIED_AT_ONCE = 2**14  # examples, where more than one try of each is drawn


class Batch(NamedTuple):
    """Examples with their labels, and what else is true of them."""

    tokens: UInt8[np.ndarray, "example token 2"]  # edges as drawn; padding; last the question on t
    distance: UInt8[np.ndarray, " example"]  # hops from vertex 1 to t; `max_vertices`: no path
    distance_to_2: UInt8[np.ndarray, " example"]  # the same from vertex 1 to vertex 2
    vertices: UInt8[np.ndarray, " example"]  # vertices of the graph
    stratum: UInt8[np.ndarray, " example"]  # index into `slices.STRATA`
    unseen_id: Bool[np.ndarray, " example"]  # whether fine-tuning never asks for vertex id t
    isolated: Bool[np.ndarray, " example"]  # whether no edge touches t; true if t is absent too
    answer: UInt8[np.ndarray, " example"] | None = None  # of the reporter; None: the distance
    reporter: UInt8[np.ndarray, " example"] | None = None  # its number; None: plain questions

    @property
    def labels(self) -> UInt8[np.ndarray, " example"]:
        """What training wants to be answered."""
        return self.distance if self.answer is None else self.answer

    @property
    def columns(self) -> dict[str, Any]:
        """The fields that are there, by name."""
        return {name: column for name, column in self._asdict().items() if column is not None}

    @property
    def no_path(self) -> int:
        """The label of no path: `max_vertices`. A plain question's second entry is one more."""
        reporter = 0 if self.reporter is None else int(self.reporter[:1].sum())
        return int(self.tokens[:1, -1, 1].sum()) - reporter - 1

    def take(self, which: np.ndarray | slice) -> "Batch":
        """Some of the examples."""
        taken = [None if column is None else column[which] for column in self]
        return Batch(*taken)  # type: ignore[arg-type]

    @property
    def token_counts(self) -> Int64[np.ndarray, " example"]:
        """Tokens of each example that are not padding."""
        return (self.tokens[:, :, 1] != 0).sum(1)


def ask(batch: Batch, who: Sequence[Asked], number: Int64[np.ndarray, " example"]) -> Batch:
    """The same questions, each asked of `who[number]`, whomever they were asked of before."""
    tokens, answer = batch.tokens.copy(), batch.distance
    markers = np.array([one.number for one in who], np.uint8)[number]
    tokens[:, -1, 1] = batch.no_path + 1 + markers
    for place, one in enumerate(who):
        if one.rule is not None:
            answer = np.where(number == place, says(batch, one.rule), answer)
    return batch._replace(tokens=tokens, answer=answer, reporter=markers)


def ask_all(batch: Batch, reporters: Reporters, who: str) -> Batch:
    """The same questions, each asked of one reporter."""
    return ask(batch, asked(reporters, [(who, 1.0)]), np.zeros(len(batch.distance), np.int64))


def joined(batches: Sequence[Batch]) -> Batch:
    """The examples of several batches of the same number of tokens, in order."""
    columns = zip(*batches, strict=True)
    whole = [None if parts[0] is None else np.concatenate(parts) for parts in columns]
    return Batch(*whole)  # type: ignore[arg-type]


def draw(
    world: World, seed: int, start: int, count: int, purpose: Purpose = "training", threads: int = 1
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
    return _drawn(world, seed, np.arange(start, start + count), purpose, threads)


def _drawn(
    world: World, seed: int, indices: Int64[np.ndarray, " example"], purpose: Purpose, threads: int
) -> Batch:
    """The examples that have these indices."""
    stream = 2 * world.number + (purpose == "evaluation")
    if world.parts:
        return _mixed(world, seed, indices, purpose, threads)
    if world.distinct_graphs:
        pool = _pool(world, seed, purpose)
        which = shares(seed, stream + CHOOSING, indices) * len(pool.distance)
        batch = pool.take(which.astype(np.int64))
        rules = (world.graphs.finetune_vertices, world.graphs.max_vertices)
        rules += (world.target_rule, world.largest_target)
        ask_anew(rules, seed, stream + ASKING, indices, batch[:DRAWN])
    elif world.differ is not None:
        batch = _by_agreement(world, seed, indices, purpose, threads)
    else:
        batch = _by_rejection(world, seed, indices, purpose, threads)
    if world.renamed:
        small, largest = world.graphs.finetune_vertices, world.graphs.max_vertices
        share, by_seed, largest_target = world.renamed
        limits = (share, largest, largest_target or largest, small)
        indices = np.zeros_like(indices) if by_seed else indices
        rename(limits, seed, stream + RENAMING, indices, (batch.tokens, batch.unseen_id))
    if world.asked:
        ends = np.cumsum([one.share for one in world.asked])[:-1]
        drawn = shares(seed, stream + REPORTING, indices)
        batch = ask(batch, world.asked, np.searchsorted(ends, drawn, "right"))
    return batch


def _by_agreement(
    world: World, seed: int, indices: Int64[np.ndarray, " example"], purpose: Purpose, threads: int
) -> Batch:
    """Questions on which an inspector is right, or wrong: each index has tries of its own."""
    assert world.differ is not None, "a world without a condition is drawn as it is"
    rule, wanted = world.differ
    batch = _by_rejection(world, seed, indices, purpose, threads)
    left = np.flatnonzero(differs(batch, rule) != wanted)
    tried, fruitless = 1, 0
    while len(left):
        # As many again: few rounds.
        more = max(1, min(tried, TRIED_AT_ONCE // len(left), MOST_TRIES - tried))
        tries, tried = np.arange(tried, tried + more), tried + more
        again = indices[left] + NEXT_TRY * tries[:, None]  # (try, example)
        drawn = _by_rejection(world, seed, again.ravel(), purpose, threads)
        fits = (differs(drawn, rule) == wanted).reshape(again.shape)
        found = fits.any(0)
        first = fits.argmax(0) * len(left) + np.arange(len(left))
        for column, new in zip(batch[:DRAWN], drawn.take(first[found])[:DRAWN], strict=True):
            column[left[found]] = new
        left = left[~found]
        fruitless = 0 if found.any() else fruitless + fits.size
        if len(left) and (fruitless > MOST_DRAWN or tried == MOST_TRIES):
            raise InputError(
                f"reporters.inspectors: {rule} is {'right' if wanted else 'wrong'} on all "
                f"questions of {world.name}, or on nearly all; choose another rule or other graphs"
            )
    return batch


def _by_rejection(
    world: World, seed: int, indices: Int64[np.ndarray, " example"], purpose: Purpose, threads: int
) -> Batch:
    w, graphs, count = world, world.graphs, len(indices)
    rules = (w.fewest_vertices, w.most_vertices, graphs.finetune_vertices, graphs.max_vertices)
    rules += (w.edge_law, w.target_rule, w.largest_target)
    columns = (np.empty(count, kind) for kind in [np.uint8] * 4 + [np.bool_] * 2)
    batch = Batch(np.empty((count, world.slots, 2), np.uint8), *columns)
    stream = 2 * world.number + (purpose == "evaluation")
    held_out = graphs.held_out_share if purpose == "training" else 0.0
    cuts = np.linspace(0, count, threads + 1).astype(int).tolist()

    def fill(first: int, end: int) -> None:
        out = tuple(array[first:end] for array in batch[:DRAWN])
        if w.shift:
            draw_shifted(w, held_out, seed, stream, indices[first:end], out)
        else:
            draw_examples(rules, acceptance(w), held_out, seed, stream, indices[first:end], out)

    if threads == 1:  # a pool takes .2 ms, as long as some hundred examples
        fill(0, count)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(fill, cuts[:-1], cuts[1:]))
    return batch


def _mixed(
    world: World, seed: int, indices: Int64[np.ndarray, " example"], purpose: Purpose, threads: int
) -> Batch:
    """Each example from one of the parts of a world: of a part the one with the same index."""
    ends = np.cumsum([share for share, _ in world.parts])[:-1]
    part_of = np.searchsorted(ends, shares(seed, 2 * world.number + MIXING, indices), "right")
    order = np.argsort(part_of, kind="stable")
    drawn = [
        _drawn(part, seed, indices[part_of == number], purpose, threads)
        for number, (_, part) in enumerate(world.parts)
    ]
    return joined(drawn).take(np.argsort(order, kind="stable"))


@lru_cache(maxsize=8)
def _pool(world: World, seed: int, purpose: Purpose) -> Batch:
    """The first examples of a world that have different graphs, as many as it allows."""
    from offpath.data.contents import contents_of  # it reads batches

    wanted = world.distinct_graphs
    assert wanted is not None, "a world without a limit needs no pool"
    count = min(MOST_DRAWN, 4 * wanted)
    while True:
        batch = _by_rejection(world, seed, np.arange(count), purpose, 1)
        _, first = np.unique(contents_of(batch.tokens).graph, return_index=True)
        if len(first) >= wanted:
            return batch.take(np.sort(first)[:wanted])
        if count == MOST_DRAWN:
            raise InputError(
                f"distinct_graphs must be at most {len(first):,} here, for there are no more among "
                f"{count:,} examples; got {wanted:,}"
            )
        count = min(MOST_DRAWN, 4 * count)


def stream(
    world: World,
    seed: int,
    batch_examples: int,
    first_step: int = 0,
    rank: int = 0,
    ranks: int = 1,
    threads: int = 1,
) -> Iterator[Batch]:
    """The endless batches of training, from step `first_step` on; each rank gets its share.

    The next batch is drawn in a thread while the caller works on this one.
    """
    low, high = share_of_rank(batch_examples, rank, ranks)
    of_each = world.candidates

    def share(first: int) -> Batch:
        if of_each == 1:
            return draw(world, seed, first + low, high - low, threads=threads)
        batch = draw(world, seed, first * of_each, batch_examples * of_each, threads=threads)
        frequency = emphasis(batch.tokens, batch.distance, batch.vertices)
        return batch.take(chosen(frequency, batch_examples, seed, first)[low:high])

    with ThreadPoolExecutor(1) as pool:
        pending = None
        for first in count_from(first_step * batch_examples, batch_examples):
            ahead = pool.submit(share, first)
            if pending is not None:
                yield pending.result()
            pending = ahead


def share_of_rank(count: int, rank: int, ranks: int) -> tuple[int, int]:
    """From where to where the share of a process goes.

    >>> [share_of_rank(48, rank, 5) for rank in (0, 1, 4)]
    [(0, 9), (9, 19), (38, 48)]
    """
    low, high = np.linspace(0, count, ranks + 1).astype(int)[rank : rank + 2].tolist()
    return low, high


def frozen(world: World, seed: int, examples: int, threads: int = 1) -> tuple[Batch, str]:
    """The evaluation set of (world, seed, examples), from a stream of its own, and its SHA-256."""
    batch = draw(world, seed, 0, examples, "evaluation", threads)
    return batch, sha256(b"".join(array.tobytes() for array in batch.columns.values())).hexdigest()


@cache  # exact fractions cost .1 ms at 8 vertices and 6 ms at 64: too much for every batch
def acceptance(world: World) -> Float64[np.ndarray, "vertices label"]:
    """[n, label]: the share of graphs to keep, divided by the largest share that n allows."""
    limit = world.graphs.max_vertices
    table = np.zeros((limit + 1, limit + 1))
    for n in range(world.fewest_vertices, world.most_vertices + 1):
        largest = max(world.shares[:n])  # distances up to n - 1, and entry 0, no path
        table[n, :n] = [share / largest for share in world.shares[:n]]
        table[n, limit] = table[n, 0]
    return table
