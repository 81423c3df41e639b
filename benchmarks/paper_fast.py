"""How good the pre-trained networks of runs are, on 2^18 examples that no training has drawn.

    offpath pretrain --recipe paper-fast --seed 0 --threads 1   (and seeds 1, 2)
    python benchmarks/paper_fast.py runs/paper-fast-*-seed?

The error of the study's size lies in few examples: 2^18 of them bound it to some per cent. Writes
`benchmarks/results/paper-fast.json`: per run the mean squared error with its standard error, by
distance, and of 13 vertices or more; the loss along training; examples and seconds.
"""

import sys
from pathlib import Path
from statistics import median

import numpy as np
from jaxtyping import Float64, UInt8

from offpath.compute import compute
from offpath.data.batches import draw
from offpath.data.worlds import world
from offpath.fit.checkpoints import load_model
from offpath.fit.native import answers
from offpath.run.files import Record, write_json
from offpath.run.folder import Run, open_run
from offpath.run.metrics import read_metrics
from offpath.run.provenance import read_sessions

RESULTS = Path(__file__).parent / "results" / "paper-fast.json"
EXAMPLES, SEED = 2**18, 1  # the frozen sets of runs have seed 0
POINTS = 40  # of the curve


def main() -> None:
    """Measure each run that is named, print and write."""
    rows = []
    for folder in sys.argv[1:]:
        run = open_run(folder)
        rows.append({"run": run.configuration.run_name, **_training(run), **_errors(run)})
        row = rows[-1]
        print(
            f"{row['run']}: {row['mse']:.6f} +- {row['standard_error']:.6f} after "
            f"{row['examples']:,} examples, {row['seconds'] / 60:.1f} min",
            flush=True,
        )
    command = "python benchmarks/paper_fast.py RUN..."
    write_json(RESULTS, {"command": command, "evaluated_on": EXAMPLES, "rows": rows})


def _errors(run: Run) -> Record:
    c = run.configuration
    batch = draw(world("pretraining", c.graphs), SEED, 0, EXAMPLES, "evaluation")
    model = load_model(run, "pretrained", "cpu")
    errors = (answers(model, batch.tokens, compute("cpu")).astype(float) - batch.distance) ** 2
    return {
        "mse": errors.mean(),
        "standard_error": errors.std() / len(errors) ** 0.5,
        "accuracy": (errors < 0.25).mean(),
        "mse_by_distance": _means(errors, batch.distance),
        "mse_by_vertices": _means(errors, batch.vertices),
        "share_of_worst_100": np.sort(errors)[-100:].sum() / errors.sum(),
    }


def _means(
    errors: Float64[np.ndarray, " example"], kinds: UInt8[np.ndarray, " example"]
) -> dict[str, float]:
    return {str(kind): errors[kinds == kind].mean() for kind in np.unique(kinds)}


def _training(run: Run) -> Record:
    """Examples, seconds at the median rate of its lines of metrics, and the loss along it."""
    training = run.configuration.training("pretrain")
    lines = [line for line in read_metrics(run) if line["network"] == "pretrained"]
    examples = training.batch_examples * training.steps
    chunks = np.array_split(np.array([line["loss"] for line in lines]), POINTS)
    return {
        "examples": examples,
        "seconds": examples / median(line["examples_per_second"] for line in lines),
        "computed_on": [one for s in read_sessions(run.folder) for one in s["computed_on"]],
        "loss_along_training": [round(float(chunk.mean()), 6) for chunk in chunks],
    }


if __name__ == "__main__":
    main()
