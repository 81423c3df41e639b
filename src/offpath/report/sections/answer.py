"""The first section: where the skill still holds, computed from the test matrix."""

from offpath.report import words
from offpath.report.marks import intervals
from offpath.report.parts import Card, Chart, Figure, Section, Story, predictor_keys
from offpath.report.sections.strata import accuracy_rows, compared, strata_frame
from offpath.results import Cell, Matrix
from offpath.slices import ANY_TARGET, HEADLINE, SPLIT_STRATA, Slice

FINETUNED = "finetuned"
LEARNED = 0.9  # accuracy on the pre-training distribution: below, generalization is no question


def section(story: Story) -> Section:
    """The accuracy beyond what fine-tuning shows, beside what it must be compared with."""
    matrix = story.get(Matrix)
    anchor, title = "answer", "The answer in short"
    if matrix is None:
        return Section(anchor, title, missing=story.missing(Matrix))
    keys = predictor_keys(matrix, compared(story))
    rows = accuracy_rows(matrix, ANY_TARGET, HEADLINE if story.trains else SPLIT_STRATA, keys)
    figure = Figure(
        "Accuracy by stratum",
        "Each dot is the share of answers that round to the true distance; its bar is the 95 % "
        "interval (Wilson).",
        story.facts(
            "fine-tuned, and what it must be compared with" if story.trains else story.everyone,
            "test e: any target",
            "accuracy",
            Matrix,
        ),
        charts=[Chart(intervals(rows, list(keys.values()), strata_frame(rows, "test e")))],
        legend=list(keys.values()),
    )
    text = "All numbers are on test e, where the target may be any vertex."
    if not story.trains:
        text = f"{text} Nothing was trained in this run: its weights are handcrafted."
        return Section(anchor, title, text, [figure], statement=words.circuit_sentences(matrix))
    text = (
        f"{text} One predictor is called above or below another only if their "
        "95 % intervals do not overlap."
    )
    answer_cards = cards(matrix, [name for name in keys if name != FINETUNED])
    gaps = () if answer_cards else story.untrained() or [story.gap(Matrix)]  # or measured before
    statement = words.paragraph(_warning(matrix), headline(matrix))
    return Section(anchor, title, text, [figure], gaps, answer_cards, statement)


def headline(matrix: Matrix) -> str:
    """Where fine-tuning raised the accuracy, and where it lowered it, as sentences.

    Empty without a fine-tuned and a pre-trained network.
    """
    changes: dict[str, list[str]] = {level: [] for level in words.LEVELS}
    for where in HEADLINE:
        before, after = (matrix.cell(n, ANY_TARGET, where) for n in ("pretrained", FINETUNED))
        if before and after:
            step = f"{words.percent(before.accuracy)} to {words.percent(after.accuracy)}"
            changes[words.relation(after, before)].append(f"{where.phrase} ({step})")
    starts = (
        "Fine-tuning raised the accuracy for",
        "Fine-tuning lowered it for",
        "Fine-tuning made no clear difference for",
    )
    pairs = zip(starts, changes.values(), strict=True)
    return " ".join(f"{text} {words.listed(parts)}." for text, parts in pairs if parts)


def cards(matrix: Matrix, others: list[str]) -> list[Card]:
    """The fine-tuned network on each slice of the headline, beside other predictors."""
    return [
        _card(matrix, where, cell, others)
        for where in HEADLINE
        if (cell := matrix.cell(FINETUNED, ANY_TARGET, where))
    ]


def _card(matrix: Matrix, where: Slice, cell: Cell, names: list[str]) -> Card:
    titles = {row.predictor: row.title for row in matrix.predictors}
    others = {titles[n]: c for n in names if (c := matrix.cell(n, ANY_TARGET, where))}
    levels: dict[str, list[str]] = {level: [] for level in words.LEVELS}
    for title, other in others.items():
        levels[words.relation(cell, other)].append(title)
    verdicts = [
        f"{level} {'every comparison' if len(group) == len(others) > 1 else words.listed(group)}"
        for level, group in levels.items()
        if group
    ]
    return Card(
        where.title,
        words.percent(cell.accuracy),
        (
            "accuracy when fine-tuned",
            f"95{words.NO_BREAK}% interval {words.accuracy_interval(cell)}",
            f"n {words.thousands(cell.count)}",
        ),
        where.meaning,
        [(t, words.percent(c.accuracy), words.accuracy_interval(c)) for t, c in others.items()],
        "; ".join(verdicts),
    )


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
