"""What a circuit holds after each layer, read from its residual stream on one graph.

In: a circuit and one question. Out: for the input and each layer, how far every vertex counts as
reached from the source and from the target, and in words what is known.
"""

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from offpath.configs import Circuit
from offpath.data.tokens import check_target
from offpath.fit.transformer import Transformer, residual_streams
from offpath.handcraft import doubling_circuit, edge_circuit, wide_circuit
from offpath.results import State

Reading = tuple[Float[Tensor, "2 vertex"], str]
"""How far each vertex counts as reached from the source and from the target; what is known."""


@torch.inference_mode()
def trace(
    model: Transformer, circuit: Circuit, tokens: UInt8[np.ndarray, "1 token 2"]
) -> list[State]:
    """What is known before the first layer and after each, of a question from vertex 1."""
    check_target(int(tokens[0, -1, 0]), 1, model.max_vertices)
    tokens = tokens[:, tokens[0, :, 1] > 0]  # without padding
    read = {"edge": _edge, "wide": _wide, "doubling": _doubling}[circuit]
    ends = torch.from_numpy(tokens[0].astype(np.int64))
    states = []
    for layer, stream in enumerate(residual_streams(model, tokens)):
        bits, text = read(model, stream[0].cpu(), ends, layer)
        near, far = ([round(x, 4) for x in row] for row in bits.tolist())
        states.append(State(layer=layer, from_source=near, from_target=far, text=text))
    return states


def _edge(
    model: Transformer, stream: Tensor, ends: Int64[Tensor, "token 2"], layer: int
) -> Reading:
    """The bits r and s of each vertex, the largest over the tokens that touch it."""
    n, block = model.max_vertices, edge_circuit.blocks(stream.shape[1], model.max_vertices)
    bits = torch.zeros(2, n + 2)
    for row, bit in zip(bits, ("r", "s"), strict=True):
        values = torch.cat([stream[:, block[end, bit]] for end in edge_circuit.HALVES], dim=1)
        row.scatter_reduce_(0, ends.flatten(), values.float().flatten(), "amax")
    met = n - round(float(model.readout(stream[-1])))  # of the k asked for so far, the largest ones
    asked = min(2 * (layer - 1), n - 1)
    return bits[:, 1:-1], f"d ≤ {asked - met + 1}" if met else "not met yet"


def _wide(model: Transformer, stream: Tensor, ends: Tensor, layer: int) -> Reading:
    """The rows of reach of the source's and the target's vertex."""
    n, block = model.max_vertices, wide_circuit.blocks(model.max_vertices)
    slots = (stream[n, block["out"]] > 0.5).nonzero().flatten().tolist()
    unmet = f"d > {layer}" if layer else "one hop"
    reach = stream[[0, int(ends[-1, 0]) - 1], block["reach"]]
    return reach, f"d ≤ {slots[0] + 1}" if slots else unmet


def _doubling(model: Transformer, stream: Tensor, ends: Tensor, layer: int) -> Reading:
    """The source's widest power of reachability, then the answer's set."""
    n, block = model.max_vertices, doubling_circuit.blocks(model.max_vertices)
    powers = doubling_circuit.power_count(n)
    if layer > powers:
        hops = round(float(stream[n, block["hops"]]))
        front = stream[n, block["front"]]
        return torch.stack([front, torch.zeros_like(front)]), f"d > {hops}"
    k = min(layer, powers - 1)
    reach = stream[[0, int(ends[-1, 0]) - 1], block[f"power {k}"]]
    return reach, f"{2**k} hop{'s' if k else ''} around each vertex"
