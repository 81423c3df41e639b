"""What one sees while a stage works: a bar on a terminal, a line now and then in a log."""

from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column

from offpath.configs import Configuration
from offpath.networks import networks
from offpath.run.files import Record

TITLES = {"evaluate": "test matrix", "robustness": "robustness", "llc": "coefficient"}
LINES_A_STAGE = 10  # where there is no terminal


def follow(records: Iterable[Record], configuration: Configuration, console: Console) -> None:
    """Consume the records of any stages, showing how far they are."""
    c = configuration
    trained = {one.name: one for one in networks(c)}
    titles = TITLES | {name: one.title for name, one in trained.items()}
    wide = console.width >= 110
    labels = 4 if wide or not console.is_terminal else 2
    columns = (
        TextColumn("{task.description}", table_column=Column(min_width=12)),
        BarColumn(bar_width=20 if wide else 8),
        TextColumn("{task.completed:.0f}/{task.total:.0f}", table_column=Column(min_width=9)),
        TimeRemainingColumn(compact=True, table_column=Column(min_width=5)),
        TextColumn("{task.fields[seen]}", table_column=Column(no_wrap=True)),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        tasks = {}
        for record in records:
            stage, step = record.get("network") or record["stage"], record["step"]
            training = trained[stage].training if stage in trained else None
            total = training.steps if training else record["of"]
            key = (stage, record.get("part"))
            apart = training.log_every_steps if training else 1  # steps from record to record
            if key not in tasks:
                tasks[key] = bar.add_task(titles[stage], total=total, seen="")
            if "resumed" in record:
                console.print(f"{titles[stage]}: goes on from step {step} ({record['resumed']})")
            seen = summary(record, c.graphs.max_vertices, labels)
            bar.update(tasks[key], completed=step, seen=seen)
            if not console.is_terminal and _worth_a_line(record, total, apart):
                console.print(f"{titles[stage]:<12} {step:>6} / {total}  {seen}", soft_wrap=True)


def summary(record: Record, no_path: int, labels: int = 4) -> str:
    """A record in a few words: the loss, that of distances 1 to `labels`, and that of no path.

    >>> summary({"loss": 1.5, "loss_by_label": {"1": 0.5, "8": 2.0}}, no_path=8)
    'loss 1.5000  d1 0.50  none 2.00'
    """
    for name in ("world", "part", "checkpoint"):
        if name in record:
            return record[name]
    if "loss" not in record:
        return ""
    by_label = record["loss_by_label"]
    shown = [str(label) for label in range(1, min(labels + 1, no_path))]
    parts = [f"d{label} {by_label[label]:.2f}" for label in shown if label in by_label]
    parts += [f"none {by_label[str(no_path)]:.2f}"] if str(no_path) in by_label else []
    return "  ".join([f"loss {record['loss']:.4f}", *parts])


def _worth_a_line(record: Record, total: int, apart: int) -> bool:
    if "resumed" in record:
        return False
    every = max(1, total // LINES_A_STAGE)
    return record["step"] // every > (record["step"] - apart) // every
