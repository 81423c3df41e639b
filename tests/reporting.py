"""A tiny configuration with reporters, for tests of what is asked of them."""

from offpath.configs import Configuration
from offpath.recipes import smoke
from offpath.sections import Reporters

INTERVENTIONS = ("leak=0.1", "easy_ids", "own_row_only", "oracle")


def asking() -> Configuration:
    """The smoke recipe in a few steps, asked of the truth and of an inspector."""
    c = smoke()
    short = {"steps": 2, "warmup_steps": 1, "checkpoint_every_steps": 2}
    return c.model_copy(
        update={
            "model": c.model.model_copy(update={"markers": 3}),
            "pretrain": c.training("pretrain").model_copy(update=short),
            "finetune": c.training("finetune").model_copy(update=short),
            "reporters": Reporters(),
            "interventions": INTERVENTIONS,
        }
    )
