"""The test matrix as tables for the terminal.

In: a run with `results/matrix.json`. Out: rich tables that fit into 80 columns: the two ends of an
interval stand below each other, and so do the words of a header.
"""

from collections.abc import Callable, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from offpath.report.cells import (
    ANY_TARGET,
    KINDS,
    STRATA,
    Slice,
    cell,
    error_interval,
    grouped,
    ordered_predictors,
    percent,
    percent_interval,
    significant,
    slice_count,
)
from offpath.run.files import Record
from offpath.run.folder import Run, read_result

LONGEST_TITLE = 13  # columns of a terminal; a longer title goes on in the next line


def matrix_table(run: Run) -> Table:
    """Every predictor on every distribution: accuracy, MSE and its 95 % interval."""
    matrix = read_result(run, "matrix")
    return _table(
        matrix,
        title=f"{run.configuration.run_name}: accuracy, MSE, its 95 % interval",
        headers=[world["title"].replace("-", "-\n") for world in matrix["worlds"]],
        texts=lambda predictor: [
            _error_text(cell(matrix, predictor, world["world"])) for world in matrix["worlds"]
        ],
    )


def strata_table(run: Run) -> Table:
    """Every predictor on every stratum of test e: accuracy and its 95 % interval (Wilson)."""
    matrix = read_result(run, "matrix")
    return _table(
        matrix,
        title=f"{run.configuration.run_name}: accuracy on test e, its 95 % interval, by stratum",
        headers=[_stratum_header(matrix, where) for where in STRATA],
        texts=lambda predictor: [
            _accuracy_text(cell(matrix, predictor, ANY_TARGET, where)) for where in STRATA
        ],
    )


def _table(
    matrix: Record, title: str, headers: Sequence[str], texts: Callable[[str], list[Text]]
) -> Table:
    """Predictors as rows: trained ones, those set by hand, rules."""
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", padding=0)
    table.add_column("", max_width=LONGEST_TITLE)
    for header in headers:
        table.add_column(header, justify="right")
    for kind in KINDS:
        for row in (p for p in ordered_predictors(matrix) if p["kind"] == kind):
            table.add_row(Text(row["title"], style="bold"), *texts(row["predictor"]))
            table.add_row()
        table.add_section()
    return table


def _error_text(found: Record | None) -> Text:
    if found is None:
        return Text("–", style="dim")
    ends = error_interval(found, between="–\n")
    accuracy, error = percent(found["accuracy"]), significant(found["mse"])
    return Text.assemble((accuracy, "bold"), f"\n{error}\n", (ends, "dim"))


def _accuracy_text(found: Record | None) -> Text:
    if found is None:
        return Text("–", style="dim")
    ends = percent_interval(found["accuracy_low"], found["accuracy_high"]).replace("–", "–\n")
    return Text.assemble((percent(found["accuracy"]), "bold"), "\n", (ends, "dim"))


def _stratum_header(matrix: Record, where: Slice) -> str:
    words = where.title.replace(" ", "\n")
    return f"{words}\nn {grouped(slice_count(matrix, ANY_TARGET, where))}"
