"""The networks of a run, in order: everything that it trains or handcrafts, declared once.

In: a configuration. Out: its networks, each one checkpoint, one row of the test matrix, one title
and one colour everywhere. `interventions.py` says what an intervention changes.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from offpath import interventions
from offpath.configs import Architecture, Configuration, Training
from offpath.plans import Coherence, Data

Maker = Literal["new weights", "pretrain", "finetune", "handcraft"]
Colour = tuple[str, str]
"""In light and in dark; after Okabe and Ito, for colour-blind readers."""

COLOURS: tuple[Colour, ...] = (
    ("#9c27b0", "#d782e3"), ("#7a5c00", "#d9b44a"), ("#00838f", "#4fc3cf"), ("#c2185b", "#f48fb1"),
    ("#558b2f", "#a5d06f"), ("#5d4037", "#c0a196"), ("#1a3fa0", "#8fa8f5"), ("#b71c1c", "#ef9a9a"),
)  # fmt: skip
"""Of interventions, in turn."""


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
    data: Data = Data()  # how its training examples differ from those of `world`
    architecture: Architecture | None = None  # None: that of the network that it starts from
    intervention: str | None = None  # what makes it differ from the fine-tuned network
    control: str | None = None  # the network that shows what the intervention does
    coherence: Coherence | None = None  # what training asks for on graphs without labels


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
    if c.reporters and c.reporters.first != "together":
        rows = [untrained, *_in_order(pretrained, c.reporters.first)]
    tuned = "blind" if c.reporters else "fine-tuned"
    if c.pretrain and c.finetune:
        rows += [
            _finetuned("finetuned", tuned, ("#cf4f00", "#ff9152"), "pretrained", c),
            _finetuned("scratch", "from scratch", ("#00795f", "#3ccaa2"), "untrained", c),
        ]
    rows.append(circuit)
    if c.finetune and not c.reporters:
        title, colour = "handcrafted, fine-tuned", ("#5648cf", "#aaa3ff")
        rows.append(_finetuned("circuit-finetuned", title, colour, "circuit", c))
    for number, spec in enumerate(c.interventions):
        rows += _intervened(spec, COLOURS[number % len(COLOURS)], c)
    return rows


def network(c: Configuration, name: str) -> Network | None:
    """The network called `name`, if the run has it."""
    return next((one for one in networks(c) if one.name == name), None)


def _in_order(pretrained: Network, first: str) -> list[Network]:
    """Pre-training in two halves, each with its own schedule; the first asks one reporter alone."""
    assert pretrained.training is not None, "pre-training is a training"
    steps = max(1, pretrained.training.steps // 2)
    warmup = min(steps, pretrained.training.warmup_steps)
    half = pretrained.training.model_copy(update={"steps": steps, "warmup_steps": warmup})
    asks = Data(asks=first)  # type: ignore[arg-type]
    first_half = pretrained._replace(
        name="pretrained-first", title=f"pre-trained on {first}", training=half, data=asks
    )
    return [first_half, pretrained._replace(starts_from=first_half.name, training=half)]


def has_coherence(c: Configuration) -> bool:
    """Whether some network is trained for coherence on graphs without labels."""
    return any(one.coherence for one in networks(c))


def _intervened(spec: str, colour: Colour, c: Configuration) -> Iterator[Network]:
    """The network of an intervention, what it starts from, and its control from scratch."""
    plan = interventions.plan(spec, c, c.training("finetune"))
    name, title, start = interventions.network_name(spec), interventions.title(spec), "pretrained"
    scratch, shape = "untrained", plan.architecture
    if plan.pretraining is not None:
        if shape is not None and shape.looped:  # no weights of the run fit it
            scratch = f"{name}-untrained"
            yield Network(scratch, f"{title}: untrained", colour, "new weights", architecture=shape)
        start = f"{name}-pretrained"
        yield Network(start, f"{title}: pre-trained", colour, "pretrain", scratch, "pretraining",
                      c.pretrain, data=plan.pretraining, intervention=spec,
                      control="pretrained")  # fmt: skip
    trained = Network(name, title, colour, "finetune", plan.start or start, plan.world,
                      plan.training, c.finetune_seed, plan.data, shape, spec,
                      "finetuned", plan.coherence)  # fmt: skip
    yield trained
    plain = plan.data == Data() and plan.world == "finetuning" and shape is None
    if not plain and plan.coherence is None and not c.reporters:  # it starts from what is learned
        yield trained._replace(
            name=f"{name}-scratch", title=f"{title}: from scratch", starts_from=scratch,
            control=name,
        )  # fmt: skip


def _finetuned(name: str, title: str, colour: Colour, start: str, c: Configuration) -> Network:
    """A network trained on the fine-tuning distribution: same examples, same steps, own start."""
    return Network(
        name, title, colour, "finetune", start, "finetuning", c.finetune, c.finetune_seed
    )
