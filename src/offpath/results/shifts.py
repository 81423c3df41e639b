"""What the shift suite measures: every network where one thing moves, and where none may matter."""

from typing import Literal

from offpath.results.rows import Result, Row
from offpath.results.scores import Predictor


class BesideRule(Row):
    """Accuracy on some questions, and how far it is above that of the best trivial rule."""

    count: int  # questions
    accuracy: float  # share of answers that round to the true distance
    accuracy_low: float  # lower end of its 95 % interval, which clusters questions by target
    accuracy_high: float  # upper end of that interval
    rules_fitted_on: Literal["level", "axis"]  # axis: one rule, where the level has one answer
    best_rule: str | None  # the most accurate trivial rule; null where none can miss
    above_rule: float | None  # accuracy less that of the best rule, paired by question
    above_rule_low: float | None  # lower end of its 95 % interval, clustered by target
    above_rule_high: float | None  # upper end of that interval


class ShiftCell(Row):
    """One network on one level of an axis."""

    level: str  # name of the level
    predictor: str  # name of the network
    every: BesideRule  # on all of its questions
    hard: BesideRule | None  # on its hard questions; null where it has none


class ShiftLevel(Row):
    """A level of an axis: frozen examples, the same for every network."""

    level: str  # its name, as `--worlds` takes it
    title: str  # its name for readers
    examples: int  # how many
    sha256: str  # of the examples


class ShiftAxis(Row):
    """One thing that moves while the others are held."""

    axis: str  # its name
    title: str  # its name for readers
    moves: str  # what differs from level to level
    holds: str  # what is the same at every level
    base: str  # the level that is nearest to fine-tuning
    levels: list[ShiftLevel]  # in order
    cells: list[ShiftCell]  # one for each level and network


class Invariance(Row):
    """How far the answers of a network move where none may: the question stays the same."""

    predictor: str  # name of the network
    variant: str  # what is changed in how a question is written
    mean_change: float  # of the answer, before it is rounded
    largest_change: float  # of all answers
    changed: float  # share of answers that round to another distance


class Shifts(Result):
    """The shift suite: every network beside trivial rules, one axis at a time."""

    file, title, verb = "shifts", "the shift suite", "evaluate"
    max_vertices: int  # vertices of the largest graph; the label of "no path"
    calibration_examples: int  # of each level: others, on which rules are fitted
    predictors: list[Predictor]  # networks, and the trivial rules beside them
    axes: list[ShiftAxis]  # those that were measured
    invariance_examples: int  # of test e
    invariances: list[Invariance]  # one for each network and variant
