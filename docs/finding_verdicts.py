"""Verdicts over seeds for the pages on findings, from their raw values.

In: the record of a question, as `benchmarks/findings.py` writes it, and the contrasts that were
planned. Out: for each its difference, interval, exact p adjusted over its family, and a verdict.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from offpath.comparison import ALPHA
from offpath.generalize.statistics import holm, seeds_needed, sign_flip_p, typical_difference
from offpath.run.files import Record

Verdict = Literal["higher", "lower", "no difference shown", "too few seeds"]
Score = Literal["accuracy", "recalibrated", "mse"]
RULE = "best trivial rule"
Values = dict[int, float]


class Contrast(NamedTuple):
    """A planned comparison of two networks, or of a network with the best trivial rule."""

    first: str
    second: str
    kind: str  # of question


class Compared(NamedTuple):
    """A contrast with its verdict."""

    contrast: Contrast
    seeds: int
    means: tuple[float, float]  # of the first and the second
    estimate: float  # typical difference, the first less the second
    low: float | None
    high: float | None
    p: float
    adjusted: float
    verdict: Verdict

    @property
    def shown(self) -> bool:
        """Whether there is a difference."""
        return self.verdict in ("higher", "lower")


def compared(
    found: Record, family: Sequence[Contrast], score: Score = "accuracy"
) -> list[Compared]:
    """The contrasts of a family whose networks there are, adjusted together (Holm)."""
    pairs = [(one, *_pair(found, one, score)) for one in family]
    known = [(one, here, there) for one, here, there in pairs if here and there]
    return decided([(one, here, there) for one, here, there in known])


def decided(pairs: Sequence[tuple[Contrast, Values, Values]]) -> list[Compared]:
    """Verdicts of a family, each contrast with the values of both sides by seed."""
    common = [sorted(here.keys() & there.keys()) for _, here, there in pairs]
    differences = [np.array([here[seed] - there[seed] for seed in seeds], dtype=float)
                   for (_, here, there), seeds in zip(pairs, common, strict=True)]  # fmt: skip
    p_values = np.array([sign_flip_p(d) if len(d) else 1.0 for d in differences])
    needed, made = seeds_needed(max(1, len(pairs))), []
    parts = zip(pairs, common, differences, p_values, holm(p_values), strict=True)
    for (one, here, there), seeds, apart, p, adjusted in parts:
        if not seeds:
            continue
        shift = typical_difference(apart)
        means = tuple(float(np.mean([side[seed] for seed in seeds])) for side in (here, there))
        made.append(Compared(
            one, len(seeds), (means[0], means[1]), shift.estimate, shift.low, shift.high,
            float(p), float(adjusted), _verdict(len(seeds) < needed, shift.estimate, adjusted),
        ))  # fmt: skip
    return made


def values(found: Record, name: str, kind: str, score: Score = "accuracy") -> Values:
    """What a network scores on a kind of question, by seed; of a rule the same for each."""
    if name == RULE and score == "mse":
        return {}  # of rules that guess labels, accuracy is what counts
    if name == RULE:
        right = float(found["rules"][kind]["accuracy"])
        return {seed: right for seed in found["seeds"]}  # noqa: C420
    row = found["scores"].get(kind, {}).get(score, {}).get(name, [])
    return {seed: v for seed, v in zip(found["seeds"], row, strict=False) if v is not None}


def _pair(found: Record, one: Contrast, score: Score) -> tuple[Values, Values]:
    """Both sides; higher is better, so that errors have a minus."""
    sign = -1 if score == "mse" else 1
    sides = (values(found, name, one.kind, score) for name in (one.first, one.second))
    here, there = ({seed: sign * v for seed, v in side.items()} for side in sides)
    return here, there


def _verdict(few: bool, estimate: float, adjusted: float) -> Verdict:
    if few:
        return "too few seeds"
    if adjusted >= ALPHA or not estimate:
        return "no difference shown"
    return "higher" if estimate > 0 else "lower"
