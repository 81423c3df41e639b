"""The section on strata: accuracy by what is asked for, and by true distance."""

from collections.abc import Mapping, Sequence

import altair as alt

from offpath.report.marks import DISTANCES, GROUPS, Axis, Frame, Row, intervals, share_axis
from offpath.report.parts import Chart, Figure, Key, Section, Story, Table, predictor_keys
from offpath.report.sections.matrix import slice_table
from offpath.report.words import accuracy_interval
from offpath.results import Matrix, Scores
from offpath.slices import ANY_TARGET, ISOLATION, SPLIT_STRATA, Slice

ACCURACY_WORDS = {
    "predictor": "series",
    "examples of": "slice",
    "accuracy": "accuracy .1%",
    "95 % interval": "interval",
    "examples": "count",
}


def section(story: Story) -> Section:
    """Every predictor by stratum and by distance, on test e and on the other distributions."""
    matrix = story.get(Matrix)
    anchor, title = "strata", "By stratum and by distance"
    if matrix is None:
        return Section(anchor, title, missing=story.missing(Matrix))
    slices, distances = (*SPLIT_STRATA, *ISOLATION), matrix.distances()
    facts = story.facts(
        story.everyone,
        "test e, then the other distributions (folded)",
        "accuracy, MSE, R² against the best constant of the same cell",
        Matrix,
    )
    by_slice, by_label = _tables(matrix, slices), _tables(matrix, distances)
    by_stratum = Figure(
        "By stratum",
        "The last two columns cut the same examples another way: does any edge touch the target?",
        facts,
        tables=by_slice[:1],
        more_tables=by_slice[1:],
    )
    by_distance = Figure(
        "By true distance",
        "Within one distance there is no constant to compare with, so R² is left out.",
        facts | {"Metric": "accuracy, MSE"},
        tables=by_label[:1],
        more_tables=by_label[1:],
    )
    keys = predictor_keys(matrix, [*compared(story), *["circuit"] * story.trains])
    chart = Figure(
        "Accuracy by true distance",
        "The same on test e, with 95 % intervals (Wilson).",
        facts | {"Test data": "test e: any target", "Metric": "accuracy"},
        charts=[Chart(_distance_chart(matrix, distances, keys))],
        legend=list(keys.values()),
    )
    terms = [(where.title, where.meaning) for where in slices]
    text = "Each stratum leaves the training data in its own way:"
    if not story.trains:
        text = "The strata are those by which trained networks are judged:"
    return Section(anchor, title, text, [by_stratum, chart, by_distance], terms=terms)


def _tables(matrix: Matrix, slices: Sequence[Slice]) -> list[Table]:
    """Test e, then the other distributions."""
    worlds = sorted((row.world for row in matrix.worlds), key=lambda world: world != ANY_TARGET)
    return [slice_table(matrix, world, slices) for world in worlds]


def compared(story: Story) -> list[str]:
    """The fine-tuned network and what to compare it with; the circuit, if nothing was trained."""
    if not story.trains:
        return ["circuit", "constant", "distance_to_2"]
    own = [n.name for n in story.networks if n.training and n.starts_from != "circuit"]
    return [*sorted(own, key=lambda name: name != "finetuned"), "distance_to_2"]


def accuracy_rows(
    matrix: Matrix, world: str, slices: Sequence[Slice], keys: Mapping[str, Key]
) -> list[Row]:
    """The accuracy of each predictor on each slice, with its interval."""
    return [
        accuracy_row(key.title, where, cell)
        for where in slices
        for name, key in keys.items()
        if (cell := matrix.cell(name, world, where))
    ]


def accuracy_row(series: str, where: Slice, cell: Scores) -> Row:
    """One accuracy with its interval, for a chart."""
    place = {"series": series, "slice": where.title, "count": cell.count}
    ends = {"low": cell.accuracy_low, "high": cell.accuracy_high}
    interval = f"{accuracy_interval(cell)} %"
    return {**place, "accuracy": cell.accuracy, **ends, "interval": interval}


def strata_frame(rows: Sequence[Row], title: str) -> Frame:
    """Slices down, accuracy across."""
    slices = {row["slice"] for row in rows}
    series = {row["series"] for row in rows}
    name = f"Accuracy of {len(series)} predictors on {len(slices)} strata of {title}"
    axis = {"labelLimit": 140, "domain": False}
    y = Axis("slice", kind="N", scale=GROUPS, axis=axis)
    return Frame(name, 18 * len(slices) * len(series), share_axis("accuracy"), y, ACCURACY_WORDS)


def _distance_chart(
    matrix: Matrix, distances: Sequence[Slice], keys: dict[str, Key]
) -> alt.LayerChart:
    rows = accuracy_rows(matrix, ANY_TARGET, distances, keys)
    x = Axis("slice", "true distance", "N", scale=GROUPS, axis=DISTANCES)
    name = f"Accuracy of {len(keys)} predictors on test e by true distance"
    return intervals(
        rows, list(keys.values()), Frame(name, 280, x, share_axis("accuracy"), ACCURACY_WORDS)
    )
