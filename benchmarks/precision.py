"""Examples a second in training by precision, plain and compiled, beside torch's own encoder.

    python -m benchmarks.precision [--device cuda] [--batch-examples 32768] > FILE.json

A recipe's pre-training, by default that of paper: the same weights, batch and optimizer for all, in
turns in the same run; figures are medians of the rounds, and every round is printed. Torch's
encoder gets the rectangle padded to one length (16 tokens), as one would write it first.
"""

import argparse
import json
import platform
import time
from collections.abc import Iterator
from dataclasses import replace
from statistics import median
from typing import Any

import torch

from benchmarks.plain_step import torch_steps
from offpath.compute import Compute, compute
from offpath.configs import Configuration, Training
from offpath.data.batches import stream
from offpath.data.worlds import worlds
from offpath.fit.checkpoints import new_model
from offpath.fit.loop import train
from offpath.fit.optimizer import make_optimizer
from offpath.recipes import RECIPES, recipe

WARM_UP = 6  # steps in which kernels are compiled for every shape of the groups


def main() -> None:
    """Measure every way and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--recipe", default="paper", choices=list(RECIPES))
    parser.add_argument("--batch-examples", type=int, default=2**15)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    given = parser.parse_args()
    machine = compute(given.device)
    c = recipe(given.recipe)
    training = c.training("pretrain").model_copy(update={"batch_examples": given.batch_examples})
    c = c.model_copy(update={"pretrain": training})
    rows = measure(c, machine, given.rounds, compiled=not given.no_compile)
    name = platform.machine()
    if machine.device.type == "cuda":
        name = torch.cuda.get_device_name(machine.device)
    about = f"{name}, torch {torch.__version__}, {machine.threads} threads"
    told = {"machine": about, "recipe": c.recipe, "batch_examples": given.batch_examples}
    print(json.dumps({**told, "rows": rows}))


def measure(c: Configuration, machine: Compute, rounds: int, *, compiled: bool) -> list[dict]:
    """One row for each precision and way of running it."""
    training = c.training("pretrain").model_copy(update={"steps": 10**6})
    world = worlds(c.graphs)["pretraining"]
    precisions = ["float32", "bfloat16"]
    if machine.device.type == "cuda":
        precisions.insert(1, "tf32")
    ways: dict[tuple[str, str], Iterator] = {}
    for precision in precisions:
        how = replace(machine, precision=precision)
        ways[precision, "offpath"] = _steps(c, training, how, compiled=False)
        ways[precision, "torch's encoder, padded"] = torch_steps(c, world, training, how)
        if compiled:
            ways[precision, "offpath, compiled"] = _steps(c, training, how, compiled=True)
    seconds: dict[tuple[str, str], list[float]] = {way: [] for way in ways}
    for number in range(WARM_UP + rounds):
        for way, steps in ways.items():
            taken = _seconds(steps, machine)
            if number >= WARM_UP:
                seconds[way].append(taken)
    return [
        {
            "precision": precision,
            "way": way,
            "examples_per_second": round(training.batch_examples / median(taken)),
            "seconds": taken,
        }
        for (precision, way), taken in seconds.items()
    ]


def _steps(
    c: Configuration, training: Training, machine: Compute, *, compiled: bool
) -> Iterator[Any]:
    model = new_model(c).to(machine.device)
    optimizer = make_optimizer(model, training)
    batches = stream(
        worlds(c.graphs)["pretraining"], 0, training.batch_examples, threads=machine.threads
    )
    if compiled:
        model.forward = torch.compile(model.forward, dynamic=True)
    return train(model, optimizer, training, batches, 0, machine)


def _seconds(steps: Iterator, machine: Compute) -> float:
    began = time.perf_counter()
    next(steps)
    if machine.device.type == "cuda":
        torch.cuda.synchronize()
    return round(time.perf_counter() - began, 5)


if __name__ == "__main__":
    main()
