"""The depth wall: accuracy by distance of networks with few layers, and what they answer beyond it.

In: runs that differ in layers, in the distances that pre-training shows, and in the seed. Out: for
each of them, by distance, how often the answer is right, how often it is given to other distances,
and with which rule the answers beyond the bound agree. All graphs have the same, largest size.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Int64

from benchmarks.questions import joined
from offpath.compute import Compute
from offpath.configs import Configuration
from offpath.data.batches import Batch, draw
from offpath.data.worlds import world
from offpath.errors import InputError
from offpath.fit.checkpoints import load_model
from offpath.fit.native import answers as natively
from offpath.generalize.baselines import Answers, Known, fitted, hops
from offpath.run.files import Record
from offpath.run.folder import Run
from offpath.sweep.presets import bound

OF_EACH = 500  # questions of each distance
FITTED = 2**16  # examples of pre-training, on which rules learn what to guess
HERE = Compute(torch.device("cpu"), threads=1)
Rounded = Int64[np.ndarray, " example"]


def collected(runs: Sequence[Run]) -> Record:
    """One arm for each pair of layers and distances shown, with a row for each seed."""
    every = replace_distance(runs[0].configuration)
    batch, arms = questions(every), {}
    for run in runs:
        c = run.configuration
        if c.pretrain is None:
            raise InputError(f"{run.folder} has no pre-trained network; leave it out")
        arm = f"{c.model.layers} layers, {c.graphs.pretrain_distance or 'every'}"
        head = {"layers": c.model.layers, "shown": c.graphs.pretrain_distance,
                "bound": bound(c.model.layers), "rows": {}}  # fmt: skip
        arms.setdefault(arm, head)["rows"][c.seed] = row(run, batch)
    labels = np.unique(batch.distance).tolist()
    return {"labels": labels, "of_each": OF_EACH, "arms": arms}


def replace_distance(c: Configuration) -> Configuration:
    """The configuration whose pre-training shows every distance."""
    return c.change({"graphs.pretrain_distance": None})


def questions(c: Configuration) -> Batch:
    """As many questions of each distance from 1 to 2, and without a path, in the largest graphs."""
    base, n = world("pretraining", c.graphs), c.graphs.max_vertices
    batches = []
    for label in range(n):
        shares = tuple(Fraction(int(d == label)) for d in range(n))
        one = replace(base, fewest_vertices=n, most_vertices=n, shares=shares)
        batches.append(draw(one, c.evaluate.seed, 0, OF_EACH, "evaluation"))
    return joined([*batches[1:], batches[0]])


def row(run: Run, batch: Batch) -> Record:
    """What one network answers, by distance, and the rules that its answers agree with."""
    c, truth = run.configuration, batch.distance.astype(np.int64)
    given = rounded_answers(run, batch)
    labels = np.unique(truth).tolist()
    right = {d: float((given[truth == d] == d).mean()) for d in labels}
    elsewhere = {d: float(np.mean([(given[truth == o] == d).mean() for o in labels if o != d]))
                 for d in labels}  # fmt: skip
    answers = {d: float(np.median(given[truth == d])) for d in labels}
    far = (truth > bound(c.model.layers)) & (truth < c.graphs.max_vertices)
    return {
        "right": right,
        "elsewhere": elsewhere,
        "median_answer": answers,
        "rules": dict(agreements(given[far], {n: a[far] for n, a in rules(c, batch).items()})),
    }


def rounded_answers(run: Run, batch: Batch) -> Rounded:
    """The answers of the pre-trained network as whole numbers, from -1 to behind the last label."""
    model = load_model(run, "pretrained", HERE.device)
    answers = natively(model, batch.tokens, HERE)
    return np.rint(answers).clip(-1, run.configuration.graphs.max_vertices + 1).astype(np.int64)


def rules(c: Configuration, batch: Batch) -> Mapping[str, Answers]:
    """What rules answer that search so far and then guess, fitted on what pre-training shows."""
    shown = draw(world("pretraining", c.graphs), c.evaluate.seed, 0, FITTED, "evaluation")
    known = Known(shown, None)
    reached = shown.distance[shown.distance < c.graphs.max_vertices]
    made = {
        f"search {radius} hops from {words}": fitted(partial(hops, radius=radius, both=both))
        for radius in range(1, c.model.layers + 1)
        for both, words in ((False, "1"), (True, "both ends"))
        if radius * (1 + both) <= bound(c.model.layers)
    }
    answers = {name: rule(batch, known) for name, rule in made.items()}
    answers["the largest distance shown"] = np.full(len(batch.distance), float(reached.max()))
    answers["no path"] = np.full(len(batch.distance), float(c.graphs.max_vertices))
    return answers


def agreements(
    given: Rounded, answers: Mapping[str, Float[np.ndarray, " example"]]
) -> Iterator[tuple[str, Record]]:
    """How often a rule gives the same answer, and how often it would by chance."""
    if not len(given):
        return
    shares = np.bincount(given + 1, minlength=70) / len(given)
    for name, rule in answers.items():
        own = rule.astype(np.int64)
        chance = float(shares @ (np.bincount(own + 1, minlength=70) / len(own)))
        yield name, {"agreement": float((own == given).mean()), "chance": chance}
