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
    console: Console, headers: Sequence[str], rows: Sequence[Sequence[str]], folds: str = ""
) -> None:
    """Print rows below headers; the column `folds` takes as many lines as it needs."""
    widths = [
        LEAST_FOLDED if column[0] == folds else max(map(len, column))
        for column in zip(headers, *rows, strict=True)
    ]
    if sum(widths) + 3 * len(widths) > console.width:
        for row in rows:
            facts = [f"{header} {text}" for header, text in zip(headers, row, strict=True) if text]
            console.print(Text(", ".join(facts)), "", sep="\n")
        return
    table = Table(box=SIMPLE_HEAD)
    for header in headers:
        table.add_column(header, no_wrap=header != folds)
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)
