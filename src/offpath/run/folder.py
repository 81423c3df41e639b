"""A run folder: configuration, provenance, metrics, weights, results. No torch in here.

A reader or a killed process sees the old file or the new one, never a half; all of them carry
checksums, so that a damaged one is refused. `docs/run-folder.md` lists every file and field.
"""

import fcntl
import json
import shlex
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TextIO, TypeVar

from offpath.configs import Configuration, InputError, configuration_from_json, differences
from offpath.networks import Network
from offpath.run.files import UNREADABLE, Record, canonical, reason, verified, write_json
from offpath.run.provenance import maker, note_machine, note_session, read_sessions

if TYPE_CHECKING:
    from offpath.compute import Compute  # loads torch

T = TypeVar("T")
P = ParamSpec("P")


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
    def playground(self) -> Path:
        """The page that asks the run's networks."""
        return self.folder / "playground.html"

    @property
    def done(self) -> Path:
        """Exists once every stage has ended."""
        return self.folder / "done"


def create_run(configuration: Configuration, runs_folder: Path | str = "runs") -> Run:
    """The run folder of a configuration below `runs_folder`: new or started before."""
    configuration = configuration.model_copy(update=configuration.model_dump())  # checks it
    folder = Path(runs_folder) / configuration.run_name
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
        other = differences(run.configuration, configuration)
        where = ", ".join(f"{name} {here}, not {there}" for name, here, there in other)
        raise InputError(
            f"{folder} was made by another configuration ({where}); "
            "move it away, or choose another --runs-folder"
        )
    return run


def open_run(folder: Path | str) -> Run:
    """The run that lies in `folder`."""
    path = Path(folder) / "config.json"
    if not path.is_file():
        raise InputError(
            f"RUN must be a run folder, one with a config.json; there is no {path}; make one with "
            "`offpath run` or `offpath pretrain`, or see which there are with `offpath list`"
        )
    return Run(Path(folder), read_configuration(path))


def as_run(run: Run | Path | str) -> Run:
    """A run, given as such or as the path of its folder."""
    if not isinstance(run, Run | Path | str):
        raise InputError(f"run must be a Run or the path of its folder; got {run!r}")
    return run if isinstance(run, Run) else open_run(run)


def read_configuration(path: Path) -> Configuration:
    """The configuration in a `config.json`; one written by hand has no checksum."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path} could not be read ({error.strerror}); name the config.json of a run, or its "
            "folder, and permit reading it"
        ) from error
    try:
        record = json.loads(text)
        if "sha256" in record:
            record = verified(record)
        first_format = "graphs" in record and "tune_vertices" in record["graphs"]
        text = canonical(record)
    except UNREADABLE as error:
        raise InputError(
            f"{path} was changed or damaged since it was written ({reason(error)}); restore it "
            "from a copy, or delete it and give the command that began the run"
        ) from error
    if first_format:
        raise InputError(
            f"{path.parent} was made by {maker(path.parent)}, whose run folders this version does "
            "not read; open it with that version, or move it away and make the run anew: the same "
            "command with new names of its options gives the same numbers"
        )
    return configuration_from_json(text, str(path))


_LOCKS: dict[Path, TextIO] = {}
_HOLDERS: Counter[Path] = Counter()
"""The folders that this process holds: like the kernel's locks, they belong to the process."""


@contextmanager
def working_on(run: Run, compute: "Compute | None" = None) -> Iterator[None]:
    """Hold the run folder alone, and note in its provenance who works on it, and where.

    Within it, it may be entered again. The lock is the kernel's (flock): it is gone when the
    process is, however that ended. Of several processes that train together the first holds it.
    """
    if compute is not None and compute.rank:
        yield
        return
    place = run.folder.resolve()
    if not _HOLDERS[place]:
        _LOCKS[place] = _lock(run)
    _HOLDERS[place] += 1
    try:
        if _HOLDERS[place] == 1:
            note_session(run.folder)
        if compute is not None:
            note_machine(run.folder, compute)
        yield
    finally:
        _HOLDERS[place] -= 1
        if not _HOLDERS[place]:
            _LOCKS.pop(place).close()


def holds_run(
    stage: Callable[Concatenate[Run, "Compute", P], Iterator[T]],
) -> Callable[Concatenate[Run | Path | str, "Compute", P], Iterator[T]]:
    """A stage that holds the run folder while it works; the run may be given as a path."""

    @wraps(stage)
    def held(
        run: Run | Path | str, compute: "Compute", *rest: P.args, **options: P.kwargs
    ) -> Iterator[T]:
        run = as_run(run)
        with working_on(run, compute):
            yield from stage(run, compute, *rest, **options)

    return held


def _lock(run: Run) -> TextIO:
    """Lock a folder that this process does not hold, and clear away what a kill left in it."""
    for part in ("checkpoints", "results"):  # a copy without empty folders lacks them
        (run.folder / part).mkdir(exist_ok=True)
    lock = open(run.folder / ".lock", "w")  # noqa: SIM115, held until the last holder is done
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise InputError(
            f"{run.folder} is in use by another process; wait until it ends, stop it, or "
            "choose another --runs-folder or --seed"
        ) from None
    for leftover in run.folder.rglob("*.partial"):  # of a write that was killed
        leftover.unlink()
    return lock


def wait_until_free(run: Run, patience_seconds: float) -> None:
    """Wait for a process that works on the run; after `patience_seconds`, its `InputError`."""
    end = time.monotonic() + patience_seconds
    while True:
        try:
            return _lock(run).close()
        except InputError:
            if time.monotonic() >= end:
                raise
        time.sleep(0.1)


def discard_results(run: Run, network: Network) -> None:
    """Remove what was measured on weights that training is about to change.

    The circuit depends on no training, what `robustness` and `llc` measure on none of fine-tuning.
    """
    kept = {"circuit"}
    if network.made_by == "finetune":
        kept |= {"robustness", "learning_coefficient"}
    for path in (run.done, *run.folder.glob("results/*.json")):
        if path.stem not in kept:
            path.unlink(missing_ok=True)


def sessions(run: Run) -> list[Record]:
    """Who worked on the run, when, with what: the entries of `provenance.json`."""
    return read_sessions(run.folder)
