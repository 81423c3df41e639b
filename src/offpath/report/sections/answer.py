"""The first section: where the skill still holds, computed from the test matrix."""

from offpath.report import words
from offpath.report.parts import Card, Figure, Section, Story, predictor_keys
from offpath.report.sections.matrix import accuracy_rows, circuit_statement, compared, strata_chart
from offpath.results import Matrix
from offpath.slices import ANY_TARGET, HEADLINE, SPLIT_STRATA

CHANGED = {
    "above": "Fine-tuning raised the accuracy for",
    "below": "Fine-tuning lowered it for",
    "level with": "Fine-tuning made no clear difference for",
}


def section(story: Story, matrix: Matrix) -> Section:
    """The accuracy beyond what fine-tuning shows, beside what it must be compared with."""
    keys = predictor_keys(matrix, compared(story))
    rows = accuracy_rows(matrix, HEADLINE if story.trains else SPLIT_STRATA, keys)
    caption, legend = story.caption("answer.strata"), list(keys.values())
    figures = [Figure(*caption, charts=[strata_chart(rows, legend)], legend=legend)]
    if not story.trains:
        return Section(figures, statement=circuit_statement(matrix))
    answer_cards = cards(matrix, [name for name in keys if name != "finetuned"])
    gaps = () if answer_cards else story.untrained() or [story.gap(Matrix)]  # or measured before
    learned = {"cell": matrix.cell("pretrained", "pretraining")}
    statement = words.paragraph(*words.sentences("answer_warning", learned), headline(matrix))
    return Section(figures, "", gaps, answer_cards, statement)


def headline(matrix: Matrix) -> str:
    """Where fine-tuning raised the accuracy, and where it lowered it, as sentences.

    Empty without a fine-tuned and a pre-trained network.
    """
    before, after = (
        {where: cell for where in HEADLINE if (cell := matrix.cell(name, ANY_TARGET, where))}
        for name in ("pretrained", "finetuned")
    )
    return " ".join(f"{clause}." for clause in words.comparisons(before, after, CHANGED))


def cards(matrix: Matrix, names: list[str]) -> list[Card]:
    """The fine-tuned network on each slice of the headline, beside other predictors."""
    titles, made = {row.predictor: row.title for row in matrix.predictors}, []
    for where in HEADLINE:
        others = {titles[n]: c for n in names if (c := matrix.cell(n, ANY_TARGET, where))}
        if cell := matrix.cell("finetuned", ANY_TARGET, where):
            verdicts = []
            for level in words.LEVELS:
                group = [t for t, other in others.items() if words.relation(cell, other) == level]
                every = len(group) == len(others) > 1
                if group:
                    verdicts.append(
                        f"{level} {'every comparison' if every else words.listed(group)}"
                    )
            made.append(Card(where, cell, others, "; ".join(verdicts)))
    return made
