"""Pre-training: the distance from vertex 1 to vertex 2, on graphs of every size."""

from collections.abc import Iterator

from offpath.compute import Compute
from offpath.configs import InputError
from offpath.data.worlds import world
from offpath.fit.checkpoints import new_model, save_model
from offpath.fit.stage import fit_stage
from offpath.run.files import Record
from offpath.run.folder import Run

FIRST_SNAPSHOT, SNAPSHOTS = 10, 15


def pretrain(run: Run, compute: Compute) -> Iterator[Record]:
    """Make the checkpoints `untrained` and `pretrained`, yielding each line of metrics.

    The weights along the way are kept too, as `pretrain-stepK`, for whoever asks what they knew.
    """
    c = run.configuration
    if compute.rank == 0:
        _check_imported(run)
        if not run.checkpoint("untrained").exists():
            save_model(run, "untrained", new_model(c))
    yield from fit_stage(
        run,
        compute,
        stage="pretrain",
        world=world("pretraining", c.graphs),
        training=c.pretrain,
        start="untrained",
        end="pretrained",
        snapshots=snapshot_steps(c.pretrain.steps),
    )


def _check_imported(run: Run) -> None:
    """Refuse to train what a run calls imported."""
    c = run.configuration
    if c.imported and not run.checkpoint("pretrained").exists():
        raise InputError(
            f"the pre-trained weights of {run.folder} were imported ({c.imported[:12]}) and are "
            f"not there: nothing is trained in their place; give `offpath import WEIGHTS --recipe "
            f"{c.recipe} --seed {c.seed}` again"
        )


def snapshot_steps(steps: int) -> list[int]:
    """Steps evenly spaced on a logarithmic axis, from 10 to before the last.

    >>> snapshot_steps(3000)
    [10, 15, 21, 31, 46, 67, 98, 143, 209, 306, 448, 655, 959, 1402, 2051]
    """
    if steps <= FIRST_SNAPSHOT:
        return []
    ratio = (steps / FIRST_SNAPSHOT) ** (1 / SNAPSHOTS)
    return sorted({round(FIRST_SNAPSHOT * ratio**i) for i in range(SNAPSHOTS)} - {steps})
