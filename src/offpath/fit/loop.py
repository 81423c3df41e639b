"""The one training loop: a generator that yields after every step.

In: a model, an optimizer, batches. Out: the model, a little better each time, and what the step
saw. The loss is the mean squared error between answer and label; a cross-entropy may be
added to it (`classes`), and coherence on graphs without labels (`coherence`).
"""

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from offpath.compute import Compute, torch_on_one_thread
from offpath.configs import Training
from offpath.data.batches import Batch
from offpath.data.tokens import pack
from offpath.fit.classes import Outputs, losses
from offpath.fit.coherence import Unlabelled, beside
from offpath.fit.limits import add_pull
from offpath.fit.native import NativeStep, native_step
from offpath.fit.optimizer import learning_rate
from offpath.fit.parallel import replicated, summed
from offpath.fit.transformer import Transformer, most_groups, predict, to_device
from offpath.run.files import Record
from offpath.sections import Head


class Step(NamedTuple):
    """What one step saw; tensors stay on the device, so that reading them is the reader's cost."""

    step: int  # counted from 1
    squared_errors: Float[Tensor, " example"]  # of the examples of this process
    labels: Int64[Tensor, " example"]  # what was to be answered
    gradient_norm: Float[Tensor, ""]  # of the whole gradient, before clipping
    learning_rate: float
    native: bool = False  # whether the native step computed it
    coherence: Float[Tensor, ""] | None = None  # that part of the loss; None: there is none


class Questions(NamedTuple):
    """What a step trains on: examples, and behind them questions whose label is made up."""

    tokens: UInt8[np.ndarray, "example token 2"]
    labels: Tensor  # whole numbers, unless some are made up
    examples: int


def train(
    model: Transformer,
    optimizer: torch.optim.Optimizer,
    training: Training,
    batches: Iterable[Batch],
    first_step: int = 0,
    compute: Compute | None = None,
    unlabelled: Iterator[Unlabelled] | None = None,
) -> Iterator[Step]:
    """Train from `first_step` steps done to `training.steps`, one step for each `next`.

    `batches` and `unlabelled`, graphs on which answers are to be coherent, are this process's
    shares; `compute` gives precision, micro-batch and what computes a step. With the native step
    torch has one thread until training ends or is closed.
    """
    compute = compute or Compute(model.readout.weight.device, 1)
    replica, native = replicated(Outputs(model), compute), native_step(model, compute)
    head = model.architecture.head
    clip = torch.inf if training.clip_norm is None else training.clip_norm
    # Torch's threads wait for work in loops: they would take the cores from the native step's.
    with torch_on_one_thread() if native else nullcontext():
        for step, batch in zip(range(first_step + 1, training.steps + 1), batches, strict=False):
            rate = learning_rate(training, step)
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.zero_grad()
            asked, part = _labelled(batch), None
            with compute.arithmetic():
                if unlabelled:
                    graphs, network = next(unlabelled), native or model
                    asked, part = _with_unlabelled(batch, graphs, network, training, compute)
                if native:
                    errors, labels = _set_natively(native, asked, training)
                else:
                    errors, labels = _add_gradients(replica, asked, training, compute, head)
            if training.pull:
                add_pull(model, training.pull)
            norm = nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            yield Step(step, errors, labels, norm, rate, native is not None, part)


def _labelled(batch: Batch) -> Questions:
    return Questions(batch.tokens, torch.from_numpy(batch.labels), len(batch.tokens))


def _with_unlabelled(
    batch: Batch,
    graphs: Unlabelled,
    network: NativeStep | Transformer,
    training: Training,
    compute: Compute,
) -> tuple[Questions, Float[Tensor, ""]]:
    """The examples and questions on graphs without labels, and how incoherent those answers are."""
    with compute.autocast():
        answers = (
            network.answers(graphs.tokens)
            if isinstance(network, NativeStep)
            else predict(network, graphs.tokens)
        )
    tokens, labels, part = beside(batch, graphs, answers, 1 / training.batch_examples)
    return Questions(tokens, labels, len(batch.tokens)), part.to(compute.device)


def _add_gradients(
    outputs: nn.Module, asked: Questions, training: Training, compute: Compute, head: Head
) -> tuple[Float[Tensor, " example"], Int64[Tensor, " example"]]:
    """Add the gradient of the mean loss over the examples of all processes.

    Piece by piece, so that activations of `micro_batch` are held at a time; processes meet
    once, at the last piece. Returns the squared errors and labels of this process's examples,
    packed.
    """
    count = len(asked.tokens)
    size = compute.micro_batch or count
    errors, labels = [], []
    alone = outputs.no_sync if isinstance(outputs, DistributedDataParallel) else nullcontext
    for start in range(0, count, size):
        piece = slice(start, start + size)
        packed = pack(asked.tokens[piece], most_groups(compute.device))
        true = asked.labels[piece][packed.order].to(compute.device, non_blocking=True)
        true = true if true.is_floating_point() else true.long()
        with alone() if piece.stop < count else nullcontext():
            with compute.autocast():
                given = outputs(*to_device(packed, compute.device))
            squared, loss = losses(given, true, training.classification, head)
            # DDP divides the sum over processes by their number.
            (loss * (compute.ranks / training.batch_examples)).backward()
        errors.append(squared.detach())
        labels.append(true.long())
        if piece.stop > asked.examples:
            kept = torch.from_numpy(np.flatnonzero(packed.order < asked.examples - start))
            errors[-1], labels[-1] = errors[-1][kept], labels[-1][kept]
    return torch.cat(errors), torch.cat(labels)


def _set_natively(
    native: NativeStep, asked: Questions, training: Training
) -> tuple[Float[Tensor, " example"], Int64[Tensor, " example"]]:
    """The same by the native step, in the order of the batch."""
    scale = 1 / training.batch_examples
    entropy = training.classification if native.head == "regression" else 1.0
    answers = native.set_gradients(asked.tokens, asked.labels.float(), scale, scale * entropy)
    labels = asked.labels[: asked.examples].long()
    return (answers[: asked.examples] - labels).square(), labels


class LossByLabel:
    """Squared errors by label since the last `read`, summed without waiting."""

    def __init__(self, labels: int, compute: Compute) -> None:
        """No errors yet, of so many labels."""
        self._sums = torch.zeros(2, labels, dtype=torch.float64, device=compute.device)
        self._coherence: list[Tensor] = []
        self._compute = compute

    def add(self, step: Step) -> None:
        """Take in the examples of one step."""
        errors = step.squared_errors.double()
        self._sums.index_add_(1, step.labels, torch.stack([errors, torch.ones_like(errors)]))
        if step.coherence is not None:
            self._coherence.append(step.coherence)

    def read(self) -> Record:
        """The mean of all, the mean by label, and the counts; starts again from nothing.

        Over the examples of all processes, which call this at the same step.
        """
        errors, counts = summed(self._sums, self._compute).tolist()
        self._sums.zero_()
        seen = [label for label, count in enumerate(counts) if count]
        return {
            "loss": sum(errors) / max(1, sum(counts)),
            "loss_by_label": {str(label): errors[label] / counts[label] for label in seen},
            "count_by_label": {str(label): int(counts[label]) for label in seen},
            **self._read_coherence(),
        }

    def _read_coherence(self) -> Record:
        """The mean of that part of the loss, if it has one."""
        if not self._coherence:
            return {}
        mean = summed(torch.stack(self._coherence).double().mean(), self._compute).item()
        self._coherence = []
        return {"coherence": mean}
