"""What runs score on the study's eight published quantities, and what these pooled figures hide.

In: run folders with a test matrix. Out: one record that is ready for JSON: the published figures,
and for each run its own with their intervals, by stratum too, with the share of the examples and
of the squared error that each stratum carries; and where its configuration is not the study's.
"""

from collections.abc import Sequence

from offpath.configs import Configuration, InputError, differences
from offpath.generalize.published import QUANTITIES, SOURCE, Quantity, Remeasured
from offpath.recipes import VARIANTS, paper
from offpath.report.cells import POOLED, STRATA, Slice, cell
from offpath.run.files import Record
from offpath.run.folder import Run, read_result

ON_PATH = Slice("stratum", "on_path", "on path", "The target lies on a shortest 1-2 path.")
"""Stands for its two halves where a matrix does not tell seen names from unseen ones."""

NO_DIFFERENCE = ("recipe", "seed", "evaluate", "circuit", "imported")
"""Parts of a configuration that do not change which experiment it is."""
NO_DIFFERENCE_IN_TRAINING = ("log_every_steps", "checkpoint_every_steps")


def comparison(runs: Sequence[Run]) -> Record:
    """The study's figures and those of each run; an `InputError` if one cannot be compared."""
    if not runs:
        raise InputError("RUN must be given at least once; name the folder of a finished run")
    folders = [run.folder.resolve() for run in runs]
    for run, folder in zip(runs, folders, strict=True):
        if folders.count(folder) > 1:
            raise InputError(f"RUN must name each run once; got {run.folder} more than once")
        if circuit := run.configuration.circuit:
            raise InputError(
                f"RUN must be a run that trains; {run.folder} is of a circuit ({circuit}), whose "
                "weights are set by hand; see `offpath report` for what it scores"
            )
    return {
        "study": SOURCE,
        "quantities": [_published(quantity) for quantity in QUANTITIES],
        "runs": [
            {"folder": str(run.folder), **compared(run.configuration, read_result(run, "matrix"))}
            for run in runs
        ],
    }


def compared(configuration: Configuration, matrix: Record) -> Record:
    """One run beside the study: its configuration and its quantities, those that it has."""
    way, others = _from_the_study(configuration)
    return {
        "run": configuration.run_name,
        "finetuned": way,
        "differences": others,
        "imported": configuration.imported,
        "quantities": [found for one in QUANTITIES if (found := _measured(matrix, one))],
    }


def _from_the_study(configuration: Configuration) -> tuple[str, list[Record]]:
    """The study's way of fine-tuning that is nearest, and every option that is not the study's."""
    own = paper()
    ways = {}
    for name, finetune in VARIANTS.items():
        study = own.model_copy(update={"finetune": finetune()})
        ways[name] = [
            {"option": option, "run": here, "study": there}
            for option, here, there in differences(configuration, study)
            if _counts(configuration, *option.split("."))
        ]
    first = min(ways, key=lambda name: (len(ways[name]), VARIANTS[name]() != own.finetune))
    return first.replace("-", " "), ways[first]


def _counts(configuration: Configuration, part: str, option: str = "") -> bool:
    if configuration.imported is not None and part == "pretrain":
        return False
    return part not in NO_DIFFERENCE and option not in NO_DIFFERENCE_IN_TRAINING


def _published(quantity: Quantity) -> Record:
    """A published figure and the re-measured ones, as numbers."""
    return {
        "quantity": quantity.quantity,
        "title": quantity.title,
        "predictor": quantity.predictor,
        "world": quantity.world,
        "published": float(quantity.published),
        "remeasured": [_numbers(found) for found in quantity.remeasured],
    }


def _numbers(found: Remeasured) -> Record:
    texts = found._asdict()
    way = texts.pop("finetuned")
    numbers = {name: None if text is None else float(text) for name, text in texts.items()}
    return {"finetuned": way, **numbers}


def _measured(matrix: Record, quantity: Quantity) -> Record | None:
    """The pooled cell of a quantity and those of its strata, which share its examples out."""
    whole = cell(matrix, quantity.predictor, quantity.world, POOLED)
    if whole is None:
        return None
    parts = [
        found
        for where in _partition(matrix, quantity)
        if (found := cell(matrix, quantity.predictor, quantity.world, where))
    ]
    return {
        "quantity": quantity.quantity,
        **_scores(whole),
        "strata": [
            {
                "by": part["by"],
                "slice": part["slice"],
                "share_of_examples": part["count"] / whole["count"],
                "share_of_error": _share_of_error(part, whole),
                **_scores(part),
            }
            for part in parts
        ],
    }


def _partition(matrix: Record, quantity: Quantity) -> list[Slice]:
    """Slices that hold every example once: the strata, and names on the path if they are told."""
    trained, *halves, off_path, cut, unreachable, absent = STRATA
    named = any(cell(matrix, quantity.predictor, quantity.world, where) for where in halves)
    return [trained, *(halves if named else [ON_PATH]), off_path, cut, unreachable, absent]


def _share_of_error(part: Record, whole: Record) -> float | None:
    total = whole["count"] * whole["mse"]
    return part["count"] * part["mse"] / total if total else None


def _scores(found: Record) -> Record:
    """What a cell says, without its place."""
    place = ("predictor", "world", "by", "slice")
    return {name: value for name, value in found.items() if name not in place}
