"""What the test matrix says in words: nothing here is written beforehand, all of it is computed.

One predictor counts as above another on a slice where the 95 % intervals of their accuracies do not
overlap; that is stricter than a test of the difference at 5 %.
"""

from collections.abc import Sequence
from typing import NamedTuple

from offpath.report.cells import (
    ANY_TARGET,
    HEADLINE,
    POOLED,
    STRATA,
    Slice,
    cell,
    grouped,
    percent,
    percent_interval,
    written,
)
from offpath.run.files import Record

TUNED = "finetuned"
COMPARISONS = ("pretrained", "scratch", "distance_to_2")
BY_HAND = "circuit"


class Comparison(NamedTuple):
    """Another predictor on the same examples."""

    predictor: str
    title: str
    accuracy: str
    interval: str


class Finding(NamedTuple):
    """How the fine-tuned model does on one kind of question."""

    where: Slice
    accuracy: str
    interval: str
    examples: str
    comparisons: list[Comparison]
    verdict: str


def findings(matrix: Record, world: str = ANY_TARGET) -> list[Finding]:
    """The fine-tuned model on each slice of the headline, beside what it must be compared with."""
    return [
        _finding(matrix, world, where, found)
        for where in HEADLINE
        if (found := cell(matrix, TUNED, world, where))
    ]


def headline(matrix: Record, world: str = ANY_TARGET) -> str:
    """Where fine-tuning raised the share of right answers, and where it lowered it, as sentences.

    Without a fine-tuned and a pre-trained model there is nothing to say, and the text is empty.
    """
    changes: dict[str, list[str]] = {"above": [], "below": [], "level with": []}
    for where in HEADLINE:
        before, after = (cell(matrix, name, world, where) for name in ("pretrained", TUNED))
        if before and after:
            step = f"{percent(before['accuracy'])} to {percent(after['accuracy'])}"
            changes[relation(after, before)].append(f"{question(where)} ({step})")
    sentences = (
        ("Fine-tuning raised the share of right answers for ", changes["above"]),
        ("Fine-tuning lowered it for ", changes["below"]),
        ("Fine-tuning made no clear difference for ", changes["level with"]),
    )
    return " ".join(f"{words}{listed(parts)}." for words, parts in sentences if parts)


def circuit_headline(matrix: Record, world: str = ANY_TARGET) -> str:
    """How often the network set by hand is right, and where it is least, as sentences."""
    found = cell(matrix, BY_HAND, world, POOLED)
    if found is None:
        return ""
    title = next(row["title"] for row in matrix["worlds"] if row["world"] == world)
    ends = percent_interval(found["accuracy_low"], found["accuracy_high"])
    text = (
        f"The network set by hand answers {percent(found['accuracy'])} of {title} rightly "
        f"(95\N{NO-BREAK SPACE}% interval {ends}), with a mean squared error of "
        f"{written(found['mse'])}."
    )
    kinds = {where: part for where in STRATA if (part := cell(matrix, BY_HAND, world, where))}
    if found["accuracy"] == 1 or not kinds:
        return text
    worst = min(kinds, key=lambda where: kinds[where]["accuracy"])
    share = percent(kinds[worst]["accuracy"])
    return f"{text} It is least often right for {question(worst)} ({share})."


def _finding(matrix: Record, world: str, where: Slice, found: Record) -> Finding:
    titles = {row["predictor"]: row["title"] for row in matrix["predictors"]}
    others = {name: other for name in COMPARISONS if (other := cell(matrix, name, world, where))}
    return Finding(
        where=where,
        accuracy=percent(found["accuracy"]),
        interval=percent_interval(found["accuracy_low"], found["accuracy_high"]),
        examples=grouped(found["count"]),
        comparisons=[
            Comparison(
                name,
                titles[name],
                percent(other["accuracy"]),
                percent_interval(other["accuracy_low"], other["accuracy_high"]),
            )
            for name, other in others.items()
        ],
        verdict=_verdict(found, {titles[name]: other for name, other in others.items()}),
    )


def _verdict(found: Record, others: dict[str, Record]) -> str:
    """Above, below and level with whom."""
    groups: dict[str, list[str]] = {"above": [], "below": [], "level with": []}
    for title, other in others.items():
        groups[relation(found, other)].append(title)
    parts = [
        f"{level} {'every comparison' if len(names) == len(others) > 1 else listed(names)}"
        for level, names in groups.items()
        if names
    ]
    return "; ".join(parts)


def relation(one: Record, other: Record) -> str:
    """Whether the interval of one accuracy lies above or below that of the other, or meets it."""
    if one["accuracy_low"] > other["accuracy_high"]:
        return "above"
    return "below" if one["accuracy_high"] < other["accuracy_low"] else "level with"


def question(where: Slice) -> str:
    """A slice as the object of a sentence."""
    words = {
        "trained": "target 2",
        "on_path": "on-path targets",
        "on_path, seen": "on-path targets with tuned names",
        "on_path, unseen": "on-path targets with names never tuned",
        "off_path": "off-path targets",
        "off_path_cut": "off-path targets with 2 cut off",
        "unreachable": "unreachable targets",
        "absent": "targets that the graph does not have",
    }
    return words[where.slice]


def listed(parts: Sequence[str]) -> str:
    """Parts with commas, and "and" before the last.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
