"""Answers to whole graphs: parts, truth and kinds of functions, against networkx."""

import networkx
import numpy as np
import pytest
import torch

from offpath.compute import Compute
from offpath.configs import Configuration
from offpath.data.distances import adjacency_of
from offpath.data.unlabelled import is_held_out
from offpath.fit.checkpoints import new_model, save_model
from offpath.fit.transformer import predict
from offpath.generalize.coherence import (
    KINDS,
    PARTS,
    Asked,
    answered,
    asked,
    function_rows,
    functions,
    measure_coherence,
    part_rows,
    requirement_shares,
)
from offpath.networks import networks
from offpath.pipeline import made
from offpath.recipes import laptop
from offpath.results import WholeGraphs, read_result
from offpath.run.folder import create_run, working_on

C = laptop()
N = C.graphs.max_vertices
CPU = Compute(torch.device("cpu"), 1)


@pytest.fixture(scope="module")
def graphs() -> Asked:
    return asked(
        C.model_copy(update={"evaluate": C.evaluate.model_copy(update={"examples": 8192})})
    )


def networkx_graph(adjacency: np.ndarray) -> networkx.Graph:
    graph = networkx.Graph()
    graph.add_nodes_from(range(1, N + 1))
    graph.add_edges_from((a + 1, b + 1) for a, b in zip(*np.nonzero(adjacency), strict=True))
    return graph


def slow_parts(graph: networkx.Graph, target: int) -> set[str]:
    """The parts that ask for a target of a graph, by listing all shortest paths."""
    if target == 2:
        return set()
    hops = networkx.single_source_shortest_path_length(graph, 1)
    if target not in hops:
        return {"unreachable"} if graph.degree(target) else set()
    if 2 not in hops:
        return {"cut"}
    if any(target in path for path in networkx.all_shortest_paths(graph, 1, 2)):
        return {"seen" if target <= C.graphs.finetune_vertices else "unseen"}
    if hops[target] == 1 != hops[2]:
        return {"off_path_near"}
    far = {"off_path_far"} if hops[target] >= 3 else set()
    return {"off_path_hard", *far} if hops[target] not in (1, hops[2]) else set()


def test_distances_and_parts_are_those_of_networkx(graphs: Asked):
    assert len(graphs.content) > 150
    for number, adjacency in enumerate(graphs.whole.adjacency[:150]):
        graph = networkx_graph(adjacency)
        hops = networkx.single_source_shortest_path_length(graph, 1)
        for t in range(1, N + 1):
            assert graphs.distance[number, t - 1] == hops.get(t, N)
            here = {part for part, mask in graphs.parts.items() if mask[number, t - 1]}
            assert here == (slow_parts(graph, t) if t > 1 else set())
            beyond = any(hop > 1 for hop in hops.values())
            assert graphs.judged[number] == beyond
            assert graphs.joined[number, t - 1] == (t > 1 and graph.degree(t) > 0)
    assert all(mask.any() for mask in graphs.parts.values())


def test_every_graph_is_of_the_quarter_that_training_never_draws(graphs: Asked):
    tokens = graphs.whole.tokens[:: N - 1]
    assert is_held_out(adjacency_of(tokens)).all()


def slow_kind(graph: networkx.Graph, f: dict[int, int]) -> str:
    """What the answers to one graph are, by definition."""
    hops = networkx.single_source_shortest_path_length(graph, 1)
    true = {t: hops.get(t, N) for t in graph}
    joined = [t for t in graph if t != 1 and graph.degree(t)]
    inner = [t for t in joined if not graph.has_edge(1, t)]
    if all(f[t] == true[t] for t in joined):
        return "truth"
    if all(f[t] == true[2] for t in joined):
        return "d(1,2)"
    if len({f[t] for t in joined}) == 1:
        return "constant"
    for shift in range(-N, N + 1):
        if all(f[t] == (N if true[t] == N else min(N, true[t] + shift)) for t in joined):
            return "shifted"
    if all(f[t] == min(N, 1 + min(f[s] for s in graph[t])) for t in inner):
        return "bellman"
    if all(abs(f[a] - f[b]) <= 1 for a, b in graph.edges if 1 not in (a, b)):
        return "lipschitz"
    return "none"


def test_kinds_of_functions_are_those_of_a_slow_search(graphs: Asked):
    random, true = np.random.default_rng(0), graphs.distance
    one, few = random.random(true.shape) < 0.1, random.integers(0, N + 1, true.shape)
    two = np.minimum(N, np.where(true < N, true + 2, true))
    towards_1 = np.where(true < N, np.maximum(true - 1, 1), true)
    made_up = [true, np.repeat(true[:, 1:2], N, 1), np.full_like(true, 3), two, few, towards_1,
               np.where(one, few, true), np.where(one, true + 1, true)]  # fmt: skip
    seen = set()
    for f in made_up:
        f[:, 0] = 0
        found = functions(f, graphs)
        for number, adjacency in enumerate(graphs.whole.adjacency[:150]):
            graph = networkx_graph(adjacency)
            answers = {t: int(f[number, t - 1]) for t in range(1, N + 1)}
            if graphs.joined[number].any():
                assert found[number] == slow_kind(graph, answers), (graph.edges, answers)
        seen |= set(found[graphs.judged].tolist())
    assert seen == set(KINDS)


def test_the_distances_are_true_everywhere_and_meet_every_requirement(graphs: Asked):
    rows = {row["part"]: row for row in part_rows(graphs.distance, graphs)}
    assert list(rows) == list(PARTS)
    assert all(row["accuracy"] == 1 for row in rows.values())
    assert all(row["accuracy_low"] < 1 == row["accuracy_high"] for row in rows.values())
    shares = {row["kind"]: row["share"] for row in function_rows(graphs.distance, graphs)}
    assert shares == {kind: float(kind == "truth") for kind in KINDS}
    assert set(requirement_shares(graphs.distance, graphs).values()) == {1.0}


def test_bellman_is_met_where_answers_are_true_and_nowhere_else(graphs: Asked):
    random = np.random.default_rng(1)
    f = np.where(random.random(graphs.distance.shape) < 0.1, 4, graphs.distance)
    f[:, 0] = 0
    true = float((functions(f, graphs) == "truth")[graphs.judged].mean())
    assert 0 < true < 1
    assert requirement_shares(f, graphs)["bellman"] == true


def test_answers_are_those_of_the_network_to_every_question(graphs: Asked):
    torch.manual_seed(0)
    model = new_model(C)
    given = answered(model, graphs, CPU)
    assert (given[:, 0] == 0).all()
    assert np.array_equal(given[:, 1:].ravel(), np.rint(predict(model, graphs.whole.tokens)))


def test_every_network_of_a_run_with_coherent_ones_is_measured(tiny: Configuration, tmp_path):
    assert WholeGraphs not in made(tiny)
    plain = create_run(tiny, tmp_path)
    with working_on(plain):
        assert list(measure_coherence(plain, CPU)) == []
    assert not plain.result(WholeGraphs.file).exists()
    c = tiny.change({"interventions": ("bellman+audit=0",)})
    assert WholeGraphs in made(c)
    run = create_run(c, tmp_path)
    with working_on(run):
        for one in networks(c):
            save_model(run, one.name, new_model(c))
        list(measure_coherence(run, CPU))
    found = read_result(run, WholeGraphs)
    assert {row.predictor for row in found.predictors} == {one.name for one in networks(c)}
    assert {cell.predictor for cell in found.cells} == {one.name for one in networks(c)}
    for name in ("pretrained", "bellman+audit0"):
        assert sum(row.share for row in found.functions if row.predictor == name) == pytest.approx(
            1
        )
