"""Reporters: who can be asked, and how each answers.

In: questions with their true distances. Out: what an inspector says. `truth` has the marker of
plain questions; inspectors follow in order; the last is `assistant`, whom pre-training never asks.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, UInt8

from offpath.errors import InputError, choice_fault

if TYPE_CHECKING:
    from offpath.sections import Graphs, Reporters

TRUTH, ASSISTANT = "truth", "assistant"
MOST_INSPECTORS = 14
Answers = UInt8[np.ndarray, " example"]


@runtime_checkable
class Questions(Protocol):
    """What a rule may know about plain questions: see `data.batches.Batch`."""

    @property
    def tokens(self) -> UInt8[np.ndarray, "example token 2"]:
        """Edges as drawn; last the question on t."""
        ...

    @property
    def distance(self) -> Answers:
        """Hops from vertex 1 to t."""
        ...

    @property
    def distance_to_2(self) -> Answers:
        """Hops from vertex 1 to vertex 2."""
        ...

    @property
    def vertices(self) -> Answers:
        """Vertices of the graph."""
        ...

    @property
    def no_path(self) -> int:
        """The label of no path."""
        ...


class Rule(NamedTuple):
    """How an inspector answers: a function of an example alone."""

    meaning: str  # `{}` stands for the number
    answers: Callable[[Questions, int], np.ndarray]
    numbers: Callable[["Graphs"], range] | None = None  # with which it is sometimes wrong, if any


RULES: dict[str, Rule] = {
    "near": Rule(
        "the distance if it is at most {}, otherwise no path",
        lambda batch, hops: np.where(batch.distance <= hops, batch.distance, batch.no_path),
        lambda graphs: range(1, graphs.max_vertices - 1)),
    "small": Rule(
        "the distance in graphs of at most {} vertices; in larger ones one more, or no path",
        lambda batch, n: batch.distance
        + ((batch.vertices > n) & (batch.distance < batch.no_path)),
        lambda graphs: range(3, graphs.max_vertices)),
    "ids": Rule(
        "the distance of the vertices up to {}, of others that of vertex 2",
        lambda batch, k: np.where(batch.tokens[:, -1, 0] <= k, batch.distance, batch.distance_to_2),
        lambda graphs: range(2, graphs.max_vertices)),
    "vertex_2": Rule(
        "the distance of vertex 2, whatever the target", lambda batch, _: batch.distance_to_2),
}  # fmt: skip
"""Of inspectors: each is coherent, right wherever it can check, and wrong beyond."""


def names(reporters: "Reporters") -> list[str]:
    """All reporters, in the order of their markers.

    >>> from offpath.sections import Reporters
    >>> names(Reporters())
    ['truth', 'near=2', 'assistant']
    """
    return [TRUTH, *reporters.inspectors, ASSISTANT]


def says(questions: Questions, rule: str) -> Answers:
    """What an inspector answers to plain questions."""
    name, number = parse_rule(rule)
    return RULES[name].answers(questions, number).astype(np.uint8)


def differs(questions: Questions, rule: str) -> Bool[np.ndarray, " example"]:
    """Whether an inspector's answer is not the truth."""
    return says(questions, rule) != questions.distance


def meaning(rule: str) -> str:
    """What an inspector answers, in words.

    >>> meaning("near=2")
    'the distance if it is at most 2, otherwise no path'
    """
    name, number = parse_rule(rule)
    return RULES[name].meaning.format(number)


def parse_rule(rule: str, graphs: "Graphs | None" = None) -> tuple[str, int]:
    """The name of a rule and its number; an `InputError` for one that means nothing in `graphs`."""
    name, equals, text = rule.partition("=")
    if name not in RULES:
        raise InputError(choice_fault("reporters.inspectors", name, RULES))
    numbers = RULES[name].numbers
    if numbers is None:
        if equals:
            raise InputError(f"reporters.inspectors: {name} takes no number; got {rule}")
        return name, 0
    allowed = range(2**16) if graphs is None else numbers(graphs)
    if not allowed:
        raise InputError(
            f"reporters.inspectors: {name} is never wrong where graphs.max_vertices is "
            f"{graphs and graphs.max_vertices}; choose another rule, or larger graphs"
        )
    if not text.isdecimal() or int(text) not in allowed:
        raise InputError(
            f"reporters.inspectors: {name}= must be a whole number from {allowed[0]} to "
            f"{allowed[-1]}, so that it is wrong on some questions; got {rule}"
        )
    return name, int(text)


def is_right_on(rule: str, easy: str, graphs: "Graphs") -> bool:
    """Whether an inspector is right on all of small `graphs`, or on all small `ids`, or neither.

    >>> from offpath.sections import Graphs
    >>> graphs = Graphs(max_vertices=8, finetune_vertices=5, balance_distance=5)
    >>> [is_right_on(rule, "graphs", graphs) for rule in ("near=3", "near=4", "vertex_2")]
    [False, True, False]
    """
    name, number = parse_rule(rule)
    numbers, applies = RULES[name].numbers, easy in ("graphs", name)  # a rule is called ids too
    small = graphs.model_copy(update={"max_vertices": graphs.finetune_vertices})
    return applies and numbers is not None and number not in numbers(small)


def reporter_faults(reporters: "Reporters", graphs: "Graphs") -> list[str]:
    """One line for each thing that is wrong with the reporters of a configuration."""
    found, count = [], len(reporters.inspectors)
    if not 1 <= count <= MOST_INSPECTORS:
        found = [f"reporters.inspectors must name 1 to {MOST_INSPECTORS} rules; got {count}"]
    for rule in reporters.inspectors:
        try:
            parse_rule(rule, graphs)
        except InputError as error:
            found.append(str(error))
    if len(set(reporters.inspectors)) < len(reporters.inspectors):
        given = " ".join(reporters.inspectors)
        found.append(f"reporters.inspectors must differ from each other; got {given}")
    return found
