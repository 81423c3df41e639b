"""The networks of a run, in order: everything that it trains or handcrafts, declared once.

In: a configuration. Out: its networks, each one checkpoint, one row of the test matrix, one title
and one colour everywhere. An intervention is one more entry.
"""

from typing import Literal, NamedTuple

from offpath.configs import Configuration, Training

Maker = Literal["new weights", "pretrain", "finetune", "handcraft"]
Colour = tuple[str, str]
"""In light and in dark; after Okabe and Ito, for colour-blind readers."""


class Network(NamedTuple):
    """One network of a run: its checkpoint is called `name`."""

    name: str
    title: str
    colour: Colour
    made_by: Maker
    starts_from: str | None = None  # the network whose weights training starts from
    world: str | None = None  # the distribution of its training examples
    training: Training | None = None  # None: its weights are new, imported or handcrafted
    seed: int | None = None  # of its training examples; None: that of the run
    control: str | None = None  # the network that it is compared with
    intervention: str | None = None  # what it does to fine-tuning; its control from scratch too


def networks(c: Configuration) -> list[Network]:
    """Every network of a run, each after the one that it starts from.

    >>> from offpath.recipes import recipe
    >>> [network.name for network in networks(recipe("laptop"))]
    ['untrained', 'pretrained', 'finetuned', 'scratch', 'circuit', 'circuit-finetuned']
    """
    untrained = Network("untrained", "untrained", ("#82878f", "#949ba5"), "new weights")
    pretrained = Network("pretrained", "pre-trained", ("#0072b2", "#5fb3ee"), "pretrain",
                         "untrained", "pretraining", c.pretrain)  # fmt: skip
    circuit = Network("circuit", "handcrafted", ("#2a2f36", "#e6e3dc"), "handcraft")
    rows = [untrained, pretrained] if c.pretrain else []
    if c.pretrain and c.finetune:
        rows += [
            _finetuned("finetuned", "fine-tuned", ("#cf4f00", "#ff9152"), "pretrained", c),
            _finetuned("scratch", "from scratch", ("#00795f", "#3ccaa2"), "untrained", c),
        ]
    rows.append(circuit)
    if c.finetune:
        title, colour = "handcrafted, fine-tuned", ("#5648cf", "#aaa3ff")
        rows.append(_finetuned("circuit-finetuned", title, colour, "circuit", c))
    return rows


def network(c: Configuration, name: str) -> Network | None:
    """The network called `name`, if the run has it."""
    return next((one for one in networks(c) if one.name == name), None)


def _finetuned(name: str, title: str, colour: Colour, start: str, c: Configuration) -> Network:
    """A network trained on the fine-tuning distribution: same examples, same steps, own start."""
    return Network(
        name, title, colour, "finetune", start, "finetuning", c.finetune, c.finetune_seed
    )
