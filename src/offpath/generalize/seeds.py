"""Runs beside each other: scores by seed, and differences with exact tests, paired by seed.

In: runs in groups. Out: a `Comparison`. Networks are compared within a group of runs that differ in
the seed alone, groups by the network that the run ends with; Holm's method adjusts all of it as one
family, so that fewer comparisons need fewer seeds.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from offpath.comparison import (
    ALPHA,
    BEST_RULE,
    ONE_SEED,
    Against,
    Comparison,
    Difference,
    Questions,
    Score,
    SeedScores,
)
from offpath.errors import InputError
from offpath.generalize import statistics
from offpath.generalize.groups import Measured, evaluation_set
from offpath.results import Cell
from offpath.slices import ANY_TARGET, HARD_HEADLINE, HEADLINE, Slice

ENDS = ("finetuned", "circuit-finetuned", "pretrained", "circuit")
"""The network that a run ends with: the first of these that there is."""
AGAINST: tuple[Against, ...] = ("pretrained", "scratch", "best_rule", "circuit-finetuned")
"""What that network is compared with inside a group."""


def compare(
    runs: Sequence[Measured],
    world: str = ANY_TARGET,
    score: Score = "accuracy",
    by: str | None = None,
    against: Against | None = None,
    questions: Questions = "hard",
) -> Comparison:
    """Everything that can be said about these runs.

    `against` None compares groups where there are several, and else with the best trivial rule: few
    comparisons need few seeds.
    """
    title, sha256 = evaluation_set(runs, world)
    groups = list(dict.fromkeys(one.group for one in runs))
    slices = HARD_HEADLINE if questions == "hard" else HEADLINE
    scores = [row for where in slices for row in _slice_scores(runs, groups, world, where, score)]
    if not scores:
        raise InputError(
            f"the results of these runs have no {score} on {title}; measure them again with "
            "`offpath evaluate RUN`, or choose another --score"
        )
    against = against or ("groups" if len(groups) > 1 else "best_rule")
    found, notes = _differences(scores, groups, slices, against)
    predictors = {p.predictor: p for one in runs for p in one.matrix.predictors}
    return Comparison(
        by=by,
        world=world,
        world_title=title,
        examples_sha256=sha256,
        score=score,
        groups=groups,
        runs=[one.record() for one in runs],
        predictors=list(predictors.values()),
        scores=scores,
        differences=found,
        notes=[*notes, *_two_humped(scores)],
    )


def _slice_scores(
    runs: Sequence[Measured], groups: Sequence[str], world: str, where: Slice, score: Score
) -> Iterator[SeedScores]:
    """A row for each group and predictor that has this score on this slice."""
    for group in groups:
        members = [one for one in runs if one.group == group]
        titles = {
            row.predictor: row.title
            for one in members
            for row in one.matrix.predictors
            if row.kind != "rule"
        }
        rules = {one.seed: one.matrix.best_rule(world, where, score) for one in members}
        for name, title in titles.items():
            cells = {one.seed: one.matrix.cell(name, world, where) for one in members}
            yield from _row((group, name, title), where, cells, score, rules)
        yield from _row((group, BEST_RULE, "best rule"), where, rules, score, rules)


def _row(
    place: tuple[str, str, str],
    where: Slice,
    cells: Mapping[int, Cell | None],
    score: Score,
    rules: Mapping[int, Cell | None],
) -> Iterator[SeedScores]:
    """The scores of one predictor by seed, if there are any."""
    known = {
        seed: (cell.count, value)
        for seed, cell in sorted(cells.items())
        if cell and (value := getattr(cell, score)) is not None
    }
    if not known:
        return
    (group, name, title), values = place, np.array([value for _, value in known.values()])
    above, bounds = None, [getattr(rules[seed], score, None) for seed in known]
    if name != BEST_RULE and score != "mse" and None not in bounds:
        above = statistics.share_above(values - np.array(bounds))
    best = next((rule.predictor for rule in rules.values() if rule), None)
    yield SeedScores(
        group=group,
        predictor=name,
        title=title,
        rule=best if name == BEST_RULE else None,
        by=where.by,
        slice=where.slice,
        count=next(count for count, _ in known.values()),
        seeds=list(known),
        values=values.tolist(),
        mean=float(values.mean()),
        lowest=float(values.min()),
        highest=float(values.max()),
        median=float(np.median(values)),
        above_rule=(above.hits, above.low, above.high) if above else None,
        two_humped_p=statistics.two_humped_p(values) if name != BEST_RULE else None,
    )


def _differences(
    scores: Sequence[SeedScores], groups: Sequence[str], slices: Sequence[Slice], against: Against
) -> tuple[list[Difference], list[str]]:
    """The family of all differences with its verdicts, and what limits them."""
    if max(len(row.seeds) for row in scores) == 1:
        return [], [ONE_SEED]
    pairs = [pair for where in slices for pair in _pairs(scores, groups, where, against)]
    if not pairs:
        nothing = f"there is nothing to compare: these runs have no such score of {against}"
        return [], [f"{nothing}; choose another --against or --score"]
    notes = [note for pair in pairs for note in _unpaired(*pair[:2])]
    tests = [_test(*pair) for pair in pairs if len(_common(*pair[:2])) > 1]
    adjusted = statistics.holm(np.array([test.p for test in tests], dtype=float))
    made = []
    for test, p in zip(tests, adjusted.tolist(), strict=True):
        shown = p < ALPHA
        verdict = "higher" if test.estimate > 0 else "lower"
        change = {
            "adjusted_p": p,
            "verdict": verdict if shown else f"no difference shown ({len(test.seeds)} seeds)",
            "seeds_for_power": None if shown else _seeds_for_power(test, len(tests)),
        }
        made.append(test.model_copy(update=change))
    return made, list(dict.fromkeys([*notes, *_out_of_reach(made)]))


def _pairs(
    scores: Sequence[SeedScores], groups: Sequence[str], where: Slice, against: Against
) -> Iterator[tuple[SeedScores, SeedScores, tuple[str, str]]]:
    """What is compared on a slice: with others of its group, then with the first group."""
    ends = []
    for group in groups:
        rows = {row.predictor: row for row in scores
                if (row.by, row.slice, row.group) == (where.by, where.slice, group)}  # fmt: skip
        end = next((rows[name] for name in ENDS if name in rows), None)
        if end is None:
            continue
        ends.append(end)
        for name in AGAINST:
            if name in rows and rows[name] != end and against in ("all", name):
                yield end, rows[name], (end.title, rows[name].title)
    for end in ends[1:]:
        if against in ("all", "groups"):
            yield end, ends[0], (f"{end.title}, {end.group}", ends[0].group)


def _common(one: SeedScores, other: SeedScores) -> list[int]:
    return [seed for seed in one.seeds if seed in other.seeds]


def _test(one: SeedScores, other: SeedScores, titles: tuple[str, str]) -> Difference:
    """A difference with its own p; adjusted p and verdict follow from the family."""
    seeds = _common(one, other)
    here, there = (dict(zip(row.seeds, row.values, strict=True)) for row in (one, other))
    by_seed = np.array([here[seed] - there[seed] for seed in seeds])
    shift, p = statistics.typical_difference(by_seed), statistics.sign_flip_p(by_seed)
    return Difference(
        by=one.by,
        slice=one.slice,
        first=(one.group, one.predictor),
        second=(other.group, other.predictor),
        first_title=titles[0],
        second_title=titles[1],
        seeds=seeds,
        differences=by_seed.tolist(),
        **shift._asdict(),
        p=p,
        adjusted_p=p,
        verdict="",
        seeds_for_power=None,
    )


def _seeds_for_power(test: Difference, members: int) -> int | None:
    return statistics.seeds_for_power(np.array(test.differences), members)


def _unpaired(one: SeedScores, other: SeedScores) -> Iterator[str]:
    """Which seeds have no partner, as a line."""
    common, names = _common(one, other), (one.group, other.group)
    alone = sorted({*one.seeds, *other.seeds} - {*common})
    if alone:
        left_out = ", ".join(map(str, alone))
        what = " and ".join(dict.fromkeys(names))
        few = "" if len(common) > 1 else "; too few are left to compare"
        yield f"{what}: seeds without a partner are left out ({left_out}){few}"


def _out_of_reach(made: Sequence[Difference]) -> Iterator[str]:
    """The line that says so where no verdict can be reached, whatever the differences are."""
    most = max((len(one.seeds) for one in made), default=0)
    needed = statistics.seeds_needed(max(1, len(made)))
    if made and most < needed:
        least = min(1.0, len(made) * 2 / 2**most)
        yield (
            f"no verdict is possible: with {len(made)} comparisons and {most} seeds no adjusted p "
            f"is below {least:.2g}, and a verdict needs one below {ALPHA}; {needed} "
            "seeds make it possible, or fewer comparisons (--against)"
        )


def _two_humped(scores: Sequence[SeedScores]) -> Iterator[str]:
    """A line for each row whose seeds fall into two groups."""
    known = [(row, row.two_humped_p) for row in scores if row.two_humped_p is not None]
    adjusted = statistics.holm(np.array([p for _, p in known], dtype=float)).tolist()
    for (row, _), p in zip(known, adjusted, strict=True):
        if p < 0.05:
            yield (
                f"{row.title} on “{row.slice}” ({row.group}): the seeds fall into two groups "
                f"(adjusted p {p:.2g}), which mean and median do not show"
            )
