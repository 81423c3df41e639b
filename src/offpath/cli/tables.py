"""Tables for terminals of every width: nothing of the data is cut away.

The column that holds the data folds; where even that leaves no room, each row is a paragraph.
"""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

LEAST_FOLDED = 15  # columns of the terminal that the folding column keeps


def show_table(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    title: str,
    legend: str = "",
    *,
    folds: str = "",
) -> None:
    """Print rows between a title and a legend; the column `folds` takes the lines it needs."""
    console = Console(highlight=False)
    console.print(Text(title))
    columns = list(zip(headers, *rows, strict=True))
    widths = [LEAST_FOLDED if c[0] == folds else max(map(len, c)) for c in columns]
    if sum(widths) + 3 * len(widths) + 1 <= console.width:
        table = Table(box=SIMPLE_HEAD)
        for header in headers:
            table.add_column(header, no_wrap=header != folds)
        for row in rows:
            table.add_row(*map(Text, row))
        console.print(table)
    else:
        for row in rows:
            facts = [f"{header} {text}" for header, text in zip(headers, row, strict=True) if text]
            console.print(Text(", ".join(facts)), "", sep="\n")
    if legend:
        console.print(Text(legend, style="dim"))
