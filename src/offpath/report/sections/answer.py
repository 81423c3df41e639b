"""The first section: where the skill still holds, computed from the test matrix."""

from offpath.report import words
from offpath.report.parts import Card, Figure, Section, Story, predictor_keys
from offpath.report.sections.strata import accuracy_rows, compared, strata_chart
from offpath.results import Cell, Matrix
from offpath.slices import ANY_TARGET, HEADLINE, SPLIT_STRATA, Slice

FINETUNED = "finetuned"
CHANGED = {
    "above": "Fine-tuning raised the accuracy for",
    "below": "Fine-tuning lowered it for",
    "level with": "Fine-tuning made no clear difference for",
}
LEARNED = 0.9  # accuracy on the pre-training distribution: below, generalization is no question


def section(story: Story, matrix: Matrix) -> Section:
    """The accuracy beyond what fine-tuning shows, beside what it must be compared with."""
    keys = predictor_keys(matrix, compared(story))
    legend = list(keys.values())
    rows = accuracy_rows(matrix, HEADLINE if story.trains else SPLIT_STRATA, keys)
    caption, chart = story.caption("answer.strata"), strata_chart(rows, legend)
    figures = [Figure(*caption, charts=[chart], legend=legend)]
    if not story.trains:
        return Section(figures, statement=words.circuit_sentences(matrix))
    answer_cards = cards(matrix, [name for name in keys if name != FINETUNED])
    gaps = () if answer_cards else story.untrained() or [story.gap(Matrix)]  # or measured before
    statement = words.paragraph(_warning(matrix), headline(matrix))
    return Section(figures, "", gaps, answer_cards, statement)


def headline(matrix: Matrix) -> str:
    """Where fine-tuning raised the accuracy, and where it lowered it, as sentences.

    Empty without a fine-tuned and a pre-trained network.
    """
    before, after = (
        {where: cell for where in HEADLINE if (cell := matrix.cell(name, ANY_TARGET, where))}
        for name in ("pretrained", FINETUNED)
    )
    return " ".join(f"{clause}." for clause in words.comparisons(before, after, CHANGED))


def cards(matrix: Matrix, others: list[str]) -> list[Card]:
    """The fine-tuned network on each slice of the headline, beside other predictors."""
    cells = {where: matrix.cell(FINETUNED, ANY_TARGET, where) for where in HEADLINE}
    return [_card(matrix, where, cell, others) for where, cell in cells.items() if cell]


def _card(matrix: Matrix, where: Slice, cell: Cell, names: list[str]) -> Card:
    titles = {row.predictor: row.title for row in matrix.predictors}
    others = {titles[n]: c for n in names if (c := matrix.cell(n, ANY_TARGET, where))}
    verdicts = []
    for level in words.LEVELS:
        group = [title for title, c in others.items() if words.relation(cell, c) == level]
        whole = len(group) == len(others) > 1
        verdicts += [f"{level} {'every comparison' if whole else words.listed(group)}"] * bool(
            group
        )
    interval = f"95{words.NO_BREAK}% interval {words.accuracy_interval(cell)}"
    lines = ("accuracy when fine-tuned", interval, f"n {words.thousands(cell.count)}")
    rows = [(t, words.percent(c.accuracy), words.accuracy_interval(c)) for t, c in others.items()]
    number = words.percent(cell.accuracy)
    return Card(where.title, number, lines, where.meaning, rows, "; ".join(verdicts))


def _warning(matrix: Matrix) -> str:
    """A warning, if the network did not even learn what it was pre-trained on."""
    cell = matrix.cell("pretrained", "pretraining")
    if cell is None or cell.accuracy >= LEARNED:
        return ""
    share = f"only {words.percent(cell.accuracy)}" if cell.accuracy else "none"
    return (
        f"This network did not learn its first task: {share} of its answers on the pre-training "
        "distribution are correct, so the rest means little."
    )
