"""The three circuits as checkpoints of a run, and what one of them holds layer by layer.

In: a run. Out: its checkpoint `circuit`, and `results/circuit.json`. A run of a recipe gets the
edge circuit, in its own architecture if that is large enough.
"""

import numpy as np
import torch
from jaxtyping import UInt8

from offpath.configs import Architecture, Circuit, Configuration, InputError
from offpath.data.drawing import places
from offpath.data.tokens import encode
from offpath.fit.checkpoints import save_model
from offpath.fit.transformer import Transformer, predict
from offpath.handcraft.doubling_circuit import doubling_architecture, doubling_circuit
from offpath.handcraft.edge_circuit import SLACK, directions, edge_circuit, rounding
from offpath.handcraft.edge_circuit import smallest_that_fits as edge_architecture
from offpath.handcraft.study_circuit import error_by_size
from offpath.handcraft.trace import trace
from offpath.handcraft.trial_graphs import family_edges, oracle_distances
from offpath.handcraft.wide_circuit import wide_architecture, wide_circuit
from offpath.results import CircuitResult, Direction, DrawnGraph, write_result
from offpath.run.folder import Run

TOLERANCE, TOLERANCE_IN_FLOAT64 = 1e-2, 1e-6
"""How far layer norm may leave an answer of the edge circuit off."""
GRAPHS_TRIED = 20  # for one in which the target is far away


def circuit_configuration(
    circuit: Circuit, base: Configuration, max_vertices: int
) -> Configuration:
    """A recipe's configuration with the circuit in place of all that is trained before it.

    It is asked plain questions alone.
    """
    n = max_vertices
    if not 3 <= n <= 64:
        raise InputError(f"vertices must be 3 to 64; got {n}")
    small = min(base.graphs.finetune_vertices, n)
    plain = base.model.model_copy(update={"markers": 1})
    shapes = {"wide": wide_architecture, "doubling": doubling_architecture,
              "edge": lambda n: edge_architecture(plain, n)}  # fmt: skip
    return base.model_copy(update={
        "graphs": base.graphs.model_copy(update={"max_vertices": n, "finetune_vertices": small}),
        "model": shapes[circuit](n),
        "pretrain": None,
        "finetune": base.finetune if circuit == "edge" else None,  # others have vertex tokens
        "circuit": circuit,
        "interventions": (),
        "reporters": None,
    })  # fmt: skip


def make(
    circuit: Circuit, max_vertices: int, architecture: Architecture, *, double: bool | None = None
) -> Transformer:
    """A circuit; the edge circuit in the given architecture if it fits.

    In float64 if `double`, by default only where float32 would round bits away: the edge circuit
    from 16 vertices on, or from fewer with many layers. The others hold in float32 at every size.
    """
    n = max_vertices
    if circuit == "edge":
        plain = architecture.model_copy(update={"head": "regression", "looped": False})
        shape = edge_architecture(plain, n)
        if double is None:
            double = rounding(shape, n, TOLERANCE, torch.float32) > SLACK
        tolerance = TOLERANCE_IN_FLOAT64 if double else TOLERANCE
        return edge_circuit(shape, n, tolerance, torch.float64 if double else torch.float32)
    dtype = torch.float64 if double else torch.float32
    return (wide_circuit if circuit == "wide" else doubling_circuit)(n, dtype=dtype)


def set_circuit(run: Run) -> None:
    """Write the checkpoint `circuit` and its result file, if they are not there."""
    c = run.configuration
    if run.checkpoint("circuit").exists() and run.result(CircuitResult.file).exists():
        return
    circuit, n = c.circuit, c.graphs.max_vertices
    model = make(circuit, n, c.model)
    save_model(run, "circuit", model)
    a, here = model.architecture, dict(c.model)
    larger = [f"{k} {v} instead of {here[k]}" for k, v in dict(a).items() if v != here[k]]
    note = f"the circuit does not fit the run's architecture: {', '.join(larger)}"
    graph, tokens = _shown_graph(n)
    named = enumerate(directions(a, n) if circuit == "edge" else [])
    write_result(run, CircuitResult(
        circuit=circuit,
        **a.model_dump(include={"width", "layers", "heads", "feed_forward", "norm"}),
        own_architecture=not larger,
        note=note if larger else "",
        graph=graph,
        states=trace(model, circuit, tokens),
        answer=float(predict(model, tokens)[0]),
        directions=[Direction(index=i, name=name, group=group) for i, (name, group) in named],
        sizes=error_by_size() if circuit == "wide" else [],
    ))  # fmt: skip


def _shown_graph(max_vertices: int) -> tuple[DrawnGraph, UInt8[np.ndarray, "1 token 2"]]:
    """One graph with a long path and where each vertex lies in a drawing; its farthest question."""
    n = max_vertices
    graphs = [family_edges("cycle with a tail", n, seed) for seed in range(GRAPHS_TRIED)]
    edges = max(graphs, key=lambda edges: max(oracle_distances(edges, 1, n, n)))
    hops = oracle_distances(edges, 1, n, n)
    target = 1 + max(range(1, n), key=lambda i: hops[i])
    graph = DrawnGraph(vertices=n, edges=sorted(edges), target=target, distance=hops[target - 1],
                       positions=places(edges, n))  # fmt: skip
    return graph, encode(edges, target, n)
