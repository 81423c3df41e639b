"""How singular is a minimum? Its local learning coefficient, of two potentials and a network."""

import torch

from offpath.compute import compute
from offpath.data.batches import frozen, stream
from offpath.data.worlds import world
from offpath.fit.checkpoints import new_model
from offpath.fit.loop import train
from offpath.fit.optimizer import make_optimizer
from offpath.interpret.along_training import transformer_loss
from offpath.interpret.learning_coefficient import estimate_learning_coefficient
from offpath.interpret.options import Sampling
from offpath.recipes import recipe

compute("cpu", threads=1)
origin = {"w": torch.zeros(2, dtype=torch.float64)}
toy = Sampling(examples=1000, batch_examples=1, chains=256, step_size=3e-4, localisation=0.1)
for name, potential, known in (
    ("w1^2 + w2^2", lambda w: w[:, 0] ** 2 + w[:, 1] ** 2, "1, half the parameters"),
    ("w1^4 + w2^2", lambda w: w[:, 0] ** 4 + w[:, 1] ** 2, "3/4: w1 is half free"),
):
    loss = lambda at, chosen, f=potential: f(at["w"])[:, None].expand(chosen.shape)  # noqa: E731
    estimate = estimate_learning_coefficient(loss, origin, toy, seed=0)
    print(f"{name}: {estimate.estimate:.2f} ± {estimate.error:.2f}, exactly {known}")

c = recipe("smoke")
pretraining = world("pretraining", c.graphs)
batch, _ = frozen(pretraining, seed=0, examples=256)
model = new_model(c)
few = Sampling(examples=256, batch_examples=16, chains=2, burn_in_steps=40, draws=60)
for _ in train(
    model,
    make_optimizer(model, c.training("pretrain")),
    c.training("pretrain"),
    stream(pretraining, 0, 64),
):
    pass  # forty steps: not yet at a minimum, as the verdict reports
estimate = estimate_learning_coefficient(
    transformer_loss(model, batch), dict(model.named_parameters()), few, seed=0
)
print(f"a network: {estimate.estimate:.1f} ± {estimate.error:.1f}, trusted: {estimate.trusted}")
print(*estimate.reasons, sep="\n")
