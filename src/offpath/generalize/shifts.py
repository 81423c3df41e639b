"""The shift suite: every network on every level of every axis, beside the best trivial rule.

In: the checkpoints of a run. Out: `results/shifts.json`. Every network sees the same frozen
examples. Rules are fitted on other examples of the same level. Where its hard questions have one
answer alone, which such a rule would know, they are fitted on all levels of the axis; where these
have no other answer either, no rule is compared.
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
from offpath.data.shifts import Axis, axes, chosen_worlds
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
    known = axes(c.graphs)
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
        axes=measured,
        invariance_examples=suite.examples,
        invariances=_invariances(suite),
    )
    kept = words and run.result(results.Shifts.file).exists()
    write_result(run, _beside(read_result(run, results.Shifts), made) if kept else made)


def _axis(axis: Axis, whole: Axis, suite: _Suite) -> results.ShiftAxis:
    """Every network on the levels of an axis; `whole` has those that were not chosen too."""
    seed, threads, count = suite.c.evaluate.seed, suite.compute.threads, suite.examples
    sets = {level: frozen(level.world, seed, count, threads) for level in axis.levels}
    batches = [batch for batch, _ in sets.values()]
    answers = {name: suite.answers(model, batches) for name, model in suite.models.items()}
    others = {
        level.world.name: draw(level.world, seed, count, CALIBRATION, "evaluation", threads)
        for level in whole.levels
    }
    levels, cells = [], []
    for number, (level, (batch, sha256)) in enumerate(sets.items()):
        other, fitted = others[level.world.name], "level"
        if not _has_choice(other, batch):
            other, fitted = _together(list(others.values())), "axis"
        own = {name: values[number] for name, values in answers.items()}
        cells += _cells(level.world.name, batch, own, Known(other, suite.questions), suite.rules)
        place = {
            "level": level.world.name,
            "title": level.title,
            "examples": count,
            "sha256": sha256,
        }
        levels.append(results.ShiftLevel(**place, rules_fitted_on=fitted))
    words = {"axis": axis.name, "title": axis.title, "moves": axis.moves, "holds": axis.holds}
    return results.ShiftAxis(**words, base=f"{axis.name}/{axis.base}", levels=levels, cells=cells)


def _has_choice(calibration: Batch, batch: Batch) -> bool:
    """Whether a rule that is fitted there can miss a hard question: not where it has one answer.

    A rule knows the stratum, so that one with several answers is enough.
    """
    asked, hard = np.unique(batch.stratum[hard_questions(batch)]), hard_questions(calibration)
    answers = (calibration.distance[hard & (calibration.stratum == one)] for one in asked)
    return any(len(np.unique(labels)) > 1 for labels in answers)


def _together(batches: Sequence[Batch]) -> Batch:
    """All examples as one batch, with padding as far as the widest needs it."""
    widest = max(batch.tokens.shape[1] for batch in batches)
    padded = []
    for batch in batches:
        padding = ((0, 0), (0, widest - batch.tokens.shape[1]), (0, 0))
        edges = np.pad(batch.tokens[:, :-1], padding)
        padded.append(batch._replace(tokens=np.concatenate([edges, batch.tokens[:, -1:]], axis=1)))
    return Batch(*(np.concatenate(columns) for columns in zip(*padded, strict=True)))


def _cells(
    level: str, batch: Batch, answers: Mapping[str, Values], known: Known, table: Mapping[str, Rule]
) -> list[results.ShiftCell]:
    """Every network on one level: on every question, and on the hard ones."""
    of_rules = {name: _right(rule.answers(batch, known), batch) for name, rule in table.items()}
    of_rules["distance_to_2"] &= batch.stratum > 0  # of vertex 2 it is the truth, not a rule
    every, hard = np.ones(len(batch.distance), bool), hard_questions(batch)
    of_hard = of_rules if _has_choice(known.calibration, batch) else {}
    cells = []
    for name, values in answers.items():
        right, place = _right(values, batch), {"level": level, "predictor": name}
        on_hard = _scores(right, of_hard, batch, hard) if hard.any() else None
        on_every = _scores(right, of_rules, batch, every)
        cells.append(results.ShiftCell(**place, every=on_every, hard=on_hard))
    return cells


def hard_questions(batch: Batch) -> Mask:
    """The questions of `slices.HARD`: d(1,t) is at least 3, and not d(1,2) where it can differ."""
    other = (batch.distance != batch.distance_to_2) | (batch.stratum == 0)
    return (batch.distance >= 3) & other


def _right(answers: Values, batch: Batch) -> Mask:
    return np.rint(answers) == batch.distance


def _scores(
    right: Mask, of_rules: Mapping[str, Mask], batch: Batch, chosen: Mask
) -> results.BesideRule:
    """Accuracy on some questions, beside the best of the rules on them."""
    targets = batch.tokens[chosen, -1, 0].astype(np.int64)
    accuracy, low, high = accuracy_interval(right[chosen], targets)
    best, ends = None, (None, None, None)
    if of_rules:
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
