"""Score any answers on any distribution: here an untrained network and a rule; then ask it."""

import numpy as np

from offpath.data.batches import frozen
from offpath.data.tokens import encode
from offpath.data.worlds import worlds
from offpath.fit.checkpoints import new_model
from offpath.fit.transformer import predict
from offpath.generalize.baselines import distance_to_2
from offpath.generalize.evaluate import evaluate
from offpath.recipes import recipe

configuration = recipe("laptop")
batch, sha256 = frozen(worlds(configuration.graphs)["test_e"], seed=0, examples=2000)
print("evaluation set", sha256[:16])

model = new_model(configuration)  # a trained one: load_model(open_run(folder), "finetuned", device)
answers = np.stack([predict(model, batch.tokens), distance_to_2(batch)])
for name, records in zip(
    ("untrained", "d(1,2)"),
    evaluate(batch, answers.astype(float), finetune_vertices=5, resamples=200, seed=0),
    strict=True,
):
    for r in records:
        if r["by"] in ("pooled", "stratum"):
            print(
                f"{name:<10} {r['slice']:<13} MSE {r['mse']:6.2f} [{r['mse_low']:.2f}, "
                f"{r['mse_high']:.2f}]  right {r['accuracy']:.1%}  of {r['count']}"
            )

question = encode([(1, 3), (3, 4), (2, 4)], target=4, max_vertices=8)
print("how far is 4 from 1, along 1-3-4? The untrained network says", predict(model, question)[0])
