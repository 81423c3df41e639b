"""Ways to train, measured in turns, each thread count in processes of its own.

Torch's threads spin for a while when they have nothing to do, and would slow what comes next with
another thread count. A process that waits for its turn is asleep.
"""

import multiprocessing
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache, lru_cache
from statistics import median
from typing import Any, NamedTuple

import torch

from benchmarks.plain_step import torch_steps
from offpath.compute import compute
from offpath.configs import Configuration, Training
from offpath.data.batches import Batch, stream
from offpath.data.mixtures import training_world
from offpath.data.worlds import World
from offpath.fit.checkpoints import new_model
from offpath.fit.classes import add_classes
from offpath.fit.loop import train
from offpath.fit.optimizer import make_optimizer
from offpath.fit.transformer import Transformer
from offpath.recipes import recipe
from offpath.run.files import Record
from offpath.run.provenance import source_commit

WAYS = ("reference", "torch", "native")
"""Torch's encoder on the padded rectangle, and this project's step by torch and by `native.cpp`."""
BATCH_EXAMPLES = {"laptop": 512, "paper": 1024, "paper-fast": 256, "smoke": 64}
"""Of the recipes' steps that are measured; more than 1024 at a time is no faster on a CPU."""
KEPT = 4  # trainings that a process keeps ready for their next turn: a few more than `WAYS`
MATRIX = 512  # rows and columns in `matrix_product_rate`
Process = Callable[[int, int], ProcessPoolExecutor]


class Part(NamedTuple):
    """One way of training one configuration, by so many processes at once with threads each."""

    configuration: Configuration
    way: str
    threads: int = 1
    processes: int = 1
    world: str = "pretraining"


def sized(name: str, **options: int) -> Configuration:
    """A recipe with the batch of `BATCH_EXAMPLES`; options as in `model__width`."""
    changes = {key.replace("__", "."): value for key, value in options.items()}
    batch = {"pretrain.batch_examples": BATCH_EXAMPLES[name]}
    return recipe(name).change({**batch, **changes})


@contextmanager
def waiting_processes() -> Iterator[Process]:
    """A function that gives process `number` for `threads` threads, started when first needed."""
    context = multiprocessing.get_context("forkserver")
    # Loaded once, for all processes: torch, and what torch loads at the first step of an optimizer.
    context.set_forkserver_preload([__name__, "torch._dynamo"])
    with ExitStack() as stack:

        @cache
        def process(threads: int, number: int) -> ProcessPoolExecutor:
            return stack.enter_context(ProcessPoolExecutor(1, context))

        yield process


def measured(parts: list[Part], rounds: int, seconds: float, process: Process) -> list[Record]:
    """Examples per second of each part: the median, and every round; in turns."""
    rates: list[list[float]] = [[] for _ in parts]
    for _ in range(rounds):
        for part, found in zip(parts, rates, strict=True):
            running = [
                process(part.threads, number).submit(examples_per_second, part, seconds)
                for number in range(part.processes)
            ]
            found.append(round(sum(one.result() for one in running), 1))
    return [{"median": median(found), "rounds": found} for found in rates]


def examples_per_second(part: Part, seconds: float) -> float:
    """Of one process, after a step that is not timed, over the steps that begin in `seconds`."""
    steps = _steps(part)
    next(steps)
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        next(steps)
        done += 1
    taken = time.perf_counter() - began
    return done * part.configuration.training("pretrain").batch_examples / taken


@lru_cache(KEPT)
def _steps(part: Part) -> Iterator[Any]:
    if part.way == "reference":
        training = options(part).model_copy(update={"optimizer": "adam"})
        machine = compute("cpu", part.threads)
        return torch_steps(part.configuration, examples_of(part), training, machine)
    model, optimizer, batches = beginning(part)
    machine = compute("cpu", part.threads, step=part.way)
    return train(model, optimizer, options(part), batches, 0, machine)


def beginning(part: Part) -> tuple[Transformer, torch.optim.Optimizer, Iterator[Batch]]:
    """Model, optimizer and batches, as the trainer of a run makes them."""
    training, model = options(part), new_model(part.configuration)
    if training.classification:
        add_classes(model)
    batches = stream(examples_of(part), 0, training.batch_examples, threads=part.threads)
    return model, make_optimizer(model, training), batches


def options(part: Part) -> Training:
    """Those of pre-training, also on other worlds: what differs is the examples alone."""
    return part.configuration.training("pretrain").model_copy(update={"steps": 10**8})


def examples_of(part: Part) -> World:
    """The distribution, with the candidates that the training options ask for."""
    return training_world(part.world, part.configuration.graphs, options(part))


def matrix_product_rate(threads: int, seconds: float) -> float:
    """Floating-point operations per second of products of square float32 matrices."""
    compute("cpu", threads)
    a, b = torch.randn(2, MATRIX, MATRIX)
    out = torch.mm(a, b)
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        torch.mm(a, b, out=out)
        done += 1
    return done * 2 * MATRIX**3 / (time.perf_counter() - began)


def peak_bytes(part: Part | None, steps: int = 2) -> int:
    """The largest resident memory of this process so far, after some steps; None: no step."""
    if part is not None:
        going = _steps(part)
        for _ in range(steps):
            next(going)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def about(command: str) -> Record:
    """What a raw file says of where it comes from."""
    return {
        "command": command,
        "commit": source_commit(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "torch": torch.__version__,
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
