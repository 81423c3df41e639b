"""What the verbs of the command line take: options as records, read from words by tyro.

In: the words behind a verb. Out: a record of its options, or an `InputError` of one line.
"""

import contextlib
import io
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import tyro
from pydantic import BaseModel, ConfigDict

from offpath.configs import Circuit, Configuration, Graphs, InputError
from offpath.interpret.options import Robustness, Sampling
from offpath.recipes import recipe

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


class Trained(Machine):
    """Where and how to train: changes speed and memory, and results by rounding only."""

    micro_batch: int | None = None
    """Examples of a batch held in memory at a time; None: all on a GPU, 1024 on a CPU."""


class Chosen(Arguments):
    """Options of every verb that begins from a recipe; --recipe sets the defaults of all others."""

    configuration: Annotated[Configuration, tyro.conf.arg(name="")]
    machine: Annotated[Trained, tyro.conf.arg(name="")] = Trained()


class Experiment(Chosen):
    """Options of the verbs that begin a run."""

    runs_folder: Path = Path("runs")
    """Folder below which each run gets its own."""
    yes: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Start also what is forecast to take more than a day here."""


class Folder(Arguments):
    """Options of every verb that goes on from a run folder."""

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Folder of a run, as `offpath run`, `pretrain` or `import` named it."""


class Begun(Folder):
    """Options of the verbs that go on from a run folder and compute."""

    machine: Annotated[Machine, tyro.conf.arg(name="")] = Machine()


class Tuned(Folder):
    """Options of `offpath finetune`."""

    variant: Literal["as-written", "as-reproduced"] | None = None
    """The study's own fine-tuning, in a run folder beside unless the run's is the same."""
    machine: Annotated[Trained, tyro.conf.arg(name="")] = Trained()


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


class ByHand(Arguments):
    """Options of `offpath circuit`."""

    circuit: tyro.conf.Positional[Circuit]
    """wide: the study's, n layers; doubling: 2 ceil(log2 n) layers; edge: as those trained."""
    vertices: int | None = None
    """Vertices of the largest graph; None takes the recipe's."""
    recipe: str = "laptop"
    """Recipe whose evaluation, and for edge whose architecture, the circuit gets."""
    runs_folder: Path = Path("runs")
    """Folder below which each run gets its own."""


class Verification(Arguments):
    """Options of `offpath verify`."""

    circuit: tyro.conf.Positional[Circuit]
    """wide, doubling or edge; edge is tried in the architecture of the recipe paper."""
    vertices: int | None = None
    """Vertices of the largest graphs; None: 64, and 15 for edge."""
    deletions: int = 200
    """Single weights to delete, one at a time."""
    seed: int = 0
    """Seed of the random graphs and of the weights to delete."""
    out: Path | None = None
    """File to write all records to, as JSON."""
    machine: Annotated[Machine, tyro.conf.arg(name="")] = Machine()


class Comparison(Arguments):
    """Options of `offpath compare`."""

    standard: tyro.conf.Positional[Literal["study"]]
    """study: the eight figures that the study published."""
    runs: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="RUN...")]
    """Folders of finished runs, each once (at least one)."""
    out: Path | None = None
    """File to write everything to, as JSON."""


class Import(Arguments):
    """Options of `offpath import`."""

    weights: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="WEIGHTS")]
    """A state dict as torch.save wrote it, or a .safetensors; docs/weights.md shows its layout."""
    heads: int | None = None
    """Attention heads of each layer, which no tensor tells; None: as the notes of the file say."""
    recipe: str = "paper"
    """Recipe of everything but the sizes, which the weights tell."""
    norm: Literal["pre", "post"] | None = None
    """Layer norm before each part, or after it; None: as the file's notes or the recipe say."""
    seed: int = 0
    """Seed of the control's initial weights and of every training example."""
    runs_folder: Path = Path("runs")
    """Folder below which each run gets its own."""


class Export(Folder):
    """Options of `offpath export`."""

    out: Path
    """A file .pth, .pt, .safetensors or .onnx, or without suffix a folder for the hub."""
    checkpoint: str = "finetuned"
    """Name of the checkpoint, such as pretrained or scratch."""


class Disturbed(Begun):
    """Options of `offpath robustness`."""

    options: Annotated[Robustness, tyro.conf.arg(name="")] = Robustness()


class Sampled(Begun):
    """Options of `offpath llc`."""

    checkpoints: tuple[str, ...] = ()
    """Checkpoints to measure; none: all along pre-training, its end, and the circuit."""
    sweep: tuple[str, ...] = ()
    """Checkpoints at which five step sizes are tried; none: end of pre-training, and circuit."""
    seed: int = 0
    """Seed of the examples and of the chains."""
    options: Annotated[Sampling, tyro.conf.arg(name="")] = Sampling()


def parse(name: str, verb: object, words: list[str], default: T | type[T]) -> T:
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
    lines = [line.strip("│ ") for line in box.getvalue().splitlines()[1:]]
    lines = ["" if set(line) <= set("├┤╭╮╰╯─-") else line for line in lines]
    del lines[: next((i for i, line in enumerate(lines) if line), 0)]
    ends = [i for i, line in enumerate(lines) if not line]
    said = " ".join(lines[: ends[0] if ends else None])
    raise InputError(f"{said.rstrip('.')}; see `offpath {name} --help`")


def named_recipe(words: list[str]) -> Configuration:
    """The recipe that `words` name, for it sets the defaults by which the rest is read."""
    joined = " ".join(words).replace("--recipe=", "--recipe ").split()
    named = [value for word, value in pairwise(joined) if word == "--recipe"]
    if len(named) > 1:
        raise InputError(f"--recipe must be given once; got {' and '.join(named)}")
    return recipe(named[0] if named else "laptop")


def check_sample(arguments: Sample) -> None:
    """Hold graph sizes to what a configuration demands of them."""
    base = recipe(arguments.recipe).model_dump()
    Configuration.model_validate({**base, "graphs": arguments.graphs, "seed": arguments.seed})
    for name, least, most in (("start", 0, 2**62), ("count", 1, 10**8)):
        if not least <= getattr(arguments, name) <= most:
            raise InputError(f"{name} must be {least} to {most}; got {getattr(arguments, name)}")
