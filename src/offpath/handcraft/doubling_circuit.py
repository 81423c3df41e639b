"""Exact distances in logarithmic depth: one head, 2 ceil(log2 n) layers.

In: the number of vertices n. Out: the architecture, and a transformer over vertex tokens that
answers the distance from any source to any target.

Theorem. With K = ceil(log2 n), 2 K layers of one head each compute every distance in every graph of
at most n vertices: 12 layers at n = 64.

Proof. Let R(k) be the pairs of vertices at most 2^k hops apart; the input gives R(0). Layer k of
the first K lets each vertex v look evenly at all u with (v, u) in R(k-1) and average their rows of
R(k-1): an entry is positive exactly if it belongs to R(k), and then at least 1 / n. It also
averages "u is the target", which gives the bits T(k-1)(v) = [(v, t) in R(k-1)]. Then, for k = K-1
down to 0, the answer, which holds a set S of vertices, at first the source alone, looks evenly at S
and averages the rows of R(k) and T(k): the set S' within 2^k hops of S, and whether t is in it. If
t is not in S', S becomes S'. S is always the ball of some h hops about the source that lacks t, and
h is the largest such number below 2^K: binary digits of d - 1, from the highest. So d = h + 1, and
without a path h = 2^K - 1. QED.

Reachability by repeated squaring in logarithmic depth is Sanford, Fatemi et al. 2024,
"Understanding transformer reasoning capabilities via graph algorithms".
"""

from math import ceil, log, log2, sqrt

import torch

from offpath.configs import Architecture
from offpath.fit.embeddings import feature_slices
from offpath.fit.transformer import Layer, Transformer
from offpath.handcraft.units import HiddenUnits, blank, side_by_side


def doubling_architecture(max_vertices: int) -> Architecture:
    """The shape of the circuit.

    >>> a = doubling_architecture(64)
    >>> a.layers, a.heads, a.width
    (12, 1, 585)
    """
    n, layers = max_vertices, 2 * power_count(max_vertices)
    return Architecture(width=blocks(n)["hops"].stop, layers=layers, heads=1, head_size=n + 1,
                        feed_forward=5 * n + 6, norm="none", final_norm=False,
                        tokens="vertices")  # fmt: skip


def power_count(max_vertices: int) -> int:
    """K: how many powers of reachability are needed, within 1, 2, 4, ... hops.

    >>> [power_count(n) for n in (2, 3, 8, 9, 64)]
    [1, 2, 3, 4, 6]
    """
    return ceil(log2(max_vertices))


def sharpness(max_vertices: int) -> float:
    """How far attention prefers the keys that are meant, so that the rest is no more than noise.

    The rest weighs at most n exp(-S) beside them. The feed-forward part multiplies it by no more
    than 3 n^2 and must find it below 1 / 4; this S leaves 1e-3. The answer is made of restored
    bits, so that nothing of it is left there.
    """
    return log(3e3) + 3 * log(max_vertices)


def doubling_circuit(max_vertices: int, dtype: torch.dtype = torch.float32) -> Transformer:
    """The circuit for graphs of at most so many vertices, exact but for rounding."""
    n, powers, block = max_vertices, power_count(max_vertices), blocks(max_vertices)
    model = blank(doubling_architecture(n), n, dtype)
    with torch.no_grad():
        table, feature = model.embedding.weight, feature_slices(n)
        for name, where in (("neighbour", "power 0"), ("self", "self"), ("source", "front")):
            table[feature[name], block[where]] = torch.eye(n)
        table[feature["asked"], block["asked"]] = 1
        for k, layer in enumerate(model.layers[:powers], start=1):
            _attend(layer, n, looks=f"power {k - 1}", takes=f"power {k - 1}", asks="asked")
            _square(layer, n, k)
        for k, layer in zip(reversed(range(powers)), model.layers[powers:], strict=True):
            _attend(layer, n, looks="front", takes=f"power {k}", asks=f"near {k}")
            _advance(layer, n, k)
        model.readout.weight[0, block["hops"]] = 1
        model.readout.bias.fill_(1)
    return model


def blocks(n: int) -> dict[str, slice]:
    """Where each block lies in the residual stream.

    self: the vertex's id. front: the answer's set S. power k: the row of R(k). seen, hit: what
    attention has averaged. near k: T(k). asked: is the target. hops: h, of the answer.
    """
    powers = range(power_count(n))
    sets = ("self", "front", *(f"power {k}" for k in powers), "seen")
    flags = ("hit", *(f"near {k}" for k in powers), "asked", "hops")
    return side_by_side(dict.fromkeys(sets, n) | dict.fromkeys(flags, 1))


def _attend(layer: Layer, n: int, looks: str, takes: str, asks: str) -> None:
    """Look evenly at the vertices of the set `looks`; average their rows `takes` and bits `asks`.

    The answer has no id, so that no token looks at it.
    """
    block = blocks(n)
    query, key, value = layer.self_attn.in_proj_weight.view(3, n + 1, -1)
    query[:n, block[looks]] = sharpness(n) * sqrt(n + 1) * torch.eye(n)
    key[:n, block["self"]] = torch.eye(n)
    value[:n, block[takes]] = torch.eye(n)
    value[n, block[asks]] = 1
    layer.self_attn.out_proj.weight[block["seen"], :n] = torch.eye(n)
    layer.self_attn.out_proj.weight[block["hit"], n] = 1


def _square(layer: Layer, n: int, k: int) -> None:
    """Averages, 0 or at least 1 / n, to the bits of R(k) and T(k-1)."""
    units, at = HiddenUnits(layer), {name: block.start for name, block in blocks(n).items()}
    for w in range(n):
        seen = at["seen"] + w
        units.clear(seen)
        if k < power_count(n):
            units.bit(at[f"power {k}"] + w, {seen: 1.5 * n})
    units.clear(at["hit"])
    units.bit(at[f"near {k - 1}"], {at["hit"]: 1.5 * n})


def _advance(layer: Layer, n: int, k: int) -> None:
    """S becomes what was seen, and h grows by 2^k, unless the target was hit.

    The average `hit` is 0 or at least 1 / n; a factor of 3 n^2 then shuts off a unit that is driven
    by at most 3/2 n.
    """
    units, at = HiddenUnits(layer), {name: block.start for name, block in blocks(n).items()}
    shut = {at["hit"]: -3.0 * n * n}
    for w in range(n if k else 0):  # in the last step h alone matters
        front, seen = at["front"] + w, at["seen"] + w
        units.clear(seen)
        units.bit(front, {seen: 1.5 * n, **shut}, deep=True)
        units.bit(front, {front: 1.5, **shut}, weight=-1.0, deep=True)  # what S held, it has seen
    units.clear(at["hit"])
    units.bit(at["hops"], shut, 1.5, 2.0**k, deep=True)
    if k == 0:
        # Never hit: h = 2^K - 1, and the label of "no path" is n. Before this layer h was 2^K - 2,
        # or at least 2 less.
        most = 2.0 ** power_count(n)
        units.bit(at["hops"], {at["hops"]: 1.5, **shut}, 1.5 * (3 - most), n - most, deep=True)
