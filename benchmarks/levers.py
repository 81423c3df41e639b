"""What each part of recipe `paper-fast` is worth: the error after equal numbers of examples.

    python benchmarks/levers.py [--examples 1000000] [--seeds 0] [--levers LEVER ...]

Each lever changes one thing of the recipe, whose schedule is squeezed to `--examples`. One thread;
about seven minutes for a million examples. Adds rows to `benchmarks/results/levers.json`: mean
squared error on 2^17 fresh examples.
"""

import argparse
import json
import time
from pathlib import Path

from offpath.compute import compute
from offpath.configs import Configuration
from offpath.data.batches import draw, stream
from offpath.data.mixtures import training_world
from offpath.data.worlds import world
from offpath.fit.checkpoints import new_model
from offpath.fit.classes import add_classes, without_classes
from offpath.fit.loop import train
from offpath.fit.native import answers
from offpath.fit.optimizer import make_optimizer
from offpath.recipes import paper_fast
from offpath.run.files import Record, write_json

RESULTS = Path(__file__).parent / "results" / "levers.json"
EVALUATED_ON, SEED = 2**17, 1
ADAM = {"optimizer": "adamw", "beta1": 0.9, "beta2": 0.98}
LEVERS = {
    "none": {},
    "no classification": {"classification": 0.0},
    "a quarter of the classification": {"classification": 1.25},
    "no emphasis": {"candidates": 1},
    "half the candidates": {"candidates": 4},
    "AdamW in place of Muon": ADAM,
    "AdamW, rate x 2": {**ADAM, "learning_rate": 2e-3},
    "rate / 2": {"learning_rate": 5e-4},
    "rate x 2": {"learning_rate": 2e-3},
    "batch x 2": {"batch_examples": 512},
    "batch / 2": {"batch_examples": 128},
    "linear decay from the start": {"decay_from": 0.0},
    "cosine decay from the start": {"decay": "cosine", "decay_from": 0.0},
    "warm-up of 200 steps": {"warmup_steps": 200},
    "momentum 0.9": {"beta1": 0.9},
    "clipping at 1": {"clip_norm": 1.0},
    "weight decay 0.1": {"weight_decay": 0.1},
    "post-norm": {"norm": "post"},
}
"""Options of pre-training that each lever changes; `norm` is one of the model."""


def main() -> None:
    """Measure, print and write after each lever."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=1_000_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--levers", nargs="+", choices=LEVERS, default=list(LEVERS))
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    for seed in options.seeds:
        for lever in options.levers:
            row = {"lever": lever, "seed": seed, **_measure(lever, seed, options.examples)}
            print(row, flush=True)
            rows = json.loads(options.out.read_bytes())["rows"] if options.out.exists() else []
            write_json(options.out, {"evaluated_on": EVALUATED_ON, "rows": [*rows, row]})


def _measure(lever: str, seed: int, examples: int) -> Record:
    c = _configuration(lever, seed, examples)
    training, machine = c.training("pretrain"), compute("cpu", 1)
    model = new_model(c)
    if training.classification:
        add_classes(model)
    shown = training_world("pretraining", c.graphs, training)
    batches = stream(shown, seed, training.batch_examples)
    began = time.perf_counter()
    for _ in train(model, make_optimizer(model, training), training, batches, 0, machine):
        pass
    seconds = time.perf_counter() - began
    fresh = draw(world("pretraining", c.graphs), SEED, 0, EVALUATED_ON, "evaluation")
    given = answers(without_classes(model), fresh.tokens, machine)
    errors = (given.astype(float) - fresh.distance) ** 2
    return {
        "examples": training.steps * training.batch_examples,
        "mse": errors.mean(),
        "standard_error": errors.std() / len(errors) ** 0.5,
        "mse_from_13_vertices": errors[fresh.vertices >= 13].mean(),
        "seconds": round(seconds, 1),
    }


def _configuration(lever: str, seed: int, examples: int) -> Configuration:
    """The recipe with one lever moved, and as many steps as the examples allow."""
    changes = {f"pretrain.{name}": value for name, value in LEVERS[lever].items() if name != "norm"}
    if "norm" in LEVERS[lever]:
        changes["model.norm"] = LEVERS[lever]["norm"]
    c = paper_fast().change({"seed": seed, **changes})
    return c.change({"pretrain.steps": examples // c.training("pretrain").batch_examples})


if __name__ == "__main__":
    main()
