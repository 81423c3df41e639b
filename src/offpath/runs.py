"""A run folder: configuration, provenance, metrics, weights, results. No torch in here.

Every file is written to a temporary name, flushed to disk and renamed, so that a reader or a killed
process sees the old file or the new one, never a half. `metrics.jsonl` alone grows by appending:
one whole line a write, and a line that a kill cut short is dropped when the run goes on.
`docs/run-folder.md` lists every file and field.
"""

import fcntl
import json
import os
import platform
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from offpath.configs import Configuration, InputError, configuration_from_json, differences

Record = dict[str, Any]
MAKERS = {"robustness": "robustness", "learning_coefficient": "llc"}
"""Verbs that make results; `evaluate` makes the others."""
PROVENANCE_PACKAGES = ("offpath", "torch", "numpy", "numba", "safetensors", "pydantic", "altair")


@dataclass(frozen=True)
class Run:
    """A run folder and the configuration it belongs to."""

    folder: Path
    configuration: Configuration

    def checkpoint(self, name: str) -> Path:
        """Where the weights called `name` lie."""
        return self.folder / "checkpoints" / f"{name}.safetensors"

    def result(self, name: str) -> Path:
        """Where the result called `name` lies."""
        return self.folder / "results" / f"{name}.json"

    @property
    def metrics(self) -> Path:
        """One line of JSON for each logged step."""
        return self.folder / "metrics.jsonl"

    @property
    def report(self) -> Path:
        """The page that shows the run."""
        return self.folder / "report.html"

    @property
    def done(self) -> Path:
        """Exists once every stage has ended."""
        return self.folder / "done"


def create_run(configuration: Configuration, runs_folder: Path) -> Run:
    """The run folder of a configuration below `runs_folder`: a new one, or the one begun before."""
    configuration = Configuration.model_validate(configuration.model_dump())  # checks it once more
    folder = runs_folder / configuration.run_name
    try:
        for part in ("checkpoints", "results"):
            (folder / part).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"--runs-folder must be a folder that can be written to; {folder}: {error.strerror}; "
            "choose another"
        ) from error
    if not (folder / "config.json").exists():
        text = configuration.model_dump_json(indent=2)
        write_file(folder / "config.json", text.encode() + b"\n")
    run = open_run(folder)
    if run.configuration != configuration:
        where = ", ".join(map(str, differences(run.configuration, configuration)))
        raise InputError(
            f"{folder} was made by another configuration ({where}); "
            "move it away, or choose another --runs-folder"
        )
    return run


def open_run(folder: Path) -> Run:
    """The run that lies in `folder`."""
    try:
        text = (folder / "config.json").read_bytes()
    except OSError as error:
        raise InputError(
            f"RUN must be a run folder, one with a config.json; {folder / 'config.json'}: "
            f"{error.strerror}; make one with `offpath run` or `offpath pretrain`"
        ) from error
    run = Run(folder, configuration_from_json(text, str(folder / "config.json")))
    for part in ("checkpoints", "results"):
        (folder / part).mkdir(exist_ok=True)
    return run


@contextmanager
def working_on(run: Run) -> Iterator[None]:
    """Hold the run folder alone, and note in its provenance who works on it.

    The lock is the kernel's (flock): it is gone when the process is, however that ended.
    """
    with open(run.folder / ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{run.folder} is in use by another process; wait until it ends, stop it, or "
                "choose another --runs-folder or --seed"
            ) from None
        for leftover in run.folder.rglob("*.partial"):  # of a write that was killed
            leftover.unlink()
        _note_provenance(run)
        yield


def write_file(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or, whatever happens, as it was before."""
    if not path.parent.is_dir():
        raise InputError(
            f"{path} cannot be written: there is no folder {path.parent}; make it first"
        )
    partial = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.partial")
    try:
        with open(partial, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise InputError(
            f"{path} could not be written ({error.strerror}); what was there before is intact; "
            "make room or permit writing, and give the same command again"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def write_result(run: Run, name: str, record: Record) -> None:
    """Write one result as JSON, with the name of the run that it belongs to."""
    content = json.dumps({"run": run.configuration.run_name, **record}, indent=1, allow_nan=False)
    write_file(run.result(name), content.encode() + b"\n")


def read_result(run: Run, name: str) -> Record:
    """The result called `name`; an `InputError` that says how to make it if it is not to be had."""
    path, verb = run.result(name), MAKERS.get(name, "evaluate")
    remedy = f"make it anew with `offpath {verb} {run.folder}`"
    if not path.exists():
        raise InputError(f"{path} is missing; {remedy}")
    record = _read_json(path, "run", remedy)
    if record["run"] != run.configuration.run_name:
        raise InputError(f"{path} belongs to another run, {record['run']}; {remedy}")
    return record


def discard_results(run: Run, stage: str) -> None:
    """Remove what was measured on weights that a stage of training is about to change.

    What `robustness` and `llc` measure does not depend on fine-tuning, and took long.
    """
    names = [path.stem for path in run.folder.glob("results/*.json")]
    kept = () if stage == "pretrain" else MAKERS
    for path in (run.done, *(run.result(name) for name in names if name not in kept)):
        path.unlink(missing_ok=True)


def append_metrics(run: Run, record: Record) -> None:
    """Add one line to the metrics."""
    try:
        with open(run.metrics, "ab") as file:
            file.write(json.dumps(record, allow_nan=False).encode() + b"\n")
    except OSError as error:
        raise InputError(
            f"{run.metrics} could not be written ({error.strerror}); the last checkpoint is "
            "intact; make room, and give the same command again"
        ) from error


def read_metrics(run: Run) -> list[Record]:
    """All whole lines of the metrics; a last line that was cut short is left out."""
    if not run.metrics.exists():
        return []
    records = []
    whole_lines = run.metrics.read_bytes().split(b"\n")[:-1]
    for number, line in enumerate(whole_lines, start=1):
        try:
            record = json.loads(line)
            records.append({"stage": record["stage"], "step": record["step"], **record})
        except (ValueError, TypeError, KeyError) as error:
            raise InputError(
                f"{run.metrics} is damaged in line {number}; delete that line, or the whole folder "
                "to start again"
            ) from error
    return records


def rewind_metrics(run: Run, stage: str, step: int) -> str | None:
    """Drop what was logged of `stage` after `step`, and a line cut short; say what was dropped.

    The run goes on from `step` and will log the same steps again.
    """
    records = read_metrics(run)
    kept = [r for r in records if r["stage"] != stage or r["step"] <= step]
    text = run.metrics.read_bytes() if run.metrics.exists() else b""
    cut = bool(text) and not text.endswith(b"\n")
    if len(kept) == len(records) and not cut:
        return None
    write_file(run.metrics, b"".join(json.dumps(r).encode() + b"\n" for r in kept))
    said = [f"{len(records) - len(kept)} after step {step}"] if len(kept) < len(records) else []
    said += ["1 that was cut short"] if cut else []
    return f"dropped lines of metrics, to be logged again: {' and '.join(said)}"


def sessions(run: Run) -> list[Record]:
    """Who worked on the run, when, with what: the entries of `provenance.json`."""
    path = run.folder / "provenance.json"
    remedy = "delete it: nothing but the history of the folder is lost"
    return _read_json(path, "sessions", remedy)["sessions"] if path.exists() else []


def _note_provenance(run: Run) -> None:
    """Add this session to `provenance.json`: commit, versions, machine, command."""
    program = Path(sys.argv[0]).name
    session = {
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "command": shlex.join(["offpath" if program == "__main__.py" else program, *sys.argv[1:]]),
        "commit": _commit(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PROVENANCE_PACKAGES},
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }
    record = {"sessions": [*sessions(run), session]}
    write_file(run.folder / "provenance.json", json.dumps(record, indent=1).encode() + b"\n")


def _commit() -> str | None:
    """The commit of the source that runs, with a + if it was changed since; None outside git."""

    def git(*words: str) -> str:
        command = ["git", "-C", str(Path(__file__).parent), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", Path(__file__).name)  # not merely below some checkout
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _read_json(path: Path, key: str, remedy: str) -> Record:
    """A file that holds an object with `key`; an `InputError` with the remedy if it does not."""
    try:
        record = json.loads(path.read_bytes())
        return {key: record[key], **record}
    except OSError as error:
        raise InputError(f"{path} could not be read ({error.strerror}); permit it") from error
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{path} is damaged ({type(error).__name__}: {error}); {remedy}"
        ) from error
