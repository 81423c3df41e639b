"""The section on rules: what needs no skill, and what the training data hold already."""

from collections.abc import Sequence

from offpath.report import parts, words
from offpath.report.parts import Entry, Figure, Section, Story, Table, TableRow, text_table
from offpath.report.sections.matrix import slice_table
from offpath.results import Cell, Matrix, Overlap
from offpath.slices import (
    ANY_TARGET,
    HARD,
    HEADLINE,
    NEW,
    OTHER_TARGETS,
    SAME_DISTANCE,
    Slice,
    target_slice,
)


def section(story: Story, matrix: Matrix, overlap: Overlap) -> Section:
    """Hard questions, vertex ids one by one, wrong answers beside rules, and the overlap."""
    targets = [target_slice(target) for target in range(3, matrix.max_vertices + 1)]
    tables = {
        "ledger.hard": [rule_table(matrix, HARD)],
        "ledger.ids": [rule_table(matrix, targets)],
        "ledger.parts": [rule_table(matrix, (*SAME_DISTANCE, *NEW[1:4], OTHER_TARGETS))],
        "ledger.errors": [error_table(matrix)],
        "ledger.overlap": [overlap_table(matrix, overlap)],
    }
    known = {"small": matrix.finetune_vertices, "calibration": matrix.calibration_examples}
    figures = [Figure(*story.caption(place, **known), tables=t) for place, t in tables.items()]
    return Section(figures)


def rule_table(matrix: Matrix, slices: Sequence[Slice]) -> Table:
    """Every predictor on slices of test e; networks with how far they are above the best rule."""
    return slice_table(matrix, ANY_TARGET, slices, rule_entry)


def rule_entry(cell: Cell | None) -> Entry | None:
    """Accuracy; of networks the distance from the best rule, and scores that no offset moves."""
    if cell is None:
        return None
    lines = [words.percent(cell.accuracy)]
    if cell.above_rule is not None:
        lines += [
            f"{words.points(cell.above_rule)} to rule",
            f"ρ {words.r_squared(cell.rank_correlation)}",
        ]
        lines += [f"AUROC {words.r_squared(cell.auroc)}"] if cell.auroc is not None else []
    rule = cell.best_rule or "the best rule"
    hover = (
        f"accuracy {lines[0]} ({words.accuracy_interval(cell)}), each distance with the same "
        f"weight {words.share(cell.balanced)}, after recalibration "
        f"{words.share(cell.recalibrated)}, above {rule} by {words.above_rule(cell)} points"
    )
    return Entry(lines, cell.accuracy, hover=hover, numbers=parts.numbers(cell))


def error_table(matrix: Matrix) -> Table:
    """For each network and slice the rule that gives the same wrong answers most above chance."""
    titles = {row.predictor: row.title for row in matrix.predictors}
    rows = []
    for row in (row for row in matrix.predictors if row.kind != "rule"):
        cells = [matrix.cell(row.predictor, ANY_TARGET, where) for where in HEADLINE]
        entries = [_error_entry(cell, titles) for cell in cells]
        rows.append(TableRow(row.title, entries, row.kind))
    return Table("Wrong answers", ["network", *(where.title for where in HEADLINE)], rows)


def _error_entry(cell: Cell | None, titles: dict[str, str]) -> Entry | None:
    if cell is None or cell.error_rule is None or cell.error_agreement is None:
        return None
    chance = words.share(cell.error_chance)
    agreement = f"{words.percent(cell.error_agreement)}, by chance {chance}"
    return Entry([titles[cell.error_rule], agreement])


def overlap_table(matrix: Matrix, overlap: Overlap) -> Table:
    """Which share of each evaluation set the training sets hold."""
    titles = {row.world: row.title for row in matrix.worlds}
    heads = ["evaluation set", "training set", "distinct questions", "same graph", "same question",
             "the same up to vertex ids"]  # fmt: skip
    rows = [
        [
            titles[row.world],
            f"{titles[row.training_world]}, {words.thousands(row.training_examples)}",
            "–" if row.distinct is None else words.thousands(row.distinct),
            *map(words.share, (row.graph, row.question, row.renamed)),
        ]
        for row in overlap.rows
    ]
    return text_table("Overlap", heads, rows)
