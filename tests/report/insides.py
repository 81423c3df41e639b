"""What made-up networks do inside: a search from both ends, a half-learned one, and noise."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from offpath.results import (
    Ablation,
    AlongStep,
    AttentionShare,
    Cut,
    Head,
    Inside,
    InsideNetwork,
    Notice,
    Onset,
    Patch,
    ProbedTarget,
    Reach,
    RuleAgreement,
)
from offpath.results.inside import ReachLaw

NAMES = ("untrained", "pretrained", "finetuned", "scratch", "circuit", "circuit-finetuned")
SKILL = {"untrained": 0.0, "circuit": 1.0}  # how sharp the search is; of all others a half
KEYS = {"self": "the query itself", "shares an end": "edges that share an end with the query"}
STEPS = (0, 10, 100, 1000)
BY_HOP = (3, 5)  # distances of which patching tells hops apart
STRATA = ("trained", "on_path", "off_path")


class Size(NamedTuple):
    """How large the networks and their graphs are."""

    layers: int = 3
    max_vertices: int = 5


SMALL, STUDY = Size(), Size(layers=11, max_vertices=15)


def inside(size: Size = SMALL, names: tuple[str, ...] = NAMES) -> Inside:
    """A search of which every layer is a hop from each end, as sharp as a network's skill."""
    onsets = {"reads d(1,2)": 60.0, "shares an end": None}
    return Inside(
        max_vertices=size.max_vertices, questions=2048, pairs=256, keys=KEYS,
        thresholds={"share of attention": 0.5, "noticed": 0.9},
        measures={"reads d(1,2)": "R² of d(1,2) on the question token",
                  "shares an end": "attention to edges that share an end"},
        networks=[_network(name, SKILL.get(name, 0.5), size) for name in names],
        along=[AlongStep(network="pretrained", step=step,
                         measures={"reads d(1,2)": place / 3, "shares an end": 0.2})
               for place, step in enumerate(STEPS)],
        onsets=[Onset(network="pretrained", measure=name, first=0.0, last=0.9, step=step)
                for name, step in onsets.items()],
    )  # fmt: skip


def without(name: str, why: str) -> InsideNetwork:
    """A network of which nothing is measured."""
    return InsideNetwork(
        checkpoint=name, mse=4.0, right=0.1, probes=[], heads=[], patches=[], ablations=[],
        notices=[], reach=None, cuts=[], rules=[], left_out=[why],
    )  # fmt: skip


def _network(name: str, skill: float, size: Size) -> InsideNetwork:
    lengths: list[int | None] = [
        min(size.layers, (length + 1) // 2 + 1) if skill else None
        for length in range(1, size.max_vertices)
    ]
    laws: dict[float, ReachLaw] = {0.0: "none", 0.5: "one end", 1.0: "both ends"}
    return InsideNetwork(
        checkpoint=name, mse=2 * (1 - skill), right=0.3 + 0.7 * skill,
        probes=[*_bits(skill, size), *_numbers(skill, size)], heads=[*_heads(skill, size)],
        patches=[*_patches(skill, size)], ablations=[*_ablations(skill, size)],
        notices=[*_notices(skill, size)],
        reach=Reach(layers=lengths, hops_per_layer=2 * skill or None, hops_low=1.9 * skill or None,
                    hops_high=2.2 * skill or None, law=laws[skill]),
        cuts=[*_cuts(skill, size)], rules=[*_rules(skill)], left_out=[],
    )  # fmt: skip


def _bits(skill: float, size: Size) -> Iterator[ProbedTarget]:
    """A layer reads one hop: that of its number from vertex 1, and one less from t."""
    for layer in range(size.layers + 1):
        for lag, target in enumerate(("from_source", "from_target")):
            for bit in range(size.max_vertices):
                score = 0.5 + 0.5 * skill / (1 + abs(layer - bit - lag))
                yield _probe(layer, "edge", target, score, bit=bit, stratum="trained")
            yield _probe(layer, "edge", target, skill / 2, stratum="trained")


def _numbers(skill: float, size: Size) -> Iterator[ProbedTarget]:
    for layer in range(size.layers + 1):
        part = layer / size.layers
        for target in ("to_target", "to_2", "edges", "vertices"):
            yield _probe(layer, "question", target, skill * part)
        for number, stratum in enumerate(STRATA):
            score = skill * part / (1 + number)
            yield _probe(layer, "question", "to_target", score, stratum=stratum)
        yield _probe(layer, "question", "to_2", skill, stratum="off_path")


def _probe(layer: int, token: Any, target: Any, score: float, **where: Any) -> ProbedTarget:
    ends = {"low": score - 0.02, "high": score}
    places = {"bit": None, "stratum": None, **where}
    chance = -0.01 if places["bit"] is None else 0.5
    return ProbedTarget(
        layer=layer, token=token, target=target, count=4000, score=score, **ends, shuffled=chance,
        **places,
    )  # fmt: skip


def _heads(skill: float, size: Size) -> Iterator[Head]:
    for layer in range(1, size.layers + 1):
        for head in (1, 2):
            own = 0.2 + 0.6 * skill * (head == 1)
            shares = [
                AttentionShare(query="edge", key="shares an end", share=own, even=0.2),
                AttentionShare(query="edge", key="self", share=1 - own, even=0.8),
                AttentionShare(query="question", key="shares an end", share=0.3, even=0.3),
            ]
            names = ["collects at an end"] if own > 0.5 else []
            yield Head(layer=layer, head=head, shares=shares, edge_entropy=1 - skill / 2,
                       question_entropy=0.98, names=names)  # fmt: skip


def _patches(skill: float, size: Size) -> Iterator[Patch]:
    """The edited edge carries the answer up to the layer of its hop, then the next ones do."""
    for distance in range(2, min(size.max_vertices, 9)):
        hops = range(1, distance + 1 if distance in BY_HOP else 1)
        for layer in range(size.layers + 1):
            for hop in hops:
                yield _patch(distance, hop, layer, "edited", None, skill * (layer < hop))
                for at in hops:
                    share = -0.1 if layer < at else 0.2
                    yield _patch(distance, hop, layer, "path", at, skill * share)
            groups = {"edited": 0.5, "path": 0.1, "other": 0.0, "all": 1.0,
                      "question": layer / size.layers}  # fmt: skip
            for group, share in groups.items():
                yield _patch(distance, None, layer, group, None, skill * share)


def _patch(
    distance: int, hop: int | None, layer: int, group: Any, at: int | None, share: float
) -> Patch:
    return Patch(
        distance=distance, hop=hop, layer=layer, group=group, at=at, pairs=256, change=1.5,
        carried=share, low=share - 0.05, high=share + 0.05,
    )  # fmt: skip


def _ablations(skill: float, size: Size) -> Iterator[Ablation]:
    for layer in range(1, size.layers + 1):
        for head in (1, 2):
            for distance in (None, *range(1, size.max_vertices + 1)):
                lost = skill * (0.4 if distance and distance >= layer and head == 1 else -0.02)
                yield Ablation(layer=layer, head=head, distance=distance, count=400, right=0.9,
                               right_without=0.9 - lost, moved=abs(lost))  # fmt: skip


def _notices(skill: float, size: Size) -> Iterator[Notice]:
    """Both ends of a path are noticed first, its middle last."""
    for distance in range(1, size.max_vertices):
        for hop in range(1, distance + 1):
            deep = min(hop, distance + 1 - hop)
            for layer in range(size.layers + 1):
                noticed = 0.5 + 0.5 * skill * (layer > deep)
                yield Notice(distance=distance, hop=hop, layer=layer, pairs=200, noticed=noticed)


def _cuts(skill: float, size: Size) -> Iterator[Cut]:
    """Dead ends are told one hop a layer farther from either end."""
    for distance in range(1, size.max_vertices - 3):
        for end in (1, 2):
            for layer in (*range(size.layers + 1), None):
                reached = size.layers if layer is None else layer
                told = [0.5 + 0.5 * skill * (depth <= reached) for depth in range(1, distance + 1)]
                yield Cut(distance=distance, end=end, layer=layer, pairs=30, shares=told)


def _rules(skill: float) -> Iterator[RuleAgreement]:
    """Nobody errs on unreachable targets, and the circuit seldom at all."""
    for rule, title in (("hops_3", "search of 3 hops from 1"), ("d12", "d(1,2)")):
        for questions in ("trained", "off_path", "unreachable"):
            few = questions == "unreachable" or skill == 1
            scores = {"agreement": 0.3 + skill / 2, "chance": 0.3, "low": skill / 2 - 0.1,
                      "high": skill / 2 + 0.1}  # fmt: skip
            yield RuleAgreement(rule=rule, title=title, questions=questions,
                                errors=12 if few else 340,
                                **(dict.fromkeys(scores) if few else scores))  # fmt: skip
