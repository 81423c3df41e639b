"""Perturb an exact solution: one matrix replaced by noise, then retrained."""

from copy import deepcopy

import torch

from offpath.compute import compute
from offpath.data.batches import frozen, stream
from offpath.data.worlds import world
from offpath.fit.loop import train
from offpath.fit.optimizer import make_optimizer
from offpath.handcraft.doubling_circuit import doubling_circuit
from offpath.interpret.options import Robustness
from offpath.interpret.robustness import loss, matrices, retraining
from offpath.recipes import recipe

compute("cpu", threads=1)
c = recipe("smoke")
pretraining = world("pretraining", c.graphs)
batch, _ = frozen(pretraining, seed=0, examples=500)
exact = doubling_circuit(c.graphs.max_vertices)
print(f"exact: loss {loss(exact, batch):.1e} on {len(batch.distance)} examples")

generator = torch.Generator().manual_seed(0)
model = exact
for name in list(matrices(exact))[::7]:
    model = deepcopy(exact)
    matrix = matrices(model)[name]
    matrix.copy_(torch.randn(matrix.shape, generator=generator))
    print(f"{name} replaced by noise: loss {loss(model, batch):.2g}")

training = retraining(c.training("pretrain"), 1e-4, Robustness(steps=50, batch_examples=64))
for step in train(model, make_optimizer(model, training), training, stream(pretraining, 1, 64)):
    if step.step % 25 == 0:
        print(f"retrained for {step.step} steps: loss {loss(model, batch):.2g}")
