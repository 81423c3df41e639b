"""Look up the cells of the test matrix, and write their numbers as a reader wants them.

In: the record of `results/matrix.json`. Out: cells, and texts with as many digits as they deserve.
"""

import math
from typing import Any, NamedTuple

from offpath.run.files import Record


class Slice(NamedTuple):
    """Some of the examples of a distribution, and what they ask."""

    by: str
    slice: str
    title: str
    meaning: str


ANY_TARGET = "test_e"
"""The distribution that asks for any vertex: every kind of question occurs in it."""

KINDS = ("checkpoint", "circuit", "rule")
"""Kinds of predictors, in the order in which every table shows them."""

POOLED = Slice("pooled", "all", "all", "Every example of the distribution.")

STRATA = (
    Slice(
        "stratum",
        "trained",
        "trained",
        "The target is vertex 2: the one question of pre-training.",
    ),
    Slice(
        "name",
        "on_path, seen",
        "on path, seen",
        "The target lies on a shortest path from 1 to 2, and targets of this name were tuned.",
    ),
    Slice(
        "name",
        "on_path, unseen",
        "on path, unseen",
        "The target lies on such a path too, but its name is above the limit of fine-tuning.",
    ),
    Slice(
        "stratum",
        "off_path",
        "off path",
        "1 leads both to 2 and to the target, but the target is on no shortest path from 1 to 2.",
    ),
    Slice(
        "stratum",
        "off_path_cut",
        "off path, cut",
        "1 leads to the target but not to 2: fine-tuning never shows such a graph.",
    ),
    Slice(
        "stratum",
        "unreachable",
        "unreachable",
        "The target exists, and no path leads there: fine-tuning never asks this.",
    ),
    Slice("stratum", "absent", "absent", "The graph has no vertex of that name."),
)

HEADLINE = tuple(STRATA[i] for i in (1, 2, 3, 5))
"""The four slices that answer the question of the report: from nearest to farthest."""

ISOLATION = (
    Slice("isolated", "isolated", "isolated", "No edge touches the target."),
    Slice("isolated", "connected", "connected", "At least one edge touches the target."),
)


def distance_slices(matrix: Record) -> tuple[Slice, ...]:
    """One slice for each true distance that the matrix has a cell of, "no path" last."""
    labels = {int(cell["slice"]) for cell in matrix["cells"] if cell["by"] == "label"}
    return tuple(
        Slice("label", str(label), label_title(label, matrix["max_vertices"]), "")
        for label in sorted(labels)
    )


def label_title(label: int, max_vertices: int) -> str:
    """A true distance as text; the largest label says that there is no path.

    >>> label_title(3, 8), label_title(8, 8)
    ('3', 'no path')
    """
    return "no path" if label == max_vertices else str(label)


def cell(matrix: Record, predictor: str, world: str, where: Slice = POOLED) -> Record | None:
    """One cell of the matrix, or None if its slice has no examples."""
    for found in matrix["cells"]:
        if (
            found["slice"] == where.slice
            and found["predictor"] == predictor
            and found["world"] == world
            and found["by"] == where.by
        ):
            return found
    return None


def slice_count(matrix: Record, world: str, where: Slice) -> int:
    """How many examples of a distribution are in a slice; the same for every predictor."""
    found = (cell(matrix, p["predictor"], world, where) for p in matrix["predictors"])
    return next((c["count"] for c in found if c), 0)


def ordered_predictors(matrix: Record) -> list[Record]:
    """The predictors of a matrix: trained ones, then those set by hand, then rules."""
    return sorted(matrix["predictors"], key=lambda row: KINDS.index(row["kind"]))


def finite(value: Any) -> int | float | None:
    """A number as it is; None for null, for text, and for what is not finite.

    >>> finite(1e-9), finite(None), finite("x"), finite(float("nan"))
    (1e-09, None, None, None)
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if number and math.isfinite(value) else None


def written(value: Any) -> str:
    """A number with three significant digits and a real minus; a dash where there is none.

    >>> written(-0.25), written(None), written(1e-06)
    ('−0.250', '–', '1.00e−6')
    """
    number = finite(value)
    return "–" if number is None else significant(number).replace("-", "−")


def setting(value: int | float) -> str:
    """A number that somebody chose, such as a learning rate: no digits that say nothing.

    >>> setting(1e-06), setting(0.001), setting(3e-5)
    ('1e−6', '0.001', '3e−5')
    """
    digits, _, exponent = f"{value:g}".partition("e")
    return f"{digits}e{int(exponent)}".replace("-", "−") if exponent else digits


def percent(share: float) -> str:
    """A share as a percentage with one decimal and a space that does not break.

    >>> percent(0.98765)
    '98.8\\xa0%'
    """
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%"


def percent_interval(low: float, high: float) -> str:
    """The two ends of an interval of shares, in per cent.

    >>> percent_interval(0.95, 0.981)
    '95.0–98.1'
    """
    return f"{100 * low:.1f}–{100 * high:.1f}"


def significant(value: int | float) -> str:
    """A number with three significant digits, and a power of ten where it is tiny.

    >>> significant(0.0041234), significant(72.87), significant(0.000412), significant(0.0)
    ('0.00412', '72.9', '4.12e-4', '0')
    """
    if value == 0:
        return "0"
    if abs(value) < 1e-3:
        digits, exponent = f"{value:.2e}".split("e")
        return f"{digits}e{int(exponent)}"
    return f"{value:#.3g}".rstrip(".") if abs(value) < 1000 else f"{value:.0f}"


def error_interval(found: Record, between: str = "–") -> str:
    """The interval of a mean squared error; a dash where there are too few examples for one."""
    if found["mse_low"] is None:
        return "–"
    return f"{significant(found['mse_low'])}{between}{significant(found['mse_high'])}"


def explained(r2: float | None) -> str:
    """R2 against the best constant, with a real minus; a dash where there is none.

    >>> explained(0.4567), explained(-104.94), explained(None)
    ('0.46', '−105', '–')
    """
    if r2 is None:
        return "–"
    return (f"{r2:.2f}" if abs(r2) < 100 else significant(r2)).replace("-", "−")


def grouped(count: int) -> str:
    """A count with thin spaces between its thousands.

    >>> grouped(65536)
    '65\\u202f536'
    """
    return f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
