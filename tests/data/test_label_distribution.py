"""Exact probabilities against full enumeration, the figures of WWZ24, and the fast sampler."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import combinations, product
from math import comb

import numpy as np
import pytest
from scipy.stats import chisquare

from benchmarks.plain_sampler import WORLDS, Edge, hops_from, neighbours_of
from offpath.configs import Graphs
from offpath.data.batches import draw
from offpath.data.label_distribution import distance_distribution, label_distribution
from offpath.data.worlds import World, worlds

WWZ24 = Graphs(max_vertices=15, finetune_vertices=7, balance_distance=6)
LAPTOP = Graphs(max_vertices=8, finetune_vertices=5, balance_distance=5)
both_scales = pytest.mark.parametrize("graphs", [WWZ24, LAPTOP], ids=["wwz24", "laptop"])
small_scales = pytest.mark.parametrize(
    "graphs",
    [
        Graphs(max_vertices=n, finetune_vertices=t, balance_distance=k)
        for n, t, k in [(3, 3, 2), (4, 3, 2), (5, 3, 3), (5, 4, 6), (5, 5, 4)]
    ],
    ids=lambda graphs: (
        f"{graphs.max_vertices}-{graphs.finetune_vertices}-{graphs.balance_distance}"
    ),
)
every_world = pytest.mark.parametrize("world", WORLDS)

# Distance 1, 2, 3; 4, 5, 6; ...; 13, 14 and no path.
WWZ24_PRETRAINING = [
    *(".218909", ".201483", ".138240"),
    *(".091925", ".071335", ".049049"),
    *(".014942", ".003993", ".000919"),
    *(".000177", ".000027", ".000003"),
    *(".000000", ".000000", ".208997"),
]


@pytest.mark.parametrize("vertices", [3, 4])
def test_distances_have_the_probabilities_that_all_sequences_of_pairs_give(vertices: int) -> None:
    pairs = [(a, b) for a in range(1, vertices + 1) for b in range(1, vertices + 1)]
    counts = Counter(
        hops_from(1, neighbours_of(vertices, [(a, b) for a, b in drawn if a != b])).get(2, 0)
        for drawn in product(pairs, repeat=vertices)
    )
    all_sequences = vertices ** (2 * vertices)
    assert counts.total() == all_sequences
    expected = [Fraction(counts[d], all_sequences) for d in range(vertices)]
    assert list(distance_distribution(vertices)) == expected


@pytest.mark.parametrize("vertices", [3, 4, 5, 6])
def test_distances_have_the_probabilities_that_all_edge_sets_give(vertices: int) -> None:
    expected = [Fraction(0)] * vertices
    for probability, edges in edge_sets(vertices):
        hops = hops_from(1, neighbours_of(vertices, list(edges)))
        expected[hops.get(2, 0)] += probability
    assert sum(expected) == 1
    assert list(distance_distribution(vertices)) == expected


@small_scales
@every_world
def test_labels_have_the_probabilities_that_all_graphs_and_walks_give(
    world: str, graphs: Graphs
) -> None:
    largest = graphs.finetune_vertices if world in ("finetuning", "test_c") else graphs.max_vertices
    distribution = worlds(graphs)[world]
    of_each = []
    for vertices in range(3, largest + 1):
        weights = enumerated_labels(world, graphs, vertices)
        expected = [weight / sum(weights) for weight in weights]
        assert exact_labels(distribution, vertices) == expected, vertices
        of_each.append(expected)
    average = [sum(column) / len(of_each) for column in zip(*of_each, strict=True)]
    assert exact_labels(distribution) == average


def test_pretraining_labels_are_those_of_wwz24() -> None:
    labels = exact_labels(worlds(WWZ24)["pretraining"])
    assert labels[0] == 0
    assert [f"{float(p):.6f}".removeprefix("0") for p in labels[1:]] == WWZ24_PRETRAINING
    assert f"{float(sum(d * p for d, p in enumerate(labels))):.5f}" == "5.33713"


def test_wwz24_keeps_12_percent_of_the_graphs_that_pretraining_draws() -> None:
    """Kept over drawn in the long run: a harmonic mean over n, as each n is kept equally often."""
    shares = worlds(WWZ24)["pretraining"].shares
    drawn_per_kept = [
        1 / sum(p * share for p, share in zip(distance_distribution(n), shares, strict=False))
        for n in range(3, 16)
    ]
    assert f"{float(13 / sum(drawn_per_kept)):.6f}" == "0.119835"


@pytest.mark.parametrize("unknown", [{"edge_law": 99}, {"target_rule": 99}])
@every_world
def test_no_formula_is_invented_for_another_law(world: str, unknown: dict[str, int]) -> None:
    other = replace(worlds(LAPTOP)[world], **unknown)
    assert label_distribution(other) is None
    assert label_distribution(other, vertices=4) is None


@both_scales
@every_world
def test_drawn_labels_follow_the_exact_distribution(world: str, graphs: Graphs) -> None:
    distribution = worlds(graphs)[world]
    count = 500_000 if world == "pretraining" else 200_000
    batch = draw(distribution, 1, 0, count, threads=2)
    assert p_value(batch.distance, exact_labels(distribution)) > 1e-4
    for vertices in np.unique(batch.vertices).tolist():
        exact = exact_labels(distribution, vertices)
        assert p_value(batch.distance[batch.vertices == vertices], exact) > 1e-4, vertices


def exact_labels(world: World, vertices: int | None = None) -> list[Fraction]:
    labels = label_distribution(world, vertices)
    assert labels is not None
    return list(labels)


def enumerated_labels(world: str, graphs: Graphs, vertices: int) -> list[Fraction]:
    """Probability that one drawn example is kept and has this label, for every label."""
    no_path = graphs.max_vertices
    labels = [Fraction(0)] * (no_path + 1)
    for probability, edges in edge_sets(vertices):
        neighbours = neighbours_of(vertices, list(edges))
        hops = hops_from(1, neighbours)
        kept = probability * chance_to_be_kept(world, graphs, hops.get(2))
        if kept:
            for target, chance in target_chances(world, graphs, neighbours).items():
                labels[hops.get(target, no_path)] += kept * chance
    return labels


def chance_to_be_kept(world: str, graphs: Graphs, distance_to_2: int | None) -> Fraction:
    if world == "pretraining":
        if distance_to_2 is None:
            return Fraction(1, graphs.max_vertices)
        if distance_to_2 < graphs.balance_distance:
            return Fraction(1, 2 * (graphs.balance_distance - distance_to_2))
    if world == "finetuning" and distance_to_2 in (1, 2, 3):
        return Fraction(1, 3 * (4 - distance_to_2))
    if world in ("finetuning", "test_a", "test_b") and distance_to_2 is None:
        return Fraction(0)
    return Fraction(1)


def target_chances(
    world: str, graphs: Graphs, neighbours: dict[int, set[int]]
) -> dict[int, Fraction]:
    """Chance of every target that is not rejected, given a graph that is kept."""
    if world == "pretraining":
        return {2: Fraction(1)}
    if world in ("test_c", "test_d", "test_e"):
        highest = graphs.max_vertices if world == "test_e" else graphs.finetune_vertices
        return {target: Fraction(1, highest - 1) for target in range(2, highest + 1)}
    hops = hops_from(1, neighbours)
    chances: dict[int, Fraction] = defaultdict(Fraction)
    for chance, path in walks_back([2], hops, neighbours):
        length = len(path) - 1
        for position in range(1, length + 1):
            chances[path[position]] += chance * Fraction(2 * position, length * (length + 1))
    if world == "test_a":
        return {t: chance for t, chance in chances.items() if t <= graphs.finetune_vertices}
    return chances


def walks_back(
    path: list[int], hops: dict[int, int], neighbours: dict[int, set[int]]
) -> Iterator[tuple[Fraction, list[int]]]:
    """Every way to go on from the first vertex of the path back to 1, with its probability."""
    if path[0] == 1:
        yield Fraction(1), path
        return
    nearer = [v for v in neighbours[path[0]] if hops[v] == hops[path[0]] - 1]
    for vertex in nearer:
        for chance, whole in walks_back([vertex, *path], hops, neighbours):
            yield chance / len(nearer), whole


@cache
def edge_sets(vertices: int) -> list[tuple[Fraction, tuple[Edge, ...]]]:
    """Every set of edges and the probability that n draws give just this set.

    A draw gives one of m edges, or a loop, with probability (2m + n) / n^2; that every edge of the
    set is drawn at least once follows by inclusion and exclusion.
    """
    n = vertices
    every_edge = list(combinations(range(1, n + 1), 2))
    result = []
    for size in range(n + 1):
        count = sum((-1) ** (size - m) * comb(size, m) * (2 * m + n) ** n for m in range(size + 1))
        for edges in combinations(every_edge, size):
            result.append((Fraction(count, n ** (2 * n)), edges))
    return result


def p_value(labels: np.ndarray, exact: Sequence[Fraction]) -> float:
    """One-sample chi-square; labels expected less than 5 times are pooled, impossible ones fail."""
    observed = np.bincount(labels, minlength=len(exact))
    expected = np.array([float(p) for p in exact]) * len(labels)
    assert len(observed) == len(exact)
    assert not observed[expected == 0].any()
    rare = expected < 5
    observed = np.append(observed[~rare], observed[rare].sum())
    expected = np.append(expected[~rare], expected[rare].sum())
    if expected[-1] < 5:  # the pool is rare too: into the least of the others
        least = expected[:-1].argmin()
        observed[least] += observed[-1]
        expected[least] += expected[-1]
        observed, expected = observed[:-1], expected[:-1]
    return chisquare(observed, expected).pvalue if len(expected) > 1 else 1.0
