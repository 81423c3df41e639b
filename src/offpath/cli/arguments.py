"""What the verbs of the command line take: one record of options per verb."""

from pathlib import Path
from typing import Annotated, Literal

import tyro
from pydantic import BaseModel, ConfigDict

from offpath.configs import Circuit, Configuration, Graphs
from offpath.interpret.options import Robustness, Sampling


class Arguments(BaseModel):
    """What every verb's arguments have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class MachineOptions(Arguments):
    """Where to compute: changes speed, and results by rounding only."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto takes a GPU where there is one."""
    threads: int | None = None
    """CPU threads; None takes all cores."""


class TrainingMachineOptions(MachineOptions):
    """Where and how to train: changes speed and memory, and results by rounding only."""

    micro_batch: int | None = None
    """Examples of a batch held in memory at a time; None: all on a GPU, 1024 on a CPU."""


class RecipeOptions(Arguments):
    """Options of every verb that begins from a recipe or a file, which set all other defaults."""

    config: Path | None = None
    """config.json of any run, or its folder: all other defaults, instead of those of --recipe."""
    configuration: Annotated[Configuration, tyro.conf.arg(name="")]
    machine: Annotated[TrainingMachineOptions, tyro.conf.arg(name="")] = TrainingMachineOptions()


class RunOptions(RecipeOptions):
    """Options of the verbs that begin a run."""

    runs_folder: Path = Path("runs")
    """Folder below which each run gets its own."""
    yes: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Start also what is forecast to take more than a day here."""


class FolderOptions(Arguments):
    """Options of every verb that starts from a run folder."""

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Folder of a run, as `offpath run`, `pretrain` or `import` named it."""


class MeasureOptions(FolderOptions):
    """Options of the verbs that start from a run folder and compute."""

    machine: Annotated[MachineOptions, tyro.conf.arg(name="")] = MachineOptions()


class FinetuneOptions(FolderOptions):
    """Options of `offpath finetune`."""

    variant: Literal["as-written", "as-reproduced"] | None = None
    """The fine-tuning of WWZ24, in a run folder beside, unless the run's is the same."""
    machine: Annotated[TrainingMachineOptions, tyro.conf.arg(name="")] = TrainingMachineOptions()


class SampleOptions(Arguments):
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


class ListOptions(Arguments):
    """Options of `offpath list`."""

    folder: tyro.conf.Positional[Path] = Path("runs")
    """Folder with run folders in it, or one of them."""
    json_: Annotated[bool, tyro.conf.arg(name="json"), tyro.conf.FlagCreatePairsOff] = False
    """Print JSON, for other programs."""


class CircuitOptions(Arguments):
    """Options of `offpath circuit`."""

    circuit: tyro.conf.Positional[Circuit]
    """wide: that of WWZ24, n layers; doubling: 2 ceil(log2 n) layers; edge: as those trained."""
    vertices: int | None = None
    """Vertices of the largest graph; None takes the recipe's."""
    recipe: str = "laptop"
    """Recipe whose evaluation, and for edge whose architecture, the circuit gets."""
    runs_folder: Path = Path("runs")
    """Folder below which each run gets its own."""


class VerifyOptions(Arguments):
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
    machine: Annotated[MachineOptions, tyro.conf.arg(name="")] = MachineOptions()


class CompareOptions(Arguments):
    """Options of `offpath compare`."""

    standard: tyro.conf.Positional[Literal["study"]]
    """study: the eight figures that WWZ24 published."""
    runs: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="RUN...")]
    """Folders of finished runs, each once (at least one)."""
    out: Path | None = None
    """File to write everything to, as JSON."""


class ImportOptions(Arguments):
    """Options of `offpath import`."""

    weights: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="WEIGHTS")]
    """A state dict as torch.save wrote it, or a .safetensors; docs/weights.md shows its layout."""
    heads: int | None = None
    """Attention heads of each layer, which no tensor shows; None: as in the notes of the file."""
    recipe: str = "paper"
    """Recipe of everything but the sizes, which the weights have."""
    norm: Literal["pre", "post"] | None = None
    """Layer norm before each part, or after it; None: as in the file's notes or the recipe."""
    seed: int = 0
    """Seed of the control's initial weights and of every training example."""
    runs_folder: Path = Path("runs")
    """Folder below which each run gets its own."""


class ExportOptions(FolderOptions):
    """Options of `offpath export`."""

    out: Path
    """A file .pth, .pt, .safetensors or .onnx, or without suffix a folder for the hub."""
    checkpoint: str = "finetuned"
    """Name of the checkpoint, such as pretrained or scratch."""


class RobustnessOptions(MeasureOptions):
    """Options of `offpath robustness`."""

    options: Annotated[Robustness, tyro.conf.arg(name="")] = Robustness()


class CoefficientOptions(MeasureOptions):
    """Options of `offpath llc`."""

    checkpoints: tuple[str, ...] = ()
    """Checkpoints to measure; none: all along pre-training, its end, and the circuit."""
    sweep: tuple[str, ...] = ()
    """Checkpoints at which five step sizes are tried; none: end of pre-training, and circuit."""
    seed: int = 0
    """Seed of the examples and of the chains."""
    options: Annotated[Sampling, tyro.conf.arg(name="")] = Sampling()
