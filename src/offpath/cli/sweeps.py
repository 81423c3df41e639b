"""The verb of many runs: configurations times seeds, several at a time, with a live table.

A verb imports its stage when it runs, so that `offpath --help` answers at once.
"""

import contextlib
import shlex
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import tyro
from rich.console import Console
from rich.live import Live

from offpath.cli import session
from offpath.cli.arguments import (
    FLAT,
    RUNS,
    MachineOptions,
    RunsFolder,
    Switch,
    TrainingMachineOptions,
)
from offpath.configs import Configuration
from offpath.errors import InputError
from offpath.run.files import check_writable
from offpath.run.folder import Run
from offpath.sections import HIDDEN, Checked, Seed, within
from offpath.sweep.presets import PRESETS

if TYPE_CHECKING:
    from offpath.sweep.engines import Outcome
    from offpath.sweep.progress import Board
    from offpath.sweep.record import SweepRecord

LOOK_SECONDS = 1.0
NOTE_SECONDS = 10.0  # what a kill of the sweep loses of the seconds in its record


class SweptConfiguration(Configuration):
    """Options of a configuration whose recipe and seeds the sweep sets."""

    recipe: Annotated[str, *HIDDEN]
    seed: Annotated[Seed, *HIDDEN] = 0


class SweepMachineOptions(TrainingMachineOptions):
    """Where and how each run computes: changes speed and memory, and results by rounding only."""

    threads: int | None = None
    """CPU threads of each run; None: 1, but all cores with --jobs 1."""


class SweepOptions(Checked):
    """Which runs, and where and how many at a time."""

    seeds: Annotated[int, within(1, 10_000)] = 10
    """Number of seeds of each configuration."""
    first_seed: Seed = 0
    """The first of the seeds; the others follow it."""
    jobs: Annotated[int | None, within(1, 1024)] = None
    """Runs at a time on this machine; None: one for each core (or --threads), on a GPU one."""
    engine: Literal["joblib", "ray"] = "joblib"
    """joblib: this machine. ray: a cluster that shares --runs-folder; needs the extra `cluster`."""
    address: str | None = None
    """Of the ray cluster; None: RAY_ADDRESS, or ray on this machine alone."""
    gpus_per_task: Annotated[float | None, within(0, 64)] = None
    """GPUs that ray sets aside for a run, such as 0.5; None: none, it computes on CPU."""
    configuration: Annotated[SweptConfiguration, FLAT]
    machine: Annotated[SweepMachineOptions, FLAT] = SweepMachineOptions()
    runs_folder: RunsFolder = RUNS
    yes: Switch = False
    """Start also what is forecast to take more than a day here."""


class Plan(NamedTuple):
    """How the runs of a sweep are computed."""

    jobs: int | None  # None: as many as the cluster has room for
    threads: int | None
    options: tuple[str, ...]  # of the machine, for each run


def sweep(
    source: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="PRESET|FILE.py")],
    swept: Annotated[SweepOptions, FLAT],
) -> None:
    """Run a recipe with many seeds, or many configurations, several at a time; or resume that.

    For example: offpath sweep laptop --seeds 10 --jobs 2 --finetune.steps 1000

    Each run is one of `offpath run`, in its own process and folder. Whatever is stopped or killed
    resumes when the same command is given again; what is done is skipped.

    Args:
        source: A recipe (smoke, laptop, paper, paper-fast); a question (ids, off-path, pretraining,
            forgetting, depth, prediction), whose runs are those of laptop with interventions;
            truth, whose runs are those of the recipe truth and of what may decide; or a file of
            Python that defines `configurations`: a list of `offpath.configs.Configuration`, or a
            function that returns one.
    """
    from offpath.sweep.tasks import read_configurations, sweep_runs

    _check_engine(swept)
    if source.endswith(".py"):
        configurations = read_configurations(Path(source))
    else:
        base = Configuration.model_validate(dict(swept.configuration))
        configurations = PRESETS[source].configurations(base) if source in PRESETS else [base]
    seeds = range(swept.first_seed, swept.first_seed + swept.seeds)
    # Of a question: what the runs of a configuration train is there for those of the next.
    one_by_one = source not in PRESETS
    runs = sweep_runs(configurations, seeds, swept.runs_folder, seed_by_seed=one_by_one)
    from offpath.pipeline import is_done
    from offpath.sweep.progress import Board
    from offpath.sweep.record import SweepRecord

    plan = _plan(swept, configurations)
    done = [run for run in runs if is_done(run)]
    rest = [run for run in runs if run not in done]
    if plan.jobs and not swept.yes:
        _stop_if_long(rest, swept.machine, plan)
    _make_folder(swept.runs_folder)
    settings = {"engine": swept.engine, "jobs": plan.jobs, "threads": plan.threads}
    settings |= {
        "device": swept.machine.device,
        "runs": [run.configuration.run_name for run in runs],
    }
    record, board = SweepRecord(swept.runs_folder, settings), Board(runs, done)
    if done:
        print(f"{len(done)} of {len(runs)} runs are done already", flush=True)
    _follow(_outcomes(rest, swept, plan), board, record)
    _end(board, record, source)


def _check_engine(swept: SweepOptions) -> None:
    """Refuse options that the engine has no use for."""
    on_ray = swept.engine == "ray"
    reason = "ray runs as many at a time as there is room for" if on_ray else "joblib has none"
    given = {"--jobs": swept.jobs, "--yes": swept.yes or None} if on_ray else {
        "--address": swept.address, "--gpus-per-task": swept.gpus_per_task
    }  # fmt: skip
    for option in (option for option, value in given.items() if value is not None):
        raise InputError(f"{option} has no effect with --engine {swept.engine}: {reason}")
    if on_ray:
        from offpath.run.extras import need

        need("cluster", "--engine ray")


def _plan(swept: SweepOptions, configurations: Sequence[Configuration]) -> Plan:
    """How many runs at a time, with how many threads each."""
    machine, jobs, threads = swept.machine, swept.jobs, swept.machine.threads
    if swept.engine == "ray":  # other machines compute
        jobs, threads = None, threads or 1
    else:
        here = session.compute_on(machine)
        for one in configurations:
            here.at(one.precision)
        if here.device.type == "cuda":
            jobs = jobs or 1
        else:
            cores = session.compute_on(MachineOptions()).threads
            threads = threads or (None if jobs == 1 else 1)
            jobs = jobs or max(1, cores // (threads or 1))
    options = {
        "--device": machine.device,
        "--threads": threads,
        "--micro-batch": machine.micro_batch,
        "--step": machine.step,
    }
    words = [word for name, value in options.items() if value for word in (name, str(value))]
    return Plan(jobs, threads, tuple(words))


def _stop_if_long(rest: Sequence[Run], machine: SweepMachineOptions, plan: Plan) -> None:
    """Refuse a sweep that has not begun and would take more than a day here."""
    from offpath.fit.forecast import forecast, span, training_operations

    names = ("pretrained-resume", "pretrained")
    if any(run.checkpoint(name).exists() for run in rest for name in names):
        return
    alike = {run.configuration.fingerprint(): run.configuration for run in rest}
    times = Counter(run.configuration.fingerprint() for run in rest)
    operations = sum(training_operations(c) * times[key] for key, c in alike.items())
    if operations < session.WORTH_TIMING:
        return
    compute = session.compute_on(machine.model_copy(update={"threads": plan.threads}))
    costs = [
        forecast(c, compute.at(c.precision))["seconds"] * times[key] for key, c in alike.items()
    ]
    seconds = sum(costs) / min(plan.jobs or 1, len(rest))
    if seconds > session.DAY_SECONDS:
        raise InputError(
            f"this sweep would take about {span(seconds)} here (less if the machine was busy just "
            "now); give --yes to start it (stopped, it resumes where it was), or choose fewer "
            "--seeds, a GPU, --engine ray, or a smaller recipe"
        )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"--runs-folder must be a folder that can be written to; {folder}: {error.strerror}"
        ) from error
    check_writable(folder / "sweep.json")


def _outcomes(rest: Sequence[Run], swept: SweepOptions, plan: Plan) -> Iterator["Outcome"]:
    from offpath.sweep.engines import with_joblib, with_ray

    if not rest:
        return iter(())
    if plan.jobs:
        return with_joblib(rest, plan.options, plan.jobs)
    return with_ray(
        rest, plan.options, plan.threads or 1, swept.gpus_per_task or 0.0, swept.address
    )


def _follow(outcomes: Iterator["Outcome"], board: "Board", record: "SweepRecord") -> None:
    """Wait for all outcomes, showing and noting meanwhile how far the runs are."""
    console, ended = Console(highlight=False), threading.Event()
    live = Live(console=console, auto_refresh=False) if console.is_terminal else None

    def watch() -> None:
        beats = 0
        while not ended.wait(LOOK_SECONDS):
            beats += 1
            board.look()
            if live:
                live.update(board.table(), refresh=True)
            if beats % round(NOTE_SECONDS / LOOK_SECONDS) == 0:
                record.note(board.records())

    watcher = threading.Thread(target=watch, daemon=True)
    with live or contextlib.nullcontext():
        watcher.start()
        try:
            for outcome in outcomes:
                line = board.end(outcome)
                record.note(board.records())
                if not live:
                    console.print(line, soft_wrap=True)
        finally:
            ended.set()
            watcher.join()
            board.look()
            record.note(board.records())


def _end(board: "Board", record: "SweepRecord", source: str) -> None:
    """Print what was made and what failed, and refuse to call the sweep done if anything did."""
    from offpath.fit.forecast import span

    rows = board.rows.values()
    for row in (row for row in rows if row.state == "done"):
        print(row.run.folder)
    for row in (row for row in rows if row.fault):
        print(f"failed: {row.run.folder}: {row.fault}")
    print(f"wall time: {span(record.wall_seconds)}; record: {record.path}")
    if failed := board.count("failed"):
        raise InputError(
            f"{failed} of {len(rows)} runs failed, their lines are above; mend that, and give the "
            "same command again"
        )
    folders = shlex.join(str(row.run.folder) for row in rows)
    if all(row.run.configuration.reporters for row in rows):
        print(f"next: `offpath list {shlex.quote(str(record.path.parent))}`")
        return
    following = (
        f"python -m benchmarks.findings {source}" if source in PRESETS else "offpath compare"
    )
    print(f"next: {following} {folders}")


VERBS = (sweep,)
