"""Seconds until the loss of pre-training falls below 0.01: the native step beside torch's.

    python benchmarks/time_to_loss.py [--seeds 3] [--threads 1]

Recipe `laptop`, both steps by turns in one run, with the same examples; the loss is the mean over 50
steps. Writes `benchmarks/results/time-to-loss.json`.
"""

import argparse
import time
from itertools import islice
from pathlib import Path
from statistics import median

from offpath.compute import compute
from offpath.configs import Configuration
from offpath.data.batches import stream
from offpath.data.worlds import world
from offpath.fit.checkpoints import new_model
from offpath.fit.loop import train
from offpath.fit.optimizer import make_optimizer
from offpath.recipes import laptop
from offpath.run.files import Record, write_json

RESULTS = Path(__file__).parent / "results" / "time-to-loss.json"
BOUND, WINDOW = 0.01, 50


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    rows = []
    for seed in range(options.seeds):
        for step in ("torch", "native"):
            c = laptop().model_copy(update={"seed": seed})
            rows.append({"seed": seed, "step": step, **_time(c, step, options.threads)})
            print(rows[-1], flush=True)
    pairs = zip(rows[::2], rows[1::2], strict=True)
    ratio = median(plain["seconds"] / native["seconds"] for plain, native in pairs)
    command = f"python benchmarks/time_to_loss.py --threads {options.threads}"
    write_json(RESULTS, {"command": command, "bound": BOUND, "ratio": ratio, "rows": rows})
    print(f"the native step reaches {BOUND} {ratio:.2f} times as soon")


def _time(c: Configuration, step: str, threads: int) -> Record:
    machine = compute("cpu", threads, step=step)
    model, training = new_model(c), c.training("pretrain")
    batches = stream(world("pretraining", c.graphs), c.seed, training.batch_examples)
    steps = train(model, make_optimizer(model, training), training, batches, 0, machine)
    began = time.perf_counter()
    for done in range(WINDOW, training.steps + 1, WINDOW):
        losses = [seen.squared_errors.mean().item() for seen in islice(steps, WINDOW)]
        if sum(losses) / WINDOW < BOUND:
            return {"steps": done, "seconds": round(time.perf_counter() - began, 1)}
    raise SystemExit(f"the loss of seed {c.seed} never fell below {BOUND}")


if __name__ == "__main__":
    main()
