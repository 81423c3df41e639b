"""What a training step spends its time on: the share of each part of the loop.

The parts that the loop calls are timed from outside, while it runs as it is.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar
from unittest import mock

import torch
from torch import nn

from benchmarks.turns import Part, beginning, options
from offpath.compute import compute
from offpath.data.batches import Batch
from offpath.fit.loop import LossByLabel, train

R = TypeVar("R")
PARTS = ("waiting", "gradients", "clipping", "optimizer", "bookkeeping")
"""Of a step: until the next batch is there, ..., and all the rest, sums of losses included."""


def shares(part: Part, seconds: float) -> dict[str, float]:
    """The share of each of `PARTS` in the time of training steps, which is 1 in all."""
    model, optimizer, batches = beginning(part)
    training, machine = options(part), compute("cpu", part.threads, step=part.way)
    losses = LossByLabel(part.configuration.graphs.max_vertices + 1, machine)
    spent: dict[str, float] = dict.fromkeys(PARTS, 0.0)
    steps = train(model, optimizer, training, _timed(batches, spent), 0, machine)
    with _watched(optimizer, spent):
        next(steps)  # compiles, and makes the optimizer's memory
        spent.update(dict.fromkeys(PARTS, 0.0))
        began = time.perf_counter()
        while not spent["gradients"] or time.perf_counter() - began < seconds:
            seen = next(steps)
            losses.add(seen)
            if seen.step % training.log_every_steps == 0:
                losses.read()
        total = time.perf_counter() - began
    spent["bookkeeping"] = total - sum(spent.values())
    return {name: round(of_it / total, 4) for name, of_it in spent.items()}


def _timed(batches: Iterator[Batch], spent: dict[str, float]) -> Iterator[Batch]:
    """The same batches."""
    while True:
        began = time.perf_counter()
        batch = next(batches)
        spent["waiting"] += time.perf_counter() - began
        yield batch


@contextmanager
def _watched(optimizer: torch.optim.Optimizer, spent: dict[str, float]) -> Iterator[None]:
    """The loop calls zero_grad, gets gradients, clips them, and calls the optimizer's step."""
    zero_grad, step, clip = optimizer.zero_grad, optimizer.step, nn.utils.clip_grad_norm_
    began = 0.0

    def and_then(name: str | None, function: Callable[..., R], *given: object) -> R:
        nonlocal began
        start = time.perf_counter()
        if function is clip:
            spent["gradients"] += start - began
        result = function(*given)
        began = time.perf_counter()
        if name:
            spent[name] += began - start
        return result

    with (
        mock.patch.object(optimizer, "zero_grad", partial(and_then, None, zero_grad)),
        mock.patch.object(nn.utils, "clip_grad_norm_", partial(and_then, "clipping", clip)),
        mock.patch.object(optimizer, "step", partial(and_then, "optimizer", step)),
    ):
        yield
