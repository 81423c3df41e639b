"""Every distance to any target, by hand, inside the very architecture that is trained.

In: the size of the largest graph and an architecture with edge tokens. Out: a state dict for
`Transformer` that answers every question exactly, for every graph of at most N vertices and N edges
(repeated ones counted): all that `encode` and the worlds make. `docs/edge-circuit.md` explains it.


Breadth-first search from both ends at once. Each half of a token holds one endpoint: its name, one
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
from offpath.handcraft.units import HiddenUnits, blank

# Directions of a half beside the N names, by their place behind them. The embedding has one row a
# vertex and no more than half the width, so that both halves hold the same things in the same
# order.
REACHED, TARGETED, MARKER, PLUS, MINUS, BALANCE = range(6)
HALF = (
    "r: reached from 1",
    "s: reached from t",
    "the marker TARGET",
    "constant +C",
    "constant -C",
    "balance: minus the sum",
)
# What only one half has, behind that.
MET_VERTEX, MET_EDGE = 6, 7  # in the first half: both bits at one end; one at each end
COUNT = 6  # in the second half, read of the question alone: how many k = 1, 2, ... have d <= k
SPARE = 2  # so many places a half needs for them

HIDDEN_UNITS = 26
MET_SCALE = 0.5
MOST_COUNT = 3.5  # what a count of N - 1 is written as
MOST_IN_FLOAT32 = 24
"""Vertices up to which rounding stays below the thresholds, which fall as 1 / T^2 (measured: at 32
vertices some answers are off by 0.1 to 0.5, at 24 by 2e-4)."""
MOST_ENERGY = 600.0
"""Bound on the squared norm of a token beside its constants, at 15 vertices. Names are 1, raw r and
s at most 3 (own bit, and an average of two ends), raw "met" at most 6, the count at most 3.5:
1 + 9 + 9 + 36 + 36 and the square of the sum 19 in one half, 1 + 9 + 9 + 12 and 10.5 in the other;
no token has all at once."""


def edge_circuit(
    architecture: Architecture,
    max_vertices: int,
    tolerance: float = 1e-2,
    dtype: torch.dtype = torch.float32,
) -> Transformer:
    """The circuit as a transformer: layer norm leaves no answer farther off than `tolerance`.

    Rounding comes on top, and grows with the constant C, which is proportional to 1 /
    sqrt(tolerance): float32 bears 1e-3 and fails at 1e-5, float64 bears 1e-7 (measured: LOG.md).
    An `InputError` says what does not fit, and what would.
    """
    if dtype != torch.float64 and max_vertices > MOST_IN_FLOAT32:
        raise InputError(
            f"the edge circuit holds in float32 for at most {MOST_IN_FLOAT32} vertices; "
            f"got {max_vertices}; give it float64"
        )
    if faults := misfits(architecture, max_vertices):
        raise InputError("the edge circuit does not fit: " + "; ".join(faults))
    model = blank(architecture, max_vertices, dtype)
    with torch.no_grad():
        _Builder(model, architecture, max_vertices, tolerance).build()
    return model


def layers_needed(max_vertices: int) -> int:
    """Layers that serve every distance in graphs of so many vertices, at most `max_vertices` - 1.

    >>> layers_needed(8), layers_needed(15)
    (5, 8)
    """
    return 1 + max_vertices // 2


def misfits(a: Architecture, max_vertices: int) -> list[str]:
    """What of an architecture is too small for the circuit: one line each, with what would do."""
    n, size = max_vertices, a.head_size or a.width // a.heads
    needed = {
        "layers": (a.layers, layers_needed(n)),
        "heads": (a.heads, 2),
        "width": (a.width, 2 * (n + len(HALF) + SPARE)),
        "feed_forward": (a.feed_forward, HIDDEN_UNITS),
        "width / heads": (size, max(n, 4)),
    }
    faults = [
        f"model.{name} must be at least {least} for {n} vertices; got {value}"
        for name, (value, least) in needed.items()
        if value < least
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
    heads = max(a.heads, 2)
    width = max(a.width, 2 * (max_vertices + len(HALF) + SPARE), heads * max(max_vertices, 4))
    even = 2 * heads if heads % 2 else heads
    return a.model_copy(
        update={
            "heads": heads,
            "width": -(-width // even) * even,
            "layers": max(a.layers, layers_needed(max_vertices)),
            "feed_forward": max(a.feed_forward, HIDDEN_UNITS),
            "norm": "pre" if a.norm == "none" else a.norm,
            "tokens": "edges",
            "head_size": None if a.head_size is None else max(a.head_size, max_vertices, 4),
        }
    )


def directions(architecture: Architecture, max_vertices: int) -> list[tuple[str, str]]:
    """Name and group of every direction of the residual stream, in order."""
    n, half = max_vertices, architecture.width // 2
    groups = ["state"] * PLUS + ["norm"] * (len(HALF) - PLUS)
    answer = {"first": ["met at a vertex", "met across the edge"], "second": ["count of d <= k"]}
    rows: list[tuple[str, str]] = []
    for end, own in answer.items():
        start = len(rows)
        rows += [(f"{end} end is vertex {v}", "name") for v in range(1, n + 1)]
        rows += [(f"{end} end, {text}", group) for text, group in zip(HALF, groups, strict=True)]
        rows += [(text, "answer") for text in own]
        rows += [("unused", "unused")] * (start + half - len(rows))
    return rows


class _Builder:
    """Writes the weights of one circuit; directions are numbered once, here."""

    def __init__(
        self, model: Transformer, a: Architecture, max_vertices: int, tolerance: float
    ) -> None:
        self.model, self.n, self.width = model, max_vertices, a.width
        self.half = a.width // 2
        self.search_layers = layers_needed(max_vertices)
        self.tokens = max_vertices + 1  # at most: N edges and the question
        self.head_size = a.head_size or a.width // a.heads
        self.count_scale = MOST_COUNT / (max_vertices - 1)

        # Layer norm divides a token by its standard deviation; the gain multiplies it back by that
        # of a token with nothing but its four constants. A squared norm e beside them leaves the
        # factor sqrt(4 C^2 / (4 C^2 + e)), which differs from 1 by at most e / (8 C^2). The answer
        # is a count of at most N - 1 under 2 L + 1 norms, so that this C keeps it to `tolerance`.
        norms = 2 * a.layers + 1
        self.constant = sqrt(max_vertices * norms * MOST_ENERGY / (8 * tolerance))
        self.gain = sqrt(4 * self.constant**2 / a.width + 1e-5)  # 1e-5: torch's epsilon

        # Keys that match are preferred to others by this much, so that all others together weigh
        # less than T e^-S = 1e-6 / T^3: far below the thresholds, from 1 / T to MET_SCALE / T^2.
        self.sharpness = log(1e6) + 4 * log(self.tokens)

    def build(self) -> None:
        """Set every weight that is not 0."""
        self._embed()
        for number, layer in enumerate(self.model.layers, start=1):
            if number <= self.search_layers:
                self._attend(layer)
                self._restore(layer, number)
        for module in self.model.modules():
            if isinstance(module, nn.LayerNorm):
                module.weight.fill_(self.gain)
        # d = N - #{k = 1..N-1: d <= k}, also where there is no path.
        self.model.readout.weight[0, self.half + self.n + COUNT] = -1 / self.count_scale
        self.model.readout.bias.fill_(self.n)

    def _embed(self) -> None:
        """Rows for padding (never looked at), the vertices, and TARGET."""
        table, n = self.model.embedding.weight, self.n
        table[1 : n + 1, :n] = torch.eye(n)
        table[1, n + REACHED] = 1
        table[n + 1, n + MARKER] = 1
        table[:, n + PLUS] = self.constant
        table[:, n + MINUS] = -self.constant
        # A zero sum in each half, here and after every write, lets the norm subtract no mean.
        table[:, n + BALANCE] = -table.sum(1)

    def _attend(self, layer: Layer) -> None:
        """Head 1 matches the first end of a token, head 2 the second, with both ends of others.

        A token so averages, over all tokens that touch its end, itself among them, what their ends
        have: the average of r is at least 1 / T if any of them was reached, and 0 if none was. The
        question (t, TARGET) gives s to all that touch t. Its own second end matches nothing: it
        looks at all tokens alike, and so learns whether any of them has met.
        """
        n, size, first, second = self.n, self.head_size, 0, self.half
        query, key, value = layer.self_attn.in_proj_weight.chunk(3)
        out = layer.self_attn.out_proj.weight
        scale = self.sharpness * sqrt(size)  # attention divides scores by sqrt(size)
        for head, end in ((0, first), (1, second)):
            rows = torch.arange(head * size, head * size + n)
            query[rows, end + torch.arange(n)] = scale
            for start in (first, second):
                key[rows, start + torch.arange(n)] = 1
            v = head * size
            for start in (first, second):
                value[v, start + n + REACHED] = 1
                value[v + 1, start + n + TARGETED] = 1
            value[v + 1, second + n + MARKER] = 1  # d(t, t) = 0
            out[end + n + REACHED, v] = 1
            out[end + n + TARGETED, v + 1] = 1
        for i, met in enumerate((MET_VERTEX, MET_EDGE), start=2):
            value[size + i, first + n + met] = 1
            out[first + n + met, size + i] = 1
        self._balance(out)

    def _restore(self, layer: Layer, number: int) -> None:
        """Averages back to bits, and from them what the ends of the token have met.

        bit(x) = 1 - relu(5/4 - y) + relu(1/4 - y), y = 3/2 x / least, is 0 for x <= least / 6 and 1
        for x >= 5/6 least, exactly: where it is 1, both units are off. met(x, y) = min(x, y) =
        relu(x) - relu(x - y) is positive exactly if both are, and needs no bits: the hop is not
        lost. The second end of the question has looked at everything; OFF keeps it out.
        """
        n, first, second = self.n, 0, self.half
        units = HiddenUnits(layer)
        r = {first: first + n + REACHED, second: second + n + REACHED}
        s = {first: first + n + TARGETED, second: second + n + TARGETED}
        marker = second + n + MARKER
        off = 100.0 * self.tokens  # above 3/2 T times the largest average, 3

        for end in (first, second):
            for bit in (r[end], s[end]):
                units.clear(bit)
                shut = {marker: -off} if end == second else {}
                units.bit(bit, {bit: 1.5 * self.tokens, **shut}, 0.0, 1.0)

        met_vertex, met_edge = first + n + MET_VERTEX, first + n + MET_EDGE
        shut = {marker: -4.0}  # above the largest average
        units.clear(met_vertex)
        units.clear(met_edge)
        units.minimum(met_vertex, r[first], s[first], {}, MET_SCALE)
        units.minimum(met_vertex, r[second], s[second], shut, MET_SCALE)
        units.minimum(met_edge, r[first], s[second], shut, MET_SCALE)
        units.minimum(met_edge, r[second], s[first], shut, MET_SCALE)

        # The question counts what met one layer ago: "d <= 2 l - 1" and "d <= 2 l", each at least
        # MET_SCALE / T at some token, averaged over T. Edges are shut off unless "met" is large at
        # them, and nobody reads what they count.
        for met, k in ((met_vertex, 2 * number - 3), (met_edge, 2 * number - 2)):
            if not 1 <= k < n:
                continue
            steep = 1.5 * self.tokens**2 / MET_SCALE
            most = 4 * steep
            units.bit(second + n + COUNT, {met: steep, marker: most}, -most, self.count_scale)
        self._balance(layer.linear2.weight)
        bias = layer.linear2.bias
        self._balance(bias[:, None])

    def _balance(self, weight: Tensor) -> None:
        """Let the balance of each half take the negative of what is written to it."""
        for start in (0, self.half):
            weight[start + self.n + BALANCE] -= weight[start : start + self.half].sum(0)
