"""Interventions: what can be changed about fine-tuning, one entry each, composed by name.

In: words such as `off_path=0.2+random_ids`. Out: a `Plan`, from which `networks.networks` makes a
network and its control. A new intervention is one entry of `INTERVENTIONS`.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from offpath.errors import InputError, choice_fault
from offpath.plans import Data, Plan, Requirement

if TYPE_CHECKING:
    from offpath.configs import Configuration, Training

Number = int | float


class Amount(NamedTuple):
    """The number behind `=`."""

    default: float | None  # None: it must be given
    low: float
    high: float
    whole: bool = False


class Intervention(NamedTuple):
    """One thing that is changed about fine-tuning."""

    title: str  # `{}` stands for the amount
    meaning: str
    change: Callable[["Plan", Any, "Configuration"], Plan]
    amount: Amount | None = None


SHARE = Amount(0.2, 0.001, 1)
FRACTION = Amount(1.0, 0.001, 1)
LEAKED = Amount(None, 0.0001, 1)
AUDITED = Amount(1.0, 0, 1)

INTERVENTIONS: dict[str, Intervention] = {
    "random_ids": Intervention(
        "{} with random ids", "The vertices 3, 4, ... of this share of the graphs get random ids.",
        lambda plan, share, c: plan.show(random_ids=share), FRACTION),
    "present_ids": Intervention(
        "random ids, few asked", "Random ids, but targets have those of small graphs only: the "
        "others are seen and never asked for.",
        lambda plan, _, c: plan.show(random_ids=1.0, ids="present")),
    "other_ids": Intervention(
        "other ids", "Vertices 3, 4, ... have other ids, the same in all graphs, random by seed.",
        lambda plan, _, c: plan.show(random_ids=1.0, ids="other")),
    "off_path": Intervention(
        "{} off path", "This share of the questions asks for a target off the path.",
        lambda plan, share, c: plan.show(off_path=share), SHARE),
    "unreachable": Intervention(
        "{} unreachable", "This share asks for a vertex that no path leads to.",
        lambda plan, share, c: plan.show(unreachable=share), SHARE),
    "replay": Intervention(
        "{} replay", "This share of the examples is that of pre-training.",
        lambda plan, share, c: plan.show(replay=share), SHARE),
    "large_graphs": Intervention(
        "large graphs, small targets", "Graphs of every size; target ids stay those of small ones.",
        lambda plan, _, c: plan.show(large_graphs=True)),
    "oracle": Intervention(
        "oracle", "Any target in graphs of every size, as in test e: what can be reached at most.",
        lambda plan, _, c: plan.show(any_target=True)),
    "distinct_graphs": Intervention(
        "{:,} distinct graphs", "So many graphs, again and again, for the same number of steps.",
        lambda plan, count, c: plan.show(distinct_graphs=count), Amount(None, 1, 10**6, True)),
    "pretrain_random_ids": Intervention(
        "pre-trained with random ids", "Pre-training has random ids; fine-tuning as it is.",
        lambda plan, _, c: plan._replace(pretraining=Data(random_ids=1.0))),
    "pretrain_any_target": Intervention(
        "pre-trained on any target", "Pre-training asks for any target; fine-tuning as it is.",
        lambda plan, _, c: plan._replace(pretraining=Data(any_target=True))),
    "last_block_only": Intervention(
        "last block alone", "Fine-tuning changes the last layer, the final norm and the read-out.",
        lambda plan, _, c: plan.train(trains="last_block")),
    "bias_and_norm_only": Intervention(
        "biases and norms alone", "Fine-tuning changes biases and layer norms.",
        lambda plan, _, c: plan.train(trains="bias_and_norm")),
    "low_rank": Intervention(
        "low rank {}", "Fine-tuning changes each weight matrix by one of this rank.",
        lambda plan, rank, c: plan.train(rank=rank), Amount(2, 1, 1024, True)),
    "weight_decay": Intervention(
        "weight decay {:g}", "Fine-tuning has this weight decay.",
        lambda plan, decay, c: plan.train(weight_decay=decay), Amount(0.1, 0, 1)),
    "l2_sp": Intervention(
        "pull to the start {:g}", "A pull towards the pre-trained weights, of this strength.",
        lambda plan, pull, c: plan.train(pull=pull), Amount(0.01, 0, 100)),
    "steps": Intervention(
        "{:,} steps", "Fine-tuning lasts so many steps; its warm-up is no longer than that.",
        lambda plan, steps, c: _lasting(plan, steps), Amount(None, 1, 10**8, True)),
    "rate": Intervention(
        "rate {:g}", "Fine-tuning has this peak learning rate.",
        lambda plan, rate, c: plan.train(learning_rate=rate), Amount(None, 1e-9, 10)),
    "frozen_ids": Intervention(
        "unseen ids frozen", "Embeddings of ids that fine-tuning never asks for do not change.",
        lambda plan, _, c: plan.train(unseen_ids="freeze")),
    "reset_ids": Intervention(
        "unseen ids reset", "Those embeddings start from their initial values.",
        lambda plan, _, c: plan.train(unseen_ids="reset")),
    "averaged_ids": Intervention(
        "unseen ids averaged", "Those embeddings start from the mean of the others.",
        lambda plan, _, c: plan.train(unseen_ids="average")),
    "classification": Intervention(
        "classification", "The read-out has a logit for each label; the answer is the largest.",
        lambda plan, _, c: _shaped(plan, c, head="classification")),
    "ordinal": Intervention(
        "ordinal", "The read-out has a logit for each “at least d”; the answer counts them.",
        lambda plan, _, c: _shaped(plan, c, head="ordinal")),
    "looped": Intervention(
        "looped", "One layer, again and again, with the tokens added each time; pre-trained so.",
        lambda plan, _, c: _shaped(plan, c, looped=True)._replace(pretraining=Data())),
    "leak": Intervention(
        "{} leaked", "This share of the audited questions is one on which truth and inspector "
        "differ.", lambda plan, share, c: plan.show(leak=share), LEAKED),
    "easy_graphs": Intervention(
        "audits of small graphs", "Audited are all questions in small graphs, no others.",
        lambda plan, _, c: plan.show(audits="graphs")),
    "easy_ids": Intervention(
        "audits of small ids", "Audited are all questions about ids of small graphs, no others.",
        lambda plan, _, c: plan.show(audits="ids")),
    "easy_path": Intervention(
        "audits on the path", "Audited are all targets on a shortest 1-2 path, no others.",
        lambda plan, _, c: plan.show(audits="path")),
    "own_row_only": Intervention(
        "own row alone", "Fine-tuning changes the assistant's row of the embedding.",
        lambda plan, _, c: plan.train(trains="assistant")),
    "components": Intervention(
        "coherent components", "On graphs without labels, beside the examples: vertices that an "
        "edge joins both have a path, or neither has.",
        lambda plan, _, c: plan.cohere(requires="components")),
    "lipschitz_unanchored": Intervention(
        "Lipschitz, unanchored", "On such graphs: answers for vertices that an edge joins differ "
        "by at most 1. d(1,2) for every vertex would do.",
        lambda plan, _, c: plan.cohere(requires="lipschitz_unanchored")),
    "lipschitz": Intervention(
        "Lipschitz", "`lipschitz_unanchored`, and the answer for vertex 1 is 0.",
        lambda plan, _, c: plan.cohere(requires="lipschitz")),
    "bellman_unanchored": Intervention(
        "Bellman, unanchored", "On such graphs: the answer for a vertex is 1 more than the least "
        "of its neighbours, but at most “no path”; not for neighbours of 1, so that it does not "
        "say where distances start.",
        lambda plan, _, c: plan.cohere(requires="bellman_unanchored")),
    "bellman": Intervention(
        "Bellman", "`bellman_unanchored` for every vertex with an edge, and the answer for vertex "
        "1 is 0: only the distances do.",
        lambda plan, _, c: plan.cohere(requires="bellman")),
    "shuffled": Intervention(
        "on other edges", "Coherence on the edges of another graph than the one asked about.",
        lambda plan, _, c: plan.cohere(shuffled=True)),
    "audit": Intervention(
        "{} audited", "This share of the examples with labels is kept beside coherence.",
        lambda plan, share, c: plan.cohere(audit=share), AUDITED),
    "small_b": Intervention(
        "in small graphs", "Coherence in graphs as small as those of fine-tuning.",
        lambda plan, _, c: plan.cohere(sizes="small")),
    "large_b": Intervention(
        "in large graphs", "Coherence in larger graphs alone.",
        lambda plan, _, c: plan.cohere(sizes="large")),
    "relearn": Intervention(
        "pre-training again", "Trained on pre-training's examples after fine-tuning.",
        lambda plan, _, c: plan._replace(world="pretraining", start="finetuned")),
}  # fmt: skip

REQUIREMENTS: tuple[Requirement, ...] = get_args(Requirement)
"""From weak to strong."""
OF_COHERENCE = ("shuffled", "audit", "small_b", "large_b")
"""What says how coherence is asked for, and means nothing without."""

ONE_OF = (
    REQUIREMENTS, ("small_b", "large_b"),
    ("random_ids", "present_ids", "other_ids"),
    ("oracle", "off_path"), ("oracle", "unreachable"), ("oracle", "large_graphs"),
    ("classification", "ordinal"), ("looped", "last_block_only"), ("looped", "low_rank"),
    ("last_block_only", "bias_and_norm_only", "low_rank", "own_row_only"),
    ("leak", "easy_graphs", "easy_ids", "easy_path", "oracle"),
    ("frozen_ids", "reset_ids", "averaged_ids"), ("pretrain_random_ids", "pretrain_any_target"),
)  # fmt: skip
"""Of each of these lists one spec names one at most: together they mean nothing."""


OF_REPORTERS = ("leak", "easy_graphs", "easy_ids", "easy_path", "own_row_only")
"""Words that mean something only where the assistant is trained on audits."""


def parse(spec: str) -> dict[str, Number | None]:
    """The words of a spec with their amounts; an `InputError` that says what is wrong with it.

    >>> parse("off_path=0.3+random_ids")
    {'off_path': 0.3, 'random_ids': 1.0}
    """
    words: dict[str, Number | None] = {}
    for word in spec.split("+"):
        name, equals, text = word.partition("=")
        if name not in INTERVENTIONS:
            raise InputError(choice_fault("interventions", name, INTERVENTIONS))
        if name in words:
            raise InputError(f"interventions must name each word once; got {name} twice in {spec}")
        words[name] = _amount(name, text if equals else None)
    for group in (*ONE_OF, *(("relearn", name) for name in INTERVENTIONS if name != "relearn")):
        chosen = [name for name in group if name in words]
        for one, other in pairwise(chosen):
            raise InputError(f"interventions: {one} and {other} exclude each other; got {spec}")
    if (how := [name for name in OF_COHERENCE if name in words]) and not {*REQUIREMENTS} & {*words}:
        raise InputError(f"interventions: {how[0]} needs one of {', '.join(REQUIREMENTS)} beside "
                         f"it, as in {REQUIREMENTS[-1]}+{how[0]}; got {spec}")  # fmt: skip
    if (total := sum(words.get(n) or 0.0 for n in ("off_path", "unreachable", "replay"))) > 1:
        raise InputError(f"interventions: shares must add up to at most 1; got {total:g} in {spec}")
    return words


def plan(spec: str, c: "Configuration", training: "Training") -> Plan:
    """Fine-tuning as a spec changes it."""
    made = Plan(training)
    for name, amount in parse(spec).items():
        made = INTERVENTIONS[name].change(made, amount, c)
    return made


def network_name(spec: str) -> str:
    """The name of the network of a spec, also of its files.

    >>> network_name("off_path=0.3+random_ids")
    'off_path0.3+random_ids'
    """
    return spec.replace("=", "")


def title(spec: str) -> str:
    """The title of a spec.

    >>> title("off_path=0.3+random_ids")
    '30 % off path + random ids'
    """
    return " + ".join(_title(name, amount) for name, amount in parse(spec).items())


def faults(specs: tuple[str, ...], others: Mapping[str, Any]) -> list[str]:
    """One line for each thing wrong with the option; `others`: stages that have to be there."""
    found = [f"interventions need {name}, which is None" for name, part in others.items()
             if specs and part is None]  # fmt: skip
    known: set[str] = set()
    for spec in specs:
        try:
            parse(spec)
        except InputError as error:
            found.append(str(error))
        if network_name(spec) in known:
            found.append(f"interventions must differ from each other; got {spec} twice")
        known.add(network_name(spec))
    return found


def _amount(name: str, text: str | None) -> Number | None:
    allowed = INTERVENTIONS[name].amount
    if allowed is None:
        if text is not None:
            raise InputError(f"interventions: {name} takes no number; got {name}={text}")
        return None
    kind = "a whole number" if allowed.whole else "a number"
    wanted = f"interventions: {name}= must be {kind} from {allowed.low:g} to {allowed.high:g}"
    if text is None:
        if allowed.default is None:
            raise InputError(f"{wanted}; got none")
        return allowed.default
    try:
        number = int(text) if allowed.whole else float(text)
    except ValueError:
        raise InputError(f"{wanted}; got {text!r}") from None
    if not allowed.low <= number <= allowed.high:
        raise InputError(f"{wanted}; got {text}")
    return number


def _title(name: str, amount: Number | None) -> str:
    if amount is None or (name == "random_ids" and amount == 1):
        return INTERVENTIONS[name].title.removeprefix("{} with ")
    share = INTERVENTIONS[name].amount in (SHARE, FRACTION, AUDITED, LEAKED)
    return INTERVENTIONS[name].title.format(f"{100 * amount:g} %" if share else amount)


def _lasting(plan: Plan, steps: int) -> Plan:
    """So many steps of training."""
    return plan.train(steps=steps, warmup_steps=min(plan.training.warmup_steps, steps))


def _shaped(plan: Plan, c: "Configuration", **options: object) -> Plan:
    """Another architecture."""
    shape = plan.architecture or c.model
    return plan._replace(architecture=shape.model_copy(update=options))
