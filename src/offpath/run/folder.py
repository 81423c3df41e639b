"""A run folder: configuration, provenance, metrics, weights, results. No torch in here.

Every file is written to a temporary name, flushed to disk and renamed, so that a reader or a killed
process sees the old file or the new one, never a half. `metrics.jsonl` alone grows by appending:
one whole line a write, and a line that a kill cut short is dropped when the run goes on.
All of them carry checksums, so that a damaged one is refused, never used.
`docs/run-folder.md` lists every file and field.
"""

import fcntl
import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from offpath.configs import Configuration, InputError, configuration_from_json, differences
from offpath.networks import Network
from offpath.run.files import (
    UNREADABLE,
    Record,
    canonical,
    reason,
    verified,
    write_json,
)
from offpath.run.provenance import note_session, read_sessions


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
    def quoted(self) -> str:
        """The folder as a shell takes it, for commands to paste."""
        return shlex.quote(str(self.folder))

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
            "choose another, or move away what is in its place"
        ) from error
    if not (folder / "config.json").exists():
        write_json(folder / "config.json", configuration.model_dump(mode="json"), indent=2)
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
    return Run(folder, _read_configuration(folder / "config.json"))


@contextmanager
def working_on(run: Run) -> Iterator[None]:
    """Hold the run folder alone, and note in its provenance who works on it.

    The lock is the kernel's (flock): it is gone when the process is, however that ended.
    """
    for part in ("checkpoints", "results"):  # a copy without empty folders lacks them
        (run.folder / part).mkdir(exist_ok=True)
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
        note_session(run.folder)
        yield


def discard_results(run: Run, network: Network) -> None:
    """Remove what was measured on weights that training is about to change.

    What `robustness` and `llc` measure does not depend on fine-tuning, and took long.
    """
    long = {"robustness", "learning_coefficient"} if network.made_by == "finetune" else set()
    stale = [path for path in run.folder.glob("results/*.json") if path.stem not in long]
    for path in (run.done, *stale):
        path.unlink(missing_ok=True)


def sessions(run: Run) -> list[Record]:
    """Who worked on the run, when, with what: the entries of `provenance.json`."""
    return read_sessions(run.folder)


def _read_configuration(path: Path) -> Configuration:
    """What `config.json` says; one written by hand has no checksum."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"RUN must be a run folder, one with a config.json; {path}: {error.strerror}; make one "
            "with `offpath run` or `offpath pretrain`"
        ) from error
    try:
        record = json.loads(text)
        if "sha256" in record:
            text = canonical(verified(record))
    except UNREADABLE as error:
        raise InputError(
            f"{path} was changed or damaged since it was written ({reason(error)}); restore it "
            "from a copy, or delete it and give the command that began the run"
        ) from error
    return configuration_from_json(text, str(path))
