"""Tables of several runs: scores by seed, and differences with their verdicts.

In: a `Comparison`. Out: tables for the page and the terminal, and the words that they use.
"""

from collections.abc import Sequence

from offpath.comparison import Comparison, Difference, SeedScores
from offpath.report import words
from offpath.report.parts import Entry, Table, TableRow
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


def score_name(comparison: Comparison) -> str:
    """What is compared, in words."""
    return NAMES.get(comparison.score, comparison.score)


def known_slices(comparison: Comparison) -> list[Slice]:
    """The headline slices that the runs have, in their order."""
    there = {(row.by, row.slice) for row in comparison.scores}
    return [where for where in (*HARD_HEADLINE, *HEADLINE) if where[:2] in there]


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
                slice_title(comparison, where, group),
                "mean",
                "min",
                "median",
                "max",
                "above rule",
                *(f"seed {s}" for s in seeds),
            ]
            body = [TableRow(name_of(comparison, r), _entries(comparison, r, seeds)) for r in rows]
            made.append(Table(slice_title(comparison, where, group), heads, body))
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
    for one in differences_on(comparison, where):
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
    title = f"{slice_title(comparison, where, group)}: {what}"
    heads = [title, points, interval, "p", "Holm p", "verdict"]
    rows = []
    for one in found:
        ends = [number(comparison, end) for end in (one.low, one.high) if end is not None]
        texts = [number(comparison, one.estimate, signed=True), " to ".join(ends) or "–",
                 f"{one.p:.2g}", f"{one.adjusted_p:.2g}", one.verdict]  # fmt: skip
        name = one.second_title if group else f"{one.first_title} against {one.second_title}"
        rows.append(TableRow(name, [Entry([text]) for text in texts]))
    return Table(title, heads, rows, "unbroken")


def slice_title(comparison: Comparison, where: Slice, group: str) -> str:
    """The slice, and the group where there are several."""
    several = group and len(comparison.groups) > 1
    title = f"{where.title}, hard" if where.by == "hard" else where.title
    return f"{title} ({group})" if several else title


def differences_on(comparison: Comparison, where: Slice) -> list[Difference]:
    """The differences on a slice."""
    return [one for one in comparison.differences if (one.by, one.slice) == where[:2]]


def name_of(comparison: Comparison, row: SeedScores) -> str:
    """The title of a predictor; of the best rule, which it is."""
    titles = {one.predictor: one.title for one in comparison.predictors}
    return f"{row.title}: {titles[row.rule]}" if row.rule else row.title
