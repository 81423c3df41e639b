"""Five marks, each one function from rows to a chart: intervals, curves, bars, density, graph.

In: rows of numbers and words, the keys of the legend, the frame with both axes. A row's `series` is
the title of its key. Out: Vega-Lite specifications. Colours are names of the page's style sheet
(`var(--finetuned)`): the page turns from light to dark without drawing anything anew.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from offpath.report.parts import SHAPES, Key, Spec, colour

Row = Mapping[str, Any]
DASHES = {"line": [1, 0], "dashed": [5, 3], "dotted": [2, 3]}
LOG_AXIS = {
    "values": [10.0**power for power in range(-18, 19)],
    "labelExpr": "datum.value < 0.001 || datum.value > 10000 "
    "? '1e' + format(round(log(datum.value) / LN10), 'd') : format(datum.value, '~g')",
}
"""Grid lines at powers of ten alone, in few letters, so that a narrow axis has room for them."""
IN_LINE = {"minExtent": 48, "maxExtent": 48}
"""Charts above each other stand in line, for the axes of all are equally wide."""
GREEDY = {"labelOverlap": "greedy"}
GROUPS = {"paddingInner": 0.35, "paddingOuter": 0.15}  # air between groups of marks
DISTANCES = {
    "labelAngle": 0,
    "labelExpr": "split(datum.label, ' ')",  # "no path" on two lines
    "labelOverlap": "parity",
    "ticks": False,
}
DIAGONAL = {"width": 1, "strokeDash": [3, 2], "color": colour("muted"), "aria": False}


class Frame(NamedTuple):
    """What a chart stands in."""

    name: str
    """What is drawn, for those who do not see it."""
    height: int
    x: Spec
    y: Spec
    words: Mapping[str, str] = {}
    """What the pointer shows: a title, and a field with or without a format ("loss .3g")."""
    level: tuple[float, Key] | None = None
    """A line across, at this value of y."""
    band: tuple[float, float] | None = None
    """A shaded part of x."""


def axis(field: str, title: str | None = None, scale: Spec | None = None, **look: object) -> Spec:
    """A field with numbers along x or y; scale and look are in Vega-Lite's words."""
    kind = {"field": field, "type": "quantitative", "title": title}
    return {**kind, "scale": scale or {}, "axis": look}


def name_axis(
    field: str, title: str | None = None, scale: Spec | None = None, **look: object
) -> Spec:
    """A field with names along x or y, in the order of the rows."""
    return axis(field, title, scale, **look) | {"type": "nominal", "sort": None}


def share_axis(field: str, title: str | None = "accuracy", ticks: int = 6, **look: object) -> Spec:
    """Shares from 0 to 1, in per cent."""
    return axis(field, title, {"domain": [0, 1]}, format="~%", tickCount=ticks, **look)


def loss_axis(within: Iterable[float] = (), title: str | None = "mean squared error") -> Spec:
    """`loss` on a logarithmic axis, its ends the powers of ten around `within` if that is given."""
    powers = [math.log10(value) for value in within if value > 0]
    ends = [10.0 ** math.floor(min(powers)), 10.0 ** math.ceil(max(powers))] if powers else None
    scale = {"type": "log", **({"domain": ends} if ends else {})}
    return axis("loss", title, scale, **LOG_AXIS, **IN_LINE)


def log_step_axis(first: int, last: int) -> Spec:
    """`step` from `first`, above 0, to `last` on a logarithmic axis that charts can share."""
    ends = [first / 1.06, 1.06 * max(last, first + 1)]  # marks at the ends stay inside
    scale = {"type": "log", "domain": ends, "nice": False}
    return axis("step", "step", scale, tickCount=6, format="~d", **GREEDY)


def step_axis(ticks: int = 8) -> Spec:
    """`step` from its first to its last."""
    return axis("step", "step", {"nice": False}, tickCount=ticks)


def intervals(
    rows: Sequence[Row], keys: Sequence[Key], frame: Frame, *, joined: bool = False
) -> Spec:
    """A mark in an interval for each row, from `low` to `high`; hollow where `hollow` is true.

    Series stand side by side where the other axis has names; if `joined`, a faint line joins them.
    """
    flat = frame.y["type"] == "nominal"
    value, channel, offset = (frame.x, "x", "yOffset") if flat else (frame.y, "y", "xOffset")
    named = "nominal" in (frame.x["type"], frame.y["type"])
    beside = {offset: {"field": "series", "type": "nominal", "sort": None}} if named else {}
    ends = {channel: {**value, "field": "low"}, f"{channel}2": {"field": "high"}}
    series = _colour(keys)
    hollow = {"test": "datum.hollow === true", "value": colour("paper")}
    marks = {"stroke": series, "fill": {**series, "condition": hollow}, "shape": _shape(keys)}
    line = _layer(frame, "line", beside | {"color": series}, width=1.2, opacity=0.5, aria=False)
    rule = _layer(frame, "rule", beside | {"color": series} | ends, width=2)
    point = _layer(frame, "point", beside | marks, width=1.6, size=46, opacity=1)
    return _boxed(frame, rows, [line, rule, point] if joined else [rule, point])


def curves(
    rows: Sequence[Row],
    keys: Sequence[Key],
    frame: Frame,
    *,
    points: Sequence[Row] = (),
    width: float = 1.5,
) -> Spec:
    """A line for each series, and for each `line` of it where rows have one.

    A row's `dash` is a shape of a key: line, dashed or dotted. `points` are drawn as marks.
    """
    look = {"color": _colour(keys)}
    if any("line" in row for row in rows):
        look["detail"] = {"field": "line", "type": "nominal"}
    if any("dash" in row for row in rows):
        look["strokeDash"] = _scaled("dash", list(DASHES), list(DASHES.values()))
    line = _layer(frame, "line", look, width=width, strokeJoin="round", clip=True)
    look = {"color": _colour(keys), "shape": _shape(keys)}
    marks = _layer(frame, "point", look, points, filled=True, size=48, opacity=0.85)
    return _boxed(frame, rows, [line, marks] if points else [line])


def bars(
    rows: Sequence[Row], keys: Sequence[Key], frame: Frame, *, beside: str = "", tick: str = ""
) -> Spec:
    """A bar for each row, from 0, or from `left` to `right`; a tick at the field `tick`.

    Bars of the same name stand side by side by the field `beside`.
    """
    air = {"sort": None, "scale": {"paddingInner": 0.12}}
    offset = {"yOffset": {"field": beside, "type": "nominal", **air}} if beside else {}
    ends = {"x2": {"field": "right"}} if frame.x["field"] == "left" else {}
    look = {"color": _colour(keys), **offset, **ends}
    bar = _layer(frame, "bar", look, stroke=colour("paper"), width=1)
    at_tick = {"y": {**frame.y, "field": tick}}
    line = _layer(frame, "tick", offset | at_tick, thickness=2, color=colour("ink"))
    return _boxed(frame, rows, [bar, line] if tick else [bar])


def density(rows: Sequence[Row], down: Sequence[str], across: Sequence[str], frame: Frame) -> Spec:
    """A grid of panels, `row` by `column`: bins that are the stronger the larger their `share`.

    A bin reaches from the fields of x and y to `right` and `high`. The dashed diagonal is where y
    is x. A title of a row may have several lines.
    """
    x, y = frame.x, frame.y
    strength = {"type": "sqrt", "domain": [0, 1], "range": [0, 1]}
    opacity = {"field": "share", "type": "quantitative", "legend": None, "scale": strength}
    ends = {"x2": {"field": "right"}, "y2": {"field": "high"}}
    # thousands of bins: the chart's own words must do
    bins = _layer(frame, "rect", {**ends, "opacity": opacity}, fill=colour("density"), aria=False)
    at = {"x": {**x, "field": "at"}, "y": {**y, "field": "at"}}
    span = (min(row[x["field"]] for row in rows), max(row["right"] for row in rows))
    diagonal = _layer(
        frame._replace(words={}), *("line", at, [{"at": end} for end in span]), **DIAGONAL
    )
    words = {"title": None, "labelFontSize": 12, "labelFontWeight": "bold", "labelPadding": 4}
    lines = {**words, "labelExpr": "split(datum.label, '\\n')"}
    panel = {"width": frame.height, "height": frame.height, "layer": [bins, diagonal]}
    return {
        "description": frame.name,
        "data": {"values": rows},
        "facet": {
            "row": {"field": "row", "type": "nominal", "sort": list(down), "header": lines},
            "column": {"field": "column", "type": "nominal", "sort": list(across), "header": words},
        },
        "spacing": 10,
        "spec": panel,
    }


def graph(vertices: Sequence[Row], edges: Sequence[Row], keys: Sequence[Key], frame: Frame) -> Spec:
    """A graph: rows with a place `x`, `y` from 0 to 1; edges with `x2`, `y2` too.

    A vertex has its name in `vertex`, written in the colour `ink`; one with a `role` has a ring and
    that word beside it. The axes of the frame are not shown.
    """
    spans = {"x": [-0.12, 1.12], "y": [-0.24, 1.24]}  # with room for words beyond a vertex
    x, y = (axis(f, None, {"domain": d, "nice": False}) | {"axis": None} for f, d in spans.items())
    frame = frame._replace(x=x, y=y)
    ends = {"x2": {"field": "x2"}, "y2": {"field": "y2"}}
    line = {"color": colour("edge"), "width": 1.6, "aria": False}
    ink = {"text": {"field": "vertex"}, "color": {"field": "ink", "type": "nominal", "scale": None}}
    roles = [row for row in vertices if row["role"]]
    ring = {"size": 760, "width": 2, "color": colour("ink"), "aria": False}
    layers = [
        _layer(frame._replace(words={}), "rule", ends, edges, **line),
        _layer(frame, "circle", {"color": _colour(keys)}, size=440, opacity=1),
        _layer(frame, "point", {}, roles, **ring),
        _layer(frame, "text", ink, fontSize=12, fontWeight="bold", aria=False),
    ]
    for row in roles:
        look = {"dy": -22 if row["y"] > 0.5 else 23, "fontSize": 11, "color": colour("muted")}
        layers.append(_layer(frame, "text", {"text": {"field": "role"}}, [row], aria=False, **look))
    return _boxed(frame, vertices, layers) | {"resolve": {"scale": {"color": "independent"}}}


def thinned(points: Sequence[Any], most: int) -> list[Any]:
    """At most `most` points evenly from all, the first and the last among them.

    >>> thinned([0, 1, 2, 3, 4, 5, 6], 3)
    [0, 3, 6]
    """
    if len(points) <= most:
        return list(points)
    return [points[round(i * (len(points) - 1) / (most - 1))] for i in range(most)]


def _layer(
    frame: Frame, mark: str, encoding: Spec, rows: Sequence[Row] | None = None, **look: object
) -> Spec:
    """A mark on both axes; `encoding` goes before them. `rows` are its own, if it has some."""
    if "width" in look:
        look["strokeWidth"] = look.pop("width")
    both = {"x": frame.x, "y": frame.y, **_tooltip(frame.words), **encoding}
    layer = {"mark": {"type": mark, **look}, "encoding": both}
    return layer if rows is None else {**layer, "data": {"values": rows}}


def _boxed(frame: Frame, rows: Sequence[Row], layers: list[Spec]) -> Spec:
    """Layers on top of each other, the first at the bottom, as wide as the box they stand in."""
    return {
        "description": frame.name,
        "width": "container",
        "height": frame.height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": rows},
        "layer": [*_beneath(frame), *layers],
    }


def _beneath(frame: Frame) -> list[Spec]:
    """The shaded band and the line across, where the frame has them."""
    layers = []
    if frame.band:
        row = {frame.x["field"]: frame.band[0], "until": frame.band[1]}
        shade = {"type": "rect", "color": colour("estimate"), "opacity": 0.14, "aria": False}
        ends = {"x": frame.x, "x2": {"field": "until"}}
        layers.append({"mark": shade, "encoding": ends, "data": {"values": [row]}})
    if frame.level:
        value, key = frame.level
        line = {"type": "rule", "color": key.colour, "strokeWidth": 1.5}
        line["strokeDash"] = DASHES.get(key.shape, DASHES["line"])
        row = {frame.y["field"]: value}
        layers.append({"mark": line, "encoding": {"y": frame.y}, "data": {"values": [row]}})
    return layers


def _colour(keys: Sequence[Key]) -> Spec:
    return _scaled("series", [key.title for key in keys], [key.colour for key in keys])


def _shape(keys: Sequence[Key]) -> Spec:
    """A shape of its own for each series: colour is never the only difference."""
    shapes = [key.shape if key.shape in SHAPES else SHAPES[0] for key in keys]
    return _scaled("series", [key.title for key in keys], shapes)


def _scaled(field: str, domain: list[str], looks: Sequence[object]) -> Spec:
    scale = {"domain": domain, "range": looks}
    return {"field": field, "type": "nominal", "scale": scale, "legend": None}


def _tooltip(words: Mapping[str, str]) -> Spec:
    """Titles, and fields with their format."""
    shown = []
    for title, text in words.items():
        field, _, form = text.partition(" ")
        kind = {"type": "quantitative", "format": form} if form else {"type": "nominal"}
        shown.append({"field": field, "title": title, **kind})
    return {"tooltip": shown} if shown else {}
