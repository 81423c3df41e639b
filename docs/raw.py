"""The raw result files in `benchmarks/results/`, and tables in Markdown."""

import json
from functools import cache
from pathlib import Path
from typing import TypeVar

from offpath.results import Result, Scores
from offpath.run.files import Record

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"
R = TypeVar("R", bound=Result)


@cache  # a quarter of a megabyte, asked for by several tables
def result(folder: str, kind: type[R]) -> R:
    """A result file of a run, as its typed record."""
    file = record(f"{folder}/{kind.file}")
    fields = {name: value for name, value in file.items() if name in kind.model_fields}
    return kind.model_validate(fields)


def record(name: str) -> Record:
    """A raw file without a type."""
    return json.loads((RESULTS / f"{name}.json").read_text())


def records(name: str) -> list[Record]:
    """A raw file that is a list."""
    return json.loads((RESULTS / f"{name}.json").read_text())


def accuracy(scores: Scores | None) -> str:
    """An accuracy with its 95 % interval; a dash where there are no examples."""
    if scores is None:
        return "–"
    low, high = 100 * scores.accuracy_low, 100 * scores.accuracy_high
    return f"{100 * scores.accuracy:.1f} % ({low:.1f}–{high:.1f})"


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
