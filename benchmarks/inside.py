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
from jaxtyping import UInt8

from offpath.data.batches import Batch, draw
from offpath.data.worlds import worlds
from offpath.errors import InputError
from offpath.fit.checkpoints import load_model
from offpath.fit.transformer import Transformer, predict
from offpath.interpret.activations import question_streams
from offpath.interpret.cuts import Cuts, cuts, more, read_cuts
from offpath.interpret.reach import least_change
from offpath.results import Inside, InsideNetwork, Phases, read_result
from offpath.run.files import Record
from offpath.run.folder import Run
from offpath.slices import label_title

VARIED = {"graphs.max_vertices", "graphs.finetune_vertices", "graphs.balance_distance",
          "model.width"}  # fmt: skip
"""Options in which runs of this question may differ, beside those of all."""
SEED, PAIRS, EARLY_PAIRS = 10**6, 50, 400  # of the test: for each length, end and depth
NEAR = 2  # hops to a dead end, of those that search tells and an edge by itself is not
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
            model = load_model(run, one.checkpoint, "cpu")
            made = row(one) | {"lengths": lengths(model), "far": far_dead_ends(model)}
            made["early"] = early_dead_ends(model, draw(worlds(c.graphs)["test_e"], 0, 0, 1000))
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

    Dead ends are deeper than the network has layers, or the deepest: search of a hop a layer, from
    one end or from both, does not get to them.
    """
    made = {}
    for distance in range(1, model.max_vertices - 3):
        pairs = drawn(model, distance)
        deep = pairs.depth >= min(model.architecture.layers + 1, distance)
        made[distance] = larger(model, pairs.cut[deep], pairs.whole[deep])
    return made


def far_dead_ends(model: Transformer) -> Record | None:
    """How often the answer tells dead ends two hops from 1, and from 2, of the longest paths.

    Paths are too long to be spanned from both ends. `decoy`: how often the answer is larger where
    the other path, which touches neither, has such a short piece too: a rule that needs no search
    would take it for the same.
    """
    shortest = 2 * model.architecture.layers + 1
    span = range(shortest, model.max_vertices - 6)
    if not span:
        return None
    shares: dict[str, list[float]] = {"1": [], "2": [], "decoy": []}
    for distance in span:
        pairs = drawn(model, distance)
        for end in (1, 2):
            own = (pairs.end == end) & (pairs.depth == NEAR)
            shares[str(end)].append(larger(model, pairs.cut[own], pairs.whole[own]))
        alone = pairs.whole[pairs.depth == NEAR]
        pieces = alone.copy()
        pieces[:, distance + NEAR] = 0  # an edge of the other path: a piece of two edges is left
        shares["decoy"].append(larger(model, pieces, alone))
    return {name: mean(own) for name, own in shares.items()}


def early_dead_ends(model: Transformer, others: Batch) -> dict[int, list[float]]:
    """By layer, how often a probe tells dead ends two hops from 1, and from 2, on paths of four."""
    shares: dict[int, list[float]] = {}
    least = least_change(question_streams(model, others.tokens))
    for cut in read_cuts(model, drawn(model, 2 * NEAR, EARLY_PAIRS), least):
        if cut.layer is not None:
            shares.setdefault(cut.layer, []).append(cut.shares[NEAR - 1])
    return shares


def drawn(model: Transformer, distance: int, pairs: int = PAIRS) -> Cuts:
    """Pairs that nothing else is read from."""
    random = np.random.default_rng([SEED, distance])
    return cuts(model.max_vertices, distance, random, pairs)


def larger(
    model: Transformer,
    one: UInt8[np.ndarray, "pair token 2"],
    other: UInt8[np.ndarray, "pair token 2"],
) -> float:
    """How often the answer to the first is the larger; a tie is a half."""
    return float(more(predict(model, one), predict(model, other)).mean())


def onsets(run: Run, result: Inside) -> dict[str, Any]:
    """Steps at which measures have risen half way, and at which losses begin to fall suddenly."""
    found: dict[str, Any] = {
        one.measure: one.step for one in result.onsets if one.network == "pretrained"
    }
    for curve in read_result(run, Phases).curves:
        if curve.network == "pretrained" and curve.changes:
            label = label_title(curve.label, run.configuration.graphs.max_vertices)
            words = f"distance {label}" if label.isdigit() else label
            found[f"loss of {words}"] = curve.changes[-1].onset
    return found
