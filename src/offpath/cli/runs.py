"""The verb that lists runs: how far each is, and its headline numbers; loads no torch."""

from json import dumps
from pathlib import Path

import tyro

from offpath.cli.arguments import RUNS, Switch
from offpath.cli.tables import show_table
from offpath.errors import InputError
from offpath.networks import networks
from offpath.reporters import ASSISTANT
from offpath.results import RESULTS, Matrix, Truth, read_result
from offpath.run.files import Record
from offpath.run.folder import Run, open_run
from offpath.run.metrics import read_metrics
from offpath.slices import ANY_TARGET, OFF_PATH, SEEN, UNSEEN

HEADLINES = {"seen": SEEN, "unseen": UNSEEN, "off path": OFF_PATH[0]}
HEADERS = ("run", "state", "MSE", *HEADLINES)
LEGEND = (
    "MSE of the pre-trained network on its distribution; then accuracy on test e of the fine-tuned "
    "network (or the last there is): on-path targets with vertex ids seen and unseen, and off "
    "path"
)
TRUE = "; true: share of unaudited questions to which the assistant, audited blindly, says so"


def list_runs(folder: tyro.conf.Positional[Path] = RUNS, json: Switch = False) -> None:
    """List the runs in a folder: how far each is, and its headline numbers.

    For example: offpath list runs --json

    Args:
        folder: Folder with run folders in it, or one of them.
        json: Print JSON, for other programs.
    """
    if not folder.is_dir():
        raise InputError(f"FOLDER must be a folder with runs in it; there is no folder {folder}")
    inside = sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")
    rows = [*map(run_state, [folder] if (folder / "config.json").exists() else inside)]
    if json:
        print(dumps(rows, indent=1, allow_nan=False))
        return
    if not rows:
        print(f"no runs in {folder}; make one with `offpath run`")
        return
    texts, head, legend = [_texts(row) for row in rows], [*HEADERS], LEGEND
    if any("unaudited" in row for row in rows):  # a column that other runs have no use for
        head, legend = [*HEADERS, "true"], LEGEND + TRUE
    texts = [text[: len(head)] for text in texts]
    show_table(head, texts, f"Runs in {folder}", legend, folds="state")
    for row in rows:
        if row["fault"]:
            print(row["fault"])


def run_state(folder: Path) -> Record:
    """What is known about a run; of a folder that cannot be read, what is wrong with it."""
    record = {"run": folder.name, "folder": str(folder)}
    try:
        return {**record, "fault": None, **_progress(open_run(folder))}
    except InputError as error:
        return {**record, "fault": str(error)}
    except OSError as error:
        return {**record, "fault": f"{error.filename}: {error.strerror}"}


def _progress(run: Run) -> Record:
    logged = {line["network"]: line["step"] for line in read_metrics(run)}
    steps = {}
    for network in networks(run.configuration):
        of, made = (
            network.training and network.training.steps,
            run.checkpoint(network.name).exists(),
        )
        step = of if made or of is None else logged.get(network.name, 0)
        steps[network.name] = {"made": made, "step": step, "steps": of}
    results = [kind.file for kind in RESULTS if run.result(kind.file).exists()]
    record = {"networks": steps, "results": results, "done": run.done.exists()}
    if run.configuration.reporters:
        return record | (_followed(read_result(run, Truth)) if Truth.file in results else {})
    return record | (_headlines(read_result(run, Matrix)) if Matrix.file in results else {})


def _followed(truth: Truth) -> Record:
    """Whom the assistant follows where nobody audited it."""
    cell = truth.cell("finetuned", ASSISTANT)
    shares = cell and {name: getattr(cell, name) for name in ("true", "inspector", "neither")}
    return {"network": "finetuned", "unaudited": shares}


def _headlines(matrix: Matrix) -> Record:
    """The numbers of a run that answer the question."""
    names = {row.predictor for row in matrix.predictors}
    name = next((name for name in ("finetuned", "pretrained", "circuit") if name in names), "")
    before = matrix.cell("pretrained", "pretraining")
    cells = {title: matrix.cell(name, ANY_TARGET, where) for title, where in HEADLINES.items()}
    accuracy = {title: cell and cell.accuracy for title, cell in cells.items()}
    return {"pretraining_mse": before and before.mse, "network": name, "accuracy": accuracy}


def _texts(row: Record) -> list[str]:
    """A run as one row of text."""
    if row["fault"]:
        return [row["run"], "unreadable", *[""] * (len(HEADERS) - 1)]
    measured = "measured" if "network" in row else "to measure"
    state = "done" if row["done"] else measured
    for name, network in reversed(row["networks"].items()):
        if not network["made"]:
            step, of = network["step"], network["steps"]
            state = f"{name} {step}/{of}" if of else f"{name} to make"
    mse, accuracy = row.get("pretraining_mse"), row.get("accuracy", {})
    shares = [*map(accuracy.get, HEADLINES), (row.get("unaudited") or {}).get("true")]
    percents = ["" if share is None else f"{share:.1%}" for share in shares]
    return [row["run"], state, "" if mse is None else f"{mse:.2g}", *percents]


VERBS = (list_runs,)
