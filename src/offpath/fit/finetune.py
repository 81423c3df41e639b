"""Fine-tuning on shortest 1-2 paths of small graphs, and its control without pre-training."""

from collections.abc import Iterator

from offpath.compute import Compute
from offpath.data.worlds import world
from offpath.fit.stage import fit_stage
from offpath.runs import Record, Run

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
