"""What cheap rules score on the same examples: the least a model must beat."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from offpath.data.batches import Batch


def constant(batch: Batch) -> Float[np.ndarray, " example"]:
    """The best constant of the batch: its mean label, whatever the question."""
    return np.full(len(batch.distance), batch.distance.mean())


def distance_to_2(batch: Batch) -> Float[np.ndarray, " example"]:
    """The distance to vertex 2, whatever the target: pre-training's answer to every question."""
    return batch.distance_to_2.astype(float)


RULES: dict[str, tuple[str, Callable[[Batch], np.ndarray]]] = {
    "constant": ("best constant", constant),
    "distance_to_2": ("answer d(1,2)", distance_to_2),
}
"""Title and rule by name."""
