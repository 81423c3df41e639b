"""The worlds of WWZ24 in plain Python: the oracle of the fast sampler's tests and its baseline.

In: the name of a world, its graphs, a `random.Random`. Out: one example with its true distances.
It shares no code with `offpath.data`. About 1,000 to 10,000 examples a second.
"""

from collections import deque
from random import Random
from typing import NamedTuple

from offpath.configs import Graphs

Edge = tuple[int, int]

WORLDS = ("pretraining", "finetuning", "test_a", "test_b", "test_c", "test_d", "test_e")
"""The names that this sampler knows."""


class PlainExample(NamedTuple):
    """One question about one graph; the label of no path is `max_vertices`."""

    vertices: int
    edges: list[Edge]
    target: int
    distance: int
    distance_to_2: int
    stratum: str
    unseen_id: bool
    isolated: bool


def plain_example(world: str, graphs: Graphs, random: Random) -> PlainExample:
    """One example of the world. The number of vertices is drawn once, all else until it is kept."""
    small = world in ("finetuning", "test_c")
    vertices = random.randint(3, graphs.finetune_vertices if small else graphs.max_vertices)
    while True:
        edges = random_edges(vertices, random)
        neighbours = neighbours_of(vertices, edges)
        hops = hops_from(1, neighbours)
        if not keeps(world, graphs, hops.get(2), random):
            continue
        target = random_target(world, graphs, hops, neighbours, random)
        if world != "test_a" or target <= graphs.finetune_vertices:
            break
    no_path = graphs.max_vertices
    return PlainExample(
        vertices=vertices,
        edges=edges,
        target=target,
        distance=hops.get(target, no_path),
        distance_to_2=hops.get(2, no_path),
        stratum=stratum_of(target, vertices, hops, neighbours),
        unseen_id=target > graphs.finetune_vertices,
        isolated=not neighbours.get(target),
    )


def random_edges(vertices: int, random: Random) -> list[Edge]:
    """As many pairs as there are vertices, smaller endpoint first, without the loops."""
    edges = []
    for _ in range(vertices):
        a, b = random.randint(1, vertices), random.randint(1, vertices)
        if a != b:
            edges.append((min(a, b), max(a, b)))
    return edges


def neighbours_of(vertices: int, edges: list[Edge]) -> dict[int, set[int]]:
    """The vertices next to each vertex; a repeated edge counts once."""
    neighbours: dict[int, set[int]] = {vertex: set() for vertex in range(1, vertices + 1)}
    for a, b in edges:
        neighbours[a].add(b)
        neighbours[b].add(a)
    return neighbours


def hops_from(source: int, neighbours: dict[int, set[int]]) -> dict[int, int]:
    """The distance of every vertex that can be reached from the source."""
    hops = {source: 0}
    queue = deque([source])
    while queue:
        vertex = queue.popleft()
        for neighbour in neighbours[vertex]:
            if neighbour not in hops:
                hops[neighbour] = hops[vertex] + 1
                queue.append(neighbour)
    return hops


def keeps(world: str, graphs: Graphs, distance_to_2: int | None, random: Random) -> bool:
    """Whether a drawn graph stays, by its distance from 1 to 2 (None: no path)."""
    if world == "pretraining":
        if distance_to_2 is None:
            return random.random() < 1 / graphs.max_vertices
        short_by = graphs.balance_distance - distance_to_2
        return short_by <= 0 or random.random() < 1 / (2 * short_by)
    if world == "finetuning":
        if distance_to_2 is None:
            return False
        return distance_to_2 >= 4 or random.random() < 1 / (3 * (4 - distance_to_2))
    return distance_to_2 is not None or world not in ("test_a", "test_b")


def random_target(
    world: str,
    graphs: Graphs,
    hops: dict[int, int],
    neighbours: dict[int, set[int]],
    random: Random,
) -> int:
    """The vertex that is asked for."""
    if world == "pretraining":
        return 2
    if world in ("finetuning", "test_a", "test_b"):
        path = random_shortest_path(hops, neighbours, random)
        positions = range(1, len(path))
        return path[random.choices(positions, weights=positions)[0]]
    return random.randint(2, graphs.max_vertices if world == "test_e" else graphs.finetune_vertices)


def random_shortest_path(
    hops: dict[int, int], neighbours: dict[int, set[int]], random: Random
) -> list[int]:
    """A shortest path 1, ..., 2, walked backwards: each step to a random vertex one hop nearer."""
    path = [2]
    while path[-1] != 1:
        vertex = path[-1]
        nearer = sorted(v for v in neighbours[vertex] if hops[v] == hops[vertex] - 1)
        path.append(random.choice(nearer))
    return path[::-1]


def stratum_of(
    target: int, vertices: int, hops: dict[int, int], neighbours: dict[int, set[int]]
) -> str:
    """The stratum of a question, by the target's place in the graph."""
    if target == 2:
        return "trained"
    if target > vertices:
        return "absent"
    if target not in hops:
        return "unreachable"
    if 2 not in hops:
        return "off_path_cut"
    on_path = hops[target] + hops_from(2, neighbours)[target] == hops[2]
    return "on_path" if on_path else "off_path"
