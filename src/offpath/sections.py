"""The sections of a configuration: frozen records of options, each with its limits.

In: values. Out: records that name what is wrong with them; `configs.Configuration` puts them
together and checks what does not fit.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import tyro
from pydantic import BaseModel, ConfigDict, ValidationError, model_serializer, model_validator

from offpath.errors import InputError, first_fault

S = TypeVar("S", bound="Section")
C = TypeVar("C", bound="Checked")
HIDDEN = (tyro.conf.Fixed, tyro.conf.SuppressFixed)
"""Of what is no option of the command line: another verb sets it."""
Head = Literal["regression", "classification", "ordinal"]
LATER = (*HIDDEN, "later")
"""Of what came later: it is written only where it is not at its default, so that files of earlier
versions stay byte for byte."""


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

    @model_serializer(mode="wrap")
    def _written(self, every: Callable[..., dict[str, Any]]) -> dict[str, Any]:
        fields = type(self).model_fields
        later = {n for n, f in fields.items() if "later" in f.metadata}
        left_out = {name for name in later if getattr(self, name) == fields[name].default}
        return {name: value for name, value in every(self).items() if name not in left_out}

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
    pretrain_distance: Annotated[int | None, *LATER, within(1, 63)] = None
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
    head: Annotated[Head, *LATER] = "regression"
    """Read-out: a number; a logit per label; or, ordinal, one per "is the distance at least k?"."""
    looped: Annotated[bool, *LATER] = False
    """One layer, applied `layers` times, to whose input the embedding is added each time."""
    markers: Annotated[int, *LATER, within(1, 128)] = 1
    """Reporters that can be asked, each a row of the embedding; of a configuration, its own."""

    def outputs(self, max_vertices: int) -> int:
        """Numbers that the read-out gives: thresholds are 2 to `max_vertices`, labels 1 too."""
        heads = {"classification": max_vertices, "ordinal": max_vertices - 1}
        return heads.get(self.head, 1)


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
    trains: Annotated[Literal["all", "last_block", "bias_and_norm", "assistant"], *LATER] = "all"
    """What changes: the last layer and all behind it; or biases and layer norms ("BitFit", Ben
    Zaken et al. 2022); or the assistant's embedding. A read-out of labels changes too."""
    rank: Annotated[int | None, *LATER, within(1, 65536)] = None
    """Low-rank change (LoRA, Hu et al. 2021) of each matrix of attention and feed-forward, and of
    nothing else; queries, keys and values are three. None: no limit."""
    pull: Annotated[float, *LATER, within(0, 1000)] = 0.0
    """Half of this, times the squared distance from the weights that training starts from, is part
    of the loss: L2-SP (Li, Grandvalet, Davoine 2018). Its gradient is clipped with the rest."""
    unseen_ids: Annotated[Literal["train", "freeze", "reset", "average"], *LATER] = "train"
    """Embedding of the ids above `finetune_vertices`: as all others; never changed; or, before the
    first step, set to the untrained rows, or to the mean row of the ids 3 to `finetune_vertices`.
    Graphs of plain fine-tuning lack these ids: there, freeze only stops the decay of weights."""
    log_every_steps: Steps
    """One line of metrics, averaged over this many steps."""
    checkpoint_every_steps: int
    """A checkpoint that a killed run resumes from; a multiple of `log_every_steps`."""


class Reporters(Section):
    """Who is asked: `truth`, inspectors that can check only so much, and `assistant`."""

    truth_share: Share = 0.5
    """Share of the questions of pre-training that `truth` is asked; the inspectors get the rest."""
    inspectors: tuple[str, ...] = ("near=2",)
    """How they answer: near=HOPS, small=VERTICES, ids=LARGEST or vertex_2; see
    `reporters.py`. Audits go by whether the first is right."""
    first: Literal["together", "truth", "inspector"] = "together"
    """Whom the first half of pre-training asks: both, or one of them alone."""


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
