"""Score any answers on any distribution: here an untrained network and a rule; then ask it."""

from offpath.data.batches import frozen
from offpath.data.tokens import encode
from offpath.data.worlds import worlds
from offpath.fit.checkpoints import new_model
from offpath.fit.transformer import predict
from offpath.generalize.baselines import distance_to_2
from offpath.generalize.evaluate import evaluate
from offpath.recipes import recipe

c = recipe("laptop").change({"evaluate.bootstrap_resamples": 200})
batch, sha256 = frozen(worlds(c.graphs)["test_e"], seed=0, examples=2000)
print("evaluation set", sha256[:16])

model = new_model(c)  # a trained one: load_model(open_run(folder), "finetuned", device)
answers = {"untrained": predict(model, batch.tokens), "d(1,2)": distance_to_2(batch)}
for cell in evaluate(answers, batch, "test_e", c):
    if cell.by in ("pooled", "stratum"):
        print(
            f"{cell.predictor:<10} {cell.slice:<13} MSE {cell.mse:6.2f} [{cell.mse_low:.2f}, "
            f"{cell.mse_high:.2f}]  accuracy {cell.accuracy:.1%}  of {cell.count}"
        )

question = encode([(1, 3), (3, 4), (2, 4)], target=4, max_vertices=8)
print("how far is 4 from 1, along 1-3-4? The untrained answer:", predict(model, question)[0])
