"""The comparison with the study as tables and lines for the terminal, 80 columns wide.

In: the record that `report.study` makes. Out: what rich prints.
"""

import re
import textwrap
from collections.abc import Iterator
from typing import NamedTuple

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from offpath.generalize.published import QUANTITIES
from offpath.report.cells import error_interval, explained, percent_interval, significant
from offpath.report.study_words import (
    hidden_sentences,
    mixture_sentence,
    origin_sentences,
    stratum,
)
from offpath.run.files import Record

LONGEST_TITLE = 18  # columns of a terminal
LONGEST_NAME = 10  # of the line of a run's name
MEASURED = 1000  # more than any table is wide


class Words(NamedTuple):
    """Text that breaks at plain spaces only, where rich would break at no-break ones too."""

    text: str

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        """Lines as wide as there is room for."""
        width = options.max_width
        yield Text("\n".join(textwrap.wrap(self.text, width, break_on_hyphens=False)), no_wrap=True)


class Widest(NamedTuple):
    """The first of two tables if it fits, the second otherwise."""

    wide: Table
    narrow: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table]:
        """The table that there is room for."""
        needed = Measurement.get(console, options.update(max_width=MEASURED), self.wide).maximum
        yield self.wide if needed <= options.max_width else self.narrow


def study_view(compared: Record) -> RenderableType:
    """The eight quantities of all runs, then for each run where it differs, and its strata."""
    names = _names(compared)
    tables = (_quantities(compared, names, between) for between in ("–", "–\n"))
    return Group(Widest(*tables), *_each_run(compared, names))


def folded(name: str, width: int) -> str:
    """A name in lines of at most `width` letters, broken behind -, _ or /.

    >>> folded("laptop-a6e9c2c6-seed0", 10)
    'laptop-\\na6e9c2c6-\\nseed0'
    """
    lines = [""]
    for part in re.findall(rf"[^-_/]{{1,{width - 1}}}[-_/]?|[-_/]", name):
        fits = len(lines[-1]) + len(part) <= width
        lines = [*lines[:-1], lines[-1] + part] if fits else [*lines, part]
    return "\n".join(lines)


def _names(compared: Record) -> list[str]:
    """What to call each run: its name, and its folder where two have the same."""
    names = [run["run"] for run in compared["runs"]]
    return [
        run["folder"] if names.count(run["run"]) > 1 else run["run"] for run in compared["runs"]
    ]


def _quantities(compared: Record, names: list[str], between: str) -> Table:
    """The published figures and those of all runs, the ends of an interval set apart that way."""
    table = _table("Mean squared errors; of the runs with 95 % intervals")
    table.add_column("", max_width=LONGEST_TITLE)
    table.add_column("published", justify="right")
    table.add_column("re-measured on the\npublished weights", justify="right")
    for name in names:
        table.add_column(folded(name, LONGEST_NAME), justify="right", overflow="fold")
    found = [{q["quantity"]: q for q in run["quantities"]} for run in compared["runs"]]
    for quantity in QUANTITIES:
        table.add_row(
            Text(quantity.title, style="bold"),
            quantity.published,
            "\n".join(map(str, quantity.remeasured)),
            *(_error(one.get(quantity.quantity), between) for one in found),
        )
        table.add_row()
    return table


def _error(found: Record | None, between: str) -> Text:
    if found is None:
        return Text("–", style="dim")
    ends = error_interval(found, between)
    return Text.assemble((significant(found["mse"]), "bold"), "\n", (ends, "dim"))


def _each_run(compared: Record, names: list[str]) -> Iterator[RenderableType]:
    yield Words(mixture_sentence())
    told: dict[tuple[str, ...], str] = {}
    for name, run in zip(names, compared["runs"], strict=True):
        yield Padding(Text(name, style="bold", overflow="fold"), (1, 0, 0, 0))
        origin = tuple(origin_sentences(run, named=True))
        first = told.setdefault(origin, name)
        origin = origin if first == name else (f"The same configuration as {first}.",)
        for sentence in (*origin, *hidden_sentences(run)):
            yield Padding(Words(sentence), (0, 0, 0, 2))
        yield Padding(_strata(run), (1, 0, 0, 0))


def _strata(run: Record) -> Table:
    """Every quantity of a run, pooled and by stratum."""
    table = _table("By stratum: shares of examples and squared error; scores with 95 % intervals")
    table.add_column("", max_width=LONGEST_TITLE)
    for header in ("exam-\nples\n%", "\nerror\n%", "\n\nMSE", "\n\n95 % interval"):
        table.add_column(header, justify="right")
    for header in ("accu-\nracy\n%", "\n95 %\ninterval", "\n\nR²"):
        table.add_column(header, justify="right")
    titles = {quantity.quantity: quantity.title for quantity in QUANTITIES}
    for quantity in run["quantities"]:
        whole = {"share_of_examples": 1.0, "share_of_error": 1.0, **quantity}
        table.add_row(Text(titles[quantity["quantity"]], style="bold"), *_scores(whole))
        for part in quantity["strata"]:
            table.add_row(f"  {stratum(part).title}", *_scores(part))
        table.add_section()
    return table


def _scores(found: Record) -> list[Text]:
    error = found["share_of_error"]
    return [
        Text(f"{100 * found['share_of_examples']:.1f}"),
        Text("–" if error is None else f"{100 * error:.1f}"),
        Text(significant(found["mse"]), style="bold"),
        Text(error_interval(found), style="dim"),
        Text(f"{100 * found['accuracy']:.1f}", style="bold"),
        Text(percent_interval(found["accuracy_low"], found["accuracy_high"]), style="dim"),
        Text(explained(found["r2"])),
    ]


def _table(title: str) -> Table:
    return Table(
        title=title,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        padding=0,
        show_edge=False,
        pad_edge=False,
    )
