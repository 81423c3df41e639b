"""How verbs of the command line begin and end: find the run and the machine, show what was made.

Where torchrun started several processes, the first has the run folder and speaks; the others help.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, TypeVar

from offpath.arguments import Begun, Experiment, Machine, Tuned, named_recipe, parse
from offpath.configs import Configuration, InputError, configuration_from_json
from offpath.runs import Record, Run, create_run, open_run, working_on

if TYPE_CHECKING:
    from offpath.compute import Compute

Options = TypeVar("Options", bound=Begun | Tuned)
DAY_SECONDS = 86_400.0
WORTH_TIMING = 1e15  # operations: minutes on two cores


def begin(
    name: str, verb: object, words: list[str], *, trains: bool = False
) -> tuple[Run, "Compute"]:
    """The run that a recipe and options name, new or begun before, and where to compute.

    Names the folder, so that one can look into it meanwhile.
    """
    arguments = parse(name, verb, words, Experiment(configuration=named_recipe(words)))
    configuration = arguments.configuration
    if trains:
        check_trains(configuration)
    machine = compute_on(arguments.machine, join=True)
    run = Run(arguments.runs_folder / configuration.run_name, configuration)
    if machine.rank:
        return run, machine
    begun_before = any(run.checkpoint(n).exists() for n in ("pretrain-resume", "pretrained"))
    if not (arguments.yes or configuration.circuit or begun_before):
        _stop_if_long(configuration, machine)
    begun = create_run(configuration, arguments.runs_folder)
    together = f" ({machine.ranks} processes)" if machine.ranks > 1 else ""
    print(f"run folder: {begun.folder}{together}", flush=True)
    return begun, machine


def go_on(
    name: str, verb: object, words: list[str], kind: type[Options] = Begun
) -> tuple[Options, Run, "Compute"]:
    """The options given, the run in the folder they name, and where to compute."""
    arguments = parse(name, verb, words, kind)
    machine = compute_on(arguments.machine, join=kind is Tuned)
    if machine.ranks == 1:
        return arguments, open_run(arguments.run), machine
    from offpath.fit.parallel import text_from_first

    first = machine.rank == 0
    text = open_run(arguments.run).configuration.model_dump_json() if first else " "
    told = configuration_from_json(text_from_first(text, machine), "what process 0 said")
    return arguments, Run(arguments.run, told), machine


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


def _stop_if_long(configuration: Configuration, machine: "Compute") -> None:
    """Tell what a run will cost, and refuse it, where it would take more than a day."""
    from rich.console import Console

    from offpath.fit.forecast import forecast, forecast_table, span, training_operations

    if training_operations(configuration) < WORTH_TIMING:
        return
    told = forecast(configuration, machine)
    if told["seconds"] < DAY_SECONDS:
        return
    Console().print(forecast_table(told))
    raise InputError(
        f"this run would take about {span(told['seconds'])} here (less if the machine was busy "
        "just now: --threads 1 may be faster then); give --yes to start it (stopped, it goes on "
        "where it was), or choose a GPU, more processes, or a smaller recipe"
    )


def check_trains(configuration: Configuration) -> None:
    """Refuse to train a network that is set by hand."""
    if configuration.circuit is not None:
        raise InputError(
            f"the weights of a circuit ({configuration.circuit}) are set by hand, not trained; "
            "make it with `offpath circuit`, then `offpath evaluate` and `offpath robustness`"
        )


def compute_on(machine: Machine, *, join: bool = False) -> "Compute":
    """Where to compute; joins the processes that torchrun started, of which the first speaks."""
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


def show_progress(begun: Run, records: Iterable[Record]) -> None:
    """Consume the records of any stages, showing on the terminal how far they are."""
    from rich.console import Console

    from offpath.progress import follow

    follow(records, begun.configuration, Console())


def show_matrix(begun: Run) -> None:
    """Print the test matrix, pooled and by stratum."""
    from rich.console import Console

    from offpath.report.tables import matrix_table, strata_table

    console = Console()
    console.print(matrix_table(begun), strata_table(begun), sep="\n")
