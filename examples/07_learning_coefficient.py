"""How singular is a minimum? Localised curvature, and whether it is a learning coefficient."""

import torch

from offpath.compute import compute
from offpath.data.batches import frozen, stream
from offpath.data.worlds import world
from offpath.fit.checkpoints import Tensors, new_model
from offpath.fit.loop import train
from offpath.fit.optimizer import make_optimizer
from offpath.interpret.along_training import transformer_loss
from offpath.interpret.learning_coefficient import Loss, largest_curvature, localised_curvature
from offpath.interpret.options import GridSampling
from offpath.interpret.plateaus import plateau, point, unsampled_point, verdict
from offpath.recipes import recipe


def measured(loss: Loss, start: Tensors, grid: GridSampling) -> str:
    """The verdict on a grid of localisations and step sizes."""
    curvature, points = largest_curvature(loss, start, grid.examples), []
    for gamma in grid.localisations:
        for share in grid.step_shares:
            cell = grid.cell(curvature, gamma, share)
            if (made := unsampled_point(cell, share)) is None:
                made = point(localised_curvature(loss, start, cell, seed=0), cell, share)
            points.append(made)
    print(f"largest curvature {curvature:.3g}, {sum(one.passed for one in points)} cells passed")
    return verdict(points, plateau(points))


compute("cpu", threads=1)
toy = GridSampling(examples=1000, batch_examples=1, chains=8, localisations=(2, 6, 100),
                   step_shares=(0.04, 0.06), burn_in_steps=500, draws=800)  # fmt: skip
loss = lambda at, chosen: at["w"].square().sum(1)[:, None].expand(chosen.shape)  # noqa: E731
print(f"ten equal curvatures: {measured(loss, {'w': torch.zeros(10).double()}, toy)}")

c = recipe("smoke")
pretraining = world("pretraining", c.graphs)
batch, _ = frozen(pretraining, seed=0, examples=256)
model = new_model(c)
few = GridSampling(examples=256, batch_examples=16, chains=2, burn_in_steps=40, draws=60,
                   localisations=(1e4, 1e5), step_shares=(0.1, 0.2))  # fmt: skip
for _ in train(
    model,
    make_optimizer(model, c.training("pretrain")),
    c.training("pretrain"),
    stream(pretraining, 0, 64),
):
    pass  # forty steps: not yet at a minimum, as the verdict reports
loss = transformer_loss(model, batch)
start = {name: parameter.data for name, parameter in model.named_parameters()}
print(f"a network: {measured(loss, start, few)}")
