"""The training of one network in a run folder: it logs, and resumes where it was killed.

In: the network's declaration, and the weights that it starts from. Out: its weights, and lines of
metrics.
"""

import math
import time
from collections.abc import Iterator, Sequence

import torch

from offpath.compute import Compute
from offpath.configs import Architecture, Configuration, InputError, Training
from offpath.data.batches import Batch, share_of_rank, stream
from offpath.data.mixtures import training_world
from offpath.data.unlabelled import GRAPHS, audited
from offpath.fit.checkpoints import load_progress, save_model, save_progress
from offpath.fit.classes import without_classes
from offpath.fit.coherence import Unlabelled, unlabelled
from offpath.fit.limits import merged
from offpath.fit.loop import LossByLabel, Step, train
from offpath.fit.optimizer import make_optimizer
from offpath.fit.parallel import from_first, share_optimizer_state, text_from_first
from offpath.fit.start import make_ready, start_model
from offpath.fit.transformer import Transformer
from offpath.networks import Network
from offpath.run.files import Record
from offpath.run.folder import Run, discard_results, holds_run
from offpath.run.metrics import append_metrics, flush_metrics, rewind_metrics
from offpath.run.provenance import note_made, note_step


@holds_run
def train_network(
    run: Run, compute: Compute, network: Network, snapshots: Sequence[int] = ()
) -> Iterator[Record]:
    """Train, and yield each line of metrics once it is written; yields nothing if done before.

    After each of the steps `snapshots` the weights are also kept as NAME-stepK. The first record of
    a training that resumes is {"network", "step", "resumed": what was dropped}.
    """
    assert network.training is not None, "a network without training is not trained"
    compute = compute.at(run.configuration.precision)
    _check_processes(run.configuration.run_name, network, network.training, compute)
    if not from_first(run.checkpoint(network.name).exists(), compute):
        yield from _train(run, compute, network, network.training, snapshots)
    if compute.rank == 0:  # a kill may have left it beside the weights
        run.checkpoint(f"{network.name}-resume").unlink(missing_ok=True)


def _train(
    run: Run, compute: Compute, network: Network, training: Training, snapshots: Sequence[int]
) -> Iterator[Record]:
    c, name, writes = run.configuration, network.name, compute.rank == 0
    model, optimizer, first = _start(run, compute, network, training)
    dropped = None
    if writes:
        discard_results(run, network)
        dropped = rewind_metrics(run, name, first)
    if first or dropped:
        yield {"network": name, "step": first, "resumed": dropped or "nothing was lost"}
    seed = c.seed if network.seed is None else network.seed
    batches, graphs = _examples(c, network, training, seed, first, compute)
    losses, began = LossByLabel(c.graphs.max_vertices + 1, compute), time.perf_counter()
    for seen in train(model, optimizer, training, batches, first, compute, graphs):
        losses.add(seen)
        step, last = seen.step, seen.step == training.steps
        if logged := last or step % training.log_every_steps == 0:
            record = _record(network, seen, losses, training, began)
            if writes:
                append_metrics(run, record)
            yield record
        if writes and step in snapshots:
            save_model(run, f"{name}-step{step}", merged(without_classes(model)))
        if writes and (last or step % training.checkpoint_every_steps == 0):
            flush_metrics(run)
            if last:
                save_model(run, name, merged(without_classes(model)))
            else:
                save_progress(run, name, step, model, optimizer)
            note_made(run.folder, name, (first + 1, step))
            note_step(run.folder, name, "native" if seen.native else "torch")
        if logged:
            began = time.perf_counter()


def _examples(
    c: Configuration, network: Network, training: Training, seed: int, first: int, compute: Compute
) -> tuple[Iterator[Batch], Iterator[Unlabelled] | None]:
    """This process's share of the batches, and of graphs without labels if there are any."""
    assert network.world is not None, "training needs a distribution"
    examples = training_world(network.world, c.graphs, training, network.data, c.reporters)
    size, rank, ranks = training.batch_examples, compute.rank, compute.ranks
    batches = stream(examples, seed, size, first, rank, ranks, compute.threads)
    if (coherence := network.coherence) is None:
        return batches, None
    slot = first * size + share_of_rank(size, rank, ranks)[0]
    kept = audited(batches, coherence.audit, examples, seed, slot, size)
    return kept, unlabelled(coherence, c.graphs, seed, first, rank, ranks)


def _start(
    run: Run, compute: Compute, network: Network, training: Training
) -> tuple[Transformer, torch.optim.Optimizer, int]:
    """Model, optimizer and number of steps done, as the first process reads them.

    The weights of other processes are those of the first once training begins.
    """
    if compute.rank == 0:
        model = start_model(run, network, compute.device)
        text_from_first(model.architecture.model_dump_json(), compute)
        text_from_first(str(model.readout.weight.dtype).removeprefix("torch."), compute)
    else:
        architecture = Architecture.model_validate_json(text_from_first(" ", compute))
        dtype = getattr(torch, text_from_first(" ", compute))
        model = Transformer(architecture, run.configuration.graphs.max_vertices)
        model = model.to(compute.device, dtype)
    make_ready(model, training, run.configuration)
    optimizer = make_optimizer(model, training)
    done = load_progress(run, network.name, model, optimizer) if compute.rank == 0 else 0
    if first := from_first(done, compute):
        share_optimizer_state(model, optimizer, compute)
    return model, optimizer, first


def _check_processes(name: str, network: Network, training: Training, compute: Compute) -> None:
    """All processes work on the same run, and each has examples to work on."""
    if text_from_first(name, compute) != name:
        raise InputError(
            f"process {compute.rank} was started with another configuration or seed than process "
            "0; give all of them the same command"
        )
    if compute.ranks > training.batch_examples:
        raise InputError(
            f"batch_examples ({training.batch_examples}) must be at least the number of processes; "
            f"got {compute.ranks} processes; start fewer, or choose a larger batch"
        )
    if network.coherence and compute.ranks > GRAPHS:
        raise InputError(
            f"{network.name} has {GRAPHS} graphs without labels in a step, at least one for each "
            f"process; got {compute.ranks} processes; start at most {GRAPHS}"
        )


def _record(
    network: Network, step: Step, losses: LossByLabel, training: Training, began: float
) -> Record:
    """The line of metrics of a step; an `InputError` where the numbers are no longer finite."""
    means = losses.read()  # waits for the device, so that the time is that of the steps
    seconds = time.perf_counter() - began
    loss, norm = means["loss"], step.gradient_norm.item()
    if not (math.isfinite(loss) and math.isfinite(norm)):
        part = "pretrain" if network.made_by == "pretrain" else "finetune"
        raise InputError(
            f"training {network.name} stopped: at step {step.step} the loss is {loss} and the "
            f"gradient norm {norm}; the last checkpoint is intact; lower {part}.learning_rate "
            f"(now {training.learning_rate}) or clip_norm (now {training.clip_norm})"
        )
    steps = (step.step - 1) % training.log_every_steps + 1
    if "coherence" in means:  # of the examples some may be left out
        kept = sum(means["count_by_label"].values()) / (steps * training.batch_examples)
        means["loss"] = means["coherence"] + kept * loss
    return {
        "network": network.name,
        "step": step.step,
        **means,
        "gradient_norm": norm,
        "learning_rate": step.learning_rate,
        "examples_per_second": round(steps * training.batch_examples / seconds, 1),
    }
