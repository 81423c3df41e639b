"""The ledger of rules: what cheap rules score on the same examples, the least a network must beat.

A rule that has to guess answers the most frequent label of what it sees, counted on examples that
are not scored. It also knows the stratum of each question, which no network does: a network is
compared with the strongest form of each rule. Rules that search further than two edges are shown
for scale; they are the skill itself, and no network is compared with them.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int64, UInt64

from offpath.data.batches import Batch
from offpath.generalize.neighbours import Questions, nearest_answers
from offpath.networks import Colour

Answers = Float[np.ndarray, " example"]
Keys = Int64[np.ndarray, " example"]
NEVER, BEYOND = 254, 255  # what a search finds: there is no path; it is farther than it looks
PLAIN: Colour = ("#8a7f6a", "#b5aa94")
ONE = np.uint64(1)


class Known(NamedTuple):
    """What rules may know: examples of the same distribution, and what fine-tuning shows."""

    calibration: Batch
    finetuning: Questions | None


class Rule(NamedTuple):
    """A cheap rule: a row of the test matrix."""

    title: str
    answers: Callable[[Batch, Known], Answers]
    colour: Colour = PLAIN
    trivial: bool = True  # whether a network has to beat it


def rules(finetuned: bool) -> dict[str, Rule]:
    """Every rule by name; `finetuned`: whether there are fine-tuning data to look up."""
    table = {
        "constant": Rule("best constant", constant, ("#94783c", "#cdb582")),
        "distance_to_2": Rule("answer d(1,2)", distance_to_2, ("#9a4a95", "#dd9ddb")),
        "most_frequent": Rule("most frequent label", fitted(lambda b: np.zeros(len(b.distance)))),
        "ones": Rule("answer 1", lambda b, _: np.ones(len(b.distance))),
        "adjacency": Rule("1 if adjacent, else 2", adjacency),
        "edges": Rule("most frequent by edges", fitted(lambda b: b.token_counts)),
        "degree": Rule("most frequent by degree of t", fitted(degree)),
        "hops_1": Rule("search 1 hop from 1", fitted(partial(hops, radius=1))),
        "hops_2": Rule("search 2 hops from 1", fitted(partial(hops, radius=2))),
        "both_1": Rule("search 1 hop from both ends", fitted(partial(hops, radius=1, both=True))),
        "nearest": Rule("nearest fine-tuning question", nearest),
        "hops_3": Rule("search 3 hops from 1", fitted(partial(hops, radius=3)), trivial=False),
        "both_2": Rule("search 2 hops from both ends", fitted(partial(hops, radius=2, both=True)),
                       trivial=False),
    }  # fmt: skip
    return {name: rule for name, rule in table.items() if finetuned or name != "nearest"}


def constant(batch: Batch, known: Known) -> Answers:
    """The best constant for squared error: the mean label, whatever the question."""
    return np.full(len(batch.distance), known.calibration.distance.mean())


def distance_to_2(batch: Batch, known: Known | None = None) -> Answers:
    """The distance to vertex 2, whatever the target: pre-training's answer to every question."""
    return batch.distance_to_2.astype(float)


def adjacency(batch: Batch, known: Known | None = None) -> Answers:
    """1 where the edge from 1 to the target is there, 2 elsewhere."""
    return np.where(batch.distance == 1, 1.0, 2.0)


def nearest(batch: Batch, known: Known) -> Answers:
    """The answer to the most similar question of fine-tuning."""
    assert known.finetuning is not None, "the rule is left out where nothing is fine-tuned"
    return nearest_answers(batch, known.finetuning)


def degree(batch: Batch) -> Keys:
    """Edges that touch the target; repeated ones count."""
    target = batch.tokens[:, -1:, :1]
    return (batch.tokens[:, :-1] == target).any(2).sum(1)


def hops(batch: Batch, radius: int, *, both: bool = False) -> Keys:
    """What a breadth-first search of that radius from 1, or from 1 and t at once, finds out.

    The distance up to the radius, or twice the radius from both ends; `NEVER` where a search comes
    to an end; `BEYOND` otherwise.
    """
    reach = 2 * radius if both else radius
    found = np.where(batch.distance <= reach, batch.distance, BEYOND).astype(np.int64)
    neighbours = adjacency_masks(batch)
    ended = exhausted(neighbours, np.ones(len(found), np.uint64), radius)
    if both:
        targets = ONE << (batch.tokens[:, -1, 0].astype(np.uint64) - ONE)
        ended |= exhausted(neighbours, targets, radius)
    return np.where(ended & (found == BEYOND), NEVER, found)


def adjacency_masks(batch: Batch) -> UInt64[np.ndarray, "example vertex"]:
    """The neighbours of each vertex as bits: bit v - 1 stands for vertex v."""
    every = np.arange(len(batch.tokens))
    masks = np.zeros((len(batch.tokens), batch.no_path), np.uint64)
    for edge in batch.tokens[:, :-1].astype(np.uint64).swapaxes(0, 1):
        there, (a, b) = edge[:, 0] != 0, edge.T
        for end, other in ((a, b), (b, a)):
            bits = ONE << (other[there] - ONE)
            masks[every[there], end[there].astype(np.int64) - 1] |= bits
    return masks


def exhausted(
    neighbours: UInt64[np.ndarray, "example vertex"],
    start: UInt64[np.ndarray, " example"],
    radius: int,
) -> Bool[np.ndarray, " example"]:
    """Whether a search from the set `start` meets no new vertex within `radius` hops."""
    visited = frontier = start
    ended = np.zeros(len(start), bool)
    for _ in range(radius):
        reached = np.zeros_like(start)
        for vertex, masks in enumerate(neighbours.T):
            reached |= np.where(frontier >> np.uint64(vertex) & ONE, masks, np.uint64(0))
        frontier = reached & ~visited
        visited = visited | frontier
        ended |= frontier == 0
    return ended


def fitted(seen: Callable[[Batch], np.ndarray]) -> Callable[[Batch, Known], Answers]:
    """The rule that answers the most frequent label of what `seen` gives, in each stratum."""

    def answers(batch: Batch, known: Known) -> Answers:
        most, cases = batch.no_path + 1, 8 * (BEYOND + 1)
        here, there = (
            8 * np.minimum(seen(b).astype(np.int64), BEYOND) + b.stratum
            for b in (batch, known.calibration)
        )
        counts = np.zeros((cases, most))
        np.add.at(counts, (there, known.calibration.distance.astype(np.int64)), 1.0)
        of_stratum = counts.reshape(-1, 8, most).sum(0)
        everywhere = of_stratum.sum(0)
        # What was not met is answered as its stratum, and a stratum not met as the whole.
        counts += 1e-4 * np.tile(of_stratum / max(1.0, of_stratum.sum()), (cases // 8, 1))
        counts += 1e-9 * everywhere / max(1.0, everywhere.sum())
        return counts.argmax(1)[here].astype(float)

    return answers
