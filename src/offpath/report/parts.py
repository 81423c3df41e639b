"""The parts a report is made of, and what a run folder has to fill them with.

In: a run folder, finished or not. Out: its results and metrics, and figures with their captions.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from markupsafe import Markup

from offpath.networks import Network, networks
from offpath.report import words
from offpath.report.words import asset, filled
from offpath.results import Matrix, Result, Scores, read_result, results_of
from offpath.run.folder import Run, sessions
from offpath.run.metrics import read_metrics

R = TypeVar("R", bound=Result)
Spec = dict[str, Any]  # a part of a chart, in Vega-Lite's words
SHAPES = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down")


def property_name(name: str) -> str:
    """The property of the style sheet that holds a colour."""
    return f"--{re.sub('[^a-z0-9]+', '-', name)}"


def colour(name: str) -> str:
    """The style sheet's colour of a network, rule or part of the page: it knows light and dark."""
    return f"var({property_name(name)})"


class Key(NamedTuple):
    """A series of a chart, and its entry in the legend."""

    title: str
    colour: str
    shape: str = "line"  # one of `SHAPES`, ring, line, dashed or dotted
    distance: bool = False  # whether it stands for a true distance, which the page can single out


class Chart(NamedTuple):
    """A chart with its own title and a line beneath it, which may be empty."""

    chart: Spec
    title: str = ""
    text: str = ""


class Entry(NamedTuple):
    """One entry of a table: lines of text, the first of which stands out."""

    lines: Sequence[str]
    share: float | None = None  # 0 to 1: how strongly the page colours it, or the length of a bar
    tick: float | None = None  # 0 to 1: a mark beside that bar
    hover: str = ""  # what the page shows under the pointer
    boxes: bool = False  # whether each line is a small box of its own on the page
    group: str = ""  # by which the page marks the entry: above, below
    numbers: Mapping[str, float | int] | None = (
        None  # what a file of the table gets in place of lines
    )


class TableRow(NamedTuple):
    """A row, in which None is a dash; a gap parts rows of different groups."""

    title: str
    entries: Sequence[Entry | None]
    group: str = ""
    note: str = ""


class Table(NamedTuple):
    """A table for the page or the terminal; the first column has the titles of the rows."""

    title: str
    columns: Sequence[str]  # heads, with a second line or without
    rows: Sequence[TableRow]
    look: str = (
        "plain"  # narrow (wraps on a small screen), unbroken, heat (colours), headline (bars)
    )


class Missing(NamedTuple):
    """A network or a result that is not there, and the command that makes it."""

    part: str
    command: str


@dataclass(frozen=True)
class Figure:
    """Charts and tables with the caption that they share."""

    title: str
    text: str
    facts: dict[str, str]  # model, data, metric, seeds and the command that makes the figure
    layout: str  # stack, grid, pairs or wide
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()  # heat tables after the first are folded away
    legend: Sequence[Key] = ()

    def can(self, use: str) -> bool:
        """Whether a chart of the figure can `zoom`, or has a logarithmic axis (`log`)."""
        return any(chart.chart.get("usermeta", {}).get(use) for chart in self.charts)


class Formula(NamedTuple):
    """A formula and what it gives, in words."""

    words: str
    mathml: Markup  # made by `formula`, whose values are escaped


@dataclass(frozen=True)
class Section:
    """A heading of the table of contents and what stands under it; one without title is not shown.

    `title` and `text` may stand in `assets/captions.toml`: `text` then follows that text. The page
    folds all figures but the first.
    """

    figures: Sequence[Figure] = ()
    text: str = ""
    headline: Table | None = None
    statement: str = ""
    terms: Sequence[tuple[str, str]] = ()
    formulas: Sequence[Formula] = ()
    anchor: str = ""
    title: str = ""


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
    commands: Sequence[str] = ()  # of the sessions so far

    def get(self, kind: type[R]) -> R | None:
        """A result, or None if it is not there yet."""
        return self.results.get(kind)

    @property
    def networks(self) -> list[Network]:
        """Everything that the run trains or handcrafts."""
        return networks(self.run.configuration)

    @property
    def base_networks(self) -> list[Network]:
        """The same without interventions, which may be many."""
        return [one for one in self.networks if not one.intervention]

    @property
    def trains(self) -> bool:
        """Whether the run pre-trains a network, not only a handcrafted one."""
        return any(network.made_by == "pretrain" for network in self.networks)

    @property
    def learns(self) -> bool:
        """Whether the run trains anything, be it a handcrafted network."""
        return any(network.training for network in self.networks)

    def missing(self, *kinds: type[Result]) -> list[Missing]:
        """Those of the results that are not there, and how to make them."""
        return [self.gap(kind) for kind in kinds if kind not in self.results]

    def gap(self, kind: type[Result]) -> Missing:
        """How to make a result."""
        return Missing(kind.title, f"offpath {kind.verb} {self.run.quoted}")

    def gaps(self) -> list[Missing]:
        """Everything that the run does not have yet."""
        return [*self.untrained(), *self.missing(*results_of(self.run.configuration))]

    def untrained(self) -> list[Missing]:
        """Networks whose training has not started, and how to start it."""
        c, there = self.run.configuration, {line.network for line in self.metrics}
        there |= {"pretrained"} if c.imported else set()
        typed = [line for line in self.commands if line.startswith("offpath ")]
        commands = {  # what was typed knows every option that was set
            "pretrain": [*typed, f"offpath pretrain --recipe {c.recipe} --seed {c.seed}"][0],
            "finetune": f"offpath finetune {self.run.quoted}",
        }
        return [
            Missing(f"the training of the network “{one.title}”", commands[one.made_by])
            for one in self.networks
            if one.training and one.name not in there
        ]

    def heading(self, section: str) -> tuple[str, str]:
        """Title and text of a section."""
        texts = asset("captions").get(section, {"title": section})
        return texts["title"], filled(texts.get("text", ""), self._words)

    def caption(self, place: str, **words: object) -> tuple[str, str, dict[str, str], str]:
        """Title, text, facts and layout of the figure SECTION.FIGURE."""
        return caption(place, self._words | words)

    @property
    def _words(self) -> dict[str, object]:
        results = {kind.file: result for kind, result in self.results.items()}
        run = {"run": self.run, "c": self.run.configuration}
        return {**run, **results, "trains": self.trains, "learns": self.learns}


def story(run: Run) -> Story:
    """Everything that a run folder has to show."""
    kinds = results_of(run.configuration)
    there = {kind: read_result(run, kind) for kind in kinds if run.result(kind.file).exists()}
    lines = [Logged(*(line[name] for name in Logged._fields)) for line in read_metrics(run)]
    return Story(run, lines, there, [session["command"] for session in sessions(run)])


def caption(place: str, known: Mapping[str, object]) -> tuple[str, str, dict[str, str], str]:
    """Title, text, facts and layout of the figure SECTION.FIGURE, filled with what is known."""
    section, figure = place.split(".")
    whole = asset("captions")
    texts = whole["default"] | whole[section] | whole[section][figure]
    known = {**known, "shown": {n: filled(text, known) for n, text in whole["shown"].items()}}
    facts = {n: filled(text, known) for n, text in texts.items() if isinstance(text, str)}
    return facts.pop("title"), facts.pop("text"), facts, facts.pop("layout")


def formula(name: str, known: Mapping[str, object]) -> Formula:
    """The formula of `assets/formulas.toml`, filled with what is known."""
    texts = asset("formulas")[name]
    inner = filled(texts["mathml"], known, markup=True)
    return Formula(filled(texts["words"], known), Markup(f'<math display="block">{inner}</math>'))


def text_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str | Sequence[str]]]
) -> Table:
    """A table of text: the first of each row is its title, and a list stands in small boxes."""
    body = []
    for first, *texts in rows:
        entries = [Entry([t]) if isinstance(t, str) else Entry(t, boxes=True) for t in texts]
        body.append(TableRow(str(first), entries))
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
    return Entry([*lines, *more], scores.accuracy, hover=hover, numbers=numbers(scores))


def numbers(scores: Scores) -> dict[str, float | int]:
    """The numbers of some scores, with four significant digits."""
    known = scores.model_dump(include=set(Scores.model_fields), exclude_none=True)
    return {
        name: value if name == "count" else float(f"{value:.4g}") for name, value in known.items()
    }
