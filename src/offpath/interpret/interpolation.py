"""The straight line between two networks of one architecture, with and without matched neurons.

A network stays the same function when its neurons change places: hidden units of a feed-forward
part, heads, the dimensions of queries with keys and of values within a head, and directions of the
residual stream, the same ones in both halves, because one embedding fills both. Matching chooses
such an order of the second network that is nearest to the first, by turns, one kind at a time, each
by an exact assignment (Ainsworth, Hayase, Srinivasa 2023, "Git Re-Basin", section 3.2). Similarity
is the sum of the cosines of the parameters, so that no parameter counts for its scale.
"""

from copy import deepcopy

import numpy as np
import torch
from jaxtyping import Float, Int64
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from offpath.fit.transformer import Transformer

MOST_SWEEPS = 30
READS = ("self_attn.in_proj_weight", "linear1.weight")  # columns are the residual stream
WRITES = ("self_attn.out_proj.weight", "linear2.weight")  # rows are
VECTORS = (
    "self_attn.out_proj.bias",
    "linear2.bias",
    "norm1.weight",
    "norm1.bias",
    "norm2.weight",
    "norm2.bias",
)


@torch.no_grad()
def between(a: Transformer, b: Transformer, share: float) -> Transformer:
    """The network at `share` of the way from a to b."""
    model = deepcopy(a)
    for mixed, end in zip(model.parameters(), b.parameters(), strict=True):
        mixed.lerp_(end.to(mixed), share)
    return model


@torch.no_grad()
def matched(a: Transformer, b: Transformer) -> Transformer:
    """The same function as b, with its neurons in the order that is nearest to those of a."""
    model = deepcopy(b)
    best = similarity(a, model)
    for _ in range(MOST_SWEEPS):
        for number in range(a.architecture.layers):
            _match_hidden_units(a, model, number)
            _match_heads(a, model, number)
        _match_residual(a, model)
        now = similarity(a, model)
        if now <= best + 1e-9:
            break
        best = now
    return model


@torch.no_grad()
def similarity(a: Transformer, b: Transformer) -> float:
    """The sum over all parameters of the cosine between those of a and of b."""
    pairs = zip(a.parameters(), b.parameters(), strict=True)
    return sum(float((_unit(one) * _unit(two)).sum()) for one, two in pairs)


def _unit(parameter: Tensor) -> Tensor:
    values = parameter.detach().double().cpu()  # assignments are made there
    return values / values.norm().clamp_min(1e-30)


def _assigned(gain: Float[Tensor, "one two"]) -> Int64[Tensor, " one"]:
    """For each row the column that goes with it, so that the gains sum to the most."""
    return torch.from_numpy(linear_sum_assignment(gain.numpy(), maximize=True)[1])


def _of(model: Transformer, number: int, name: str) -> Tensor:
    return model.get_parameter(f"layers.{number}.{name}").data


def _match_hidden_units(a: Transformer, b: Transformer, number: int) -> None:
    gain = torch.zeros(a.architecture.feed_forward, a.architecture.feed_forward).double()
    for name, turned in (
        ("linear1.weight", False),
        ("linear1.bias", False),
        ("linear2.weight", True),
    ):
        one, two = (_unit(_of(model, number, name)) for model in (a, b))
        one, two = (x.mT if turned else x.reshape(len(x), -1) for x in (one, two))
        gain += one @ two.mT
    order = _assigned(gain)
    for name in ("linear1.weight", "linear1.bias"):
        _of(b, number, name).copy_(_of(b, number, name)[order])
    _of(b, number, "linear2.weight").copy_(_of(b, number, "linear2.weight")[:, order])


def _match_heads(a: Transformer, b: Transformer, number: int) -> None:
    """Each pair of heads at its best order of dimensions; then the best pairs of heads."""
    heads = a.architecture.heads
    ours, theirs = (_head_parts(model, number) for model in (a, b))
    gains, orders = np.zeros((heads, heads)), {}
    for i in range(heads):
        for j in range(heads):
            found = []
            for kind in ("scores", "values"):
                gain = ours[kind][i] @ theirs[kind][j].mT
                found.append(_assigned(gain))
                gains[i, j] += float(gain.gather(1, found[-1][:, None]).sum())
            orders[i, j] = found
    size = len(ours["scores"][0])
    to_scores, to_values = [], []
    for i, j in enumerate(_assigned(torch.from_numpy(gains)).tolist()):
        to_scores.append(j * size + orders[i, j][0])
        to_values.append(j * size + orders[i, j][1])
    scores, values = torch.cat(to_scores), torch.cat(to_values)
    rows = torch.cat([scores, heads * size + scores, 2 * heads * size + values])
    for name in ("self_attn.in_proj_weight", "self_attn.in_proj_bias"):
        _of(b, number, name).copy_(_of(b, number, name)[rows])
    out = _of(b, number, "self_attn.out_proj.weight")
    out.copy_(out[:, values])


def _head_parts(model: Transformer, number: int) -> dict[str, list[Tensor]]:
    """For each head, by dimension: what it reads for queries and keys; for values, and writes."""
    heads = model.architecture.heads
    query, key, value = _unit(_of(model, number, "self_attn.in_proj_weight")).chunk(3)
    offsets = _unit(_of(model, number, "self_attn.in_proj_bias")).chunk(3)
    out = _unit(_of(model, number, "self_attn.out_proj.weight")).mT
    scores = torch.cat([query, key, offsets[0][:, None], offsets[1][:, None]], dim=1)
    values = torch.cat([value, out, offsets[2][:, None]], dim=1)
    return {"scores": list(scores.chunk(heads)), "values": list(values.chunk(heads))}


def _match_residual(a: Transformer, b: Transformer) -> None:
    width = a.architecture.width
    half = width // 2
    whole = torch.zeros(width, width).double()
    for one, two in zip(_residual_sides(a), _residual_sides(b), strict=True):
        whole += _unit(one) @ _unit(two).mT
    gain = whole[:half, :half] + whole[half:, half:]
    gain += _unit(a.embedding.weight).mT @ _unit(b.embedding.weight)
    order = _assigned(gain)
    both = torch.cat([order, half + order])
    b.embedding.weight.data.copy_(b.embedding.weight.data[:, order])
    for side in _residual_sides(b):
        side.copy_(side[both])


def _residual_sides(model: Transformer) -> list[Tensor]:
    """Views of all parameters but the embedding, with the residual stream as their rows."""
    sides = [model.readout.weight.data.mT]
    sides += [p.data[:, None] for p in model.final_norm.parameters()]
    for number, layer in enumerate(model.layers):
        known = dict(layer.named_parameters())
        sides += [_of(model, number, name).mT for name in READS]
        sides += [_of(model, number, name) for name in WRITES]
        sides += [_of(model, number, name)[:, None] for name in VECTORS if name in known]
    return sides
