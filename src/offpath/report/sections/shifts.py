"""The section on the shift suite: which axis breaks which network, and what must not move it."""

from collections.abc import Sequence

from offpath.networks import Network
from offpath.report import words
from offpath.report.frames import Row, frame
from offpath.report.marks import heat
from offpath.report.parts import (
    SHAPES,
    Chart,
    Entry,
    Figure,
    Key,
    Section,
    Story,
    Table,
    TableRow,
    colour,
)
from offpath.results import BesideRule, Invariance, ShiftAxis, Shifts

SIDES = (Key("above the best trivial rule", colour("above"), "square"),
         Key("below", colour("below"), "square"))  # fmt: skip
ROW_HEIGHT, LEAST_WIDTH = 20, 44  # of a cell
MOST_COLUMNS = 8  # that share the width of the page; more are scrolled
LEAST_SCROLLED = 700  # the width of these


def section(story: Story, shifts: Shifts) -> Section:
    """Every network on every level beside the best rule, and the invariances."""
    there = {cell.predictor for axis in shifts.axes for cell in axis.cells}
    networks = [one for one in story.networks if one.name in there]
    first = [one for one in networks if _first(one)]
    parts = {"heat": first, "others": [one for one in networks if one not in first]}
    figures = [_heat_figure(story, shifts, name, own) for name, own in parts.items() if own]
    if shifts.invariances:
        caption = story.caption("shifts.invariances")
        figures.append(Figure(*caption, tables=[invariance_table(shifts, networks)]))
    terms = [
        (axis.title, f"Moves {axis.moves}; holds {axis.holds}. {words.sentence(fall)}")
        for axis, fall in zip(shifts.axes, falls(shifts).values(), strict=True)
    ]
    return Section(figures, terms=terms, statement=statement(shifts))


def _first(network: Network) -> bool:
    """Whether a network is looked at first: trained for itself, not as a start or a control."""
    plain = not network.intervention and network.name not in ("untrained", "circuit-finetuned")
    return plain or network.control == "finetuned"


def _heat_figure(story: Story, shifts: Shifts, name: str, networks: Sequence[Network]) -> Figure:
    columns = [
        Key(one.title, colour(one.name), SHAPES[number % len(SHAPES)])
        for number, one in enumerate(networks)
    ]
    titles = {row.predictor: row.title for row in shifts.predictors}
    rows, heads = [], []
    for axis in shifts.axes:
        heads.append({"level": f"{axis.axis}\n", "title": axis.title, "moves": axis.moves})
        rows += _axis_rows(axis, {one.name: one.title for one in networks}, titles)
    lines = [line for axis in shifts.axes for line in (f"{axis.axis}\n", *_places(axis).values())]
    ordered = {"sort": None, "scale": {"domain": lines}}
    across = {"scale": {"domain": [key.title for key in columns]}}
    known = {"levels": len(lines) - len(heads), "axes": len(heads), "networks": len(columns)}
    made = frame("shifts", across, ordered, **known)._replace(height=ROW_HEIGHT * len(lines))
    chart = heat(rows, SIDES, made, heads=heads, columns=columns)
    if len(columns) > MOST_COLUMNS:
        chart["width"] = max(LEAST_WIDTH * len(columns), LEAST_SCROLLED)
    caption = story.caption(f"shifts.{name}", columns=len(columns))
    return Figure(*caption, charts=[Chart(chart)], legend=[*columns, *SIDES])


def _places(axis: ShiftAxis) -> dict[str, str]:
    """The name of each level's line in the chart: its name, title, and `base` in a line each."""
    return {
        level.level: f"{level.level}\n{level.title}" + "\nbase" * (level.level == axis.base)
        for level in axis.levels
    }


def _axis_rows(axis: ShiftAxis, networks: dict[str, str], titles: dict[str, str]) -> list[Row]:
    """The cells of one axis that have a difference from a rule."""
    places = _places(axis)
    level_titles = {level.level: level.title for level in axis.levels}
    return [
        {
            "network": networks[cell.predictor],
            "axis": axis.title,
            "title": level_titles[cell.level],
            "level": places[cell.level],
            **_numbers(cell.hard, titles),
        }
        for cell in axis.cells
        if cell.predictor in networks and cell.hard and cell.hard.above_rule is not None
    ]


def _numbers(hard: BesideRule, titles: dict[str, str]) -> Row:
    """What a cell shows and says."""
    above, low, high = hard.above_rule or 0.0, hard.above_rule_low, hard.above_rule_high
    rule = f"{titles[hard.best_rule or '']} ({words.percent(hard.accuracy - above)})"
    return {
        "series": SIDES[above < 0].title,
        "strength": round(abs(above), 3),
        "text": f"{100 * above:+.0f}".replace("-", "−"),
        "sure": (low or 0) > 0 or (high or 0) < 0,
        "above": words.above_rule(hard),
        "accuracy": words.percent(hard.accuracy),
        "interval": f"{words.accuracy_interval(hard)} %",
        "rule": rule,
        "count": hard.count,
    }


def invariance_table(shifts: Shifts, networks: Sequence[Network]) -> Table:
    """Networks down, what is changed across."""
    variants = list(dict.fromkeys(row.variant for row in shifts.invariances))
    found = {(row.predictor, row.variant): row for row in shifts.invariances}
    rows = [
        TableRow(
            one.title,
            [_invariance(found.get((one.name, variant))) for variant in variants],
            "intervention" if one.intervention else "",
        )
        for one in networks
    ]
    return Table("Invariances", ["network", *variants], rows, "narrow")


def _invariance(row: Invariance | None) -> Entry | None:
    if row is None:
        return None
    changes = f"{words.significant(row.mean_change)}, {words.significant(row.largest_change)}"
    return Entry([words.percent(row.changed), changes])


def statement(shifts: Shifts) -> str:
    """On how many axes the network falls below the best rule, and where it is lowest."""
    cells = [
        (cell, f"{axis.title}: {title}")
        for axis in shifts.axes
        for title, cell in _below(axis, _judged(shifts)).items()
    ]
    name = next(p.title for p in shifts.predictors if p.predictor == _judged(shifts))
    axes = sum(bool(_below(axis, _judged(shifts))) for axis in shifts.axes)
    start = f"On hard questions, the network “{name}” falls below the best trivial rule"
    if not cells:
        return f"{start} on none of {len(shifts.axes)} axes."
    cell, place = min(cells, key=lambda pair: pair[0].above_rule or 0.0)
    least = f"{words.points(cell.above_rule or 0.0)} points"
    return f"{start} on {axes} of {len(shifts.axes)} axes; it is lowest at “{place}” ({least})."


def falls(shifts: Shifts) -> dict[str, str]:
    """By title of each axis: at which level the network falls below the best rule first."""
    found = {}
    for axis in shifts.axes:
        below = _below(axis, _judged(shifts))
        text = "at no level below the best rule"
        if below:
            lowest = min(below, key=lambda title: below[title].above_rule or 0.0)
            places = [
                f"“{title}” ({words.points(below[title].above_rule or 0.0)})"
                for title in dict.fromkeys((next(iter(below)), lowest))
            ]
            text = f"first below the best rule at {', lowest at '.join(places)}"
        found[axis.title] = text
    return found


def _judged(shifts: Shifts) -> str:
    """The network that sentences are about: the fine-tuned one, if there is one."""
    names = [row.predictor for row in shifts.predictors]
    return next(name for name in ("finetuned", "pretrained", "circuit") if name in names)


def _below(axis: ShiftAxis, network: str) -> dict[str, BesideRule]:
    """The levels, by title, at which the interval of the difference from the rule is below 0."""
    titles = {level.level: level.title for level in axis.levels}
    return {
        titles[cell.level]: cell.hard
        for cell in axis.cells
        if cell.predictor == network and cell.hard and words.beside_rule(cell.hard) == "below"
    }
