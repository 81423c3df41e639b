"""What a circuit holds after each layer, read from its residual stream on one graph.

In: a circuit and one question. Out: for the input and each layer, how far every vertex counts as
reached from the source and from the target, and in words what is known.
"""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from offpath.configs import Circuit
from offpath.fit.transformer import Transformer, residual_streams
from offpath.handcraft import doubling_circuit, edge_circuit, wide_circuit
from offpath.results import State


@torch.inference_mode()
def trace(
    model: Transformer, circuit: Circuit, tokens: UInt8[np.ndarray, "1 token 2"]
) -> list[State]:
    """What is known before the first layer and after each."""
    tokens = tokens[:, tokens[0, :, 1] > 0]  # without padding
    streams = [stream[0].cpu() for stream in residual_streams(model, tokens)]
    n, target = model.max_vertices, int(tokens[0, -1, 0])
    read = {"edge": _edge, "wide": _wide, "doubling": _doubling}[circuit]
    ends = torch.from_numpy(tokens[0].astype(np.int64))  # (token, 2)
    states = []
    for layer, stream in enumerate(streams):
        source, reached, text = read(model, stream, ends, target, layer)
        states.append(
            State(
                layer=layer,
                from_source=[round(float(x), 4) for x in source[:n]],
                from_target=[round(float(x), 4) for x in reached[:n]],
                text=text,
            )
        )
    return states


Reading = tuple[Float[Tensor, " vertex"], Float[Tensor, " vertex"], str]


def _edge(model: Transformer, stream: Tensor, tokens: Tensor, target: int, layer: int) -> Reading:
    """The bits r and s of each vertex, the largest over the tokens that touch it."""
    n, half = model.max_vertices, stream.shape[1] // 2
    found = torch.zeros(2, n + 2)
    for end, start in ((0, 0), (1, half)):
        for row, bit in enumerate((edge_circuit.REACHED, edge_circuit.TARGETED)):
            values = stream[:, start + n + bit].float()
            found[row].scatter_reduce_(0, tokens[:, end], values, "amax")
    met = n - round(float(model.readout(stream[-1])))  # of the k asked for so far, the largest ones
    asked = min(2 * (layer - 1), n - 1)
    text = f"d ≤ {asked - met + 1}" if met else "not met yet"
    return found[0, 1:-1], found[1, 1:-1], text


def _wide(model: Transformer, stream: Tensor, tokens: Tensor, target: int, layer: int) -> Reading:
    """The rows of reach of the source's and the target's vertex."""
    n, block = model.max_vertices, wide_circuit.blocks(model.max_vertices)
    slots = stream[n, block["out"]]
    seen = (slots > 0.5).nonzero().flatten().tolist()
    text = f"d ≤ {seen[0] + 1}" if seen else ("" if layer == 0 else f"d > {layer}")
    return stream[0, block["reach"]], stream[target - 1, block["reach"]], text or "one hop"


def _doubling(
    model: Transformer, stream: Tensor, tokens: Tensor, target: int, layer: int
) -> Reading:
    """The source's widest power of reachability, then the answer's set."""
    n, block = model.max_vertices, doubling_circuit.blocks(model.max_vertices)
    powers = doubling_circuit.power_count(n)
    if layer <= powers:
        k = min(layer, powers - 1)
        row = block[f"power {k}"]
        text = f"{2**k} hop{'s' if k else ''} around each vertex"
        return stream[0, row], stream[target - 1, row], text
    hops = round(float(stream[n, block["hops"]]))
    return stream[n, block["front"]], torch.zeros(n), f"d > {hops}"
