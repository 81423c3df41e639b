"""How verbs of the command line begin and end: find the run and the machine, part at the end.

Where torchrun started several processes, the first has the run folder and prints; the others help.
"""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from offpath.cli.arguments import MachineOptions, RunOptions
from offpath.cli.tables import show_table
from offpath.configs import Configuration, configuration_from_json
from offpath.errors import InputError, choice_fault
from offpath.run.files import Record, write_file
from offpath.run.folder import Run, create_run, open_run, working_on

if TYPE_CHECKING:
    from offpath.compute import Compute

DAY_SECONDS = 86_400.0
WORTH_TIMING = 1e15  # operations: minutes on two cores


def begin(base: RunOptions) -> tuple[Run, "Compute"]:
    """The run that a recipe and options name, new or started before, and where to compute.

    Prints the name of the folder, so that one can look into it meanwhile.
    """
    from offpath.fit.native import check_native

    configuration = base.configuration
    compute = compute_on(base.machine, join=True).at(configuration.precision)
    run = Run(base.runs_folder / configuration.run_name, configuration)
    check_native(configuration.model, compute)
    if compute.rank:
        return run, compute
    started = any(run.checkpoint(n).exists() for n in ("pretrained-resume", "pretrained"))
    if not (base.yes or started):
        _stop_if_long(configuration, compute)
    run = create_run(configuration, base.runs_folder)
    together = f" ({compute.ranks} processes)" if compute.ranks > 1 else ""
    print(f"run folder: {run.folder}{together}", flush=True)
    return run, compute


def resume(folder: Path, machine: MachineOptions, *, join: bool = False) -> tuple[Run, "Compute"]:
    """The run in a folder, and where to compute."""
    compute = compute_on(machine, join=join)
    if compute.ranks == 1:
        return open_run(folder), compute
    from offpath.fit.parallel import text_from_first

    text = " " if compute.rank else open_run(folder).configuration.model_dump_json()
    shared = configuration_from_json(text_from_first(text, compute), "what process 0 sent")
    return Run(folder, shared), compute


@contextmanager
def holding(run: Run, compute: "Compute") -> Iterator[None]:
    """Hold the run folder alone, if this is the process that writes into it; then part.

    A process that has helped to train ends here: there is nothing left that could fail.
    """
    from offpath.compute import end_now, leave

    with working_on(run, compute):
        yield
        leave()
    if compute.rank:
        end_now(0)


def _stop_if_long(configuration: Configuration, compute: "Compute") -> None:
    """Print what a run will cost, and refuse it, where it would take more than a day."""
    from offpath.fit.forecast import forecast, span, training_operations

    if training_operations(configuration) < WORTH_TIMING:
        return
    cost = forecast(configuration, compute)
    if cost["seconds"] < DAY_SECONDS:
        return
    show_forecast(cost)
    raise InputError(
        f"this run would take about {span(cost['seconds'])} here (less if the machine was busy "
        "just now: --threads 1 may be faster then); give --yes to start it (stopped, it resumes "
        "where it was), or choose a GPU, more processes, or a smaller recipe"
    )


def check_trains(configuration: Configuration) -> None:
    """Refuse to pre-train where only a network is handcrafted."""
    if configuration.pretrain is None:
        raise InputError(
            f"the weights of a circuit ({configuration.circuit}) are handcrafted, not trained; "
            "make it with `offpath circuit`, then `offpath evaluate` and `offpath robustness`"
        )


def check_checkpoints(run: Run, names: Sequence[str]) -> list[str]:
    """All checkpoints of a run; refuses names that are none of them."""
    known = sorted(path.stem for path in run.folder.glob("checkpoints/*.safetensors"))
    known = [name for name in known if not name.endswith("-resume")]
    for name in (name for name in names if name not in known):
        raise InputError(choice_fault("--checkpoints", name, known))
    return known


def compute_on(machine: MachineOptions, *, join: bool = False) -> "Compute":
    """Where to compute; joins the processes that torchrun started, of which the first prints."""
    from offpath.compute import compute, launched

    _, ranks, *_ = launched()
    if ranks > 1 and not join:
        raise InputError(
            f"only run, pretrain and finetune work in several processes; got {ranks}: start this "
            "verb without torchrun"
        )
    made = compute(**machine.model_dump(), join=join)
    if made.rank:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, held until the process ends
    return made


def show_forecast(cost: Record) -> None:
    """Print what a configuration costs."""
    from offpath.fit.forecast import HEADERS, forecast_rows

    where = f"{cost['device']}, CPU threads: {cost['threads']}"
    title = f"{cost['recipe']}: {cost['parameters']:,} parameters; time on {where}"
    show_table(HEADERS, forecast_rows(cost), title)


def write_record(path: Path, record: Record) -> None:
    """Write a record as JSON, for other programs."""
    write_file(path, json.dumps(record, indent=1, allow_nan=False).encode() + b"\n")
    print(f"wrote {path}")
