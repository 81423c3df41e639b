"""The parts a report is made of, and what a run folder has to fill them with.

In: a run folder, finished or not. Out: its results and metrics, and the words that captions share.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import altair as alt

from offpath.networks import Network, networks
from offpath.report import words
from offpath.results import RESULTS, Matrix, Result, Scores, read_result
from offpath.run.folder import Run, sessions
from offpath.run.metrics import read_metrics
from offpath.slices import Slice

R = TypeVar("R", bound=Result)
SHAPES = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down")


def colour(name: str) -> str:
    """The style sheet's colour of a network, rule or part of the page: it knows light and dark.

    >>> colour("distance_to_2")
    'var(--distance-to-2)'
    """
    return f"var({property_name(name)})"


def property_name(name: str) -> str:
    """The property of the style sheet that holds a colour."""
    return f"--{re.sub('[^a-z0-9]+', '-', name)}"


def slice_colour(where: Slice) -> str:
    """The style sheet's colour of a stratum, apart from those of networks."""
    return colour(f"slice-{where.slice}")


class Key(NamedTuple):
    """A series of a chart, and its entry in the legend."""

    title: str
    colour: str
    shape: str = "line"
    """One of `SHAPES`, ring, line, dashed or dotted."""


class Chart(NamedTuple):
    """A chart with its own title and a line beneath it, which may be empty."""

    chart: alt.TopLevelMixin
    title: str = ""
    text: str = ""


class Entry(NamedTuple):
    """One entry of a table: lines of text, the first of which stands out."""

    lines: Sequence[str]
    share: float | None = None
    """0 to 1: how strongly the page colours it."""
    hover: str = ""
    """What the page shows under the pointer."""
    boxes: bool = False
    """Whether each line is a small box of its own on the page."""


class TableRow(NamedTuple):
    """A row; a gap parts those of different groups."""

    title: str
    entries: Sequence[Entry | None]
    """None is a dash."""
    group: str = ""
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table for the page or the terminal."""

    title: str
    columns: Sequence[str]
    """Heads, with a second line or without; the first is that of the titles of the rows."""
    rows: Sequence[TableRow]
    look: str = "plain"
    """plain, narrow (words wrap on a small screen), or heat (coloured by share)."""


class Missing(NamedTuple):
    """A network or a result that is not there, and the command that makes it."""

    part: str
    command: str


@dataclass(frozen=True)
class Figure:
    """Charts and tables with the caption that they share."""

    title: str
    text: str
    facts: dict[str, str]
    """Model, training data, test data, metric, seeds and the command that makes the figure."""
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()
    more_tables: Sequence[Table] = ()
    """The same for the other distributions."""
    legend: Sequence[Key] = ()
    layout: str = "stack"
    """stack, grid (small charts side by side), or wide (scrolls in its own box)."""


class Card(NamedTuple):
    """A headline number, what it means, and what to compare it with."""

    title: str
    number: str
    lines: Sequence[str]
    meaning: str
    comparisons: Sequence[tuple[str, str, str]]
    """Title, number, interval."""
    verdict: str


@dataclass(frozen=True)
class Section:
    """A heading of the table of contents and what stands under it; an empty one is not shown."""

    anchor: str
    title: str
    text: str = ""
    figures: Sequence[Figure] = ()
    missing: Sequence[Missing] = ()
    cards: Sequence[Card] = ()
    statement: str = ""
    terms: Sequence[tuple[str, str]] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.text or self.figures or self.missing)


class Logged(NamedTuple):
    """A line of metrics."""

    network: str
    step: int
    loss: float
    learning_rate: float
    loss_by_label: dict[str, float]
    count_by_label: dict[str, int]


@dataclass(frozen=True)
class Story:
    """A run and all of its results that exist."""

    run: Run
    metrics: Sequence[Logged]
    results: dict[type[Result], Any]
    commands: Sequence[str] = ()
    """Of the sessions so far."""

    def get(self, kind: type[R]) -> R | None:
        """A result, or None if it is not there yet."""
        return self.results.get(kind)

    @property
    def networks(self) -> list[Network]:
        """Everything that the run trains or handcrafts."""
        return networks(self.run.configuration)

    @property
    def trains(self) -> bool:
        """Whether the run pre-trains a network, not only a handcrafted one."""
        return any(network.made_by == "pretrain" for network in self.networks)

    def missing(self, *kinds: type[Result]) -> list[Missing]:
        """Those of the results that are not there, and how to make them."""
        return [self.gap(kind) for kind in kinds if kind not in self.results]

    def gap(self, kind: type[Result]) -> Missing:
        """How to make a result."""
        return Missing(kind.title, f"offpath {kind.verb} {self.run.quoted}")

    def untrained(self) -> list[Missing]:
        """Networks whose training has not begun, and how to begin it."""
        there = {line.network for line in self.metrics}
        rows = [n for n in self.networks if n.training and n.name not in there]
        imported = self.run.configuration.imported is not None
        return [self._missing_network(n) for n in rows if not (imported and n.name == "pretrained")]

    def _missing_network(self, network: Network) -> Missing:
        c = self.run.configuration
        command = f"offpath {network.made_by} {self.run.quoted}"
        if network.made_by == "pretrain":  # what was typed knows every option that was set
            typed = [line for line in self.commands if line.startswith("offpath ")]
            command = (typed or [f"offpath pretrain --recipe {c.recipe} --seed {c.seed}"])[0]
        return Missing(f"the training of the network “{network.title}”", command)

    def facts(
        self, model: str, test_data: str, metric: str, *draws: type[Result], training: str = ""
    ) -> dict[str, str]:
        """What every caption gives; `draws` are the files behind it, metrics if there is none."""
        c = self.run.configuration
        trained = any(network.training for network in self.networks)
        seeds = f"{c.seed} for weights and training examples, " if trained else ""
        return {
            "Model": model,
            "Training data": training or self.training_data,
            "Test data": test_data,
            "Metric": metric,
            "Seeds": f"{seeds}{c.evaluate.seed} for evaluation sets",
            "Made by": f"offpath report {self.run.quoted}",
            "Draws": ", ".join(f"results/{kind.file}.json" for kind in draws) or "metrics.jsonl",
        }

    @property
    def everyone(self) -> str:
        """All predictors of the test matrix, in words."""
        return "all networks and rules" if self.trains else "the circuit and the rules"

    @property
    def training_data(self) -> str:
        """The training data of the run's networks, in words."""
        c = self.run.configuration
        if not self.trains:
            return "none: handcrafted weights"
        before = f"target 2, graphs of 3 to {c.graphs.max_vertices} vertices"
        before = "elsewhere, the weights were imported" if c.imported else before
        after = f"targets on a shortest path, 3 to {c.graphs.finetune_vertices} vertices"
        return f"pre-training: {before}" + (f"; fine-tuning: {after}" if c.finetune else "")


def story(run: Run) -> Story:
    """Everything that a run folder has to show."""
    there = {kind: read_result(run, kind) for kind in RESULTS if run.result(kind.file).exists()}
    lines = [Logged(*(line[name] for name in Logged._fields)) for line in read_metrics(run)]
    return Story(run, lines, there, [session["command"] for session in sessions(run)])


def text_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str | Sequence[str]]]
) -> Table:
    """A table of text: the first of each row is its title, and a list stands in small boxes."""
    body = [
        TableRow(
            str(first),
            [Entry([text]) if isinstance(text, str) else Entry(text, boxes=True) for text in texts],
        )
        for first, *texts in rows
    ]
    return Table(title, columns, body)


def predictor_keys(matrix: Matrix, names: Sequence[str]) -> dict[str, Key]:
    """Title, colour and shape, by name, of those predictors that the matrix has, as ordered."""
    titles = {row.predictor: row.title for row in matrix.predictors}
    known = [name for name in names if name in titles]
    shapes = [SHAPES[i % len(SHAPES)] for i in range(len(known))]
    return {n: Key(titles[n], colour(n), shape) for n, shape in zip(known, shapes, strict=True)}


def score_entry(scores: Scores | None, *more: str) -> Entry | None:
    """Accuracy, which colours it, squared error with interval, R2, and more lines."""
    if scores is None:
        return None
    accuracy, mse = words.percent(scores.accuracy), words.significant(scores.mse)
    ends, r2 = words.error_interval(scores), words.r_squared(scores.r2)
    lines = [accuracy, f"MSE{words.NO_BREAK}{mse}", ends]
    lines += [f"R²{words.NO_BREAK}{r2}"] if scores.r2 is not None else []
    hover = (
        f"accuracy {accuracy} ({words.accuracy_interval(scores)}), MSE {mse} ({ends}), "
        f"R² {r2}, {words.thousands(scores.count)} examples"
    )
    return Entry([*lines, *more], scores.accuracy, hover)
