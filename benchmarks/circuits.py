"""How far off the edge circuit is, by the tolerance it is built for, in both precisions.

    python benchmarks/circuits.py > benchmarks/results/edge-tolerance.json

Errors on the frozen evaluation sets of pre-training and test e, 4096 examples each.
"""

import json

import numpy as np
import torch

from offpath.data.batches import frozen
from offpath.data.worlds import worlds
from offpath.fit.transformer import predict
from offpath.handcraft.edge_circuit import edge_circuit
from offpath.recipes import recipe

EXAMPLES = 4096
TOLERANCES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)


def main() -> None:
    """Print one record for each recipe, precision and tolerance."""
    records = []
    for name in ("laptop", "paper"):
        c = recipe(name)
        batches = [
            frozen(worlds(c.graphs)[world], 0, EXAMPLES)[0] for world in ("pretraining", "test_e")
        ]
        for precision in ("float32", "float64"):
            for tolerance in TOLERANCES:
                # In float64 first: in float32 a tolerance that rounding defeats is refused.
                exact = edge_circuit(c.model, c.graphs.max_vertices, tolerance, torch.float64)
                model = exact.to(getattr(torch, precision))
                errors = [predict(model, b.tokens).astype(float) - b.distance for b in batches]
                error = np.abs(np.concatenate(errors))
                records.append(
                    {
                        "recipe": name,
                        "precision": precision,
                        "tolerance": tolerance,
                        "mse": float((error**2).mean()),
                        "largest_error": float(error.max()),
                        "wrong": int((error >= 0.5).sum()),
                        "examples": len(error),
                    }
                )
    print(json.dumps(records, indent=1))


if __name__ == "__main__":
    main()
