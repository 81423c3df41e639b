"""Every result file of a run as typed records: read, checked and written here alone.

In: what a stage measured, or a run folder. Out: `results/NAME.json`, or the record in it; one line
and the command that makes it anew where it is missing, damaged or of another version. A number that
may be missing or not finite is None: no reader has to guard against NaN. `docs/run-folder.md` shows
every field with the comment behind it.
"""

from typing import TypeVar

from pydantic import ValidationError

from offpath.configs import Configuration
from offpath.errors import InputError
from offpath.networks import has_coherence
from offpath.reporters import names
from offpath.results.coefficients import LearningCoefficients, Plateau, Point, Sweep, Trace
from offpath.results.coherence import (
    FunctionKind,
    FunctionShare,
    RequirementShare,
    WholeCell,
    WholeGraphs,
    WholePart,
)
from offpath.results.elicitation import (
    AskedNetwork,
    Detector,
    Elicitation,
    ProbeRead,
    Read,
    ReadDistance,
)
from offpath.results.graphs import DrawnGraph, Example, Examples, WorldExamples
from offpath.results.inside import (
    Ablation,
    AlongStep,
    AttentionShare,
    Cut,
    Head,
    Inside,
    InsideNetwork,
    Notice,
    Onset,
    Patch,
    ProbedTarget,
    Reach,
    RuleAgreement,
)
from offpath.results.rows import Result, Row
from offpath.results.scores import (
    Cell,
    EvaluationSet,
    LabelCount,
    Labels,
    LabelWorld,
    Matrix,
    Overlap,
    OverlapRow,
    Place,
    PredictionCounts,
    Predictions,
    Predictor,
    Scores,
    Study,
    StudyQuantity,
    StudyStratum,
)
from offpath.results.shifts import BesideRule, Invariance, ShiftAxis, ShiftCell, ShiftLevel, Shifts
from offpath.results.solutions import (
    CircuitResult,
    ConstantAnswer,
    Direction,
    Graded,
    OverSteps,
    Perturbed,
    Recovered,
    Retention,
    Robustness,
    SizeError,
    State,
    StepCell,
)
from offpath.results.training import LossCurve, PhaseChange, Phases
from offpath.results.truth import (
    AnswerCounts,
    DrawnAnswers,
    EmbeddedRow,
    Inspector,
    Learned,
    LinePoint,
    Says,
    Shares,
    Truth,
    TruthCell,
)
from offpath.run.files import read_json, write_json
from offpath.run.folder import Run, working_on
from offpath.run.provenance import note_made

__all__ = [
    "FORMAT", "OF_PLAIN", "OF_REPORTERS", "RESULTS", "Ablation", "AlongStep",
    "AnswerCounts", "AskedNetwork", "AttentionShare", "BesideRule", "Cell", "CircuitResult",
    "ConstantAnswer", "Cut", "Detector", "Direction", "DrawnAnswers", "DrawnGraph", "Elicitation",
    "EmbeddedRow", "EvaluationSet", "Example", "Examples", "FunctionKind", "FunctionShare",
    "Graded", "Head", "Inside", "InsideNetwork", "Inspector", "Invariance", "LabelCount",
    "LabelWorld", "Labels", "Learned", "LearningCoefficients", "LinePoint", "LossCurve",
    "Matrix", "Notice", "Onset", "OverSteps", "Overlap", "OverlapRow", "Patch", "Perturbed",
    "PhaseChange", "Phases", "Place", "Plateau", "Point", "PredictionCounts", "Predictions",
    "Predictor", "ProbeRead", "ProbedTarget", "Reach", "Read", "ReadDistance", "Recovered",
    "RequirementShare", "Result", "Retention", "Robustness", "Row", "RuleAgreement", "Says",
    "Scores", "Shares", "ShiftAxis", "ShiftCell", "ShiftLevel", "Shifts", "SizeError",
    "State", "StepCell", "Study", "StudyQuantity", "StudyStratum", "Sweep", "Trace",
    "Truth", "TruthCell", "WholeCell", "WholeGraphs", "WholePart", "WorldExamples",
    "check_kind", "read_result", "results_of", "write_result",
]  # fmt: skip

FORMAT = 3  # of the result files; the first had no number
RESULTS: tuple[type[Result], ...] = (
    Phases, Examples, Labels, Overlap, Matrix, Predictions, Study, Shifts, WholeGraphs, Truth,
    Elicitation, CircuitResult, Robustness, LearningCoefficients, Inside,
)  # fmt: skip
"""Every result file, in the order of the work."""
OF_PLAIN = (
    Examples, Labels, Overlap, Matrix, Predictions, Study, Shifts, WholeGraphs, Robustness,
    LearningCoefficients, Inside,
)  # fmt: skip
"""Those of networks that are asked plain questions."""
OF_REPORTERS = (Truth, Elicitation)
"""Those of networks that are asked as reporters."""
R = TypeVar("R", bound=Result)


def results_of(c: Configuration) -> list[type[Result]]:
    """The result files that a run of this configuration can have."""
    others = {*(OF_PLAIN if c.reporters else OF_REPORTERS)}
    others |= set() if c.pretrain else {Study}
    others |= set() if has_coherence(c) else {WholeGraphs}
    return [kind for kind in RESULTS if kind not in others]


def check_kind(run: Run, kind: type[Result]) -> None:
    """Refuse a result of plain questions for a run that asks reporters."""
    if (reporters := run.configuration.reporters) and kind in OF_PLAIN:
        raise InputError(
            f"RUN must be a run that asks plain questions, to have {kind.title}; {run.folder} asks "
            f"reporters ({', '.join(names(reporters))}): `offpath report {run.quoted}` shows what "
            "it has"
        )


def write_result(run: Run, result: Result) -> None:
    """Write a result file, with the name of the run that it belongs to."""
    head = {"run": run.configuration.run_name, "format": FORMAT}
    with working_on(run):
        record = result.model_dump(mode="json", exclude_defaults=True)
        write_json(run.result(result.file), {**head, **record}, 1 if result.lines else None)
        note_made(run.folder, f"results/{result.file}.json")


def read_result(run: Run, kind: type[R]) -> R:
    """The result of that kind; an `InputError` that says how to make it if it is not to be had."""
    path = run.result(kind.file)
    remedy = f"make it anew with `offpath {kind.verb} {run.quoted}`"
    if not path.exists():
        check_kind(run, kind)
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
