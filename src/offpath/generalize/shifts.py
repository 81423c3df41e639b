"""The shift suite: every network on every level of every axis, beside the best trivial rule.

In: the checkpoints of a run. Out: `results/shifts.json`. Every network sees the same frozen
examples. Rules are fitted on other examples of the same level; where it has one answer alone, which
such a rule would know, on examples of all levels of its axis.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from offpath import results
from offpath.compute import Compute
from offpath.configs import Configuration
from offpath.data.batches import Batch, draw, frozen
from offpath.data.invariances import INVARIANCES
from offpath.data.shifts import Axis, axes, chosen_axes
from offpath.data.worlds import world
from offpath.fit.checkpoints import load_model
from offpath.fit.native import answers as natively
from offpath.fit.transformer import Transformer
from offpath.generalize.baselines import Known, Rule, rules
from offpath.generalize.intervals import accuracy_interval, difference_interval
from offpath.generalize.matrix import predictor_rows
from offpath.generalize.neighbours import Questions, finetuning_questions
from offpath.networks import networks
from offpath.results import read_result, write_result
from offpath.run.files import Record
from offpath.run.folder import Run, holds_run
from offpath.slices import ANY_TARGET

LEAST_EXAMPLES, PART = 512, 128  # of a level: this part of an evaluation set, but no fewer
CALIBRATION = 1024  # examples of a level on which rules are fitted
Mask = Bool[np.ndarray, " example"]
Answers = Mapping[str, Float[np.ndarray, " example"]]


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

    def answers(self, model: Transformer, batch: Batch) -> Float[np.ndarray, " example"]:
        """Those of one network."""
        return natively(model, batch.tokens, self.compute)


@holds_run
def measure_shifts(run: Run, compute: Compute, words: Sequence[str] = ()) -> Iterator[Record]:
    """Measure every axis, write the result, and yield a record each time an axis is done.

    `words` choose axes, levels, or pairs of axes (`size*density`): these alone are measured then,
    and stand in the file beside what was measured before.
    """
    c = run.configuration
    chosen = chosen_axes(words, c.graphs) if words else [*axes(c.graphs).values()]
    models = {one.name: load_model(run, one.name, compute.device) for one in networks(c)}
    questions = finetuning_questions(c, compute.threads)
    trivial = {n: rule for n, rule in rules(questions is not None).items() if rule.trivial}
    suite = _Suite(c, compute, models, trivial, questions)
    measured = []
    for number, axis in enumerate(chosen, start=1):
        measured.append(_axis(axis, suite))
        yield {"stage": "shifts", "step": number, "of": len(chosen), "world": axis.title}
    made = results.Shifts(
        max_vertices=c.graphs.max_vertices,
        calibration_examples=CALIBRATION,
        predictors=predictor_rows(models, trivial, c),
        axes=measured,
        invariance_examples=suite.examples,
        invariances=_invariances(suite),
    )
    kept = words and run.result(results.Shifts.file).exists()
    write_result(run, _beside(read_result(run, results.Shifts), made) if kept else made)


def _axis(axis: Axis, suite: _Suite) -> results.ShiftAxis:
    """Every network on every level of an axis."""
    seed, threads, count = suite.c.evaluate.seed, suite.compute.threads, suite.examples
    sets = {level: frozen(level.world, seed, count, threads) for level in axis.levels}
    whole = _together([batch for batch, _ in sets.values()])
    answers = {name: suite.answers(model, whole) for name, model in suite.models.items()}
    of_axis = axes(suite.c.graphs).get(axis.name, axis).levels  # of which some may be chosen
    others = {
        level.world.name: draw(level.world, seed, count, CALIBRATION, "evaluation", threads)
        for level in of_axis
    }
    levels, cells = [], []
    for number, (level, (batch, sha256)) in enumerate(sets.items()):
        one_answer = len(np.unique(batch.distance)) == 1
        other = _together(list(others.values())) if one_answer else others[level.world.name]
        own = {n: values[number * count : (number + 1) * count] for n, values in answers.items()}
        cells += _cells(level.world.name, batch, own, Known(other, suite.questions), suite.rules)
        place = {
            "level": level.world.name,
            "title": level.title,
            "examples": count,
            "sha256": sha256,
        }
        fitted = "axis" if one_answer else "level"
        levels.append(results.ShiftLevel(**place, rules_fitted_on=fitted))
    words = {"axis": axis.name, "title": axis.title, "moves": axis.moves, "holds": axis.holds}
    return results.ShiftAxis(**words, base=f"{axis.name}/{axis.base}", levels=levels, cells=cells)


def _together(batches: Sequence[Batch]) -> Batch:
    return Batch(*(np.concatenate(columns) for columns in zip(*batches, strict=True)))


def _cells(
    level: str, batch: Batch, answers: Answers, known: Known, table: Mapping[str, Rule]
) -> list[results.ShiftCell]:
    """Every network on one level: on every question, and on the hard ones."""
    of_rules = {name: _right(rule.answers(batch, known), batch) for name, rule in table.items()}
    of_rules["distance_to_2"] &= batch.stratum > 0  # of vertex 2 it is the truth, not a rule
    every, hard = np.ones(len(batch.distance), bool), hard_questions(batch)
    cells = []
    for name, values in answers.items():
        right = _right(values, batch)
        scores = [_scores(right, of_rules, batch, chosen) for chosen in (every, hard)]
        assert scores[0], "a level has examples"
        place = {"level": level, "predictor": name}
        cells.append(results.ShiftCell(**place, every=scores[0], hard=scores[1]))
    return cells


def hard_questions(batch: Batch) -> Mask:
    """The questions of `slices.HARD`: d(1,t) is at least 3, and not d(1,2) where it can differ."""
    other = (batch.distance != batch.distance_to_2) | (batch.stratum == 0)
    return (batch.distance >= 3) & other


def _right(answers: Float[np.ndarray, " example"], batch: Batch) -> Mask:
    return np.rint(answers) == batch.distance


def _scores(
    right: Mask, of_rules: Mapping[str, Mask], batch: Batch, chosen: Mask
) -> results.BesideRule | None:
    """Accuracy on some questions beside the best rule on them; None where there are none."""
    if not chosen.any():
        return None
    targets = batch.tokens[chosen, -1, 0].astype(np.int64)
    accuracy, low, high = accuracy_interval(right[chosen], targets)
    best, ends = None, (None, None, None)
    if (batch.distance[chosen] < batch.tokens.shape[1] - 1).any():  # else no rule can fail
        best = max(of_rules, key=lambda name: of_rules[name][chosen].mean())
        ends = difference_interval(right[chosen], of_rules[best][chosen], targets)
    return results.BesideRule(
        count=int(chosen.sum()),
        accuracy=accuracy,
        accuracy_low=low,
        accuracy_high=high,
        best_rule=best,
        above_rule=ends[0],
        above_rule_low=ends[1],
        above_rule_high=ends[2],
    )


def _invariances(suite: _Suite) -> list[results.Invariance]:
    """How far answers on test e move when a question is written in another way."""
    c = suite.c
    batch, _ = frozen(world(ANY_TARGET, c.graphs), c.evaluate.seed, suite.examples)
    variants = {name: change(batch, c.evaluate.seed) for name, change in INVARIANCES.items()}
    rows = []
    for name, model in suite.models.items():
        before = suite.answers(model, batch)
        for variant, other in variants.items():
            after = suite.answers(model, other)
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


def _beside(before: results.Shifts, now: results.Shifts) -> results.Shifts:
    """What was measured now, and of the file what was not: axes, and levels of the same axis."""
    named = {axis.axis: axis for axis in before.axes}
    for axis in now.axes:
        anew = {level.level for level in axis.levels}
        old = named.get(axis.axis, axis)
        kept = [level for level in old.levels if level.level not in anew]
        cells = [cell for cell in old.cells if cell.level not in anew]
        parts = {"levels": [*kept, *axis.levels], "cells": [*cells, *axis.cells]}
        named[axis.axis] = axis.model_copy(update=parts)
    return now.model_copy(update={"axes": [*named.values()]})
