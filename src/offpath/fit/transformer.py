"""The one transformer: edge tokens and a question in, a distance out.

An encoder of the ordinary kind (Vaswani et al. 2017; pre-norm as Xiong et al. 2020) without
positions, read out by a linear map from the question token. Nothing is computed on padding beyond
what evens out similar lengths, and the last layer computes its output for the question token alone.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor, nn
from torch.nn.functional import linear, relu, scaled_dot_product_attention

from offpath.configs import Architecture
from offpath.data.tokens import Packed, pack
from offpath.fit.embeddings import EdgeTokens, Groups, VertexTokens

MOST_EXAMPLES, MOST_NUMBERS = 4096, 2**24  # answered, and held of one layer, at once
Rows = Tensor | slice
"""Which tokens a layer computes its output for: `ALL`, or where `question_rows` are."""
ALL = slice(None)


class Transformer(nn.Module):
    """Distances from vertex 1 to the targets asked for.

    Parameters carry the names and shapes of torch's `nn.TransformerEncoder`, and are drawn in its
    order: a seed gives the weights that torch's own layers would have.
    """

    layers: Sequence["Layer"]  # an nn.ModuleList, whose entries have a type here

    def __init__(self, architecture: Architecture, max_vertices: int) -> None:
        super().__init__()
        a = architecture
        self.architecture = a
        self.max_vertices = max_vertices
        embedding = EdgeTokens if a.tokens == "edges" else VertexTokens
        self.embedding = embedding(a.width, max_vertices)
        self.add_module("layers", nn.ModuleList(Layer(a) for _ in range(a.layers)))
        self.final_norm = nn.LayerNorm(a.width) if a.final_norm else nn.Identity()
        self.readout = nn.Linear(a.width, 1)

    def forward(
        self, tokens: Int64[Tensor, "token 2"], padding: Bool[Tensor, " token"], groups: Groups
    ) -> Float[Tensor, " example"]:
        """One number per example, in packed order; `predict` is the same for a plain batch."""
        x, bias, groups = self.embed(tokens, padding, groups)
        *others, last = self.layers
        for layer in others:
            x = layer(x, bias, groups, ALL)
        x = last(x, bias, groups, question_rows(groups, x.device))
        if torch.is_autocast_enabled(x.device.type):  # bfloat16 would round a distance to 1/16
            with torch.autocast(x.device.type, enabled=False):
                return self.readout(self.final_norm(x.float())).squeeze(1)
        return self.readout(self.final_norm(x)).squeeze(1)

    def embed(
        self, tokens: Int64[Tensor, "token 2"], padding: Bool[Tensor, " token"], groups: Groups
    ) -> tuple[Float[Tensor, "stream_token width"], list[Tensor], Groups]:
        """The residual stream before the first layer, its attention biases and its groups."""
        x, padding, groups = self.embedding(tokens, padding, groups)
        return x, attention_biases(padding, groups, self.embedding.weight.dtype), groups


class Layer(nn.Module):
    """Attention and a feed-forward part, each added to the residual stream."""

    def __init__(self, a: Architecture) -> None:
        super().__init__()
        self.norm_after = a.norm == "post"
        self.self_attn = Attention(a.width, a.heads, a.width)
        self.linear1 = nn.Linear(a.width, a.feed_forward)
        self.linear2 = nn.Linear(a.feed_forward, a.width)
        if a.head_size is not None:  # drawn again, after the rest: the weights that seeds have had
            self.self_attn = Attention(a.width, a.heads, a.heads * a.head_size)
        self.norm1 = nn.Identity() if a.norm == "none" else nn.LayerNorm(a.width)
        self.norm2 = nn.Identity() if a.norm == "none" else nn.LayerNorm(a.width)

    def forward(
        self, x: Float[Tensor, "token width"], bias: list[Tensor], groups: Groups, rows: Rows
    ) -> Float[Tensor, "rows width"]:
        """The residual stream after the layer, at the rows asked for."""
        if self.norm_after:
            x = self.norm1(x[rows] + self.self_attn(x, bias, groups, rows))
            return self.norm2(x + self.linear2(relu(self.linear1(x))))
        x = x[rows] + self.self_attn(self.norm1(x), bias, groups, rows)
        return x + self.linear2(relu(self.linear1(self.norm2(x))))


class Attention(nn.Module):
    """Softmax attention within each example; `inner` is the size of all heads together."""

    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.heads, self.head_size = heads, inner // heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * inner, width))  # queries, keys, values
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * inner))
        self.out_proj = nn.Linear(inner, width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(
        self, x: Float[Tensor, "token width"], bias: list[Tensor], groups: Groups, rows: Rows
    ) -> Float[Tensor, "rows width"]:
        """What the heads add to the residual stream at the rows asked for."""
        mixed = []
        for q, k, v, mask in self._projections(x, bias, groups, rows):
            y = scaled_dot_product_attention(q, k, v, attn_mask=mask)
            mixed.append(y.transpose(1, 2).flatten(2).flatten(0, 1))  # (query, inner)
        return self.out_proj(torch.cat(mixed))

    def weights(
        self, x: Float[Tensor, "token width"], bias: list[Tensor], groups: Groups, rows: Rows
    ) -> list[Float[Tensor, "_ head _ _"]]:
        """The weights by which `forward` averages values: (example, head, query, key) per group."""
        return [
            torch.softmax(q @ k.mT / self.head_size**0.5 + mask, dim=-1)
            for q, k, _, mask in self._projections(x, bias, groups, rows)
        ]

    def _projections(
        self, x: Float[Tensor, "token width"], bias: list[Tensor], groups: Groups, rows: Rows
    ) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
        """Queries, keys, values (example, head, token, size) and the bias of scores, per group."""
        inner = self.heads * self.head_size
        weight, offset = self.in_proj_weight, self.in_proj_bias
        queries = linear(x[rows], weight[:inner], offset[:inner])
        keys_values = linear(x, weight[inner:], offset[inner:])
        sizes = [examples * tokens for examples, tokens in groups]
        per_group = sizes if isinstance(rows, slice) else [examples for examples, _ in groups]
        for q, kv, mask, (examples, tokens) in zip(
            queries.split(per_group), keys_values.split(sizes), bias, groups, strict=True
        ):
            q = q.view(examples, -1, self.heads, self.head_size).transpose(1, 2)
            k, v = kv.view(examples, tokens, 2, self.heads, self.head_size).permute(2, 0, 3, 1, 4)
            yield q, k, v, mask


def attention_biases(
    padding: Bool[Tensor, " token"], groups: Groups, dtype: torch.dtype
) -> list[Tensor]:
    """For each group 0 at keys to look at and minus infinity at padding, (example, 1, 1, token)."""
    bias = torch.zeros(padding.shape, dtype=dtype, device=padding.device)
    bias.masked_fill_(padding, -torch.inf)
    sizes = [examples * tokens for examples, tokens in groups]
    return [
        piece.view(examples, 1, 1, tokens)
        for piece, (examples, tokens) in zip(bias.split(sizes), groups, strict=True)
    ]


def question_rows(groups: Groups, device: torch.device) -> Int64[Tensor, " example"]:
    """Where in the packed tokens the questions are: the last token of each example."""
    rows, start = [], 0
    for examples, tokens in groups:
        end = start + examples * tokens
        rows.append(torch.arange(start + tokens - 1, end, tokens, device=device))
        start = end
    return torch.cat(rows)


def to_device(packed: Packed, device: torch.device) -> tuple[Tensor, Tensor, Groups]:
    """The arguments of `Transformer.forward`, on the device."""
    tokens = torch.from_numpy(packed.tokens).to(device, non_blocking=True).long()
    padding = torch.from_numpy(packed.padding).to(device, non_blocking=True)
    return tokens, padding, packed.groups


def rectangle(
    tokens: Int64[Tensor, "example token 2"],
) -> tuple[Int64[Tensor, "_ 2"], Bool[Tensor, " _"], Groups]:
    """The arguments of `Transformer.forward` for a plain batch: one group, nothing reordered."""
    examples, length, _ = tokens.shape
    flat = tokens.flatten(0, 1)
    return flat, flat[:, 1] == 0, ((examples, length),)


@torch.no_grad()  # not inference_mode: probes may be trained on what comes out
def residual_streams(
    model: Transformer, tokens: UInt8[np.ndarray, "example token 2"]
) -> list[Float[Tensor, "example stream_token width"]]:
    """The residual stream of every token, padding too, before the first layer and after each."""
    batch = torch.from_numpy(tokens).to(model.readout.weight.device).long()
    x, bias, groups = model.embed(*rectangle(batch))
    streams = [x]
    for layer in model.layers:
        streams.append(layer(streams[-1], bias, groups, ALL))
    return [stream.unflatten(0, (len(tokens), -1)) for stream in streams]


@torch.inference_mode()
def predict(
    model: Transformer, tokens: UInt8[np.ndarray, "example token 2"]
) -> Float[np.ndarray, " example"]:
    """The model's answers to a batch of any size, in the batch's order.

    They are float32, also of weights in lower precision, and float64 of weights in float64.
    """
    weight = model.readout.weight
    chunk_examples = _chunk_examples(model, tokens.shape[1])
    double = weight.dtype == torch.float64
    answers = np.empty(len(tokens), np.float64 if double else np.float32)
    for start in range(0, len(tokens), chunk_examples):
        packed = pack(tokens[start : start + chunk_examples])
        chunk = model(*to_device(packed, weight.device))
        chunk = (chunk if double else chunk.float()).cpu().numpy()
        answers[start + packed.order] = chunk
    return answers


def _chunk_examples(model: Transformer, tokens: int) -> int:
    """How many examples are answered at once, so that activations stay within some 100 MB."""
    a = model.architecture
    inner = a.heads * a.head_size if a.head_size else a.width
    tokens = model.max_vertices + 1 if a.tokens == "vertices" else tokens
    return max(1, min(MOST_EXAMPLES, MOST_NUMBERS // (tokens * (a.width + 3 * inner))))


def parameter_count(model: nn.Module) -> int:
    """How many numbers training may change.

    >>> from offpath.recipes import paper
    >>> parameter_count(Transformer(paper().model, max_vertices=15))
    550433
    """
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
