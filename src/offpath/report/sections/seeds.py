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
from offpath.slices import HARD_HEADLINE, HEADLINE, Slice

PERCENT = ("accuracy", "balanced", "recalibrated")  # scores that are shares
NAMES = {
    "balanced": "balanced accuracy",
    "rank_correlation": "rank correlation",
    "recalibrated": "accuracy after recalibration",
    "auroc": "AUROC of “no path”",
    "r2": "R²",
    "mse": "mean squared error",
}
RULE = Key("best rule", colour("muted"), "dashed")
NETWORK = "finetuned"  # which the headline is about
LEVELS = {"higher": "above", "lower": "below"}  # how a verdict beside the rule is marked
LONGEST_LINE = 14  # letters of a name beside a chart
ROW_HEIGHT = 26  # of a line of dots


def sections(comparison: Comparison, known: Mapping[str, object]) -> list[Section]:
    """The answer with its dots and differences, then every score."""
    known = {**known, "score": score_name(comparison)}
    notes = words.paragraph(*(words.sentence(one.replace("`", "")) for one in comparison.notes))
    slices = known_slices(comparison)
    figures = [_strips_figure(comparison, slices, known)]
    if comparison.differences:
        tables = [t for where in slices for t in difference_tables(comparison, where)]
        figures.append(Figure(*caption("seeds.differences", known), tables=tables))
    tables = [t for where in slices for t in score_tables(comparison, where)]
    every = Figure(*caption("seeds.scores", known), tables=tables)
    return [
        Section(figures, notes, headline=headline(comparison), statement=statement(comparison),
                anchor="answer", title="The answer over seeds"),
        Section([every], anchor="scores", title="Scores by seed"),
    ]  # fmt: skip


def score_name(comparison: Comparison) -> str:
    """What is compared, in words."""
    return NAMES.get(comparison.score, comparison.score)


def known_slices(comparison: Comparison) -> list[Slice]:
    """The headline slices that the runs have, in their order."""
    there = {(row.by, row.slice) for row in comparison.scores}
    return [where for where in (*HARD_HEADLINE, *HEADLINE) if where[:2] in there]


def headline(comparison: Comparison) -> Table | None:
    """The fine-tuned network on each slice: mean and range over seeds, beside the best rule."""
    rows = []
    for where in known_slices(comparison) if comparison.score in PERCENT else ():
        for group in comparison.groups:
            cells = {row.predictor: row for row in comparison.of(where.by, where.slice, group)}
            if NETWORK in cells:
                entries = _headline_entries(comparison, where, cells)
                rows.append(TableRow(_title(comparison, where, group), entries, note=where.meaning))
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
    tick = rule.mean if rule else None
    lines += [f"{_name(comparison, rule)}: {words.percent(rule.mean)}"] if rule else []
    above = f"{row.above_rule[0]} of {len(row.seeds)}" if row.above_rule else "–"
    found = next((one for one in _on(comparison, where) if one.first == (row.group, NETWORK)
                  and one.second[1] == BEST_RULE), None)  # fmt: skip
    verdict = _verdict(found) if found else None
    return [
        Entry(lines, row.mean, tick, f"n {words.thousands(row.count)}"),
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
        for one in (one for one in _on(comparison, where) if one.verdict in LEVELS):
            names = (one.first_title.capitalize(), one.verdict, one.second_title)
            shown.setdefault(names, []).append(f"“{_title(comparison, where, '')}”")
    clauses += [f"{first} is {verdict} than {second} for {words.listed(titles)}."
                for (first, verdict, second), titles in shown.items()]  # fmt: skip
    rest = sum(one.verdict not in ("higher", "lower") for one in comparison.differences)
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
        f"{_title(comparison, where, '')}”"
        for where, row in rows.items()
    ]
    seeds = max(len(row.seeds) for row in rows.values())
    return (
        f"After fine-tuning, {score_name(comparison)} is {words.listed(parts)} "
        f"(mean and range of {seeds} seeds)."
    )


def score_tables(
    comparison: Comparison, where: Slice, most_seeds: int | None = None
) -> list[Table]:
    """For each group the scores of every predictor on a slice; by seed unless these are more."""
    made = []
    for group in comparison.groups:
        rows = comparison.of(where.by, where.slice, group)
        if rows:
            seeds = sorted({seed for row in rows for seed in row.seeds})
            seeds = seeds if most_seeds is None or len(seeds) <= most_seeds else []
            heads = [
                _title(comparison, where, group),
                "mean",
                "min",
                "median",
                "max",
                "above rule",
                *(f"seed {s}" for s in seeds),
            ]
            body = [TableRow(_name(comparison, r), _entries(comparison, r, seeds)) for r in rows]
            made.append(Table(_title(comparison, where, group), heads, body))
    return made


def _entries(comparison: Comparison, row: SeedScores, seeds: Sequence[int]) -> list[Entry | None]:
    by_seed = dict(zip(row.seeds, row.values, strict=True))
    middle = (row.mean, row.lowest, row.median, row.highest)
    above = Entry([f"{row.above_rule[0]}/{len(row.seeds)}"]) if row.above_rule else None
    values = [None if row.rule else by_seed.get(seed) for seed in seeds]
    return [
        *(_entry(comparison, v) for v in middle),
        above,
        *(_entry(comparison, v) for v in values),
    ]


def _entry(comparison: Comparison, value: float | None) -> Entry | None:
    return None if value is None else Entry([number(comparison, value)])


def number(comparison: Comparison, value: float, *, signed: bool = False) -> str:
    """A score, or a difference of scores with its sign: shares in per cent."""
    if comparison.score in PERCENT:
        text = f"{100 * value:+.1f}" if signed else f"{100 * value:.1f}"
        return text.replace("-", "−")
    plus = "+" if signed and value > 0 else ""
    return f"{plus}{words.significant(value)}"


def unit(comparison: Comparison) -> str:
    """The unit behind numbers of this score, with a comma before it."""
    return ", %" if comparison.score in PERCENT else ""


def difference_tables(comparison: Comparison, where: Slice) -> list[Table]:
    """The differences on a slice: within each group, then between groups."""
    found: dict[str, list[Difference]] = {}
    for one in _on(comparison, where):
        found.setdefault(one.first[0] if one.first[0] == one.second[0] else "", []).append(one)
    return [_difference_table(comparison, where, *part) for part in found.items()]


def _difference_table(
    comparison: Comparison, where: Slice, group: str, found: Sequence[Difference]
) -> Table:
    """One row for each difference; its title is the second of both, for the first is the same."""
    points = "points" if comparison.score in PERCENT else "difference"
    level = found[0].level
    interval = "interval" if level is None else f"{100 * level:.1f} % interval"
    what = f"{found[0].first_title} against" if group else "between groups"
    title = f"{_title(comparison, where, group)}: {what}"
    heads = [title, points, interval, "p", "Holm p", "verdict"]
    rows = []
    for one in found:
        ends = [number(comparison, end) for end in (one.low, one.high) if end is not None]
        texts = [number(comparison, one.estimate, signed=True), " to ".join(ends) or "–",
                 f"{one.p:.2g}", f"{one.adjusted_p:.2g}", one.verdict]  # fmt: skip
        name = one.second_title if group else f"{one.first_title} against {one.second_title}"
        rows.append(TableRow(name, [Entry([text]) for text in texts]))
    return Table(title, heads, rows, "unbroken")


def _title(comparison: Comparison, where: Slice, group: str) -> str:
    """The slice, and the group where there are several."""
    several = group and len(comparison.groups) > 1
    title = f"{where.title}, hard" if where.by == "hard" else where.title
    return f"{title} ({group})" if several else title


def _on(comparison: Comparison, where: Slice) -> list[Difference]:
    return [one for one in comparison.differences if (one.by, one.slice) == where[:2]]


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
        named = [_name(comparison, row) for row in rows if row.rule][:1]
        count = "; ".join([f"n {words.thousands(rows[0].count)}", *named])
        chart = strips(dots, keys, tall, groups=groups, bound=bound)
        charts.append(Chart(chart, _title(comparison, where, ""), count))
    legend = [*keys, RULE, *(groups if len(groups) > 1 else [])]
    return Figure(*caption("seeds.strips", known), charts=charts, legend=legend)


def _name(comparison: Comparison, row: SeedScores) -> str:
    """The title of a predictor; of the best rule, which it is."""
    titles = {one.predictor: one.title for one in comparison.predictors}
    return f"{row.title}: {titles[row.rule]}" if row.rule else row.title


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
