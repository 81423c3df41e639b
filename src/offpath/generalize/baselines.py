"""What cheap rules score on the same examples: the least a model must beat."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from offpath.data.batches import Batch
from offpath.networks import Colour


def constant(batch: Batch) -> Float[np.ndarray, " example"]:
    """The best constant of the batch: its mean label, whatever the question."""
    return np.full(len(batch.distance), batch.distance.mean())


def distance_to_2(batch: Batch) -> Float[np.ndarray, " example"]:
    """The distance to vertex 2, whatever the target: pre-training's answer to every question."""
    return batch.distance_to_2.astype(float)


class Rule(NamedTuple):
    """A cheap rule: a row of the test matrix."""

    title: str
    colour: Colour
    answers: Callable[[Batch], Float[np.ndarray, " example"]]


RULES = {
    "constant": Rule("best constant", ("#94783c", "#cdb582"), constant),
    "distance_to_2": Rule("answer d(1,2)", ("#9a4a95", "#dd9ddb"), distance_to_2),
}
"""Every rule by name."""
