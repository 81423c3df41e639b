"""How verbs of the command line begin and end: find the run and the machine, show what was made.

Where torchrun started several processes, the first has the run folder and prints; the others help.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console

from offpath.cli.arguments import FinetuneOptions, MachineOptions, MeasureOptions, RunOptions
from offpath.cli.parse import Verb, base_configuration, parse
from offpath.cli.progress import follow
from offpath.cli.tables import show_table
from offpath.configs import Configuration, InputError, configuration_from_json
from offpath.run.files import Record
from offpath.run.folder import Run, create_run, open_run, working_on

if TYPE_CHECKING:
    from offpath.compute import Compute

Options = TypeVar("Options", bound=MeasureOptions | FinetuneOptions)
DAY_SECONDS = 86_400.0
WORTH_TIMING = 1e15  # operations: minutes on two cores


def begin(verb: Verb, words: list[str], *, trains: bool = False) -> tuple[Run, "Compute"]:
    """The run that a recipe and options name, new or begun before, and where to compute.

    Names the folder, so that one can look into it meanwhile.
    """
    arguments = parse(verb, words, RunOptions(configuration=base_configuration(words)))
    configuration = arguments.configuration
    if trains:
        check_trains(configuration)
    compute = compute_on(arguments.machine, join=True).at(configuration.precision)
    run = Run(arguments.runs_folder / configuration.run_name, configuration)
    if compute.rank:
        return run, compute
    begun = any(run.checkpoint(n).exists() for n in ("pretrained-resume", "pretrained"))
    if not (arguments.yes or begun):
        _stop_if_long(configuration, compute)
    run = create_run(configuration, arguments.runs_folder)
    together = f" ({compute.ranks} processes)" if compute.ranks > 1 else ""
    print(f"run folder: {run.folder}{together}", flush=True)
    return run, compute


def resume(verb: Verb, words: list[str], kind: type[Options]) -> tuple[Options, Run, "Compute"]:
    """The options given, the run in the folder they name, and where to compute."""
    arguments = parse(verb, words, kind)
    compute = compute_on(arguments.machine, join=kind is FinetuneOptions)
    if compute.ranks == 1:
        return arguments, open_run(arguments.run), compute
    from offpath.fit.parallel import text_from_first

    first = compute.rank == 0
    text = open_run(arguments.run).configuration.model_dump_json() if first else " "
    shared = configuration_from_json(text_from_first(text, compute), "what process 0 sent")
    return arguments, Run(arguments.run, shared), compute


@contextmanager
def holding(run: Run, machine: "Compute") -> Iterator[None]:
    """Hold the run folder alone, if this is the process that writes into it; then part.

    A process that has helped to train ends here: there is nothing left that could fail.
    """
    from offpath.compute import end_now, leave

    with nullcontext() if machine.rank else working_on(run):
        yield
        leave()
    if machine.rank:
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


def show_progress(run: Run, records: Iterable[Record]) -> None:
    """Consume the records of any stages, showing on the terminal how far they are."""
    follow(records, run.configuration, Console())


def show_forecast(cost: Record) -> None:
    """Print what a configuration costs."""
    from offpath.fit.forecast import HEADERS, forecast_rows

    where = f"{cost['device']}, CPU threads: {cost['threads']}"
    title = f"{cost['recipe']}: {cost['parameters']:,} parameters; time on {where}"
    show_table(HEADERS, forecast_rows(cost), title)


def show_matrix(run: Run) -> None:
    """Print the test matrix, pooled and by stratum."""
    from offpath.report.terminal import run_view

    Console().print(run_view(run))
