"""Linear interpolation between two networks of one architecture, and permutation alignment.

A network stays the same function when its neurons are permuted: hidden units of a feed-forward
part, heads, the dimensions of queries with keys and of values within a head, and directions of the
residual stream, the same ones in both halves, because one embedding fills both. Alignment chooses
the order of the second network that is nearest to the first, by turns, one kind at a time, each by
an exact assignment (Ainsworth, Hayase, Srinivasa 2023, "Git Re-Basin", section 3.2). Similarity is
the sum of the cosines of the parameters, so that no parameter counts for its scale.
"""

from collections.abc import Iterator
from copy import deepcopy

import torch
from jaxtyping import Float, Float64, Int64
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from offpath.fit.transformer import Transformer

MOST_SWEEPS = 30
READS = ("self_attn.in_proj_weight", "linear1.weight")
"""Parameters of a layer whose columns are the residual stream."""
WRITES = (
    *("self_attn.out_proj.weight", "linear2.weight", "self_attn.out_proj.bias", "linear2.bias"),
    *("norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"),
)
"""Those whose rows are."""


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
        for index in range(a.architecture.layers):
            _align_hidden_units(a, model, index)
            _align_heads(a, model, index)
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


def layer_weights(model: Transformer, index: int, name: str) -> Tensor:
    """A parameter of a layer, as a view without gradients; the first layer has index 0."""
    return model.get_parameter(f"layers.{index}.{name}").data


def _unit(parameter: Tensor) -> Tensor:
    values = parameter.detach().double().cpu()  # assignments are made there
    return values / values.norm().clamp_min(1e-30)


def _assignment(gain: Float[Tensor, "one other"]) -> Int64[Tensor, " one"]:
    """For each row the column that goes with it, so that the gains sum to the most."""
    return torch.from_numpy(linear_sum_assignment(gain.numpy(), maximize=True)[1])


def _align_hidden_units(a: Transformer, b: Transformer, index: int) -> None:
    gain = torch.zeros(a.architecture.feed_forward, a.architecture.feed_forward).double()
    for ours, theirs in zip(_hidden_sides(a, index), _hidden_sides(b, index), strict=True):
        gain += _unit(ours) @ _unit(theirs).mT
    order = _assignment(gain)
    for side in _hidden_sides(b, index):
        side.copy_(side[order])


def _hidden_sides(model: Transformer, index: int) -> Iterator[Float[Tensor, "unit other"]]:
    """Views of a feed-forward part's parameters, with the hidden units as their rows."""
    yield layer_weights(model, index, "linear1.weight")
    yield layer_weights(model, index, "linear1.bias")[:, None]
    yield layer_weights(model, index, "linear2.weight").mT


def _align_heads(a: Transformer, b: Transformer, index: int) -> None:
    """Each pair of heads at its best order of dimensions; then the best pairs of heads."""
    heads = a.architecture.heads
    ours, theirs = _head_parts(a, index), _head_parts(b, index)
    gains, orders = torch.zeros(heads, heads).double(), {}
    for i in range(heads):
        for j in range(heads):
            pair = [one[i] @ other[j].mT for one, other in zip(ours, theirs, strict=True)]
            orders[i, j] = [_assignment(gain) for gain in pair]
            for gain, order in zip(pair, orders[i, j], strict=True):
                gains[i, j] += gain.gather(1, order[:, None]).sum()
    pairs = list(enumerate(_assignment(gains).tolist()))
    size = len(ours[0][0])
    scores, values = (
        torch.cat([j * size + orders[i, j][part] for i, j in pairs]) for part in (0, 1)
    )
    rows = torch.cat([scores, heads * size + scores, 2 * heads * size + values])
    for name in ("self_attn.in_proj_weight", "self_attn.in_proj_bias"):
        parameter = layer_weights(b, index, name)
        parameter.copy_(parameter[rows])
    out = layer_weights(b, index, "self_attn.out_proj.weight")
    out.copy_(out[:, values])


def _head_parts(
    model: Transformer, index: int
) -> list[tuple[Float64[Tensor, "dimension parameter"], ...]]:
    """By head and dimension: what queries and keys read; what values read, and write."""
    query, key, value = _unit(layer_weights(model, index, "self_attn.in_proj_weight")).chunk(3)
    offsets = _unit(layer_weights(model, index, "self_attn.in_proj_bias"))[:, None].chunk(3)
    out = _unit(layer_weights(model, index, "self_attn.out_proj.weight")).mT
    scores = torch.cat([query, key, *offsets[:2]], dim=1)
    values = torch.cat([value, out, offsets[2]], dim=1)
    return [part.chunk(model.architecture.heads) for part in (scores, values)]


def _align_residual(a: Transformer, b: Transformer) -> None:
    width = a.architecture.width
    half, whole = width // 2, torch.zeros(width, width).double()
    for ours, theirs in zip(_residual_sides(a), _residual_sides(b), strict=True):
        whole += _unit(ours) @ _unit(theirs).mT
    gain = whole[:half, :half] + whole[half:, half:]
    gain += _unit(a.embedding.weight).mT @ _unit(b.embedding.weight)
    order = _assignment(gain)
    both = torch.cat([order, half + order])
    b.embedding.weight.data.copy_(b.embedding.weight.data[:, order])
    for side in _residual_sides(b):
        side.copy_(side[both])


def _residual_sides(model: Transformer) -> Iterator[Float[Tensor, "width other"]]:
    """Views of all parameters but the embedding, with the residual stream as their rows."""
    yield model.readout.weight.data.mT
    yield from (p.data[:, None] for p in model.final_norm.parameters())
    names = {name for name, _ in model.named_parameters()}
    for index in range(model.architecture.layers):
        yield from (layer_weights(model, index, name).mT for name in READS)
        for name in WRITES:
            if f"layers.{index}.{name}" in names:  # without norms theirs are missing
                weights = layer_weights(model, index, name)
                yield weights.view(len(weights), -1)
