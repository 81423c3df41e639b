"""Where weights are handcrafted: a blank transformer, places in its stream, its hidden units.

A direction is a place in the residual stream. Each kind of unit adds to what stands in one, in
terms of what stood in others before.
"""

from collections.abc import Hashable, Mapping
from itertools import accumulate, pairwise, starmap
from typing import TypeVar

import torch

from offpath.configs import Architecture
from offpath.fit.transformer import Layer, Transformer

Name = TypeVar("Name", bound=Hashable)
Reads = dict[int, float]
"""The factor of each direction that a hidden unit reads."""


def blank(architecture: Architecture, max_vertices: int, dtype: torch.dtype) -> Transformer:
    """A transformer all of whose weights are 0; no time goes into random ones."""
    with torch.device("meta"):
        model = Transformer(architecture, max_vertices).to(dtype)
    model = model.to_empty(device="cpu")
    for parameter in model.parameters():
        parameter.data.zero_()
    return model


def side_by_side(sizes: Mapping[Name, int], start: int = 0) -> dict[Name, slice]:
    """Blocks of these sizes, one behind the other.

    >>> side_by_side({"id": 3, "bit": 1})
    {'id': slice(0, 3, None), 'bit': slice(3, 4, None)}
    """
    ends = accumulate(sizes.values(), initial=start)
    return dict(zip(sizes, starmap(slice, pairwise(ends)), strict=True))


class HiddenUnits:
    """The hidden units of one layer's feed-forward part, taken one after the other."""

    def __init__(self, layer: Layer) -> None:
        """None is taken yet."""
        self.layer, self.taken = layer, 0

    def add(self, reads: Reads, bias: float, to: int, weight: float) -> None:
        """One unit: `to` += weight * relu(reads . x + bias)."""
        for direction, factor in reads.items():
            self.layer.linear1.weight[self.taken, direction] = factor
        self.layer.linear1.bias[self.taken] = bias
        self.layer.linear2.weight[to, self.taken] = weight
        self.taken += 1

    def clear(self, to: int) -> None:
        """`to` -= what it holds, if that is above -1."""
        self.add({to: 1.0}, 1.0, to, -1.0)
        self.layer.linear2.bias[to] += 1

    def bit(
        self, to: int, reads: Reads, bias: float = 0.0, weight: float = 1.0, *, deep: bool = False
    ) -> None:
        """`to` += weight if y = reads . x + bias is above 5/4, and nothing if it is below 1/4.

        Two units whose difference is the step: for a large positive y both are 0, and nothing is
        rounded; for a large negative one they are large and cancel. `deep` turns that round.
        """
        sign = 1.0 if deep else -1.0
        turned = {direction: sign * factor for direction, factor in reads.items()}
        self.add(turned, sign * (bias - 1.25), to, -weight)
        self.add(turned, sign * (bias - 0.25), to, weight)
        if not deep:
            self.layer.linear2.bias[to] += weight

    def minimum(self, to: int, x: int, y: int, shut: Reads, weight: float) -> None:
        """`to` += weight * min(x, y), or nothing where `shut` keeps both units off."""
        self.add({x: 1.0, **shut}, 0.0, to, weight)
        self.add({x: 1.0, y: -1.0, **shut}, 0.0, to, -weight)
