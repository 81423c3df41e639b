"""The section on the shift suite: which axis breaks which network, and what must not move it."""

from collections.abc import Iterator, Mapping, Sequence

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

Caption = tuple[str, str, dict[str, str], str]
SIDES = (Key("above the best trivial rule", colour("above"), "square"),
         Key("below", colour("below"), "square"))  # fmt: skip
ROW_HEIGHT, LEAST_WIDTH = 20, 44  # of a cell
MOST_COLUMNS = 8  # that share the width of the page; more are scrolled
LEAST_SCROLLED = 700  # the width of these


def section(story: Story, shifts: Shifts) -> Section:
    """Every network on every level beside the best rule, and the invariances."""
    if not shifts.axes:  # graphs are too small to differ in one thing
        return Section()
    there = {cell.predictor for axis in shifts.axes for cell in axis.cells}
    networks = [one for one in story.networks if one.name in there]
    first = looked_at(networks)
    parts = {"heat": first, "others": [one for one in networks if one not in first]}
    figures = [_heat_figure(story, shifts, name, own) for name, own in parts.items() if own]
    table = accuracy_table(shifts, first)
    figures.append(Figure(*story.caption("shifts.accuracy"), tables=[table]))
    if shifts.invariances:
        caption = story.caption("shifts.invariances")
        figures.append(Figure(*caption, tables=[invariance_table(shifts, networks)]))
    terms = [
        (axis.title, f"Moves {axis.moves}; holds {axis.holds}. {words.sentence(fall)}")
        for axis, fall in zip(shifts.axes, falls(shifts).values(), strict=True)
    ]
    return Section(figures, terms=terms, statement=statement(shifts))


def looked_at(networks: Sequence[Network]) -> list[Network]:
    """The networks that are looked at first: trained for themselves, no starts and no controls."""
    apart = ("untrained", "circuit-finetuned")
    return [
        one
        for one in networks
        if (one.control == "finetuned" if one.intervention else one.name not in apart)
    ]


def _heat_figure(story: Story, shifts: Shifts, name: str, networks: Sequence[Network]) -> Figure:
    titles = {row.predictor: row.title for row in shifts.predictors}
    rows = [
        {**place, **_numbers(cell, titles)}
        for axis in shifts.axes
        for place, cell in hard_cells(axis, networks)
    ]
    caption = story.caption(f"shifts.{name}", columns=len(networks))
    return heat_figure(caption, shifts.axes, rows, networks)


def heat_figure(
    caption: Caption, axes: Sequence[ShiftAxis], rows: Sequence[Row], networks: Sequence[Network]
) -> Figure:
    """Levels down, networks across: as wide as the page, or to be scrolled if they are many."""
    columns = [
        Key(one.title, colour(one.name), SHAPES[number % len(SHAPES)])
        for number, one in enumerate(networks)
    ]
    heads = [{"level": f"{axis.axis}\n", "title": axis.title} for axis in axes]
    lines = [line for axis in axes for line in (f"{axis.axis}\n", *_places(axis).values())]
    across = {"scale": {"domain": [key.title for key in columns]}}
    known = {"levels": len(lines) - len(heads), "axes": len(heads), "networks": len(columns)}
    made = frame("shifts", across, {"scale": {"domain": lines}}, **known)
    chart = heat(rows, SIDES, made._replace(height=ROW_HEIGHT * len(lines)), heads, columns)
    if len(columns) > MOST_COLUMNS:
        chart["width"] = max(LEAST_WIDTH * len(columns), LEAST_SCROLLED)
    return Figure(*caption, charts=[Chart(chart)], legend=[*columns, *SIDES])


def hard_cells(axis: ShiftAxis, networks: Sequence[Network]) -> Iterator[tuple[Row, BesideRule]]:
    """The cells of some networks on hard questions, and their place in a chart."""
    lines, titles = _places(axis), {level.level: level.title for level in axis.levels}
    named = {one.name: one.title for one in networks}
    for cell in axis.cells:
        if cell.predictor in named and cell.hard:
            place = {"axis": axis.title, "title": titles[cell.level], "level": lines[cell.level]}
            yield {"network": named[cell.predictor], **place}, cell.hard


def _places(axis: ShiftAxis) -> dict[str, str]:
    """The name of each level's line in the chart: its name, title, and `base` in a line each."""
    return {
        level.level: f"{level.level}\n{level.title}" + "\nbase" * (level.level == axis.base)
        for level in axis.levels
    }


def _numbers(hard: BesideRule, titles: Mapping[str, str]) -> Row:
    """What a cell shows and says."""
    own = {"accuracy": words.percent(hard.accuracy), "count": hard.count}
    own |= {"interval": f"{words.accuracy_interval(hard)} %", "above": words.above_rule(hard)}
    if hard.best_rule is None or hard.above_rule is None:
        return {**no_rule(hard.accuracy), **own}
    rule = f"{titles[hard.best_rule]} ({words.percent(hard.accuracy - hard.above_rule)})"
    return {
        **look(hard.above_rule, sure=words.beside_rule(hard) != "level with"),
        **own,
        "rule": rule,
    }


def look(above: float, *, sure: bool) -> Row:
    """What a cell looks like: its side, how strong it is, and the difference in whole points."""
    text = f"{100 * above:+.0f}".replace("-", "−")
    side = SIDES[above < 0].title
    return {"series": side, "strength": round(abs(above), 3), "text": text, "sure": sure}


def no_rule(accuracy: float) -> Row:
    """The look of a cell whose questions have one answer: no rule can miss it."""
    rule = {"text": f"{100 * accuracy:.0f} %", "rule": "one answer: no rule"}
    return {**look(0.0, sure=False), **rule}


def accuracy_table(shifts: Shifts, networks: Sequence[Network]) -> Table:
    """Levels down, networks across, on every question of a level."""
    rows = []
    for axis in shifts.axes:
        cells = {(cell.level, cell.predictor): cell.every for cell in axis.cells}
        for level in axis.levels:
            entries = [_accuracy(cells.get((level.level, one.name))) for one in networks]
            rows.append(TableRow(level.title, entries, axis.axis, axis.title))
    return Table("Every question", ["level", *(one.title for one in networks)], rows, "heat")


def _accuracy(every: BesideRule | None) -> Entry | None:
    if every is None:
        return None
    lines = [words.percent(every.accuracy), words.accuracy_interval(every)]
    return Entry(lines, every.accuracy, hover=f"above {every.best_rule}: {words.above_rule(every)}")


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
        judged = any(cell.hard and cell.hard.best_rule for cell in axis.cells)
        text = (
            "at no level below the best rule" if judged else "hard questions have one answer alone"
        )
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
