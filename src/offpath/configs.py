"""Every option of every stage, as frozen records that check themselves.

In: what a recipe, a command line or a `config.json` says. Out: a `Configuration` that is known to
make sense, or one `InputError` that names every fault in it at once.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import tyro
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from offpath.errors import InputError, divisors, first_fault, nearest, outside

Circuit = Literal["wide", "doubling", "edge"]
"""The handcrafted networks."""
Precision = Literal["float32", "tf32", "bfloat16"]
HIDDEN = (tyro.conf.Fixed, tyro.conf.SuppressFixed)
"""Of what is no option of the command line: another verb sets it."""


S = TypeVar("S", bound="Section")


class Section(BaseModel):
    """Options that belong together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def model_copy(self: S, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> S:
        """The same options but for `update`, checked anew: pydantic's own copy checks nothing."""
        try:
            return type(self).model_validate({**dict(self), **(update or {})})
        except ValidationError as error:
            raise InputError(first_fault(error)) from error


class Graphs(Section):
    """The world: how large graphs get, and which of them fine-tuning may see."""

    max_vertices: int
    """Vertices of the largest graph, 3 to 64; also the label of "no path"."""
    finetune_vertices: int
    """Vertices of the largest graph that fine-tuning shows, 3 to `max_vertices`."""
    balance_distance: int
    """k: pre-training keeps every distance >= k, and d < k with probability 1 / (2 (k - d))."""


class Architecture(Section):
    """The transformer's shape."""

    width: int
    """Size of the residual stream; even, because half of it encodes each endpoint of an edge."""
    layers: int
    """Number of transformer layers."""
    heads: int
    """Attention heads of each layer; they divide `width`, unless `head_size` is given."""
    feed_forward: int
    """Hidden units of each layer's feed-forward part."""
    norm: Annotated[Literal["pre", "post", "none"], tyro.conf.arg(metavar="{pre,post}")]
    """Layer norm before each part, or after its residual sum (post, as in WWZ24)."""
    final_norm: Annotated[bool, tyro.conf.FlagConversionOff]
    """One more layer norm before the read-out."""
    tokens: Annotated[Literal["edges", "vertices"], *HIDDEN] = "edges"
    """What the tokens are: edges of the graph and the question, or its vertices and the answer."""
    head_size: Annotated[int | None, *HIDDEN] = None
    """Size of a head's queries, keys and values; None: `width` divided by `heads`."""


class Training(Section):
    """One stage of training: how many examples, which optimizer, which learning rate when."""

    batch_examples: int
    """Examples of one optimizer step."""
    steps: int
    """Number of optimizer steps."""
    optimizer: Literal["adam", "adamw"]
    """adam adds weight decay to the gradient (L2), adamw takes it from the weights."""
    learning_rate: float
    """Peak learning rate."""
    warmup_steps: int
    """Steps over which the learning rate rises linearly from 0 to its peak."""
    decay: Literal["linear", "cosine", "drop"]
    """Shape of the way from the peak to `final_share`; drop goes there at once."""
    decay_from: float
    """Share of all steps, 0 to 1, after which the decay begins."""
    final_share: float
    """Learning rate after the last step, as a share of the peak."""
    beta1: float
    """Decay of the running mean of the gradient."""
    beta2: float
    """Decay of the running mean of the squared gradient."""
    weight_decay: float
    """Pull of all weights towards zero, per unit of learning rate."""
    clip_norm: float | None
    """Gradients with a larger norm are scaled down to it; None leaves them alone."""
    log_every_steps: int
    """One line of metrics, averaged over this many steps."""
    checkpoint_every_steps: int
    """A checkpoint that a killed run resumes from; a multiple of `log_every_steps`."""


class Evaluation(Section):
    """How the test matrix is measured."""

    examples: int
    """Size of the frozen evaluation set of each distribution."""
    seed: int
    """Seed of the evaluation sets, the same for every run, so that runs can be compared."""
    bootstrap_resamples: int
    """Resamples behind each 95 % interval of a mean squared error."""


class Configuration(Section):
    """A whole experiment: what `config.json` of a run folder holds."""

    recipe: str
    """Where the options come from that are not given: smoke, laptop or paper."""
    seed: int = 0
    """Seed of the initial weights and of every training example."""
    graphs: Graphs
    """The world: how large graphs get, and which of them fine-tuning may see."""
    model: Architecture
    """The transformer's shape."""
    pretrain: Annotated[Training | None, tyro.conf.AvoidSubcommands]
    """Pre-training, on the distance from vertex 1 to vertex 2; None: no network is trained."""
    finetune: Annotated[Training | None, tyro.conf.AvoidSubcommands]
    """Fine-tuning, on vertices of shortest 1-2 paths of small graphs; None: there is none."""
    evaluate: Evaluation
    """How the test matrix is measured."""
    precision: Precision = "float32"
    """Of matrix products in training (tf32: GPU only); weights and optimizer state are float32."""
    circuit: Annotated[Circuit, *HIDDEN] = "edge"
    """The handcrafted network: wide, doubling or edge."""
    imported: Annotated[str | None, *HIDDEN] = None
    """SHA-256 of the weights that `offpath import` took as pre-trained; None: trained here."""

    @model_validator(mode="after")
    def _all_faults_at_once(self) -> "Configuration":
        if faults := list(_faults(self)):
            raise InputError("; ".join(faults))
        return self

    def change(self, options: Mapping[str, Any]) -> "Configuration":
        """The same configuration but for some options, named and checked as on the command line.

        >>> from offpath.recipes import recipe
        >>> recipe("laptop").change({"pretrain.steps": 100, "seed": 1}).pretrain.steps
        100
        """
        record, known = self.model_dump(), [*_dotted(self), *dict(self)]
        for name, value in options.items():
            if name not in known:
                raise InputError(
                    f"there is no option {name!r}{nearest(name, known)}; `offpath run --help` "
                    "lists them all"
                )
            *section, option = name.split(".")
            (record[section[0]] if section else record)[option] = value
        return self.model_copy(update=record)

    def training(self, stage: Literal["pretrain", "finetune"]) -> Training:
        """The options of a stage of training; an `InputError` where nothing is trained."""
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


class Difference(NamedTuple):
    """An option that two configurations do not share.

    >>> str(Difference("pretrain.steps", 100, 200))
    'pretrain.steps 100, not 200'
    """

    option: str
    here: Any
    there: Any

    def __str__(self) -> str:
        return f"{self.option} {self.here}, not {self.there}"


def differences(one: Configuration, other: Configuration) -> list[Difference]:
    """Every option on which two configurations differ, in the order of `config.json`."""
    here, there = _dotted(one), _dotted(other)
    return [
        Difference(name, here.get(name), there.get(name))
        for name in {**here, **there}
        if here.get(name) != there.get(name)
    ]


def _dotted(configuration: Configuration) -> dict[str, Any]:
    """Every option by its full name, as in `pretrain.steps`."""
    options = {}
    for name, value in configuration.model_dump().items():
        if isinstance(value, dict):
            options |= {f"{name}.{inner}": one for inner, one in value.items()}
        else:
            options[name] = value
    return options


def _faults(c: Configuration) -> Iterator[str]:
    """One line for each thing that is wrong: name, allowed range, value, remedy."""
    graphs, model = c.graphs, c.model
    yield from outside("seed", c.seed, 0, 2**63 - 1)
    yield from outside("graphs.max_vertices", graphs.max_vertices, 3, 64)
    if not 3 <= graphs.finetune_vertices <= graphs.max_vertices:
        yield (
            f"graphs.finetune_vertices must be 3 to graphs.max_vertices ({graphs.max_vertices}), "
            f"for fine-tuning graphs are no larger than others; got {graphs.finetune_vertices}"
        )
    yield from outside("graphs.balance_distance", graphs.balance_distance, 2, 64)
    for name in ("width", "layers", "heads", "feed_forward"):
        yield from outside(f"model.{name}", getattr(model, name), 1, 65536)
    if model.width % 2 and model.tokens == "edges":
        yield f"model.width must be even, one half for each endpoint of an edge; got {model.width}"
    if model.head_size is not None:
        yield from outside("model.head_size", model.head_size, 1, 65536)
    elif model.heads > 0 and model.width % model.heads:
        yield (
            f"model.heads must divide model.width ({model.width}); got {model.heads}: "
            f"choose one of {divisors(model.width)}, or give model.head_size"
        )
    if c.pretrain is not None and model.norm == "none":
        yield "model.norm must be pre or post, for networks that are trained; got none"
    if c.pretrain is not None and model.tokens == "vertices":
        yield "model.tokens must be edges, for networks that are trained; got vertices"
    for stage, training in (("pretrain", c.pretrain), ("finetune", c.finetune)):
        if training is not None:
            yield from _training_faults(stage, training)
    yield from outside("evaluate.examples", c.evaluate.examples, 1, 2**20)
    yield from outside("evaluate.seed", c.evaluate.seed, 0, 2**63 - 1)
    yield from outside("evaluate.bootstrap_resamples", c.evaluate.bootstrap_resamples, 40, 10**6)
    if not c.recipe.replace("-", "").replace("_", "").isalnum():
        yield f"recipe must be letters, digits, - and _, for it names a folder; got {c.recipe!r}"


def _training_faults(stage: str, t: Training) -> Iterator[str]:
    yield from outside(f"{stage}.batch_examples", t.batch_examples, 1, 2**24)
    yield from outside(f"{stage}.steps", t.steps, 1, 10**8)
    if not 0 < t.learning_rate <= 10:
        yield f"{stage}.learning_rate must be above 0 and at most 10; got {t.learning_rate}"
    yield from outside(f"{stage}.warmup_steps", t.warmup_steps, 0, t.steps)
    for name in ("decay_from", "final_share", "weight_decay"):
        yield from outside(f"{stage}.{name}", getattr(t, name), 0, 1)
    for name in ("beta1", "beta2"):
        if not 0 <= getattr(t, name) < 1:
            yield f"{stage}.{name} must be at least 0 and below 1; got {getattr(t, name)}"
    if t.clip_norm is not None and not 0 < t.clip_norm <= 1e9:
        yield f"{stage}.clip_norm must be above 0, or None for no clipping; got {t.clip_norm}"
    yield from outside(f"{stage}.log_every_steps", t.log_every_steps, 1, 10**8)
    if t.checkpoint_every_steps < 1 or t.checkpoint_every_steps % max(1, t.log_every_steps):
        yield (
            f"{stage}.checkpoint_every_steps must be a multiple of {stage}.log_every_steps "
            f"({t.log_every_steps}), so that no line of metrics spans a checkpoint; "
            f"got {t.checkpoint_every_steps}"
        )
