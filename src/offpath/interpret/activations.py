"""The residual stream of the question token, layer by layer, of any number of examples.

In: a transformer of any kind and a batch of tokens. Out: one array, filled chunk by chunk. The pass
is the model's own, watched by hooks: nothing is computed twice or otherwise than for an answer.
`streams.py` has the streams of all tokens, and attention, of some hundred examples.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from offpath.fit.embeddings import Embedded
from offpath.fit.transformer import Masks, Rows, Transformer, in_chunks, question_rows


@torch.inference_mode()
def question_streams(
    model: Transformer, tokens: UInt8[np.ndarray, "example token 2"]
) -> Float[np.ndarray, "layer example width"]:
    """The stream before the first layer and after each, at the question (or answer) token.

    In the order of the batch. Looped layers add the embedding to it before each layer but the
    first: recorded is what a layer puts out.

    >>> from offpath.data.tokens import encode
    >>> from offpath.fit.checkpoints import new_model
    >>> from offpath.recipes import laptop
    >>> question_streams(new_model(laptop()), encode([(1, 3), (2, 3)], 2, max_vertices=8)).shape
    (6, 1, 32)
    """
    a, weight = model.architecture, model.readout.weight
    dtype = torch.promote_types(weight.dtype, torch.float32)
    streams = torch.empty((a.layers + 1, len(tokens), a.width), dtype=dtype)
    with _watching(model) as seen:
        for places, arguments in in_chunks(model, tokens):
            seen.clear()
            model.outputs(*arguments)
            streams[:, places] = torch.stack(seen).to("cpu", dtype)
    return streams.numpy()


@contextmanager
def _watching(model: Transformer) -> Iterator[list[Tensor]]:
    """What a forward pass puts out at the questions: the embedding, then each layer."""
    seen: list[Tensor] = []
    questions: list[Tensor] = []

    def embedded(_: nn.Module, __: object, output: Embedded) -> None:
        stream, _times, groups = output
        questions[:] = [question_rows(stream, groups)]
        seen.append(stream[questions[0]])

    def passed(_: nn.Module, arguments: tuple[Tensor, Masks, Rows], stream: Tensor) -> None:
        rows = arguments[2]  # the last layer computes the questions alone
        seen.append(stream[questions[0]] if isinstance(rows, slice) else stream)

    with ExitStack() as hooks:
        hooks.enter_context(model.embedding.register_forward_hook(embedded))
        for layer in dict.fromkeys(model.layers):  # a looped one once: it is called each time
            hooks.enter_context(layer.register_forward_hook(passed))
        yield seen
