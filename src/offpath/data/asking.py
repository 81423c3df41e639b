"""Whom the questions of a distribution ask: reporters, each with its share."""

from collections.abc import Sequence
from typing import NamedTuple

from offpath.reporters import ASSISTANT, TRUTH, names
from offpath.sections import Reporters


class Asked(NamedTuple):
    """A reporter that a share of the examples of a distribution is asked of."""

    share: float  # of the examples of the distribution
    number: int  # of its marker, counted from that of plain questions
    rule: str | None  # how it answers; None: the truth


def asked(reporters: Reporters, shares: Sequence[tuple[str, float]]) -> tuple[Asked, ...]:
    """These reporters, each asked in its share of the examples."""
    known = names(reporters)
    return tuple(
        Asked(share, known.index(name), None if name in (TRUTH, ASSISTANT) else name)
        for name, share in shares
        if share > 0
    )
