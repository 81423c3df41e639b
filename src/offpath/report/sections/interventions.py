"""The section on interventions: what each gains beyond fine-tuning, and what it forgets."""

import textwrap
from collections.abc import Iterator

from offpath.networks import Network
from offpath.report import parts, words
from offpath.report.frames import frame
from offpath.report.marks import intervals
from offpath.report.parts import Chart, Entry, Figure, Key, Section, Story, Table, TableRow, colour
from offpath.report.sections.matrix import accuracy_row
from offpath.results import Cell, Matrix
from offpath.slices import ANY_TARGET, HARD, OFF_PATH, POOLED, Slice, distance_slice

FIRST_TASK = "pretraining"
LONGEST_LINE, LINE_HEIGHT, LEAST_LINES = 20, 14, 2.4
WARM = Key("fine-tuned", colour("finetuned"), "circle")
COLD = Key("its control from scratch", colour("scratch"), "square")
RULE = Key("best trivial rule", colour("muted"), "cross")


def section(story: Story, matrix: Matrix) -> Section:
    """Every intervention beside fine-tuning, its control and the best rule; none without any."""
    pairs = list(_pairs(story.networks))
    if len(pairs) < 2:  # fine-tuning alone
        return Section()
    places = _places(matrix)
    charts = [_chart(matrix, title, place, pairs) for title, place in places.items()]
    figures = [
        Figure(*story.caption("interventions.table"), tables=[_table(matrix, places, pairs)]),
        Figure(*story.caption("interventions.chart"), charts=charts, legend=[WARM, COLD, RULE]),
    ]
    return Section(figures, statement=_statement(matrix, pairs))


def _pairs(networks: list[Network]) -> Iterator[tuple[Network, Network | None]]:
    """Fine-tuning and each intervention, with its control from scratch where it has one."""
    named = {one.name: one for one in networks}
    if "finetuned" in named:
        yield named["finetuned"], named.get("scratch")
    for one in networks:
        if one.intervention and one.control == "finetuned":
            yield one, next((other for other in networks if other.control == one.name), None)


def _places(matrix: Matrix) -> dict[str, tuple[str, Slice]]:
    """What is asked, by title: hard questions and cut-off targets, and the pre-training task."""
    no_path = distance_slice(matrix.max_vertices, matrix.max_vertices)
    asked = {f"hard: {where.title}": (ANY_TARGET, where) for where in HARD[1:4]}
    asked["unreachable"] = (ANY_TARGET, OFF_PATH[2])
    asked |= {"pre-training": (FIRST_TASK, POOLED), "pre-training: no path": (FIRST_TASK, no_path)}
    return {title: place for title, place in asked.items() if matrix.count(*place)}


def _table(
    matrix: Matrix,
    places: dict[str, tuple[str, Slice]],
    pairs: list[tuple[Network, Network | None]],
) -> Table:
    """Pre-training, fine-tuning, each intervention and its control, and the best rule."""
    rows = [_row(matrix, places, "pretrained", "pre-trained", "")]
    for one, control in pairs:
        rows.append(_row(matrix, places, one.name, one.title, one.name))
        rows += [_row(matrix, places, control.name, control.title, one.name)] if control else []
    rules = [_rule_entry(matrix, *place) for place in places.values()]
    rows.append(TableRow(RULE.title, rules, "rule"))
    heads = [f"{title}\nn {words.thousands(matrix.count(*p))}" for title, p in places.items()]
    return Table("Interventions", ["network", *heads], rows, "heat")


def _row(
    matrix: Matrix, places: dict[str, tuple[str, Slice]], name: str, title: str, group: str
) -> TableRow:
    entries = []
    for world, where in places.values():
        cell, before = (matrix.cell(one, world, where) for one in (name, "pretrained"))
        beside = ""
        if world == FIRST_TASK and cell and before and name != "pretrained":
            beside = words.points(cell.accuracy - before.accuracy)
        elif cell and where.by == "hard" and cell.above_rule is not None:
            beside = f"{words.points(cell.above_rule)} to rule"
        entries.append(_entry(cell, beside))
    return TableRow(title, entries, group)


def _entry(cell: Cell | None, beside: str) -> Entry | None:
    if cell is None:
        return None
    lines = [words.percent(cell.accuracy), words.accuracy_interval(cell), beside]
    hover = f"above {cell.best_rule or 'the best rule'} by {words.above_rule(cell)} points"
    numbers = parts.numbers(cell)
    return Entry([*filter(None, lines)], cell.accuracy, hover=hover, numbers=numbers)


def _rule_entry(matrix: Matrix, world: str, where: Slice) -> Entry | None:
    """The best rule; a dash where every answer is the same: it would know it."""
    cell = matrix.best_rule(world, where)
    if cell is None or cell.r2 is None:
        return None
    title = next(row.title for row in matrix.predictors if row.predictor == cell.predictor)
    return Entry([words.percent(cell.accuracy), title], cell.accuracy, numbers=parts.numbers(cell))


def _chart(
    matrix: Matrix,
    title: str,
    place: tuple[str, Slice],
    pairs: list[tuple[Network, Network | None]],
) -> Chart:
    """Interventions down, accuracy across: a mark for the network and one for its control."""
    rows = []
    for one, control in pairs:
        named = Slice("", "", textwrap.fill(one.title, LONGEST_LINE), "")
        for key, network in ((WARM, one), (COLD, control)):
            if network and (cell := matrix.cell(network.name, *place)):
                rows.append(accuracy_row(key.title, named, cell))
    rule = matrix.best_rule(*place)
    if rule and rule.r2 is not None:
        rows.append(accuracy_row(RULE.title, Slice("", "", RULE.title, ""), rule))
    lines = len({row["slice"] for row in rows})
    most = max(LEAST_LINES, *(row["slice"].count("\n") + 1 for row in rows))  # lines of a name
    height = round(LINE_HEIGHT * most * lines)
    made = frame("interventions", title=title, rows=lines)._replace(height=height)
    return Chart(intervals(rows, [WARM, COLD, RULE], made), title)


def _statement(matrix: Matrix, pairs: list[tuple[Network, Network | None]]) -> str:
    """Which interventions are above the best rule, for each kind of hard question."""
    clauses = []
    for where in HARD[1:4]:
        cells = [(one, matrix.cell(one.name, ANY_TARGET, where)) for one, _ in pairs[1:]]
        above = [f"“{one.title}”" for one, c in cells if c and words.beside_rule(c) == "above"]
        clauses.append(f"{where.title}: {words.listed(above) or 'none'}")
    return f"Above the best trivial rule on hard questions, {'; '.join(clauses)}."
