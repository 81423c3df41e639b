"""Numbers with as many digits as they deserve, and what scores say in words.

In: numbers, cells of the test matrix. Out: text for the page and the terminal. One accuracy counts
as above another where their 95 % intervals do not overlap; that is stricter than a test of the
difference at 5 %.
"""

from collections.abc import Sequence

from offpath.results import Matrix, Scores
from offpath.slices import ANY_TARGET, SPLIT_STRATA, Slice

NO_BREAK = "\N{NO-BREAK SPACE}"
LEVELS = ("above", "below", "level with")


def percent(share: float) -> str:
    """A share as a percentage with one decimal and a space that does not break.

    >>> percent(0.98765)
    '98.8\\xa0%'
    """
    return f"{100 * share:.1f}{NO_BREAK}%"


def percent_interval(low: float, high: float) -> str:
    """The two ends of an interval of shares, in per cent.

    >>> percent_interval(0.95, 0.981)
    '95.0–98.1'
    """
    return f"{100 * low:.1f}–{100 * high:.1f}"


def significant(value: float | None) -> str:
    """A number with three significant digits and a real minus; a dash where there is none.

    >>> significant(0.0041234), significant(-72.87), significant(0.000412), significant(0.0)
    ('0.00412', '−72.9', '4.12e−4', '0')
    >>> significant(None)
    '–'
    """
    if not value:
        return "–" if value is None else "0"
    if abs(value) < 1e-3:
        digits, exponent = f"{value:.2e}".split("e")
        return f"{digits}e{int(exponent)}".replace("-", "−")
    text = f"{value:#.3g}".rstrip(".") if abs(value) < 1000 else f"{value:.0f}"
    return text.replace("-", "−")


def setting(value: float) -> str:
    """A number that somebody chose, such as a learning rate: no digits without meaning.

    >>> setting(1e-06), setting(0.001), setting(3e-5)
    ('1e−6', '0.001', '3e−5')
    """
    digits, _, exponent = f"{value:g}".partition("e")
    return f"{digits}e{int(exponent)}".replace("-", "−") if exponent else digits


def error_interval(scores: Scores) -> str:
    """The interval of a mean squared error; a dash where there are too few examples for one."""
    if scores.mse_low is None:
        return "–"
    return f"{significant(scores.mse_low)}–{significant(scores.mse_high)}"


def accuracy_interval(scores: Scores) -> str:
    """The interval of an accuracy, in per cent."""
    return percent_interval(scores.accuracy_low, scores.accuracy_high)


def r_squared(r2: float | None) -> str:
    """R2 against the best constant, with a real minus; a dash where there is none.

    >>> r_squared(0.4567), r_squared(-104.94), r_squared(None)
    ('0.46', '−105', '–')
    """
    if r2 is None or abs(r2) >= 100:
        return significant(r2)
    return f"{r2:.2f}".replace("-", "−")


def thousands(count: int) -> str:
    """A count with thin spaces between its thousands.

    >>> thousands(65536)
    '65\\u202f536'
    """
    return f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def listed(parts: Sequence[str]) -> str:
    """Parts with commas, and "and" before the last.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def sentence(text: str) -> str:
    """A text with a capital, typographic apostrophes and a full stop; nothing stays nothing.

    >>> sentence("it doesn't fit")
    'It doesn’t fit.'
    """
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


def circuit_sentences(matrix: Matrix | None, world: str = ANY_TARGET) -> str:
    """How often the handcrafted network is right, and where it is least, as sentences."""
    cell = matrix.cell("circuit", world) if matrix else None
    if matrix is None or cell is None:
        return ""
    title = next(row.title for row in matrix.worlds if row.world == world)
    text = (
        f"The handcrafted network has an accuracy of {percent(cell.accuracy)} on {title} "
        f"(95{NO_BREAK}% interval {accuracy_interval(cell)}), with a mean squared error of "
        f"{significant(cell.mse)}."
    )
    parts = {s: part for s in SPLIT_STRATA if (part := matrix.cell("circuit", world, s))}
    if cell.accuracy == 1 or not parts:
        return text
    worst: Slice = min(parts, key=lambda where: parts[where].accuracy)
    return f"{text} It is lowest for {worst.phrase} ({percent(parts[worst].accuracy)})."
