"""Examples to look at, and as files that other tools read."""

import io
from pathlib import Path

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from offpath.configs import InputError
from offpath.data.batches import Batch
from offpath.data.worlds import World
from offpath.run.files import write_file
from offpath.slices import STRATA

ROWS_SHOWN = 1000


LEGEND = (
    "n vertices, edges as drawn (repeated ones stay); t is the target, d(1,t) its distance from 1, "
    "or none; unseen: fine-tuning asks for no such name; isolated: no edge touches t"
)


def show_examples(batch: Batch, world: World, start: int, console: Console) -> None:
    """Print the first examples of a world as a table, one row each."""
    console.print(f"[bold]{world.title}[/]: {world.description}")
    no_path = batch.tokens.shape[1] - 1
    table = Table("index", "n", "t", "d(1,t)", "d(1,2)", "stratum", "flags", box=SIMPLE_HEAD)
    for column in table.columns:
        column.no_wrap = True
    table.add_column("edges", min_width=15)
    for i in range(min(len(batch.distance), ROWS_SHOWN)):
        edges = [f"{a}-{b}" for a, b in batch.tokens[i, :-1].tolist() if b]
        hops = [
            str(d) if d < no_path else "none" for d in (batch.distance[i], batch.distance_to_2[i])
        ]
        flags = ["unseen"] * bool(batch.unseen_id[i]) + ["isolated"] * bool(batch.isolated[i])
        place = [str(start + i), str(batch.vertices[i]), str(batch.tokens[i, -1, 0])]
        table.add_row(
            *place, *hops, STRATA[batch.stratum[i]].slice, "\n".join(flags), " ".join(edges)
        )
    console.print(table)
    console.print(LEGEND, style="dim")
    if len(batch.distance) > ROWS_SHOWN:
        console.print(
            f"and {len(batch.distance) - ROWS_SHOWN} more: --out writes them all to a file"
        )


def write_examples(batch: Batch, path: Path) -> None:
    """Write examples to `path`: .npz with one array a field, or .parquet with one row an
    example."""
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
        columns["stratum"] = np.array([s.slice for s in STRATA])[batch.stratum]
        pyarrow.parquet.write_table(pyarrow.table(columns), content)
    else:
        raise InputError(f"--out must end in .npz or .parquet; got {path}")
    write_file(path, content.getvalue())
