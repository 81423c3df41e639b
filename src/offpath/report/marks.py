"""Six marks, each one function of rows: intervals, strips, curves, bars, density, graph.

In: rows of numbers and words, the keys of the legend, the frame with both axes. A row's `series` is
the title of its key. Out: Vega-Lite specifications. Colours are names of the page's style sheet
(`var(--finetuned)`): the page turns from light to dark without drawing anything anew. Charts with
a true distance in their rows have a parameter `distance`, by which the page links them; those with
numbers on both axes have `zoom_x` and `zoom_y`, the domains that are looked at.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from offpath.report.parts import SHAPES, Key, Spec, colour
from offpath.report.words import asset, filled
from offpath.results import DrawnGraph

Row = Mapping[str, Any]
DASHES = {"line": [1, 0], "dashed": [5, 3], "dotted": [2, 3]}


class Frame(NamedTuple):
    """What a chart stands in."""

    name: str
    height: int
    x: Spec
    y: Spec
    words: Mapping[str, str]
    distance: str = ""  # the field that holds a true distance as text, if there is one
    level: tuple[float, Key] | None = None  # a line across, at this value of y
    band: tuple[float, float] | None = None  # a shaded part of x


def frame(chart: str, x: Spec | None = None, y: Spec | None = None, **words: object) -> Frame:
    """The frame that `assets/charts.toml` has for a chart; x and y change its axes."""
    own = asset("charts")[chart]
    sides = (_axis(own["x"], x or {}), _axis(own["y"], y or {}))
    rest = (own.get("words", {}), own.get("distance", ""))
    return Frame(filled(own["name"], words), own.get("height", 300), *sides, *rest)


def _axis(name: str, change: Spec) -> Spec:
    given = {"field": name, **asset("charts")["axes"][name]}
    base = given.pop("like", "")
    made = _axis(base, {}) if base else {"type": "quantitative", "title": None, "scale": {}}
    for part, look in [*given.items(), *change.items()]:
        made[part] = {**made.get(part, {}), **look} if isinstance(look, dict) else look or None
    order = {"sort": None} if made["type"] == "nominal" else {}  # names in the order of the rows
    return made | order


def intervals(rows: Sequence[Row], keys: Sequence[Key], frame: Frame) -> Spec:
    """A mark in an interval for each row, from `low` to `high`; hollow where `hollow` is true.

    Series stand side by side where the other axis has names; else a faint line joins them.
    """
    flat, named = (side["type"] == "nominal" for side in (frame.y, frame.x))
    frame = frame if flat or named else _zoomed(frame)
    beside = {"field": "series", "type": "nominal", "sort": None}
    offset = {"yOffset": beside} if flat else {"xOffset": beside} if named else {}
    value, channel = (frame.x, "x") if flat else (frame.y, "y")
    ends = {channel: {**value, "field": "low"}, f"{channel}2": {"field": "high"}}
    series = _series(keys)
    fill = {**series, "condition": {"test": "datum.hollow === true", "value": colour("paper")}}
    marks = {**offset, "stroke": series, "fill": fill, "shape": _series(keys, shapes=True)}
    line = _layer(frame, "line", {"color": series}, strokeWidth=1.2, opacity=0.5, aria=False)
    rule = _layer(frame, "rule", {**offset, "color": series, **ends}, strokeWidth=2)
    point = _layer(frame, "point", marks, strokeWidth=1.6, size=46, opacity=1)
    if flat or named:
        return _boxed(frame, rows, [rule, point])
    return _with_zoom(_boxed(frame, rows, [line, rule, point]), frame)


def strips(
    rows: Sequence[Row],
    keys: Sequence[Key],
    frame: Frame,
    *,
    groups: Sequence[Key],
    bound: Sequence[Row],
) -> Spec:
    """A dot for each row on a line of its name, and a tick at the median of each series.

    Rows have a `group`, by which several stand below each other in shapes of their own; `bound` are
    rows with values of x at which a dashed line goes from top to bottom.
    """
    below = {"yOffset": {"field": "group", "type": "nominal", "sort": None}}
    offset = below if len(groups) > 1 else {}
    shape = _scaled("group", {key.title: key.shape for key in groups})
    middle = {
        **offset,
        "x": {**frame.x, "aggregate": "median"},
        "color": _series(keys),
        "tooltip": None,
    }
    dots = {**offset, "color": _series(keys), "shape": shape}
    dashed = {"strokeDash": DASHES["dashed"], "strokeWidth": 1.5, "color": colour("muted")}
    layers = [
        _layer(frame._replace(words={}), "rule", {"y": None}, bound, aria=False, **dashed),
        _layer(frame, "tick", middle, thickness=2, size=20, opacity=0.9, aria=False),
        _layer(frame, "point", dots, filled=True, size=44, opacity=0.65),
    ]
    return _boxed(frame, rows, layers)


def curves(
    rows: Sequence[Row],
    keys: Sequence[Key],
    frame: Frame,
    points: Sequence[Row] = (),
    pieces: Sequence[Row] = (),
) -> Spec:
    """A line for each series, and a thin one for each `line` of it where rows have one.

    `points` are drawn as marks, the points of each `piece` broadly, as by a marker pen.
    """
    frame = _zoomed(frame)
    look, width = {"color": _series(keys)}, 1.5
    if any("line" in row for row in rows):
        look["detail"], width = {"field": "line", "type": "nominal"}, 1.1
    layers = [_layer(frame, "line", look, strokeWidth=width, strokeJoin="round", clip=True)]
    if points:
        marks = {"color": _series(keys), "shape": _series(keys, shapes=True)}
        look = {"filled": True, "size": 48, "opacity": 0.85, "clip": True}
        layers += [_layer(frame, "point", marks, points, **look)]
    if pieces:
        pen = {"strokeWidth": 11, "strokeCap": "round", "opacity": 0.3, "aria": False, "clip": True}
        apart = {"color": _series(keys), "detail": {"field": "piece"}}
        layers.insert(0, _layer(frame, "line", apart, pieces, **pen))
    return _with_zoom(_boxed(frame, rows, layers), frame)


def bars(
    rows: Sequence[Row], keys: Sequence[Key], frame: Frame, *, beside: str = "", tick: str = ""
) -> Spec:
    """A bar for each row, from 0, or from `left` to `right`; a tick at the field `tick`.

    Bars of the same name stand side by side by the field `beside`.
    """
    air = {"type": "nominal", "sort": None, "scale": {"paddingInner": 0.12}}
    offset = {"yOffset": {"field": beside, **air}} if beside else {}
    end = {"x2": {"field": "right"}} if frame.x["field"] == "left" else {}
    look = {"color": _series(keys), **offset, **end}
    layers = [_layer(frame, "bar", look, stroke=colour("paper"), strokeWidth=1)]
    if tick:
        at = {"y": {**frame.y, "field": tick}}
        layers += [_layer(frame, "tick", at, thickness=2, color=colour("ink"))]
    return _boxed(frame, rows, layers)


def blocks(rows: Sequence[Row], keys: Sequence[Key], frame: Frame) -> Spec:
    """A block for each row from `left` to `right`, at its name, with the words `part` in it."""
    ends, middle = {"x2": {"field": "right"}}, "(datum.left + datum.right) / 2"
    at = {"x": {**frame.x, "field": "middle"}, "text": {"field": "part"}, "color": None}
    look = {"stroke": colour("paper"), "strokeWidth": 2}
    layers = [
        _layer(frame, "bar", {"color": _series(keys), **ends}, **look),
        _layer(frame, "text", at, fontSize=12, fill=colour("ink"), aria=False),
    ]
    computed = [{"calculate": middle, "as": "middle"}]
    return _boxed(frame, rows, layers) | {"transform": computed}


def density(rows: Sequence[Row], down: Sequence[str], across: Sequence[str], frame: Frame) -> Spec:
    """A grid of panels, `row` by `column`: bins that are the stronger the larger their `share`.

    A bin reaches from the fields of x and y to `right` and `high`. The dashed diagonal is where y
    is x. A title of a row may have several lines.
    """
    scale = {"type": "sqrt", "domain": [0, 1], "range": [0, 1]}
    opacity = {"field": "share", "type": "quantitative", "legend": None, "scale": scale}
    opacity["condition"] = {"test": _faint(frame), "value": 0.04}
    look = {"x2": {"field": "right"}, "y2": {"field": "high"}, "opacity": opacity}
    # thousands of bins: the chart's own words must do
    bins = _layer(frame, "rect", look, fill=colour("density"), aria=False)
    span = (min(row[frame.x["field"]] for row in rows), max(row["right"] for row in rows))
    ends, bare = [{"at": end} for end in span], frame._replace(words={})
    at = {"x": {**frame.x, "field": "at"}, "y": {**frame.y, "field": "at"}}
    dashed = {"strokeWidth": 1, "strokeDash": [3, 2], "color": colour("muted"), "aria": False}
    head = {"title": None, "labelFontSize": 12, "labelFontWeight": "bold", "labelPadding": 4}
    heads = {"row": {**head, "labelExpr": "split(datum.label, '\\n')"}, "column": head}
    facet = {
        name: {"field": name, "type": "nominal", "sort": list(order), "header": heads[name]}
        for name, order in (("row", down), ("column", across))
    }
    layers = [bins, _layer(bare, "line", at, ends, **dashed)]
    panel = {"width": frame.height, "height": frame.height, "layer": layers}
    whole = {"description": frame.name, "data": {"values": rows}, **_about(frame)}
    return {**whole, "facet": facet, "spacing": 10, "spec": panel}


def graph(vertices: Sequence[Row], edges: Sequence[Row], keys: Sequence[Key], frame: Frame) -> Spec:
    """A graph: rows with a place `x`, `y` from 0 to 1; edges with `x2`, `y2` too.

    A vertex has its name in `vertex`, written in the colour `ink`; one with a `role` has a ring and
    that word beside it. A `marked` edge is drawn bold. The axes of the frame are not shown.
    """
    x, y = (side | {"axis": None} for side in (frame.x, frame.y))
    frame, bare = frame._replace(x=x, y=y), frame._replace(x=x, y=y, words={})
    ends, muted = {"x2": {"field": "x2"}, "y2": {"field": "y2"}}, {"color": colour("muted")}
    ink = {"text": {"field": "vertex"}, "color": {"field": "ink", "type": "nominal", "scale": None}}
    ring = {"size": 760, "strokeWidth": 2, "color": colour("ink"), "aria": False}
    roles, away = [row for row in vertices if row["role"]], {"expr": "datum.y > 0.5 ? -22 : 23"}
    bold = {"color": colour("ink"), "strokeWidth": 4, "aria": False}
    marked = [row for row in edges if row.get("marked")]
    layers = [
        _layer(bare, "rule", ends, edges, color=colour("edge"), strokeWidth=1.6, aria=False),
        *([_layer(bare, "rule", ends, marked, **bold)] if marked else []),
        _layer(frame, "circle", {"color": _series(keys)}, size=440, opacity=1),
        _layer(frame, "point", {}, roles, **ring),
        _layer(frame, "text", ink, fontSize=12, fontWeight="bold", aria=False),
        _layer(frame, "text", {"text": {"field": "role"}}, roles, dy=away, **muted, aria=False),
    ]
    return _boxed(frame, vertices, layers) | {"resolve": {"scale": {"color": "independent"}}}


def edge_rows(graph: DrawnGraph, path: Sequence[int] = ()) -> list[Row]:
    """The edges of a drawing for `graph`, those between neighbours on the path marked."""
    places, steps = graph.positions, {frozenset(step) for step in pairwise(path)}
    rows = []
    for a, b in graph.edges:
        (x, y), (x2, y2) = places[a - 1], places[b - 1]
        mark = {"marked": True} if {a, b} in steps else {}
        rows.append({"x": x, "y": y, "x2": x2, "y2": y2, **mark})
    return rows


def thinned(points: Sequence[Any], most: int) -> list[Any]:
    """At most `most` points evenly from all, the first and the last among them."""
    count, last = min(most, len(points)), len(points) - 1
    return [points[round(i * last / max(1, count - 1))] for i in range(count)]


def _layer(
    frame: Frame, mark: str, encoding: Spec, rows: Sequence[Row] | None = None, **look: object
) -> Spec:
    """A mark on both axes, unless `encoding` has others or None; `rows` are its own, if any."""
    shown = []
    for title, text in frame.words.items():
        field, _, form = text.partition(" ")
        kind = {"type": "quantitative", "format": form} if form else {"type": "nominal"}
        shown.append({"field": field, "title": title, **kind})
    whole = {"x": frame.x, "y": frame.y, "tooltip": shown or None, **encoding}
    linked = rows is None or any(frame.distance in row for row in rows)
    if frame.distance and linked and "opacity" not in encoding:
        faint = {"test": _faint(frame), "value": 0.12}
        whole["opacity"] = {"condition": faint, "value": look.get("opacity", 1)}
    given = {channel: field for channel, field in whole.items() if field is not None}
    layer = {"mark": {"type": mark, **look}, "encoding": given}
    return layer if rows is None else {**layer, "data": {"values": rows}}


def _boxed(frame: Frame, rows: Sequence[Row], layers: list[Spec]) -> Spec:
    """Layers on top of each other, the first at the bottom, as wide as the box they stand in."""
    bare, beneath = frame._replace(words={}), []
    if frame.band:
        row, end = {frame.x["field"]: frame.band[0], "until": frame.band[1]}, {"field": "until"}
        shade = {"color": colour("estimate"), "opacity": 0.14, "aria": False}
        beneath += [_layer(bare, "rect", {"y": None, "x2": end}, [row], **shade)]
    if frame.level:
        row, key = {frame.y["field"]: frame.level[0]}, frame.level[1]
        look = {"color": key.colour, "strokeDash": DASHES[key.shape], "strokeWidth": 1.5}
        beneath += [_layer(bare, "rule", {"x": None}, [row], **look)]
    box = {"description": frame.name, "width": "container", "height": frame.height}
    fit = {"autosize": {"type": "fit-x", "contains": "padding"}}
    return {**box, **fit, **_about(frame), "data": {"values": rows}, "layer": [*beneath, *layers]}


def _about(frame: Frame) -> Spec:
    """The parameter that links charts, and what the page's script needs to know."""
    params = [{"name": "distance", "value": None}] if frame.distance else []
    return {"params": params, "usermeta": {"distance": frame.distance}}


def _faint(frame: Frame) -> str:
    """When a mark steps back: another true distance is looked at."""
    return f"distance !== null && datum['{frame.distance}'] !== distance"


def _zoomed(frame: Frame) -> Frame:
    """The frame with axes whose domains are parameters."""
    sides = [
        axis | {"scale": axis["scale"] | {"domainRaw": {"expr": f"zoom_{side}"}}}
        for side, axis in (("x", frame.x), ("y", frame.y))
    ]
    return frame._replace(x=sides[0], y=sides[1])


def _with_zoom(made: Spec, frame: Frame) -> Spec:
    """A chart of a zoomed frame, with these parameters."""
    domains = [{"name": f"zoom_{side}", "value": None} for side in "xy"]
    about = {"zoom": True, "log": frame.y["scale"].get("type") == "log"}
    params = [*made["params"], *domains]
    return {**made, "params": params, "usermeta": made["usermeta"] | about}


def _series(keys: Sequence[Key], shapes: bool = False) -> Spec:
    """A colour of its own for each series, and a shape: colour is never the only difference."""
    if not shapes:
        return _scaled("series", {key.title: key.colour for key in keys})
    known = {key.title: key.shape if key.shape in SHAPES else SHAPES[0] for key in keys}
    return _scaled("series", known)


def _scaled(field: str, looks: Mapping[str, object]) -> Spec:
    scale = {"domain": list(looks), "range": list(looks.values())}
    return {"field": field, "type": "nominal", "scale": scale, "legend": None}
