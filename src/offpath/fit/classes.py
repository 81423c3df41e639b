"""A second task while training: which of all labels is it, as a class?

The read-out gets one more row per label, for a cross-entropy beside the squared error. It needs no
other labels, and the network that training ends with does not keep it.
"""

from copy import copy

import torch
from jaxtyping import Float, Real
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from offpath.fit.embeddings import Groups, Times, Tokens
from offpath.fit.heads import head_loss
from offpath.fit.transformer import Transformer, answer
from offpath.sections import Head


class Outputs(nn.Module):
    """A transformer whose forward pass returns everything that its read-out gives."""

    def __init__(self, model: Transformer) -> None:
        """The same weights."""
        super().__init__()
        self.model = model

    def forward(
        self, tokens: Tokens, times: Times, groups: Groups
    ) -> Float[Tensor, "example output"]:
        """The answer, and logits of the classes if there are any."""
        return self.model.outputs(tokens, times, groups)


def add_classes(model: Transformer) -> None:
    """Give the read-out a row for each label, 0 to `max_vertices`, that starts at zero."""
    answer, labels = model.readout, model.max_vertices + 1
    model.readout = nn.Linear(answer.in_features, 1 + labels, device="meta")
    for name, rows in answer.state_dict().items():
        wide = torch.cat([rows, rows.new_zeros(labels, *rows.shape[1:])])
        setattr(model.readout, name, nn.Parameter(wide))


def without_classes(model: Transformer) -> Transformer:
    """The same network, with the same tensors, and the answer alone in its read-out."""
    if model.readout.out_features == model.architecture.outputs(model.max_vertices):
        return model
    narrow = copy(model)
    narrow._modules = dict(model._modules)
    narrow.readout = nn.Linear(model.readout.in_features, 1, device="meta")
    narrow.readout.weight = nn.Parameter(model.readout.weight[:1].detach())
    narrow.readout.bias = nn.Parameter(model.readout.bias[:1].detach())
    return narrow


def losses(
    outputs: Float[Tensor, "example output"],
    labels: Real[Tensor, " example"],
    entropy: float,
    head: Head = "regression",
) -> tuple[Float[Tensor, " example"], Float[Tensor, ""]]:
    """Squared errors of the answers, and the loss.

    Of regression, that is their sum plus `entropy` times the cross-entropy of the classes.
    """
    squared = (answer(outputs, head) - labels).square()
    loss = squared.sum() if head == "regression" else head_loss(outputs, labels, head)
    if entropy:
        loss = loss + entropy * cross_entropy(outputs[:, 1:], labels, reduction="sum")
    return squared, loss
