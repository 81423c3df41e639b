"""The training of one network in a run folder: it logs, and resumes where it was killed.

In: the network's declaration, and the weights that it starts from. Out: its weights, and lines of
metrics.
"""

import math
import time
from collections.abc import Iterator, Sequence

import torch

from offpath.compute import Compute
from offpath.configs import Architecture, InputError, Training
from offpath.data.batches import stream
from offpath.data.worlds import world
from offpath.fit.checkpoints import load_model, load_progress, save_model, save_progress
from offpath.fit.loop import LossByLabel, Step, train
from offpath.fit.optimizer import make_optimizer
from offpath.fit.parallel import check_same, from_first, share_optimizer_state, text_from_first
from offpath.fit.transformer import Transformer
from offpath.networks import Network
from offpath.run.files import Record
from offpath.run.folder import Run, discard_results, holds_run
from offpath.run.metrics import append_metrics, flush_metrics, rewind_metrics
from offpath.run.provenance import note_made


@holds_run
def train_network(
    run: Run, compute: Compute, network: Network, snapshots: Sequence[int] = ()
) -> Iterator[Record]:
    """Train, and yield each line of metrics once it is written; yields nothing if done before.

    After each of the steps `snapshots` the weights are also kept as NAME-stepK. Of several
    processes the first reads and writes, and sends the others what it read.

    The first record of a training that resumes says so: {"network", "step", "resumed": what was
    dropped}.
    """
    training = network.training
    assert training is not None, "a network without training is not trained"
    writes, name = compute.rank == 0, network.name
    compute = compute.at(run.configuration.precision)
    _check_processes(run, training, compute)
    if _is_trained(run, name, compute):
        return
    model, optimizer, first = _start(run, compute, network, training)
    dropped = _forget_later(run, network, first) if writes else None
    if first or dropped:
        yield {"network": name, "step": first, "resumed": dropped or "nothing was lost"}
    for step, record in _logged_steps(run, compute, network, training, (model, optimizer, first)):
        if writes and record is not None:
            append_metrics(run, record)
        if record is not None:
            yield record
        if writes and step in snapshots:
            save_model(run, f"{name}-step{step}", model)
        if writes and step % training.checkpoint_every_steps == 0 and step < training.steps:
            flush_metrics(run)
            save_progress(run, name, step, model, optimizer)
            note_made(run.folder, name, (first + 1, step))
    if writes:
        flush_metrics(run)
        save_model(run, name, model)
        note_made(run.folder, name, (first + 1, training.steps))
        run.checkpoint(f"{name}-resume").unlink(missing_ok=True)


def _is_trained(run: Run, name: str, compute: Compute) -> bool:
    """Whether the weights are there; a kill may have left the file to resume from beside them."""
    there = bool(from_first(run.checkpoint(name).exists(), compute))
    if there and compute.rank == 0:
        run.checkpoint(f"{name}-resume").unlink(missing_ok=True)
    return there


def _forget_later(run: Run, network: Network, step: int) -> str | None:
    """Remove what depends on weights that are about to change; the lines of metrics dropped."""
    discard_results(run, network)
    return rewind_metrics(run, network.name, step)


def _logged_steps(
    run: Run,
    compute: Compute,
    network: Network,
    training: Training,
    start: tuple[Transformer, torch.optim.Optimizer, int],
) -> Iterator[tuple[int, Record | None]]:
    """Train, yielding each step, with a line of metrics where one is due."""
    c, (model, optimizer, first) = run.configuration, start
    assert network.world is not None, "training needs a distribution"
    batches = stream(
        world(network.world, c.graphs),
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
        record = None
        if step.step % training.log_every_steps == 0 or step.step == training.steps:
            record = _record(network.name, step, losses, training, began)
            _stop_unless_finite(record, network, training)
        yield step.step, record
        if record is not None:
            began = time.perf_counter()


def _start(
    run: Run, compute: Compute, network: Network, training: Training
) -> tuple[Transformer, torch.optim.Optimizer, int]:
    """Model, optimizer and number of steps done, as the first process reads them.

    The weights of other processes are those of the first once training begins.
    """
    c = run.configuration
    if compute.rank == 0:
        assert network.starts_from is not None, "training starts from a network"
        model = load_model(run, network.starts_from, compute.device)
        text_from_first(model.architecture.model_dump_json(), compute)
    else:
        architecture = Architecture.model_validate_json(text_from_first(" ", compute))
        model = Transformer(architecture, c.graphs.max_vertices).to(compute.device)
    optimizer = make_optimizer(model, training)
    done = load_progress(run, network.name, model, optimizer) if compute.rank == 0 else 0
    first = from_first(done, compute)
    if first:
        share_optimizer_state(model, optimizer, compute)
    return model, optimizer, first


def _check_processes(run: Run, training: Training, compute: Compute) -> None:
    """All processes work on the same run, and each has examples to work on."""
    check_same("configuration or seed", run.configuration.run_name, compute)
    if compute.ranks > training.batch_examples:
        raise InputError(
            f"batch_examples ({training.batch_examples}) must be at least the number of processes; "
            f"got {compute.ranks} processes; start fewer, or choose a larger batch"
        )


def _record(name: str, step: Step, losses: LossByLabel, training: Training, began: float) -> Record:
    means = losses.read()  # waits for the device, so that the time is that of the steps
    seconds = time.perf_counter() - began
    steps = (step.step - 1) % training.log_every_steps + 1
    return {
        "network": name,
        "step": step.step,
        **means,
        "gradient_norm": step.gradient_norm.item(),
        "learning_rate": step.learning_rate,
        "examples_per_second": round(steps * training.batch_examples / seconds, 1),
    }


def _stop_unless_finite(record: Record, network: Network, training: Training) -> None:
    if not (math.isfinite(record["loss"]) and math.isfinite(record["gradient_norm"])):
        part = "pretrain" if network.made_by == "pretrain" else "finetune"
        raise InputError(
            f"training {network.name} stopped: at step {record['step']} the loss is "
            f"{record['loss']} and the gradient norm {record['gradient_norm']}; the last "
            f"checkpoint is intact; lower {part}.learning_rate (now {training.learning_rate}) or "
            f"clip_norm (now {training.clip_norm})"
        )
