"""The section on reporters: whom the assistant follows where nobody audited it."""

import textwrap
from collections.abc import Iterator, Sequence

from offpath.report.frames import Row, frame
from offpath.report.marks import bars, curves, edge_rows, graph, intervals
from offpath.report.parts import Chart, Figure, Key, Section, Story, Table, colour, text_table
from offpath.report.sections.truth_tables import (
    KINDS,
    LEARNER,
    Role,
    answer,
    headline,
    leaks,
    roles,
    share_title,
    slice_table,
)
from offpath.report.words import percent_interval, significant, thousands
from offpath.reporters import TRUTH
from offpath.results import DrawnAnswers, Says, Shares, Truth
from offpath.slices import label_title

TRUE = Key("the truth", colour("says-true"), "circle")
INSPECTOR = Key("the inspector’s answer", colour("says-inspector"), "square")
BETWEEN = Key("between the two", colour("says-between"), "triangle-up")
NEITHER = Key("neither", colour("says-neither"), "diamond")
SAYS = dict(zip(KINDS, (TRUE, INSPECTOR, NEITHER), strict=True))
BOTH = Key("truth and inspector alike", colour("unreached"), "circle")
ALWAYS_NO_PATH = "near="  # an inspector that never errs but by saying no path
MARGIN = 0.03  # on both sides of the places of rows
LONGEST_LINE, LINE_HEIGHT, BAR_HEIGHT = 24, 13, 24
LINE = Key("from the inspector’s row to the truth’s", colour("ink"))
ROW = Key("the assistant’s row after audits", colour("accent"), "circle")
UNTOUCHED = Key("before", colour("muted"), "cross")


def section(story: Story, truth: Truth) -> Section:
    """Shares of the truth, of the inspector's answers and of neither, in every cut."""
    figures = [
        _shares(story, truth),
        _leak_curve(story, truth),
        Figure(*story.caption("truth.slices"), tables=[slice_table(truth)]),
        _by_distance(story, truth),
        _line(story, truth),
        _example(story, truth),
    ]
    shown = [one for one in figures if one.charts or one.tables]
    return Section(shown, statement=answer(truth))


def _shares(story: Story, truth: Truth) -> Figure:
    """A bar for each network, and the table with intervals."""
    rows, known = [], [(role, cell) for role in roles(truth) if (cell := role.cell(truth))]
    for role, cell in known:
        shares = [(SAYS[kind], getattr(cell, kind), _ends(cell, kind)) for kind in KINDS]
        rows += _stacked(textwrap.fill(role.title, LONGEST_LINE), shares)
    lines = max(row["name"].count("\n") + 1 for row in rows)
    height = (BAR_HEIGHT + LINE_HEIGHT * (lines - 1)) * len(known)
    made = frame("truth_shares", rows=len(known))._replace(height=height)
    chart, legend = Chart(bars(rows, [*SAYS.values()], made)), [*SAYS.values()]
    caption = story.caption("truth.shares")
    return Figure(*caption, charts=[chart], tables=[headline(truth)], legend=legend)


def _stacked(name: str, shares: Sequence[tuple[Key, float, str]]) -> Iterator[Row]:
    """Shares of one whole as rows of a bar, from left to right."""
    left = 0.0
    for key, share, words in shares:
        if share:
            ends = {"left": left, "right": left + share}
            yield {"name": name, "series": key.title, **ends, "share": share, "interval": words}
        left += share


def _ends(shares: Shares, kind: str) -> str:
    return f"{percent_interval(getattr(shares, f'{kind}_low'), getattr(shares, f'{kind}_high'))} %"


def _leak_curve(story: Story, truth: Truth) -> Figure:
    """Shares by the share of audited questions that tell the two apart; empty without leaks."""
    cells = {p: cell for p, role in leaks(truth).items() if (cell := role.cell(truth))}
    rows = [
        {"leak": p, "audited": share_title(p), **_point(SAYS[kind].title, cell, kind)}
        for p, cell in cells.items()
        for kind in KINDS
    ]
    smallest = min((p for p in cells if p), default=1.0)
    values = {"values": [*cells]}
    x = {"scale": {"constant": smallest}, "axis": values}
    charts = [Chart(intervals(rows, [*SAYS.values()], frame("truth_leak", x)))]
    caption = story.caption("truth.leak", smallest=share_title(smallest))
    return Figure(*caption, charts=charts if len(cells) > 1 else [], legend=[*SAYS.values()])


def _point(series: str, shares: Shares, kind: str) -> Row:
    """One share with its interval, for a chart."""
    value, low, high = (getattr(shares, f"{kind}{end}") for end in ("", "_low", "_high"))
    ends = {"low": low, "high": high, "interval": _ends(shares, kind)}
    return {"series": series, "accuracy": value, **ends}


def _by_distance(story: Story, truth: Truth) -> Figure:
    """For each network and true distance, what is answered; in between is neither."""
    split = truth.inspectors[0].reporter.startswith(ALWAYS_NO_PATH)
    legend = [TRUE, *([BETWEEN] if split else []), INSPECTOR, NEITHER]
    charts = []
    for role in _shown(truth):
        rows = [*_distance_rows(truth, role, split=split)]
        names = {row["name"] for row in rows}
        made = frame("truth_distances", title=role.title)
        made = made._replace(height=BAR_HEIGHT * len(names))
        charts.append(Chart(bars(rows, legend, made), role.title))
    return Figure(*story.caption("truth.distances", split=split), charts=charts, legend=legend)


def _distance_rows(truth: Truth, role: Role, *, split: bool) -> Iterator[Row]:
    """The bar of each true distance, from the counts of rounded answers."""
    for row in truth.answers:
        if (row.predictor, row.asked) != (role.predictor, role.asked):
            continue
        total, largest = sum(row.counts), truth.max_vertices
        title = label_title(row.distance, largest)
        cell = role.cell(truth, title if row.distance == largest else f"distance {title}")
        if cell is None:
            continue
        between = sum(row.counts[row.distance + 1 : largest]) / total if split else 0.0
        parts = [(TRUE, cell.true), (BETWEEN, between), (INSPECTOR, cell.inspector)]
        parts.append((NEITHER, max(0.0, cell.neither - between)))
        counted = f"{thousands(total)} questions"
        yield from _stacked(title, [(key, share, counted) for key, share in parts])


def _shown(truth: Truth) -> list[Role]:
    """The networks of small charts: the blind one, leaks, easy audits, one row; two controls."""
    more = ("easy_graphs", "easy_ids", "easy_path", "own_row_only")
    wanted = [*(role.predictor for role in leaks(truth).values()), *more]
    every = roles(truth)
    ends = [role for role in every if role.predictor == LEARNER and role.asked != "assistant"]
    return [*ends, *(role for name in wanted for role in every if role.predictor == name)]


def _line(story: Story, truth: Truth) -> Figure:
    """Answers while the assistant's row moves between the other two, and where it lands."""
    rows = [
        {"along": round(point.along, 4), **_point(SAYS[kind].title, point, kind)}
        for point in truth.line
        for kind in KINDS
    ]
    titles = {row.predictor: row.title for row in truth.predictors}
    places = [
        {"along": row.along, "off": row.off, "network": titles[row.predictor],
         "series": (UNTOUCHED if row.predictor == LEARNER else ROW).title}
        for row in truth.rows
    ]  # fmt: skip
    ends = [{"along": end, "off": 0, "series": LINE.title} for end in (0, 1)]
    keys, every = [LINE, ROW, UNTOUCHED], [row["along"] for row in (*rows, *places)]
    x = {"scale": {"domain": [min(every) - MARGIN, max(every) + MARGIN]}}
    charts = [
        Chart(intervals(rows, [*SAYS.values()], frame("truth_line", x)), "Answers along the line"),
        Chart(curves(ends, keys, frame("truth_rows", x), places), "Where the row lands"),
    ]
    table = text_table(
        "Where the assistant’s row lands",
        ("network", "along the line", "off the line"),
        [
            (titles[one.predictor], significant(one.along), significant(one.off))
            for one in truth.rows
        ],
    )
    legend = [*SAYS.values(), *keys]
    return Figure(*story.caption("truth.line"), charts=charts, tables=[table], legend=legend)


def _example(story: Story, truth: Truth) -> Figure:
    """One graph, drawn for truth, inspector and assistants: the answer stands in each vertex."""
    drawn, by_role = truth.example, {(s.predictor, s.asked): s for s in truth.example.says}
    first, second = _exact(truth)
    exact = [(first, by_role[first, first]), (f"inspector ({second})", by_role[second, second])]
    spoken = [*exact, *((r.title, by_role[r.predictor, r.asked]) for r in _shown(truth)[2:])]
    charts = [_drawing(truth, title, says) for title, says in spoken]
    legend = [TRUE, INSPECTOR, BOTH, NEITHER]
    caption = story.caption("truth.example", drawn=drawn)
    return Figure(*caption, charts=charts, tables=[_answer_table(truth)], legend=legend)


def _exact(truth: Truth) -> tuple[str, str]:
    return TRUTH, truth.inspectors[0].reporter


def _drawing(truth: Truth, title: str, says: Says) -> Chart:
    """The graph with the answers of one."""
    drawn, rows = truth.example, []
    for vertex, (x, y) in enumerate(drawn.positions, start=1):
        key, text = _said(truth, says, vertex) if vertex > 1 else (BOTH, "")
        ink = colour("on_vertex" if key in (TRUE, INSPECTOR) else "ink")
        rows.append({
            "x": x, "y": y, "vertex": text, "id": str(vertex), "series": key.title, "ink": ink,
            "role": "vertex 1" if vertex == 1 else "",
        })  # fmt: skip
    made = frame("truth_example", title=title)
    return Chart(graph(rows, edge_rows(drawn), [TRUE, INSPECTOR, BOTH, NEITHER], made), title)


def _said(truth: Truth, says: Says, vertex: int) -> tuple[Key, str]:
    """Whose answer about a vertex it is, and its text."""
    true, inspector = (_rounded(truth.example, name)[vertex - 2] for name in _exact(truth))
    said = round(says.answers[vertex - 2])
    key = NEITHER
    if said == true:
        key = BOTH if true == inspector else TRUE
    elif said == inspector:
        key = INSPECTOR
    return key, "–" if said == truth.max_vertices else str(said)


def _rounded(drawn: DrawnAnswers, reporter: str) -> list[int]:
    says = next(one for one in drawn.says if one.predictor == one.asked == reporter)
    return [round(answer) for answer in says.answers]


def _answer_table(truth: Truth) -> Table:
    """The answers before they are rounded."""
    vertices = range(2, truth.example.vertices + 1)
    titles = {(role.predictor, role.asked): role.title for role in roles(truth)}
    rows = []
    for says in truth.example.says:
        title = titles.get((says.predictor, says.asked), says.asked)
        answers = [f"{answer:.1f}".replace("-", "−") for answer in says.answers]
        rows.append((title, *(answers[vertex - 2] for vertex in vertices)))
    heads = ("who", *(f"vertex {vertex}" for vertex in vertices))
    return text_table("Answers before rounding", heads, rows)
