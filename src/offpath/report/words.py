"""Numbers with as many digits as they deserve, scores compared, and templates filled in.

One accuracy counts as above another where their 95 % intervals do not overlap; that is stricter
than a test of the difference at 5 %. Beside a rule the interval of the paired difference decides.
"""

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from offpath.results import BesideRule, Cell, Scores
from offpath.slices import SPLIT_STRATA, Slice

NO_BREAK = "\N{NO-BREAK SPACE}"
LEVELS = ("above", "below", "level with")


def percent(share: float) -> str:
    """A share as a percentage with one decimal and a space that does not break: 98.8 %."""
    return f"{100 * share:.1f}{NO_BREAK}%"


def percent_interval(low: float, high: float) -> str:
    """The two ends of an interval of shares, in per cent: 95.0–98.1."""
    return f"{100 * low:.1f}–{100 * high:.1f}"


def significant(value: float | None) -> str:
    """A number with three significant digits and a real minus; a dash where there is none.

    >>> significant(0.0041234), significant(-72.87), significant(0.000412), significant(None)
    ('0.00412', '−72.9', '4.12e−4', '–')
    """
    if not value:
        return "–" if value is None else "0"
    if abs(value) < 1e-3:
        return _power(f"{value:.2e}")
    text = f"{value:#.3g}".rstrip(".") if abs(value) < 1000 else f"{value:.0f}"
    return text.replace("-", "−")


def setting(value: float) -> str:
    """A number that somebody chose, such as a learning rate: no digits without meaning.

    >>> setting(1e-06), setting(0.001), setting(3e-5)
    ('1e−6', '0.001', '3e−5')
    """
    return _power(f"{value:g}")


def _power(text: str) -> str:
    digits, _, exponent = text.partition("e")
    return f"{digits}e{int(exponent)}".replace("-", "−") if exponent else digits


def error_interval(scores: Scores) -> str:
    """The interval of a mean squared error; a dash where there are too few examples for one."""
    low, high = significant(scores.mse_low), significant(scores.mse_high)
    return "–" if scores.mse_low is None else f"{low}–{high}"


def accuracy_interval(scores: Scores | BesideRule) -> str:
    """The interval of an accuracy, in per cent."""
    return percent_interval(scores.accuracy_low, scores.accuracy_high)


def r_squared(r2: float | None) -> str:
    """R2 against the best constant: 0.46, −105; a dash where there is none."""
    far = r2 is None or abs(r2) >= 100
    return significant(r2) if far else f"{r2:.2f}".replace("-", "−")


def thousands(count: int) -> str:
    """A count with thin spaces between its thousands."""
    return f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def listed(parts: Sequence[str]) -> str:
    """Parts with commas, and "and" before the last: a, b and c; nothing, if there are none."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def sentence(text: str) -> str:
    """A text with a capital, typographic apostrophes and a full stop; nothing stays nothing."""
    text = f"{text[:1].upper()}{text[1:]}".replace("'", "’")
    return text if not text or text[-1] in ".!?" else f"{text}."


def paragraph(*sentences: str) -> str:
    """Sentences in one line; empty ones are left out."""
    return " ".join(filter(None, sentences))


def relation(one: Scores, other: Scores) -> str:
    """Which of `LEVELS` an accuracy is to another."""
    if one.accuracy_low > other.accuracy_high:
        return "above"
    return "below" if one.accuracy_high < other.accuracy_low else "level with"


def beside_rule(cell: Cell | BesideRule) -> str:
    """Which of `LEVELS` an accuracy is to that of the best trivial rule on the same questions."""
    if cell.above_rule_low is None or cell.above_rule_high is None:
        return ""
    if cell.above_rule_low > 0:
        return "above"
    return "below" if cell.above_rule_high < 0 else "level with"


def points(difference: float) -> str:
    """A difference of two shares in percentage points, with its sign.

    >>> points(-0.272), points(0.031)
    ('−27.2', '+3.1')
    """
    return f"{100 * difference:+.1f}".replace("-", "−")


def above_rule(cell: Cell | BesideRule) -> str:
    """How far an accuracy is above the best rule, and its interval: −27.2 (−60.6 to +6.1)."""
    if cell.above_rule is None or cell.above_rule_low is None or cell.above_rule_high is None:
        return "–"
    ends = f"{points(cell.above_rule_low)} to {points(cell.above_rule_high)}"
    return f"{points(cell.above_rule)} ({ends})"


def share(value: float | None) -> str:
    """A share in per cent; a dash where there is none."""
    return "–" if value is None else percent(value)


def comparisons(
    before: Mapping[Slice, Scores],
    after: Mapping[Slice, Scores],
    verbs: Mapping[str, str],
    with_shares: Sequence[str] = LEVELS,
) -> list[str]:
    """For which slices each verb is true, by which of `LEVELS` an accuracy after is to that before.

    Levels in `with_shares` give both accuracies.
    """
    clauses = []
    for level, verb in verbs.items():
        slices = [s for s in before if s in after and relation(after[s], before[s]) == level]
        steps = [f"{percent(before[s].accuracy)} to {percent(after[s].accuracy)}" for s in slices]
        parts = [f"{s.phrase} ({step})" for s, step in zip(slices, steps, strict=True)]
        if level not in with_shares:
            every = len(slices) == len(SPLIT_STRATA)
            parts = ["every stratum"] if every else [s.phrase for s in slices]
        clauses += [f"{verb} {listed(parts)}"] if parts else []
    return clauses


WRITERS = (above_rule, accuracy_interval, percent, sentence, share, significant, thousands)
FILTERS = {write.__name__: write for write in WRITERS}  # what templates may call


@cache
def asset(name: str) -> dict[str, dict[str, Any]]:
    """The tables of `assets/NAME.toml`."""
    return tomllib.loads(text_asset(f"{name}.toml"))


def text_asset(file: str) -> str:
    """A file of `assets` as text."""
    return (Path(__file__).parent / "assets" / file).read_text("utf-8")


def filled(text: str, words: Mapping[str, object], *, markup: bool = False) -> str:
    """A template with words filled in; where it is `markup`, they are escaped."""
    return _templates(markup).from_string(text).render(words)


def sentences(name: str, words: Mapping[str, object]) -> list[str]:
    """Sentences in order; one that is empty, where its condition does not hold, is left out."""
    return [
        text for text in (filled(text, words) for text in asset("captions")[name].values()) if text
    ]


@cache
def _templates(markup: bool) -> Environment:
    """Of plain text, which the page escapes, or of markup."""
    environment = Environment(undefined=StrictUndefined, autoescape=markup)
    environment.filters |= FILTERS
    return environment
