"""Every option of every stage, as frozen records that check themselves.

In: what a recipe, a command line or a `config.json` says. Out: a `Configuration` that is known to
make sense, or one `InputError` that names every fault in it at once.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import tyro
from pydantic import ValidationError

from offpath import interventions
from offpath.errors import InputError, divisors, first_fault, nearest, outside
from offpath.plans import Data, Plan
from offpath.reporters import is_right_on, names, reporter_faults
from offpath.sections import (
    HIDDEN,
    Architecture,
    Checked,
    Evaluation,
    Graphs,
    Reporters,
    Section,
    Seed,
    Training,
)

Circuit = Literal["wide", "doubling", "edge"]
"""The handcrafted networks."""


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
    interventions: Annotated[tuple[str, ...], tyro.conf.arg(metavar="[SPEC ...]"), "later"] = ()
    """More fine-tuned networks, such as off_path=0.2+random_ids; a wrong word lists all of them."""
    evaluate: Evaluation
    """How the test matrix is measured."""
    reporters: Annotated[Reporters | None, tyro.conf.AvoidSubcommands, "later"] = None
    """Who is asked, as in the recipe truth; None: plain questions, whose answer is the truth."""
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"
    """Of matrix products in training (tf32: GPU only); weights and optimizer state are float32."""
    circuit: Annotated[Circuit, *HIDDEN] = "edge"
    """The handcrafted network: wide, doubling or edge."""
    imported: Annotated[str | None, *HIDDEN] = None
    """SHA-256 of the weights that `offpath import` took as pre-trained; None: trained here."""

    def model_post_init(self, context: object, /) -> None:
        """Give the network a marker for each reporter; weights from elsewhere have their own."""
        if self.reporters and not self.imported:
            markers = {"markers": len(names(self.reporters))}
            object.__setattr__(self, "model", self.model.model_copy(update=markers))

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
        for name, value in configuration
        for inner, one in (dict(value) if isinstance(value, Section) else {"": value}).items()
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
    for stage, training in stages.items():
        if training:
            yield from training_faults(stage, training, model, graphs)
    yield from _reporter_faults(c)
    yield from _intervention_faults(c)


def _reporter_faults(c: Configuration) -> Iterator[str]:
    """What is wrong with the reporters, and with what is trained on their answers."""
    if c.reporters is None:
        if c.model.markers > 1:
            yield f"model.markers must be 1 where there are no reporters; got {c.model.markers}"
        return
    yield from reporter_faults(c.reporters, c.graphs)
    if not (c.pretrain and c.finetune):
        yield "reporters need pretrain and finetune, which teach who says what; one is None"
    if c.model.markers != (wanted := len(names(c.reporters))):
        yield (
            f"model.markers must be {wanted}, one for each of {', '.join(names(c.reporters))}; got "
            f"{c.model.markers}, as the imported weights have: choose a recipe without reporters, "
            "or pre-train with `offpath run`"
        )
    for stage, t in (("pretrain", c.pretrain), ("finetune", c.finetune)):
        if t and t.candidates > 1:
            yield f"{stage}.candidates must be 1 where reporters are asked; got {t.candidates}"


def _intervention_faults(c: Configuration) -> Iterator[str]:
    """What is wrong with interventions, and with the training that they make."""
    stages = {"pretrain": c.pretrain, "finetune": c.finetune}
    found = interventions.faults(c.interventions, stages)
    yield from found
    if found or c.finetune is None:
        return
    for spec in c.interventions:
        try:
            plan = interventions.plan(spec, c, c.finetune)
        except InputError as error:
            yield f"interventions: {spec}: {error}"
            continue
        yield from _audit_faults(spec, plan, c)
        shape = plan.architecture or c.model
        yield from training_faults(f"interventions: {spec}", plan.training, shape, c.graphs)
        if plan.coherence is None:
            continue
        if shape.head != "regression" or plan.training.classification:
            yield (
                f"interventions: {spec}: coherence is one of answers that are numbers: head must "
                f"be regression and finetune.classification 0; got {shape.head} and "
                f"{plan.training.classification}"
            )
        if plan.coherence.sizes == "large" and c.graphs.finetune_vertices >= c.graphs.max_vertices:
            yield (
                f"interventions: {spec}: large_b needs graphs.finetune_vertices below "
                f"graphs.max_vertices ({c.graphs.max_vertices}), so that some graphs are larger; "
                f"got {c.graphs.finetune_vertices}"
            )


def _audit_faults(spec: str, plan: Plan, c: Configuration) -> Iterator[str]:
    """Interventions that mean nothing with reporters, or without."""
    if c.reporters is None:
        for word in interventions.parse(spec):
            if word in interventions.OF_REPORTERS:
                yield f"interventions: {word} needs reporters, as in the recipe truth; got {spec}"
        return
    plain = plan.data._replace(leak=0.0, audits=None, any_target=False)
    if plain != Data() or plan.pretraining is not None or plan.coherence:
        allowed = ", ".join(interventions.OF_REPORTERS)
        yield (
            f"interventions: {spec} changes the examples of plain questions, and this run has "
            f"reporters; choose {allowed}, oracle, or words that change no examples"
        )
    small = c.graphs.finetune_vertices
    if plan.data.audits in ("graphs", "ids") and small == c.graphs.max_vertices:
        yield (
            f"interventions: {spec} audits everything where graphs.finetune_vertices is "
            f"graphs.max_vertices ({small}); choose a smaller one, or oracle"
        )
    elif plan.data.audits and not reporter_faults(c.reporters, c.graphs):
        rule = c.reporters.inspectors[0]
        if is_right_on(rule, plan.data.audits, c.graphs):
            yield (
                f"interventions: {spec} audits no question on which {rule} is wrong, for "
                f"graphs.finetune_vertices is {small}; choose another inspector, or leave it out"
            )


def training_faults(stage: str, t: Training, a: Architecture, graphs: Graphs) -> Iterator[str]:
    """The faults of options of training that do not fit each other, or the network."""
    yield from outside(f"{stage}.warmup_steps", t.warmup_steps, 0, t.steps)
    if t.checkpoint_every_steps < 1 or t.checkpoint_every_steps % max(1, t.log_every_steps):
        yield (
            f"{stage}.checkpoint_every_steps must be a multiple of {stage}.log_every_steps "
            f"({t.log_every_steps}), so that no line of metrics spans a checkpoint; "
            f"got {t.checkpoint_every_steps}"
        )
    if t.rank is not None:
        inner = a.heads * a.head_size if a.head_size else a.width
        yield from outside(f"{stage}.rank", t.rank, 1, min(a.width, inner, a.feed_forward))
    some, every_id = t.trains != "all", graphs.finetune_vertices == graphs.max_vertices
    held = t.unseen_ids == "freeze" and (some or t.rank is not None)
    rules = [
        ("rank", None, some, f"trains is {t.trains}"),
        ("rank", None, t.optimizer == "muon", "the optimizer is muon"),
        ("rank", None, t.pull > 0, "pull is above 0"),
        ("classification", 0.0, t.rank is not None, "rank is given"),
        ("classification", 0.0, t.trains == "bias_and_norm", f"trains is {t.trains}"),
        ("classification", 0.0, a.head != "regression", f"the head is {a.head}"),
        ("trains", "all", t.trains == "assistant" and a.markers < 2, "the model has one marker"),
        ("trains", "all", a.looped and t.trains == "last_block", "all layers are one"),
        ("unseen_ids", "train", every_id, "fine-tuning asks for all ids"),
        ("unseen_ids", "train", a.tokens == "vertices", "tokens are vertices"),
        ("unseen_ids", "train", held, "no row of an id changes"),
    ]
    for name, allowed, applies, where in rules:
        if applies and (value := getattr(t, name)) != allowed:
            yield f"{stage}.{name} must be {allowed} where {where}; got {value}"
