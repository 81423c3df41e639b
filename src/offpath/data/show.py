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
LEGEND = (
    "n vertices, edges as drawn (repeated ones stay); t is the target, d(1,t) its distance from 1, "
    "or none; unseen: fine-tuning never asks for that vertex id; isolated: no edge touches t"
)
OF_REPORTERS = "; asked: the reporter, whose answer need not be d(1,t)"


def example_table(
    batch: Batch, start: int, reporters: Sequence[str] = ()
) -> tuple[list[str], list[list[str]], str]:
    """Headers, the first examples as rows of text, and a legend."""
    first, legend = batch.take(slice(ROWS_SHOWN)), LEGEND

    def hops(distances: np.ndarray) -> list[str]:
        return [str(d) if d < batch.no_path else "none" for d in distances.tolist()]

    isolated = np.where(first.isolated, "isolated", "")
    flags = zip(np.where(first.unseen_id, "unseen", ""), isolated, strict=True)
    columns = {
        "index": [str(start + i) for i in range(len(first.distance))],
        "n": [str(n) for n in first.vertices],
        "t": [str(target) for target in first.tokens[:, -1, 0]],
        "d(1,t)": hops(first.distance),
        "d(1,2)": hops(first.distance_to_2),
        "stratum": [STRATA[number].slice for number in first.stratum],
        "flags": [" ".join(filter(None, pair)) for pair in flags],
    }
    if first.reporter is not None:
        columns["asked"] = [reporters[number] for number in first.reporter]
        columns["answer"] = hops(first.labels)
        legend += OF_REPORTERS
    edges = first.tokens[:, :-1].tolist()
    columns["edges"] = [" ".join(f"{a}-{b}" for a, b in row if b) for row in edges]
    return [*columns], [list(row) for row in zip(*columns.values(), strict=True)], legend


def write_examples(batch: Batch, path: Path) -> None:
    """Write examples to `path`: .npz, one array per field, or .parquet, one row per example."""
    check_format(path)
    content = io.BytesIO()
    if path.suffix == ".npz":
        np.savez_compressed(content, **batch.columns)
    else:
        import pyarrow
        import pyarrow.parquet

        columns = batch.columns | {"tokens": batch.tokens.reshape(len(batch.tokens), -1).tolist()}
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
