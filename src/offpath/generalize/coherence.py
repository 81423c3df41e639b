"""Whole graphs: is what a network answers to all questions on one graph true, coherent, or both?

In: the checkpoints of a run, and graphs of test e from the quarter that training without labels
never draws. Out: `results/coherence.json`. Answers are rounded, and what they are is found exactly:
as a function on the vertices with an edge they are the distances, or meet a requirement of
`fit.coherence` to the last vertex, or do not.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Int64

from offpath import results
from offpath.compute import Compute
from offpath.configs import Configuration
from offpath.data.batches import draw
from offpath.data.contents import contents_of
from offpath.data.distances import adjacency_of, hops
from offpath.data.unlabelled import Whole, is_held_out, whole_of
from offpath.data.worlds import world
from offpath.fit.checkpoints import load_model
from offpath.fit.coherence import required, shortfalls
from offpath.fit.native import answers as natively
from offpath.fit.transformer import Transformer
from offpath.generalize.intervals import accuracy_interval
from offpath.generalize.matrix import predictor_rows
from offpath.interventions import REQUIREMENTS
from offpath.networks import has_coherence, networks
from offpath.plans import Requirement
from offpath.results import write_result
from offpath.results.coherence import FunctionKind
from offpath.run.files import Record
from offpath.run.folder import Run, holds_run
from offpath.slices import ANY_TARGET

LEAST_EXAMPLES, PART = 512, 8  # looked through: this part of an evaluation set, but no fewer
PARTS = {
    "seen": "on path, seen ids",
    "unseen": "on path, unseen ids",
    "off_path_hard": "off path, d(1,t) neither 1 nor d(1,2)",
    "off_path_far": "off path, d(1,t) at least 3 and not d(1,2)",
    "off_path_near": "off path, d(1,t) = 1 and not d(1,2)",
    "cut": "off path, cut",
    "unreachable": "unreachable, with edges",
}
KINDS: dict[FunctionKind, str] = {
    "truth": "the distances",
    "d(1,2)": "d(1,2) for every vertex",
    "constant": "another number for every vertex",
    "shifted": "the distances plus a number",
    "bellman": "another solution of the unanchored Bellman equation",
    "lipschitz": "neighbours differ by at most 1, no solution",
    "none": "not coherent",
}
LARGEST = 10**6  # stands for an answer that is larger, or none
Function = Int64[np.ndarray, "graph vertex"]
Vertices = Bool[np.ndarray, "graph vertex"]
Graphs = Bool[np.ndarray, " graph"]


class Asked(NamedTuple):
    """Graphs with every question on them; vertices count from 1, which nobody asks for."""

    whole: Whole
    vertices: Int64[np.ndarray, " graph"]  # of each graph, with an edge or not
    content: Int64[np.ndarray, " graph"]  # the same number for the same edges
    distance: Function  # d(1,t)
    joined: Vertices  # t has an edge, and is not 1
    parts: dict[str, Vertices]
    judged: Graphs  # with a vertex two hops from 1 or more, where coherence leaves room for lies


@holds_run
def measure_coherence(run: Run, compute: Compute) -> Iterator[Record]:
    """Measure every network on whole graphs; does nothing in a run without coherent ones."""
    c = run.configuration
    if not has_coherence(c):
        return
    graphs = asked(c, compute.threads)
    models = {one.name: load_model(run, one.name, compute.device) for one in networks(c)}
    cells, functions, requirements = [], [], []
    for name, model in models.items():
        given, own = answered(model, graphs, compute), {"predictor": name}
        cells += [results.WholeCell(**own, **row) for row in part_rows(given, graphs)]
        functions += [results.FunctionShare(**own, **row) for row in function_rows(given, graphs)]
        requirements += [
            results.RequirementShare(**own, requires=one, share=share)
            for one, share in requirement_shares(given, graphs).items()
        ]
    parts = [
        results.WholePart(part=part, title=title, questions=int(graphs.parts[part].sum()))
        for part, title in PARTS.items()
    ]
    made = results.WholeGraphs(
        graphs=len(graphs.content),
        contents=len(np.unique(graphs.content)),
        judged=int(graphs.judged.sum()),
        predictors=predictor_rows(models, {}, c),
        parts=parts,
        cells=cells,
        functions=functions,
        requirements=requirements,
    )
    write_result(run, made)
    yield {"stage": "coherence", "step": 1, "of": 1, "world": "held-out graphs of test e"}


def asked(c: Configuration, threads: int = 1, looked_through: int | None = None) -> Asked:
    """The held-out graphs among so many at the beginning of the evaluation stream of test e."""
    count = looked_through or max(LEAST_EXAMPLES, c.evaluate.examples // PART)
    source, seed = world(ANY_TARGET, c.graphs), c.evaluate.seed
    batch = draw(source, seed, 0, count, "evaluation", threads)
    kept = is_held_out(adjacency_of(batch.tokens))
    tokens, vertices = batch.tokens[kept], batch.vertices[kept].astype(np.int64)
    content = np.unique(contents_of(tokens).graph, return_inverse=True)[1].astype(np.int64)
    whole = whole_of(tokens)
    distance = hops(whole.adjacency, 1)
    joined = required("bellman", torch.from_numpy(whole.adjacency)).numpy()
    beyond = (distance > 1) & (distance < c.graphs.max_vertices)
    parts = _parts(whole, distance, joined, c.graphs.finetune_vertices)
    return Asked(whole, vertices, content, distance, joined, parts, np.any(beyond, axis=1))


def _parts(whole: Whole, distance: Function, joined: Vertices, small: int) -> dict[str, Vertices]:
    """Which vertices each part asks for."""
    no_path = distance.shape[1]
    to_2, from_2 = distance[:, 1:2], hops(whole.adjacency, 2)
    target, linked = np.arange(1, no_path + 1) > 2, to_2 < no_path
    reached = (distance < no_path) & target
    on_path = reached & linked & (distance + from_2 == to_2)
    off_path = reached & linked & ~on_path
    return {
        "seen": on_path & (np.arange(1, no_path + 1) <= small),
        "unseen": on_path & (np.arange(1, no_path + 1) > small),
        "off_path_hard": off_path & (distance != 1) & (distance != to_2),
        "off_path_far": off_path & (distance >= 3) & (distance != to_2),
        "off_path_near": off_path & (distance == 1) & (distance != to_2),
        "cut": reached & ~linked,
        "unreachable": ~reached & target & joined,
    }


def answered(model: Transformer, graphs: Asked, compute: Compute) -> Function:
    """A network's answers as whole numbers; of vertex 1 it is 0."""
    given = np.nan_to_num(natively(model, graphs.whole.tokens, compute), nan=LARGEST)
    rounded = np.rint(given.astype(float)).clip(-LARGEST, LARGEST).astype(np.int64)
    rounded = rounded.reshape(len(graphs.content), -1)
    return np.concatenate([np.zeros((len(rounded), 1), np.int64), rounded], axis=1)


def part_rows(given: Function, graphs: Asked) -> Iterator[Record]:
    """Accuracy on each part that has questions, with the wider interval of two."""
    right = given == graphs.distance
    for part, mask in graphs.parts.items():
        if not mask.any():
            continue
        graph, target = np.nonzero(mask)
        ends = [accuracy_interval(right[mask], one) for one in (graphs.content[graph], target)]
        (share, *_), lows, highs = ends[0], [e[1] for e in ends], [e[2] for e in ends]
        yield {
            "part": part,
            "accuracy": share,
            "accuracy_low": min(lows),
            "accuracy_high": max(highs),
        }


def function_rows(given: Function, graphs: Asked) -> Iterator[Record]:
    """How often the answers to a graph are of each kind."""
    kinds, judged = functions(given, graphs), graphs.judged
    for kind in KINDS:
        ends = accuracy_interval((kinds == kind)[judged], graphs.content[judged])
        yield dict(zip(("kind", "share", "share_low", "share_high"), (kind, *ends), strict=True))


def functions(given: Function, graphs: Asked) -> np.ndarray:
    """The first of `KINDS` that fits the answers to each graph."""
    true, joined, no_path = graphs.distance, graphs.joined, graphs.distance.shape[1]

    def equal(other: Function) -> Graphs:
        return ((given == other) | ~joined).all(1)

    first = np.take_along_axis(given, joined.argmax(1)[:, None], axis=1)
    shifts = (s for s in range(-no_path, no_path + 1) if s)
    kinds = {
        "truth": equal(true),
        "d(1,2)": equal(np.repeat(true[:, 1:2], no_path, axis=1)),
        "constant": equal(np.repeat(first, no_path, axis=1)),
        "shifted": np.any([equal(_shifted(true, shift)) for shift in shifts], axis=0),
        "bellman": meets("bellman_unanchored", given, graphs),
        "lipschitz": meets("lipschitz_unanchored", given, graphs),
    }
    found = np.full(len(given), "none", dtype="U16")
    for kind in reversed(kinds):
        found[kinds[kind]] = kind
    return found


def _shifted(distance: Function, shift: int) -> Function:
    """The distances plus a number, no path as it is."""
    no_path = distance.shape[1]
    return np.where(distance < no_path, np.minimum(distance + shift, no_path), no_path)


def meets(requires: Requirement, given: Function, graphs: Asked) -> Graphs:
    """Whether the answers to each graph have no loss at all."""
    adjacency = torch.from_numpy(graphs.whole.adjacency)
    graph = required(requires, adjacency).nonzero()[:, 0]
    squares = shortfalls(requires, torch.from_numpy(given).double(), adjacency)
    return torch.zeros(len(given)).double().index_add(0, graph, squares).numpy() == 0


def requirement_shares(given: Function, graphs: Asked) -> dict[Requirement, float]:
    """How often the answers meet each requirement, on the judged graphs."""
    return {one: float(meets(one, given, graphs)[graphs.judged].mean()) for one in REQUIREMENTS}
