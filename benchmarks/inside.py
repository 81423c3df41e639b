"""What networks do inside, over seeds and depths, and a test of the verdict on other networks.

In: runs that have `results/inside.json`. Out: for each depth and size of graphs, by seed and
network, how far it looks, which dead ends it tells, what probes read, what heads are named and
which rules its errors agree with; and, on pairs of graphs that nothing else is read from, which
lengths of path the answers tell.
"""

from collections import Counter
from collections.abc import Sequence
from statistics import mean
from typing import Any

import numpy as np

from offpath.errors import InputError
from offpath.fit.checkpoints import load_model
from offpath.fit.transformer import Transformer, predict
from offpath.interpret.cuts import cuts
from offpath.results import Cut, Inside, InsideNetwork, Phases, read_result
from offpath.run.files import Record
from offpath.run.folder import Run

VARIED = {"graphs.max_vertices", "graphs.finetune_vertices", "graphs.balance_distance",
          "model.width"}  # fmt: skip
"""Options in which runs of this question may differ, beside those of all."""
SEED, PAIRS = 10**6, 50  # of the test: pairs for each length, end and depth
BITS = (1, 2, 3)
STRATA = (("to_target", "trained"), ("to_target", "on_path"), ("to_target", "off_path"),
          ("to_2", "off_path"))  # fmt: skip


def collected(runs: Sequence[Run]) -> Record:
    """One arm for each number of layers and size of graphs, with a row by network and seed."""
    arms: dict[str, Record] = {}
    measures: dict[str, str] = {}
    for run in runs:
        c = run.configuration
        layers, vertices = c.model.layers, c.graphs.max_vertices
        if not run.result(Inside.file).exists():
            raise InputError(f"{run.folder} has no inside.json; give `offpath inside {run.folder}`")
        result = read_result(run, Inside)
        head = {"layers": layers, "vertices": vertices, "networks": {}, "onsets": {}}
        arm = arms.setdefault(f"{layers} layers, {vertices} vertices", head)
        for one in result.networks:
            made = row(one) | {"lengths": lengths(load_model(run, one.checkpoint, "cpu"))}
            arm["networks"].setdefault(one.checkpoint, {})[c.seed] = made
        measures = result.measures
        if result.onsets:
            arm["onsets"][c.seed] = onsets(run, result)
    return {"arms": arms, "measures": measures}


def row(one: InsideNetwork) -> Record:
    """What a page needs of one network."""
    reach = one.reach.model_dump() if one.reach else None
    return {
        "right": one.right,
        "reach": reach,
        "ends": {layer: ends(one.cuts, layer) for layer in _layers(one.cuts)},
        "bits": bits(one),
        "numbers": {f"{target}, {stratum}": number(one, target, stratum)
                    for target, stratum in STRATA},
        "heads": dict(Counter(name for head in one.heads for name in head.names)),
        "rules": [
            {"rule": r.title, "questions": r.questions, "errors": r.errors,
             "agreement": r.agreement, "chance": r.chance, "low": r.low}
            for r in one.rules if r.agreement is not None
        ],
    }  # fmt: skip


def _layers(rows: Sequence[Cut]) -> list[int]:
    return sorted({cut.layer for cut in rows if cut.layer})


def ends(rows: Sequence[Cut], layer: int) -> list[float] | None:
    """How often dead ends near 1, and near 2, are told that search from the other end cannot see.

    After `layer` layers, on paths of more hops than that; dead ends within `layer` hops and half of
    the path.
    """
    told: dict[int, list[float]] = {1: [], 2: []}
    for cut in rows:
        if cut.layer == layer and cut.distance > layer:
            told[cut.end] += cut.told[: min(layer, cut.distance // 2)]
    return [mean(shares) for shares in told.values()] if all(told.values()) else None


def bits(one: InsideNetwork) -> Record:
    """The best layer's AUROC of k against k + 1 hops from 1, and from 2, at ends of edge tokens."""
    found: dict[str, float] = {}
    for p in one.probes:
        if (p.token, p.stratum) == ("edge", "trained") and p.bit in BITS:
            key = f"{p.target} {p.bit}"
            found[key] = max(found.get(key, 0.0), p.score)
    return found


def number(one: InsideNetwork, target: str, stratum: str) -> float | None:
    """R2 on the question token after the last layer."""
    place = ("question", target, stratum, None)
    own = [p for p in one.probes if (p.token, p.target, p.stratum, p.bit) == place]
    return max(own, key=lambda p: p.layer).score if own else None


def lengths(model: Transformer) -> dict[int, float]:
    """By length, how often the answer tells the path from its cut twin.

    Dead ends are as deep as the network has layers, or the deepest: to follow the path to the
    other end is the only way, for search of a hop a layer.
    """
    told: dict[int, float] = {}
    for distance in range(1, model.max_vertices - 3):
        made = cuts(model.max_vertices, distance, np.random.default_rng([SEED, distance]), PAIRS)
        deep = made.depth >= min(model.architecture.layers, distance)
        larger = predict(model, made.cut[deep]) > predict(model, made.whole[deep])
        told[distance] = float(larger.mean())
    return told


def onsets(run: Run, result: Inside) -> dict[str, Any]:
    """Steps at which measures have risen half way, and at which losses begin to fall suddenly."""
    found: dict[str, Any] = {
        one.measure: one.step for one in result.onsets if one.network == "pretrained"
    }
    for curve in read_result(run, Phases).curves:
        if curve.network == "pretrained" and curve.changes:
            found[f"loss of distance {curve.label}"] = curve.changes[-1].onset
    return found
