"""The circuit of WWZ24 with its own constants, to be compared with the one that scales.

In: adjacency. Out: distances from vertex 1 to vertex 2, as the formulas of WWZ24 give them (Wang,
Westover, Zhao 2024, appendix). Head w adds w's neighbours to whatever reaches w, each
with weight 1 / (number of w's neighbours), and a sigmoid pushes them towards 1: constants that do
not depend on n, so that errors grow with it.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from offpath.data.tokens import encode
from offpath.fit.transformer import predict
from offpath.handcraft.trial_graphs import family_edges, oracle_distances
from offpath.handcraft.wide_circuit import wide_circuit
from offpath.results import SizeError

LOOK, SINK, WAIT, STEEP = 30.0, 12.0, 7.0, 5.0
"""Scores of a neighbour of what was reached, of the answer token, of the answer for itself; slope
of the sigmoid."""


@torch.no_grad()
def study_circuit(adjacency: Bool[Tensor, "graph vertex vertex"]) -> Float[Tensor, " graph"]:
    """Its answers, n + 1 meaning no path; `adjacency` is symmetric, without loops."""
    graphs, n, _ = adjacency.shape
    edges = adjacency.double()
    sink = torch.zeros(n + 1, 1, 1, dtype=torch.float64)
    sink[:n] = SINK  # what vertices see in the answer token, and it not in itself
    reach = torch.cat([edges, torch.ones(graphs, 1, n)], dim=1)  # (graph, vertex or answer, to)
    reached = torch.zeros(graphs, dtype=torch.float64)
    for _ in range(n):
        # The last head: the answer looks at vertex 1, with a score that is high if it reaches 2.
        look = (LOOK + SINK) * reach[:, :, 1]
        look[:, 1:n] -= LOOK + SINK
        look[:, n] += WAIT - LOOK - SINK
        reached += look.softmax(1)[:, 0]
        # Head w: score LOOK reach(v, w) at the neighbours u of w, 0 at other vertices.
        scores = LOOK * reach[:, :, :, None] * edges[:, None]  # (graph, v, w, u)
        scores = torch.cat([scores, sink.expand(graphs, n + 1, n, 1)], dim=-1)
        grown = scores.softmax(-1)[..., :n].sum(2)
        reach = 2 * torch.sigmoid(STEEP * (reach + grown)) - 1
    return 1 + n - reached


def error_by_size(sizes: Sequence[int] = range(3, 17), graphs: int = 300) -> list[SizeError]:
    """Errors of the wide circuit and of that of WWZ24 on random graphs of each size, target 2.

    The formulas of WWZ24 are evaluated in float64, so that none of their error is rounding; the
    circuit is float32.
    """
    rows = []
    for n in sizes:
        drawn = [family_edges("random pairs", n, seed) for seed in range(graphs)]
        labels = np.array([oracle_distances(edges, 1, n, n)[1] for edges in drawn])
        tokens = np.concatenate([encode(edges, 2, n) for edges in drawn])
        adjacency = torch.zeros(graphs, n, n, dtype=torch.bool)
        for i, edges in enumerate(drawn):
            a, b = (np.array(edges).reshape(-1, 2) - 1).T
            adjacency[i, a, b] = adjacency[i, b, a] = True
        theirs = study_circuit(adjacency).numpy()
        no_path = np.where(labels == n, n + 1, labels)  # the label of WWZ24
        ours = predict(wide_circuit(n), tokens)
        for constants, errors in (("of n and tolerance", ours - labels),
                                  ("WWZ24's", theirs - no_path)):  # fmt: skip
            mse, off = float((errors**2).mean()), np.abs(errors)
            rows.append(SizeError(vertices=n, constants=constants, mse=mse,
                                  largest_error=float(off.max()),
                                  accuracy=float((off < 0.5).mean())))  # fmt: skip
    return rows
