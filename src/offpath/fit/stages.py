"""Pre-training and fine-tuning: every network of a run that is trained, in order."""

from collections.abc import Iterator

from offpath.compute import Compute
from offpath.configs import InputError, Training
from offpath.data.batches import draw
from offpath.data.mixtures import unaudited
from offpath.fit.checkpoints import maker, new_model, save_model
from offpath.fit.sharing import copy_network, copy_trained
from offpath.fit.stage import train_network
from offpath.networks import network, networks
from offpath.run.files import Record
from offpath.run.folder import Run, holds_run

FIRST_SNAPSHOT, SNAPSHOTS = 10, 15
LEAST_UNAUDITED = 1024  # questions on which the inspector is wrong


@holds_run
def pretrain(run: Run, compute: Compute) -> Iterator[Record]:
    """Make the checkpoints `untrained` and `pretrained`, yielding each line of metrics.

    The weights along the way are kept too, as `pretrained-stepK`.
    """
    c = run.configuration
    if c.pretrain is None:
        return
    if compute.rank == 0:
        if c.imported and not run.checkpoint("pretrained").exists():
            raise InputError(
                f"the pre-trained weights of {run.folder} were imported and are not there: nothing "
                f"is trained in their place; give {maker(run, 'pretrained')} again"
            )
        # Whether there is enough to measure is known before anything is trained.
        if c.reporters and not run.checkpoint("pretrained").exists():
            draw(unaudited(c.graphs, c.reporters), 0, 0, LEAST_UNAUDITED)
        for one in networks(c):
            if one.made_by == "new weights" and not run.checkpoint(one.name).exists():
                save_model(run, one.name, new_model(c, one.architecture))
        yield from copy_trained(run)
    for one in networks(c):
        if one.made_by == "pretrain" and one.training:
            yield from train_network(run, compute, one, snapshot_steps(one.training.steps))


@holds_run
def finetune(run: Run, compute: Compute) -> Iterator[Record]:
    """Make every checkpoint that fine-tuning ends in, yielding each line of metrics."""
    for one in networks(run.configuration):
        if one.made_by == "finetune":
            yield from train_network(run, compute, one)


def finetuned_otherwise(run: Run, training: Training) -> Run:
    """The run that differs in fine-tuning alone, in a folder beside that of `run`.

    That is the very run, if it is configured so. The folder is not made here.
    """
    c = run.configuration.model_copy(update={"finetune": training})
    same = c == run.configuration
    return run if same else Run(run.folder.resolve().parent / c.run_name, c)


def copy_pretraining(run: Run, other: Run) -> None:
    """Give another run, which is held, all that pre-training made of `run`, unless it has it."""
    one = network(run.configuration, "pretrained")
    if one is not None and not other.checkpoint("pretrained").exists():
        copy_network(run, other, one)


def snapshot_steps(steps: int) -> list[int]:
    """Steps evenly spaced on a logarithmic axis, from 10 to before the last.

    >>> snapshot_steps(3000)
    [10, 15, 21, 31, 46, 67, 98, 143, 209, 306, 448, 655, 959, 1402, 2051]
    """
    ratio = (steps / FIRST_SNAPSHOT) ** (1 / SNAPSHOTS)
    rounded = {round(FIRST_SNAPSHOT * ratio**i) for i in range(SNAPSHOTS)}
    return sorted(step for step in rounded if FIRST_SNAPSHOT <= step < steps)
