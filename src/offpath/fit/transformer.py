"""The one transformer: edge tokens and a question in, a distance out.

An encoder of the ordinary kind (Vaswani et al. 2017; pre-norm as Xiong et al. 2020) without
positions, read out by a linear map from the question token. Repeated edges are one token, nothing
is computed on padding (on a GPU: beyond what evens out similar lengths), and the last layer has an
output for the question token alone.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from itertools import repeat

import numpy as np
import torch
from jaxtyping import Float, Int64, Shaped, UInt8
from torch import Tensor, nn
from torch.nn.functional import linear, relu, scaled_dot_product_attention

from offpath.configs import Architecture
from offpath.data.tokens import MOST_GROUPS, Packed, pack
from offpath.fit.embeddings import EdgeTokens, Groups, Times, Tokens, VertexTokens
from offpath.sections import Head

MOST_EXAMPLES, MOST_NUMBERS = 4096, 2**24  # answered, and held of one layer, at once
MOST_GROUPS_ON_GPU = 6  # each is a call of attention per layer, longer than its padding takes
Stream = Float[Tensor, "token width"]
AtRows = Float[Tensor, "rows width"]
Outputs = Float[Tensor, "example output"]
Batch = UInt8[np.ndarray, "example token 2"]
Masks = list[Tensor]
"""Per group what is added to the scores of each key, (example, 1, 1, token).

The logarithm of how many equal tokens it stands for: minus infinity at padding.
"""
Rows = Tensor | slice
"""Which tokens a layer computes its output for: `ALL`, or one of each example."""
ALL = slice(None)


class Transformer(nn.Module):
    """Distances from vertex 1 to the targets asked for.

    Parameters carry the names and shapes of torch's `nn.TransformerEncoder`, and are drawn in its
    order: a seed gives the weights that torch's own layers would have.
    """

    layers: Sequence["Layer"]  # an nn.ModuleList, whose entries have a type here

    def __init__(self, architecture: Architecture, max_vertices: int) -> None:
        """Random weights, from torch's generator."""
        super().__init__()
        a = architecture
        self.architecture, self.max_vertices = a, max_vertices
        if a.tokens == "edges":
            self.embedding = EdgeTokens(a.width, max_vertices, a.markers)
        else:
            self.embedding = VertexTokens(a.width, max_vertices)
        layers = (Layer(a) for _ in range(a.layers))
        several = Looped(next(layers), a.layers) if a.looped else nn.ModuleList(layers)
        self.add_module("layers", several)
        self.final_norm = nn.LayerNorm(a.width) if a.final_norm else nn.Identity()
        self.readout = nn.Linear(a.width, a.outputs(max_vertices))

    def forward(self, tokens: Tokens, times: Times, groups: Groups) -> Float[Tensor, " example"]:
        """One number per example, in packed order; `predict` is the same for a plain batch."""
        return answer(self.outputs(tokens, times, groups), self.architecture.head)

    def outputs(self, tokens: Tokens, times: Times, groups: Groups) -> Outputs:
        """All that the read-out gives: the answer and, while training, classes; or a head's."""
        embedded, masks = self.embed(tokens, times, groups)
        *others, last = self.layers
        x = embedded
        for layer in others:
            x = self.injected(layer(x, masks, ALL), embedded)
        x = last(x, masks, question_rows(x, _shapes(masks)))
        device, context = x.device.type, nullcontext()
        if torch.is_autocast_enabled(device):  # bfloat16 would round a distance to 1/16
            x, context = x.float(), torch.autocast(device, enabled=False)
        with context:
            return self.readout(self.final_norm(x))

    def injected(self, x: Stream, embedded: Stream) -> Stream:
        """What the next layer takes in.

        Looped layers get the embedding again (Yang et al. 2024, "Looped transformers are better at
        learning learning algorithms"): its stream starts at zero.
        """
        return x + embedded if self.architecture.looped else x

    def embed(
        self, tokens: Tokens, times: Times, groups: Groups
    ) -> tuple[Float[Tensor, "stream_token width"], Masks]:
        """The residual stream before the first layer, and the masks of attention."""
        x, times, groups = self.embedding(tokens, times, groups)
        # Without positions m equal keys draw m times the weight of one: its score and log m.
        mask = times.to(x.dtype).log()
        return x, [piece[:, None, None] for piece in _grouped(mask, groups)]


class Looped(nn.Module):
    """One layer as if it were several: Universal Transformers (Dehghani et al. 2019)."""

    def __init__(self, layer: nn.Module, times: int) -> None:
        """The same layer `times` times."""
        super().__init__()
        self.times = times
        self.add_module("0", layer)

    def __len__(self) -> int:
        """How often the layer is applied."""
        return self.times

    def __iter__(self) -> Iterator[nn.Module]:
        """The layer, once for each time."""
        return repeat(self.get_submodule("0"), self.times)


class Layer(nn.Module):
    """Attention and a feed-forward part, each added to the residual stream."""

    def __init__(self, a: Architecture) -> None:
        """Random weights."""
        super().__init__()
        self.norm_after = a.norm == "post"
        self.self_attn = Attention(a.width, a.heads, a.width)
        self.linear1 = nn.Linear(a.width, a.feed_forward)
        self.linear2 = nn.Linear(a.feed_forward, a.width)
        if a.head_size is not None:  # drawn again, after the rest: the weights that seeds have had
            self.self_attn = Attention(a.width, a.heads, a.heads * a.head_size)
        self.norm1 = nn.Identity() if a.norm == "none" else nn.LayerNorm(a.width)
        self.norm2 = nn.Identity() if a.norm == "none" else nn.LayerNorm(a.width)

    def forward(self, x: Stream, masks: Masks, rows: Rows) -> AtRows:
        """The residual stream after the layer, at the rows asked for."""
        if self.norm_after:
            x = self.norm1(x[rows] + self.self_attn(x, masks, rows))
            return self.norm2(x + self.linear2(relu(self.linear1(x))))
        x = x[rows] + self.self_attn(self.norm1(x), masks, rows)
        return x + self.linear2(relu(self.linear1(self.norm2(x))))


class Attention(nn.Module):
    """Softmax attention within each example."""

    def __init__(self, width: int, heads: int, inner: int) -> None:
        """Random weights; `inner` is the size of all heads together."""
        super().__init__()
        self.heads, self.head_size = heads, inner // heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * inner, width))  # queries, keys, values
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * inner))
        self.out_proj = nn.Linear(inner, width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, x: Stream, masks: Masks, rows: Rows) -> AtRows:
        """What the heads add to the residual stream at the rows asked for."""
        mixed = []
        for q, k, v, mask in self._projections(x, masks, rows):
            y = scaled_dot_product_attention(q, k, v, attn_mask=mask)
            mixed.append(y.transpose(1, 2).flatten(2).flatten(0, 1))  # (query, inner)
        return self.out_proj(torch.cat(mixed))

    def weights(self, x: Stream, masks: Masks, rows: Rows) -> list[Float[Tensor, "_ head _ _"]]:
        """The weights by which `forward` averages values: (example, head, query, key) per group."""
        return [
            torch.softmax(q @ k.mT / self.head_size**0.5 + mask, dim=-1)
            for q, k, _, mask in self._projections(x, masks, rows)
        ]

    def _projections(
        self, x: Stream, masks: Masks, rows: Rows
    ) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
        """Queries, keys, values (example, head, token, size) and the mask of scores, per group."""
        inner = self.heads * self.head_size
        weight, offset = self.in_proj_weight, self.in_proj_bias
        queries = linear(x[rows], weight[:inner], offset[:inner])
        keys_values = linear(x, weight[inner:], offset[inner:])
        groups = _shapes(masks)
        asking = groups if isinstance(rows, slice) else tuple((count, 1) for count, _ in groups)
        pieces = _grouped(queries, asking), _grouped(keys_values, groups), masks
        for q, kv, mask in zip(*pieces, strict=True):
            q = q.unflatten(2, (self.heads, -1)).transpose(1, 2)
            k, v = kv.unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
            yield q, k, v, mask


def _shapes(masks: Masks) -> Groups:
    return tuple((mask.shape[0], mask.shape[3]) for mask in masks)


def _grouped(x: Shaped[Tensor, "token ..."], groups: Groups) -> list[Tensor]:
    """Packed tokens as (example, token, ...) per group."""
    pieces = x.split([examples * tokens for examples, tokens in groups])
    return [piece.unflatten(0, shape) for piece, shape in zip(pieces, groups, strict=True)]


def question_rows(x: Stream, groups: Groups) -> Int64[Tensor, " example"]:
    """Which tokens of a stream the questions are: the last of each example, in packed order."""
    numbers = torch.arange(x.shape[0], device=x.device)  # len would be a constant in ONNX
    return torch.cat([own[:, -1] for own in _grouped(numbers, groups)])


def most_groups(device: torch.device) -> int:
    """Into how many groups examples are packed at most."""
    return MOST_GROUPS_ON_GPU if device.type == "cuda" else MOST_GROUPS


def to_device(packed: Packed, device: torch.device) -> tuple[Tensor, Tensor, Groups]:
    """The arguments of `Transformer.forward`, on the device."""
    tokens = torch.from_numpy(packed.tokens).to(device, non_blocking=True).long()
    times = torch.from_numpy(packed.times).to(device, non_blocking=True)
    return tokens, times, packed.groups


def rectangle(tokens: Int64[Tensor, "example token 2"]) -> tuple[Tensor, Tensor, Groups]:
    """The arguments of `Transformer.forward` for a plain batch: one group, nothing reordered.

    Repeated edges stay tokens of their own.
    """
    flat = tokens.flatten(0, 1)
    return flat, (flat[:, 1] != 0).to(torch.uint8), ((tokens.shape[0], tokens.shape[1]),)


@torch.no_grad()  # not inference_mode: probes may be trained on what comes out
def residual_streams(
    model: Transformer, tokens: Batch
) -> list[Float[Tensor, "example stream_token width"]]:
    """The residual stream of every token, padding too, before the first layer and after each."""
    batch = torch.from_numpy(tokens).to(model.readout.weight.device).long()
    embedded, masks = model.embed(*rectangle(batch))
    streams, x = [embedded], embedded
    for layer in model.layers:
        streams.append(layer(x, masks, ALL))
        x = model.injected(streams[-1], embedded)
    return [stream.unflatten(0, (len(tokens), -1)) for stream in streams]


def answer(outputs: Outputs, head: Head) -> Float[Tensor, " example"]:
    """One number per example: of a head, its likeliest label, or how many thresholds it passes."""
    if head == "regression":
        return outputs[:, 0]
    labels = outputs.argmax(1) if head == "classification" else (outputs > 0).sum(1)
    return (1 + labels).to(outputs.dtype)


@torch.inference_mode()
def predict(
    model: Transformer, tokens: Batch, read: Callable[[Outputs, Head], Tensor] = answer
) -> Float[np.ndarray, " example"]:
    """The model's answers to a batch of any size, in the batch's order.

    They are float32, also of weights in lower precision, and float64 of weights in float64. With
    `read` as `heads.expected` they are means instead of labels.
    """
    weight = model.readout.weight
    answers = torch.empty(len(tokens), dtype=torch.promote_types(weight.dtype, torch.float32))
    for places, arguments in in_chunks(model, tokens):
        chunk = read(model.outputs(*arguments), model.architecture.head)
        answers[places] = chunk.to("cpu", answers.dtype)
    return answers.numpy()


def in_chunks(
    model: Transformer, tokens: Batch
) -> Iterator[tuple[Int64[Tensor, " example"], tuple[Tensor, Tensor, Groups]]]:
    """A batch of any size in parts: where their examples stand, and the arguments of `forward`."""
    a, device = model.architecture, model.readout.weight.device
    inner = a.heads * a.head_size if a.head_size else a.width
    length = model.max_vertices + 1 if a.tokens == "vertices" else tokens.shape[1]
    # So few at once that activations stay within some 100 MB.
    chunk = max(1, min(MOST_EXAMPLES, MOST_NUMBERS // (length * (a.width + 3 * inner))))
    for start in range(0, len(tokens), chunk):
        packed = pack(tokens[start : start + chunk], most_groups(device))
        yield start + torch.from_numpy(packed.order), to_device(packed, device)


def parameter_count(model: nn.Module) -> int:
    """How many numbers training may change.

    >>> from offpath.recipes import paper
    >>> parameter_count(Transformer(paper().model, max_vertices=15))
    550433
    """
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
