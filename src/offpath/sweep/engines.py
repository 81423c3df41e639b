"""Engines: where the runs of a sweep are computed, each in a process of its own.

In: runs, and the options of the machine. Out: an `Outcome` each time a run ends. joblib hands them
out on this machine, ray on many that share the folder of the runs. A process that is killed takes
no other with it, and one whose parent dies ends: `offpath.cli.worker` watches its input.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from offpath.errors import InputError
from offpath.run.extras import need
from offpath.run.folder import Run, create_run, wait_until_free

RETRIES = 3  # of a run whose process was killed
PATIENCE_SECONDS = 5.0  # with a process whose parent has just died
MODULE = "offpath.cli.worker"


class Outcome(NamedTuple):
    """How a run ended."""

    name: str
    seconds: float
    """Of wall time in its processes; 0: another process has its folder."""
    fault: str | None = None
    """One line; None: the run is done."""


class Processes:
    """The processes started here, each computing one run; all of them can be ended at once."""

    def __init__(self) -> None:
        """None yet."""
        self._alive: set[subprocess.Popen[bytes]] = set()
        self._ended = False
        self._lock = threading.Lock()

    def compute(self, run: Run, options: Sequence[str]) -> Outcome:
        """The outcome of a run: of `offpath run`, started again if its process is killed."""
        name = run.configuration.run_name
        try:
            create_run(run.configuration, run.folder.parent)
            wait_until_free(run, PATIENCE_SECONDS)
        except (InputError, OSError) as error:
            return Outcome(name, 0.0, " ".join(str(error).split()))
        began = time.monotonic()
        fault = self._fault(run, options)
        return Outcome(name, time.monotonic() - began, fault)

    def end(self) -> None:
        """Kill them all, which harms no run, and start no more."""
        with self._lock:
            self._ended, alive = True, [*self._alive]
        for process in alive:
            process.kill()
            process.wait()

    def _fault(self, run: Run, options: Sequence[str]) -> str | None:
        status = 0
        for _ in range(1 + RETRIES):
            status, errors = self._run(run, options)
            if status >= 0:
                return _last_line(errors, status) if status else None
            if self._ended:
                return "it was ended"
        return (
            f"its process was killed {1 + RETRIES} times, last by signal {-status}; is there "
            "enough memory for so many --jobs? The same command resumes the run"
        )

    def _run(self, run: Run, options: Sequence[str]) -> tuple[int, bytes]:
        """The status and the error stream of one process, once it has ended."""
        words = ("run", "--config", str(run.folder), "--runs-folder", str(run.folder.parent))
        with tempfile.TemporaryFile() as errors:
            with self._lock:
                if self._ended:
                    return 130, b"it was ended"
                process = subprocess.Popen(
                    [sys.executable, "-m", MODULE, *words, "--yes", *options],
                    stdin=subprocess.PIPE,  # held open: see `offpath.cli.worker`
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    start_new_session=True,  # Ctrl-C is for the sweep, which ends them
                )
                self._alive.add(process)
            with process:
                status = process.wait()
            with self._lock:
                self._alive.discard(process)
            errors.seek(0)
            return status, errors.read()


def _last_line(errors: bytes, status: int) -> str:
    """The line by which a process that failed says why."""
    lines = errors.decode(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("offpath: ") if lines else f"its process ended with {status}"


def with_joblib(runs: Sequence[Run], options: Sequence[str], jobs: int) -> Iterator[Outcome]:
    """Compute runs on this machine, `jobs` at a time.

    The threads of joblib only wait for processes: those of its own pools die together when one is
    killed.
    """
    from joblib import Parallel, delayed

    processes = Processes()
    parallel = Parallel(n_jobs=jobs, backend="threading", return_as="generator_unordered")
    try:
        for outcome in parallel(delayed(processes.compute)(run, options) for run in runs):
            assert outcome is not None, "each run has an outcome"
            yield outcome
    finally:
        processes.end()


def with_ray(
    runs: Sequence[Run], options: Sequence[str], threads: int, gpus: float, address: str | None
) -> Iterator[Outcome]:
    """Compute runs on a cluster whose machines share the folder of the runs.

    Without an address, here or in RAY_ADDRESS, ray is started on this machine alone.
    """
    need("cluster", "--engine ray")
    import ray
    from ray.exceptions import RayError

    _connect(address or os.environ.get("RAY_ADDRESS"))
    remote = ray.remote(num_cpus=threads, num_gpus=gpus, max_retries=RETRIES)(_compute_there)
    here = Path.cwd()
    waiting = {remote.remote(run, options, here): run.configuration.run_name for run in runs}
    try:
        while waiting:
            (ended, *_), _ = ray.wait(list(waiting), num_returns=1)
            name = waiting.pop(ended)
            try:
                yield ray.get(ended)
            except RayError as error:
                lines = str(error).strip().splitlines()
                yield Outcome(name, 0.0, f"ray lost it: {lines[0] if lines else error!r}")
    finally:
        ray.shutdown()


def _connect(address: str | None) -> None:
    import ray

    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address:
            ray.init(address=address, **quiet)
        else:
            ray.init(address="local", include_dashboard=False, **quiet)
    except (ConnectionError, ValueError, RuntimeError) as error:
        what = " ".join(str(error).split())[:120]
        raise InputError(
            f"--address (or RAY_ADDRESS) must be that of a ray cluster; got {address!r} ({what}); "
            "start one with `ray start --head`"
        ) from error


def _compute_there(run: Run, options: Sequence[str], here: Path) -> Outcome:
    """One run, on the machine that ray chose; when ray kills this, the run's process ends too."""
    if not run.folder.is_absolute():
        try:
            os.chdir(here)
        except OSError as error:
            fault = f"the machine that ray chose does not share {here} ({error.strerror})"
            return Outcome(run.configuration.run_name, 0.0, f"{fault}; name a --runs-folder it has")
    return Processes().compute(run, options)
