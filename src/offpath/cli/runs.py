"""The verb that lists runs: how far each is, and its headline numbers; loads no torch."""

import json
from pathlib import Path

from offpath.cli.arguments import ListOptions
from offpath.cli.parse import parse
from offpath.cli.tables import show_table
from offpath.errors import InputError
from offpath.networks import networks
from offpath.results import RESULTS, Matrix, read_result
from offpath.run.files import Record
from offpath.run.folder import Run, open_run
from offpath.run.metrics import read_metrics
from offpath.slices import ANY_TARGET, OFF_PATH, SEEN, UNSEEN

HEADLINES = {"seen": SEEN, "unseen": UNSEEN, "off path": OFF_PATH[0]}
HEADERS = ("run", "state", "MSE", *HEADLINES)
LEGEND = (
    "MSE of the pre-trained network on its distribution; then accuracy on test e of the fine-tuned "
    "network (or the last there is): on-path targets with vertex ids seen and unseen, and off path"
)


def list_runs(words: list[str]) -> None:
    """List the runs in a folder: how far each is, and its headline numbers.

    For example: offpath list runs --json
    """
    arguments = parse(list_runs, words, ListOptions)
    folder = arguments.folder
    if not folder.is_dir():
        raise InputError(f"FOLDER must be a folder with runs in it; there is no folder {folder}")
    single = (folder / "config.json").exists()
    inside = [path for path in folder.iterdir() if path.is_dir() and path.name[0] != "."]
    rows = [run_state(path) for path in ([folder] if single else sorted(inside))]
    if arguments.json_:
        print(json.dumps(rows, indent=1, allow_nan=False))
        return
    if not rows:
        print(f"no runs in {folder}; make one with `offpath run`")
        return
    show_table(HEADERS, [_texts(row) for row in rows], f"Runs in {folder}", LEGEND, folds="state")


def run_state(folder: Path) -> Record:
    """What is known about a run; of a folder that cannot be read, what is wrong with it."""
    record: Record = {"run": folder.name, "folder": str(folder), "fault": None}
    try:
        return record | _progress(open_run(folder))
    except InputError as error:
        return record | {"fault": str(error)}
    except OSError as error:
        return record | {"fault": f"{error.filename}: {error.strerror}"}


def _progress(run: Run) -> Record:
    logged = {line["network"]: line["step"] for line in read_metrics(run)}
    steps = {}
    for network in networks(run.configuration):
        of = network.training.steps if network.training else None
        there = run.checkpoint(network.name).exists()
        step = of if there or of is None else logged.get(network.name, 0)
        steps[network.name] = {"made": there, "step": step, "steps": of}
    results = [kind.file for kind in RESULTS if run.result(kind.file).exists()]
    return {
        "networks": steps,
        "results": results,
        "done": run.done.exists(),
        **(_headlines(read_result(run, Matrix)) if Matrix.file in results else {}),
    }


def _headlines(matrix: Matrix) -> Record:
    """The numbers of a run that answer the question."""
    names = [row.predictor for row in matrix.predictors]
    name = next((name for name in ("finetuned", "pretrained", "circuit") if name in names), "")
    before = matrix.cell("pretrained", "pretraining")
    cells = {title: matrix.cell(name, ANY_TARGET, where) for title, where in HEADLINES.items()}
    return {
        "pretraining_mse": before and before.mse,
        "network": name,
        "accuracy": {title: cell and cell.accuracy for title, cell in cells.items()},
    }


def _texts(row: Record) -> list[str]:
    """A run as one row of text."""
    if row["fault"]:
        return [row["run"], row["fault"], "", *[""] * len(HEADLINES)]
    behind = [(name, one) for name, one in row["networks"].items() if not one["made"]]
    state = "done" if row["done"] else "measured" if "accuracy" in row else "to measure"
    if behind:
        name, one = behind[0]
        state = f"{name} {one['step']}/{one['steps']}" if one["steps"] else f"{name} to make"
    mse, accuracy = row.get("pretraining_mse"), row.get("accuracy", {})
    shares = [accuracy.get(title) for title in HEADLINES]
    percents = ["" if share is None else f"{share:.1%}" for share in shares]
    return [row["run"], state, "" if mse is None else f"{mse:.2g}", *percents]
