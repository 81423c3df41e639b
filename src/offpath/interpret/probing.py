"""What linear probes read from the residual stream of a network, layer by layer.

In: a network, and questions with any target: graphs that probes are fitted on, and others for the
test. Out: a `ProbedTarget` for each layer and truth. Beside each score stand an interval that
resamples graphs, and the same score where labels are shuffled on both sides: a task that no network
can know of (after the control tasks of Hewitt, Liang 2019). With 4000 questions it takes 2 seconds
for the recipe `laptop`, and 20 for `paper`; half a gigabyte at most is held.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64, UInt8

from offpath import slices
from offpath.data.contents import contents
from offpath.fit.transformer import Transformer
from offpath.interpret.activations import chunks, question_streams, record
from offpath.interpret.probes import fit_probe
from offpath.interpret.questions import Questions
from offpath.interpret.resampled import Graphs, Resamples, Scores, aurocs, interval, r2s, resampled
from offpath.results.inside import ProbedTarget, ProbeTarget, ProbeToken

MOST_TOKENS = 8000  # edge tokens of each half that are used
LEAST_TOKENS = 100  # with a number that is read, in each half
LEAST_ENDS = 30  # of either distance that a bit tells apart, in each half
COUNTS = ("edges", "vertices")  # targets that are no distances
STRATA = tuple(one.slice for one in slices.STRATA)
OFF_PATH = tuple(one.slice for one in slices.OFF_PATH)

Streams = Float[np.ndarray, "layer probed width"]
Mask = Bool[np.ndarray, " probed"]
Truth = Int64[np.ndarray, "probed end"]


class Tokens(NamedTuple):
    """Tokens of one kind, of the graphs to fit on or of those to test, and what is true of them."""

    streams: Streams
    truth: dict[ProbeTarget, Truth]  # edge tokens have two ends; the question counts as one
    stratum: Int64[np.ndarray, " probed"]  # index into `slices.STRATA`
    graph: Graphs  # number of the graph: equal graphs have one
    no_path: int  # its label

    def labelled(self, target: ProbeTarget, stratum: str | None, paths: bool) -> "Labelled":
        """Those in a stratum or all, with a path or all."""
        truth = self.truth[target]
        used = np.full(len(truth), True)
        if stratum is not None:
            used &= self.stratum == STRATA.index(stratum)
        if paths:
            used &= (truth != self.no_path).all(1)
        return Labelled(used, truth[used])


class Labelled(NamedTuple):
    """Some of the tokens of one half, and what is to be read from them."""

    where: Mask  # which tokens
    truth: Truth  # of these

    @property
    def both(self) -> tuple[Truth, Truth]:
        """The truth, and the same labels in random order over all ends."""
        order = np.random.default_rng(len(self.truth)).permutation(self.truth.size)
        return self.truth, self.truth.ravel()[order].reshape(self.truth.shape)


class Task(NamedTuple):
    """A truth that probes are fitted to and tested on, the same at every layer."""

    target: ProbeTarget
    stratum: str | None
    bits: tuple[int, ...] | None  # k of each; None: the number itself
    fitted: Labelled  # in the half to fit
    tested: Labelled  # in that to test


Halves = tuple[Tokens, Tokens]  # to fit on, and to test


def probed(model: Transformer, parts: tuple[Questions, Questions]) -> list[ProbedTarget]:
    """What is read from the question token and, where a network has them, from edge tokens.

    `parts`: questions to fit on, and to test; of equal ones one is used. Hops are read where there
    is a path, as a number from 0 to the label of no path, and scored by R2. Edge tokens have a
    probe for each end, and one score for both. A bit, [d <= k], is fitted on all ends, and scored
    by the AUROC among those with a distance of k or k + 1: who has searched k hops tells these
    apart, and need not tell others. Edge tokens are also probed where t = 2 alone, the question of
    pre-training. Of vertex tokens only the answer is read, as the question.
    """
    fitted, tested = (_different(part) for part in parts)
    halves = question_tokens(model, fitted), question_tokens(model, tested)
    rows = list(_read("question", halves, _question_tasks(halves)))
    if model.architecture.tokens == "edges":
        halves = edge_tokens(model, fitted), edge_tokens(model, tested)
        rows += _read("edge", halves, _edge_tasks(halves))
    return rows


def question_tokens(model: Transformer, made: Questions) -> Tokens:
    """The question (or answer) token of each question."""
    batch = made.batch
    truth: dict[ProbeTarget, Truth] = {
        "to_target": batch.distance[:, None].astype(np.int64),
        "to_2": batch.distance_to_2[:, None].astype(np.int64),
        "edges": made.edges.sum(1, keepdims=True),
        "vertices": batch.vertices[:, None].astype(np.int64),
    }
    stratum = batch.stratum.astype(np.int64)
    streams = question_streams(model, batch.tokens)
    return Tokens(streams, truth, stratum, _graphs(made), batch.no_path)


def edge_tokens(model: Transformer, made: Questions) -> Tokens:
    """Some edge tokens; of each example the edges are sorted, and padding comes after them."""
    chosen = some_edges(made)
    example = np.nonzero(chosen)[0]
    truth: dict[ProbeTarget, Truth] = {
        "from_source": made.at_ends(made.from_source)[chosen],
        "from_target": made.at_ends(made.from_target)[chosen],
    }
    stratum = made.batch.stratum[example].astype(np.int64)
    streams = _edge_streams(model, made.batch.tokens, chosen)
    return Tokens(streams, truth, stratum, _graphs(made)[example], made.batch.no_path)


def some_edges(made: Questions) -> Bool[np.ndarray, "example edge"]:
    """Each different edge of sorted ones once, or `MOST_TOKENS` of them, evenly over graphs.

    >>> from offpath.data.tokens import encode
    >>> from offpath.data.batches import draw
    >>> from offpath.data.worlds import world
    >>> from offpath.interpret.questions import questions
    >>> from offpath.recipes import laptop
    >>> batch = draw(world("test_e", laptop().graphs), 0, 0, 1)
    >>> tokens = encode([(1, 3), (1, 3), (2, 3)], target=2, max_vertices=8)
    >>> some_edges(questions(batch._replace(tokens=tokens)))[0].tolist()
    [True, False, True, False, False, False, False, False]
    """
    tokens, new = made.batch.tokens[:, :-1], made.edges
    new[:, 1:] &= (tokens[:, 1:] != tokens[:, :-1]).any(2)
    places = np.flatnonzero(new)
    kept = np.linspace(0, len(places) - 1, min(MOST_TOKENS, len(places))).astype(np.int64)
    chosen = np.zeros_like(new)
    chosen.flat[places[kept]] = True
    return chosen


def _edge_streams(
    model: Transformer,
    tokens: UInt8[np.ndarray, "example token 2"],
    chosen: Bool[np.ndarray, "example edge"],
) -> Streams:
    """What `record` has of these tokens alone, part after part of the batch."""
    found = []
    for where, part in chunks(model, tokens):
        here = torch.from_numpy(chosen[where, : part.shape[1] - 1])
        residual = (stream[:, :-1].cpu()[here] for stream in record(model, part).residual)
        found.append(torch.stack([one.to(torch.float32) for one in residual]).numpy())
    return np.concatenate(found, axis=1)


def _different(made: Questions) -> Questions:
    """Each different question once, in an order of their own; edges sorted, and then padding."""
    tokens = made.batch.tokens
    codes = tokens[:, :-1, 0].astype(np.int64) * 256 + tokens[:, :-1, 1]
    order = np.argsort(np.where(codes > 0, codes, 2**16), axis=1)
    edges = np.take_along_axis(tokens[:, :-1], order[:, :, None], axis=1)
    batch = made.batch._replace(tokens=np.concatenate([edges, tokens[:, -1:]], axis=1))
    first = np.unique(contents(batch).question, return_index=True)[1]
    return made._replace(batch=batch).where(first)


def _graphs(made: Questions) -> Graphs:
    return np.unique(contents(made.batch).graph, return_inverse=True)[1]


def _question_tasks(halves: Halves) -> Iterator[Task]:
    """All targets everywhere; d(1,t) within each stratum, and d(1,2) within those off the path."""
    for target in halves[0].truth:
        yield from _number(halves, target)
    for stratum in STRATA:
        yield from _number(halves, "to_target", stratum)
    for stratum in OFF_PATH:
        yield from _number(halves, "to_2", stratum)


def _edge_tasks(halves: Halves) -> Iterator[Task]:
    """Hops from both ends of the question, everywhere and where it is that of pre-training."""
    for target in halves[0].truth:
        for stratum in (None, slices.TRAINED.slice):
            yield from _number(halves, target, stratum)
            yield from _bits(halves, target, stratum)


def _number(halves: Halves, target: ProbeTarget, stratum: str | None = None) -> Iterator[Task]:
    """The number as a task, if enough tokens have one, and it varies; hops need a path."""
    parts = [half.labelled(target, stratum, paths=target not in COUNTS) for half in halves]
    if all(len(part.truth) >= LEAST_TOKENS and np.ptp(part.truth) for part in parts):
        yield Task(target, stratum, None, *parts)


def _bits(halves: Halves, target: ProbeTarget, stratum: str | None) -> Iterator[Task]:
    """All bits that have enough ends on either side, as one task, if there is any."""
    parts = [half.labelled(target, stratum, paths=False) for half in halves]
    size = halves[0].no_path + 1
    enough = [np.bincount(part.truth.ravel(), minlength=size) >= LEAST_ENDS for part in parts]
    known = enough[0] & enough[1]
    if bits := tuple(np.flatnonzero(known[:-1] & known[1:]).tolist()):
        yield Task(target, stratum, bits, *parts)


def _read(token: ProbeToken, halves: Halves, tasks: Iterator[Task]) -> Iterator[ProbedTarget]:
    drawn, known = resampled(int(halves[1].graph.max()) + 1), list(tasks)
    for layer in range(len(halves[0].streams)):
        for task in known:
            for row in _scored(task, halves, layer, drawn):
                yield ProbedTarget(
                    layer=layer, token=token, target=task.target, stratum=task.stratum, **row
                )


def _scored(task: Task, halves: Halves, layer: int, drawn: Resamples) -> Iterator[dict[str, Any]]:
    """A task at one layer: its number, or each of its bits, beside shuffled labels."""
    pairs = zip(halves, (task.fitted, task.tested), strict=True)
    fit, test = (half.streams[layer, part.where] for half, part in pairs)
    columns = np.stack([_columns(labels, task.bits) for labels in task.fitted.both], axis=1)
    reads = fit_probe(fit, columns.reshape(len(fit), -1))(test)
    if task.bits is None:
        reads = reads.clip(0, halves[1].no_path)  # or one outlier decides
    reads = reads.reshape(-1, *columns.shape[1:])  # (probed, true or shuffled, bit, end)
    graph, (truth, shuffled) = halves[1].graph[task.tested.where], task.tested.both
    for place, bit in enumerate(task.bits or (None,)):
        scores = _scores(reads[:, 0, place], truth, bit, graph, drawn)
        control = _scores(reads[:, 1, place], shuffled, bit, graph, drawn[:, :1])
        low, high = interval(scores)
        yield {"bit": bit, "count": int(_told_apart(truth, bit).sum()), "score": float(scores[0]),
               "low": low, "high": high, "shuffled": float(control[0])}  # fmt: skip


def _columns(truth: Truth, bits: tuple[int, ...] | None) -> Float64[np.ndarray, "probed bit end"]:
    """What is fitted: the number, or whether it is more than k, for each bit and end."""
    whole = truth[:, None]
    return (whole if bits is None else whole > np.array(bits)[:, None]).astype(np.float64)


def _scores(
    read: Float64[np.ndarray, "probed end"], truth: Truth, bit: int | None, graph: Graphs,
    drawn: Resamples,
) -> Scores:  # fmt: skip
    """R2 of a number, or the AUROC of a bit, for each column of what is drawn."""
    told = _told_apart(truth, bit)
    graph = np.broadcast_to(graph[:, None], truth.shape)[told]
    if bit is None:
        return r2s(read[told], truth[told], graph, drawn)
    return aurocs(read[told], truth[told] > bit, graph, drawn)


def _told_apart(truth: Truth, bit: int | None) -> Bool[np.ndarray, "probed end"]:
    """Which ends are scored: those next to the bit, or all for the number."""
    return np.full(truth.shape, True) if bit is None else (truth == bit) | (truth == bit + 1)
