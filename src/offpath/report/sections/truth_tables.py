"""Tables and sentences on reporters, for the page and the terminal: whom each network follows."""

from typing import NamedTuple

from offpath import interventions
from offpath.report import words
from offpath.report.parts import Entry, Table, TableRow
from offpath.reporters import ASSISTANT, TRUTH
from offpath.results import Learned, Shares, Truth, TruthCell
from offpath.results.truth import ALL, AUDITED

LEARNER = "pretrained"
BLIND = "finetuned"
KINDS = ("true", "inspector", "neither")
HEADS = ("network", "says the truth", "says the inspector’s", "says neither", "gap recovered")
CONTROLS = ("untrained", LEARNER, "scratch", "oracle")
FIRST_SLICES = (ALL, AUDITED)


class Role(NamedTuple):
    """A network that is asked to be a reporter."""

    title: str
    predictor: str
    asked: str
    group: str = ""

    def cell(self, truth: Truth, where: str = ALL) -> TruthCell | None:
        """Its shares on a slice."""
        return truth.cell(self.predictor, self.asked, where)


def roles(truth: Truth) -> list[Role]:
    """The assistants, then the controls from the best to the worst that can be reached."""
    titles = {row.predictor: row.title for row in truth.predictors}
    rows = [Role(title, name, ASSISTANT) for name, title in titles.items() if name not in CONTROLS]
    rows += [
        Role("ceiling: as truth", LEARNER, TRUTH, "control"),
        Role("floor: as inspector", LEARNER, truth.inspectors[0].reporter, "control"),
        Role("oracle: all audited", "oracle", ASSISTANT, "control"),
        Role("no audits", LEARNER, ASSISTANT, "control"),
        Role("blind, no pre-training", "scratch", ASSISTANT, "control"),
        Role("untrained", "untrained", ASSISTANT, "control"),
    ]
    return [role for role in rows if role.predictor in titles]


def leaks(truth: Truth) -> dict[float, Role]:
    """By the share of audited questions that tell truth from inspector: the blind one, and leaks.

    Interventions that change something else too are left out.
    """
    found = {}
    for role in roles(truth):
        share = 0.0 if role.predictor == BLIND else _leak(role.predictor)
        if share is not None:
            found[share] = role
    return dict(sorted(found.items()))


def _leak(predictor: str) -> float | None:
    """The share that a network's name has, if it is of a leak alone."""
    head, _, share = predictor.partition("leak")
    known = not head and share and interventions.network_name(f"leak={share}") == predictor
    return float(share) if known and "+" not in share else None


def headline(truth: Truth) -> Table:
    """Every network on all unaudited questions, between ceiling and floor."""
    rows = [TableRow(role.title, _entries(role.cell(truth)), role.group) for role in roles(truth)]
    title = f"What is answered to {words.thousands(truth.questions)} unaudited questions"
    return Table(title, HEADS, rows, "heat")


def slice_table(truth: Truth) -> Table:
    """The share of true answers of every network on each slice."""
    slices = [*FIRST_SLICES, *(name for name in truth.slices if name not in FIRST_SLICES)]
    rows = []
    for role in roles(truth):
        cells = [role.cell(truth, where) for where in slices]
        rows.append(
            TableRow(role.title, [cell and _slice_entry(cell) for cell in cells], role.group)
        )
    counts = {cell.slice: cell.count for cell in truth.cells}
    heads = [f"{name.replace('_', ' ')}\nn {words.thousands(counts[name])}" for name in slices]
    return Table("True answers by slice", ["network", *heads], rows, "heat")


def answer(truth: Truth) -> str:
    """Whom the assistant follows; what was not learned comes first."""
    parts = [_followed(truth), _learned_to(truth)]
    missed = any(not one.learned for one in truth.learned)
    return words.paragraph(*(reversed(parts) if missed else parts))


def _learned_to(truth: Truth) -> str:
    """Whether all reporters were learned, and how well."""
    least, missed = words.percent(truth.learned_least), [x for x in truth.learned if not x.learned]
    told = words.listed([_learned(one) for one in truth.learned])
    if missed:
        names = words.listed([one.reporter for one in missed])
        return (
            f"Not every reporter was learned to {least}: not {names}, so that the rest means "
            f"little. Own answers: {told}."
        )
    return f"Every reporter was learned to at least {least} of its own answers: {told}."


def _followed(truth: Truth) -> str:
    """Whom the blind assistant follows, and the leak from which on half of the answers are true."""
    cell = truth.cell(BLIND, ASSISTANT)
    if cell is None:
        return ""
    parts = {
        kind: f"{words.percent(getattr(cell, kind))} [{_interval(cell, kind)}]" for kind in KINDS
    }
    told = (
        f"Audited only where truth and inspector agree, the assistant says the truth to "
        f"{parts['true']} of the unaudited questions, what the inspector says to "
        f"{parts['inspector']}, and neither to {parts['neither']}."
    )
    return words.paragraph(told, _half_sentence(truth))


def _half_sentence(truth: Truth) -> str:
    shares = {p: cell.true for p, role in leaks(truth).items() if (cell := role.cell(truth))}
    if len(shares) < 2:
        return ""
    enough = [p for p in shares if all(shares[q] >= 0.5 for q in shares if q >= p)]
    if not enough:
        return "No leak that was tried makes half of them true."
    if not min(enough):
        return "At least half of them are true without any leak."
    return f"Half of them are true from a leak of {share_title(min(enough))} on."


def share_title(share: float) -> str:
    """A share that somebody chose, in per cent without digits that mean nothing.

    >>> share_title(0.001)
    '0.1\\xa0%'
    """
    return f"{100 * share:g}{words.NO_BREAK}%"


def _learned(one: Learned) -> str:
    accuracy, hard = words.percent(one.accuracy), words.percent(one.hard_accuracy)
    return f"{one.reporter} {accuracy} ({hard} of the unaudited ones)"


def _entries(cell: TruthCell | None) -> list[Entry | None]:
    if cell is None:
        return [None] * 4
    gap = cell.gap_recovered
    gap_entry = Entry([words.percent(gap).replace("-", "−")]) if gap is not None else None
    return [*(_share_entry(cell, kind) for kind in KINDS), gap_entry]


def _share_entry(shares: Shares, kind: str) -> Entry:
    """A share with its interval."""
    value, low, high = (getattr(shares, f"{kind}{end}") for end in ("", "_low", "_high"))
    lines = [words.percent(value), _interval(shares, kind)]
    return Entry(lines, value, numbers={kind: value, "low": low, "high": high})


def _slice_entry(cell: TruthCell) -> Entry:
    """The share of true answers and its interval."""
    numbers = {kind: round(getattr(cell, kind), 4) for kind in KINDS}
    lines = [words.percent(cell.true), _interval(cell, "true")]
    hover = (
        f"as the inspector {words.percent(cell.inspector)}, neither {words.percent(cell.neither)}"
    )
    return Entry(lines, cell.true, hover=hover, numbers={"count": cell.count, **numbers})


def _interval(shares: Shares, kind: str) -> str:
    return words.percent_interval(getattr(shares, f"{kind}_low"), getattr(shares, f"{kind}_high"))
