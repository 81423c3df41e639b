"""The section on strata: accuracy by what is asked for, and by true distance."""

from collections.abc import Mapping, Sequence

from offpath.report.marks import DISTANCES, GROUPS, Frame, Row, intervals, name_axis, share_axis
from offpath.report.parts import Chart, Figure, Key, Section, Story, predictor_keys
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


def section(story: Story, matrix: Matrix) -> Section:
    """Every predictor by stratum and by distance, on test e and on the other distributions."""
    slices, distances = (*SPLIT_STRATA, *ISOLATION), matrix.distances()
    keys = predictor_keys(matrix, [*compared(story), *["circuit"] * story.trains])
    worlds = sorted((row.world for row in matrix.worlds), key=lambda world: world != ANY_TARGET)
    by_slice, by_distance = (
        [slice_table(matrix, world, part) for world in worlds] for part in (slices, distances)
    )
    rows, y = accuracy_rows(matrix, distances, keys), share_axis("accuracy")
    x = name_axis("slice", "true distance", GROUPS, **DISTANCES)
    name = f"Accuracy of {len(keys)} predictors on test e by true distance"
    legend = list(keys.values())
    chart = Chart(intervals(rows, legend, Frame(name, 280, x, y, ACCURACY_WORDS)))
    figures = [
        Figure(*story.caption("strata.tables"), tables=by_slice[:1], more_tables=by_slice[1:]),
        Figure(*story.caption("strata.distance_chart"), charts=[chart], legend=legend),
        Figure(
            *story.caption("strata.distances"), tables=by_distance[:1], more_tables=by_distance[1:]
        ),
    ]
    return Section(figures, terms=[(where.title, where.meaning) for where in slices])


def compared(story: Story) -> list[str]:
    """The fine-tuned network and what to compare it with; the circuit, if nothing was trained."""
    if not story.trains:
        return ["circuit", "constant", "distance_to_2"]
    own = [n.name for n in story.networks if n.training and n.starts_from != "circuit"]
    return [*sorted(own, key=lambda name: name != "finetuned"), "distance_to_2"]


def accuracy_rows(matrix: Matrix, slices: Sequence[Slice], keys: Mapping[str, Key]) -> list[Row]:
    """The accuracy of each predictor on each slice of test e, with its interval."""
    return [
        accuracy_row(key.title, where, cell)
        for where in slices
        for name, key in keys.items()
        if (cell := matrix.cell(name, ANY_TARGET, where))
    ]


def accuracy_row(series: str, where: Slice, cell: Scores) -> Row:
    """One accuracy with its interval, for a chart."""
    place = {"series": series, "slice": where.title, "count": cell.count}
    ends = {"low": cell.accuracy_low, "high": cell.accuracy_high}
    interval = f"{accuracy_interval(cell)} %"
    return {**place, "accuracy": cell.accuracy, **ends, "interval": interval}


def strata_chart(rows: Sequence[Row], keys: Sequence[Key]) -> Chart:
    """Slices of test e down, accuracy across."""
    slices, series = ({row[field] for row in rows} for field in ("slice", "series"))
    name = f"Accuracy of {len(series)} predictors on {len(slices)} strata of test e"
    y = name_axis("slice", None, GROUPS, labelLimit=140, domain=False)
    height = 18 * len(slices) * len(series)
    frame = Frame(name, height, share_axis("accuracy"), y, ACCURACY_WORDS)
    return Chart(intervals(rows, keys, frame))
