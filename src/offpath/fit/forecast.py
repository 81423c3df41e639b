"""What a configuration will cost here: parameters, operations, examples, memory and time.

A few seconds of real steps on at most 1024 examples are timed, and scaled to the configuration.
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from offpath.compute import Compute
from offpath.configs import Architecture, Configuration, Training
from offpath.data.batches import draw, stream
from offpath.data.mixtures import training_world
from offpath.data.tokens import pack
from offpath.data.unlabelled import audited
from offpath.data.worlds import World, worlds
from offpath.fit.checkpoints import new_model
from offpath.fit.coherence import unlabelled
from offpath.fit.loop import Step, train
from offpath.fit.native import answers, native_step
from offpath.fit.optimizer import make_optimizer, state_tensors
from offpath.fit.start import make_ready
from offpath.fit.transformer import Transformer, parameter_count
from offpath.networks import networks
from offpath.plans import Coherence
from offpath.run.files import Record

HEADERS = ("stage", "examples", "operations", "memory", "time")
LARGEST_CALIBRATION = 1024  # examples per timed step
TIMED_SECONDS = 2.0
CALIBRATION_ANSWERS = 4096
SECONDS_PER_RESAMPLED_ERROR = 2e-9  # 0.5 s for 1000 resamples of 65,536 examples, 6 predictors


class Trained(NamedTuple):
    """A network that is trained."""

    name: str
    world: World  # the distribution of its examples
    training: Training
    architecture: Architecture  # that of the run for the handcrafted one, which may be larger
    coherence: Coherence | None


def forecast(configuration: Configuration, compute: Compute) -> Record:
    """Parameters, and for each stage examples, operations, memory and seconds on this machine.

    Of several processes it times one, and takes for granted that they share the work evenly.
    """
    c = configuration
    stages: dict[str, Record] = {}
    timed: dict[str, Record] = {}  # networks that are trained alike are timed once
    for one in _trainings(c):
        kind = f"{one.world.name} {one.training!r} {one.architecture!r} {one.coherence}"
        stages[one.name] = timed[kind] = timed.get(kind) or _stage(c, compute, one)
    model = new_model(c).to(compute.device)
    tokens = draw(worlds(c.graphs)["test_e"], 0, 0, CALIBRATION_ANSWERS).tokens
    answers(model, tokens[:64], compute)  # not timed: it compiles and allocates
    began = time.perf_counter()
    answers(model, tokens, compute)
    seconds_per_answer = (time.perf_counter() - began) / len(tokens)
    per_example = seconds_per_answer + c.evaluate.bootstrap_resamples * SECONDS_PER_RESAMPLED_ERROR
    sets = 1 / 4 if c.reporters else len(worlds(c.graphs))  # as `generalize` asks them
    examples = round(c.evaluate.examples * sets * len(networks(c)))
    stages["evaluate"] = {"examples": examples, "seconds": examples * per_example}
    return {
        "recipe": c.recipe,
        "device": str(compute.device),
        "threads": compute.threads,
        "parameters": parameter_count(model),
        "stages": stages,
        "seconds": sum(stage["seconds"] for stage in stages.values()),
    }


def forecast_rows(cost: Record) -> list[list[str]]:
    """A forecast as rows of text below `HEADERS`."""
    rows = []
    for name, stage in cost["stages"].items():
        operations = f"{stage['operations']:.2e}" if "operations" in stage else ""
        memory = f"{stage['memory_bytes'] / 2**20:,.0f} MiB" if "memory_bytes" in stage else ""
        rows.append([name, f"{stage['examples']:,}", operations, memory, span(stage["seconds"])])
    return [*rows, ["all", "", "", "", span(cost["seconds"])]]


def span(seconds: float) -> str:
    """Seconds in the unit one would say them in.

    >>> [span(s) for s in (30.0, 200.0, 9e3, 3e5)]
    ['30 s', '3.3 min', '2.5 h', '3.5 days']
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    for unit, size, most in (("min", 60, 5400), ("h", 3600, 129_600)):
        if seconds < most:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds / 86_400:.1f} days"


def training_operations(c: Configuration) -> float:
    """Floating-point operations of all of a configuration's training, counted and not timed."""
    return sum(_stage_operations(c, one) for one in _trainings(c))


def _trainings(c: Configuration) -> list[Trained]:
    """Every network of a run that is trained."""
    return [
        Trained(
            n.name,
            training_world(n.world, c.graphs, n.training, n.data, c.reporters),
            n.training,
            n.architecture or c.model,
            n.coherence,
        )
        for n in networks(c)
        if n.world and n.training
    ]


def _stage(c: Configuration, compute: Compute, one: Trained) -> Record:
    training = one.training
    share = -(-training.batch_examples // compute.ranks)  # of one process
    at_once = min(share, compute.micro_batch or share)
    size, piece = min(share, LARGEST_CALIBRATION), min(at_once, LARGEST_CALIBRATION)
    model = new_model(c, one.architecture).to(compute.device)
    make_ready(model, training, c)
    optimizer = make_optimizer(model, training)
    alone = replace(compute, rank=0, ranks=1)

    def steps(examples: int) -> Iterator[Step]:
        short = training.model_copy(update={"batch_examples": examples, "steps": 10**6})
        batches = stream(one.world, 0, examples, threads=compute.threads)
        graphs = None
        if one.coherence:
            batches = audited(batches, one.coherence.audit, one.world, 0, 0, examples)
            graphs = unlabelled(one.coherence, c.graphs, 0)
        return train(model, optimizer, short, batches, 0, alone, graphs)

    saved: dict[int, int] = {}  # bytes that backward keeps of forward, each storage once

    def note(tensor: Tensor) -> Tensor:
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with saved_tensors_hooks(note, lambda tensor: tensor):
        next(steps(piece)).gradient_norm.item()
    timed, times = steps(size), []
    next(timed).gradient_norm.item()  # not timed, as above
    end = time.perf_counter() + TIMED_SECONDS
    while len(times) < 3 or time.perf_counter() < end:
        began = time.perf_counter()
        next(timed).gradient_norm.item()
        times.append(time.perf_counter() - began)
    native = native_step(model, alone)
    activations = round(sum(saved.values()) * at_once / piece) + (
        native.memory_bytes if native else 0
    )
    return {
        "examples": training.batch_examples * training.steps,
        "operations": _stage_operations(c, one),
        "memory_bytes": _held_bytes(model, optimizer) + activations,
        "seconds": min(times) * share / size * training.steps,
    }


def _held_bytes(model: Transformer, optimizer: torch.optim.Optimizer) -> int:
    """Bytes of weights, gradients and whatever the optimizer remembers, after a step."""
    tensors = [*model.parameters(), *state_tensors(model, optimizer).values()]
    tensors += [p.grad for p in model.parameters() if p.grad is not None]
    return sum(tensor.nbytes for tensor in tensors)


def _stage_operations(c: Configuration, one: Trained) -> float:
    examples = one.training.batch_examples * one.training.steps
    batch = next(stream(one.world, 0, LARGEST_CALIBRATION))
    of_labels = _operations(c, one, batch.tokens) / LARGEST_CALIBRATION * examples
    if one.coherence is None:
        return of_labels
    # What is asked without labels is answered once more, for its labels: a third of a step.
    graphs = next(unlabelled(one.coherence, c.graphs, 0))
    of_graphs = _operations(c, one, graphs.tokens) * 4 / 3 * one.training.steps
    return one.coherence.audit * of_labels + of_graphs


def _operations(
    c: Configuration, one: Trained, tokens: UInt8[np.ndarray, "example token 2"]
) -> float:
    groups = pack(tokens).groups
    lengths = [length for count, length in groups for _ in range(count)]
    return operations(c, lengths, one.architecture)


def operations(
    c: Configuration, tokens: list[int], architecture: Architecture | None = None
) -> float:
    """Floating-point operations of forward and backward over examples with so many tokens each.

    A multiply-add counts 2, the backward pass twice the forward; norms and padding are left out.
    The last layer makes keys and values of all tokens, and the rest of the questions alone.
    """
    m = architecture or c.model
    inner = m.heads * m.head_size if m.head_size else m.width
    if m.tokens == "vertices":
        tokens = [c.graphs.max_vertices + 1] * len(tokens)
    keys_values = 4 * m.width * inner
    rest = 4 * m.width * (inner + m.feed_forward)  # queries, output, feed-forward
    per_token = m.layers * keys_values + (m.layers - 1) * rest
    attention = sum((m.layers - 1) * count**2 + count for count in tokens) * 4 * inner
    return 3.0 * (per_token * sum(tokens) + rest * len(tokens) + attention)
