"""A few real examples of a distribution, to be drawn: chosen by a rule, not by their looks."""

from collections.abc import Iterator

import networkx as nx
import numpy as np

from offpath.data.batches import Batch
from offpath.data.drawing import places
from offpath.data.worlds import World
from offpath.results import Example, WorldExamples
from offpath.slices import STRATA

LEAST_EDGES, LEAST_DISTANCE = 5, 2
RULE = (
    f"of each stratum the first example of the frozen evaluation set with at least {LEAST_EDGES} "
    f"different edges and a path of at least {LEAST_DISTANCE} edges to the target; where none has "
    "both, the first of those with the most edges"
)


def world_examples(world: World, batch: Batch) -> WorldExamples:
    """One example of each stratum that occurs in a batch, by `RULE`."""
    examples = [_example(batch, index) for index in _chosen(batch)]
    return WorldExamples(world=world.name, title=world.title, examples=examples)


def _chosen(batch: Batch) -> Iterator[int]:
    """The index of one example per stratum."""
    pairs = np.sort(batch.tokens[:, :-1].astype(int) @ [256, 1], axis=1)  # 0 is padding
    edges = (np.diff(pairs, axis=1, prepend=0) > 0).sum(1)  # different ones
    far = (batch.distance >= LEAST_DISTANCE) & (batch.distance < batch.no_path)
    worth = np.where(far & (edges >= LEAST_EDGES), edges.max() + 1, edges)
    for stratum in np.unique(batch.stratum):
        there = np.flatnonzero(batch.stratum == stratum)
        yield int(there[np.argmax(worth[there])])  # the first of the largest


def _example(batch: Batch, index: int) -> Example:
    edges = [(a, b) for a, b in batch.tokens[index, :-1].tolist() if b]
    target, vertices = int(batch.tokens[index, -1, 0]), int(batch.vertices[index])
    stratum = STRATA[batch.stratum[index]].slice
    graph = nx.Graph(edges)
    path, path_to_2 = _path(graph, 1, target), _path(graph, 1, 2)
    if stratum == "on_path":
        path_to_2 = [*path, *_path(graph, target, 2)[1:]]
    return Example(
        index=index,
        vertices=vertices,
        edges=edges,
        target=target,
        distance=int(batch.distance[index]),
        distance_to_2=int(batch.distance_to_2[index]),
        stratum=stratum,
        path=path,
        path_to_2=path_to_2,
        positions=places(edges, vertices),
    )


def _path(graph: nx.Graph, source: int, target: int) -> list[int]:
    """The vertices of one shortest path; none if there is none."""
    there = source in graph and target in graph and nx.has_path(graph, source, target)
    return nx.shortest_path(graph, source, target) if there else []
