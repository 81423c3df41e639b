"""Every result file of a run as typed records: read, checked and written here alone.

In: what a stage measured, or a run folder. Out: `results/NAME.json`, or the record in it; one line
and the command that makes it anew where it is missing, damaged or of another version. A number that
may be missing or not finite is None: no reader has to guard against NaN. `docs/run-folder.md` shows
every field, generated from this file.
"""

from functools import cached_property
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from offpath.configs import InputError
from offpath.networks import Colour
from offpath.run.files import read_json, write_json
from offpath.run.folder import Run, working_on
from offpath.run.provenance import note_made
from offpath.slices import POOLED, Slice, distance_slice

FORMAT = 2  # of the result files; the first had no number


class Row(BaseModel):
    """A record that cannot change, without unknown fields, NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Result(Row):
    """A result file: one subclass per file."""

    file: ClassVar[str]
    title: ClassVar[str]
    verb: ClassVar[str]
    """The verb that makes the file."""


class Place(Row):
    """Which predictor on which examples."""

    predictor: str
    """Name of a network or rule."""
    world: str
    """Name of a distribution."""
    by: str
    """What cuts the distribution into slices."""
    slice: str
    """Which of these slices."""


class Scores(Row):
    """What a predictor scores on some examples."""

    count: int
    """Examples."""
    mse: float
    """Mean squared error."""
    mse_low: float | None
    """Lower end of its 95 % interval (percentile bootstrap); null below 30 examples."""
    mse_high: float | None
    """Upper end of that interval."""
    accuracy: float
    """Share of answers that round to the true distance."""
    accuracy_low: float
    """Lower end of its 95 % interval (Wilson)."""
    accuracy_high: float
    """Upper end of that interval."""
    r2: float | None
    """Against the best constant of the very same slice; null where it has one label only."""


class Cell(Scores, Place):
    """One predictor on one slice of one distribution."""


class Predictor(Row):
    """A row of the test matrix."""

    predictor: str
    title: str
    kind: Literal["trained", "handcrafted", "rule"]
    colour: Colour
    """In light and in dark."""


class EvaluationSet(Row):
    """A column of the test matrix: frozen examples, the same for every predictor."""

    world: str
    title: str
    examples: int
    sha256: str
    """Of the examples."""


class Matrix(Result):
    """The test matrix: every network and rule on every distribution, pooled and by slice."""

    file, title, verb = "matrix", "the test matrix", "evaluate"

    recipe: str
    seed: int
    max_vertices: int
    finetune_vertices: int
    bootstrap_resamples: int
    predictors: list[Predictor]
    worlds: list[EvaluationSet]
    cells: list[Cell]
    """A slice without examples has none."""

    def cell(self, predictor: str, world: str, where: Slice = POOLED) -> Cell | None:
        """One cell, or None if its slice has no examples."""
        return self._cells.get((predictor, world, where.by, where.slice))

    def count(self, world: str, where: Slice) -> int:
        """Examples of a slice; the same for every predictor."""
        cells = (self.cell(p.predictor, world, where) for p in self.predictors)
        return next((cell.count for cell in cells if cell), 0)

    def distances(self) -> list[Slice]:
        """One slice for each true distance that occurs, "no path" last."""
        labels = sorted({int(cell.slice) for cell in self.cells if cell.by == "label"})
        return [distance_slice(label, self.max_vertices) for label in labels]

    @cached_property
    def _cells(self) -> dict[tuple[str, str, str, str], Cell]:
        return {(c.predictor, c.world, c.by, c.slice): c for c in self.cells}


class LabelCount(Row):
    """How often a true distance occurs."""

    label: int
    """`max_vertices` is "no path"."""
    count: int
    exact: float | None
    """Its probability, computed in exact fractions; null where no formula is known."""


class LabelWorld(EvaluationSet):
    """One distribution and its frozen examples."""

    description: str
    seed: int
    labels: list[LabelCount]
    strata: dict[str, int]
    """Examples of each stratum."""


class Labels(Result):
    """The evaluation sets: label histograms beside the exact probabilities."""

    file, title, verb = "labels", "the evaluation sets", "evaluate"

    max_vertices: int
    finetune_vertices: int
    worlds: list[LabelWorld]


class PredictionCounts(Row):
    """The 2-D histogram of one predictor on one distribution."""

    predictor: str
    world: str
    counts: list[tuple[int, int, int]]
    """True distance, bin of the prediction, examples. Bin b begins at `lowest + b * bin_width`;
    predictions beyond either end are in the first or last bin."""


class Predictions(Result):
    """2-D histograms of true distance by predicted value."""

    file, title, verb = "predictions", "the predictions", "evaluate"

    bin_width: float
    lowest: float
    highest: float
    cells: list[PredictionCounts]


class DrawnGraph(Row):
    """A graph with one question, and where its vertices lie in a drawing."""

    vertices: int
    edges: list[tuple[int, int]]
    target: int
    distance: int
    positions: list[tuple[float, float]]


class State(Row):
    """What a circuit holds after one layer; layer 0 is the input."""

    layer: int
    from_source: list[float]
    """How far each vertex counts as reached from vertex 1, 0 to 1."""
    from_target: list[float]
    """The same from the target."""
    text: str
    """What is known then, in words."""


class Direction(Row):
    """What one coordinate of the residual stream means."""

    index: int
    name: str
    group: str


class SizeError(Row):
    """How exact a construction is for graphs of one size."""

    vertices: int
    constants: str
    mse: float
    largest_error: float
    accuracy: float


class CircuitResult(Result):
    """The handcrafted network, and what it holds layer by layer on one graph."""

    file, title, verb = "circuit", "the handcrafted solution", "evaluate"

    circuit: str
    width: int
    layers: int
    heads: int
    feed_forward: int
    norm: str
    own_architecture: bool
    """Whether it has the architecture that the run trains."""
    note: str
    """Where not, what is larger."""
    graph: DrawnGraph
    states: list[State]
    answer: float
    directions: list[Direction]
    """Of the edge circuit."""
    sizes: list[SizeError]
    """Of the wide circuit, with its own constants and with those of WWZ24."""


class Perturbed(Row):
    """One matrix replaced by standard normal noise, then retrained; 1e30 stands for not finite."""

    choice: int
    matrix: str
    rate: float
    """Learning rate of retraining."""
    loss_perturbed: float
    loss_after: float
    curve: list[tuple[int, float]]
    """Step and loss."""


class Recovered(Row):
    """The share of perturbed networks that end below a loss."""

    rate: float
    count: int
    below: float
    share: float
    low: float
    high: float


class Graded(Row):
    """Noise of one size on all weights."""

    relative_to: Literal["weight", "tensor"]
    """To each weight, or to the root mean square of its tensor."""
    noise: float
    draw: int
    rate: float
    loss_perturbed: float
    loss_after: float


class Interpolation(Row):
    """Losses on the linear interpolation from the circuit to a trained network."""

    to: str
    title: str
    aligned: bool
    """Whether the trained network's neurons are permuted first, to those of the circuit."""
    points: list[tuple[float, float]]
    """Share of the way, and loss there."""


class StepCell(Cell):
    """A cell of the test matrix after so many steps."""

    step: int


class Retention(Row):
    """The exact solution, fine-tuned: what is left of it along the way."""

    rate: float
    finetuned_on: str
    world: str
    steps: list[int]
    cells: list[StepCell]
    losses: list[tuple[int, float]]
    """Step and loss on the training examples."""


class Robustness(Result):
    """What becomes of the exact solution under noise, retraining and fine-tuning."""

    file, title, verb = "robustness", "the robustness of the solutions", "robustness"

    options: dict[str, Any]
    world: str
    exact_loss: float
    perturbed: list[Perturbed] = []
    recovered: list[Recovered] = []
    graded: list[Graded] = []
    interpolations: list[Interpolation] = []
    """None where the circuit has another architecture than the trained networks."""
    retention: list[Retention] = []
    """First at the recipe's learning rate, then at others, last on the pre-training data."""


class Point(Row):
    """The learning coefficient of one checkpoint at one step size; null is not finite."""

    checkpoint: str
    network: str
    """The network on whose training the checkpoint lies."""
    step: int | None
    step_size: float
    baseline_loss: float | None
    estimate: float | None
    """n beta (mean loss over draws - `baseline_loss`)."""
    error: float | None
    """One standard error."""
    agreement: float | None
    """Split R-hat: 1 where chains agree."""
    slope: float | None
    slope_error: float | None
    chains: list[float | None]
    trusted: bool
    reasons: list[str]
    """What speaks against it."""


class Sweep(Row):
    """The estimate at several step sizes; without a plateau do not trust it."""

    checkpoint: str
    points: list[Point]
    plateau: tuple[float, float] | None
    estimate: float | None
    error: float | None
    verdict: str


class Trace(Row):
    """Losses along one chain of the sampler."""

    checkpoint: str
    step_size: float
    chain: int
    losses: list[float | None]


class LearningCoefficients(Result):
    """Local learning coefficients along training and at the circuit."""

    file, title, verb = "learning_coefficient", "the learning coefficient", "llc"

    examples: int
    sampling: dict[str, Any]
    seed: int
    world: str
    examples_sha256: str
    points: list[Point]
    sweeps: list[Sweep]
    traces: list[Trace]


class StudyStratum(Scores):
    """A stratum of a published quantity, measured on the run."""

    by: str
    slice: str
    share_of_examples: float
    share_of_error: float | None


class StudyQuantity(Row):
    """One published figure of WWZ24, and the same quantity of the run."""

    quantity: str
    title: str
    predictor: str
    world: str
    published: str
    remeasured: dict[str, str]
    """What the published weights score when measured again, by way of fine-tuning."""
    pooled: Scores | None
    strata: list[StudyStratum]


class Study(Result):
    """The run beside the published figures of WWZ24, pooled and by stratum."""

    file, title, verb = "study", "the comparison with WWZ24", "evaluate"

    source: str
    finetuned: str
    """The way of fine-tuning of WWZ24 that is nearest to the run's."""
    differences: dict[str, tuple[Any, Any]]
    """Each option that is not that of WWZ24: the run's value, and that of WWZ24."""
    imported: str | None
    mixture: dict[str, dict[str, float]]
    """Shares of examples that the published figures pool, by distribution and stratum."""
    quantities: list[StudyQuantity]


RESULTS: tuple[type[Result], ...] = (
    Labels, Matrix, Predictions, Study, CircuitResult, Robustness, LearningCoefficients,
)  # fmt: skip
"""Every result file, in the order of the work."""
R = TypeVar("R", bound=Result)


def write_result(run: Run, result: Result) -> None:
    """Write a result file, with the name of the run that it belongs to."""
    head = {"run": run.configuration.run_name, "format": FORMAT}
    with working_on(run):
        write_json(run.result(result.file), {**head, **result.model_dump(mode="json")})
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
