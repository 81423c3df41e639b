"""Groups of runs that differ in the seed alone, and all of their scores as one long table.

In: finished runs. Out: each with its group and its test matrix, or one line on what else they
differ in; rows for other programs.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from offpath.comparison import ComparedRun
from offpath.configs import differences, dotted
from offpath.errors import InputError, choice_fault, nearest
from offpath.results import Cell, Matrix, Place, read_result
from offpath.run.extras import need
from offpath.run.files import check_writable, write_file
from offpath.run.folder import Run

FORMATS = (".csv", ".parquet", ".json")
PLACE = ("group", "seed", "network", "world", "by", "slice")
"""The first columns of the long table; every score follows."""
SCORES = [name for name in Cell.model_fields if name not in Place.model_fields]


class Measured(NamedTuple):
    """A run with its group and its test matrix."""

    group: str
    run: Run
    matrix: Matrix

    @property
    def seed(self) -> int:
        """By which runs are paired."""
        return self.run.configuration.seed

    def record(self) -> ComparedRun:
        """What a comparison says about the run."""
        name, folder = self.run.configuration.run_name, str(self.run.folder)
        return ComparedRun(group=self.group, seed=self.seed, run=name, folder=folder)


def measured(runs: Sequence[Run], by: str | None = None) -> list[Measured]:
    """Runs with their groups; an `InputError` where they differ in more than seed and `by`."""
    first = runs[0].configuration
    if by == "seed":
        raise InputError("--by must not be seed, for runs are paired by it; leave --by out")
    if by is not None and by not in dotted(first):
        raise InputError(
            f"--by must be an option of a run; got {by!r}{nearest(by, dotted(first))}; `offpath "
            "run --help` lists them all"
        )
    pairs = [differences(first, one.configuration) for one in runs]
    others = {name for pair in pairs for name, *_ in pair} - {"seed", "recipe", by}
    if others:
        known = f"the seed and {by}" if by else "the seed"
        hint = "leave some runs out" if by else "leave some out, or give one of these as --by"
        raise InputError(
            f"these runs differ in {', '.join(sorted(others))} besides {known}; {hint}"
        )
    made = [Measured(_group(one, by), one, read_result(one, Matrix)) for one in runs]
    for (group, seed), times in Counter((one.group, one.seed) for one in made).items():
        if times > 1:
            raise InputError(
                f"{times} runs of {group} have seed {seed}; name each run once, and each seed"
            )
    return made


def _group(run: Run, by: str | None) -> str:
    if by is None:
        return run.configuration.run_name.rpartition("-seed")[0]
    return f"{by} {dotted(run.configuration)[by]}"


def evaluation_set(runs: Sequence[Measured], world: str) -> tuple[str, str]:
    """Title and SHA-256 of the examples; an `InputError` unless all runs share them."""
    sets = []
    for one in runs:
        known = {row.world: row for row in one.matrix.worlds}
        if world not in known:
            raise InputError(choice_fault("--world", world, known))
        sets.append((one.run.configuration.run_name, known[world]))
    for (name, one), (other_name, other) in pairwise(sets):
        if one.sha256 != other.sha256:
            raise InputError(
                f"{name} and {other_name} were measured on different examples of {one.title} "
                f"(SHA-256 {one.sha256[:8]}…, {other.sha256[:8]}…); compare runs with the same "
                "graphs and the same options --evaluate"
            )
    return sets[0][1].title, sets[0][1].sha256


def check_format(path: Path) -> None:
    """Refuse a path that no comparison can be written to."""
    if path.suffix not in FORMATS:
        raise InputError(f"--out must end in {', '.join(FORMATS)}; got {path}")
    if path.suffix == ".parquet":
        need("data", "writing .parquet (.csv and .json need nothing)")
    check_writable(path)


def write_scores(runs: Sequence[Measured], path: Path) -> int:
    """Write every score of every run to a .csv or .parquet; how many rows that is."""
    columns = (*PLACE, *SCORES)
    rows = [*_score_rows(runs)]
    if path.suffix == ".csv":
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows([columns, *rows])
        write_file(path, text.getvalue().encode())
        return len(rows)
    import pyarrow
    import pyarrow.parquet

    types = {int: pyarrow.int64(), float: pyarrow.float64(), str: pyarrow.string()}
    kinds = [str, int, str, str, str, str, *map(_kind, SCORES)]
    schema = pyarrow.schema([(n, types[k]) for n, k in zip(columns, kinds, strict=True)])
    arrays = [list(column) for column in zip(*rows, strict=True)]
    content = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(arrays, schema=schema), content)
    write_file(path, content.getvalue())
    return len(rows)


def _score_rows(runs: Sequence[Measured]) -> Iterator[tuple[object, ...]]:
    for one in runs:
        for cell in one.matrix.cells:
            place = (one.group, one.seed, cell.predictor, cell.world, cell.by, cell.slice)
            yield (*place, *(getattr(cell, name) for name in SCORES))


def _kind(score: str) -> type:
    """Whether a score is a whole number, a number or a name."""
    annotation = str(Cell.model_fields[score].annotation)
    return next((kind for kind in (str, int) if kind.__name__ in annotation), float)
