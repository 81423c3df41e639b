"""Everything that passes through a transformer: its residual streams and its attention weights.

In: a model and a batch of tokens. Out: tensors on the model's device. All tokens are computed in
all layers, and everything is held at once, so take batches of some hundred examples.
"""

from contextlib import ExitStack
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from offpath.fit.transformer import Attention, Transformer, residual_streams


class Streams(NamedTuple):
    """What one forward pass holds; examples and tokens are in the order of the batch.

    With vertex tokens, `stream_token` is one per vertex and, last, the answer.
    """

    residual: list[Float[Tensor, "example stream_token width"]]
    """The residual stream before the first layer and after each."""
    attention: list[Float[Tensor, "example head query key"]]
    """Per layer, how much each token takes from each: rows sum to 1, and padding gives nothing."""


@torch.no_grad()
def record_streams(model: Transformer, tokens: UInt8[np.ndarray, "example token 2"]) -> Streams:
    """The residual streams and attention weights of a model on a batch.

    >>> from offpath.data.tokens import encode
    >>> from offpath.fit.checkpoints import new_model
    >>> from offpath.recipes import laptop
    >>> streams = record_streams(new_model(laptop()), encode([(1, 3), (2, 3)], 2, max_vertices=8))
    >>> len(streams.residual), tuple(streams.residual[0].shape)
    (6, (1, 9, 32))
    >>> len(streams.attention), tuple(streams.attention[0].shape)
    (5, (1, 2, 9, 9))
    """
    attention: list[Tensor] = []

    def record(module: Attention, arguments: tuple[Any, ...]) -> None:
        attention.extend(module.weights(*arguments))  # one group: that of the plain batch

    with ExitStack() as hooks:
        for layer in dict.fromkeys(model.layers):  # a looped one once: it is called each time
            hooks.enter_context(layer.self_attn.register_forward_pre_hook(record))
        return Streams(residual_streams(model, tokens), attention)
