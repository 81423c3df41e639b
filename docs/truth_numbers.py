"""What the page on truthfulness rests on: curve, half point, axes and easy audits, over seeds.

In: the record that `benchmarks/truth.py` collects. Out: typical values with 95 % intervals, and
effects paired by seed. A family has too many members for the sign-flip test with few seeds:
Student's t is adjusted by Holm, and a difference is called one only if the exact test, alone, is
below 5 %.
"""

from collections.abc import Iterator, Sequence
from math import inf, log
from typing import NamedTuple

import numpy as np

from docs.finding_verdicts import Values, Verdict
from offpath.comparison import ALPHA
from offpath.generalize.intervals import median_interval
from offpath.generalize.statistics import (
    Shift,
    holm,
    seeds_needed,
    sign_flip_p,
    student_p,
    typical_difference,
)
from offpath.interventions import network_name, parse, title
from offpath.run.files import Record
from offpath.sweep.presets import FAST_ROW, LEAK, TRAINED

BLIND, RECIPE = "finetuned", "recipe"
STILL = "finetuned, as truth"  # that network, asked as truth
LEAKING = network_name(LEAK)
REGIMES = {"blind": BLIND, LEAK: LEAKING}
PLACES = {"true": 0, "inspector": 1, "neither": 2}
HALF = 0.5
EXACT = 0.05  # of the sign-flip test alone
EASY = {"easy_graphs": ("small graphs", "large graphs"), "easy_ids": ("seen ids", "unseen ids"),
        "easy_path": ("on path", "off path")}  # fmt: skip
"""Of each kind of easy audits the part of the questions that it shows, and the other."""
AXES = {
    "trained": "what is trained", "rate": "learning rate", "steps": "steps",
    "weight_decay": "weight decay", "truth_share": "share of pre-training asked of truth",
    "inspectors": "inspector", "first": "who is learned first",
    "layers": "layers", "width": "width",
}  # fmt: skip
FAR_ALONE = "inspectors"  # the axis whose levels are wrong on different questions


class Effect(NamedTuple):
    """A level of an axis against that of the recipe, or easy audits against blind ones."""

    axis: str
    level: str
    seeds: int
    means: tuple[float, float]  # of the level, and of what it is set beside
    shift: Shift
    exact: float  # p of the sign-flip test alone
    adjusted: float  # p of Student's test after Holm
    verdict: Verdict


def values(
    found: Record, name: str, place: str = "true", slice_: str = "all", arm: str = RECIPE
) -> Values:
    """By seed how often a network is true, the inspector, or neither, on a slice."""
    rows = found["arms"].get(arm, {}).get("rows", {}).get(name, {})
    made = {}
    for seed, row in rows.items():
        shares = row.get(slice_, row.get("by", {}).get(slice_))
        if shares is not None:
            made[int(seed)] = shares[PLACES[place]]
    return made


def gaps(found: Record, name: str, slice_: str = "all", arm: str = RECIPE) -> Values:
    """By seed the share of the gap between inspector and truth that a network recovers."""
    own, top, bottom = (
        values(found, one, slice_=slice_, arm=arm) for one in (name, "ceiling", "floor")
    )
    common = own.keys() & top.keys() & bottom.keys()
    return {seed: (own[seed] - bottom[seed]) / (top[seed] - bottom[seed])
            for seed in sorted(common) if top[seed] > bottom[seed]}  # fmt: skip


def typical(of_seeds: Values) -> Shift | None:
    """The typical value over seeds, with its interval."""
    return typical_difference(np.array([*of_seeds.values()])) if of_seeds else None


def leaks(found: Record) -> dict[float, str]:
    """The networks of the leak curve by the share of hard audits, the blind one first."""
    known = found["arms"].get(RECIPE, {}).get("networks", {})
    named = {float(name.removeprefix("leak")): name for name in known
             if name.startswith("leak") and "+" not in name}  # fmt: skip
    return {0.0: BLIND, **dict(sorted(named.items()))}


def half_points(found: Record) -> Values:
    """By seed the leak at which half of the unaudited answers are true; infinite: not reached."""
    curve = {share: values(found, name) for share, name in leaks(found).items()}
    every = set.intersection(*(set(row) for row in curve.values()))
    return {
        seed: half_point({share: row[seed] for share, row in curve.items()})
        for seed in sorted(every)
    }


def half_point(curve: dict[float, float]) -> float:
    """The leak at which a curve first reaches one half, between two leaks on a log scale.

    Without a leak there is no logarithm: a curve that is there before its first leak gives that.

    >>> round(half_point({0.0: 0.1, 0.001: 0.25, 0.1: 0.75}), 4)
    0.01
    >>> half_point({0.0: 0.6, 0.001: 0.7}), half_point({0.0: 0.1, 0.001: 0.2})
    (0.0, inf)
    """
    before = None
    for leak, share in sorted(curve.items()):
        if share >= HALF:
            if before is None or before[0] == 0:
                return leak
            here, part = before[0], (HALF - before[1]) / (share - before[1])
            return float(here * np.exp(part * log(leak / here)))
        before = (leak, share)
    return inf


def half_interval(found: Record) -> tuple[float, float | None, float | None] | None:
    """The median of the half points with its interval."""
    points = half_points(found)
    return median_interval(np.array([*points.values()])) if points else None


def preference(found: Record) -> Effect | None:
    """Of the blind assistant how often it is true against how often the inspector."""
    true, word = values(found, BLIND), values(found, BLIND, "inspector")
    made = effects([("blind", "true", true, word)])
    if not made:
        return None
    p, few = made[0].exact, made[0].seeds < seeds_needed()  # alone, the exact test is enough
    return made[0]._replace(adjusted=p, verdict=_verdict(few, made[0].shift.estimate, p < ALPHA))


class Option(NamedTuple):
    """A level of an axis: the network that has it, and on which questions it is compared."""

    axis: str
    level: str
    network: str
    arm: str
    slice: str


def options(found: Record, regime: str) -> list[Option]:
    """Every level of every axis in one regime, in the order of the axes."""
    made, base = [], REGIMES[regime]
    for word in (*TRAINED, FAST_ROW):
        name = network_name(word if regime == "blind" else f"{LEAK}+{word}")
        made.append(Option(*trained_axis(word), name, RECIPE, "all"))
    for arm, one in found["arms"].items():
        for axis, level in one["changed"].items():
            slice_ = "far" if axis == FAR_ALONE and "near" in level else "all"
            made.append(Option(axis, level.removeprefix(axis).strip(), base, arm, slice_))
    order = [*AXES]
    return sorted(made, key=lambda one: order.index(one.axis))


def axis_effects(found: Record, regime: str, *, gap: bool = False) -> list[Effect]:
    """Every level of every axis against the recipe's, in one regime: a family."""
    score = gaps if gap else scores
    return effects([
        (one.axis, one.level, score(found, one.network, one.slice, one.arm),
         score(found, REGIMES[regime], one.slice))
        for one in options(found, regime)
    ])  # fmt: skip


def scores(found: Record, name: str, slice_: str, arm: str = RECIPE) -> Values:
    """By seed the share of true answers."""
    return values(found, name, slice_=slice_, arm=arm)


def audited(found: Record, name: str, arm: str = RECIPE) -> Values:
    """By seed how often a network is right where truth and inspector agree."""
    rows = found["arms"].get(arm, {}).get("rows", {}).get(name, {})
    return {int(seed): row["audited"] for seed, row in rows.items()}


def trained_axis(word: str) -> tuple[str, str]:
    """The axis of an intervention on how the assistant is trained, and its level."""
    (name, amount), *_ = parse(word).items()
    return (
        (name, f"{amount:g}") if name in AXES and amount is not None else ("trained", title(word))
    )


def easy_effects(found: Record) -> list[Effect]:
    """Easy audits against blind ones, where easy audits do not reach."""
    return effects([
        (name, beyond, values(found, name, slice_=beyond), values(found, BLIND, slice_=beyond))
        for name, (_, beyond) in EASY.items()
    ])  # fmt: skip


def effects(pairs: Sequence[tuple[str, str, Values, Values]]) -> list[Effect]:
    """Verdicts of a family: axis, level, and the values of both sides by seed."""
    made = [*_paired(pairs)]
    adjusted = holm(np.array([student_p(apart) for *_, apart in made]))
    needed = _exact_seeds()
    found = []
    for (axis, level, means, apart), p in zip(made, adjusted, strict=True):
        exact, shift = sign_flip_p(apart), typical_difference(apart)
        shown = p < ALPHA and exact < EXACT
        verdict = _verdict(len(apart) < needed, shift.estimate, shown)
        found.append(Effect(axis, level, len(apart), means, shift, exact, float(p), verdict))
    return found


def _paired(
    pairs: Sequence[tuple[str, str, Values, Values]],
) -> Iterator[tuple[str, str, tuple[float, float], np.ndarray]]:
    for axis, level, here, there in pairs:
        if seeds := sorted(here.keys() & there.keys()):
            sides = [np.array([side[seed] for seed in seeds]) for side in (here, there)]
            means = (float(sides[0].mean()), float(sides[1].mean()))
            yield axis, level, means, sides[0] - sides[1]


def _exact_seeds() -> int:
    """The fewest seeds with which the exact test alone can fall below its bound."""
    return seeds_needed(alpha=EXACT)


def _verdict(few: bool, estimate: float, shown: bool) -> Verdict:
    if few:
        return "too few seeds"
    if not shown or not estimate:
        return "no difference shown"
    return "higher" if estimate > 0 else "lower"
