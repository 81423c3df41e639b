"""What all charts share: the colours, and the box they stand in.

Colours are names of the page's style sheet (`var(--finetuned)`): the page turns from light to dark
without drawing anything anew, and writes the legends itself.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, TypeVar

import altair as alt

from offpath.report.cells import label_title
from offpath.run.files import Record


def colour(name: str) -> str:
    """The style sheet's colour of a predictor, a stage of training, or `ink`, `muted`, `bar`."""
    return f"var(--{name.replace('_', '-')})"


def label_colours(max_vertices: int) -> dict[str, str]:
    """A colour for each true distance, from near to far, and a grey for "no path"."""
    colours = {}
    for label in range(1, max_vertices):
        place = 2 * (label - 1) / max(1, max_vertices - 2)  # 0 near, 1 middle, 2 far
        ends = ("middle", "near") if place <= 1 else ("far", "middle")
        share = round(100 * (place if place <= 1 else place - 1))
        mixed = f"color-mix(in oklch, {colour(ends[0])} {share}%, {colour(ends[1])})"
        colours[label_title(label, max_vertices)] = mixed
    return {**colours, label_title(max_vertices, max_vertices): colour("no_path")}


POWERS = [10.0**power for power in range(-18, 19)]
"""The only grid lines of a logarithmic axis."""

POWER_WORDS = (
    "datum.value < 0.001 || datum.value > 10000 "
    "? '1e' + format(round(log(datum.value) / LN10), 'd') : format(datum.value, '~g')"
)
"""A power of ten in few letters, so that a narrow axis has room for it."""

Point = TypeVar("Point")


def thinned(points: Sequence[Point], most: int) -> list[Point]:
    """At most `most` points evenly from all, the first and the last among them.

    >>> thinned([0, 1, 2, 3, 4, 5, 6], 3)
    [0, 3, 6]
    """
    if len(points) <= most:
        return list(points)
    return [points[round(i * (len(points) - 1) / (most - 1))] for i in range(most)]


def log_loss(field: str = "loss", within: Sequence[int | float | None] = ()) -> alt.Y:
    """An error on a logarithmic axis, its ends the powers of ten around `within` if that is given.

    Charts above each other stand in line, for the axes of all are equally wide.
    """
    powers = [math.log10(value) for value in within if value and value > 0]
    ends = [10.0 ** math.floor(min(powers)), 10.0 ** math.ceil(max(powers))] if powers else None
    return alt.Y(
        f"{field}:Q",
        title="mean squared error",
        scale=alt.Scale(type="log", domain=ends or alt.Undefined),
        axis=alt.Axis(labelExpr=POWER_WORDS, values=POWERS, minExtent=48, maxExtent=48),
    )


def steps_axis(first: int, last: int) -> alt.X:
    """Steps from `first`, above 0, to `last` on a logarithmic axis that charts can share."""
    return alt.X(
        "step:Q",
        title="step",
        scale=alt.Scale(
            type="log",
            domain=[first / 1.06, 1.06 * max(last, first + 1)],  # marks at the ends stay inside
            nice=False,
        ),
        axis=alt.Axis(tickCount=6, format="~d", labelOverlap="greedy"),
    )


def layers(*charts: alt.Chart | None) -> alt.LayerChart:
    """Charts on top of each other, the first at the bottom; None is no chart."""
    return alt.LayerChart(layer=[chart for chart in charts if chart is not None])


def row_chart(rows: Sequence[Record]) -> alt.Chart:
    """A chart of rows, with nothing drawn yet."""
    return alt.Chart(alt.Data(values=Rows(rows)))


Boxed = TypeVar("Boxed", alt.Chart, alt.LayerChart)


def boxed(chart: Boxed, description: str, height: int) -> Boxed:
    """The chart, as wide as the box that it will stand in."""
    return chart.properties(
        width="container",
        height=height,
        description=description,
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
    )


class Rows:
    """Data of a chart that Altair hands on as they are; it would look at each number in turn.

    In the form of what Altair calls schema-like.
    """

    _schema: ClassVar[dict[str, Any]] = {"type": "array"}

    def __init__(self, rows: Iterable[Record]) -> None:
        self._rows = list(rows)

    def to_dict(self) -> list[Record]:
        """The rows."""
        return self._rows
