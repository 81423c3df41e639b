"""Nine marks, each one function of rows: intervals, curves, bars, density, grid, heat and others.

In: rows of numbers and words, the keys of the legend, the frame with both axes. A row's `series` is
the title of its key. Out: Vega-Lite specifications. Colours are names of the page's style sheet
(`var(--finetuned)`): the page turns from light to dark without drawing anything anew.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from offpath.report.frames import (
    DASHES,
    Frame,
    Row,
    about,
    boxed,
    faint,
    layer,
    scaled,
    series,
    with_zoom,
    zoomed,
)
from offpath.report.parts import Key, Spec, colour
from offpath.results import DrawnGraph

FIT = {"expr": "min(11, 0.46 * bandwidth('x'))"}  # the size of three digits that fit into a cell


def intervals(rows: Sequence[Row], keys: Sequence[Key], frame: Frame) -> Spec:
    """A mark in an interval for each row, from `low` to `high`; hollow where `hollow` is true.

    Series stand side by side where the other axis has names; else a faint line joins them.
    """
    flat, named = (side["type"] == "nominal" for side in (frame.y, frame.x))
    frame = frame if flat or named else zoomed(frame)
    beside = {"field": "series", "type": "nominal", "sort": None}
    offset = {"yOffset": beside} if flat else {"xOffset": beside} if named else {}
    value, channel = (frame.x, "x") if flat else (frame.y, "y")
    ends = {channel: {**value, "field": "low"}, f"{channel}2": {"field": "high"}}
    own = series(keys)
    fill = {**own, "condition": {"test": "datum.hollow === true", "value": colour("paper")}}
    marks = {**offset, "stroke": own, "fill": fill, "shape": series(keys, shapes=True)}
    line = layer(frame, "line", {"color": own}, strokeWidth=1.2, opacity=0.5, aria=False)
    rule = layer(frame, "rule", {**offset, "color": own, **ends}, strokeWidth=2)
    point = layer(frame, "point", marks, strokeWidth=1.6, size=46, opacity=1)
    if flat or named:
        return boxed(frame, rows, [rule, point])
    return with_zoom(boxed(frame, rows, [line, rule, point]), frame)


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
    shape = scaled("group", {key.title: key.shape for key in groups})
    middle = {
        **offset,
        "x": {**frame.x, "aggregate": "median"},
        "color": series(keys),
        "tooltip": None,
    }
    dots = {**offset, "color": series(keys), "shape": shape}
    dashed = {"strokeDash": DASHES["dashed"], "strokeWidth": 1.5, "color": colour("muted")}
    layers = [
        layer(frame._replace(words={}), "rule", {"y": None}, bound, aria=False, **dashed),
        layer(frame, "tick", middle, thickness=2, size=20, opacity=0.9, aria=False),
        layer(frame, "point", dots, filled=True, size=44, opacity=0.65),
    ]
    return boxed(frame, rows, layers)


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
    frame = zoomed(frame)
    look, width = {"color": series(keys)}, 1.5
    if any(key.shape in ("dashed", "dotted") for key in keys):
        look["strokeDash"] = scaled("series", {key.title: DASHES[key.shape] for key in keys})
    if any("line" in row for row in rows):
        look["detail"], width = {"field": "line", "type": "nominal"}, 1.1
    layers = [layer(frame, "line", look, strokeWidth=width, strokeJoin="round", clip=True)]
    if points:
        marks = {"color": series(keys), "shape": series(keys, shapes=True)}
        look = {"filled": True, "size": 48, "opacity": 0.85, "clip": True}
        layers += [layer(frame, "point", marks, points, **look)]
    if pieces:
        pen = {"strokeWidth": 11, "strokeCap": "round", "opacity": 0.3, "aria": False, "clip": True}
        apart = {"color": series(keys), "detail": {"field": "piece"}}
        layers.insert(0, layer(frame, "line", apart, pieces, **pen))
    made = with_zoom(boxed(frame, rows, layers), frame)
    made["usermeta"]["lines"] = not points  # the page shows the point that is nearest
    return made


def bars(
    rows: Sequence[Row], keys: Sequence[Key], frame: Frame, *, beside: str = "", tick: str = ""
) -> Spec:
    """A bar for each row, from 0, or from `left` to `right`; a tick at the field `tick`.

    Bars of the same name stand side by side by the field `beside`.
    """
    air = {"type": "nominal", "sort": None, "scale": {"paddingInner": 0.12}}
    offset = {"yOffset": {"field": beside, **air}} if beside else {}
    end = {"x2": {"field": "right"}} if frame.x["field"] == "left" else {}
    look = {"color": series(keys), **offset, **end}
    layers = [layer(frame, "bar", look, stroke=colour("paper"), strokeWidth=1)]
    if tick:
        at = {"y": {**frame.y, "field": tick}}
        layers += [layer(frame, "tick", at, thickness=2, color=colour("ink"))]
    return boxed(frame, rows, layers)


def blocks(rows: Sequence[Row], keys: Sequence[Key], frame: Frame) -> Spec:
    """A block for each row from `left` to `right`, at its name, with the words `part` in it."""
    ends, middle = {"x2": {"field": "right"}}, "(datum.left + datum.right) / 2"
    at = {"x": {**frame.x, "field": "middle"}, "text": {"field": "part"}, "color": None}
    look = {"stroke": colour("paper"), "strokeWidth": 2}
    layers = [
        layer(frame, "bar", {"color": series(keys), **ends}, **look),
        layer(frame, "text", at, fontSize=12, fill=colour("ink"), aria=False),
    ]
    computed = [{"calculate": middle, "as": "middle"}]
    return boxed(frame, rows, layers) | {"transform": computed}


def density(rows: Sequence[Row], down: Sequence[str], across: Sequence[str], frame: Frame) -> Spec:
    """A grid of panels, `row` by `column`: bins that are the stronger the larger their `share`.

    A bin reaches from the fields of x and y to `right` and `high`. The dashed diagonal is where y
    is x. A title of a row may have several lines.
    """
    scale = {"type": "sqrt", "domain": [0, 1], "range": [0, 1]}
    opacity = {"field": "share", "type": "quantitative", "legend": None, "scale": scale}
    opacity["condition"] = {"test": faint(frame), "value": 0.04}
    look = {"x2": {"field": "right"}, "y2": {"field": "high"}, "opacity": opacity}
    # thousands of bins: the chart's own words must do
    bins = layer(frame, "rect", look, fill=colour("density"), aria=False)
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
    layers = [bins, layer(bare, "line", at, ends, **dashed)]
    panel = {"width": frame.height, "height": frame.height, "layer": layers}
    whole = {"description": frame.name, "data": {"values": rows}, **about(frame)}
    whole["usermeta"]["height"] = len(down) * (frame.height + 10) + 60  # of all panels together
    return {**whole, "facet": facet, "spacing": 10, "spec": panel}


def grid(rows: Sequence[Row], keys: Sequence[Key], frame: Frame, *, chance: float = 0.0) -> Spec:
    """A cell for each row with the hundredths of its `value`, faint where `sure` is false.

    With one key the colour is the stronger the farther the value is from `chance`, or from the
    `chance` of the row, to 1; with two it is the farther from 0, the second's below 0.
    """
    base = f"(isValid(datum.chance) ? datum.chance : {chance})"
    above = f"(datum.value - {base}) / (1 - {base})"
    strength = above if len(keys) == 1 else "abs(datum.value)"
    computed = {"strength": strength, "text": "format(100 * datum.value, '.0f')"}
    below = {"condition": {"test": "datum.value < 0", "value": keys[-1].colour}}
    cells = _cells({**below, "value": keys[0].colour}, frame, 1.0, FIT)
    steps = [{"calculate": how, "as": name} for name, how in computed.items()]
    apart = {"resolve": {"scale": {"opacity": "independent"}}}
    return {**boxed(frame, rows, cells), **apart, "transform": steps}


def _cells(cell: Spec, frame: Frame, full: float, size: int | Spec) -> list[Spec]:
    """Cells of a colour, undiluted from the strength `full` on, and text of a size in them."""
    scale = {"domain": [0, full], "range": [0.06, 1], "clamp": True}
    strength = {"field": "strength", "type": "quantitative", "legend": None, "scale": scale}
    faint = {"condition": {"test": "datum.sure === false", "value": 0.6}, "value": 1}
    written, bare = {"text": {"field": "text"}, "opacity": faint}, frame._replace(words={})
    shaded = {"color": cell, "opacity": strength}
    return [
        layer(frame, "rect", shaded, stroke=colour("paper"), strokeWidth=2),
        layer(bare, "text", written, fontSize=size, fill=colour("ink"), aria=False),
    ]


def heat(
    rows: Sequence[Row],
    keys: Sequence[Key],
    frame: Frame,
    heads: Sequence[Row],
    columns: Sequence[Key],
) -> Spec:
    """A cell for each row, in the colour of its series, the stronger the larger its `strength`.

    Its `text` stands in it, faint where `sure` is false. Each of `heads` has a line of its own with
    a `title`, and in each column the mark of its key, so that no name of a column is far.
    """
    field, bare = frame.x["field"], frame._replace(words={})
    marked = [{**head, field: key.title, "series": key.title} for head in heads for key in columns]
    marks = {"color": series(columns), "shape": series(columns, shapes=True)}
    edge = f"-({frame.y['axis']['minExtent']['expr']})"  # left of the names of rows
    left = {"x": {"value": {"expr": edge}}, "text": {"field": "title"}}
    bold = {"fontWeight": "bold", "fontSize": 12, "align": "left", "fill": colour("ink")}
    layers = [
        *_cells(series(keys), frame, 0.6, 11),
        layer(bare, "point", marks, marked, filled=True, size=50, aria=False),
        layer(bare, "text", left, heads, **bold),
    ]
    apart = {"resolve": {"scale": {"color": "independent", "opacity": "independent"}}}
    return boxed(frame, rows, layers) | apart


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
        layer(bare, "rule", ends, edges, color=colour("edge"), strokeWidth=1.6, aria=False),
        *([layer(bare, "rule", ends, marked, **bold)] if marked else []),
        layer(frame, "circle", {"color": series(keys)}, size=440, opacity=1),
        layer(frame, "point", {}, roles, **ring),
        layer(frame, "text", ink, fontSize=12, fontWeight="bold", aria=False),
        layer(frame, "text", {"text": {"field": "role"}}, roles, dy=away, **muted, aria=False),
    ]
    return boxed(frame, vertices, layers) | {"resolve": {"scale": {"color": "independent"}}}


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
