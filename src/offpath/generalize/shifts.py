"""The shift suite: every network on every level of every axis, beside the best trivial rule.

In: the checkpoints of a run. Out: `results/shifts.json`. Every network sees the same frozen
examples. Rules are fitted on other examples of the same level. Where that has one answer alone,
which such a rule would know, the rule is taken that is best on the whole axis, fitted there; where
the axis has no other answer either, no rule is compared.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from offpath import results
from offpath.compute import Compute
from offpath.configs import Configuration
from offpath.data.batches import Batch, draw, frozen, joined
from offpath.data.invariances import INVARIANCES
from offpath.data.shifts import Axis, axes, chosen_worlds
from offpath.data.worlds import world
from offpath.fit.checkpoints import load_model
from offpath.fit.native import answers as natively
from offpath.fit.transformer import Transformer
from offpath.generalize.baselines import Known, Rule, distance_to_2, rules
from offpath.generalize.intervals import accuracy_interval, difference_interval
from offpath.generalize.matrix import predictor_rows
from offpath.generalize.neighbours import Questions, finetuning_questions
from offpath.networks import networks
from offpath.results import read_result, write_result
from offpath.run.files import Record
from offpath.run.folder import Run, holds_run
from offpath.slices import ANY_TARGET

LEAST_EXAMPLES, PART = 128, 128  # of a level: this part of an evaluation set, but no fewer
CALIBRATION = 1024  # examples of a level on which rules are fitted
Mask = Bool[np.ndarray, " example"]
Values = Float[np.ndarray, " example"]


class _Suite(NamedTuple):
    """What every level is measured with."""

    c: Configuration
    compute: Compute
    models: Mapping[str, Transformer]
    rules: Mapping[str, Rule]
    questions: Questions | None

    @property
    def examples(self) -> int:
        """Of each level."""
        return max(LEAST_EXAMPLES, self.c.evaluate.examples // PART)

    def known(self, calibration: Batch) -> Known:
        """What rules may know."""
        return Known(calibration, self.questions)

    def answers(self, model: Transformer, batches: Sequence[Batch]) -> list[Values]:
        """Those of one network to each batch: at once to all that have as many tokens."""
        found: dict[int, Values] = {}
        for width in {batch.tokens.shape[1] for batch in batches}:
            own = [i for i, batch in enumerate(batches) if batch.tokens.shape[1] == width]
            tokens = np.concatenate([batches[i].tokens for i in own])
            values = natively(model, tokens, self.compute)
            found |= dict(zip(own, np.split(values, len(own)), strict=True))
        return [found[i] for i in range(len(batches))]


@holds_run
def measure_shifts(run: Run, compute: Compute, words: Sequence[str] = ()) -> Iterator[Record]:
    """Measure every axis, write the result, and yield a record each time an axis is done.

    `words` choose axes, levels, or pairs of axes (`size*density`): these alone are measured then,
    and stand in the file beside what was measured before.
    """
    c = run.configuration
    known, kept = axes(c.graphs), run.result(results.Shifts.file)
    before = read_result(run, results.Shifts).axes if words and kept.exists() else []
    chosen = chosen_worlds(words, c.graphs) if words else [*known.values()]
    models = {one.name: load_model(run, one.name, compute.device) for one in networks(c)}
    questions = finetuning_questions(c, compute.threads)
    trivial = {n: rule for n, rule in rules(questions is not None).items() if rule.trivial}
    suite = _Suite(c, compute, models, trivial, questions)
    measured = []
    for number, axis in enumerate(chosen, start=1):
        measured.append(_axis(axis, known.get(axis.name, axis), suite))
        yield {"stage": "shifts", "step": number, "of": len(chosen), "world": axis.title}
    made = results.Shifts(
        max_vertices=c.graphs.max_vertices,
        calibration_examples=CALIBRATION,
        predictors=predictor_rows(models, trivial, c),
        axes=_beside(before, measured, known),
        invariance_examples=suite.examples,
        invariances=_invariances(suite),
    )
    write_result(run, made)


def _axis(axis: Axis, whole: Axis, suite: _Suite) -> results.ShiftAxis:
    """Every network on the levels of an axis; `whole` has those that were not chosen too."""
    seed, threads = suite.c.evaluate.seed, suite.compute.threads
    count, table = suite.examples, suite.rules
    sets = {level: frozen(level.world, seed, count, threads) for level in axis.levels}
    batches = [batch for batch, _ in sets.values()]
    answers = {name: suite.answers(model, batches) for name, model in suite.models.items()}
    others = {
        level.world.name: draw(level.world, seed, count, CALIBRATION, "evaluation", threads)
        for level in whole.levels
    }
    every_level = _together([*others.values()])
    levels, cells = [], []
    for number, (level, (batch, sha256)) in enumerate(sets.items()):
        name = level.world.name
        own = {n: _rule_right(rule, batch, suite.known(others[name])) for n, rule in table.items()}
        parts = [
            (chosen(batch), _compared(own, (others[name], every_level), batch, chosen, suite))
            for chosen in (every_question, hard_questions)
        ]
        for predictor, values in answers.items():
            right = _right(values[number], batch)
            every, hard = (_scores(right, batch, *part) for part in parts)
            assert every, "a level has examples"
            place = {"level": name, "predictor": predictor}
            cells.append(results.ShiftCell(**place, every=every, hard=hard))
        row = {"level": name, "title": level.title, "examples": count, "sha256": sha256}
        levels.append(results.ShiftLevel(**row))
    words = {"axis": axis.name, "title": axis.title, "moves": axis.moves, "holds": axis.holds}
    return results.ShiftAxis(**words, base=f"{axis.name}/{axis.base}", levels=levels, cells=cells)


def _together(batches: Sequence[Batch]) -> Batch:
    """All examples as one batch, with padding as far as the widest needs it."""
    widest = max(batch.tokens.shape[1] for batch in batches)
    padded = []
    for batch in batches:
        padding = ((0, 0), (0, widest - batch.tokens.shape[1]), (0, 0))
        edges = np.pad(batch.tokens[:, :-1], padding)
        padded.append(batch._replace(tokens=np.concatenate([edges, batch.tokens[:, -1:]], axis=1)))
    return joined(padded)


def every_question(batch: Batch) -> Mask:
    """All of them."""
    return np.ones(len(batch.distance), bool)


def hard_questions(batch: Batch) -> Mask:
    """The questions of `slices.HARD`: d(1,t) is at least 3, and not d(1,2) where it can differ."""
    other = (batch.distance != batch.distance_to_2) | (batch.stratum == 0)
    return (batch.distance >= 3) & other


class _Compared(NamedTuple):
    """Where each rule is right that a level is beside, and what it is fitted on."""

    right: Mapping[str, Mask]
    fitted_on: Literal["level", "axis"]


def _compared(
    own: Mapping[str, Mask],
    calibration: tuple[Batch, Batch],
    batch: Batch,
    chosen: Callable[[Batch], Mask],
    suite: _Suite,
) -> _Compared:
    """The rules beside which some questions of a level stand.

    `own` are all, fitted on the level, the first of `calibration`; where it has one answer it is
    the best of the axis, the second, fitted there: chosen for the level it would know the answer.
    """
    level, axis = calibration
    if _has_choice(level, batch, chosen):
        return _Compared(own, "level")
    if not _has_choice(axis, batch, chosen):
        return _Compared({}, "axis")
    asked, known = chosen(axis), suite.known(axis)
    hits = {n: _rule_right(rule, axis, known)[asked].sum() for n, rule in suite.rules.items()}
    best = max(hits, key=lambda name: hits[name])
    return _Compared({best: _rule_right(suite.rules[best], batch, known)}, "axis")


def _has_choice(calibration: Batch, batch: Batch, chosen: Callable[[Batch], Mask]) -> bool:
    """Whether a rule that is fitted there can miss: some stratum that is asked has two answers."""
    strata, asked = np.unique(batch.stratum[chosen(batch)]), chosen(calibration)
    answers = (calibration.distance[asked & (calibration.stratum == one)] for one in strata)
    return any(len(np.unique(labels)) > 1 for labels in answers)


def _rule_right(rule: Rule, batch: Batch, known: Known) -> Mask:
    """Where a rule is right; d(1,2) is no rule but the truth where vertex 2 is asked for."""
    right = _right(rule.answers(batch, known), batch)
    return right & (batch.stratum > 0) if rule.answers is distance_to_2 else right


def _right(answers: Values, batch: Batch) -> Mask:
    return np.rint(answers) == batch.distance


def _scores(
    right: Mask, batch: Batch, chosen: Mask, compared: _Compared
) -> results.BesideRule | None:
    """Accuracy on some questions, beside the best of the rules; None where there are none."""
    if not chosen.any():
        return None
    targets = batch.tokens[chosen, -1, 0].astype(np.int64)
    accuracy, low, high = accuracy_interval(right[chosen], targets)
    best, ends = None, (None, None, None)
    if of_rules := compared.right:
        best = max(of_rules, key=lambda name: of_rules[name][chosen].mean())
        ends = difference_interval(right[chosen], of_rules[best][chosen], targets)
    return results.BesideRule(
        count=int(chosen.sum()),
        accuracy=accuracy,
        accuracy_low=low,
        accuracy_high=high,
        rules_fitted_on=compared.fitted_on,
        best_rule=best,
        above_rule=ends[0],
        above_rule_low=ends[1],
        above_rule_high=ends[2],
    )


def _invariances(suite: _Suite) -> list[results.Invariance]:
    """How far answers on test e move when a question is written in another way."""
    c = suite.c
    batch, _ = frozen(world(ANY_TARGET, c.graphs), c.evaluate.seed, suite.examples)
    variants = {one.title: one.change(batch, c.evaluate.seed) for one in INVARIANCES.values()}
    rows = []
    for name, model in suite.models.items():
        before, *others = suite.answers(model, [batch, *variants.values()])
        for variant, after in zip(variants, others, strict=True):
            moved = np.abs(after - before)
            row = results.Invariance(
                predictor=name,
                variant=variant,
                mean_change=float(moved.mean()),
                largest_change=float(moved.max()),
                changed=float((np.rint(after) != np.rint(before)).mean()),
            )
            rows.append(row)
    return rows


def _beside(
    before: Sequence[results.ShiftAxis], now: Sequence[results.ShiftAxis], known: Mapping[str, Axis]
) -> list[results.ShiftAxis]:
    """What was measured now, and what was before and is not now; in the order of the suite."""
    ranks = {level.world.name: i for axis in known.values() for i, level in enumerate(axis.levels)}
    named = {axis.axis: axis for axis in before}
    for axis in now:
        old, anew = named.get(axis.axis, axis), {level.level for level in axis.levels}
        levels = [*axis.levels, *(one for one in old.levels if one.level not in anew)]
        levels.sort(key=lambda level: ranks.get(level.level, 0))
        cells = [*axis.cells, *(cell for cell in old.cells if cell.level not in anew)]
        named[axis.axis] = axis.model_copy(update={"levels": levels, "cells": cells})
    ordered = dict.fromkeys([*(name for name in known if name in named), *named])
    return [named[name] for name in ordered]
