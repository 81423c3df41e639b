"""Coherence and truth on whole graphs: what every network of finished runs answers to all targets.

In: runs of the preset `coherence`, or with some of its networks; those that are not trained yet are
left out. Out: by network and seed, accuracy on each part of the questions, and which functions the
answers to a graph are. The graphs are the same for every seed, and no training without labels has
shown them. Costs about a second for each network.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from offpath.compute import Compute
from offpath.configs import Configuration
from offpath.data.batches import Batch, draw
from offpath.data.distances import adjacency_of
from offpath.data.unlabelled import is_held_out
from offpath.data.worlds import world
from offpath.fit.checkpoints import load_model
from offpath.generalize.baselines import Known, distance_to_2, rules
from offpath.generalize.coherence import (
    KINDS,
    PARTS,
    Asked,
    answered,
    asked,
    function_rows,
    part_rows,
    requirement_shares,
)
from offpath.networks import Network, networks
from offpath.run.files import Record
from offpath.run.folder import Run
from offpath.slices import ANY_TARGET

LOOKED_THROUGH = 2**13  # graphs of test e; a quarter of them is held out
CALIBRATION = 2**14  # examples from which rules learn what to guess
HERE = Compute(torch.device("cpu"), threads=1)


def collected(runs: Sequence[Run]) -> Record:
    """The values of a page."""
    c = runs[0].configuration
    graphs, made, titles = asked(c, looked_through=LOOKED_THROUGH), {}, {}
    for run in runs:
        for one in measurable(run):
            titles.setdefault(one.name, one.title)
            key = one.name, run.configuration.seed
            if key not in made:
                made[key] = measured(run, one, graphs)
    seeds = sorted({seed for _, seed in made})

    def by_seed(*place: str) -> dict[str, list[float | None]]:
        return {name: [_at(made.get((name, seed)), *place) for seed in seeds] for name in titles}

    asked_here = {title: part for part, title in PARTS.items() if graphs.parts[part].any()}
    return {
        "networks": titles,
        "finetune": c.training("finetune").model_dump(include={"steps", "batch_examples"}),
        "graphs": len(graphs.content),
        "contents": len(np.unique(graphs.content)),
        "judged": int(graphs.judged.sum()),
        "questions": {title: int(graphs.parts[part].sum()) for title, part in asked_here.items()},
        "rules": best_rules(c, graphs),
        "scores": {title: {"accuracy": by_seed("parts", part)}
                   for title, part in asked_here.items()},
        "functions": {kind: by_seed("functions", kind) for kind in KINDS},
        "requirements": {
            one: by_seed("requirements", one)
            for one in next(iter(made.values()))["requirements"]
        },
    }  # fmt: skip


def measurable(run: Run) -> list[Network]:
    """Pre-trained and fine-tuned networks of a run, but those from scratch and from the circuit."""
    c = run.configuration
    exact = [one.name for one in networks(c) if one.made_by == "handcraft"]
    plain = [one for one in networks(c) if one.training and one.starts_from not in exact]
    return [one for one in plain
            if not one.name.endswith("scratch") and run.checkpoint(one.name).exists()]  # fmt: skip


def measured(run: Run, one: Network, graphs: Asked) -> Record:
    """What one network answers."""
    given = answered(load_model(run, one.name, HERE.device), graphs, HERE)
    return {
        "parts": {row["part"]: row["accuracy"] for row in part_rows(given, graphs)},
        "functions": {row["kind"]: row["share"] for row in function_rows(given, graphs)},
        "requirements": requirement_shares(given, graphs),
    }


def _at(record: Record | None, *place: str) -> float | None:
    for name in place:
        record = None if record is None else record.get(name)
    return record  # type: ignore[return-value]


def best_rules(c: Configuration, graphs: Asked) -> dict[str, Record]:
    """On each part the trivial rule that is right most often, fitted on graphs not held out."""
    source, seed = world(ANY_TARGET, c.graphs), c.evaluate.seed
    drawn = draw(source, seed, LOOKED_THROUGH, CALIBRATION, "evaluation")
    shown = ~is_held_out(adjacency_of(drawn.tokens))
    known = Known(drawn.take(shown), None)
    batch, best = every_question(graphs, c.graphs.finetune_vertices), {}
    trivial = {n: rule for n, rule in rules(finetuned=False).items() if rule.trivial}
    right = {
        rule.title: np.rint(rule.answers(batch, known)) == batch.distance
        for rule in trivial.values()
        if rule.answers is not distance_to_2  # which a part is chosen by
    }
    for part, title in PARTS.items():
        mask = graphs.parts[part][:, 1:].ravel()
        if mask.any():
            shares = {name: float(hits[mask].mean()) for name, hits in right.items()}
            first = max(shares, key=lambda name, of=shares: of[name])
            best[title] = {"rule": first, "accuracy": shares[first]}
    return best


def every_question(graphs: Asked, small: int) -> Batch:
    """All questions on whole graphs as examples."""
    count, no_path = graphs.distance.shape
    target = np.tile(np.arange(2, no_path + 1), count)
    parts: Mapping[str, np.ndarray] = graphs.parts
    to_2 = np.repeat(graphs.distance[:, 1], no_path - 1)
    distance = graphs.distance[:, 1:].ravel()
    on_path = (parts["seen"] | parts["unseen"])[:, 1:].ravel()
    stratum = np.select(
        [target == 2, target > np.repeat(graphs.vertices, no_path - 1), distance == no_path,
         to_2 == no_path, on_path],
        [0, 5, 4, 3, 1], 2,
    )  # fmt: skip
    return Batch(
        graphs.whole.tokens,
        distance.astype(np.uint8),
        to_2.astype(np.uint8),
        np.repeat(graphs.vertices, no_path - 1).astype(np.uint8),
        stratum.astype(np.uint8),
        target > small,
        ~graphs.joined[:, 1:].ravel(),
    )
