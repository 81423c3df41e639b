"""What the read-out means: a number, a class per label, or a threshold per label.

In: the outputs of a transformer's read-out. Out: its answers, one number per question, and the loss
of training. Labels are 1 to `max_vertices`, the last of them "no path". A classification head has a
logit per label. An ordinal one has a logit per k = 2, 3, ...: is the label at least k (Niu et al.
2016, "Ordinal regression with multiple output CNN for age estimation")?
"""

from copy import copy

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from offpath.configs import Architecture
from offpath.fit.transformer import Outputs, Transformer
from offpath.sections import Head

Answers = Float[Tensor, " example"]
Labels = Int64[Tensor, " example"]


def with_head(model: Transformer, architecture: Architecture) -> Transformer:
    """The same network with the same tensors, and a new read-out, of zeros."""
    other = copy(model)
    other._modules, other.architecture = dict(model._modules), architecture
    outputs = architecture.outputs(model.max_vertices)
    other.readout = nn.Linear(architecture.width, outputs).to(model.readout.weight)
    for parameter in other.readout.parameters():
        nn.init.zeros_(parameter)
    return other


def expected(outputs: Outputs, head: Head) -> Answers:
    """The mean label under the probabilities that a head gives; of regression the answer.

    It is no whole number: beside `answer` it shows what rounding to the likeliest label does.
    """
    if head == "regression":
        return outputs[:, 0]
    if head == "ordinal":
        return 1 + outputs.sigmoid().sum(1)
    labels = torch.arange(1, outputs.shape[1] + 1, device=outputs.device)
    return (outputs.softmax(1) * labels).sum(1)


def head_loss(outputs: Outputs, labels: Labels, head: Head) -> Float[Tensor, ""]:
    """The sum over examples of a head's cross-entropies, of which ordinal has one per threshold."""
    if head == "classification":
        return cross_entropy(outputs, labels - 1, reduction="sum")
    thresholds = torch.arange(2, outputs.shape[1] + 2, device=outputs.device)
    passed = (labels[:, None] >= thresholds).to(outputs.dtype)
    return binary_cross_entropy_with_logits(outputs, passed, reduction="sum")
