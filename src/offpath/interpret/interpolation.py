"""Linear interpolation between two networks of one architecture, and permutation alignment.

A network stays the same function when its neurons are permuted: hidden units of a feed-forward
part, heads, the dimensions of queries with keys and of values within a head, and directions of the
residual stream, the same ones in both halves, because one embedding fills both. Alignment chooses
the order of the second network that is nearest to the first, by turns, one kind at a time, each by
an exact assignment (Ainsworth, Hayase, Srinivasa 2023, "Git Re-Basin", section 3.2). Similarity is
the sum of the cosines of the parameters, so that no parameter counts for its scale.
"""

from collections.abc import Iterable
from copy import deepcopy
from functools import reduce
from itertools import product

import torch
from jaxtyping import Float, Float64, Int64
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from offpath.fit.transformer import Attention, Layer, Transformer

MOST_SWEEPS = 30
Sides = Iterable[Tensor]
"""Views of parameters, (row, column), with the neurons that are permuted as their rows."""


@torch.no_grad()
def interpolate(a: Transformer, b: Transformer, share: float) -> Transformer:
    """The network at `share` of the way from a to b."""
    model = deepcopy(a)
    for mixed, end in zip(model.parameters(), b.parameters(), strict=True):
        mixed.lerp_(end.to(mixed), share)
    return model


@torch.no_grad()
def align(a: Transformer, b: Transformer) -> Transformer:
    """The same function as b, with its neurons in the order that is nearest to those of a."""
    model = deepcopy(b)
    best = similarity(a, model)
    for _ in range(MOST_SWEEPS):
        for ours, theirs in zip(a.layers, model.layers, strict=True):
            order = _assignment(_gain(_hidden_sides(ours), _hidden_sides(theirs)))
            _reorder(_hidden_sides(theirs), order)
            _align_heads(ours.self_attn, theirs.self_attn)
        _align_residual(a, model)
        now = similarity(a, model)
        if now <= best + 1e-9:
            break
        best = now
    return model


@torch.no_grad()
def similarity(a: Transformer, b: Transformer) -> float:
    """The sum over all parameters of the cosine between those of a and of b."""
    pairs = zip(a.parameters(), b.parameters(), strict=True)
    return sum(float((_unit(one) * _unit(other)).sum()) for one, other in pairs)


def _unit(parameter: Tensor) -> Tensor:
    values = parameter.detach().double().cpu()  # assignments are made there
    return values / values.norm().clamp_min(1e-30)


def _assignment(gain: Float[Tensor, "one other"]) -> Int64[Tensor, " one"]:
    """For each row the column that goes with it, so that the gains sum to the most."""
    return torch.from_numpy(linear_sum_assignment(gain.numpy(), maximize=True)[1])


def _gain(ours: Sides, theirs: Sides) -> Tensor:
    """What each pair of rows adds to the similarity, if one takes the other's place."""
    gains = (_unit(one) @ _unit(other).mT for one, other in zip(ours, theirs, strict=True))
    return reduce(torch.add, gains)


def _reorder(sides: Sides, order: Int64[Tensor, " row"]) -> None:
    for side in sides:
        side.copy_(side[order])


def _hidden_sides(layer: Layer) -> Sides:
    first = layer.linear1
    return first.weight.data, first.bias.data[:, None], layer.linear2.weight.data.mT


def _align_heads(ours: Attention, theirs: Attention) -> None:
    """Each pair of heads at its best order of dimensions; then the best pairs of heads."""
    heads, size = ours.heads, ours.head_size
    parts = list(zip(_head_parts(ours), _head_parts(theirs), strict=True))
    gains, orders = torch.zeros(heads, heads).double(), {}
    for i, j in product(range(heads), repeat=2):
        pairs = [one[i] @ other[j].mT for one, other in parts]
        orders[i, j] = [_assignment(gain) for gain in pairs]
        for gain, order in zip(pairs, orders[i, j], strict=True):
            gains[i, j] += gain.gather(1, order[:, None]).sum()
    pairs = list(enumerate(_assignment(gains).tolist()))
    scores, values = (torch.cat([j * size + orders[i, j][k] for i, j in pairs]) for k in (0, 1))
    rows = torch.cat([scores, heads * size + scores, 2 * heads * size + values])
    _reorder([theirs.in_proj_weight.data, theirs.in_proj_bias.data[:, None]], rows)
    _reorder([theirs.out_proj.weight.data.mT], values)


def _head_parts(attention: Attention) -> list[tuple[Float64[Tensor, "dimension parameter"], ...]]:
    """By head and dimension: what queries and keys read; what values read, and write."""
    query, key, value = _unit(attention.in_proj_weight).chunk(3)
    biases = _unit(attention.in_proj_bias)[:, None].chunk(3)
    scores = torch.cat([query, key, *biases[:2]], dim=1)
    values = torch.cat([value, _unit(attention.out_proj.weight).mT, biases[2]], dim=1)
    return [part.chunk(attention.heads) for part in (scores, values)]


def _align_residual(a: Transformer, b: Transformer) -> None:
    half = a.architecture.width // 2
    whole = _gain(_residual_sides(a), _residual_sides(b))
    gain = whole[:half, :half] + whole[half:, half:]
    gain += _unit(a.embedding.weight).mT @ _unit(b.embedding.weight)
    order = _assignment(gain)
    _reorder([b.embedding.weight.data.mT], order)
    _reorder(_residual_sides(b), torch.cat([order, half + order]))


def _residual_sides(model: Transformer) -> Sides:
    """All but the embedding, with the residual stream as rows."""
    yield model.readout.weight.data.mT
    yield from (p.data[:, None] for p in model.final_norm.parameters())
    for layer in model.layers:
        out, linear2 = layer.self_attn.out_proj, layer.linear2
        yield from (layer.self_attn.in_proj_weight.data.mT, layer.linear1.weight.data.mT)
        yield from (out.weight.data, linear2.weight.data)
        vectors = (out.bias, linear2.bias, *layer.norm1.parameters(), *layer.norm2.parameters())
        yield from (vector.data[:, None] for vector in vectors)
