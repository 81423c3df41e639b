"""What passes through a transformer, recorded and changed on the way: read-only but for edits.

In: a transformer of any kind, trained, handcrafted or imported, and tokens. Out: residual streams,
attention weights, the outputs of heads, and answers. The pass is the model's own, watched by hooks:
nothing is computed twice or otherwise than for an answer. An edit is a function that this pass
hands each of its activations to.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn

from offpath.fit.embeddings import Embedded
from offpath.fit.transformer import (
    ALL,
    Attention,
    Masks,
    Rows,
    Transformer,
    answer,
    in_chunks,
    question_rows,
    rectangle,
)

MOST_HELD = 2**26  # numbers of one recording: a quarter of a gigabyte in float32
Tokens = UInt8[np.ndarray, "example token 2"]


class Place(NamedTuple):
    """Where in the pass an activation is.

    A stream is what a layer puts out, (example, stream_token, width), from layer 0, the embedding,
    to the last. Heads are what the heads of layers 1, 2, ... read, each before its part of the
    output matrix: (example, stream_token, head, size).
    """

    kind: Literal["stream", "heads"]
    layer: int


Edit = Callable[[Place, Tensor], Tensor]
"""Takes an activation, and returns what the pass goes on with: the same, or another of its shape.

The last layer puts out all tokens too, of which the question alone is read.
"""


class Recording(NamedTuple):
    """What one pass holds; examples and tokens are in the order of the batch.

    With vertex tokens, a stream token is a vertex and, last, the answer; else those of the batch.
    """

    residual: list[Float[Tensor, "example stream_token width"]]
    """The residual stream before the first layer and after each."""
    attention: list[Float[Tensor, "example head query key"]]
    """Per layer, how much each token takes from each: rows sum to 1, and padding gives nothing."""
    heads: list[Float[Tensor, "example stream_token head size"]]
    """Per layer, the output of each head, before the matrix that writes it to the stream."""
    answers: Float[Tensor, " example"]


def unchanged(place: Place, activation: Tensor) -> Tensor:
    """The edit that changes nothing."""
    return activation


@torch.no_grad()  # not inference_mode: what is recorded may be computed on
def record(model: Transformer, tokens: Tokens, edit: Edit = unchanged) -> Recording:
    """All activations of a model on a batch, which is held at once: see `chunks`.

    What is recorded is what the pass went on with, after the edit. Looped layers add the embedding
    to the stream before each layer but the first: recorded is what a layer puts out.

    >>> from offpath.data.tokens import encode
    >>> from offpath.fit.checkpoints import new_model
    >>> from offpath.recipes import laptop
    >>> made = record(new_model(laptop()), encode([(1, 3), (2, 3)], 2, max_vertices=8))
    >>> len(made.residual), tuple(made.residual[0].shape)
    (6, (1, 9, 32))
    >>> len(made.attention), tuple(made.attention[0].shape), tuple(made.heads[0].shape)
    (5, (1, 2, 9, 9), (1, 9, 2, 16))
    """
    attention: list[Tensor] = []
    held: dict[Place, Tensor] = {}

    def keep(place: Place, activation: Tensor) -> Tensor:
        held[place] = edit(place, activation)
        return held[place]

    answers = edited_answers(model, tokens, keep, attention)
    layers = range(1, model.architecture.layers + 1)
    residual = [held[Place("stream", layer)] for layer in (0, *layers)]
    return Recording(residual, attention, [held[Place("heads", n)] for n in layers], answers)


@torch.no_grad()
def edited_answers(
    model: Transformer, tokens: Tokens, edit: Edit, attention: list[Tensor] | None = None
) -> Float[Tensor, " example"]:
    """The answers to a batch when an edit changes the pass; weights go to `attention` if given."""
    batch = torch.from_numpy(tokens).to(model.readout.weight.device).long()
    with _edited(model, len(tokens), edit, attention):
        return answer(model.outputs(*rectangle(batch)), model.architecture.head)


def chunks(model: Transformer, tokens: Tokens) -> Iterator[tuple[slice, Tokens]]:
    """A batch in parts so small that a recording stays within `MOST_HELD` numbers.

    Tokens that are padding in a whole part are left out of it.
    """
    a = model.architecture
    length = model.max_vertices + 1 if a.tokens == "vertices" else tokens.shape[1]
    inner = a.heads * a.head_size if a.head_size else a.width
    of_layer = length * (2 * a.width + 4 * inner + a.feed_forward + a.heads * length)
    size = max(1, MOST_HELD // (of_layer * (a.layers + 1)))
    for start in range(0, len(tokens), size):
        part = tokens[start : start + size]
        yield slice(start, start + len(part)), part[:, (part[:, :, 1] != 0).any(0)]


def alike(
    model: Transformer, tokens: Tokens, at_once: int
) -> Iterator[tuple[Int64[np.ndarray, " example"], Tokens]]:
    """A batch in chunks of at most so many examples of similar length, and where these stand.

    Each without the tokens that are padding in all of it: short graphs are not padded to long ones.
    """
    order = np.argsort((tokens[:, :, 1] != 0).sum(1), kind="stable")
    for start in range(0, len(order), at_once):
        some = order[start : start + at_once]
        for place, part in chunks(model, tokens[some]):
            yield some[place], part


@contextmanager
def _edited(
    model: Transformer, examples: int, edit: Edit, attention: list[Tensor] | None
) -> Iterator[None]:
    """Hooks by which each activation passes through the edit; the last layer computes all tokens.

    Layers are counted as they are called, for a looped one is the same each time.
    """
    done, last, kept = 0, model.architecture.layers, {}

    def shaped(place: Place, flat: Tensor, *inner: int) -> Tensor:
        whole = flat.unflatten(0, (examples, -1))
        made = edit(place, whole.unflatten(2, inner) if inner else whole)
        return made.reshape(flat.shape)

    def embedded(_: nn.Module, __: object, output: Embedded) -> Embedded:
        stream, times, groups = output
        kept["rows"] = question_rows(stream, groups)
        return shaped(Place("stream", 0), stream), times, groups

    def entered(_: nn.Module, arguments: tuple[Tensor, Masks, Rows]) -> tuple[Any, ...]:
        nonlocal done
        done += 1
        return (*arguments[:2], ALL)

    def passed(_: nn.Module, __: object, stream: Tensor) -> Tensor:
        made = shaped(Place("stream", done), stream)
        return made if done < last else made[kept["rows"]]

    def looked(module: Attention, arguments: tuple[Any, ...]) -> None:
        if attention is not None:
            attention.extend(module.weights(*arguments))  # one group: that of the plain batch

    def mixed(_: nn.Module, arguments: tuple[Tensor]) -> Tensor:
        (flat,) = arguments
        return shaped(Place("heads", done), flat, model.architecture.heads, -1)

    with ExitStack() as hooks:
        hooks.enter_context(model.embedding.register_forward_hook(embedded))
        for layer in dict.fromkeys(model.layers):
            hooks.enter_context(layer.register_forward_pre_hook(entered))
            hooks.enter_context(layer.self_attn.register_forward_pre_hook(looked))
            hooks.enter_context(layer.self_attn.out_proj.register_forward_pre_hook(mixed))
            hooks.enter_context(layer.register_forward_hook(passed))
        yield


@torch.inference_mode()
def question_streams(
    model: Transformer, tokens: Tokens
) -> Float[np.ndarray, "layer example width"]:
    """The stream before the first layer and after each, at the question (or answer) token alone.

    In the order of the batch, of any size: repeated edges are one token, and nothing is computed on
    padding, as for an answer.

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
