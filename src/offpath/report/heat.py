"""The test matrix as tables for the page: in each cell its numbers, and a share to colour it by."""

from collections.abc import Sequence
from typing import NamedTuple

from offpath.report.cells import (
    POOLED,
    Slice,
    cell,
    error_interval,
    explained,
    grouped,
    ordered_predictors,
    percent,
    percent_interval,
    significant,
    slice_count,
)
from offpath.run.files import Record


class HeatCell(NamedTuple):
    """The numbers of one cell as the page writes them."""

    share: float
    """Accuracy, 0 to 1: the strength of the colour."""
    accuracy: str
    accuracy_interval: str
    error: str
    error_interval: str
    explained: str
    """R2 against the best constant of the same cell."""
    examples: str
    weight: Sequence[str] = ()
    """Lines on how much of the whole the cell is."""


class HeatRow(NamedTuple):
    """One predictor."""

    predictor: str
    title: str
    kind: str
    cells: list[HeatCell | None]


class HeatTable(NamedTuple):
    """Predictors down; distributions, strata or distances across."""

    title: str
    columns: list[tuple[str, str]]
    """Title and number of examples, empty where rows differ in it."""
    rows: list[HeatRow]


def world_table(matrix: Record) -> HeatTable:
    """Every predictor on every distribution, all examples pooled."""
    places = [(world["title"], world["world"], POOLED) for world in matrix["worlds"]]
    return _heat_table(matrix, "All distributions", places)


def slice_table(matrix: Record, world: Record, slices: Sequence[Slice]) -> HeatTable:
    """Every predictor on those slices of one distribution that have examples."""
    places = [(where.title, world["world"], where) for where in slices]
    return _heat_table(
        matrix, world["title"], [p for p in places if slice_count(matrix, p[1], p[2])]
    )


def _heat_table(matrix: Record, title: str, places: Sequence[tuple[str, str, Slice]]) -> HeatTable:
    rows = [
        HeatRow(
            row["predictor"],
            row["title"],
            row["kind"],
            [heat_cell(cell(matrix, row["predictor"], *place[1:])) for place in places],
        )
        for row in ordered_predictors(matrix)
    ]
    columns = [(name, grouped(slice_count(matrix, world, where))) for name, world, where in places]
    return HeatTable(title, columns, rows)


def heat_cell(found: Record | None, weight: Sequence[str] = ()) -> HeatCell | None:
    """A cell of the matrix as the page writes it."""
    if found is None:
        return None
    return HeatCell(
        share=found["accuracy"],
        accuracy=percent(found["accuracy"]),
        accuracy_interval=percent_interval(found["accuracy_low"], found["accuracy_high"]),
        error=significant(found["mse"]),
        error_interval=error_interval(found),
        explained=explained(found["r2"]),
        examples=grouped(found["count"]),
        weight=weight,
    )
