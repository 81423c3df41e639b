"""Every option of every stage, as frozen records that check themselves.

In: what a recipe, a command line or a `config.json` says. Out: a `Configuration` that is known to
make sense, or one `InputError` that names every fault in it at once.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import tyro
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from offpath import interventions
from offpath.errors import InputError, divisors, first_fault, nearest, outside

S = TypeVar("S", bound="Section")
C = TypeVar("C", bound="Checked")
Circuit = Literal["wide", "doubling", "edge"]
"""The handcrafted networks."""
HIDDEN = (tyro.conf.Fixed, tyro.conf.SuppressFixed)
"""Of what is no option of the command line: another verb sets it."""


class Allowed(NamedTuple):
    """What a number of an option may be, and the same in words."""

    fits: Callable[[int | float], bool]
    text: str


def within(low: int | float, high: int | float) -> Allowed:
    """Numbers from `low` to `high`, both included."""
    return Allowed(lambda number: low <= number <= high, f"{low} to {high}")


Size = Annotated[int, within(1, 65536)]
Seed = Annotated[int, within(0, 2**63 - 1)]
Steps = Annotated[int, within(1, 10**8)]
Share = Annotated[float, within(0, 1)]
Momentum = Annotated[float, Allowed(lambda number: 0 <= number < 1, "at least 0 and below 1")]
Rate = Annotated[float, Allowed(lambda number: 0 < number <= 10, "above 0 and at most 10")]
Norm = Allowed(lambda number: 0 < number <= 1e9, "above 0, or None for no clipping")


class Section(BaseModel):
    """Options that belong together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def model_copy(self: S, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> S:
        """The same options but for `update`, checked anew: pydantic's own copy checks nothing."""
        try:
            return type(self).model_validate({**dict(self), **(update or {})})
        except ValidationError as error:
            raise InputError(first_fault(error)) from error

    def faults(self, section: str = "") -> Iterator[str]:
        """One line for each thing that is wrong: name, allowed range, value, remedy."""
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if isinstance(value, Section):
                yield from value.faults(f"{name}.")
                continue
            numbers = value if isinstance(value, tuple) else [value]
            for limits in (limits for limits in field.metadata if isinstance(limits, Allowed)):
                if value == ():
                    yield f"{section}{name} must hold at least one number"
                for number in numbers:
                    if number is not None and not limits.fits(number):
                        yield f"{section}{name} must be {limits.text}; got {number}"


class Graphs(Section):
    """The world: how large graphs get, and which of them fine-tuning may see."""

    max_vertices: Annotated[int, within(3, 64)]
    """Vertices of the largest graph, 3 to 64; also the label of "no path"."""
    finetune_vertices: int
    """Vertices of the largest graph that fine-tuning shows, 3 to `max_vertices`."""
    balance_distance: Annotated[int, within(2, 64)]
    """k: pre-training keeps every distance >= k, and d < k with probability 1 / (2 (k - d))."""
    held_out_share: Annotated[float, within(0, 0.5)] = 0.0
    """Share of all graphs, chosen by their edges, that training never draws; 0 to 0.5."""
    pretrain_distance: Annotated[int | None, *HIDDEN, within(1, 63)] = None
    """Largest distance from vertex 1 to 2 that pre-training shows; None: any."""


class Architecture(Section):
    """The transformer's shape."""

    width: Size
    """Size of the residual stream; even, because half of it encodes each endpoint of an edge."""
    layers: Size
    """Number of transformer layers."""
    heads: Size
    """Attention heads of each layer; they divide `width`, unless `head_size` is given."""
    feed_forward: Size
    """Hidden units of each layer's feed-forward part."""
    norm: Annotated[Literal["pre", "post", "none"], tyro.conf.arg(metavar="{pre,post}")]
    """Layer norm before each part, or after its residual sum (post, as in WWZ24)."""
    final_norm: Annotated[bool, tyro.conf.FlagConversionOff]
    """One more layer norm before the read-out."""
    tokens: Annotated[Literal["edges", "vertices"], *HIDDEN] = "edges"
    """What the tokens are: edges of the graph and the question, or its vertices and the answer."""
    head_size: Annotated[int | None, *HIDDEN, within(1, 65536)] = None
    """Size of a head's queries, keys and values; None: `width` divided by `heads`."""


class Training(Section):
    """One stage of training: how many examples, which optimizer, which learning rate when."""

    batch_examples: Annotated[int, within(1, 2**24)]
    """Examples of one optimizer step."""
    steps: Steps
    """Number of optimizer steps."""
    optimizer: Literal["adam", "adamw", "muon"]
    """adam has weight decay as L2, adamw decoupled; muon is adamw, but Muon on hidden matrices."""
    learning_rate: Rate
    """Peak learning rate."""
    warmup_steps: int
    """Steps over which the learning rate rises linearly from 0 to its peak."""
    decay: Literal["linear", "cosine", "drop"]
    """Shape of the way from the peak to `final_share`; drop goes there at once."""
    decay_from: Share
    """Share of all steps, 0 to 1, after which the decay begins."""
    final_share: Share
    """Learning rate after the last step, as a share of the peak."""
    beta1: Momentum
    """Decay of the running mean of the gradient."""
    beta2: Momentum
    """Decay of the running mean of the squared gradient; of no effect on the matrices of Muon."""
    weight_decay: Share
    """Pull of all weights towards zero, per unit of learning rate."""
    clip_norm: Annotated[float | None, Norm]
    """Gradients with a larger norm are scaled down to it; None leaves them alone."""
    classification: Annotated[float, within(0, 100)] = 0.0
    """Weight of a second loss, the cross-entropy of a read-out of all labels that is not kept."""
    candidates: Annotated[int, within(1, 64)] = 1
    """Examples drawn per example trained on; those with a long search are chosen more often."""
    log_every_steps: Steps
    """One line of metrics, averaged over this many steps."""
    checkpoint_every_steps: int
    """A checkpoint that a killed run resumes from; a multiple of `log_every_steps`."""


class Evaluation(Section):
    """How the test matrix is measured."""

    examples: Annotated[int, within(1, 2**20)]
    """Size of the frozen evaluation set of each distribution."""
    seed: Seed
    """Seed of the evaluation sets, the same for every run, so that runs can be compared."""
    bootstrap_resamples: Annotated[int, within(40, 10**6)]
    """Resamples behind each 95 % interval of a mean squared error."""


class Checked(Section):
    """Options that check themselves, and name all faults at once."""

    @model_validator(mode="after")
    def _check(self: C) -> C:
        if faults := list(self.faults()):
            raise InputError("; ".join(faults))
        return self


class Configuration(Checked):
    """A whole experiment: what `config.json` of a run folder holds."""

    recipe: str
    """Where the options come from that are not given: smoke, laptop, paper or paper-fast."""
    seed: Seed = 0
    """Seed of the initial weights and of every training example."""
    finetune_seed: Seed | None = None
    """Seed of the examples of fine-tuning; None: the same as `seed`."""
    graphs: Graphs
    """The world: how large graphs get, and which of them fine-tuning may see."""
    model: Architecture
    """The transformer's shape."""
    pretrain: Annotated[Training | None, tyro.conf.AvoidSubcommands]
    """Pre-training, on the distance from vertex 1 to vertex 2; None: no network is trained."""
    finetune: Annotated[Training | None, tyro.conf.AvoidSubcommands]
    """Fine-tuning, on vertices of shortest 1-2 paths of small graphs; None: there is none."""
    interventions: Annotated[tuple[str, ...], tyro.conf.arg(metavar="[SPEC ...]")] = ()
    """More fine-tuned networks, such as off_path=0.2+random_ids; a wrong word lists all of them."""
    evaluate: Evaluation
    """How the test matrix is measured."""
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"
    """Of matrix products in training (tf32: GPU only); weights and optimizer state are float32."""
    circuit: Annotated[Circuit, *HIDDEN] = "edge"
    """The handcrafted network: wide, doubling or edge."""
    imported: Annotated[str | None, *HIDDEN] = None
    """SHA-256 of the weights that `offpath import` took as pre-trained; None: trained here."""

    def faults(self, section: str = "") -> Iterator[str]:
        """Those of each option, and of options that do not fit each other."""
        yield from super().faults(section)
        yield from _joint_faults(self)

    def change(self, options: Mapping[str, Any]) -> "Configuration":
        """The same configuration but for some options, named and checked as on the command line.

        >>> from offpath.recipes import recipe
        >>> recipe("laptop").change({"pretrain.steps": 100, "seed": 1}).pretrain.steps
        100
        """
        record, known = self.model_dump(), [*dotted(self), *dict(self)]
        for name, value in options.items():
            if name not in known:
                raise InputError(
                    f"there is no option {name!r}{nearest(name, known)}; `offpath run --help` "
                    "lists them all"
                )
            section, _, option = name.rpartition(".")
            (record[section] if section else record)[option] = value
        return self.model_copy(update=record)

    def training(self, stage: Literal["pretrain", "finetune"]) -> Training:
        """The options of a stage of training; an `InputError` where there is none."""
        options: Training | None = getattr(self, stage)
        if options is None:
            raise InputError(f"this configuration has no {stage}: its network is handcrafted")
        return options

    def fingerprint(self) -> str:
        """Eight hexadecimal digits that change when any option but recipe name and seed does.

        Options at their default are left out, so that a run keeps its name when one is added.
        """
        options = self.model_dump(mode="json", exclude={"recipe", "seed"}, exclude_defaults=True)
        # The name that this option had at first: runs keep theirs.
        options["graphs"]["tune_vertices"] = options["graphs"].pop("finetune_vertices")
        return hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()[:8]

    @property
    def run_name(self) -> str:
        """Name of this configuration's run folder."""
        kind = "" if self.pretrain else f"-{self.circuit}"
        return f"{self.recipe}{kind}-{self.fingerprint()}-seed{self.seed}"


def configuration_from_json(text: str | bytes, source: str) -> Configuration:
    """The configuration written in `text`; an `InputError` that names `source` if it is damaged."""
    try:
        return Configuration.model_validate_json(text)
    except ValidationError as error:
        raise InputError(
            f"{source} is not a configuration of this version of offpath: {first_fault(error)}; "
            "restore the file, or choose another --runs-folder"
        ) from error
    except InputError as error:
        raise InputError(f"{source}: {error}") from error


def differences(one: Configuration, other: Configuration) -> list[tuple[str, Any, Any]]:
    """Every option that two configurations do not share, as in `pretrain.steps`, and its values."""
    here, there = dotted(one), dotted(other)
    pairs = [(name, here.get(name), there.get(name)) for name in {**here, **there}]
    return [(name, mine, yours) for name, mine, yours in pairs if mine != yours]


def dotted(configuration: Configuration) -> dict[str, Any]:
    """Every option by its full name, as in `pretrain.steps`."""
    return {
        f"{name}.{inner}" if inner else name: one
        for name, value in configuration.model_dump().items()
        for inner, one in (value if isinstance(value, dict) else {"": value}).items()
    }


def _joint_faults(c: Configuration) -> Iterator[str]:
    """The faults of options that do not fit each other."""
    graphs, model = c.graphs, c.model
    if not 3 <= graphs.finetune_vertices <= graphs.max_vertices:
        yield (
            f"graphs.finetune_vertices must be 3 to graphs.max_vertices ({graphs.max_vertices}), "
            f"for fine-tuning graphs are no larger than others; got {graphs.finetune_vertices}"
        )
    if model.width % 2 and model.tokens == "edges":
        yield f"model.width must be even, one half for each endpoint of an edge; got {model.width}"
    if model.head_size is None and model.heads > 0 and model.width % model.heads:
        yield (
            f"model.heads must divide model.width ({model.width}); got {model.heads}: "
            f"choose one of {divisors(model.width)}, or give model.head_size"
        )
    for name, allowed, other in (("norm", "pre or post", "none"), ("tokens", "edges", "vertices")):
        if c.pretrain and getattr(model, name) == other:
            yield f"model.{name} must be {allowed}, for networks that are trained; got {other}"
    if not c.recipe.replace("-", "").replace("_", "").isalnum():
        yield f"recipe must be letters, digits, - and _, for it names a folder; got {c.recipe!r}"
    stages = {"pretrain": c.pretrain, "finetune": c.finetune}
    yield from interventions.faults(c.interventions, stages)
    for stage, training in stages.items():
        if training:
            yield from _training_faults(stage, training)


def _training_faults(stage: str, t: Training) -> Iterator[str]:
    yield from outside(f"{stage}.warmup_steps", t.warmup_steps, 0, t.steps)
    if t.checkpoint_every_steps < 1 or t.checkpoint_every_steps % max(1, t.log_every_steps):
        yield (
            f"{stage}.checkpoint_every_steps must be a multiple of {stage}.log_every_steps "
            f"({t.log_every_steps}), so that no line of metrics spans a checkpoint; "
            f"got {t.checkpoint_every_steps}"
        )
