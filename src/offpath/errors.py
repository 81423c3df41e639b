"""Input that cannot be used: one line with what was wrong, what is allowed, and what to do."""

import difflib
from collections.abc import Iterable, Iterator, Mapping

from pydantic import ValidationError


class InputError(Exception):
    """What the user gave cannot be used: one line with the argument, what is allowed, the remedy.

    Not a `ValueError`, because pydantic and tyro catch those and would wrap the line in their own.
    """


def outside(
    name: str, value: int | float, lowest: int | float, highest: int | float
) -> Iterator[str]:
    """The fault of a number that is not within its limits, if it is not."""
    if not lowest <= value <= highest:
        yield f"{name} must be {lowest} to {highest}; got {value}"


def choice_fault(name: str, value: object, choices: Iterable[str]) -> str:
    """The fault of a value that is none of the choices, with the nearest of them.

    >>> choice_fault("--recipe", "labtop", ["smoke", "laptop"])
    "--recipe must be one of smoke, laptop; got 'labtop'; did you mean laptop?"
    """
    choices = list(choices)
    allowed = ", ".join(choices)
    return f"{name} must be one of {allowed}; got {value!r}{nearest(str(value), choices)}"


def nearest(word: str, choices: Iterable[str]) -> str:
    """The question whether the most similar of the choices was meant, or nothing."""
    near = difflib.get_close_matches(word, list(choices), 1)
    return f"; did you mean {near[0]}?" if near else ""


def first_fault(error: ValidationError) -> str:
    """The first fault that pydantic found, in one line."""
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"])) or "the whole"
    got = "" if isinstance(first["input"], Mapping) else f"; got {first['input']!r}"
    return f"{place}: {first['msg'].lower()}{got}"


def divisors(number: int) -> str:
    """What divides a number, for an error that names the choices.

    >>> divisors(12)
    '1, 2, 3, 4, 6, 12'
    """
    return ", ".join(str(k) for k in range(1, number + 1) if number % k == 0)
