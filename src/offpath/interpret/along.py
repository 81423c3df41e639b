"""When things appear inside a network: probes, heads and answers at the checkpoints along training.

In: a run that kept weights along training. Out: measures of each checkpoint, and for each measure
the step at which it has gone half of its way. All are of the question that pre-training asks, with
t = 2, on the same unseen graphs; probes are fitted on half of these and tested on the others.
Costs 0.5 s per checkpoint of the recipe laptop.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Integer

from offpath import results
from offpath.compute import Compute
from offpath.configs import Graphs
from offpath.data.batches import Batch, draw
from offpath.data.worlds import world
from offpath.fit.checkpoints import load_model
from offpath.fit.transformer import Transformer, predict
from offpath.interpret.activations import chunks, record
from offpath.interpret.attention import heads, share_of
from offpath.interpret.probes import fit_probe, r_squared, rounded
from offpath.interpret.questions import Questions, parted, questions
from offpath.networks import networks
from offpath.results.inside import ProbeToken
from offpath.run.folder import Run

QUESTIONS, ASKED, SEED = 1000, 4096, 16  # recorded; answered
DISTANCES = range(1, 6)
MEASURES = {
    **{f"right at {d}": f"accuracy at a distance of {d}" for d in DISTANCES},
    "right at no path": "accuracy where there is no path",
    "d(1,2) in the middle": "R2 of a linear probe of the question token; half of the layers done",
    "d(1,2) at the end": "the same with all layers done",
    "d(1,v)": "R2 of linear probes of edge tokens, for the hops from 1 to their ends; best layer",
    "d(2,v)": "the same for the hops from 2",
    "sharpest head": "of edge tokens: 1 less the entropy, as a share of that of even attention",
    "sharpest head of the question": "the same of the attention of the question",
    "neighbours": "largest lift of a head's attention from edges to what shares an endpoint",
    "question to 1": "largest lift of a head's attention from the question to edges at 1",
    "question to 2": "the same to edges at 2",
}
"""Probes are tested where there is a path alone. The best layer is chosen on the fitted half."""
LIFTS: dict[str, tuple[ProbeToken, str]] = {
    "neighbours": ("edge", "any end"),
    "question to 1": ("question", "touches 1"),
    "question to 2": ("question", "touches 2"),
}
LEAST_CHANGE = 0.1  # of a measure from the first checkpoint to the last, for it to have an onset
Stream = Float[np.ndarray, "_ width"]
Truths = Integer[np.ndarray, "_ target"]
Values = dict[str, float | None]


class Data(NamedTuple):
    """Questions with t = 2 that no training has seen."""

    fitted: Questions  # that probes are fitted on
    tested: Questions  # that probes are tested on, and heads measured; no graph is in both
    asked: Batch  # for the accuracy of answers


class Streams(NamedTuple):
    """What a network holds of some questions after 0, 1, ... layers."""

    edges: list[Stream]  # edge tokens of all questions, in order
    question: list[Stream]  # question tokens


def along(run: Run, compute: Compute) -> list[results.AlongStep]:
    """The measures of each checkpoint that training kept; empty if it kept none.

    Questions are plain ones. Networks over vertex tokens are refused, see `attention.heads`.
    """
    data = draw_data(run.configuration.graphs, compute.threads)
    return [
        results.AlongStep(
            network=network, step=step,
            measures=measures(load_model(run, checkpoint, compute.device), data),
        )
        for network, step, checkpoint in checkpoints(run)
    ]  # fmt: skip


def draw_data(graphs: Graphs, threads: int = 1) -> Data:
    """The questions, the same for all networks on such graphs."""
    asked = draw(world("pretraining", graphs), SEED, 0, ASKED, "evaluation", threads)
    return Data(*parted(questions(asked.take(slice(QUESTIONS)))), asked)


def checkpoints(run: Run) -> Iterator[tuple[str, int, str]]:
    """Network, steps done, and checkpoint: what training started from, kept, and ended with."""
    for one in networks(run.configuration):
        paths = run.folder.glob(f"checkpoints/{one.name}-step*.safetensors")
        steps = sorted(int(path.stem.rpartition("-step")[2]) for path in paths)
        ended = run.checkpoint(one.name).exists()
        if ended and one.training and one.starts_from and steps:
            yield one.name, 0, one.starts_from
            for step in steps:
                if step < one.training.steps:
                    yield one.name, step, f"{one.name}-step{step}"
            yield one.name, one.training.steps, one.name


def measures(model: Transformer, data: Data) -> Values:
    """The measures of a network, by name."""
    parts = data.fitted, data.tested
    streams, looked = [_streams(model, part) for part in parts], heads(model, data.tested)
    distances = [part.batch.distance[:, None] for part in parts]
    at_question = [
        _r2([stream.question[layer] for stream in streams], distances, data.asked.no_path).tested
        for layer in (model.architecture.layers // 2, -1)
    ]
    of_ends = {
        "d(1,v)": [part.at_ends(part.from_source)[part.edges] for part in parts],
        "d(2,v)": [part.at_ends(part.from_target)[part.edges] for part in parts],
    }
    return {
        **_accuracies(predict(model, data.asked.tokens), data.asked),
        "d(1,2) in the middle": at_question[0],
        "d(1,2) at the end": at_question[1],
        **{name: _best_r2(streams, hops, data.asked.no_path) for name, hops in of_ends.items()},
        "sharpest head": 1 - min(one.edge_entropy for one in looked),
        "sharpest head of the question": 1 - min(one.question_entropy for one in looked),
        **{name: max(share_of(one, *kind).lift for one in looked)
           for name, kind in LIFTS.items()},
    }  # fmt: skip


def onsets(steps: Sequence[results.AlongStep]) -> list[results.Onset]:
    """For each network and measure, the step at which half of the way is done for good.

    The way is that from the first checkpoint to the last. Of several crossings it is the last,
    behind which the measure stays on the side of its last value; between two checkpoints it is
    interpolated over the logarithm of 1 + step. None where the way is below `LEAST_CHANGE`.

    >>> values = ((0, 0.0), (9, 0.7), (99, 0.3), (999, 1.0))
    >>> made = [results.AlongStep(network="pretrained", step=step, measures={"d(1,v)": value})
    ...         for step, value in values]
    >>> round(onsets(made)[0].step)  # two sevenths of a decade behind step 99
    192
    """
    made = []
    for network in dict.fromkeys(one.network for one in steps):
        own = [one for one in steps if one.network == network]
        for measure in own[0].measures:
            values = [one.measures[measure] for one in own]
            known = [(np.log1p(one.step), value) for one, value in zip(own, values, strict=True)
                     if value is not None]  # fmt: skip
            first, last = values[0], values[-1]
            moved = first is not None and last is not None and abs(last - first) >= LEAST_CHANGE
            made.append(results.Onset(
                network=network, measure=measure, first=first, last=last,
                step=half_way(np.array(known)) if moved else None,
            ))  # fmt: skip
    return made


def half_way(curve: Float64[np.ndarray, "checkpoint 2"]) -> float:
    """The step at which the last of the crossings of half the way lies."""
    (x, y) = curve.T
    way = (y - y[0]) / (y[-1] - y[0])
    before = np.flatnonzero(way < 0.5)[-1]
    pair = slice(before, before + 2)
    return float(np.expm1(np.interp(0.5, way[pair], x[pair])))


def _streams(model: Transformer, q: Questions) -> Streams:
    """What the network holds at all edges, and at the questions."""
    edges, asked = [], []
    for _, tokens in chunks(model, q.batch.tokens):
        residual = record(model, tokens).residual
        whole = np.stack([stream.double().cpu().numpy() for stream in residual])
        edges.append(whole[:, :, :-1][:, tokens[:, :-1, 1] != 0])  # (layer, edge, width)
        asked.append(whole[:, :, -1])
    return Streams([*np.concatenate(edges, 1)], [*np.concatenate(asked, 1)])


def _accuracies(answers: Float[np.ndarray, " example"], asked: Batch) -> Values:
    """Accuracy at each distance; None where no question has it."""
    no_path = asked.no_path
    right = rounded(answers, no_path) == asked.distance
    made: Values = {}
    for name, label in (*((str(d), d) for d in DISTANCES), ("no path", no_path)):
        at = (asked.distance == label) & (label < no_path or name == "no path")
        made[f"right at {name}"] = float(right[at].mean()) if at.any() else None
    return made


class Fit(NamedTuple):
    """R2 of probes, the mean over their targets."""

    left_out: float  # on what they are fitted on, each row left out of its own prediction
    tested: float | None  # on other graphs; None where the truth does not vary


def _best_r2(streams: list[Streams], truths: list[Truths], no_path: int) -> float | None:
    """R2 at edge tokens in the layer that is best on the part that probes are fitted on."""
    layers = zip(*(stream.edges for stream in streams), strict=True)
    fits = [_r2([*held], truths, no_path) for held in layers]
    return max(fits, key=lambda fit: fit.left_out).tested


def _r2(held: list[Stream], truths: list[Truths], no_path: int) -> Fit:
    """R2 of probes fitted on the first part, and tested on the second, of rows with a path."""
    paths = [np.flatnonzero((truth < no_path).all(1)) for truth in truths]
    x, y = (part[rows] for part, rows in zip(held, paths, strict=True))
    fitted, tested = (truth[rows].astype(float) for truth, rows in zip(truths, paths, strict=True))
    probe = fit_probe(x, fitted)
    found = [r_squared(read, truth) for read, truth in zip(probe(y).T, tested.T, strict=True)]
    numbers = [one for one in found if one is not None]
    left_out = float(np.nan_to_num(probe.left_out_r2, nan=0.0).mean())
    return Fit(left_out, float(np.mean(numbers)) if numbers else None)
