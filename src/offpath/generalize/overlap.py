"""The ledger of overlap: which questions of an evaluation set a training set holds too.

In: the evaluation sets and a configuration. Out: for each evaluation set and each training set the
shares that occur in both, exactly: the training examples are drawn again and compared by content.
Costs about a microsecond per training example.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, UInt64

from offpath.configs import Configuration
from offpath.data.batches import Batch, draw, stream
from offpath.data.contents import Contents, contents
from offpath.data.mixtures import training_world
from offpath.data.worlds import World
from offpath.networks import networks
from offpath.results import OverlapRow

CHUNK = 2**18
MOST_COUNTED = 2**25  # training examples among which distinct questions are counted


class TrainingSet(NamedTuple):
    """All examples that training draws from one distribution."""

    world: str  # its name
    source: World
    seed: int
    examples: int
    batch_examples: int

    def batches(self, threads: int) -> Iterator[Batch]:
        """The examples, in pieces."""
        if self.source.candidates > 1:  # which of them are chosen is decided batch by batch
            batches = stream(self.source, self.seed, self.batch_examples, threads=threads)
            yield from islice(batches, self.examples // self.batch_examples)
            return
        for start in range(0, self.examples, CHUNK):
            count = min(CHUNK, self.examples - start)
            yield draw(self.source, self.seed, start, count, threads=threads)


def training_sets(c: Configuration) -> list[TrainingSet]:
    """What the networks of a run are trained on, each set once; interventions' own are left out."""
    sets = [
        TrainingSet(one.world,
                    training_world(one.world, c.graphs, one.training, one.data, c.reporters),
                    c.seed if one.seed is None else one.seed,
                    one.training.steps * one.training.batch_examples,
                    one.training.batch_examples if one.training.candidates > 1 else 1)
        for one in networks(c)
        if one.training and one.world and not one.intervention
    ]  # fmt: skip
    return [one for one in dict.fromkeys(sets) if not (c.imported and one.world == "pretraining")]


def overlap(
    batches: Mapping[str, Batch], c: Configuration, threads: int = 1
) -> tuple[list[OverlapRow], dict[str, Bool[np.ndarray, " example"]]]:
    """The ledger, and for each evaluation set which of its questions no training set holds."""
    asked = {name: contents(batch) for name, batch in batches.items()}
    new = {name: np.ones(len(batch.distance), bool) for name, batch in batches.items()}
    rows = []
    for training in training_sets(c):
        shown, distinct = _shown(asked, training, threads)
        for name, known in shown.items():
            eligible = asked[name].renamed != 0
            new[name] &= ~known["question"]
            rows.append(
                OverlapRow(
                    world=name,
                    training_world=training.world,
                    training_examples=training.examples,
                    distinct=distinct,
                    graph=float(known["graph"].mean()),
                    question=float(known["question"].mean()),
                    renamed=float(known["renamed"][eligible].mean()) if eligible.any() else None,
                )
            )
    return rows, new


def _shown(
    asked: Mapping[str, Contents], training: TrainingSet, threads: int
) -> tuple[dict[str, dict[str, Bool[np.ndarray, " example"]]], int | None]:
    """By evaluation set and kind of content, which examples training shows; distinct questions."""
    fields = Contents._fields
    sought = {f: np.unique(np.concatenate([getattr(a, f) for a in asked.values()])) for f in fields}
    there = {field: np.zeros(len(values), bool) for field, values in sought.items()}
    counted = training.examples <= MOST_COUNTED
    questions: list[UInt64[np.ndarray, " question"]] = []
    for batch in training.batches(threads):
        drawn = contents(batch)
        for field in fields:
            values = np.unique(getattr(drawn, field))
            place = np.searchsorted(sought[field], values).clip(max=len(sought[field]) - 1)
            there[field][place[sought[field][place] == values]] = True
        if counted:
            questions.append(np.unique(drawn.question))
    known = {
        name: {
            field: there[field][np.searchsorted(sought[field], getattr(own, field))]
            for field in fields
        }
        for name, own in asked.items()
    }
    return known, len(np.unique(np.concatenate(questions))) if counted else None
