"""Keep what the pages of `docs/` are computed from: small copies of the results of finished runs.

    offpath sweep laptop --seeds 10 && python benchmarks/keep.py runs/laptop-*-seed?

Numbers are rounded to six digits. Of the matrix test e stays whole; of the other distributions the
networks' scores, pooled and by stratum. Of the metrics the phases stay: for each distance the step
from which its loss, averaged over 25 steps, is below 0.1 for good.
"""

import json
import shutil
import sys
from pathlib import Path

from offpath.results import Matrix, Overlap, read_result
from offpath.run.files import Record, checksum, write_file
from offpath.run.folder import Run, open_run
from offpath.run.metrics import read_metrics
from offpath.slices import ANY_TARGET

RESULTS = Path(__file__).parent / "results"
KEPT = ("pooled", "stratum", "vertex_id")
BOUND, WINDOW = 0.1, 5  # lines of metrics, each over 5 steps


def main() -> None:
    """Copy each run that is named."""
    for folder in sys.argv[1:]:
        run = open_run(folder)
        c = run.configuration
        target = RESULTS / f"{c.recipe}-seed{c.seed}"
        target.mkdir(exist_ok=True)
        for name in ("config.json", "provenance.json"):
            shutil.copy(run.folder / name, target / name)
        _write(target / "matrix.json", _matrix(run))
        overlap = read_result(run, Overlap)
        head = {"run": c.run_name, "format": 3}
        _write(target / "overlap.json", {**head, **overlap.model_dump(mode="json")})
        _write(target / "phases.json", {"run": c.run_name, "steps": phases(run)})
        print(f"kept {target}")


def _matrix(run: Run) -> Record:
    record = json.loads(run.result(Matrix.file).read_bytes())
    rules = {row["predictor"] for row in record["predictors"] if row["kind"] == "rule"}
    cells = [
        cell
        for cell in record["cells"]
        if cell["world"] == ANY_TARGET or (cell["by"] in KEPT and cell["predictor"] not in rules)
    ]
    del record["sha256"]
    return {**record, "cells": cells}


def phases(run: Run) -> dict[str, int | None]:
    """For each true distance the step of pre-training from which its loss stays below the bound."""
    lines = [line for line in read_metrics(run) if line["network"] == "pretrained"]
    windows = [lines[i : i + WINDOW] for i in range(0, len(lines), WINDOW)]
    labels = range(1, run.configuration.graphs.max_vertices + 1)
    return {str(label): _below_from(windows, str(label)) for label in labels}


def _below_from(windows: list[list[Record]], label: str) -> int | None:
    """None where the loss is above the bound at the end, or the distance is not met."""
    step, met = 0, False
    for window in windows:
        counts = [line["count_by_label"].get(label, 0) for line in window]
        losses = [line["loss_by_label"].get(label, 0.0) for line in window]
        met |= bool(sum(counts))
        if sum(counts) and sum(map(float.__mul__, map(float, counts), losses)) >= BOUND * sum(
            counts
        ):
            step = window[-1]["step"]
    return step if met and step < windows[-1][-1]["step"] else None


def _write(path: Path, record: Record) -> None:
    """Write a record with its checksum, numbers rounded, without spaces."""
    first, *_ = record
    rounded = json.loads(json.dumps(record), parse_float=lambda text: float(f"{float(text):.6g}"))
    signed = {first: rounded[first], "sha256": checksum(rounded), **rounded}
    write_file(path, json.dumps(signed, separators=(",", ":")).encode() + b"\n")


if __name__ == "__main__":
    main()
