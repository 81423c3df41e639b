"""Examples to look at, and as files that other tools read."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from offpath.configs import InputError
from offpath.data.batches import Batch
from offpath.run.extras import need
from offpath.run.files import check_writable, write_file
from offpath.slices import STRATA

ROWS_SHOWN = 1000
HEADERS = ("index", "n", "t", "d(1,t)", "d(1,2)", "stratum", "flags", "edges")
ASKED_HEADERS = (*HEADERS[:-1], "asked", "answer", "edges")
LEGEND = (
    "n vertices, edges as drawn (repeated ones stay); t is the target, d(1,t) its distance from 1, "
    "or none; unseen: fine-tuning never asks for that vertex id; isolated: no edge touches t"
)


def example_rows(batch: Batch, start: int, reporters: Sequence[str] = ()) -> list[list[str]]:
    """The first examples as rows of text below `HEADERS`; of reporters, below `ASKED_HEADERS`."""
    no_path = batch.no_path
    rows = []
    for i in range(min(len(batch.distance), ROWS_SHOWN)):
        edges = " ".join(f"{a}-{b}" for a, b in batch.tokens[i, :-1].tolist() if b)
        distances = (batch.distance[i], batch.distance_to_2[i])
        hops = [str(d) if d < no_path else "none" for d in distances]
        flags = ["unseen"] * bool(batch.unseen_id[i]) + ["isolated"] * bool(batch.isolated[i])
        place = [str(start + i), str(batch.vertices[i]), str(batch.tokens[i, -1, 0])]
        asked: list[str] = []
        if batch.answer is not None and batch.reporter is not None:
            answer = int(batch.answer[i])
            asked = [reporters[batch.reporter[i]], str(answer) if answer < no_path else "none"]
        stratum = STRATA[batch.stratum[i]].slice
        rows.append([*place, *hops, stratum, " ".join(flags), *asked, edges])
    return rows


def write_examples(batch: Batch, path: Path) -> None:
    """Write examples to `path`: .npz, one array per field, or .parquet, one row per example."""
    check_format(path)
    content = io.BytesIO()
    columns = {name: column for name, column in batch._asdict().items() if column is not None}
    if path.suffix == ".npz":
        np.savez_compressed(content, **columns)
    else:
        import pyarrow
        import pyarrow.parquet

        columns |= {"tokens": batch.tokens.reshape(len(batch.tokens), -1).tolist()}
        columns["stratum"] = np.array([s.slice for s in STRATA])[batch.stratum]
        pyarrow.parquet.write_table(pyarrow.table(columns), content)
    write_file(path, content.getvalue())


def check_format(path: Path) -> None:
    """Refuse a path that examples cannot be written to."""
    if path.suffix not in (".npz", ".parquet"):
        raise InputError(f"--out must end in .npz or .parquet; got {path}")
    if path.suffix == ".parquet":
        need("data", "writing .parquet (.npz needs nothing)")
    check_writable(path)
