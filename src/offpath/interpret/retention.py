"""Does a network that starts at the exact solution keep it, if it is tuned on a part of the world?

In: a run with the checkpoint `circuit`. Out: it is fine-tuned as trained networks are, on shortest
paths of small graphs alone, where it makes no error to begin with; and scores on the test matrix
along the way and at the end.
"""

from collections.abc import Iterator

import numpy as np

from offpath.compute import Compute
from offpath.data.batches import Batch, frozen, stream
from offpath.data.worlds import World, world, worlds
from offpath.fit.checkpoints import load_model, save_model
from offpath.fit.loop import train
from offpath.fit.optimizer import make_optimizer
from offpath.fit.transformer import Transformer, predict
from offpath.generalize.evaluate import evaluate
from offpath.interpret.options import Robustness
from offpath.run.files import Record
from offpath.run.folder import Run

COMPARED = {"pretrained": "pre-trained", "finetuned": "fine-tuned"}
"""Trained networks to which lines are drawn."""

ANY_TARGET = "test_e"
POINTS = (1, 3, 10, 30, 100, 300)
LARGEST_ANSWER = 1e12  # what an answer that is not finite is told as
CELLS = ("pooled", "stratum", "name", "label")


def measure_kept(run: Run, compute: Compute, options: Robustness) -> Iterator[Record]:
    """For each try one record: rate, tuned_on, world, steps, cells, losses.

    First the recipe's own fine-tuning; then the same at other rates; and last at the recipe's rate
    on the pre-training distribution, where the circuit makes no error either: how much is lost
    because only a part of the world is shown, and how much because Adam moves at all? Yields
    nothing for the circuits over vertex tokens, which nobody trains.
    """
    c = run.configuration
    if c.circuit not in (None, "edge"):
        return
    own = c.finetune.learning_rate
    tries = [(rate, "finetuning") for rate in (own, *options.kept_rates)]
    for rate, name in dict.fromkeys([*tries, (own, "pretraining")]):
        yield _tuned(run, compute, rate, world(name, c.graphs))


def _tuned(run: Run, compute: Compute, rate: float, where: World) -> Record:
    c = run.configuration
    own = where.name == "finetuning" and rate == c.finetune.learning_rate
    training = c.finetune.model_copy(update={"learning_rate": rate})
    model = load_model(run, "circuit", compute.device)
    steps = sorted({0, *(p for p in POINTS if p < training.steps), training.steps})
    batches = stream(where, c.seed, training.batch_examples, threads=compute.threads)
    names = worlds(c.graphs) if own else [ANY_TARGET]
    sets = {name: _frozen(world(name, c.graphs), run, compute) for name in names}
    cells = _cells(run, compute, model, 0, {ANY_TARGET: sets[ANY_TARGET]})
    losses = []
    for step in train(model, make_optimizer(model, training), training, batches):
        if step.step in steps:
            losses.append({"step": step.step, "loss": _finite(step.squared_errors.mean().item())})
            end = own and step.step == training.steps
            chosen = sets if end else {ANY_TARGET: sets[ANY_TARGET]}
            cells += _cells(run, compute, model, step.step, chosen)
    if own:
        save_model(run, "circuit-finetuned", model)
    told = {"rate": rate, "tuned_on": where.name, "world": ANY_TARGET}
    return {**told, "steps": steps, "cells": cells, "losses": losses}


def _frozen(where: World, run: Run, compute: Compute) -> Batch:
    e = run.configuration.evaluate
    return frozen(where, e.seed, e.examples, compute.threads)[0]


def _cells(
    run: Run, compute: Compute, model: Transformer, step: int, sets: dict[str, Batch]
) -> list[Record]:
    """Cells as those of the test matrix, with the step."""
    c, cells = run.configuration, []
    for name, batch in sets.items():
        said = np.nan_to_num(predict(model, batch.tokens).astype(float), nan=LARGEST_ANSWER)
        (records,) = evaluate(
            batch,
            said[None].clip(-LARGEST_ANSWER, LARGEST_ANSWER),
            finetune_vertices=c.graphs.finetune_vertices,
            resamples=c.evaluate.bootstrap_resamples,
            seed=c.evaluate.seed,
            threads=compute.threads,
        )
        place = {"predictor": "circuit", "step": step, "world": name}
        cells += [{**place, **record} for record in records if record["by"] in CELLS]
    return cells


def _finite(value: float) -> float:
    return float(np.nan_to_num(min(value, LARGEST_ANSWER**2), nan=LARGEST_ANSWER**2))
