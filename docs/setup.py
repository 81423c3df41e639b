"""One graph that shows the set-up: which target belongs to which stratum, with its distance."""

import networkx as nx

from docs.raw import markdown
from offpath.slices import STRATA, Slice

EDGES = ((1, 3), (3, 6), (2, 6), (1, 4), (3, 4), (5, 7))
"""Of a graph with 7 vertices; the largest has 8."""
CUT = (2, 6)
"""Without this edge no path leads from 1 to 2."""
VERTICES, LARGEST = 7, 8
TARGETS = {
    "trained": 2,
    "on_path": 6,
    "off_path": 4,
    "off_path_cut": 4,
    "unreachable": 5,
    "absent": 8,
}
"""The target that stands for each stratum."""


def graph(cut: bool = False) -> nx.Graph:
    """The graph of the picture; `cut`: without the edge that leads to 2."""
    drawn = nx.Graph(EDGES)
    if cut:
        drawn.remove_edge(*CUT)
    return drawn


def stratum(graph: nx.Graph, target: int) -> Slice:
    """The stratum of a target, straight from the definition."""
    names = {where.slice: where for where in STRATA}
    if target == 2:
        return names["trained"]
    if target not in graph:
        return names["absent"]
    if not nx.has_path(graph, 1, target):
        return names["unreachable"]
    if not nx.has_path(graph, 1, 2):
        return names["off_path_cut"]
    on_path = target in {v for path in nx.all_shortest_paths(graph, 1, 2) for v in path}
    return names["on_path" if on_path else "off_path"]


def answer(graph: nx.Graph, target: int) -> str:
    """The right answer: the distance from vertex 1, or "no path"."""
    if target not in graph or not nx.has_path(graph, 1, target):
        return "no path"
    return str(nx.shortest_path_length(graph, 1, target))


def strata_table() -> str:
    """The six strata, with an example of the picture each."""
    rows = []
    for where in STRATA:
        target, cut = TARGETS[where.slice], where.slice == "off_path_cut"
        shown = graph(cut)
        assert stratum(shown, target) == where
        picture = f"t = {target}" + (" on the right" if cut else "")
        rows.append([where.title, where.meaning, f"{picture}: {answer(shown, target)}"])
    return markdown(["stratum", "meaning", "example in the picture, and its answer"], rows)
