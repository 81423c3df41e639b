"""The circuit of WWZ24, made exact at every size: 4 n + 2 wide, n layers, n + 1 heads.

In: the number of vertices n. Out: the architecture, and a transformer over vertex tokens that
answers the distance from any source to any target. Its form is that of WWZ24 (Wang, Westover, Zhao
2024): n vertex tokens and one answer token, with the blocks

    neighbours (n)  reach (n)  out (n)  self (n)  and the flags "vertex" and "answer".

Reach grows by one hop a layer; slot i of the answer's out block becomes 1 in layer i if the source
reaches the target within i hops. The distance is 1 + the number of slots that stay 0. Unlike in
WWZ24, a feed-forward part restores reach to exact bits, and the sharpness of attention follows from
n and the tolerance, where fixed constants fail as n grows.
"""

from math import log, sqrt

import torch

from offpath.configs import Architecture
from offpath.fit.embeddings import feature_slices
from offpath.fit.transformer import Layer, Transformer
from offpath.handcraft.units import HiddenUnits, blank, side_by_side


def wide_architecture(max_vertices: int) -> Architecture:
    """The shape of the circuit.

    >>> a = wide_architecture(8)
    >>> a.width, a.layers, a.heads
    (34, 8, 9)
    """
    n = max_vertices
    return Architecture(width=blocks(n)["answer"].stop, layers=n, heads=n + 1, head_size=n,
                        feed_forward=3 * n, norm="none", final_norm=False,
                        tokens="vertices")  # fmt: skip


def sharpness(max_vertices: int, tolerance: float) -> float:
    """How far attention prefers a key, so that no answer is off by more than the tolerance.

    The key that is meant leads by S / 2 or more, so that the other n tokens together weigh at most
    leak = n exp(-S / 2). An answer adds n slots, each off by at most the leak: the error is at most
    n^2 exp(-S / 2). A raw reach that should be 0 is at most n leaks, which must stay below 1 / 6
    for the feed-forward part to restore it; that follows from a tolerance of at most 1 / 6.
    """
    return 2 * log(max_vertices**2 / min(tolerance, 1 / 6))


def wide_circuit(
    max_vertices: int, tolerance: float = 1e-6, dtype: torch.dtype = torch.float32
) -> Transformer:
    """The circuit for graphs of at most so many vertices; no answer is off by more than `tolerance`
    and rounding."""
    n, s, block = max_vertices, sharpness(max_vertices, tolerance), blocks(max_vertices)
    model = blank(wide_architecture(n), n, dtype)
    with torch.no_grad():
        _embed(model, n)
        for number, layer in enumerate(model.layers, start=1):
            _attend(layer, n, number, s)
            # Raw reach, at least 1 less a leak or at most n leaks, back to exactly 1 and 0.
            units = HiddenUnits(layer)
            for reach in range(block["reach"].start, block["reach"].stop):
                units.clear(reach)
                units.bit(reach, {reach: 1.5})
        # d = n - the slots 1..n-1 that are 1: slot n could say nothing new, for no distance is n,
        # the label of "no path".
        model.readout.weight[0, block["out"]] = -1
        model.readout.weight[0, block["out"].stop - 1] = 0
        model.readout.bias.fill_(n)
    return model


def blocks(n: int) -> dict[str, slice]:
    """Where each block lies in the residual stream."""
    sets = dict.fromkeys(("neighbours", "reach", "out", "self"), n)
    return side_by_side(sets | {"vertex": 1, "answer": 1})


def _embed(model: Transformer, n: int) -> None:
    """Each feature to its block. The answer keeps the target in its reach block; the source's
    vertex carries a mark in out slot n, which vertices do not otherwise use."""
    table, feature, block = model.embedding.weight, feature_slices(n), blocks(n)
    table[feature["neighbour"], block["neighbours"]] = torch.eye(n)
    table[feature["neighbour"], block["reach"]] = torch.eye(n)  # one hop, before the first layer
    table[feature["self"], block["self"]] = torch.eye(n)
    table[feature["target"], block["reach"]] = torch.eye(n)
    table[feature["vertex"], block["vertex"]] = 1
    table[feature["answer"], block["answer"]] = 1
    table[feature["asking"], block["out"].stop - 1] = 1


def _attend(layer: Layer, n: int, number: int, s: float) -> None:
    """n heads that let reach grow, and one by which the answer looks at the source."""
    block, attention = blocks(n), layer.self_attn
    query, key, value = attention.in_proj_weight.view(3, n + 1, n, -1)  # (head, size, width)
    query_bias = attention.in_proj_bias.view(3, n + 1, n)[0]
    out = attention.out_proj.weight.view(-1, n + 1, n)  # (width, head, size)
    vertex, answer = block["vertex"], block["answer"]
    scale = sqrt(n)  # attention divides scores by sqrt(head size)

    # Head w. A vertex that reaches w scores S at w, at most S / 2 at the answer, 0 elsewhere; one
    # that does not scores S / 2 at the answer and 0 elsewhere. The answer itself scores S / 2 or
    # more at the answer and at most 0 elsewhere: its query is 0 at the target and -S otherwise.
    # What is taken over are w's neighbours; the answer has none.
    for w in range(n):
        query[w, 0, block["reach"].start + w] = s * scale
        query[w, 0, vertex] = s * scale
        query_bias[w, 0] = -s * scale
        key[w, 0, block["self"].start + w] = 1
        key[w, 0, answer] = -1
        query_bias[w, 1] = scale
        key[w, 1, answer] = s / 2
        value[w, :, block["neighbours"]] = torch.eye(n)
        out[block["reach"], w, :] = torch.eye(n)

    # The last head. The answer, whose reach block names t, scores S (reach(v, t) + [v is the
    # source]) at v and 3/2 S at itself: the source wins with 2 S exactly if it reaches t.
    query[n, :, block["reach"]] = s * scale * torch.eye(n)
    key[n, :, block["reach"]] = torch.eye(n)
    key[n, :, block["out"].stop - 1] = 1
    key[n, :, answer] = 0.5
    value[n, 0, vertex] = 1
    out[block["out"].start + number - 1, n, 0] = 1
