"""The first section: where the skill still holds, beside the best rule that needs no skill."""

from offpath.report import words
from offpath.report.parts import (
    Chart,
    Entry,
    Figure,
    Key,
    Section,
    Story,
    Table,
    TableRow,
    colour,
    numbers,
    predictor_keys,
)
from offpath.report.sections.matrix import accuracy_row, circuit_statement, compared, strata_chart
from offpath.results import Cell, Matrix
from offpath.slices import ANY_TARGET, HARD, HARD_HEADLINE, HEADLINE, SPLIT_STRATA, TRAINED, Slice

NETWORK = "finetuned"
CLAIMED = (*HARD_HEADLINE, *HEADLINE[:3])
"""Slices that a claim may name: hard questions first; not those with one label alone."""
CLAIMS = {
    "above": "It is above the best trivial rule for",
    "below": "It is below the best trivial rule for",
    "level with": "Neither is shown for",
}
VERDICTS = {"above": "above the rule", "below": "below the rule", "level with": "not decided"}
NO_RULE = Entry(["one answer: no rule"])
RULE = Key("best trivial rule", colour("muted"), "cross")
HEADS = ("targets", "every question", "hard questions", "on hard questions")


def section(story: Story, matrix: Matrix) -> Section:
    """The accuracy beyond what fine-tuning shows, beside what it must be compared with."""
    keys = predictor_keys(matrix, compared(story))
    levels = [
        level for s in HARD_HEADLINE if (level := _level(matrix.cell(NETWORK, ANY_TARGET, s)))
    ]
    counts = {"above": levels.count("above"), "decided": len(levels)}
    caption, legend = story.caption("answer.strata", **counts), [*keys.values(), RULE]
    charts = _charts(matrix, keys, legend)
    figures = [Figure(*caption, charts=charts, legend=legend)] if charts else []
    if not story.trains:
        return Section(figures, statement=circuit_statement(matrix))
    cells = [
        (where, cell, matrix.cell(NETWORK, ANY_TARGET, hard))
        for where, hard in list(zip(SPLIT_STRATA, HARD, strict=True))[1:6]
        if (cell := matrix.cell(NETWORK, ANY_TARGET, where))
    ]
    known = {
        "cell": matrix.cell("pretrained", "pretraining"),
        "cells": cells,
        "levels": _levels(matrix),
        "c": story.run.configuration,
    }
    names = ("answer_warning", "answer_summary")
    statement = words.paragraph(*(text for name in names for text in words.sentences(name, known)))
    return Section(figures, headline=headline(matrix), statement=statement)


def headline(matrix: Matrix) -> Table | None:
    """The fine-tuned network on each stratum, every question and hard ones, beside the rule."""
    rows = []
    for where, hard in zip(SPLIT_STRATA, HARD, strict=True):
        entries = [_entry(matrix, one) for one in (where, hard)]
        if any(entries):
            level = _level(matrix.cell(NETWORK, ANY_TARGET, hard))
            verdict = Entry([VERDICTS[level]], group=level) if level else entries[1] and NO_RULE
            title = f"{where.title} (t = 2)" if where == TRAINED else where.title
            rows.append(TableRow(title, [*entries, verdict], note=where.meaning))
    return Table("The fine-tuned network by stratum", HEADS, rows, "headline") if rows else None


def _level(cell: Cell | None) -> str:
    """The relation to the best rule; none where all answers are equal: it is told the stratum."""
    return words.beside_rule(cell) if cell and cell.r2 is not None else ""


def _entry(matrix: Matrix, where: Slice) -> Entry | None:
    """Accuracy with interval, that before fine-tuning, and the best rule beside a verdict."""
    cell, before = (matrix.cell(name, ANY_TARGET, where) for name in (NETWORK, "pretrained"))
    if cell is None:
        return None
    start = f", before {words.percent(before.accuracy)}" if before else ""
    lines = [words.percent(cell.accuracy), f"[{words.accuracy_interval(cell)}]{start}"]
    rule, count = None, f"n {words.thousands(cell.count)}"
    if _level(cell) and cell.above_rule is not None:
        titles = {row.predictor: row.title for row in matrix.predictors}
        rule = cell.accuracy - cell.above_rule
        count += f"; {titles[cell.best_rule or '']}: {words.percent(rule)}"
    return Entry([*lines, count], cell.accuracy, rule, numbers=numbers(cell))


def claims(matrix: Matrix) -> list[str]:
    """What may be said of the fine-tuned network of this run: a clause for each relation.

    "Above" and "below" need an interval of the paired difference from the best rule, clustered by
    target, that does not hold 0.
    """
    clauses = []
    for level, cells in _claimed(matrix).items():
        parts = [f"{where.phrase} ({_numbers(cell)})" for where, cell in cells.items()]
        clauses += [f"{CLAIMS[level]} {words.listed(parts)}."] if parts else []
    return clauses


def _claimed(matrix: Matrix) -> dict[str, dict[Slice, Cell]]:
    """By relation to the best rule, the slices that a claim may name, with their cells."""
    cells = {s: cell for s in CLAIMED if (cell := matrix.cell(NETWORK, ANY_TARGET, s))}
    return {level: {s: c for s, c in cells.items() if _level(c) == level} for level in CLAIMS}


def _levels(matrix: Matrix) -> dict[str, str]:
    """By relation to the best rule, the strata whose hard questions have it."""
    levels = {one: _level(matrix.cell(NETWORK, ANY_TARGET, one)) for one in HARD}
    return {
        level.split()[0]: words.listed([f"“{one.title}”" for one in HARD if levels[one] == level])
        for level in CLAIMS
    }


def _numbers(cell: Cell) -> str:
    rule = cell.accuracy - (cell.above_rule or 0.0)
    return f"{words.percent(cell.accuracy)} against {words.percent(rule)}"


def _charts(matrix: Matrix, keys: dict[str, Key], legend: list[Key]) -> list[Chart]:
    """Networks and the best rule on hard questions; nothing where the graphs have none."""
    rows = []
    for where in HARD_HEADLINE:
        cells = {name: matrix.cell(name, ANY_TARGET, where) for name in keys}
        rows += [accuracy_row(keys[n].title, where, cell) for n, cell in cells.items() if cell]
        if rule := matrix.best_rule(ANY_TARGET, where):
            rows.append(accuracy_row(RULE.title, where, rule))
    return [strata_chart(rows, legend)] if rows else []
