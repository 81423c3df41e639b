"""The one training loop: a generator that yields after every step.

In: a model, an optimizer, batches. Out: the model, a little better each time, and what the step
saw. The loss is the mean squared error between answer and true distance; a cross-entropy may be
added to it (`classes`).
"""

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from offpath.compute import Compute, torch_on_one_thread
from offpath.configs import Training
from offpath.data.batches import Batch
from offpath.data.tokens import pack
from offpath.fit.classes import Outputs, losses
from offpath.fit.limits import add_pull
from offpath.fit.native import NativeStep, native_step
from offpath.fit.optimizer import learning_rate
from offpath.fit.parallel import replicated, summed
from offpath.fit.transformer import Transformer, most_groups, to_device
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


def train(
    model: Transformer,
    optimizer: torch.optim.Optimizer,
    training: Training,
    batches: Iterable[Batch],
    first_step: int = 0,
    compute: Compute | None = None,
) -> Iterator[Step]:
    """Train from `first_step` steps done to `training.steps`, one step for each `next`.

    `batches` are this process's shares; `compute` gives precision, micro-batch and what computes a
    step. With the native step torch has one thread until training ends or is closed.
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
            with compute.arithmetic():
                if native:
                    errors, labels = _set_natively(native, batch, training, compute)
                else:
                    errors, labels = _add_gradients(replica, batch, training, compute, head)
            if training.pull:
                add_pull(model, training.pull)
            norm = nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            yield Step(step, errors, labels, norm, rate, native is not None)


def _add_gradients(
    outputs: nn.Module, batch: Batch, training: Training, compute: Compute, head: Head
) -> tuple[Float[Tensor, " example"], Int64[Tensor, " example"]]:
    """Add the gradient of the mean loss over the examples of all processes.

    Piece by piece, so that activations of `micro_batch` are held at a time; processes meet
    once, at the last piece. Returns the squared errors and labels of this process, packed.
    """
    count = len(batch.tokens)
    size = compute.micro_batch or count
    errors, labels = [], []
    alone = outputs.no_sync if isinstance(outputs, DistributedDataParallel) else nullcontext
    for start in range(0, count, size):
        piece = slice(start, start + size)
        packed = pack(batch.tokens[piece], most_groups(compute.device))
        true = torch.from_numpy(batch.labels[piece][packed.order])
        labels.append(true.to(compute.device, non_blocking=True).long())
        with alone() if piece.stop < count else nullcontext():
            with compute.autocast():
                given = outputs(*to_device(packed, compute.device))
            squared, loss = losses(given, labels[-1], training.classification, head)
            # DDP divides the sum over processes by their number.
            (loss * (compute.ranks / training.batch_examples)).backward()
        errors.append(squared.detach())
    return torch.cat(errors), torch.cat(labels)


def _set_natively(
    native: NativeStep, batch: Batch, training: Training, compute: Compute
) -> tuple[Float[Tensor, " example"], Int64[Tensor, " example"]]:
    """The same by the native step, in the order of the batch."""
    labels = torch.from_numpy(batch.labels).long()
    scale = 1 / training.batch_examples
    entropy = training.classification if native.head == "regression" else 1.0
    answers = native.set_gradients(batch.tokens, labels.float(), scale, scale * entropy)
    return (answers - labels).square(), labels


class LossByLabel:
    """Squared errors by true distance since the last `read`, summed without waiting."""

    def __init__(self, labels: int, compute: Compute) -> None:
        """No errors yet, of `labels` distances."""
        self._sums = torch.zeros(2, labels, dtype=torch.float64, device=compute.device)
        self._compute = compute

    def add(self, step: Step) -> None:
        """Take in the examples of one step."""
        errors = step.squared_errors.double()
        self._sums.index_add_(1, step.labels, torch.stack([errors, torch.ones_like(errors)]))

    def read(self) -> Record:
        """The mean of all, the mean by label, and the counts; starts again from nothing.

        Over the examples of all processes, which call this at the same step.
        """
        errors, counts = summed(self._sums, self._compute).tolist()
        self._sums.zero_()
        seen = [label for label, count in enumerate(counts) if count]
        return {
            "loss": sum(errors) / sum(counts),
            "loss_by_label": {str(label): errors[label] / counts[label] for label in seen},
            "count_by_label": {str(label): int(counts[label]) for label in seen},
        }
