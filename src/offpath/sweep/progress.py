"""How far a sweep is: each run's stage, step and loss, and the time that is left.

In: the run folders, read while other processes write them, whatever machine these are on, and the
outcomes of runs. Out: a table, lines, and rows for the record of the sweep.
"""

import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from offpath.fit.forecast import span
from offpath.networks import networks
from offpath.run.files import Record
from offpath.run.folder import Run
from offpath.run.metrics import last_logged
from offpath.sweep.engines import Outcome

HEADERS = ("runs now", "stage", "step", "loss", "for")
LEAST_SHARE = 0.02  # of all work, before which time left is a guess
MOST_NAMES = 4


class Progress(NamedTuple):
    """How far one run is."""

    stage: str
    step: int
    steps: int | None
    loss: float | None
    examples: int
    """That it has trained on, over all networks."""


def progress(run: Run) -> Progress:
    """How far a run is, from its checkpoints and the last line of its metrics."""
    last = last_logged(run) or {}
    examples = 0
    for network in networks(run.configuration):
        if network.training is None:
            continue
        size, steps = network.training.batch_examples, network.training.steps
        if run.checkpoint(network.name).exists():
            examples += size * steps
            continue
        step, loss = 0, None
        if last.get("network") == network.name:
            step, loss = last["step"], last["loss"]
        return Progress(network.title, step, steps, loss, examples + size * step)
    return Progress("test matrix", 0, None, None, examples)


def all_examples(run: Run) -> int:
    """The examples that all networks of a run are trained on."""
    trainings = [n.training for n in networks(run.configuration) if n.training]
    return sum(training.batch_examples * training.steps for training in trainings)


@dataclass
class Row:
    """What is known of one run."""

    run: Run
    state: Literal["waits", "runs", "done", "failed"] = "waits"
    touched: int = 0  # when its provenance was last written, in ns, as the sweep began
    since: float = 0.0
    seconds: float = 0.0
    fault: str | None = None
    at: Progress = field(default=Progress("starts", 0, None, None, 0))


class Board:
    """Who waits, runs, is done or failed, for how long, and how long the rest will take."""

    def __init__(self, runs: Sequence[Run], done: Collection[Run]) -> None:
        """A row for each run; those done before stay as they are."""
        self.began = time.monotonic()
        self._lock = threading.Lock()
        self.rows = {run.configuration.run_name: Row(run) for run in runs}
        for row in self.rows.values():
            row.touched, row.at = _touched(row.run), progress(row.run)
            if row.run in done:
                row.state = "done"
        self._at_first = self._examples()

    def look(self) -> None:
        """Read how far the runs are that have not ended."""
        with self._lock:
            for row in self.rows.values():
                if row.state == "waits" and _touched(row.run) != row.touched:
                    row.state, row.since = "runs", time.monotonic()
                if row.state == "runs":
                    row.at = progress(row.run)
                    row.seconds = time.monotonic() - row.since

    def end(self, outcome: Outcome) -> str:
        """Note that a run has ended, and tell so in one line."""
        row = self.rows[outcome.name]
        with self._lock:
            row.state, row.fault = ("failed" if outcome.fault else "done"), outcome.fault
            row.seconds, row.at = outcome.seconds, progress(row.run)
        return f"{row.state:<7} {outcome.name}  {span(row.seconds)}  ({self.summary()})"

    def count(self, state: str) -> int:
        """Number of runs in a state."""
        return sum(row.state == state for row in self.rows.values())

    def seconds_left(self) -> float | None:
        """As long as the rest takes at the mean speed so far; None while that is a guess."""
        whole = sum(all_examples(row.run) for row in self.rows.values())
        here, first = self._examples(), self._at_first
        if here - first <= LEAST_SHARE * (whole - first):
            return None
        failed = [row for row in self.rows.values() if row.state == "failed"]
        whole -= sum(all_examples(row.run) - row.at.examples for row in failed)
        return (time.monotonic() - self.began) * (whole - here) / (here - first)

    def summary(self) -> str:
        """One line: how many are done, fail, run and wait, and the time left."""
        failed, going = self.count("failed"), self.count("waits") + self.count("runs")
        left = self.seconds_left() if going else None
        parts = [f"{self.count('done')} of {len(self.rows)} done"]
        parts += [f"{failed} failed"] if failed else []
        return ", ".join([*parts, *([] if left is None else [f"about {span(left)} left"])])

    def table(self) -> Group:
        """What runs, row by row; what is done, failed and waits, one line each."""
        table = Table(box=SIMPLE_HEAD)
        for header in HEADERS:
            table.add_column(header, no_wrap=header != HEADERS[0])
        for name, row in self.rows.items():
            if row.state == "runs":
                at = row.at
                step = f"{at.step}/{at.steps}" if at.steps else ""
                loss = "" if at.loss is None else f"{at.loss:.4f}"
                table.add_row(name, at.stage, step, loss, span(row.seconds))
        lines = [Text(f"{state:<7} {names}") for state in ("done", "failed", "waits")
                 if (names := self._names(state))]  # fmt: skip
        passed = span(time.monotonic() - self.began)
        return Group(table, *lines, Text(f"{self.summary()}; {passed} passed", style="dim"))

    def records(self) -> dict[str, Record]:
        """Each run by name, for the record of the sweep; none that waits or another process has."""
        return {
            name: {
                "folder": str(row.run.folder),
                "state": "unfinished" if row.state == "runs" else row.state,
                "seconds": round(row.seconds, 1),
                "fault": row.fault,
            }
            for name, row in self.rows.items()
            if row.state == "done" or row.seconds
        }

    def _examples(self) -> int:
        return sum(row.at.examples for row in self.rows.values())

    def _names(self, state: str) -> str:
        names = [name for name, row in self.rows.items() if row.state == state]
        more = [f"and {len(names) - MOST_NAMES} more"] if len(names) > MOST_NAMES else []
        return ", ".join([*names[:MOST_NAMES], *more])


def _touched(run: Run) -> int:
    """When the provenance was last written, which each process does as it begins."""
    try:
        return (run.folder / "provenance.json").stat().st_mtime_ns
    except OSError:
        return 0
