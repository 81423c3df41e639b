"""Every distance to any target, handcrafted, inside the very architecture that is trained.

In: the size of the largest graph and an architecture with edge tokens. Out: a `Transformer` that
answers every question exactly, for every graph of at most N vertices and N edges (repeated ones
counted): all that `encode` and the worlds make. `docs/edge-circuit.md` explains it.

Breadth-first search from both ends at once. Each half of a token holds one endpoint: its id, one
in N; r, "reached from vertex 1"; s, "reached from the target t". After layer l

    r of a vertex is 1 exactly if d(1, v) <= l,        s exactly if d(v, t) <= l - 1,

at every token that touches the vertex. Some vertex has both bits exactly if d(1, t) <= 2 l - 1,
and some edge has r at one end and s at the other exactly if d(1, t) <= 2 l: take the vertices of a
shortest path at l and l + 1 hops from 1. One layer later the question token has learned of both.
So L layers serve distances up to 2 (L - 1).
"""

from math import log, sqrt

import torch
from torch import Tensor, nn

from offpath.configs import Architecture, InputError
from offpath.fit.transformer import Layer, Transformer
from offpath.handcraft.units import HiddenUnits, blank, side_by_side

MEANINGS = {
    "id": ("{end} end is vertex {vertex}", "name"),
    "r": ("{end} end, r: reached from 1", "state"),
    "s": ("{end} end, s: reached from t", "state"),
    "marker": ("{end} end, the marker TARGET", "state"),
    "plus": ("{end} end, constant +C", "norm"),
    "minus": ("{end} end, constant -C", "norm"),
    "balance": ("{end} end, balance: minus the sum", "norm"),
    "met vertex": ("met at a vertex", "answer"),
    "met edge": ("met across the edge", "answer"),
    "count": ("count of d <= k", "answer"),
}
"""What the directions of a block mean, and their group in the drawing."""
BOTH = ("id", "r", "s", "marker", "plus", "minus", "balance")
HALVES = {"first": (*BOTH, "met vertex", "met edge"), "second": (*BOTH, "count")}
"""What each half holds, by its end. Both begin alike: the embedding has one row per vertex, of half
the width. The first alone holds whether r and s met at one end, or one at each end; the second
alone, read of the question, how many k = 1, 2, ... have d <= k."""
HIDDEN_UNITS = 26
MET_SCALE = 0.5
MOST_COUNT = 3.5  # what a count of N - 1 is written as
ROUNDING = 4.0
"""Bound on what rounding adds to a unit of the count, in units of epsilon C T^2, T = N + 1. Layer
norm rounds every entry by some epsilon C, and these units multiply what they read by at most
12 T^2. Measured at 3 to 48 vertices on a CPU: 0.01 to 2.1, as the test at every size repeats."""
SLACK = 0.2
"""What rounding may add: a bit bears 1/4, of which layer norm's scaling takes at most 0.04 where
"met" is 0 or least (squared norm 170 beside the constants, times 4 / 8 C^2)."""
MOST_ENERGY = 600.0
"""Bound on the squared norm of a token beside its constants, at 15 vertices. Ids are 1, raw r and
s at most 3 (own bit, and an average of two ends), raw "met" at most 6, the count at most 3.5:
1 + 9 + 9 + 36 + 36 and the square of the sum 19 in one half, 1 + 9 + 9 + 12 and 10.5 in the other;
no token has all at once."""
Blocks = dict[tuple[str, str], slice]


def edge_circuit(
    architecture: Architecture,
    max_vertices: int,
    tolerance: float = 1e-2,
    dtype: torch.dtype = torch.float32,
) -> Transformer:
    """The circuit as a transformer: layer norm leaves no answer farther off than `tolerance`.

    Rounding comes on top, and grows with the constant C. An `InputError` names what does not fit,
    or that float32 would round bits away (`rounding`), and what would do.
    """
    a, n = architecture, max_vertices
    if faults := misfits(a, n):
        raise InputError("the edge circuit does not fit: " + "; ".join(faults))
    if (added := rounding(a, n, tolerance, dtype)) > SLACK:
        raise InputError(
            f"rounding in {str(dtype).removeprefix('torch.')} may add {added:.2f} to a count of "
            f"the edge circuit of {n} vertices, more than the {SLACK} that leave it exact; give it "
            "float64, or a larger tolerance"
        )
    constant = norm_constant(a, n, tolerance)
    gain = sqrt(4 * constant**2 / a.width + 1e-5)  # 1e-5: torch's epsilon
    model, block, count_scale = blank(a, n, dtype), blocks(a.width, n), MOST_COUNT / (n - 1)
    with torch.no_grad():
        _embed(model.embedding.weight, block, constant)
        for number, layer in enumerate(model.layers[: layers_needed(n)], start=1):
            _attend(layer, block, n)
            _restore(layer, block, n, number, count_scale)
        for module in model.modules():
            if isinstance(module, nn.LayerNorm):
                module.weight.fill_(gain)
        # d = N - #{k = 1..N-1: d <= k}, also where there is no path.
        model.readout.weight[0, block["second", "count"]] = -1 / count_scale
        model.readout.bias.fill_(n)
    return model


def norm_constant(architecture: Architecture, max_vertices: int, tolerance: float) -> float:
    """C: so large that layer norm leaves no answer farther off than the tolerance.

    Layer norm divides a token by its standard deviation; the gain multiplies it back by that of a
    token with nothing but its four constants. A squared norm e beside them leaves the factor
    sqrt(4 C^2 / (4 C^2 + e)), which differs from 1 by at most e / (8 C^2). The answer is a count of
    at most N - 1 under 2 L + 1 norms, so that this C keeps it to the tolerance.
    """
    norms = 2 * architecture.layers + 1
    return sqrt(max_vertices * norms * MOST_ENERGY / (8 * tolerance))


def rounding(
    architecture: Architecture, max_vertices: int, tolerance: float, dtype: torch.dtype
) -> float:
    """Bound on what rounding adds to a unit of the count, which bears `SLACK`.

    >>> from offpath.recipes import paper
    >>> round(rounding(paper().model, 15, 1e-2, torch.float32), 3)
    0.196
    """
    constant = norm_constant(architecture, max_vertices, tolerance)
    return ROUNDING * torch.finfo(dtype).eps * constant * (max_vertices + 1) ** 2


def blocks(width: int, max_vertices: int) -> Blocks:
    """Where everything lies in the residual stream, by end and key of `MEANINGS`."""
    places: Blocks = {}
    for (end, keys), start in zip(HALVES.items(), (0, width // 2), strict=True):
        sizes = {(end, key): max_vertices if key == "id" else 1 for key in keys}
        places |= side_by_side(sizes, start)
    return places


def directions(architecture: Architecture, max_vertices: int) -> list[tuple[str, str]]:
    """Name and group of every direction of the residual stream, in order."""
    rows = [("unused", "unused")] * architecture.width
    for (end, key), block in blocks(architecture.width, max_vertices).items():
        for vertex, direction in enumerate(range(block.start, block.stop), start=1):
            text, group = MEANINGS[key]
            rows[direction] = (text.format(end=end, vertex=vertex), group)
    return rows


def layers_needed(max_vertices: int) -> int:
    """Layers that serve every distance in graphs of so many vertices, at most `max_vertices` - 1.

    >>> layers_needed(8), layers_needed(15)
    (5, 8)
    """
    return 1 + max_vertices // 2


def misfits(a: Architecture, max_vertices: int) -> list[str]:
    """What of an architecture is too small for the circuit: one line each, with what would do."""
    n, has = max_vertices, {**dict(a), "width / heads": a.head_size or a.width // a.heads}
    faults = [
        f"model.{name} must be at least {least} for {n} vertices; got {has[name]}"
        for name, least in {**_least(n), "width / heads": max(n, 4)}.items()
        if has[name] < least
    ]
    if a.norm == "none" or a.tokens != "edges":
        faults.append("model.norm must be pre or post and model.tokens edges")
    return faults


def smallest_that_fits(a: Architecture, max_vertices: int) -> Architecture:
    """The same architecture if the circuit fits, else enlarged where it is too small.

    One over vertex tokens or without norms becomes one over edge tokens with norms.

    >>> from offpath.recipes import laptop, smoke
    >>> smallest_that_fits(laptop().model, 8) == laptop().model
    True
    >>> grown = smallest_that_fits(smoke().model, 5)
    >>> grown.width, grown.layers, grown.heads, grown.feed_forward
    (26, 3, 2, 32)
    """
    size = max(max_vertices, 4)
    grown = {name: max(getattr(a, name), least) for name, least in _least(max_vertices).items()}
    heads = grown["heads"]
    even = 2 * heads if heads % 2 else heads
    grown["width"] = -(-max(grown["width"], heads * size) // even) * even
    head_size = None if a.head_size is None else max(a.head_size, size)
    norm = "pre" if a.norm == "none" else a.norm
    return a.model_copy(update={**grown, "norm": norm, "tokens": "edges", "head_size": head_size})


def _least(n: int) -> dict[str, int]:
    """The smallest sizes that serve n vertices."""
    width = 2 * (n - 1 + max(map(len, HALVES.values())))
    return {"layers": layers_needed(n), "heads": 2, "width": width, "feed_forward": HIDDEN_UNITS}


def _embed(table: Tensor, block: Blocks, constant: float) -> None:
    """Rows for padding (never looked at), the vertices, and TARGET; both halves begin alike.

    The markers of other reporters are TARGET again: whoever is asked tells the truth.
    """
    ids = block["first", "id"]
    markers = 1 + ids.stop - ids.start
    table[1:markers, ids].fill_diagonal_(1)
    table[1, block["first", "r"]] = 1
    table[markers:, block["first", "marker"]] = 1
    table[:, block["first", "plus"]] = constant
    table[:, block["first", "minus"]] = -constant
    # A zero sum in each half, here and after every write, lets the norm subtract no mean.
    table[:, block["first", "balance"]] = -table.sum(1, keepdim=True)


def _attend(layer: Layer, block: Blocks, n: int) -> None:
    """Head 1 matches the first end of a token, head 2 the second, with both ends of others.

    A token so averages, over all tokens that touch its end, itself among them, what their ends
    have: the average of r is at least 1 / T if any of them was reached, and 0 if none was. The
    question (t, TARGET) gives s to all that touch t. Its own second end matches nothing: it
    looks at all tokens alike, and so learns whether any of them has met.

    Keys that match are preferred to others so much that all others together weigh less than
    T e^-S = 1e-6 / T^3: far below the thresholds, from 1 / T to MET_SCALE / T^2.
    """
    heads, size = layer.self_attn.heads, layer.self_attn.head_size
    query, key, value = layer.self_attn.in_proj_weight.view(3, heads, size, -1)
    out = layer.self_attn.out_proj.weight.view(-1, heads, size)
    sharpness = log(1e6) + 4 * log(n + 1)
    for head, end in enumerate(HALVES):
        # Attention divides scores by sqrt(size).
        query[head, :n, block[end, "id"]].fill_diagonal_(sharpness * sqrt(size))
        for other in HALVES:
            key[head, :n, block[other, "id"]].fill_diagonal_(1)
            value[head, 0, block[other, "r"]] = 1
            value[head, 1, block[other, "s"]] = 1
        value[head, 1, block["second", "marker"]] = 1  # d(t, t) = 0
        out[block[end, "r"], head, 0] = 1
        out[block[end, "s"], head, 1] = 1
    for i, met in enumerate(("met vertex", "met edge"), start=2):
        value[1, i, block["first", met]] = 1
        out[block["first", met], 1, i] = 1
    _balance(layer.self_attn.out_proj.weight, block)


def _restore(layer: Layer, block: Blocks, n: int, number: int, count_scale: float) -> None:
    """Averages back to bits, and from them what the ends of the token have met.

    bit(x) = 1 - relu(5/4 - y) + relu(1/4 - y), y = 3/2 x / least, is 0 for x <= least / 6 and 1
    for x >= 5/6 least, exactly: where it is 1, both units are off. met(x, y) = min(x, y) =
    relu(x) - relu(x - y) is positive exactly if both are, and needs no bits: the hop is not
    lost. The second end of the question has looked at everything; the marker keeps it out.
    """
    units, tokens = HiddenUnits(layer), n + 1  # at most: N edges and the question
    at = {name: place.start for name, place in block.items()}
    marker = at["second", "marker"]
    off = 100.0 * tokens  # above 3/2 T times the largest average, 3
    for end, shut in zip(HALVES, ({}, {marker: -off}), strict=True):
        for bit in (at[end, "r"], at[end, "s"]):
            units.clear(bit)
            units.bit(bit, {bit: 1.5 * tokens, **shut})

    met_vertex, met_edge = at["first", "met vertex"], at["first", "met edge"]
    units.clear(met_vertex)
    units.clear(met_edge)
    for met, r, s in (
        (met_vertex, "first", "first"), (met_vertex, "second", "second"),
        (met_edge, "first", "second"), (met_edge, "second", "first"),
    ):  # fmt: skip
        shut = {} if r == s == "first" else {marker: -4.0}  # above the largest average
        units.minimum(met, at[r, "r"], at[s, "s"], shut, MET_SCALE)

    # The question counts what met one layer ago: "d <= 2 l - 1" and "d <= 2 l", each at least
    # MET_SCALE / T at some token, averaged over T. Edges are shut off unless "met" is large at
    # them, and nobody reads what they count.
    steep = 1.5 * tokens**2 / MET_SCALE
    most = 4 * steep
    for met, k in ((met_vertex, 2 * number - 3), (met_edge, 2 * number - 2)):
        if 1 <= k < n:
            units.bit(at["second", "count"], {met: steep, marker: most}, -most, count_scale)
    _balance(layer.linear2.weight, block)
    _balance(layer.linear2.bias[:, None], block)


def _balance(weight: Tensor, block: Blocks) -> None:
    """Let the balance of each half take the negative of what is written to it."""
    for half in weight.chunk(2):  # the balance lies at the same place in both
        half[block["first", "balance"]] -= half.sum(0)
