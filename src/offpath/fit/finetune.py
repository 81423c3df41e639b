"""Fine-tuning on shortest 1-2 paths of small graphs, and its control without pre-training."""

from collections.abc import Iterator

import torch

from offpath.compute import Compute
from offpath.configs import Training
from offpath.data.worlds import world
from offpath.fit.checkpoints import load_model, save_model
from offpath.fit.stage import fit_stage
from offpath.run.files import Record
from offpath.run.folder import Run
from offpath.run.metrics import append_metrics, flush_metrics, read_metrics

CONTROLS = {"finetune": ("pretrained", "finetuned"), "scratch": ("untrained", "scratch")}
"""The checkpoints each stage starts from and ends in: same examples, same steps, another start."""


def finetune(run: Run, compute: Compute) -> Iterator[Record]:
    """Make the checkpoints `finetuned` and `scratch`, yielding each line of metrics."""
    c = run.configuration
    for stage, (start, end) in CONTROLS.items():
        yield from fit_stage(
            run,
            compute,
            stage=stage,
            world=world("finetuning", c.graphs),
            training=c.finetune,
            start=start,
            end=end,
        )


def tuned_otherwise(run: Run, training: Training) -> Run:
    """The run that differs in fine-tuning alone, in a folder beside that of `run`.

    That is the very run, if it is configured so. The folder is not made here.
    """
    configuration = run.configuration.model_copy(update={"finetune": training})
    if configuration == run.configuration:
        return run
    return Run(run.folder.resolve().parent / configuration.run_name, configuration)


def copy_pretraining(run: Run, other: Run) -> None:
    """Give another run, which is held, all that pre-training made of `run`, unless it has it."""
    if other.checkpoint("pretrained").exists():
        return
    other.metrics.unlink(missing_ok=True)
    for line in read_metrics(run):
        if line["stage"] == "pretrain":
            append_metrics(other, line)
    if other.metrics.exists():  # imported weights have none
        flush_metrics(other)
    names = sorted(path.stem for path in run.folder.glob("checkpoints/pretrain-step*"))
    for name in (*names, "untrained", "pretrained"):  # the last says that all is there
        save_model(other, name, load_model(run, name, torch.device("cpu")))
