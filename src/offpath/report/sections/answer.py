"""The first section: where the skill still holds, beside the best rule that needs no skill."""

from offpath.report import words
from offpath.report.parts import Card, Chart, Figure, Key, Section, Story, colour, predictor_keys
from offpath.report.sections.matrix import accuracy_row, circuit_statement, compared, strata_chart
from offpath.results import Cell, Matrix
from offpath.slices import ANY_TARGET, HARD_HEADLINE, HEADLINE

NETWORK = "finetuned"
SAID_OF = (*HARD_HEADLINE, *HEADLINE[:3])
"""Slices that a sentence may speak of: hard questions first; not those with one label alone."""
CLAIMS = {
    "above": "It is above the best trivial rule for",
    "below": "It is below the best trivial rule for",
    "level with": "Neither is shown for",
}
RULE = Key("best trivial rule", colour("muted"), "cross")


def section(story: Story, matrix: Matrix) -> Section:
    """The accuracy beyond what fine-tuning shows, beside what it must be compared with."""
    keys = predictor_keys(matrix, compared(story))
    caption, legend = story.caption("answer.strata"), [*keys.values(), RULE]
    figures = [Figure(*caption, charts=[_chart(matrix, keys, legend)], legend=legend)]
    if not story.trains:
        return Section(figures, statement=circuit_statement(matrix))
    made = cards(matrix, [name for name in keys if name != NETWORK])
    gaps = () if made else story.untrained() or [story.gap(Matrix)]  # or measured before
    learned = {"cell": matrix.cell("pretrained", "pretraining")}
    known = {"claims": claims(matrix), "run": story.run}
    statement = words.paragraph(
        *words.sentences("answer_warning", learned), *words.sentences("answer_claims", known)
    )
    return Section(figures, "", gaps, made, statement)


def claims(matrix: Matrix) -> list[str]:
    """What may be said of the fine-tuned network of this run: a clause for each relation.

    "Above" and "below" need an interval of the paired difference from the best rule, clustered by
    target, that does not hold 0.
    """
    cells = {s: cell for s in SAID_OF if (cell := matrix.cell(NETWORK, ANY_TARGET, s))}
    clauses = []
    for level, verb in CLAIMS.items():
        there = {s: c for s, c in cells.items() if words.beside_rule(c) == level}
        parts = [f"{s.phrase} ({_numbers(c)})" for s, c in there.items()]
        clauses += [f"{verb} {words.listed(parts)}."] if parts else []
    return clauses


def cards(matrix: Matrix, names: list[str]) -> list[Card]:
    """The fine-tuned network on the hard questions of each stratum, beside other predictors."""
    titles, made = {row.predictor: row.title for row in matrix.predictors}, []
    for where in HARD_HEADLINE:
        others = {titles[n]: c for n in names if (c := matrix.cell(n, ANY_TARGET, where))}
        if cell := matrix.cell(NETWORK, ANY_TARGET, where):
            made.append(Card(where, cell, others, titles.get(cell.best_rule or "", "")))
    return made


def _numbers(cell: Cell) -> str:
    rule = cell.accuracy - (cell.above_rule or 0.0)
    return f"{words.percent(cell.accuracy)} against {words.percent(rule)}"


def _chart(matrix: Matrix, keys: dict[str, Key], legend: list[Key]) -> Chart:
    rows = []
    for where in HARD_HEADLINE:
        cells = {name: matrix.cell(name, ANY_TARGET, where) for name in keys}
        rows += [accuracy_row(keys[n].title, where, cell) for n, cell in cells.items() if cell]
        if rule := matrix.best_rule(ANY_TARGET, where):
            rows.append(accuracy_row(RULE.title, where, rule))
    return strata_chart(rows, legend)
