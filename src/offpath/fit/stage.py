"""A stage of training in a run folder: it logs, and resumes where it was killed.

In: the weights called `start`. Out: the weights called `end`, and lines of metrics.
"""

import math
import time
from collections.abc import Iterator, Sequence

import torch

from offpath.compute import Compute
from offpath.configs import InputError, Training
from offpath.data.batches import stream
from offpath.data.worlds import World
from offpath.fit.checkpoints import (
    load_model,
    load_progress,
    new_model,
    save_model,
    save_progress,
)
from offpath.fit.loop import LossByLabel, Step, train
from offpath.fit.optimizer import make_optimizer
from offpath.fit.parallel import check_same, from_first, share_optimizer_state
from offpath.fit.transformer import Transformer
from offpath.run.files import Record
from offpath.run.folder import Run, discard_results
from offpath.run.metrics import append_metrics, flush_metrics, rewind_metrics


def fit_stage(
    run: Run,
    compute: Compute,
    *,
    stage: str,
    world: World,
    training: Training,
    start: str,
    end: str,
    snapshots: Sequence[int] = (),
) -> Iterator[Record]:
    """Train, and yield each line of metrics once it is written; yields nothing if done before.

    After each of the steps `snapshots` the weights are also kept as STAGE-stepK. Of several
    processes the first reads and writes, and tells the others what it read.

    The first record of a stage that goes on says so: {"stage", "step", "resumed": what was
    dropped}.
    """
    c, writes = run.configuration, compute.rank == 0
    _check_processes(run, training, compute)
    resume = run.checkpoint(f"{stage}-resume")
    if from_first(run.checkpoint(end).exists(), compute):
        if writes:
            resume.unlink(missing_ok=True)
        return
    if writes:
        discard_results(run, stage)
    model, optimizer, first = _where_it_goes_on(run, compute, stage, training, start)
    dropped = rewind_metrics(run, stage, first) if writes else None
    if first or dropped:
        yield {"stage": stage, "step": first, "resumed": dropped or "nothing was lost"}
    batches = stream(
        world,
        c.seed,
        training.batch_examples,
        first,
        rank=compute.rank,
        ranks=compute.ranks,
        threads=compute.threads,
    )
    losses = LossByLabel(c.graphs.max_vertices + 1, compute)
    began = time.perf_counter()
    for step in train(model, optimizer, training, batches, first, compute):
        losses.add(step)
        last = step.step == training.steps
        if step.step % training.log_every_steps == 0 or last:
            record = _record(stage, step, losses, training, began)
            _stop_unless_finite(record, training)
            if writes:
                append_metrics(run, record)
            yield record
            began = time.perf_counter()
        if step.step in snapshots and writes:
            save_model(run, f"{stage}-step{step.step}", model)
        if step.step % training.checkpoint_every_steps == 0 and not last and writes:
            flush_metrics(run)
            save_progress(run, stage, step.step, model, optimizer)
    if writes:
        flush_metrics(run)
        save_model(run, end, model)
        resume.unlink(missing_ok=True)


def _where_it_goes_on(
    run: Run, compute: Compute, stage: str, training: Training, start: str
) -> tuple[Transformer, torch.optim.Optimizer, int]:
    """Model, optimizer and number of steps done, as the first process reads them.

    The weights of other processes are those of the first once training begins.
    """
    if compute.rank == 0:
        model = load_model(run, start, compute.device)
    else:
        model = new_model(run.configuration).to(compute.device)
    optimizer = make_optimizer(model, training)
    done = load_progress(run, stage, model, optimizer) if compute.rank == 0 else 0
    first = from_first(done, compute)
    if first:
        share_optimizer_state(model, optimizer, compute)
    return model, optimizer, first


def _check_processes(run: Run, training: Training, compute: Compute) -> None:
    """All processes work on the same run, and each has examples to work on."""
    told = f"{run.configuration.run_name} {compute.precision}"
    check_same("configuration, seed or precision", told, compute)
    if compute.ranks > training.batch_examples:
        raise InputError(
            f"batch_examples ({training.batch_examples}) must be at least the number of processes; "
            f"got {compute.ranks} processes; start fewer, or choose a larger batch"
        )


def _record(
    stage: str, step: Step, losses: LossByLabel, training: Training, began: float
) -> Record:
    read = losses.read()  # waits for the device, so that the time is that of the steps
    seconds = time.perf_counter() - began
    steps = (step.step - 1) % training.log_every_steps + 1
    return {
        "stage": stage,
        "step": step.step,
        **read,
        "gradient_norm": step.gradient_norm.item(),
        "learning_rate": step.learning_rate,
        "examples_per_second": round(steps * training.batch_examples / seconds, 1),
    }


def _stop_unless_finite(record: Record, training: Training) -> None:
    stage = record["stage"]
    if not (math.isfinite(record["loss"]) and math.isfinite(record["gradient_norm"])):
        raise InputError(
            f"{stage} stopped: at step {record['step']} the loss is {record['loss']} and the "
            f"gradient norm {record['gradient_norm']}; the last checkpoint is intact; lower "
            f"{stage}.learning_rate (now {training.learning_rate}) or clip_norm "
            f"(now {training.clip_norm})"
        )
