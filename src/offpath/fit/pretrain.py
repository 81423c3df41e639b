"""Pre-training: the distance from vertex 1 to vertex 2, on graphs of every size."""

from collections.abc import Iterator

from offpath.compute import Compute
from offpath.data.worlds import world
from offpath.fit.checkpoints import new_model, save_model
from offpath.fit.stage import fit_stage
from offpath.runs import Record, Run

FIRST_SNAPSHOT, SNAPSHOTS = 10, 15


def pretrain(run: Run, compute: Compute) -> Iterator[Record]:
    """Make the checkpoints `untrained` and `pretrained`, yielding each line of metrics.

    The weights along the way are kept too, as `pretrain-stepK`, for whoever asks what they knew.
    """
    if compute.rank == 0 and not run.checkpoint("untrained").exists():
        save_model(run, "untrained", new_model(run.configuration))
    c = run.configuration
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


def snapshot_steps(steps: int) -> list[int]:
    """Steps evenly spaced on a logarithmic axis, from 10 to before the last.

    >>> snapshot_steps(3000)
    [10, 15, 21, 31, 46, 67, 98, 143, 209, 306, 448, 655, 959, 1402, 2051]
    """
    if steps <= FIRST_SNAPSHOT:
        return []
    ratio = (steps / FIRST_SNAPSHOT) ** (1 / SNAPSHOTS)
    return sorted({round(FIRST_SNAPSHOT * ratio**i) for i in range(SNAPSHOTS)} - {steps})
