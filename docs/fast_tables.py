"""Tables of recipe `paper-fast`, from the raw files in `benchmarks/results/`."""

from docs.raw import markdown, record
from offpath.run.files import Record

DISTANCES = {
    "1": "1",
    "3": "3",
    "5": "5",
    "7": "7",
    "8": "8",
    "9": "9",
    "10": "10",
    "no path": "15",
}


def paper_fast_table() -> str:
    """Each run: what it saw, how long it took, and its error by distance."""
    head = ["run", "examples", "minutes", "MSE on 2^18 examples", "accuracy",
            *(f"d = {title}" if title.isdigit() else title for title in DISTANCES)]  # fmt: skip
    return markdown(head, [_fast_row(row) for row in record("paper-fast")["rows"]])


def _fast_row(row: Record) -> list[str]:
    by_distance = row["mse_by_distance"]
    return [
        row["run"],
        f"{row['examples']:,}",
        f"{row['seconds'] / 60:.1f}",
        f"{row['mse']:.6f} ± {row['standard_error']:.6f}",
        f"{100 * row['accuracy']:.2f} %",
        *(f"{by_distance[label]:.2g}" for label in DISTANCES.values()),
    ]


def levers_table() -> str:
    """Each change of the recipe and the error with it, the recipe itself first."""
    rows = record("levers")["rows"]
    by_kind: dict[tuple[str, int], list[Record]] = {}
    for row in rows:
        by_kind.setdefault((row["lever"], row["examples"]), []).append(row)
    return markdown(
        ["changed", "examples", "MSE on 2^17 examples, per seed", "from 13 vertices on"],
        [
            [
                lever,
                f"{examples:,}",
                ", ".join(f"{row['mse']:.5f} ± {row['standard_error']:.5f}" for row in found),
                ", ".join(f"{row['mse_from_13_vertices']:.4f}" for row in found),
            ]
            for (lever, examples), found in by_kind.items()
        ],
    )
