"""What one sees while a stage works: a bar on a terminal, a line now and then in a log."""

from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Column

from offpath.configs import Configuration
from offpath.networks import networks
from offpath.run.files import Record

MEASURES = {
    "evaluate": "test matrix",
    "shifts": "shift suite",
    "truth": "assistant",
    "elicitation": "probes",
    "robustness": "robustness",
    "llc": "coefficient",
    "inside": "inside",
}
LINES_PER_STAGE = 10  # where there is no terminal
LONGEST_TITLE = 12  # columns of a terminal; a longer title takes more lines


def follow(
    records: Iterable[Record], configuration: Configuration, console: Console | None = None
) -> None:
    """Consume the records of any stages, showing on the terminal how far they are."""
    console = console or Console()
    trained = {network.name: network for network in networks(configuration)}
    no_path, width = configuration.graphs.max_vertices, console.width
    labels = 4 if width >= 110 or not console.is_terminal else 2 if width >= 80 else 0
    with Progress(*_columns(width), console=console, disable=not console.is_terminal) as bar:
        tasks = {}
        for record in records:
            network, step = trained.get(record.get("network", "")), record["step"]
            title = network.title if network else MEASURES.get(record["stage"]) or record["stage"]
            training = network.training if network else None
            total = training.steps if training else record["of"]
            apart = training.log_every_steps if training else 1  # from record to record
            key = (title, record.get("part"))
            if key not in tasks:
                tasks[key] = bar.add_task(title, total=total, seen="")
            if "resumed" in record:
                console.print(f"{title}: resumes from step {step} ({record['resumed']})")
            if "copied" in record:
                console.print(f"{title}: copied from {record['copied']}, which has trained it")
            seen = summary(record, no_path, labels)
            bar.update(tasks[key], completed=step, seen=seen)
            every = max(1, total // LINES_PER_STAGE)
            told = "resumed" in record or "copied" in record
            due = step // every > (step - apart) // every and not told
            if due and not console.is_terminal:
                console.print(f"{title:<12} {step:>6} / {total}  {seen}", soft_wrap=True)


def _columns(width: int) -> list[ProgressColumn]:
    """Title, bar, steps, time left and losses: the bar gives way on a narrow terminal."""
    bar = [BarColumn(bar_width=20 if width >= 110 else 8)] if width >= 60 else []
    title = Column(min_width=LONGEST_TITLE, max_width=None if width >= 110 else LONGEST_TITLE)
    return [
        TextColumn("{task.description}", table_column=title),
        *bar,
        TextColumn("{task.completed:.0f}/{task.total:.0f}", table_column=Column(min_width=9)),
        TimeRemainingColumn(compact=True, table_column=Column(min_width=5)),
        TextColumn("{task.fields[seen]}", table_column=Column(no_wrap=width >= 60)),
    ]


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
    parts += [f"none {by_label[str(no_path)]:.2f}"] if labels and str(no_path) in by_label else []
    return "  ".join([f"loss {record['loss']:.4f}", *parts])
