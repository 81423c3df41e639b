"""Networks for graphs of 8 vertices, of every kind: untrained ones, and circuits."""

from collections.abc import Callable

from offpath.fit.checkpoints import new_model
from offpath.fit.transformer import Transformer
from offpath.handcraft.circuits import make
from offpath.recipes import laptop

SHAPE = laptop().model
EDGE_TOKENS: dict[str, Callable[[], Transformer]] = {
    "pre": lambda: new_model(laptop()),
    "post": lambda: new_model(laptop(), SHAPE.model_copy(update={"norm": "post"})),
    "looped": lambda: new_model(laptop(), SHAPE.model_copy(update={"looped": True})),
    "classes": lambda: new_model(laptop(), SHAPE.model_copy(update={"head": "classification"})),
    "edge": lambda: make("edge", 8, SHAPE),
}
NETWORKS = {**EDGE_TOKENS, "wide": lambda: make("wide", 8, SHAPE)}
