"""Every result file of a run as typed records: read, checked and written here alone.

In: what a stage measured, or a run folder. Out: `results/NAME.json`, or the record in it; one line
and the command that makes it anew where it is missing, damaged or of another version. A number that
may be missing or not finite is None: no reader has to guard against NaN. `docs/run-folder.md` shows
every field with the comment behind it.
"""

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from offpath.errors import InputError
from offpath.networks import Colour
from offpath.run.files import read_json, write_json
from offpath.run.folder import Run, working_on
from offpath.run.provenance import note_made
from offpath.slices import POOLED, Slice, distance_slice

AGREEMENT = 0.05
"""How far minimum, mean over the steps and end of an accuracy may lie apart to be one number."""
SAME_AS_CONSTANT = 0.02  # accuracies that lie no farther apart are those of a constant answer
FORMAT = 3  # of the result files; the first had no number


class Row(BaseModel):
    """A record that cannot change, without unknown fields, NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Result(Row):
    """A result file: one subclass per file, with the verb of the command line that makes it."""

    file: ClassVar[str]
    title: ClassVar[str]
    verb: ClassVar[str]


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
    kind: Literal["trained", "handcrafted", "rule"]  # where its answers come from
    colour: Colour  # in light and in dark
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


class DrawnGraph(Row):
    """A graph with one question, and where its vertices lie in a drawing."""

    vertices: int  # how many
    edges: list[tuple[int, int]]  # pairs of vertices, counted from 1
    target: int  # the vertex asked for
    distance: int  # from vertex 1 to the target
    positions: list[tuple[float, float]]  # of each vertex, 0 to 1 across and up


class State(Row):
    """What a circuit holds after one layer; layer 0 is the input."""

    layer: int  # layers done
    from_source: list[float]  # how far each vertex counts as reached from vertex 1, 0 to 1
    from_target: list[float]  # the same from the target
    text: str  # what is known then, in words


class Direction(Row):
    """What one coordinate of the residual stream means."""

    index: int  # of the coordinate
    name: str  # its meaning
    group: str  # of coordinates with one purpose


class SizeError(Row):
    """How exact a construction is for graphs of one size."""

    vertices: int  # of the graphs
    constants: str  # whose constants: the circuit's own, or those of WWZ24
    mse: float  # mean squared error
    largest_error: float  # absolute
    accuracy: float  # share of answers that round to the true distance


class CircuitResult(Result):
    """The handcrafted network, and what it holds layer by layer on one graph."""

    file, title, verb = "circuit", "the handcrafted solution", "evaluate"
    circuit: str  # edge, wide or doubling
    width: int  # size of the residual stream
    layers: int  # how many
    heads: int  # of each layer
    feed_forward: int  # hidden units of each layer
    norm: str  # layer norm: pre, post or none
    own_architecture: bool  # whether it has the architecture that the run trains
    note: str  # where not, what is larger
    graph: DrawnGraph  # the example
    states: list[State]  # what the circuit holds on it, layer by layer
    answer: float  # the circuit's
    directions: list[Direction]  # of the edge circuit
    sizes: list[SizeError]  # of the wide circuit, with its own constants and with those of WWZ24


class Perturbed(Row):
    """One matrix replaced by standard normal noise, then retrained; 1e30 stands for not finite."""

    choice: int  # number of the random draw
    matrix: str  # which one
    rate: float  # learning rate of retraining
    loss_perturbed: float  # before retraining
    loss_after: float  # after retraining
    curve: list[tuple[int, float]]  # step and loss


class Recovered(Row):
    """The share of perturbed networks that end below a loss."""

    rate: float  # learning rate of retraining
    count: int  # networks
    below: float  # the loss
    share: float  # of networks below it
    low: float  # lower end of its 95 % interval (Wilson)
    high: float  # upper end of that interval


class Graded(Row):
    """Noise of one size on all weights, then retraining."""

    relative_to: Literal["weight", "tensor"]  # each weight, or the root mean square of its tensor
    noise: float  # standard deviation, relative to that
    draw: int  # number of the random draw
    rate: float  # learning rate of retraining
    loss_perturbed: float  # before retraining
    loss_after: float  # after retraining


class StepCell(Cell):
    """A cell of the test matrix after so many steps."""

    step: int  # steps of fine-tuning done


class ConstantAnswer(Row):
    """What answers that ignore the question score on a stratum."""

    by: str  # what cuts the distribution into slices
    slice: str  # the stratum
    label: int  # the most frequent true distance in it
    accuracy: float  # of answering that always
    repeated: float  # accuracy of always giving the network's most frequent answer after the end


class OverSteps(NamedTuple):
    """The accuracy on one stratum over all steps, in three numbers."""

    minimum: float
    area: float
    """Mean over the steps: the area under the accuracies by step (trapezoid), by their length."""
    end: float

    @property
    def agree(self) -> bool:
        """Whether one number may stand for all: minimum, mean and end lie within `AGREEMENT`."""
        return max(self) - min(self) <= AGREEMENT


class Retention(Row):
    """The exact solution, fine-tuned: what is left of it along the way."""

    rate: float  # learning rate
    finetuned_on: str  # distribution of its training
    world: str  # distribution of the scores along the way
    steps: list[int]  # after which it is measured
    cells: list[StepCell]  # after the last step, the first has them on every distribution
    losses: list[tuple[int, float]]  # step and loss on the training examples
    examples: int | None = None  # behind the scores along the way; null: those of the matrix
    answer: int | None = None  # the network's most frequent answer after the last step
    answer_share: float | None = None  # of the examples that get it
    constants: list[ConstantAnswer] = []  # one for each stratum, on the examples of the last step

    def over_steps(self, where: Slice) -> OverSteps | None:
        """Minimum, mean over the steps and end of the accuracy, or None without such examples."""
        place = (self.world, where.by, where.slice)
        path = {c.step: c.accuracy for c in self.cells if (c.world, c.by, c.slice) == place}
        if not path:
            return None
        steps = sorted(path)
        area = sum((b - a) * (path[a] + path[b]) / 2 for a, b in pairwise(steps))
        mean = area / (steps[-1] - steps[0]) if len(steps) > 1 else path[steps[0]]
        return OverSteps(min(path.values()), mean, path[steps[-1]])

    def constant(self, where: Slice) -> ConstantAnswer | None:
        """What a constant answer scores on a stratum."""
        place = (where.by, where.slice)
        return next((one for one in self.constants if (one.by, one.slice) == place), None)

    def repeats_itself(self, strata: Sequence[Slice]) -> bool:
        """Whether the network ends as accurate as its most frequent answer, in every stratum."""
        pairs = [(self.over_steps(where), self.constant(where)) for where in strata]
        gaps = [abs(o.end - c.repeated) for o, c in pairs if o and c]
        return bool(gaps) and max(gaps) <= SAME_AS_CONSTANT


class Robustness(Result):
    """What becomes of the exact solution under noise, retraining and fine-tuning."""

    file, title, verb = "robustness", "the robustness of the solutions", "robustness"
    options: dict[str, Any]  # of `offpath robustness`
    world: str  # distribution of the losses
    exact_loss: float  # of the circuit itself
    perturbed: list[Perturbed] = []  # one for each draw and learning rate
    recovered: list[Recovered] = []  # one for each learning rate and bound
    graded: list[Graded] = []  # one for each size of noise and draw
    retention: list[Retention] = []  # at the recipe's rate, other rates, on pre-training data


class Point(Row):
    """The localised curvature at one localisation and step size; null is not finite or not sampled.

    Alone it is no learning coefficient, whether the sampler passed its checks or not.
    """

    localisation: float  # gamma, strength of the pull to the checkpoint
    step_share: float  # of the largest stable step size
    step_size: float  # of the sampler
    localised_curvature: float | None  # n beta (mean loss over draws - loss at the checkpoint)
    error: float | None  # one standard error
    agreement: float | None  # rank-normalised split R-hat of block averages: 1 where chains agree
    slope: float | None  # rise of the losses from first to last draw, in units of the estimate
    slope_error: float | None  # one standard error
    chains: list[float | None]  # localised curvature of each chain
    passed: bool  # whether the sampler passed its checks
    reasons: list[str]  # which it did not


class Plateau(Row):
    """Localisations and step sizes over which the localised curvature does not change."""

    localisations: tuple[float, float]  # the smallest and the largest
    step_shares: tuple[float, float]  # the smallest and the largest
    coefficient: float  # the local learning coefficient: the mean over the plateau
    error: float  # the largest standard error on it


class Sweep(Row):
    """Localised curvatures of one checkpoint by localisation and step size, and their plateau."""

    checkpoint: str  # its name
    network: str  # the one on whose training the checkpoint lies
    step: int | None  # of that training; null for handcrafted and imported weights
    baseline_loss: float | None  # at the checkpoint itself
    largest_curvature: float | None  # of the loss there; it sets the step sizes
    points: list[Point]  # by localisation and step size
    plateau: Plateau | None  # null: no number here is a learning coefficient
    verdict: str  # in words


class Trace(Row):
    """Losses along one chain of the sampler."""

    checkpoint: str  # its name
    localisation: float  # of the sampler
    step_share: float  # of the sampler
    chain: int  # counted from 1
    losses: list[float | None]  # evenly spaced along the chain


class LearningCoefficients(Result):
    """Localised curvatures of checkpoints, and local learning coefficients where they exist."""

    file, title, verb = "learning_coefficient", "the learning coefficient", "llc"
    examples: int  # of the dataset
    sampling: dict[str, Any]  # options of the sampler
    seed: int  # of the dataset and the sampler
    world: str  # distribution of the dataset
    examples_sha256: str  # of the dataset
    sweeps: list[Sweep]  # one for each checkpoint
    traces: list[Trace]  # of each chain of each estimate
    finding: str  # whether coefficients can be compared along training, in words


RESULTS: tuple[type[Result], ...] = (
    Labels, Overlap, Matrix, Predictions, Study, CircuitResult, Robustness, LearningCoefficients,
)  # fmt: skip
"""Every result file, in the order of the work."""
R = TypeVar("R", bound=Result)


def write_result(run: Run, result: Result) -> None:
    """Write a result file, with the name of the run that it belongs to."""
    head = {"run": run.configuration.run_name, "format": FORMAT}
    with working_on(run):
        record = result.model_dump(mode="json", exclude_defaults=True)
        write_json(run.result(result.file), {**head, **record})
        note_made(run.folder, f"results/{result.file}.json")


def read_result(run: Run, kind: type[R]) -> R:
    """The result of that kind; an `InputError` that says how to make it if it is not to be had."""
    path = run.result(kind.file)
    remedy = f"make it anew with `offpath {kind.verb} {run.quoted}`"
    if not path.exists():
        raise InputError(f"{path} is missing; {remedy}")
    remedy = f"delete it, and {remedy}"
    record = read_json(path, "run", remedy)
    owner = record.pop("run")
    if owner != run.configuration.run_name:
        raise InputError(f"{path} belongs to another run, {owner}; {remedy}")
    if (number := record.pop("format", 1)) != FORMAT:
        raise InputError(f"{path} has format {number}, and this version reads {FORMAT}; {remedy}")
    try:
        return kind.model_validate(record)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(f"{path} is damaged ({place}: {first['msg'].lower()}); {remedy}") from None
