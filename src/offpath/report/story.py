"""The parts a report is made of, and what a run folder has to fill them with.

In: a run folder, finished or not. Out: its results and metrics, with the words that captions share.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import altair as alt

from offpath.report.findings import Finding
from offpath.report.heat import HeatTable
from offpath.run.files import Record
from offpath.run.folder import Run, read_result, sessions
from offpath.run.metrics import read_metrics

PARTS = {
    "pretrain": ("pre-training", "pretrain"),
    "finetune": ("fine-tuning", "finetune"),
    "scratch": ("the control without pre-training", "finetune"),
    "labels": ("the evaluation sets", "evaluate"),
    "matrix": ("the test matrix", "evaluate"),
    "predictions": ("the predictions", "evaluate"),
    "circuit": ("the solution set by hand", "evaluate"),
    "robustness": ("how robust the solutions are", "robustness"),
    "learning_coefficient": ("the learning coefficient", "llc"),
}
"""Stages of training and results: the name on the page, and the verb that makes them."""


class Key(NamedTuple):
    """One entry of a legend."""

    title: str
    colour: str
    shape: str = "line"


class PlainTable(NamedTuple):
    """A table of words and numbers; a list is shown as small boxes."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | Sequence[str]]]
    narrow: bool = False
    """Whether its words wrap on a narrow screen, so that the first columns are seen at once."""


class Missing(NamedTuple):
    """A stage of training or a result that is not there, and the command that makes it."""

    part: str
    command: str


@dataclass(frozen=True)
class Figure:
    """Charts or tables with the caption that they share."""

    title: str
    text: str
    facts: dict[str, str]
    """Model, training data, test data, metric, seeds and the command that makes the figure."""
    charts: Sequence[tuple[str, str, alt.TopLevelMixin]] = ()
    """Title (may be empty), a line beneath it, chart."""
    tables: Sequence[HeatTable] = ()
    """The first is shown, the others are folded."""
    lists: Sequence[PlainTable] = ()
    """Stand below charts and the other tables."""
    legend: Sequence[Key] = ()
    layout: str = "stack"
    """stack, grid (small charts side by side), or wide (scrolls in its own box)."""


@dataclass(frozen=True)
class Section:
    """A heading of the table of contents and what stands under it."""

    anchor: str
    title: str
    text: str = ""
    figures: Sequence[Figure] = ()
    missing: Sequence[Missing] = ()
    findings: Sequence[Finding] = ()
    statement: str = ""
    terms: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Story:
    """A run and all of its results that exist."""

    run: Run
    metrics: Sequence[Record]
    results: Mapping[str, Record]

    def facts(
        self, model: str, trained: str, tested: str, metric: str, source: str
    ) -> dict[str, str]:
        """What every caption says."""
        c = self.run.configuration
        seeds = f"{c.seed} for weights and training examples, {c.evaluate.seed} for evaluation sets"
        if self.by_hand:
            seeds = f"{c.evaluate.seed} for evaluation sets"
        return {
            "Model": model,
            "Training data": trained,
            "Test data": tested,
            "Metric": metric,
            "Seeds": seeds,
            "Made by": self._command("report"),
            "Draws": source,
        }

    def missing(self, *parts: str) -> list[Missing]:
        """Those stages of training and results that are not there."""
        there = {line["stage"] for line in self.metrics} | set(self.results)
        if self.imported:
            there.add("pretrain")  # elsewhere
        return [self.made_by(part) for part in parts if part not in there]

    def made_by(self, part: str) -> Missing:
        """A stage of training or a result, and the command that makes it."""
        title, verb = PARTS[part]
        c = self.run.configuration
        if part == "circuit" and self.by_hand:
            largest = c.graphs.max_vertices
            begin = f"offpath circuit {c.circuit} --recipe {c.recipe} --vertices {largest}"
        elif verb == "pretrain":
            begin = f"offpath pretrain --recipe {c.recipe} --seed {c.seed}"
        else:
            return Missing(title, self._command(verb))
        # what was typed knows every option that was set
        begun = [s["command"] for s in sessions(self.run) if s["command"].startswith("offpath ")]
        return Missing(title, begun[0] if begun else begin)

    def _command(self, verb: str) -> str:
        return shlex.join(["offpath", verb, str(self.run.folder)])

    @property
    def by_hand(self) -> bool:
        """Whether the run is of a circuit alone: weights set by hand, and nothing trained."""
        return self.run.configuration.circuit is not None

    @property
    def imported(self) -> str | None:
        """SHA-256 of the pre-trained weights, if they came from elsewhere."""
        return self.run.configuration.imported

    @property
    def everyone(self) -> str:
        """All predictors of the test matrix, in words."""
        return "the circuit and the rules" if self.by_hand else "all checkpoints and rules"

    @property
    def tuned_on(self) -> str:
        """The training data of the fine-tuned model, in words."""
        if self.by_hand:
            return "none: weights set by hand"
        graphs = self.run.configuration.graphs
        before = f"target 2, graphs of 3 to {graphs.max_vertices} vertices"
        if self.imported:
            before = "elsewhere, the weights were imported"
        return (
            f"pre-training: {before}; fine-tuning "
            f"and from scratch: targets on a shortest path, 3 to {graphs.finetune_vertices} vertices"
        )


def story(run: Run) -> Story:
    """Everything that a run folder has to show."""
    results = {name: read_result(run, name) for name in PARTS if run.result(name).exists()}
    return Story(run, read_metrics(run), results)
