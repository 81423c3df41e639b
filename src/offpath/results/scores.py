"""What is measured on every distribution: the test matrix, and what stands beside it."""

from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field

from offpath.results.rows import Result, Row
from offpath.slices import POOLED, Slice, distance_slice

Hex = Annotated[str, Field(pattern="^#[0-9a-f]{6}$")]
"""A colour; nothing else could stand in the style sheet of a page."""


class Place(Row):
    """Which predictor on which examples."""

    predictor: str  # name of a network or rule
    world: str  # name of a distribution
    by: str  # what cuts the distribution into slices
    slice: str  # which of these slices


class Scores(Row):
    """What a predictor scores on some examples."""

    count: int  # examples
    mse: float  # mean squared error
    mse_low: float | None  # lower end of its 95 % bootstrap interval; null below 30 examples
    mse_high: float | None  # upper end of that interval
    accuracy: float  # share of answers that round to the true distance
    accuracy_low: float  # lower end of its 95 % interval, which clusters questions by target
    accuracy_high: float  # upper end of that interval
    r2: float | None  # against the best constant of the same slice; null for a single label
    balanced: float | None = None  # accuracy in which every true distance has the same weight
    rank_correlation: float | None = None  # of answers and true distances (Spearman)
    recalibrated: float | None = None  # accuracy after the best monotone map of the answers
    auroc: float | None = None  # of "no path" by the size of the answer


class Cell(Scores, Place):
    """One predictor on one slice of one distribution; what is null is left out of the file."""

    best_rule: str | None = None  # the trivial rule with the highest accuracy on the slice
    above_rule: float | None = None  # accuracy less that of the best rule, paired by question
    above_rule_low: float | None = None  # lower end of its 95 % interval, clustered by target
    above_rule_high: float | None = None  # upper end of that interval
    balanced_rule: str | None = None  # the trivial rule with the highest balanced accuracy
    balanced_above_rule: float | None = None  # balanced accuracy less that of this rule
    balanced_above_rule_low: float | None = None  # lower end of its 95 % interval
    balanced_above_rule_high: float | None = None  # upper end of that interval
    error_rule: str | None = None  # the rule that gives the same wrong answer most above chance
    error_agreement: float | None = None  # share of the wrong answers that equal that rule's
    error_chance: float | None = None  # the same if both answered independently of each other


class Predictor(Row):
    """A row of the test matrix."""

    predictor: str  # its name
    title: str  # its name for readers
    kind: Literal["trained", "handcrafted", "intervention", "rule"]  # where its answers come from
    colour: tuple[Hex, Hex]  # in light and in dark
    trivial: bool = False  # whether networks are compared with it: a rule that does not search


class EvaluationSet(Row):
    """A column of the test matrix: frozen examples, the same for every predictor."""

    world: str  # name of the distribution
    title: str  # its name for readers
    examples: int  # how many
    sha256: str  # of the examples


class Matrix(Result):
    """The test matrix: every network and rule on every distribution, pooled and by slice."""

    file, title, verb = "matrix", "the test matrix", "evaluate"
    recipe: str  # of the run
    seed: int  # of the run
    max_vertices: int  # vertices of the largest graph; the label of "no path"
    finetune_vertices: int  # vertices of the largest graph that fine-tuning shows
    bootstrap_resamples: int  # behind each interval of a mean squared error
    calibration_examples: int = 0  # other examples, on which recalibration and rules are fitted
    predictors: list[Predictor]  # its rows
    worlds: list[EvaluationSet]  # its columns
    cells: list[Cell]  # none for a slice without examples

    def cell(self, predictor: str, world: str, where: Slice = POOLED) -> Cell | None:
        """One cell, or None if its slice has no examples."""
        return self._cells.get((predictor, world, where.by, where.slice))

    def count(self, world: str, where: Slice) -> int:
        """Examples of a slice; the same for every predictor."""
        cells = (self.cell(p.predictor, world, where) for p in self.predictors)
        return next((cell.count for cell in cells if cell), 0)

    def best_rule(self, world: str, where: Slice, score: str = "accuracy") -> Cell | None:
        """The trivial rule with the best score on a slice.

        Where only vertex 2 is asked for, the distance d(1,2) is the truth and no rule.
        """
        known = {row.predictor for row in self.predictors if row.trivial}
        known -= {"distance_to_2"} if where.slice.startswith("trained") else set()
        cells = [cell for name in known if (cell := self.cell(name, world, where))]
        there = [cell for cell in cells if getattr(cell, score) is not None]
        sign = -1 if score == "mse" else 1
        return max(
            there, key=lambda cell: (sign * getattr(cell, score), cell.predictor), default=None
        )

    def distances(self) -> list[Slice]:
        """One slice for each true distance that occurs, "no path" last."""
        labels = sorted({int(cell.slice) for cell in self.cells if cell.by == "label"})
        return [distance_slice(label, self.max_vertices) for label in labels]

    @cached_property
    def _cells(self) -> dict[tuple[str, str, str, str], Cell]:
        return {(c.predictor, c.world, c.by, c.slice): c for c in self.cells}


class LabelCount(Row):
    """How often a true distance occurs."""

    label: int  # the distance; `max_vertices` is "no path"
    count: int  # examples
    exact: float | None  # probability, from exact fractions; null where no formula is known


class LabelWorld(EvaluationSet):
    """One distribution and its frozen examples."""

    description: str  # of the distribution, for readers
    seed: int  # of the examples
    labels: list[LabelCount]  # one for each distance
    strata: dict[str, int]  # examples of each stratum


class Labels(Result):
    """The evaluation sets: label histograms beside the exact probabilities."""

    file, title, verb = "labels", "the evaluation sets", "evaluate"
    max_vertices: int  # as in `matrix.json`
    finetune_vertices: int  # as in `matrix.json`
    worlds: list[LabelWorld]  # one for each distribution


class OverlapRow(Row):
    """Which share of an evaluation set a training set holds too."""

    world: str  # name of the evaluation set's distribution
    training_world: str  # name of the training set's distribution
    training_examples: int  # drawn in training
    distinct: int | None  # different questions among them; null if they are too many to count
    graph: float  # share of examples whose set of edges occurs in the training set
    question: float  # share whose edges, with repetitions, occur there with the same target
    renamed: float | None  # the same up to vertex ids, of examples with at most 7 vertices in edges


class Overlap(Result):
    """The ledger of overlap: what the evaluation sets share with the training sets, exactly."""

    file, title, verb = "overlap", "the ledger of overlap", "evaluate"
    held_out_share: float  # of all graphs, those that training never draws
    rows: list[OverlapRow]  # one for each evaluation set and training set


class PredictionCounts(Row):
    """The 2-D histogram of one predictor on one distribution."""

    predictor: str  # its name
    world: str  # name of the distribution
    counts: list[tuple[int, int, int]]  # true distance, bin of the prediction, examples


class Predictions(Result):
    """2-D histograms of true distance by predicted value."""

    file, title, verb = "predictions", "the predictions", "evaluate"
    bin_width: float  # bin b of the predictions begins at `lowest + b * bin_width`
    lowest: float  # predictions below are in the first bin
    highest: float  # predictions above are in the last bin
    cells: list[PredictionCounts]  # one for each predictor and distribution


class StudyStratum(Scores):
    """A stratum of a published quantity, measured on the run."""

    by: str  # what cuts the distribution into slices
    slice: str  # the stratum
    share_of_examples: float  # of those of the quantity
    share_of_error: float | None  # of the sum of squared errors; null where it is 0


class StudyQuantity(Row):
    """One published figure of WWZ24, and the same quantity of the run."""

    quantity: str  # its name
    title: str  # its name for readers
    predictor: str  # the network
    world: str  # the distribution
    published: str  # the figure of WWZ24, a mean squared error
    remeasured: dict[str, str]  # what the published weights score again, by way of fine-tuning
    pooled: Scores | None  # of the run
    strata: list[StudyStratum]  # which hold each example once


class Study(Result):
    """The run beside the published figures of WWZ24, pooled and by stratum."""

    file, title, verb = "study", "the comparison with WWZ24", "evaluate"
    source: str  # of the published figures
    finetuned: str  # the way of fine-tuning of WWZ24 that is nearest to the run's
    differences: dict[str, tuple[Any, Any]]  # options unlike those of WWZ24: the run's, WWZ24's
    imported: str | None  # SHA-256 of imported pre-trained weights; null if trained here
    mixture: dict[str, dict[str, float]]  # shares of strata in the examples that WWZ24 pools
    quantities: list[StudyQuantity]  # in the order of WWZ24
