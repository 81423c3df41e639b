"""Tokens to the residual stream before the first layer, in two ways: of edges or of vertices.

In: packed examples as `tokens.pack` makes them. Out: a vector of `width` per token, how many tokens
each stands for, and how they are grouped.
"""

from itertools import accumulate

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn
from torch.nn.functional import embedding

Tokens = Int64[Tensor, "token 2"]
Times = UInt8[Tensor, " token"]
"""How many equal tokens each one stands for; 0: it is padding."""
Groups = tuple[tuple[int, int], ...]
Embedded = tuple[Float[Tensor, "stream_token width"], UInt8[Tensor, " stream_token"], Groups]
"""The residual stream of all tokens, how many tokens each stands for, and how they are grouped."""

# Features of max_vertices entries each: a vertex token's neighbours (itself among them) and id; the
# answer token's source and target.
BLOCKS = ("neighbour", "self", "source", "target")
# Features of one entry: is a vertex token; the answer token; the source's token; the target's.
FLAGS = ("vertex", "answer", "asking", "asked")


class EdgeTokens(nn.Module):
    """A token is the rows of its two entries side by side: of padding, vertices or TARGET."""

    def __init__(self, width: int, max_vertices: int, markers: int = 1) -> None:
        """Normally distributed rows: of padding, of each vertex, and of each marker."""
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1 + max_vertices + markers, width // 2))

    def forward(self, tokens: Tokens, times: Times, groups: Groups) -> Embedded:
        """One token of the stream per token of the input."""
        return embedding(tokens, self.weight).flatten(1), times, groups


class VertexTokens(nn.Module):
    """A token per vertex of the largest graph, and one for the answer, which comes last.

    Each is the sum of the rows of its features: what is true of it.
    """

    def __init__(self, width: int, max_vertices: int) -> None:
        """Normally distributed rows, one per feature."""
        super().__init__()
        self.max_vertices = max_vertices
        features = len(BLOCKS) * max_vertices + len(FLAGS)
        self.weight = nn.Parameter(torch.randn(features, width))

    def forward(self, tokens: Tokens, times: Times, groups: Groups) -> Embedded:
        """Every example has the same tokens, in one group; none is padding, and none repeated."""
        features, groups = vertex_features(tokens, groups, self.max_vertices)
        once = torch.ones(len(features), dtype=torch.uint8, device=features.device)
        return features.to(self.weight.dtype) @ self.weight, once, groups


def feature_slices(max_vertices: int) -> dict[str, slice]:
    """Where each block and flag lies among the features.

    >>> feature_slices(8)["asked"]
    slice(35, 36, None)
    """
    sizes = [max_vertices] * len(BLOCKS) + [1] * len(FLAGS)
    places = zip(BLOCKS + FLAGS, sizes, accumulate(sizes), strict=True)
    return {name: slice(end - size, end) for name, size, end in places}


def vertex_features(
    tokens: Tokens, groups: Groups, max_vertices: int
) -> tuple[Float[Tensor, "vertex_token feature"], Groups]:
    """Features of the vertex tokens of all examples, and their only group; the answer comes last.

    A question (t, TARGET) names the target; a token (0, s), which the edge encoding does not have,
    names a source other than vertex 1.
    """
    counts, lengths = torch.tensor(groups, device=tokens.device).T
    n, examples = max_vertices, sum(count for count, _ in groups)
    numbers = torch.arange(examples, device=tokens.device)
    pairs = tokens.new_zeros(examples, n + 2, n + 2, dtype=torch.float32)
    example = numbers.repeat_interleave(lengths.repeat_interleave(counts))
    pairs[example, tokens[:, 0], tokens[:, 1]] = 1
    source, target, edges = pairs[:, 0, 1:-1], pairs[:, 1:-1, -1], pairs[:, 1:-1, 1:-1]
    source[:, 0] += ~source.any(1)
    own = torch.eye(n, device=tokens.device)

    place = feature_slices(n)
    features = pairs.new_zeros(examples, n + 1, place[FLAGS[-1]].stop)
    features[:, :-1, place["neighbour"]] = (edges + edges.mT + own).clamp(max=1)
    features[:, :-1, place["self"]] = own
    features[:, -1, place["source"]] = source
    features[:, -1, place["target"]] = target
    features[:, :-1, place["vertex"]] = 1
    features[:, -1, place["answer"]] = 1
    features[:, :-1, place["asking"]] = source[:, :, None]
    features[:, :-1, place["asked"]] = target[:, :, None]
    return features.flatten(0, 1), ((examples, n + 1),)
