"""Score any answers on any distribution: here an untrained network and a rule; then ask it."""

import numpy as np

from offpath.data.batches import frozen
from offpath.data.tokens import encode
from offpath.data.worlds import worlds
from offpath.fit.checkpoints import new_model
from offpath.fit.transformer import predict
from offpath.generalize.baselines import distance_to_2
from offpath.generalize.evaluate import Bootstrap, evaluate
from offpath.recipes import recipe

c = recipe("laptop")
batch, sha256 = frozen(worlds(c.graphs)["test_e"], seed=0, examples=2000)
print("evaluation set", sha256[:16])

model = new_model(c)  # a trained one: load_model(open_run(folder), "finetuned", device)
answers = np.stack([predict(model, batch.tokens).astype(float), distance_to_2(batch)])
scores = evaluate(batch, answers, c.graphs.finetune_vertices, Bootstrap(resamples=200, seed=0))
for name, rows in zip(("untrained", "d(1,2)"), scores, strict=True):
    for by, part, score in rows:
        if by in ("pooled", "stratum"):
            print(
                f"{name:<10} {part:<13} MSE {score.mse:6.2f} [{score.mse_low:.2f}, "
                f"{score.mse_high:.2f}]  accuracy {score.accuracy:.1%}  of {score.count}"
            )

question = encode([(1, 3), (3, 4), (2, 4)], target=4, max_vertices=8)
print("how far is 4 from 1, along 1-3-4? The untrained answer:", predict(model, question)[0])
