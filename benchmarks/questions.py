"""The questions that findings are measured on: so many of each kind that seeds are what varies.

In: a configuration. Out: frozen questions, the same for every seed, by kind, with what each rule
answers. They are the first of each kind in the evaluation streams of test e and of pre-training, of
which the test matrix has the beginning. Costs 10 s.
"""

from collections.abc import Callable, Iterator, Mapping
from statistics import mean
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from offpath.configs import Configuration
from offpath.data.batches import Batch, draw, joined
from offpath.data.worlds import world
from offpath.generalize.baselines import Known, rules
from offpath.generalize.evaluate import slices
from offpath.generalize.neighbours import finetuning_questions
from offpath.generalize.scores import best_monotone_map
from offpath.slices import ANY_TARGET, HARD, OFF_PATH, SAME_DISTANCE, label_title

Mask = Bool[np.ndarray, " example"]
Kinds = Iterator[tuple[str, Mask]]
OF_EACH = 1000  # questions
CHUNK, CHUNKS = 2**16, 16  # examples that are looked through
LEAST = 30  # questions of a kind, below which it is left out
KINDS = {
    "hard: on path, seen": HARD[1],
    "hard: on path, unseen": HARD[2],
    "hard: off path": HARD[3],
    "hard: off path, cut": HARD[4],
    "hard: trained": HARD[0]._replace(phrase="hard questions with target 2"),
    "off path, other distance": SAME_DISTANCE[0],
    "unreachable": OFF_PATH[2],
}
"""By the name that findings use: slices of test e."""


class Questions(NamedTuple):
    """Questions of several kinds."""

    batch: Batch
    kinds: Mapping[str, Mask]
    rules: Mapping[str, Float[np.ndarray, " example"]]  # of each trivial rule the answers


def questions(c: Configuration) -> Questions:
    """The questions of every kind: `KINDS`, hard ones by vertex id, pre-training by distance."""
    any_target = _drawn(c, ANY_TARGET, _any_target_kinds)
    trained = _drawn(c, "pretraining", _distances)
    parts = [_ruled(c, name, *part) for name, part in
             ((ANY_TARGET, any_target), ("pretraining", trained))]  # fmt: skip
    batch = joined([part.batch for part in parts])
    lengths = [len(part.batch.distance) for part in parts]
    kinds = {
        name: np.concatenate([mask if i == place else np.zeros(n, bool)
                              for i, n in enumerate(lengths)])
        for place, part in enumerate(parts)
        for name, mask in part.kinds.items()
        if mask.sum() >= LEAST
    }  # fmt: skip
    known = {name: np.concatenate([part.rules[name] for part in parts]) for name in parts[0].rules}
    return Questions(batch, kinds, known)


def _any_target_kinds(c: Configuration, batch: Batch) -> Kinds:
    group_of, members = slices(batch, c.graphs.finetune_vertices)
    for name, (by, part, *_) in KINDS.items():
        if (by, part) in members:
            yield name, members[by, part][group_of]
    hard = (batch.distance >= 3) & (batch.distance != batch.distance_to_2) & (batch.stratum == 1)
    for target in range(3, c.graphs.max_vertices + 1):
        yield id_kind(target), hard & (batch.tokens[:, -1, 0] == target)


def id_kind(target: int) -> str:
    """The kind of hard on-path questions that ask for one vertex id."""
    return f"hard: on path, t = {target}"


def _distances(c: Configuration, batch: Batch) -> Kinds:
    yield "pre-training", np.ones(len(batch.distance), bool)
    for distance in range(1, c.graphs.max_vertices + 1):
        yield distance_kind(distance, c), batch.distance == distance


def distance_kind(distance: int, c: Configuration) -> str:
    """The kind of questions of pre-training that have one true distance."""
    return f"pre-training: {label_title(distance, c.graphs.max_vertices)}"


def _drawn(
    c: Configuration, name: str, kinds_of: Callable[[Configuration, Batch], Kinds]
) -> tuple[Batch, dict[str, Mask]]:
    """The first questions of each kind in the evaluation stream of a distribution."""
    found: dict[str, int] = {}
    batches, masks = [], []
    for chunk in range(CHUNKS):
        batch = draw(world(name, c.graphs), c.evaluate.seed, chunk * CHUNK, CHUNK, "evaluation")
        here = {}
        for kind, mask in kinds_of(c, batch):
            here[kind] = mask & (np.cumsum(mask) + found.get(kind, 0) <= OF_EACH)
            found[kind] = found.get(kind, 0) + int(here[kind].sum())
        kept = np.logical_or.reduce([*here.values()])
        batches.append(batch.take(kept))
        masks.append((int(kept.sum()), {kind: mask[kept] for kind, mask in here.items()}))
        if min(found.values()) >= OF_EACH:
            break
    kinds = {
        kind: np.concatenate([part.get(kind, np.zeros(n, bool)) for n, part in masks])
        for kind in found
    }
    return joined(batches), kinds


def _ruled(c: Configuration, name: str, batch: Batch, kinds: dict[str, Mask]) -> Questions:
    """With the answers of the trivial rules, fitted on examples behind all others."""
    behind = draw(world(name, c.graphs), c.evaluate.seed, CHUNKS * CHUNK, CHUNK, "evaluation")
    known = Known(behind, finetuning_questions(c))
    table = rules(finetuned=known.finetuning is not None)
    answers = {n: rule.answers(batch, known) for n, rule in table.items() if rule.trivial}
    return Questions(batch, kinds, answers)


def recalibrated(answers: np.ndarray, truth: np.ndarray) -> float | None:
    """Accuracy after the best monotone map, each distance with the same weight.

    The map is fitted on one half of the questions and scored on the other, both ways. Hard
    questions have mostly the distance 3: without equal weights “always 3” would be the best map.
    """
    labels, counts = np.unique(truth, return_counts=True)
    labels, least = labels[counts >= LEAST], counts[counts >= LEAST].min(initial=len(truth))
    if len(labels) < 2:
        return None
    chosen = np.concatenate(
        [np.flatnonzero(truth == label)[: 2 * (least // 2)] for label in labels]
    )
    answers, truth, halves = answers[chosen], truth[chosen], np.arange(len(chosen)) % 2 == 0
    parts = []
    for fitted, scored in ((halves, ~halves), (~halves, halves)):
        mapped = best_monotone_map(answers[fitted], truth[fitted])(answers[scored])
        parts.append(float((mapped == truth[scored]).mean()))
    return mean(parts)
