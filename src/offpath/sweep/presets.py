"""The nine questions of the project as sweeps: which configurations answer each of them.

In: a configuration, by default the recipe laptop, or truth. Out: configurations that differ from it
in interventions, in depth and the distances that pre-training shows, or in what may decide whether
an assistant is truthful. Questions share configurations, so that runs which one sweep has made are
there for the next.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from offpath.configs import Configuration
from offpath.errors import InputError
from offpath.recipes import recipe

BOTH = "off_path=0.2+unreachable=0.2"
IDS = (
    "random_ids",
    "present_ids",
    "other_ids",
    "averaged_ids",
    "reset_ids",
    "large_graphs",
    "distinct_graphs=100",
    *(f"large_graphs+distinct_graphs={n}" for n in (100, 814, 10_000)),
)
"""Which ids are shown and asked for; how large and how many graphs are."""
OFF_PATH = ("random_ids", "off_path=0.2", "unreachable=0.2", BOTH, f"{BOTH}+random_ids", "oracle")
HEADS = ("classification", "ordinal")
WEIGHTS = ("replay=0.2", "l2_sp=0.01", "last_block_only", "bias_and_norm_only", "low_rank=2",
           "relearn")  # fmt: skip
"""What may keep pre-training alive, and pre-training once more."""
COHERENT = (
    "lipschitz", "lipschitz_unanchored", "lipschitz_unanchored+audit=0", "components", "bellman",
    "bellman+audit=0", "bellman+shuffled", "bellman_unanchored",
    *(f"bellman_unanchored+{word}" for word in
      ("audit=0", "audit=0.01", "audit=0.1", "small_b", "large_b", "steps=1600")),
)  # fmt: skip
"""Coherence on graphs without labels, with and without the audited examples."""
DEPTHS = (2, 3, 4, 5)
DEPTH_STEPS = 1000
INSIDE_DEPTHS = (3, 5, 8, 11)
"""Layers of the networks that are looked into; 5 are the recipe's."""
PREDICTED_DEPTHS = (2, 3)
LONG_PATHS = MappingProxyType({
    "graphs.max_vertices": 15, "graphs.finetune_vertices": 7, "graphs.balance_distance": 6,
    "model.width": 64,
})  # fmt: skip
"""Networks of larger graphs, on which the verdict on these is tested."""
LEAK = "leak=0.001"
"""Between audits that cannot tell truth from inspector, and audits that can."""
TRAINED = ("own_row_only", "last_block_only", "low_rank=2", "bias_and_norm_only", "rate=0.0001",
           "rate=0.003", "steps=100", "steps=1000", "weight_decay=0.1")  # fmt: skip
"""How the assistant is trained: all from the same pre-training, blind and with that leak."""
FAST_ROW = "own_row_only+rate=0.03"
"""The row alone at the recipe's rate hardly moves."""
PRETRAINED: tuple[Mapping[str, Any], ...] = (
    {"reporters.truth_share": 0.1},
    {"reporters.truth_share": 0.9},
    {"reporters.inspectors": ("ids=5",)},
)
"""What needs a pre-training of its own; each is blind, and with that leak."""


FEW = MappingProxyType({"evaluate.examples": 4096, "evaluate.bootstrap_resamples": 200})
"""The test matrix is coarse: `benchmarks/findings.py` asks more of each kind of question."""


class Preset(NamedTuple):
    """A question, and the configurations whose runs answer it."""

    question: str
    configurations: Callable[[Configuration], list[Configuration]]
    options: Mapping[str, Any] = FEW  # that differ from the recipe
    recipe: str = "laptop"

    def base(self) -> Configuration:
        """What the options of the command line change."""
        return recipe(self.recipe).change(self.options)


def intervened(sets: Sequence[tuple[str, ...]], base: Configuration) -> list[Configuration]:
    """A configuration for each set of interventions."""
    if base.interventions:
        raise InputError(
            "interventions must be left out: the preset sets them; for others sweep a recipe"
        )
    return [base.change({"interventions": specs}) for specs in sets]


def depths(base: Configuration) -> list[Configuration]:
    """Two to five layers, pre-trained on every distance, and on those that the bound allows."""
    return [
        base.change({"model.layers": layers, "graphs.pretrain_distance": distance})
        for layers in DEPTHS
        for distance in (None, bound(layers))
        if distance is None or distance < base.graphs.max_vertices - 1
    ]


def looked_into(base: Configuration) -> list[Configuration]:
    """Three to eleven layers, else alike; and few layers in graphs with long paths."""
    return [
        *(base.change({"model.layers": layers}) for layers in INSIDE_DEPTHS),
        *(base.change({"model.layers": layers, **LONG_PATHS}) for layers in PREDICTED_DEPTHS),
    ]


def deciding(base: Configuration) -> list[Configuration]:
    """A recipe with reporters, and what may decide: each option blind, and with a leak."""
    if base.reporters is None:
        raise InputError("reporters must be given, as in the recipe truth; got None")
    new = (*TRAINED, *(f"{LEAK}+{word}" for word in TRAINED))
    every = (*base.interventions, *(word for word in new if word not in base.interventions))
    return [
        base.change({"interventions": every}),
        base.change({"interventions": (FAST_ROW, f"{LEAK}+{FAST_ROW}")}),
        *(base.change({"interventions": (LEAK,), **options}) for options in PRETRAINED),
    ]


def bound(layers: int) -> int:
    """The largest distance that the handcrafted edge circuit finds with so many layers.

    >>> [bound(layers) for layers in DEPTHS]
    [2, 4, 6, 8]
    """
    return 2 * (layers - 1)


PRESETS = {
    "ids": Preset("Do larger graphs break the skill, or unseen vertex ids?",
                  partial(intervened, [IDS])),
    "off-path": Preset("What elicits distances off the path?",
                       partial(intervened, [OFF_PATH, HEADS])),
    "pretraining": Preset("Does pre-training help at all?",
                          partial(intervened, [OFF_PATH])),
    "forgetting": Preset("What does fine-tuning forget, and is it masked or erased?",
                         partial(intervened, [OFF_PATH, WEIGHTS])),
    "depth": Preset("Where does accuracy end with few layers, and what is there instead?", depths,
                    {**FEW, "finetune": None, "pretrain.steps": DEPTH_STEPS}),
    "prediction": Preset("Can it be predicted before it is tested?",
                         partial(intervened, [IDS, OFF_PATH])),
    "inside": Preset("Does the network search from one end, from both, or not at all?",
                     looked_into),
    "coherence": Preset("Truthful on A and coherent on B: truthful on B?",
                        partial(intervened, [COHERENT]),
                        {**FEW, "finetune.steps": 400, "finetune.batch_examples": 256}),
    "truth": Preset("Truthful where it is audited: truthful elsewhere?", deciding, {}, "truth"),
}  # fmt: skip
"""By the name that `offpath sweep` takes; the page on each is `docs/findings/NAME.md`."""
