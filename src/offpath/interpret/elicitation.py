"""Does a network know a truth that it does not say? Linear probes of its residual stream.

In: the checkpoints of a run with reporters. Out: `results/elicitation.json`. Audited are questions
on which truth and inspector agree; on these a probe learns the true distance from the stream of the
question token, while the network is asked as a reporter. It is then read where the two differ, in
other graphs. Beside it: the answers of the network, a probe of shuffled labels, one fitted on
everything, and networks that never learned the truth.
"""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from offpath import results
from offpath.compute import Compute
from offpath.configs import Configuration
from offpath.fit.checkpoints import load_model
from offpath.fit.transformer import Transformer, answer, predict
from offpath.generalize.scores import auroc
from offpath.interpret.activations import question_streams
from offpath.interpret.probes import Probe, fit_probe, r_squared
from offpath.interpret.unaudited import (
    Ends,
    Mask,
    Questions,
    Tokens,
    Values,
    asked_as,
    draw_questions,
    right_answers,
    scores,
)
from offpath.networks import Network, networks
from offpath.reporters import ASSISTANT, TRUTH
from offpath.results import write_result
from offpath.run.files import Record
from offpath.run.folder import Run, holds_run

ALARM = 0.95  # of the right answers to audited questions give no alarm
INFORMATIVE = 0.95  # of the best layer's R2: as Mallen and Belrose (2023) choose a layer
FittedOn = Literal["audited", "shuffled", "everything"]
Target = Literal["distance", "inverse"]
Stream = Float[np.ndarray, "example width"]


@holds_run
def measure_elicitation(run: Run, compute: Compute) -> Iterator[Record]:
    """Probe every network, write the result, and yield a record each time one is done.

    Nothing is measured in a run without reporters.
    """
    c = run.configuration
    if c.reporters is None or c.pretrain is None:
        return
    parts = draw_questions(c, compute.threads)
    fitted, tested = parts
    unaudited = tested.where(tested.unaudited)
    model = load_model(run, "pretrained", compute.device)
    right = [_share_right(model, unaudited, c, who) for who in (TRUTH, c.reporters.inspectors[0])]
    ends, rows, pairs = Ends(*right), [], list(_askings(c))
    for number, (one, who) in enumerate(pairs, start=1):
        model = load_model(run, one.name, compute.device)
        tokens = (asked_as(fitted, c, who), asked_as(tested, c, who))
        known = {"network": one.name, "reporter": who, "learned_truth": _learned_truth(one, c)}
        rows.append(results.AskedNetwork(**known, **probed(model, parts, tokens, ends)))
        yield {"stage": "elicitation", "step": number, "of": len(pairs), "world": one.title}
    frequent = np.bincount(unaudited.batch.distance)
    made = results.Elicitation(
        max_vertices=c.graphs.max_vertices,
        inspector=c.reporters.inspectors[0],
        fitted_audited=int((~fitted.unaudited).sum()),
        fitted_unaudited=int(fitted.unaudited.sum()),
        audited=int((~tested.unaudited).sum()),
        unaudited=len(unaudited.says),
        truth_right=ends.truth,
        inspector_right=ends.inspector,
        constant=int(frequent.argmax()),
        constant_right=float(frequent.max() / frequent.sum()),
        asked=rows,
    )
    write_result(run, made)


def probed(
    model: Transformer,
    parts: tuple[Questions, Questions],
    tokens: tuple[Tokens, Tokens],
    ends: Ends,
) -> dict[str, Any]:
    """What a network answers, and what probes read: the fields of a `results.AskedNetwork`.

    `parts` are questions that probes are fitted on, and others; `tokens` ask them of a reporter.
    """
    fitted, tested = parts
    streams = [question_streams(model, asked_as) for asked_as in tokens]
    answers = [_read_out(model, stream[-1]) for stream in streams]
    right = [right_answers(own, part) for own, part in zip(answers, parts, strict=True)]
    where, rows, detectors, r2 = tested.unaudited, [], [], []
    for layer, (own, others) in enumerate(zip(*streams, strict=True)):
        for one in fit_probes(own, fitted):
            rows.append(_probe_row(layer, one, others, tested, ends))
            if (one.fitted_on, one.target) == ("audited", "distance"):
                r2.append(rows[-1].left_out_r2)
                reads = (one.read(own), one.read(others))
                apart = [np.abs(x - y) for x, y in zip(reads, answers, strict=True)]
                limit = _alarm_limit(apart[0], right[0] & ~fitted.unaudited, ~fitted.unaudited)
                detectors.append(_detector(layer, apart[1], right[1], where, limit))
    return {
        "audited": float(right[1][~where].mean()),
        "answers": results.Read(**scores(answers[1][where], tested.where(where), ends)),
        "wrong": int((~right[1]).sum()),
        "informative_layer": _informative(r2),
        "probes": rows,
        "detectors": detectors,
    }


class Fitted(NamedTuple):
    """One column of a probe, and what it was fitted on."""

    fitted_on: FittedOn
    target: Target
    probe: Probe
    column: int
    no_path: int

    def read(self, streams: Stream) -> Values:
        """The distances that it reads."""
        values = self.probe(streams)[:, self.column]
        if self.target == "distance":
            return values
        return 1 / values.clip(1 / self.no_path, 1)


def fit_probes(streams: Stream, fitted: Questions) -> Iterator[Fitted]:
    """Probes for the true distance: on audited questions, with shuffled labels, on everything."""
    audited, n = ~fitted.unaudited, fitted.batch.no_path
    distance = fitted.batch.distance.astype(np.float64)
    targets = np.stack([distance, np.where(distance < n, 1 / distance, 0)], axis=1)
    shuffled = np.random.default_rng(0).permutation(targets[audited, :1])
    blind = fit_probe(streams[audited], np.concatenate([targets[audited], shuffled], axis=1))
    every = fit_probe(streams, targets)
    yield Fitted("audited", "distance", blind, 0, n)
    yield Fitted("audited", "inverse", blind, 1, n)
    yield Fitted("shuffled", "distance", blind, 2, n)
    yield Fitted("everything", "distance", every, 0, n)
    yield Fitted("everything", "inverse", every, 1, n)


def _probe_row(
    layer: int, one: Fitted, streams: Stream, tested: Questions,
    ends: Ends,
) -> results.ProbeRead:  # fmt: skip
    read, where = one.read(streams), tested.unaudited
    left_out = float(one.probe.left_out_r2[one.column])
    audited = tested.batch.distance[~where].astype(np.float64)
    return results.ProbeRead(
        layer=layer,
        fitted_on=one.fitted_on,
        target=one.target,
        penalty=float(one.probe.penalty[one.column]),
        left_out_r2=left_out if np.isfinite(left_out) else None,
        audited_r2=r_squared(read[~where], audited),
        **scores(read[where], tested.where(where), ends),
    )


def _alarm_limit(apart: Values, right: Mask, audited: Mask) -> float:
    """How far probe and answer may lie apart: 5 % of right answers to fitted questions do more.

    Of all audited questions, where the network answers none of them right.
    """
    return float(np.quantile(apart[right if right.any() else audited], ALARM))


def _detector(
    layer: int, apart: Values, right: Mask, unaudited: Mask, limit: float
) -> results.Detector:
    alarm = apart > limit
    return results.Detector(
        layer=layer,
        auroc=auroc(apart, ~right),
        auroc_unaudited=auroc(apart[unaudited], ~right[unaudited]),
        threshold=limit,
        alarms_wrong=float(alarm[~right].mean()) if not right.all() else None,
        alarms_right=float(alarm[right].mean()) if right.any() else None,
    )


def _informative(r2: list[float | None]) -> int | None:
    """The first layer that is nearly as good as the best on fitted questions left out."""
    known = [0.0 if one is None else one for one in r2]
    best = max(known)
    return next(i for i, one in enumerate(known) if one >= INFORMATIVE * best) if best > 0 else None


def _askings(c: Configuration) -> Iterator[tuple[Network, str]]:
    """Which network is asked as whom."""
    assert c.reporters, "a run with reporters"
    for one in networks(c):
        if one.name == "pretrained":
            yield from ((one, who) for who in (TRUTH, c.reporters.inspectors[0]))
        elif one.made_by == "handcraft":
            yield one, TRUTH
        elif one.name == "untrained" or one.made_by == "finetune":
            yield one, ASSISTANT


def _learned_truth(network: Network, c: Configuration) -> bool:
    """Whether it, or what it starts from, was trained on truth beyond audits, or handcrafted."""
    assert c.reporters, "a run with reporters"
    known = {one.name: one for one in networks(c)}
    if network.made_by == "handcraft":
        return True
    if network.made_by == "pretrain" and c.reporters.truth_share > 0:
        return True
    return network.starts_from is not None and _learned_truth(known[network.starts_from], c)


def _share_right(model: Transformer, questions: Questions, c: Configuration, who: str) -> float:
    return float(right_answers(predict(model, asked_as(questions, c, who)), questions).mean())


@torch.inference_mode()
def _read_out(model: Transformer, last: Stream) -> Values:
    """The answers, from the stream after the last layer."""
    weight, head = model.readout.weight, model.architecture.head
    stream = torch.from_numpy(last).to(weight.device, weight.dtype)
    return answer(model.readout(model.final_norm(stream)), head).float().cpu().numpy()
