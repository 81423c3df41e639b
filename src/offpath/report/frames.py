"""What charts stand in: axes, layers, the look of series, and what the page does with them.

In: `assets/charts.toml` and what a mark draws. Out: parts of Vega-Lite specifications. Charts with
a true distance in their rows have a parameter `distance`, by which the page links them; those with
numbers on both axes have `zoom_x` and `zoom_y`, the domains that are looked at.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from offpath.report.parts import SHAPES, Key, Spec, colour
from offpath.report.words import asset, filled

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


def layer(
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
        away = {"test": faint(frame), "value": 0.12}
        whole["opacity"] = {"condition": away, "value": look.get("opacity", 1)}
    given = {channel: field for channel, field in whole.items() if field is not None}
    layer = {"mark": {"type": mark, **look}, "encoding": given}
    return layer if rows is None else {**layer, "data": {"values": rows}}


def boxed(frame: Frame, rows: Sequence[Row], layers: list[Spec]) -> Spec:
    """Layers on top of each other, the first at the bottom, as wide as the box they stand in."""
    bare, beneath = frame._replace(words={}), []
    if frame.band:
        row, end = {frame.x["field"]: frame.band[0], "until": frame.band[1]}, {"field": "until"}
        shade = {"color": colour("estimate"), "opacity": 0.14, "aria": False}
        beneath += [layer(bare, "rect", {"y": None, "x2": end}, [row], **shade)]
    if frame.level:
        row, key = {frame.y["field"]: frame.level[0]}, frame.level[1]
        look = {"color": key.colour, "strokeDash": DASHES[key.shape], "strokeWidth": 1.5}
        beneath += [layer(bare, "rule", {"x": None}, [row], **look)]
    box = {"description": frame.name, "width": "container", "height": frame.height}
    fit = {"autosize": {"type": "fit-x", "contains": "padding"}}
    return {**box, **fit, **about(frame), "data": {"values": rows}, "layer": [*beneath, *layers]}


def about(frame: Frame) -> Spec:
    """The parameter that links charts, and what the page's script needs to know."""
    params = [{"name": "distance", "value": None}] if frame.distance else []
    return {"params": params, "usermeta": {"distance": frame.distance}}


def faint(frame: Frame) -> str:
    """When a mark steps back: another true distance is looked at."""
    return f"distance !== null && datum['{frame.distance}'] !== distance"


def zoomed(frame: Frame) -> Frame:
    """The frame with axes whose domains are parameters."""
    sides = [
        axis | {"scale": axis["scale"] | {"domainRaw": {"expr": f"zoom_{side}"}}}
        for side, axis in (("x", frame.x), ("y", frame.y))
    ]
    return frame._replace(x=sides[0], y=sides[1])


def with_zoom(made: Spec, frame: Frame) -> Spec:
    """A chart of a zoomed frame, with these parameters."""
    domains = [{"name": f"zoom_{side}", "value": None} for side in "xy"]
    about = {"zoom": True, "log": frame.y["scale"].get("type") == "log"}
    params = [*made["params"], *domains]
    return {**made, "params": params, "usermeta": made["usermeta"] | about}


def series(keys: Sequence[Key], shapes: bool = False) -> Spec:
    """A colour of its own for each series, and a shape: colour is never the only difference."""
    if not shapes:
        return scaled("series", {key.title: key.colour for key in keys})
    known = {key.title: key.shape if key.shape in SHAPES else SHAPES[0] for key in keys}
    return scaled("series", known)


def scaled(field: str, looks: Mapping[str, object]) -> Spec:
    """A field whose values have these looks, in this order."""
    scale = {"domain": list(looks), "range": list(looks.values())}
    return {"field": field, "type": "nominal", "scale": scale, "legend": None}
