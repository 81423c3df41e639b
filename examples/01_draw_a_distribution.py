"""Draw examples of a distribution, and compare their labels with the exact probabilities."""

import numpy as np

from offpath.data.batches import draw
from offpath.data.label_distribution import label_distribution
from offpath.data.worlds import worlds
from offpath.recipes import recipe
from offpath.slices import STRATA

world = worlds(recipe("laptop").graphs)["test_e"]
batch = draw(world, seed=0, start=0, count=100_000)

print(world.title, "-", world.description)
print("first example:", batch.tokens[0].tolist(), "distance", batch.distance[0])

drawn = np.bincount(batch.distance, minlength=9) / 100_000
for label, exact in enumerate(label_distribution(world) or ()):
    if exact:
        print(f"label {label}: drawn {drawn[label]:.4f}, exactly {float(exact):.4f}")

for number, stratum in enumerate(STRATA):
    print(f"{stratum.slice:<12} {np.mean(batch.stratum == number):6.1%}")
