"""The command line: verbs that read arguments, call a stage, and show what it made.

A verb imports its stage when it runs, so that `offpath --help` answers at once. Whatever the user
got wrong ends as one line on the error stream and exit status 2.
"""

import contextlib
import io
import os
import sys
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, NoReturn, TypeVar

import tyro
from pydantic import BaseModel, ConfigDict

from offpath import __version__
from offpath.configs import Configuration, Graphs, InputError
from offpath.recipes import recipe
from offpath.runs import Record, Run, create_run, open_run, working_on

EXAMPLES = """\
examples
  offpath run                            the whole experiment, recipe laptop: minutes on 2 cores
  offpath run --seed 1 --model.layers 6  another seed, and a deeper transformer
  offpath run --recipe smoke             every stage in seconds, to see that things work
  offpath forecast --recipe paper        what the study's own size would cost on this machine
  offpath sample test_e --count 5        five examples of a distribution
  offpath pretrain                       the stages one by one, then with the folder it names:
                                         finetune RUN, evaluate RUN, report RUN

A run that was stopped goes on when the same command is given again.
`offpath VERB --help` explains every option of a verb; `offpath --version` tells the version."""

T = TypeVar("T", bound=BaseModel)


class Arguments(BaseModel):
    """What every verb's arguments have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Machine(Arguments):
    """Where to compute: changes speed, and results by rounding only."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto takes a GPU where there is one."""
    threads: int | None = None
    """CPU threads; None takes all cores."""


class Experiment(Arguments):
    """Options of the verbs that begin from a recipe; --recipe sets the defaults of all others."""

    configuration: Annotated[Configuration, tyro.conf.arg(name="")]
    runs_folder: Path = Path("runs")
    """Folder below which each run gets its own."""
    machine: Annotated[Machine, tyro.conf.arg(name="")] = Machine()


class Begun(Arguments):
    """Options of the verbs that go on from a run folder."""

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Folder of a run, as `offpath run` and `offpath pretrain` name it."""
    machine: Annotated[Machine, tyro.conf.arg(name="")] = Machine()


class Sample(Arguments):
    """Options of `offpath sample`."""

    world: tyro.conf.Positional[str] = "pretraining"
    """pretraining, finetuning, or test_a to test_e."""
    recipe: str = "laptop"
    """Recipe whose graph sizes are the defaults below."""
    seed: int = 0
    """Seed of the examples."""
    start: int = 0
    """Index of the first example; 10^12 is reached as quickly as 0."""
    count: int = 10
    """Number of examples."""
    purpose: Literal["training", "evaluation"] = "training"
    """Which stream: they share no example."""
    out: Path | None = None
    """File to write instead of a table: .npz (numpy) or .parquet (needs the extra `data`)."""
    graphs: Graphs


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 done, 2 unusable input, 130 interrupted."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a sign shows a ?
    try:
        if words[:1] == ["help"] and words[1:]:
            words = [words[1], "--help"]
        if not words or words[0] in ("-h", "--help", "help"):
            print(overview())
        elif words[0] in ("-V", "--version"):
            print(f"offpath {__version__}")
        elif words[0] in VERBS:
            VERBS[words[0]](words[1:])
        else:
            raise InputError(
                f"the verb must be one of {', '.join(VERBS)}; got {words[0]!r}; see offpath --help"
            )
        sys.stdout.flush()
    except BrokenPipeError:  # `offpath ... | head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print("offpath: interrupted; give the same command again to go on", file=sys.stderr)
        sys.exit(130)
    except (InputError, OSError, MemoryError, RuntimeError) as error:
        print(f"offpath: {_one_line(error)}", file=sys.stderr)
        sys.exit(2)
    sys.exit(0)


def _one_line(error: Exception) -> str:
    """An error as one line with a remedy; one that is a fault of ours is raised again."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}; mend that, and give the same command again"
    if isinstance(error, MemoryError) or "memory" in str(error):
        return (
            "there is not enough memory for this; choose a smaller batch, model or count "
            f"({' '.join(str(error).split())[:120]})"
        )
    raise error


def overview() -> str:
    """What `offpath --help` prints."""
    verbs = [f"  {name:<10}{(verb.__doc__ or '').splitlines()[0]}" for name, verb in VERBS.items()]
    question = (__import__("offpath").__doc__ or "").splitlines()[0]
    return "\n".join([question, "", "usage: offpath VERB [OPTIONS]", "", *verbs, "", EXAMPLES])


def run(words: list[str]) -> None:
    """Run the whole experiment of a recipe, or go on with it."""
    arguments = _experiment_arguments("run", run, words)
    from offpath.compute import compute
    from offpath.pipeline import experiment, is_done

    machine = compute(arguments.machine.device, arguments.machine.threads)
    begun = create_run(arguments.configuration, arguments.runs_folder)
    with working_on(begun):
        if is_done(begun):
            print(f"{begun.folder} is done; only its report is made anew")
        _follow(begun, experiment(begun, machine))
    _show_matrix(begun)
    print(f"report: {begun.report}")


def sample(words: list[str]) -> None:
    """Show examples of a distribution, or write them to a file."""
    default = Sample(graphs=_recipe(words).graphs)
    arguments = _parse("sample", sample, words, default)
    _check_graphs(arguments)
    from rich.console import Console

    from offpath.data.show import show_examples, write_examples

    if arguments.out is None:
        show_examples(_draw(arguments), _world(arguments), arguments.start, Console())
    else:
        write_examples(_draw(arguments), arguments.out)
        print(f"wrote {arguments.count} examples to {arguments.out}")


def pretrain(words: list[str]) -> None:
    """Pre-train on the distance from vertex 1 to vertex 2, in a new run folder."""
    arguments = _experiment_arguments("pretrain", pretrain, words)
    from offpath.compute import compute
    from offpath.fit.pretrain import pretrain as stage

    machine = compute(arguments.machine.device, arguments.machine.threads)
    begun = create_run(arguments.configuration, arguments.runs_folder)
    with working_on(begun):
        _follow(begun, stage(begun, machine))
    print(f"pre-trained; go on with `offpath finetune {begun.folder}`")


def finetune(words: list[str]) -> None:
    """Fine-tune a pre-trained run on small graphs, and its control from scratch."""
    begun, machine = _begun_arguments("finetune", finetune, words)
    from offpath.fit.finetune import finetune as stage

    with working_on(begun):
        _follow(begun, stage(begun, machine))
    print(f"fine-tuned; go on with `offpath evaluate {begun.folder}`")


def evaluate(words: list[str]) -> None:
    """Measure every checkpoint of a run on every distribution."""
    begun, machine = _begun_arguments("evaluate", evaluate, words)
    from offpath.generalize.matrix import measure_matrix

    with working_on(begun):
        _follow(begun, measure_matrix(begun, machine))
    _show_matrix(begun)
    print(f"measured; go on with `offpath report {begun.folder}`")


def report(words: list[str]) -> None:
    """Write the report of a run, one offline page, from its result files."""
    begun = open_run(_parse("report", report, words, Begun).run)
    from offpath.report.page import write_report

    with working_on(begun):
        print(f"report: {write_report(begun)}")


def forecast(words: list[str]) -> None:
    """Tell what a recipe will cost here: operations, memory, time."""
    arguments = _experiment_arguments("forecast", forecast, words)
    from rich.console import Console

    from offpath.compute import compute
    from offpath.fit.forecast import forecast as measure
    from offpath.fit.forecast import forecast_table

    machine = compute(arguments.machine.device, arguments.machine.threads)
    print("timing a few steps; on a busy machine the forecast is too long", file=sys.stderr)
    Console().print(forecast_table(measure(arguments.configuration, machine)))


VERBS = {
    verb.__name__: verb for verb in (run, sample, pretrain, finetune, evaluate, report, forecast)
}


def _experiment_arguments(name: str, verb: object, words: list[str]) -> Experiment:
    default = Experiment(configuration=_recipe(words))
    return _parse(name, verb, words, default)


def _begun_arguments(name: str, verb: object, words: list[str]):
    arguments = _parse(name, verb, words, Begun)
    from offpath.compute import compute

    machine = compute(arguments.machine.device, arguments.machine.threads)
    return open_run(arguments.run), machine


def _parse(name: str, verb: object, words: list[str], default: T | type[T]) -> T:
    """Arguments as `words` change the default; tyro's box of an error becomes one line."""
    kind = default if isinstance(default, type) else type(default)
    given = tyro.MISSING_NONPROP if isinstance(default, type) else default
    prog, text = f"offpath {name}", verb.__doc__
    box = io.StringIO()
    try:
        with contextlib.redirect_stderr(box):
            return tyro.cli(kind, args=words, default=given, prog=prog, description=text)
    except SystemExit as stop:
        if not stop.code:
            raise
    lines = [line.strip("│╭╮╰╯─ ") for line in box.getvalue().splitlines()[1:]]
    ends = [i for i, line in enumerate(lines) if not line]
    said = " ".join(lines[: ends[0] if ends else None])
    raise InputError(f"{said.rstrip('.')}; see `offpath {name} --help`")


def _recipe(words: list[str]) -> Configuration:
    """The recipe that `words` name, for it sets the defaults by which the rest is read."""
    joined = " ".join(words).replace("--recipe=", "--recipe ").split()
    named = [value for word, value in pairwise(joined) if word == "--recipe"]
    if len(named) > 1:
        raise InputError(f"--recipe must be given once; got {' and '.join(named)}")
    return recipe(named[0] if named else "laptop")


def _check_graphs(arguments: Sample) -> None:
    """Hold graph sizes to what a configuration demands of them."""
    base = recipe(arguments.recipe).model_dump()
    Configuration.model_validate({**base, "graphs": arguments.graphs, "seed": arguments.seed})
    for name, least, most in (("start", 0, 2**62), ("count", 1, 10**8)):
        if not least <= getattr(arguments, name) <= most:
            raise InputError(f"{name} must be {least} to {most}; got {getattr(arguments, name)}")


def _world(arguments: Sample):
    from offpath.data.worlds import world

    return world(arguments.world, arguments.graphs)


def _draw(arguments: Sample):
    from offpath.data.batches import draw

    a = arguments
    return draw(_world(a), a.seed, a.start, a.count, purpose=a.purpose)


def _follow(begun: Run, records: Iterable[Record]) -> None:
    from rich.console import Console

    from offpath.progress import follow

    follow(records, begun.configuration, Console())


def _show_matrix(begun: Run) -> None:
    from rich.console import Console

    from offpath.report.tables import matrix_table, strata_table

    console = Console()
    console.print(matrix_table(begun), strata_table(begun), sep="\n")
