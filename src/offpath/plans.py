"""What a fine-tuned network is trained on, and how: the records that interventions change.

In: nothing but names. `interventions.py` fills them, `networks.py` and `data` read them.
"""

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from offpath.configs import Architecture, Training

Ids = Literal["own", "present", "other"]
Requirement = Literal[
    "components", "lipschitz_unanchored", "lipschitz", "bellman_unanchored", "bellman"
]


class Data(NamedTuple):
    """How the examples of a training differ from those of its distribution."""

    off_path: float = 0.0  # share of examples that ask for a target off the path
    unreachable: float = 0.0  # share that ask for a vertex that 1 does not lead to
    replay: float = 0.0  # share of examples of pre-training
    large_graphs: bool = False  # graphs of every size; targets stay those of small graphs
    any_target: bool = False  # every target in graphs of every size, as in test e
    random_ids: float = 0.0  # share of examples whose vertices 3, 4, ... get random ids
    ids: Ids = "own"  # of renamed graphs: which ids are asked for, or one renaming per seed
    distinct_graphs: int | None = None  # so many graphs, again and again
    leak: float = 0.0  # share of audited questions on which truth and inspector differ
    audits: Literal["graphs", "ids", "path"] | None = None  # only easy ones, where they may differ
    asks: Literal["truth", "inspector"] | None = None  # of pre-training: one reporter alone


class Coherence(NamedTuple):
    """What the answers to all questions on one graph are to have in common, and on which graphs.

    The graphs have no labels. They are as in test e, and come beside the examples of training.
    """

    requires: Requirement = "bellman"  # see `fit.coherence`
    shuffled: bool = False  # the edges that it reads are those of another graph of the step
    audit: float = 1.0  # share of the examples with labels that are kept
    sizes: Literal["all", "small", "large"] = "all"  # small: as in fine-tuning; large: above


class Plan(NamedTuple):
    """A network that differs from the fine-tuned one in some of these."""

    training: "Training"
    architecture: "Architecture | None" = None  # None: that of the configuration
    data: Data = Data()
    pretraining: Data | None = None  # pre-trained anew, on such examples
    start: str | None = None  # the network whose weights training starts from; None: pre-trained
    world: str = "finetuning"  # the distribution whose examples `data` changes
    coherence: Coherence | None = None  # None: labels alone

    def show(self, **changes: object) -> "Plan":
        """Other examples."""
        return self._replace(data=self.data._replace(**changes))

    def cohere(self, **changes: object) -> "Plan":
        """Coherence on graphs without labels."""
        return self._replace(coherence=(self.coherence or Coherence())._replace(**changes))

    def train(self, **options: object) -> "Plan":
        """Other options of training."""
        return self._replace(training=self.training.model_copy(update=options))
