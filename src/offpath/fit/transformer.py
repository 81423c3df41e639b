"""The one transformer: edge tokens and a question in, a distance out.

An encoder of the ordinary kind (Vaswani et al. 2017; pre-norm as Xiong et al. 2020) without
positions, read out by a linear map from the question token. Nothing is computed on padding beyond
what evens out similar lengths, and the last layer computes its output for the question token alone.
"""

from typing import cast

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor, nn
from torch.nn.functional import linear, relu, scaled_dot_product_attention

from offpath.configs import Architecture
from offpath.data.tokens import Packed, pack
from offpath.fit.vertex_tokens import Groups, feature_count, vertex_features

MOST_EXAMPLES, MOST_NUMBERS = 4096, 2**24  # answered, and held of one layer, at once


class Transformer(nn.Module):
    """Distances from vertex 1 to the targets asked for.

    Parameters carry the names and shapes of torch's `nn.TransformerEncoder`, whose layers hold
    them; the computation is written out here. `embedding` has `max_vertices` + 2 rows of width / 2:
    padding, the vertices, TARGET; a token is the rows of its two entries side by side. With vertex
    tokens it has a row of `width` for each feature, and a token is the sum of its features' rows.
    """

    def __init__(self, architecture: Architecture, max_vertices: int) -> None:
        super().__init__()
        a = architecture
        self.architecture = a
        self.max_vertices = max_vertices
        rows, size = max_vertices + 2, a.width // 2
        if a.tokens == "vertices":
            rows, size = feature_count(max_vertices), a.width
        self.embedding = nn.Embedding(rows, size)
        self.layers = nn.ModuleList(_new_layer(a) for _ in range(a.layers))
        self.final_norm = nn.LayerNorm(a.width) if a.final_norm else nn.Identity()
        self.readout = nn.Linear(a.width, 1)

    def forward(
        self,
        tokens: Int64[Tensor, "token 2"],
        padding: Bool[Tensor, " token"],
        groups: Groups,
    ) -> Float[Tensor, " example"]:
        """One number an example, in packed order; `predict` is the same for a plain batch."""
        x, bias, groups = self.embed(tokens, padding, groups)
        for number, layer in enumerate(self.encoder_layers, start=1):
            x = encoder_layer(layer, x, bias, groups, last=number == len(self.layers))
        if torch.is_autocast_enabled(x.device.type):  # bfloat16 would round a distance to 1/16
            with torch.autocast(x.device.type, enabled=False):
                return self.readout(self.final_norm(x.float())).squeeze(1)
        return self.readout(self.final_norm(x)).squeeze(1)

    @property
    def encoder_layers(self) -> list[nn.TransformerEncoderLayer]:
        """The layers, first to last."""
        return [cast(nn.TransformerEncoderLayer, layer) for layer in self.layers]

    def embed(
        self, tokens: Int64[Tensor, "token 2"], padding: Bool[Tensor, " token"], groups: Groups
    ) -> tuple[Float[Tensor, "stream_token width"], list[Tensor], Groups]:
        """The residual stream before the first layer, its attention biases and its groups."""
        dtype = self.embedding.weight.dtype
        if self.architecture.tokens == "vertices":
            features, groups = vertex_features(tokens, groups, self.max_vertices)
            none = torch.zeros(len(features), dtype=torch.bool, device=features.device)
            x = features.to(dtype) @ self.embedding.weight
            return x, attention_biases(none, groups, dtype), groups
        x = self.embedding(tokens).flatten(1)  # (token, width)
        return x, attention_biases(padding, groups, dtype), groups


class Attention(nn.Module):
    """Parameters of attention whose heads are not width / heads large; named as torch names its."""

    def __init__(self, width: int, heads: int, head_size: int) -> None:
        super().__init__()
        self.num_heads, self.head_dim = heads, head_size
        self.in_proj_weight = nn.Parameter(torch.empty(3 * heads * head_size, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * heads * head_size))
        self.out_proj = nn.Linear(heads * head_size, width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)


def _new_layer(a: Architecture) -> nn.TransformerEncoderLayer:
    """An untrained layer; torch's own, but for heads of another size or without norms."""
    layer = nn.TransformerEncoderLayer(
        a.width,
        a.heads if a.head_size is None else 1,
        a.feed_forward,
        dropout=0.0,
        batch_first=True,
        norm_first=a.norm != "post",
    )
    if a.head_size is not None:
        layer.self_attn = cast(nn.MultiheadAttention, Attention(a.width, a.heads, a.head_size))
    if a.norm == "none":
        layer.norm1 = layer.norm2 = cast(nn.LayerNorm, nn.Identity())
    return layer


def encoder_layer(
    layer: nn.TransformerEncoderLayer,
    x: Float[Tensor, "token width"],
    bias: list[Tensor],
    groups: Groups,
    *,
    last: bool,
) -> Float[Tensor, "rows width"]:
    """The residual stream after one layer: of all tokens, or in the last layer of the questions."""
    rows = question_rows(groups, x.device) if last else slice(None)
    if layer.norm_first:
        x = x[rows] + attention(layer, layer.norm1(x), bias, groups, rows)
        return x + feed_forward(layer, layer.norm2(x))
    x = layer.norm1(x[rows] + attention(layer, x, bias, groups, rows))
    return layer.norm2(x + feed_forward(layer, x))


def attention(
    layer: nn.TransformerEncoderLayer,
    x: Float[Tensor, "token width"],
    bias: list[Tensor],
    groups: Groups,
    rows: Tensor | slice,
) -> Float[Tensor, "rows width"]:
    """What the heads of one layer add, at the chosen rows: every row, or the questions'."""
    heads, size = layer.self_attn.num_heads, layer.self_attn.head_dim
    weight, offset = layer.self_attn.in_proj_weight, layer.self_attn.in_proj_bias
    inner = heads * size  # as wide as the stream, unless heads have a size of their own
    queries = linear(x[rows], weight[:inner], offset[:inner])
    keys_values = linear(x, weight[inner:], offset[inner:])
    sizes = [examples * tokens for examples, tokens in groups]
    per_group = sizes if isinstance(rows, slice) else [examples for examples, _ in groups]
    mixed = []
    for q, kv, mask, (examples, tokens) in zip(
        queries.split(per_group), keys_values.split(sizes), bias, groups, strict=True
    ):
        q = q.view(examples, -1, heads, size).transpose(1, 2)  # (example, head, query, size)
        k, v = kv.view(examples, tokens, 2, heads, size).permute(2, 0, 3, 1, 4)
        y = scaled_dot_product_attention(q, k, v, attn_mask=mask)
        mixed.append(y.transpose(1, 2).reshape(-1, inner))
    return layer.self_attn.out_proj(torch.cat(mixed))


def feed_forward(
    layer: nn.TransformerEncoderLayer, x: Float[Tensor, "rows width"]
) -> Float[Tensor, "rows width"]:
    """What the two linear maps with a ReLU between them add."""
    return layer.linear2(relu(layer.linear1(x)))


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


@torch.inference_mode()
def residual_streams(
    model: Transformer, tokens: UInt8[np.ndarray, "example token 2"]
) -> list[Float[Tensor, "stream_token width"]]:
    """The residual stream of all tokens before the first layer and after each, in packed order."""
    packed = to_device(pack(tokens, groups=1), model.readout.weight.device)
    x, bias, groups = model.embed(*packed)
    streams = [x]
    for layer in model.encoder_layers:
        streams.append(encoder_layer(layer, streams[-1], bias, groups, last=False))
    return streams


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
