"""How the pages on findings say what a comparison shows."""

from collections.abc import Iterable, Sequence

from benchmarks.questions import KINDS
from docs.finding_verdicts import RULE, Compared
from offpath.generalize.statistics import seeds_needed
from offpath.run.files import Record

PLAIN = {RULE: "the best trivial rule", "finetuned": "plain fine-tuning"}


def percent(share: float) -> str:
    """A share as text.

    >>> percent(0.4567)
    '45.7 %'
    """
    return f"{100 * share:.1f} %"


def claim(found: Record, one: Compared) -> str:
    """A comparison in one line: both accuracies, verdict, difference, interval, p."""
    spread = "" if one.low is None or one.high is None else (
        f", {100 * one.low:+.1f} to {100 * one.high:+.1f}")  # fmt: skip
    facts = f"{100 * one.estimate:+.1f} points{spread}; p = {one.adjusted:.2g}"
    return f"{both(found, one)}: {one.verdict} ({facts})"


def claims(found: Record, rows: Sequence[Compared]) -> str:
    """Comparisons on the same kind of question as sentences."""
    parts = []
    for kind in dict.fromkeys(one.contrast.kind for one in rows):
        here = [claim(found, one) for one in rows if one.contrast.kind == kind]
        parts.append(f"Right answers for {phrase(kind)}: {'; '.join(here)}.")
    return " ".join(parts)


def told(found: Record, family: Sequence[Compared]) -> str:
    """Why there is no verdict."""
    if not family:
        return "**No verdict:** the networks that are to be compared are not in these runs."
    most, needed = max(t.seeds for t in family), seeds_needed(len(family))
    return (
        f"**No verdict:** {most} seeds are too few for {len(family)} comparisons, which need "
        f"{needed}. {'; '.join(f'{both(found, t)} ({phrase(t.contrast.kind)})' for t in family)}."
    )


def both(found: Record, one: Compared) -> str:
    """The two sides of a comparison."""
    first, second = (title(found, name) for name in one.contrast[:2])
    return f"{first} {percent(one.means[0])}, {second} {percent(one.means[1])}"


def phrase(kind: str) -> str:
    """A kind of question as the object of a sentence.

    >>> phrase("hard: off path"), phrase("pre-training: 3")
    ('hard off-path targets', 'pre-training questions of distance 3')
    """
    start, _, label = kind.partition(": ")
    if start == "pre-training" and label:
        which = f"of distance {label}" if label.isdigit() else "without a path"
        return f"pre-training questions {which}"
    return (KINDS[kind].phrase if kind in KINDS else "") or kind


def title(found: Record, name: str) -> str:
    """A network's name for readers."""
    return PLAIN.get(name) or found["networks"].get(name, name)


def listed(words: Iterable[str]) -> str:
    """Words as a list in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    *most, last = [*words] or ["none"]
    return f"{', '.join(most)} and {last}" if most else last
