"""Score any answers on any distribution: here an untrained network and a rule."""

import numpy as np

from offpath.data.batches import frozen
from offpath.data.worlds import worlds
from offpath.fit.checkpoints import new_model
from offpath.fit.transformer import predict
from offpath.generalize.baselines import distance_to_2
from offpath.generalize.evaluate import evaluate
from offpath.recipes import recipe

configuration = recipe("laptop")
batch, sha256 = frozen(worlds(configuration.graphs)["test_e"], seed=0, examples=2000)
print("evaluation set", sha256[:16])

answers = np.stack([predict(new_model(configuration), batch.tokens), distance_to_2(batch)])
for name, records in zip(
    ("untrained", "d(1,2)"),
    evaluate(batch, answers.astype(float), resamples=200, seed=0),
    strict=True,
):
    for r in records:
        if r["by"] in ("pooled", "stratum"):
            print(
                f"{name:<10} {r['slice']:<13} MSE {r['mse']:6.2f} [{r['mse_low']:.2f}, "
                f"{r['mse_high']:.2f}]  right {r['accuracy']:.1%}  of {r['count']}"
            )
