"""The fast sampler against networkx, against the plain sampler, and against exact probabilities.

Seeds are fixed: a p-value below 1e-4, in some hundred tests, means a wrong sampler, not bad luck.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise, product
from random import Random

import networkx
import numpy as np
import pytest
from scipy.stats import chi2_contingency, chisquare

from benchmarks.plain_sampler import (
    WORLDS,
    PlainExample,
    hops_from,
    neighbours_of,
    plain_example,
    random_shortest_path,
    stratum_of,
)
from offpath.configs import Graphs
from offpath.data.batches import Batch, draw
from offpath.data.graphs import truth
from offpath.data.worlds import worlds
from offpath.slices import STRATA
from tests.cases import CASES, Case

WWZ24 = Graphs(max_vertices=15, finetune_vertices=7, balance_distance=6)
LAPTOP = Graphs(max_vertices=8, finetune_vertices=5, balance_distance=5)
LARGEST = Graphs(max_vertices=64, finetune_vertices=30, balance_distance=12)
UNLIKELY = 1e-4
both_scales = pytest.mark.parametrize("graphs", [WWZ24, LAPTOP], ids=["wwz24", "laptop"])
every_world = pytest.mark.parametrize("world", WORLDS)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_hand_worked_cases_are_right(case: Case) -> None:
    graph = networkx.Graph(case.edges)
    graph.add_nodes_from(range(1, case.vertices + 1))
    hops = networkx.single_source_shortest_path_length(graph, 1)
    assert case.hops == tuple(hops.get(v) for v in range(1, case.vertices + 1))
    paths = networkx.all_shortest_paths(graph, 1, 2) if 2 in hops else []
    assert case.on_path == {vertex for path in paths for vertex in path}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_both_samplers_sort_the_hand_worked_cases_into_strata(case: Case) -> None:
    neighbours = neighbours_of(case.vertices, list(case.edges))
    hops = hops_from(1, neighbours)
    adjacency, layers = np.zeros(64, np.uint64), np.zeros((2, 65), np.uint64)
    for vertex, near in neighbours.items():
        adjacency[vertex - 1] = sum(1 << (v - 1) for v in near)
    no_path = 99
    labels = [no_path if h is None else h for h in (*case.hops, None)]
    for target in range(2, case.vertices + 2):
        stratum = stratum_of(target, case.vertices, hops, neighbours)
        label, index = truth(adjacency, case.vertices, target - 1, labels[1], no_path, layers)
        assert (label, STRATA[index].slice) == (labels[target - 1], stratum)
        if target == 2:
            assert stratum == "trained"
            continue
        assert (stratum == "absent") == (target > case.vertices)
        assert (stratum == "on_path") == (target in case.on_path)
        if target <= case.vertices:
            assert (stratum == "unreachable") == (case.hops[target - 1] is None)
            two_is_cut_off = case.hops[target - 1] is not None and case.hops[1] is None
            assert (stratum == "off_path_cut") == two_is_cut_off


@pytest.mark.parametrize(
    ("graphs", "count"),
    [(WWZ24, 1000), (LAPTOP, 1000), (LARGEST, 200)],
    ids=["wwz24", "laptop", "largest"],
)
@every_world
def test_every_example_agrees_with_networkx(world: str, graphs: Graphs, count: int) -> None:
    batch = draw(worlds(graphs)[world], 1, 0, count)
    no_path = graphs.max_vertices
    assert batch.tokens.shape == (count, graphs.max_vertices + 1, 2)
    assert batch.tokens.dtype == np.uint8
    for example in examples(batch, graphs):
        graph = networkx.Graph(example.edges)
        graph.add_nodes_from(range(1, example.vertices + 1))
        hops = networkx.single_source_shortest_path_length(graph, 1)
        hops_to_2 = networkx.single_source_shortest_path_length(graph, 2)
        target = example.target
        assert example.distance == hops.get(target, no_path), example
        assert example.distance_to_2 == hops.get(2, no_path), example
        assert example.stratum == stratum_by_definition(target, example.vertices, hops, hops_to_2)
        assert example.unseen_id == (target > graphs.finetune_vertices), example
        assert example.isolated == all(target not in edge for edge in example.edges), example


@both_scales
@every_world
def test_every_example_lies_in_its_world(world: str, graphs: Graphs) -> None:
    batch = draw(worlds(graphs)[world], 2, 0, 20000)
    small = world in ("finetuning", "test_c")
    largest = graphs.finetune_vertices if small else graphs.max_vertices
    assert set(batch.vertices.tolist()) == set(range(3, largest + 1))
    highest_target = {
        "pretraining": 2,
        "test_b": graphs.max_vertices,
        "test_e": graphs.max_vertices,
    }.get(world, graphs.finetune_vertices)
    assert set(targets(batch).tolist()) == set(range(2, highest_target + 1))
    if world in ("finetuning", "test_a", "test_b"):
        assert batch.distance_to_2.max() < largest
        assert strata(batch) == {"trained", "on_path"}
    elif world == "pretraining":
        assert strata(batch) == {"trained"}
    else:
        assert strata(batch) == {stratum.slice for stratum in STRATA}


@both_scales
@every_world
def test_the_number_of_vertices_is_uniform_although_graphs_are_rejected(
    world: str, graphs: Graphs
) -> None:
    batch = draw(worlds(graphs)[world], 3, 0, 50000)
    assert chisquare(np.bincount(batch.vertices)[3:]).pvalue > UNLIKELY


@pytest.mark.parametrize(
    "graphs",
    [pytest.param(LAPTOP, id="laptop", marks=pytest.mark.slow), pytest.param(WWZ24, id="wwz24")],
)
@every_world
def test_the_fast_sampler_draws_what_the_plain_sampler_draws(world: str, graphs: Graphs) -> None:
    fast = examples(draw(worlds(graphs)[world], 4, 0, 6000), graphs)
    random = Random(5)
    plain = [plain_example(world, graphs, random) for _ in range(2000)]
    features = {
        "label": lambda e: e.distance,
        "flags": lambda e: (e.unseen_id, e.isolated),
        "vertices, edges": lambda e: (e.vertices, len(e.edges)),
        "vertices, label": lambda e: (e.vertices, e.distance),
        "vertices, target": lambda e: (e.vertices, e.target),
        "label, distance to 2": lambda e: (e.distance, e.distance_to_2),
        "edges, label": lambda e: (len(e.edges), e.distance),
        "first edge, vertices": lambda e: (tuple(e.edges[:1]), e.vertices),
        "vertices, label, stratum": lambda e: (e.vertices, e.distance, e.stratum),
        "all but the edges": lambda e: (
            (e.vertices, len(e.edges), e.target, e.distance, e.distance_to_2, e.stratum)
        ),
    }
    for name, feature in features.items():
        p = p_value_of_one_distribution(list(map(feature, fast)), list(map(feature, plain)))
        assert p > UNLIKELY, name


def test_every_sequence_of_edges_has_its_exact_probability() -> None:
    graphs = Graphs(max_vertices=4, finetune_vertices=4, balance_distance=2)
    batch = draw(worlds(graphs)["test_e"], 6, 0, 60000)
    for vertices in (3, 4):
        observed = Counter(map(bytes, batch.tokens[batch.vertices == vertices, :-1]))
        pairs = product(range(1, vertices + 1), repeat=2)
        tokens = [bytes([min(pair), max(pair)]) if len({*pair}) == 2 else b"" for pair in pairs]
        expected = Counter(
            b"".join(sequence).ljust(2 * graphs.max_vertices, b"\0")
            for sequence in product(tokens, repeat=vertices)
        )
        assert observed.keys() <= expected.keys()
        share = observed.total() / expected.total()
        counts = [observed[sequence] for sequence in expected]
        p = chisquare(counts, [count * share for count in expected.values()]).pvalue
        assert p > UNLIKELY, vertices


@pytest.mark.slow
@both_scales
def test_raw_edges_are_uniform_at_every_place(graphs: Graphs) -> None:
    batch = draw(worlds(graphs)["test_e"], 7, 0, 60000)
    for vertices in range(3, graphs.max_vertices + 1):
        edges = batch.tokens[batch.vertices == vertices, :-1].astype(int)
        all_pairs = [(a, b) for a in range(1, vertices + 1) for b in range(a + 1, vertices + 1)]
        places = [edges[:, 0], edges[:, vertices // 2], edges.reshape(-1, 2)]
        for name, place in zip(("first", "middle", "any"), places, strict=True):
            counts = Counter(map(tuple, place[place[:, 0] > 0].tolist()))
            p = chisquare([counts[pair] for pair in all_pairs]).pvalue
            assert p > UNLIKELY, (vertices, name)


@both_scales
@pytest.mark.parametrize("world", ["finetuning", "test_b"])
def test_position_i_on_the_path_has_weight_i(world: str, graphs: Graphs) -> None:
    batch = draw(worlds(graphs)[world], 8, 0, 100000)
    for length in range(2, 6):
        counts = np.bincount(batch.distance[batch.distance_to_2 == length], minlength=length + 1)
        if counts.sum() < 5 * length**2:
            continue
        expected = np.arange(1, length + 1) * counts.sum() / (length * (length + 1) / 2)
        assert counts[0] == 0
        assert chisquare(counts[1:], expected).pvalue > UNLIKELY, length


def test_the_walk_back_has_its_hand_worked_probabilities() -> None:
    case = CASES["three shortest paths"]
    neighbours = neighbours_of(case.vertices, list(case.edges))
    half, quarter = Fraction(1, 2), Fraction(1, 4)
    chances = walk_chances(neighbours)
    assert chances == {1: 1, 2: 1, 3: 3 * quarter, 4: quarter, 5: half, 6: half}
    random, hops = Random(9), hops_from(1, neighbours)
    walked = Counter(v for _ in range(4000) for v in random_shortest_path(hops, neighbours, random))
    for vertex, chance in chances.items():
        assert abs(walked[vertex] - 4000 * chance) <= 4 * (4000 * chance * (1 - chance)) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize(("world", "count"), [("finetuning", 50000), ("test_b", 50000)])
def test_the_walk_back_prefers_no_vertex_id(world: str, count: int) -> None:
    batch = draw(worlds(WWZ24)[world], 10, 0, count)
    drawn = examples(batch, WWZ24, batch.distance < batch.distance_to_2)
    surprises = surprises_of_walks(drawn, by_rank=True)
    assert {(0.5, 2, 0), (0.5, 2, 1)} <= surprises.keys()
    assert all(abs(z) < 4.5 for z in surprises.values()), surprises


def test_paths_have_the_chance_of_the_walk_back_and_are_not_uniform() -> None:
    """Graphs with three or more shortest paths, 3 long, where the two differ."""
    large = replace(worlds(WWZ24)["test_b"], fewest_vertices=WWZ24.max_vertices)
    drawn = []
    for start in range(0, 2_500_000, 500_000):
        batch = draw(large, 10, start, 500_000, threads=2)
        rows = np.flatnonzero((batch.distance_to_2 == 3) & (batch.distance == 1))
        several = shortest_paths_of_3_edges(batch.tokens[rows, :-1]) >= 3
        drawn += examples(batch, WWZ24, rows[several])
    surprises = surprises_of_walks(drawn, by_rank=False)
    assert {(0.25, 2), (0.75, 2)} <= surprises.keys()
    assert all(abs(z) < 4.5 for z in surprises.values()), surprises


@both_scales
@every_world
def test_an_example_does_not_depend_on_how_the_stream_is_cut(world: str, graphs: Graphs) -> None:
    distribution = worlds(graphs)[world]
    start = 2**33 - 700  # across a border of 32 bits of the counter
    whole = draw(distribution, 11, start, 1500)
    for threads, cuts in [(1, [0, 1, 2, 750, 1500]), (2, [0, 1500]), (3, [0, 4, 1111, 1112, 1500])]:
        parts = [
            draw(distribution, 11, start + a, b - a, threads=threads) for a, b in pairwise(cuts)
        ]
        for field in FIELDS:
            joined = np.concatenate([getattr(part, field) for part in parts])
            assert np.array_equal(joined, getattr(whole, field)), (field, threads)


def test_another_seed_purpose_world_or_place_gives_other_examples() -> None:
    of = worlds(WWZ24)
    streams = [
        draw(of["test_e"], 12, 0, 500),
        draw(of["test_e"], 13, 0, 500),
        draw(of["test_e"], 12 + 2**32, 0, 500),
        draw(of["test_e"], 12, 500, 500),
        draw(of["test_e"], 12, 2**32, 500),
        draw(of["test_e"], 12, 0, 500, purpose="evaluation"),
        draw(of["test_d"], 12, 0, 500),
        draw(of["test_b"], 12, 0, 500),
        draw(of["pretraining"], 12, 0, 500),
    ]
    graphs_of = [
        {s.tokens[i, :-1].tobytes() for i in range(500) if s.vertices[i] > 9} for s in streams
    ]
    for i, first in enumerate(graphs_of):
        assert len(first) > 150
        for second in graphs_of[i + 1 :]:
            assert not first & second


FIELDS = ("tokens", "distance", "distance_to_2", "vertices", "stratum", "unseen_id", "isolated")


def examples(
    batch: Batch, graphs: Graphs, chosen: np.ndarray | slice = slice(None)
) -> list[PlainExample]:
    """The batch, read back from its tokens, whose layout is checked on the way."""
    columns = [getattr(batch, field)[chosen].tolist() for field in FIELDS]
    result = []
    for tokens, distance, distance_to_2, vertices, stratum, unseen_id, isolated in zip(
        *columns, strict=True
    ):
        *edge_tokens, (target, marker) = tokens
        edges = [(a, b) for a, b in edge_tokens if a]
        assert edge_tokens == [[a, b] for a, b in edges] + [[0, 0]] * (
            graphs.max_vertices - len(edges)
        )
        assert all(1 <= a < b <= vertices for a, b in edges)
        assert len(edges) <= vertices
        assert marker == graphs.max_vertices + 1
        name = STRATA[stratum].slice
        result.append(
            PlainExample(
                vertices, edges, target, distance, distance_to_2, name, unseen_id, isolated
            )
        )
    return result


def targets(batch: Batch) -> np.ndarray:
    return batch.tokens[:, -1, 0]


def strata(batch: Batch) -> set[str]:
    return {STRATA[index].slice for index in np.unique(batch.stratum)}


def stratum_by_definition(
    target: int, vertices: int, hops: dict[int, int], hops_to_2: dict[int, int]
) -> str:
    """DESIGN.md, section 2, word by word."""
    exists, reachable = target <= vertices, target in hops
    on_a_path = reachable and 2 in hops and hops[target] + hops_to_2[target] == hops[2]
    holds = {
        "trained": target == 2,
        "on_path": target != 2 and on_a_path,
        "off_path": target != 2 and reachable and 2 in hops and not on_a_path,
        "off_path_cut": target != 2 and reachable and 2 not in hops,
        "unreachable": target != 2 and exists and not reachable,
        "absent": not exists,
    }
    (name,) = [name for name, true in holds.items() if true]
    return name


def walk_chances(neighbours: dict[int, set[int]]) -> dict[int, Fraction]:
    """How likely each vertex is to lie on the path that is walked back from 2 to 1."""
    hops = hops_from(1, neighbours)
    chances = {2: Fraction(1)}
    for vertex in sorted(hops, key=lambda v: -hops[v]):
        if vertex == 1 or vertex not in chances:
            continue
        nearer = [v for v in neighbours[vertex] if hops[v] == hops[vertex] - 1]
        for v in nearer:
            chances[v] = chances.get(v, Fraction(0)) + chances[vertex] / len(nearer)
    return chances


def surprises_of_walks(drawn: list[PlainExample], by_rank: bool) -> dict[tuple, float]:
    """Standard errors between how often vertices of a path were the target and how often expected.

    Vertices that the walk could reach at the target's position are grouped by their exact chance
    and their number; also, `by_rank`, by their rank by vertex id.
    """
    chosen, expected, variance = (defaultdict(float) for _ in range(3))
    for example in drawn:
        neighbours = neighbours_of(example.vertices, example.edges)
        hops = hops_from(1, neighbours)
        chances = walk_chances(neighbours)
        candidates = sorted(v for v in chances if hops[v] == example.distance)
        assert example.target in candidates
        for rank, vertex in enumerate(candidates):
            chance = float(chances[vertex])
            group = (chance, len(candidates), rank) if by_rank else (chance, len(candidates))
            chosen[group] += vertex == example.target
            expected[group] += chance
            variance[group] += chance * (1 - chance)
    return {
        group: (chosen[group] - expected[group]) / variance[group] ** 0.5
        for group in expected
        if variance[group] > 4
    }


def shortest_paths_of_3_edges(edges: np.ndarray) -> np.ndarray:
    """How many ways lead from 1 to 2 in three steps, repeated edges counted once."""
    adjacent = np.zeros((len(edges), 16, 16), np.float32)
    example = np.arange(len(edges))[:, None]
    adjacent[example, edges[..., 0], edges[..., 1]] = 1
    adjacent[example, edges[..., 1], edges[..., 0]] = 1
    return np.einsum("ei,eij,ej->e", adjacent[:, 1], adjacent, adjacent[:, 2])


def p_value_of_one_distribution(first: Sequence[Hashable], second: Sequence[Hashable]) -> float:
    """Two-sample chi-square; values expected less than 5 times in either sample are pooled."""
    counts, others = Counter(first), Counter(second)
    enough = 5 * (len(first) + len(second)) / min(len(first), len(second))
    values = [value for value in counts | others if counts[value] + others[value] >= enough]
    table = [[counts[value], others[value]] for value in values]
    rare = [len(first) - sum(row[0] for row in table), len(second) - sum(row[1] for row in table)]
    if sum(rare) >= enough:
        table.append(rare)
    if len(table) == 1:
        return 1.0
    return chi2_contingency(table).pvalue  # pyright: ignore[reportAttributeAccessIssue]
