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
from offpath.runs import Record, Run, read_metrics, read_result, sessions

PARTS = {
    "pretrain": ("pre-training", "pretrain"),
    "finetune": ("fine-tuning", "finetune"),
    "scratch": ("the control without pre-training", "finetune"),
    "labels": ("the evaluation sets", "evaluate"),
    "matrix": ("the test matrix", "evaluate"),
    "predictions": ("the predictions", "evaluate"),
}
"""Stages of training and results: the name on the page, and the verb that makes them."""


class Key(NamedTuple):
    """One entry of a legend."""

    title: str
    colour: str
    shape: str = "line"


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
        return [self.made_by(part) for part in parts if part not in there]

    def made_by(self, part: str) -> Missing:
        """A stage of training or a result, and the command that makes it."""
        title, verb = PARTS[part]
        if verb != "pretrain":
            return Missing(title, self._command(verb))
        c = self.run.configuration
        begin = f"offpath pretrain --recipe {c.recipe} --seed {c.seed}"  # unless something was set
        begun = [s["command"] for s in sessions(self.run) if s["command"].startswith("offpath ")]
        return Missing(title, begun[0] if begun else begin)

    def _command(self, verb: str) -> str:
        return shlex.join(["offpath", verb, str(self.run.folder)])

    @property
    def tuned_on(self) -> str:
        """The training data of the fine-tuned model, in words."""
        graphs = self.run.configuration.graphs
        return (
            f"pre-training: target 2, graphs of 3 to {graphs.max_vertices} vertices; fine-tuning "
            f"and from scratch: targets on a shortest path, 3 to {graphs.tune_vertices} vertices"
        )


def story(run: Run) -> Story:
    """Everything that a run folder has to show."""
    names = ("labels", "matrix", "predictions")
    results = {name: read_result(run, name) for name in names if run.result(name).exists()}
    return Story(run, read_metrics(run), results)
