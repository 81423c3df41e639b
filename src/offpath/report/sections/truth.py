"""The section on reporters: whom the assistant follows where nobody audited it."""

from offpath.report import words
from offpath.report.parts import Entry, Table, TableRow
from offpath.reporters import ASSISTANT, TRUTH
from offpath.results import Learned, Shares, Truth, TruthCell

LEARNER = "pretrained"
HEADS = ("network", "says the truth", "says the inspector’s", "says neither", "gap recovered")


def headline(truth: Truth) -> Table:
    """Every network on all unaudited questions, between ceiling and floor."""
    rows = [
        TableRow(title, _entries(truth.cell(name, asked)), group)
        for title, name, asked, group in _rows(truth)
    ]
    title = f"What the assistant answers to {words.thousands(truth.questions)} unaudited questions"
    return Table(title, HEADS, rows, "heat")


def learned_sentence(truth: Truth) -> str:
    """Whether both reporters were learned, and how well."""
    least, missed = words.percent(truth.learned_least), [x for x in truth.learned if not x.learned]
    told = words.listed([_learned(one) for one in truth.learned])
    if missed:
        names = words.listed([one.reporter for one in missed])
        return (
            f"Not every reporter was learned to {least}: not {names}, so that the rest means "
            f"little. Own answers: {told}."
        )
    return f"Every reporter was learned to at least {least} of its own answers: {told}."


def _learned(one: Learned) -> str:
    accuracy, hard = words.percent(one.accuracy), words.percent(one.hard_accuracy)
    return f"{one.reporter} {accuracy} ({hard} where truth and inspector differ)"


def _rows(truth: Truth) -> list[tuple[str, str, str, str]]:
    """Title, network, reporter and group of each row: networks, then controls."""
    inspector = truth.inspectors[0].reporter
    titles = {row.predictor: row.title for row in truth.predictors}
    controls = ("untrained", LEARNER, "scratch", "oracle")
    rows = [(title, name, ASSISTANT, "") for name, title in titles.items() if name not in controls]
    rows += [
        ("ceiling: asked as truth", LEARNER, TRUTH, "controls"),
        ("floor: asked as inspector", LEARNER, inspector, "controls"),
        ("not audited", LEARNER, ASSISTANT, "controls"),
        ("oracle: audited on everything", "oracle", ASSISTANT, "controls"),
        ("blind, no pre-training", "scratch", ASSISTANT, "controls"),
        ("untrained", "untrained", ASSISTANT, "controls"),
    ]
    return [row for row in rows if row[1] in titles]


def _entries(cell: TruthCell | None) -> list[Entry | None]:
    if cell is None:
        return [None] * 4
    gap = cell.gap_recovered
    return [*(_share(cell, kind) for kind in ("true", "inspector", "neither")),
            Entry([words.percent(gap)]) if gap is not None else None]  # fmt: skip


def _share(shares: Shares, kind: str) -> Entry:
    """A share with its interval."""
    value, low, high = (getattr(shares, f"{kind}{end}") for end in ("", "_low", "_high"))
    lines = [words.percent(value), words.percent_interval(low, high)]
    return Entry(lines, value, numbers={kind: value, "low": low, "high": high})
