"""Options that several verbs share; a verb's own are in its signature, which tyro reads."""

from pathlib import Path
from typing import Annotated, Literal

import tyro

from offpath.configs import Configuration, Section

RUNS = Path("runs")
FLAT = tyro.conf.arg(name="")  # of a record: its options have no prefix
Switch = Annotated[bool, tyro.conf.FlagCreatePairsOff]
RunsFolder = Annotated[Path, tyro.conf.arg(help="Folder below which each run gets its own.")]


class MachineOptions(Section):
    """Where to compute: changes speed, and results by rounding only."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto takes a GPU where there is one."""
    threads: int | None = None
    """CPU threads; None takes all cores."""


class TrainingMachineOptions(MachineOptions):
    """Where and how to train: changes speed and memory, and results by rounding only."""

    micro_batch: int | None = None
    """Examples that torch's step holds in memory at a time; None: all on a GPU, 512 on a CPU."""
    step: Literal["auto", "torch", "native"] = "auto"
    """What computes a training step; native needs a C++ compiler, auto takes it where it can."""


class RecipeOptions(Section):
    """Options of every verb that begins from a recipe or a file, which set all other defaults."""

    config: Path | None = None
    """config.json of any run, or its folder: all other defaults, instead of those of --recipe."""
    configuration: Annotated[Configuration, FLAT]
    machine: Annotated[TrainingMachineOptions, FLAT] = TrainingMachineOptions()


class RunOptions(RecipeOptions):
    """Options of the verbs that begin a run."""

    runs_folder: RunsFolder = RUNS
    yes: Switch = False
    """Start also what is forecast to take more than a day here."""


FromRecipe = Annotated[RecipeOptions, FLAT]
NewRun = Annotated[RunOptions, FLAT]
Machine = Annotated[MachineOptions, FLAT]
TrainingMachine = Annotated[TrainingMachineOptions, FLAT]
HERE, TRAINING_HERE = MachineOptions(), TrainingMachineOptions()
RunFolder = Annotated[
    tyro.conf.Positional[Path],
    tyro.conf.arg(
        metavar="RUN", help="Folder of a run, as `offpath run`, `pretrain` or `import` named it."
    ),
]
