"""Examples to look at, and as files that other tools read."""

from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from offpath.configs import InputError
from offpath.data.batches import Batch
from offpath.data.worlds import STRATA
from offpath.runs import write_file

ROWS_SHOWN = 1000


def show_examples(batch: Batch, start: int, console: Console) -> None:
    """Print the first examples as a table, one row each."""
    no_path = batch.tokens.shape[1] - 1
    table = Table("index", "n", "edges", "t", "distance", "to 2", "stratum", "name", "touched")
    for column in table.columns:
        column.no_wrap = column.header != "edges"
    for i in range(min(len(batch.distance), ROWS_SHOWN)):
        edges = [f"{a}-{b}" for a, b in batch.tokens[i, :-1].tolist() if b]
        hops = [
            str(d) if d < no_path else "none" for d in (batch.distance[i], batch.distance_to_2[i])
        ]
        table.add_row(
            str(start + i),
            str(batch.vertices[i]),
            " ".join(edges),
            str(batch.tokens[i, -1, 0]),
            *hops,
            STRATA[batch.stratum[i]],
            "unseen" if batch.unseen_name[i] else "seen",
            "no" if batch.isolated[i] else "yes",
        )
    console.print(table)


def write_examples(batch: Batch, path: Path) -> None:
    """Write examples to `path`: .npz with one array a field, or .parquet with one row an
    example."""
    import io

    content = io.BytesIO()
    if path.suffix == ".npz":
        np.savez_compressed(content, **batch._asdict())
    elif path.suffix == ".parquet":
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise InputError(
                "writing .parquet needs the extra `data`: pip install -c constraints.txt "
                "'offpath[data]'; or write .npz"
            ) from error
        columns = batch._asdict() | {"tokens": batch.tokens.reshape(len(batch.tokens), -1).tolist()}
        columns["stratum"] = np.array(STRATA)[batch.stratum]
        pyarrow.parquet.write_table(pyarrow.table(columns), content)
    else:
        raise InputError(f"--out must end in .npz or .parquet; got {path}")
    write_file(path, content.getvalue())
