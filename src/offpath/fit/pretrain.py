"""Pre-training: the distance from vertex 1 to vertex 2, on graphs of every size."""

from collections.abc import Iterator

from offpath.compute import Compute
from offpath.data.worlds import world
from offpath.fit.checkpoints import new_model, save_model
from offpath.fit.stage import fit_stage
from offpath.runs import Record, Run


def pretrain(run: Run, compute: Compute) -> Iterator[Record]:
    """Make the checkpoints `untrained` and `pretrained`, yielding each line of metrics."""
    if not run.checkpoint("untrained").exists():
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
    )
