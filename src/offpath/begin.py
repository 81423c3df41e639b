"""How verbs of the command line begin and end: find the run and the machine, show what was made."""

from collections.abc import Iterable
from typing import Any, TypeVar

from offpath.arguments import Begun, Experiment, Machine, named_recipe, parse
from offpath.configs import Configuration, InputError
from offpath.runs import Record, Run, create_run, open_run

Options = TypeVar("Options", bound=Begun)


def begin(name: str, verb: object, words: list[str], *, trains: bool = False) -> tuple[Run, Any]:
    """The run that a recipe and options name, new or begun before, and where to compute."""
    arguments = parse(name, verb, words, Experiment(configuration=named_recipe(words)))
    if trains:
        check_trains(arguments.configuration)
    machine = compute_on(arguments.machine)
    return create_run(arguments.configuration, arguments.runs_folder), machine


def go_on(
    name: str, verb: object, words: list[str], kind: type[Options] = Begun
) -> tuple[Options, Run, Any]:
    """The options given, the run in the folder they name, and where to compute."""
    arguments = parse(name, verb, words, kind)
    machine = compute_on(arguments.machine)
    return arguments, open_run(arguments.run), machine


def check_trains(configuration: Configuration) -> None:
    """Refuse to train a network that is set by hand."""
    if configuration.circuit is not None:
        raise InputError(
            f"the weights of a circuit ({configuration.circuit}) are set by hand, not trained; "
            "make it with `offpath circuit`, then `offpath evaluate` and `offpath robustness`"
        )


def compute_on(machine: Machine) -> Any:
    from offpath.compute import compute

    return compute(machine.device, machine.threads)


def show_progress(begun: Run, records: Iterable[Record]) -> None:
    from rich.console import Console

    from offpath.progress import follow

    follow(records, begun.configuration, Console())


def show_matrix(begun: Run) -> None:
    from rich.console import Console

    from offpath.report.tables import matrix_table, strata_table

    console = Console()
    console.print(matrix_table(begun), strata_table(begun), sep="\n")
