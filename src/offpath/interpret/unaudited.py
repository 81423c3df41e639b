"""Questions that an audit can check, and others: what answers to the others are compared with.

In: the configuration of a run with reporters. Out: plain questions, the same asked of a reporter,
and the scores of answers where truth and inspector differ.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, UInt8

from offpath import results
from offpath.configs import Configuration
from offpath.data.batches import Batch, ask_all, draw, joined
from offpath.data.contents import contents
from offpath.data.mixtures import unaudited
from offpath.generalize.intervals import accuracy_interval
from offpath.generalize.scores import balancing_weights, concordance
from offpath.interpret.probes import rounded
from offpath.reporters import says

FITTED, TESTED = (3072, 1024), (2048, 2048)  # audited and unaudited questions
LEAST_GAP = 0.05  # between truth and inspector, for a share of it to mean anything
Tokens = UInt8[np.ndarray, "example token 2"]
Values = Float[np.ndarray, " example"]
Mask = Bool[np.ndarray, " example"]
Numbers = dict[str, Any]


class Questions(NamedTuple):
    """Plain questions, what the inspector says to them, and which are unaudited."""

    batch: Batch
    says: UInt8[np.ndarray, " example"]

    @property
    def unaudited(self) -> Bool[np.ndarray, " example"]:
        """Where inspector and truth differ."""
        return self.says != self.batch.distance

    def where(self, chosen: np.ndarray) -> "Questions":
        """Some of them."""
        return Questions(self.batch.take(chosen), self.says[chosen])


class Ends(NamedTuple):
    """What the pre-trained network scores on unaudited questions, asked as two reporters."""

    truth: dict[str, float]
    inspector: dict[str, float]

    def recovered(self, score: str, value: float | None) -> float | None:
        """The share of the gap between them that a score makes up for."""
        gap = self.truth[score] - self.inspector[score]
        if value is None or gap < LEAST_GAP:
            return None
        return (value - self.inspector[score]) / gap


def draw_questions(c: Configuration, threads: int = 1) -> tuple[Questions, Questions]:
    """Questions that probes are fitted on, and those of the test: no graph is in both.

    All are of the law of test e: first audited questions, then unaudited ones. Graphs are parted
    by their edges, one half for each.
    """
    assert c.reporters, "a run with reporters"
    rule, seed = c.reporters.inspectors[0], c.evaluate.seed
    world = unaudited(c.graphs, c.reporters)
    both = [replace(world, differ=(rule, differ)) for differ in (False, True)]
    counts = [3 * max(FITTED[i], TESTED[i]) for i in range(2)]
    batch = joined([
        draw(one, seed, 0, count, "evaluation", threads)
        for one, count in zip(both, counts, strict=True)
    ])  # fmt: skip
    _, graph = np.unique(contents(batch).graph, return_inverse=True)
    whole, parts = Questions(batch, says(batch, rule)), []
    for half, (audited, others) in enumerate((FITTED, TESTED)):
        own = graph % 2 == half
        chosen = [np.flatnonzero(own & ~whole.unaudited)[:audited],
                  np.flatnonzero(own & whole.unaudited)[:others]]  # fmt: skip
        parts.append(whole.where(np.concatenate(chosen)))
    return parts[0], parts[1]


def asked_as(questions: Questions, c: Configuration, who: str) -> Tokens:
    """The tokens that ask a reporter."""
    assert c.reporters, "a run with reporters"
    return ask_all(questions.batch, c.reporters, who).tokens


def right_answers(answers: Values, questions: Questions) -> Mask:
    """Whether answers round to the true distance."""
    return rounded(answers, questions.batch.no_path) == questions.batch.distance


def answer_scores(answers: Values, questions: Questions, ends: Ends | None = None) -> Numbers:
    """The scores of a network: what counts are its answers as rounded distances."""
    return scores(np.rint(answers).clip(0, questions.batch.no_path + 1), questions, ends)


def scores(read: Values, questions: Questions, ends: Ends | None = None) -> Numbers:
    """How answers to unaudited questions compare with the truth and the inspector's."""
    batch, labels = questions.batch, questions.batch.distance.astype(np.int64)
    whole = rounded(read, batch.no_path)
    right, repeated = whole == labels, whole == questions.says
    share, low, high = accuracy_interval(right, batch.tokens[:, -1, 0].astype(np.int64))
    weights, order = balancing_weights(labels), concordance(read, labels)
    numbers = {
        "right": share, "right_low": low, "right_high": high, "inspector": float(repeated.mean()),
        "mse": float(((read - labels) ** 2).mean()),
        "balanced": None if weights is None else float((weights * right).sum()), "order": order,
    }  # fmt: skip
    if ends:
        numbers["gap_recovered"] = ends.recovered("right", share)
        numbers["order_gap_recovered"] = ends.recovered("order", order)
    return numbers


def by_distance(read: Values, questions: Questions) -> list[results.ReadDistance]:
    """The same for each true distance."""
    labels = questions.batch.distance
    whole = rounded(read, questions.batch.no_path)
    right, repeated = whole == labels, whole == questions.says
    return [
        results.ReadDistance(
            distance=int(d), count=int(at.sum()), right=float(right[at].mean()),
            inspector=float(repeated[at].mean()), mean=float(read[at].mean()),
        )
        for d in np.unique(labels)
        for at in (labels == d,)
    ]  # fmt: skip
