"""What all charts share: the colours, and the box they stand in.

Colours are names of the page's style sheet (`var(--finetuned)`): the page turns from light to dark
without drawing anything anew, and writes the legends itself.
"""

from collections.abc import Sequence
from typing import TypeVar

import altair as alt

from offpath.report.cells import label_title
from offpath.runs import Record


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


def row_chart(rows: Sequence[Record]) -> alt.Chart:
    """A chart of rows, with nothing drawn yet."""
    return alt.Chart(alt.Data(values=list(rows)))


Boxed = TypeVar("Boxed", alt.Chart, alt.LayerChart)


def boxed(chart: Boxed, description: str, height: int) -> Boxed:
    """The chart, as wide as the box that it will stand in."""
    return chart.properties(
        width="container",
        height=height,
        description=description,
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
    )
