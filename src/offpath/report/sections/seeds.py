"""Several runs beside each other: a dot for each seed, differences with verdicts, every score.

In: a `Comparison`. Out: sections of the page; their tables are those of the terminal too.
"""

import textwrap
from collections.abc import Mapping, Sequence
from functools import partial

from offpath.comparison import BEST_RULE, Comparison, Difference, SeedScores
from offpath.report import words
from offpath.report.frames import Row, frame
from offpath.report.marks import strips
from offpath.report.parts import (
    SHAPES,
    Chart,
    Entry,
    Figure,
    Key,
    Section,
    Spec,
    Table,
    TableRow,
    caption,
    colour,
)
from offpath.report.sections.seed_tables import (
    PERCENT,
    difference_tables,
    differences_on,
    known_slices,
    name_of,
    number,
    score_name,
    score_tables,
    slice_title,
    unit,
)
from offpath.slices import Slice

RULE = Key("best rule", colour("muted"), "dashed")
NETWORK = "finetuned"  # which the headline is about
LEVELS = {"higher": "above", "lower": "below"}  # how a verdict beside the rule is marked
LONGEST_LINE = 14  # letters of a name beside a chart
ROW_HEIGHT = 26  # of a line of dots


def sections(comparison: Comparison, known: Mapping[str, object]) -> list[Section]:
    """The answer with its dots and differences, then every score."""
    known = {**known, "score": score_name(comparison)}
    slices = known_slices(comparison)
    figures = [_strips_figure(comparison, slices, known)]
    if comparison.differences:
        tables = [t for where in slices for t in difference_tables(comparison, where)]
        figures.append(Figure(*caption("seeds.differences", known), tables=tables))
    tables = [t for where in slices for t in score_tables(comparison, where)]
    every = Figure(*caption("seeds.scores", known), tables=tables)
    return [
        Section(figures, _test(comparison, known), headline=headline(comparison),
                statement=statement(comparison), anchor="answer", title="The answer over seeds"),
        Section([every], anchor="scores", title="Scores by seed"),
    ]  # fmt: skip


def _test(comparison: Comparison, known: Mapping[str, object]) -> str:
    """How a verdict is reached, and what limits it here."""
    most = max((len(one.seeds) for one in comparison.differences), default=0)
    floor = {**known, "floor": words.significant(2.0 ** (1 - most))}
    text = words.filled(words.asset("captions")["seeds"]["text"], floor) if most else ""
    return words.paragraph(text, *(words.sentence(n.replace("`", "")) for n in comparison.notes))


def headline(comparison: Comparison) -> Table | None:
    """The fine-tuned network on each slice: mean and range over seeds, beside the best rule."""
    rows = []
    for where in known_slices(comparison) if comparison.score in PERCENT else ():
        for group in comparison.groups:
            cells = {row.predictor: row for row in comparison.of(where.by, where.slice, group)}
            if NETWORK in cells:
                entries = _headline_entries(comparison, where, cells)
                rows.append(
                    TableRow(slice_title(comparison, where, group), entries, note=where.meaning)
                )
    heads = (
        "targets",
        f"{score_name(comparison)}, mean (smallest–largest)",
        "seeds above the rule",
        "test beside the rule",
    )
    return Table("The fine-tuned network over seeds", heads, rows, "headline") if rows else None


def _headline_entries(
    comparison: Comparison, where: Slice, cells: Mapping[str, SeedScores]
) -> list[Entry | None]:
    """A bar with a tick at the best rule, how many seeds are above it, and the verdict."""
    row, rule = cells[NETWORK], cells.get(BEST_RULE)
    lines = [words.percent(row.mean), f"({words.percent_interval(row.lowest, row.highest)})"]
    lines += [f"{name_of(comparison, rule)}: {words.percent(rule.mean)}"] if rule else []
    above = f"{row.above_rule[0]} of {len(row.seeds)}" if row.above_rule else "–"
    names = (row.group, NETWORK), BEST_RULE
    pairs = differences_on(comparison, where)
    found = next((one for one in pairs if (one.first, one.second[1]) == names), None)
    verdict = _verdict(found) if found else None
    return [
        Entry(lines, row.mean, rule.mean if rule else None, f"n {words.thousands(row.count)}"),
        Entry([above]),
        verdict,
    ]


def _verdict(found: Difference) -> Entry:
    group = LEVELS.get(found.verdict, "level")
    return Entry([found.verdict, f"Holm p {found.adjusted_p:.2g}"], group=group)


def statement(comparison: Comparison) -> str:
    """The fine-tuned network in numbers; every difference that is shown, and how many are not."""
    clauses = [_mean_sentence(comparison)]
    shown: dict[tuple[str, str, str], list[str]] = {}
    for where in known_slices(comparison):
        for one in (one for one in differences_on(comparison, where) if one.verdict in LEVELS):
            names = (one.first_title.capitalize(), one.verdict, one.second_title)
            shown.setdefault(names, []).append(f"“{slice_title(comparison, where, '')}”")
    clauses += [f"{first} is {verdict} than {second} for {words.listed(titles)}."
                for (first, verdict, second), titles in shown.items()]  # fmt: skip
    rest = sum(one.verdict not in LEVELS for one in comparison.differences)
    if rest:
        many = f"{rest} of {len(comparison.differences)} comparisons"
        clauses.append(f"No difference is shown in {many}.")
    return words.paragraph(*clauses)


def _mean_sentence(comparison: Comparison) -> str:
    """Mean and range over seeds on each slice; nothing for several groups, or without the network.

    The table beside it has the groups.
    """
    rows = {
        where: row
        for where in known_slices(comparison)
        for row in comparison.of(where.by, where.slice, comparison.groups[0])
        if row.predictor == NETWORK
    }
    if not rows or len(comparison.groups) > 1:
        return ""
    own, sign = partial(number, comparison), unit(comparison)[1:].replace(" ", words.NO_BREAK)
    parts = [
        f"{own(row.mean)}{sign} ({own(row.lowest)}–{own(row.highest)}) for “"
        f"{slice_title(comparison, where, '')}”"
        for where, row in rows.items()
    ]
    seeds = max(len(row.seeds) for row in rows.values())
    return (
        f"After fine-tuning, {score_name(comparison)} is {words.listed(parts)} "
        f"(mean and range of {seeds} seeds)."
    )


def _strips_figure(
    comparison: Comparison, slices: Sequence[Slice], known: Mapping[str, object]
) -> Figure:
    """A panel for each slice, a line of dots for each network."""
    there = {row.predictor for row in comparison.scores}
    networks = [p for p in comparison.predictors if p.predictor in there]
    keys = [Key(p.title, colour(p.predictor), "circle") for p in networks]
    shapes = dict(zip(comparison.groups, [*SHAPES] * len(comparison.groups), strict=False))
    groups = [Key(group, colour("muted"), shape) for group, shape in shapes.items()]
    charts = []
    for where in slices:
        rows = [r for g in comparison.groups for r in comparison.of(where.by, where.slice, g)]
        dots = [dot for row in rows if row.predictor != BEST_RULE for dot in _dots(comparison, row)]
        bound = [{"score": row.values[0]} for row in rows if row.predictor == BEST_RULE][:1]
        lines = len({dot["predictor"] for dot in dots})
        own = frame("seeds", _axis(comparison), title=where.title, rows=lines, score=known["score"])
        tall = own._replace(height=ROW_HEIGHT * lines * len(groups) + 46)
        named = [name_of(comparison, row) for row in rows if row.rule][:1]
        count = "; ".join([f"n {words.thousands(rows[0].count)}", *named])
        chart = strips(dots, keys, tall, groups=groups, bound=bound)
        charts.append(Chart(chart, slice_title(comparison, where, ""), count))
    legend = [*keys, RULE, *(groups if len(groups) > 1 else [])]
    return Figure(*caption("seeds.strips", known), charts=charts, legend=legend)


def _dots(comparison: Comparison, row: SeedScores) -> list[Row]:
    name, per_cent = textwrap.fill(row.title, LONGEST_LINE), comparison.score in PERCENT
    place = {"series": row.title, "predictor": name, "group": row.group}
    return [
        {**place, "seed": seed, "score": v, "text": words.percent(v) if per_cent else f"{v:.4g}"}
        for seed, v in zip(row.seeds, row.values, strict=True)
    ]


def _axis(comparison: Comparison) -> Spec:
    title: Spec = {"title": score_name(comparison)}
    if comparison.score not in PERCENT:
        return title
    return {
        **title,
        "scale": {"domain": [0, 1]},
        "axis": {"format": "~%", "tickCount": 5, "labelFlush": True},
    }
