"""Five marks, each one function from rows to a chart: intervals, curves, bars, density, graph.

In: rows of numbers and words, the keys of the legend, the frame with both axes. A row's `series` is
the title of its key. Out: Altair charts. Colours are names of the page's style sheet
(`var(--finetuned)`): the page turns from light to dark without drawing anything anew.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import altair as alt

from offpath.report.parts import SHAPES, Key, colour
from offpath.slices import label_title

Row = Mapping[str, Any]
DASHES = {"dashed": [5, 3], "dotted": [2, 3]}
POWERS = [10.0**power for power in range(-18, 19)]
POWER_WORDS = (
    "datum.value < 0.001 || datum.value > 10000 "
    "? '1e' + format(round(log(datum.value) / LN10), 'd') : format(datum.value, '~g')"
)
LOG_AXIS = {"labelExpr": POWER_WORDS, "values": POWERS}
"""Grid lines at powers of ten alone, in few letters, so that a narrow axis has room for them."""
IN_LINE = {"minExtent": 48, "maxExtent": 48}
"""Charts above each other stand in line, for the axes of all are equally wide."""


class Axis(NamedTuple):
    """A field of the rows along x or y; scale and axis are in Vega-Lite's words."""

    field: str
    title: str | None = None
    kind: str = "Q"
    """Q for numbers, N for names."""
    until: str = ""
    """The field where a bar or bin ends."""
    scale: Mapping[str, Any] = {}
    axis: Mapping[str, Any] | None = {}


class Frame(NamedTuple):
    """What a chart stands in."""

    name: str
    """What is drawn, for those who do not see it."""
    height: int
    x: Axis
    y: Axis
    words: Mapping[str, str] = {}
    """What the pointer shows: a title, and a field with or without a format ("loss .3g")."""
    level: tuple[float, Key] | None = None
    """A line across, at this value of y."""
    band: tuple[float, float] | None = None
    """A shaded part of x."""


def share_axis(field: str, title: str | None = "accuracy", ticks: int = 6, **axis: object) -> Axis:
    """Shares from 0 to 1, in per cent."""
    scale = {"domain": [0, 1]}
    return Axis(field, title, scale=scale, axis={"format": "~%", "tickCount": ticks, **axis})


def loss_axis(within: Iterable[float] = (), title: str | None = "mean squared error") -> Axis:
    """`loss` on a logarithmic axis, its ends the powers of ten around `within` if that is given."""
    powers = [math.log10(value) for value in within if value > 0]
    ends = [10.0 ** math.floor(min(powers)), 10.0 ** math.ceil(max(powers))] if powers else None
    scale = {"type": "log", **({"domain": ends} if ends else {})}
    return Axis("loss", title, scale=scale, axis={**LOG_AXIS, **IN_LINE})


def log_step_axis(first: int, last: int) -> Axis:
    """`step` from `first`, above 0, to `last` on a logarithmic axis that charts can share."""
    ends = [first / 1.06, 1.06 * max(last, first + 1)]  # marks at the ends stay inside
    scale = {"type": "log", "domain": ends, "nice": False}
    return Axis("step", "step", scale=scale, axis={"tickCount": 6, "format": "~d", **GREEDY})


STEPS = Axis("step", "step", scale={"nice": False}, axis={"tickCount": 8})
GREEDY = {"labelOverlap": "greedy"}
GROUPS = {"paddingInner": 0.35, "paddingOuter": 0.15}  # air between groups of marks
DISTANCES = {
    "labelAngle": 0,
    "labelExpr": "split(datum.label, ' ')",  # "no path" on two lines
    "labelOverlap": "parity",
    "ticks": False,
}


def label_keys(max_vertices: int) -> list[Key]:
    """A colour for each true distance, from near to far, and a grey for "no path"."""
    keys = []
    for label in range(1, max_vertices):
        place = 2 * (label - 1) / max(1, max_vertices - 2)  # 0 near, 1 middle, 2 far
        ends = ("middle", "near") if place <= 1 else ("far", "middle")
        share = round(100 * (place if place <= 1 else place - 1))
        mixed = f"color-mix(in oklch, {colour(ends[0])} {share}%, {colour(ends[1])})"
        keys.append(Key(label_title(label, max_vertices), mixed))
    return [*keys, Key(label_title(max_vertices, max_vertices), colour("no_path"))]


def intervals(
    rows: Sequence[Row], keys: Sequence[Key], frame: Frame, *, joined: bool = False
) -> alt.LayerChart:
    """A mark in an interval for each row, from `low` to `high`; hollow where `hollow` is true.

    Series stand side by side where the other axis has names; if `joined`, a faint line joins them.
    """
    flat = frame.y.kind == "N"
    value, channel, offset = (frame.x, "x", "yOffset") if flat else (frame.y, "y", "xOffset")
    ends = {channel: _on(value._replace(field="low")), f"{channel}2": {"field": "high"}}
    beside: Any = {offset: {"field": "series", "type": "nominal", "sort": None}}
    base = _base(rows, frame, **beside if "N" in (frame.x.kind, frame.y.kind) else {})
    series = _colour(keys)
    hollow = {"test": "datum.hollow === true", "value": colour("paper")}
    line = _encoded(base, color=series).mark_line(strokeWidth=1.2, opacity=0.5, aria=False)
    rule = _encoded(base, color=series, **ends).mark_rule(strokeWidth=2)
    fill = {**series, "condition": hollow}
    marks = _encoded(base, stroke=series, fill=fill, shape=_shape(keys))
    marks = marks.mark_point(strokeWidth=1.6, size=46, opacity=1)
    return _boxed(frame, *_beneath(frame), line if joined else None, rule, marks)


def curves(
    rows: Sequence[Row],
    keys: Sequence[Key],
    frame: Frame,
    *,
    points: Sequence[Row] = (),
    width: float = 1.5,
) -> alt.LayerChart:
    """A line for each series, and for each `line` of it where rows have one.

    A row's `dash` is a shape of a key: line, dashed or dotted. `points` are drawn as marks.
    """
    more: dict[str, Any] = {"color": _colour(keys)}
    if any("line" in row for row in rows):
        more["detail"] = {"field": "line", "type": "nominal"}
    if any("dash" in row for row in rows):
        scale = {"domain": ["line", *DASHES], "range": [[1, 0], *DASHES.values()]}
        more["strokeDash"] = {"field": "dash", "type": "nominal", "scale": scale, "legend": None}
    line = _base(rows, frame, **more).mark_line(strokeWidth=width, strokeJoin="round", clip=True)
    marks = _base(points, frame, color=_colour(keys), shape=_shape(keys))
    marks = marks.mark_point(filled=True, size=48, opacity=0.85)
    return _boxed(frame, *_beneath(frame), line, marks if points else None)


def bars(
    rows: Sequence[Row], keys: Sequence[Key], frame: Frame, *, beside: str = "", tick: str = ""
) -> alt.LayerChart:
    """A bar for each row, from 0 or from its field to `until`; a tick at the field `tick`.

    Bars of the same name stand side by side by the field `beside`.
    """
    air = {"sort": None, "scale": {"paddingInner": 0.12}}
    offset: Any = {"yOffset": {"field": beside, "type": "nominal", **air}} if beside else {}
    base = _base(rows, frame, **offset)
    until = {"x2": frame.x.until, "y2": frame.y.until}
    ends: Any = {channel: {"field": field} for channel, field in until.items() if field}
    bar = _encoded(base, color=_colour(keys), **ends)
    ticks = _encoded(base, y=_on(frame.y._replace(field=tick)))
    return _boxed(
        frame,
        bar.mark_bar(stroke=colour("paper"), strokeWidth=1),
        ticks.mark_tick(thickness=2, color=colour("ink")) if tick else None,
    )


def density(
    rows: Sequence[Row], down: Sequence[str], across: Sequence[str], frame: Frame
) -> alt.FacetChart:
    """A grid of panels, `row` by `column`: bins that are the stronger the larger their `share`.

    The dashed diagonal is where y is x. A title of a row may have several lines.
    """
    words: dict[str, Any] = {"labelFontSize": 12, "labelFontWeight": "bold", "labelPadding": 4}
    lines = alt.Header(title=None, labelExpr="split(datum.label, '\\n')", **words)
    heads = alt.Header(title=None, **words)
    strength = alt.Scale(type="sqrt", domain=[0, 1], range=[0, 1])
    x, y = frame.x, frame.y
    bins = _encoded(alt.Chart(), x=_on(x), x2={"field": x.until}, y=_on(y), y2={"field": y.until})
    bins = bins.encode(
        opacity=alt.Opacity("share:Q", legend=None, scale=strength), tooltip=_tooltip(frame.words)
    )
    ends = (min(row[x.field] for row in rows), max(row[x.until] for row in rows))
    diagonal = _encoded(
        alt.Chart(alt.Data(values=[{"at": end} for end in ends])),
        x=_on(x._replace(field="at")),
        y=_on(y._replace(field="at")),
    ).mark_line(strokeWidth=1, strokeDash=[3, 2], color=colour("muted"), aria=False)
    # thousands of bins: the chart's own words must do
    rects = bins.mark_rect(fill=colour("density"), aria=False)
    panel = alt.LayerChart(layer=[rects, diagonal])
    return (
        panel.properties(width=frame.height, height=frame.height)
        .facet(
            data=alt.Data(values=Rows(rows)),
            row=alt.Row("row:N", sort=list(down), header=lines),
            column=alt.Column("column:N", sort=list(across), header=heads),
            spacing=10,
        )
        .properties(description=frame.name)
    )


def graph(
    vertices: Sequence[Row], edges: Sequence[Row], keys: Sequence[Key], frame: Frame
) -> alt.LayerChart:
    """A graph: rows with a place `x`, `y` from 0 to 1; edges with `x2`, `y2` too.

    A vertex has its name in `vertex`, written in the colour `ink`; one with a `role` has a ring and
    that word beside it. The axes of the frame are not shown.
    """
    spans = {"x": [-0.12, 1.12], "y": [-0.24, 1.24]}  # with room for words beyond a vertex
    x, y = (Axis(f, scale={"domain": d, "nice": False}, axis=None) for f, d in spans.items())
    frame = frame._replace(x=x, y=y)
    lines = _base(edges, frame._replace(words={}), x2={"field": "x2"}, y2={"field": "y2"})
    circles = _base(vertices, frame, color=_colour(keys)).mark_circle(size=440, opacity=1)
    roles = [row for row in vertices if row["role"]]
    rings = _base(roles, frame).mark_point(size=760, strokeWidth=2, color=colour("ink"), aria=False)
    ink = {"field": "ink", "type": "nominal", "scale": None}
    names = _base(vertices, frame, text={"field": "vertex"}, color=ink)
    words = [
        _base([row], frame, text={"field": "role"}).mark_text(
            dy=-22 if row["y"] > 0.5 else 23, fontSize=11, color=colour("muted"), aria=False
        )
        for row in roles
    ]
    return _boxed(
        frame,
        lines.mark_rule(color=colour("edge"), strokeWidth=1.6, aria=False),
        circles,
        rings,
        names.mark_text(fontSize=12, fontWeight="bold", aria=False),
        *words,
    ).resolve_scale(color="independent")


def thinned(points: Sequence[Any], most: int) -> list[Any]:
    """At most `most` points evenly from all, the first and the last among them.

    >>> thinned([0, 1, 2, 3, 4, 5, 6], 3)
    [0, 3, 6]
    """
    if len(points) <= most:
        return list(points)
    return [points[round(i * (len(points) - 1) / (most - 1))] for i in range(most)]


class Rows:
    """Data of a chart that Altair hands on as they are; it would look at each number in turn.

    In the form of what Altair calls schema-like.
    """

    _schema: ClassVar[dict[str, Any]] = {"type": "array"}

    def __init__(self, rows: Iterable[Row]) -> None:
        """Keep the rows."""
        self._rows = [dict(row) for row in rows]

    def to_dict(self) -> list[dict[str, Any]]:
        """The rows."""
        return self._rows


def _base(rows: Sequence[Row], frame: Frame, **encodings: dict[str, Any]) -> alt.Chart:
    """A chart of rows with both axes and other encodings, and no mark yet."""
    chart = alt.Chart(alt.Data(values=Rows(rows)))
    chart = chart.encode(tooltip=_tooltip(frame.words)) if frame.words else chart
    return _encoded(chart, x=_on(frame.x), y=_on(frame.y), **encodings)


def _encoded(chart: alt.Chart, **encodings: dict[str, Any]) -> alt.Chart:
    """A chart with encodings in Vega-Lite's words; Altair alone would parse them, slowly."""
    classes = {name: getattr(alt, f"{name[0].upper()}{name[1:]}") for name in encodings}
    return chart.encode(**{name: classes[name](**look) for name, look in encodings.items()})


def _on(axis: Axis) -> dict[str, Any]:
    """An axis as the encoding of x or y."""
    kind = {"type": "quantitative"} if axis.kind == "Q" else {"type": "nominal", "sort": None}
    look = {"title": axis.title, "scale": axis.scale, "axis": axis.axis}
    return {"field": axis.field, **kind, **look}


def _beneath(frame: Frame) -> Iterator[alt.Chart]:
    """The shaded band and the line across, where the frame has them."""
    if frame.band:
        row = {frame.x.field: frame.band[0], "until": frame.band[1]}
        shade = alt.Chart(alt.Data(values=Rows([row])))
        shade = _encoded(shade, x=_on(frame.x), x2={"field": "until"})
        yield shade.mark_rect(color=colour("estimate"), opacity=0.14, aria=False)
    if frame.level:
        value, key = frame.level
        line = alt.Chart(alt.Data(values=Rows([{frame.y.field: value}])))
        dash = DASHES.get(key.shape, [1, 0])
        line = _encoded(line, y=_on(frame.y))
        yield line.mark_rule(color=key.colour, strokeDash=dash, strokeWidth=1.5)


def _boxed(frame: Frame, *charts: alt.Chart | None) -> alt.LayerChart:
    """Charts on top of each other, the first at the bottom, as wide as the box they stand in."""
    return alt.LayerChart(layer=[chart for chart in charts if chart is not None]).properties(
        width="container",
        height=frame.height,
        description=frame.name,
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
    )


def _colour(keys: Sequence[Key]) -> dict[str, Any]:
    return _series(keys, [key.colour for key in keys])


def _shape(keys: Sequence[Key]) -> dict[str, Any]:
    """A shape of its own for each series: colour is never the only difference."""
    return _series(keys, [key.shape if key.shape in SHAPES else SHAPES[0] for key in keys])


def _series(keys: Sequence[Key], looks: list[str]) -> dict[str, Any]:
    scale = {"domain": [key.title for key in keys], "range": looks}
    return {"field": "series", "type": "nominal", "scale": scale, "legend": None}


def _tooltip(words: Mapping[str, str]) -> list[alt.Tooltip]:
    """Titles, and fields with their format."""
    split = [(title, *field.partition(" ")[::2]) for title, field in words.items()]
    return [
        alt.Tooltip(f"{field}:{'Q' if form else 'N'}", title=title, format=form or alt.Undefined)
        for title, field, form in split
    ]
