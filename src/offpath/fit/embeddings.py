"""Tokens to the residual stream before the first layer, in two ways: of edges or of vertices.

In: packed examples as `tokens.pack` makes them. Out: a vector of `width` per token, which of the
tokens are padding, and how they are grouped.
"""

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import embedding

Groups = tuple[tuple[int, int], ...]

BLOCKS = ("neighbour", "self", "source", "target")
"""Features of max_vertices entries each: a vertex token's neighbours (itself among them) and name;
the answer token's source and target."""
FLAGS = ("vertex", "answer", "asking", "asked")
"""Features of one entry: is a vertex token; is the answer token; is the vertex token of the source;
of the target."""

Embedded = tuple[Float[Tensor, "stream_token width"], Bool[Tensor, " stream_token"], Groups]
"""The residual stream of all tokens, which of them are padding, and how they are grouped."""


class EdgeTokens(nn.Module):
    """A token is the rows of its two entries side by side: of padding, vertices or TARGET."""

    def __init__(self, width: int, max_vertices: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(max_vertices + 2, width // 2))
        nn.init.normal_(self.weight)

    def forward(
        self, tokens: Int64[Tensor, "token 2"], padding: Bool[Tensor, " token"], groups: Groups
    ) -> Embedded:
        """One token of the stream per token of the input."""
        return embedding(tokens, self.weight).flatten(1), padding, groups


class VertexTokens(nn.Module):
    """A token per vertex of the largest graph, and one for the answer, which comes last.

    Each is the sum of the rows of its features: what is true of it.
    """

    def __init__(self, width: int, max_vertices: int) -> None:
        super().__init__()
        self.max_vertices = max_vertices
        self.weight = nn.Parameter(torch.empty(feature_count(max_vertices), width))
        nn.init.normal_(self.weight)

    def forward(
        self, tokens: Int64[Tensor, "token 2"], padding: Bool[Tensor, " token"], groups: Groups
    ) -> Embedded:
        """Every example has the same tokens, in one group; none is padding."""
        features, groups = vertex_features(tokens, groups, self.max_vertices)
        none = torch.zeros(len(features), dtype=torch.bool, device=features.device)
        return features.to(self.weight.dtype) @ self.weight, none, groups


def feature_count(max_vertices: int) -> int:
    """Features of a vertex token.

    >>> feature_count(8)
    36
    """
    return len(BLOCKS) * max_vertices + len(FLAGS)


def feature_slices(max_vertices: int) -> dict[str, slice]:
    """Where each block and flag lies among the features."""
    n = max_vertices
    blocks = {name: slice(i * n, (i + 1) * n) for i, name in enumerate(BLOCKS)}
    start = len(BLOCKS) * n
    return blocks | {name: slice(start + i, start + i + 1) for i, name in enumerate(FLAGS)}


def vertex_features(
    tokens: Int64[Tensor, "token 2"], groups: Groups, max_vertices: int
) -> tuple[Float[Tensor, "vertex_token feature"], Groups]:
    """Features of the vertex tokens of all examples, and their only group; the answer comes last.

    A question (t, TARGET) names the target; a token (0, s), which the edge encoding does not have,
    names a source other than vertex 1.
    """
    n, examples = max_vertices, sum(count for count, _ in groups)
    pairs = torch.zeros(examples, n + 2, n + 2, device=tokens.device)
    first = 0
    for (count, length), piece in zip(
        groups, tokens.split([count * length for count, length in groups]), strict=True
    ):
        example = torch.arange(first, first + count, device=tokens.device)
        pairs[example.repeat_interleave(length), piece[:, 0], piece[:, 1]] = 1
        first += count
    source = pairs[:, 0, 1:-1].clone()
    source[:, 0] = torch.where(source.any(1), source[:, 0], 1.0)
    target = pairs[:, 1:-1, -1]
    edges = pairs[:, 1:-1, 1:-1]
    own = torch.eye(n, device=tokens.device).expand(examples, n, n)

    features = torch.zeros(examples, n + 1, feature_count(n), device=tokens.device)
    place = feature_slices(n)
    features[:, :-1, place["neighbour"]] = torch.maximum(torch.maximum(edges, edges.mT), own)
    features[:, :-1, place["self"]] = own
    features[:, -1, place["source"]] = source
    features[:, -1, place["target"]] = target
    features[:, :-1, place["vertex"]] = 1
    features[:, -1, place["answer"]] = 1
    features[:, :-1, place["asking"]] = source[:, :, None]
    features[:, :-1, place["asked"]] = target[:, :, None]
    return features.flatten(0, 1), ((examples, n + 1),)
