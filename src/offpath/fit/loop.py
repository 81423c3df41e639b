"""The one training loop: a generator that yields after every step.

In: a model, an optimizer, batches. Out: the model, a little better each time, and what the step
saw. The loss is the mean squared error between answer and true distance.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from offpath.configs import Training
from offpath.data.batches import Batch
from offpath.data.tokens import pack
from offpath.fit.optimizer import learning_rate
from offpath.fit.transformer import Transformer, to_device


@dataclass(frozen=True)
class Step:
    """What one step saw; tensors stay on the device, so that reading them is the reader's cost."""

    step: int
    """Counted from 1."""
    squared_errors: Float[Tensor, " example"]
    labels: Int64[Tensor, " example"]
    gradient_norm: Float[Tensor, ""]
    """Of the whole gradient, before clipping."""
    learning_rate: float


def train(
    model: Transformer,
    optimizer: torch.optim.Optimizer,
    training: Training,
    batches: Iterable[Batch],
    first_step: int = 0,
) -> Iterator[Step]:
    """Train from `first_step` steps done to `training.steps`, one step for each `next`."""
    device = model.readout.weight.device
    clip = torch.inf if training.clip_norm is None else training.clip_norm
    for step, batch in zip(range(first_step + 1, training.steps + 1), batches, strict=False):
        rate = learning_rate(training, step)
        for group in optimizer.param_groups:
            group["lr"] = rate
        packed = pack(batch.tokens)
        labels = torch.from_numpy(batch.distance[packed.order]).to(device, non_blocking=True).long()
        optimizer.zero_grad()
        squared_errors = (model(*to_device(packed, device)) - labels).square()
        squared_errors.mean().backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        yield Step(step, squared_errors.detach(), labels, norm, rate)


class LossByLabel:
    """Squared errors by true distance since the last `read`, summed without waiting."""

    def __init__(self, labels: int, device: torch.device) -> None:
        self._sums = torch.zeros(2, labels, dtype=torch.float64, device=device)

    def add(self, step: Step) -> None:
        """Take in the examples of one step."""
        self._sums[0].index_add_(0, step.labels, step.squared_errors.double())
        self._sums[1].index_add_(0, step.labels, torch.ones_like(step.labels, dtype=torch.float64))

    def read(self) -> dict:
        """The mean of all, the mean by label, and the counts; starts again from nothing."""
        errors, counts = self._sums.tolist()
        self._sums.zero_()
        seen = [label for label, count in enumerate(counts) if count]
        return {
            "loss": sum(errors) / sum(counts),
            "loss_by_label": {str(label): errors[label] / counts[label] for label in seen},
            "count_by_label": {str(label): int(counts[label]) for label in seen},
        }
