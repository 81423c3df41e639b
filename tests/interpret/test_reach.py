from functools import cache

import networkx as nx
import numpy as np
import pytest

from offpath import results
from offpath.configs import Graphs
from offpath.data.batches import draw
from offpath.data.worlds import world
from offpath.fit.checkpoints import new_model
from offpath.handcraft.circuits import make
from offpath.interpret import reach as reach_file
from offpath.interpret.paths import only_paths
from offpath.interpret.reach import (
    LEAST_NOTICED,
    first_layer,
    hops_per_layer,
    irrelevant,
    law,
    looked,
    reach,
)
from offpath.recipes import laptop

Looked = tuple[list[results.Notice], results.Reach]


def questions(vertices: int) -> np.ndarray:
    graphs = Graphs(max_vertices=vertices, finetune_vertices=5, balance_distance=5)
    return draw(world("test_e", graphs), 0, 0, 300, "evaluation").tokens


@cache
def of_circuit(circuit, vertices: int = 8) -> Looked:
    model = make(circuit, vertices, laptop().model)
    return looked(model, questions(vertices), graphs=24 if vertices == 8 else 4)


def graph(edges: np.ndarray) -> nx.Graph:
    made = nx.Graph([pair for pair in edges.tolist() if pair[1]])
    made.add_nodes_from(range(1, 9))
    return made


@pytest.mark.parametrize("distance", range(1, 7))
def test_only_the_edges_of_the_path_lead_to_2(distance: int):
    made = only_paths(8, distance, 20, np.random.default_rng(distance))
    assert made.tokens.shape == (20, 9, 2)
    for edges, isolating in zip(made.edges, made.isolating, strict=True):
        whole = graph(edges)
        assert nx.is_forest(whole)
        assert nx.shortest_path_length(whole, 1, 2) == distance
        alone = nx.number_of_isolates(whole)
        for place, pair in enumerate(edges.tolist()):
            if not pair[1]:
                continue
            cut = graph(np.delete(edges, place, axis=0))
            assert nx.has_path(cut, 1, 2) == (place >= distance)
            assert nx.number_of_isolates(cut) == alone + isolating[place]


def test_what_is_beside_the_path_is_joined_to_it_half_of_the_time_and_touches_neither_1_nor_2():
    made = only_paths(8, 3, 1000, np.random.default_rng(0))
    beside = made.edges[:, 3:]
    assert not ((beside == 1) | (beside == 2)).any()
    assert 0.4 < (beside[:, -1, 1] != 0).mean() < 0.6
    assert set(np.unique(made.edges[:, 1])) == set(range(3, 9))


def test_tokens_without_an_edge_lack_that_edge_alone():
    made = only_paths(8, 4, 3, np.random.default_rng(0))
    for whole, cuts in zip(made.tokens.tolist(), made.cut_tokens.tolist(), strict=True):
        for place, cut in enumerate(cuts):
            assert [*whole[:place], [0, 0], *whole[place + 1 :]] == cut


def test_a_path_that_leaves_no_edge_beside_it_is_refused():
    with pytest.raises(ValueError, match="distance must be 1 to 6, so that an edge"):
        only_paths(8, 7, 1, np.random.default_rng(0))


@pytest.mark.parametrize("distance", range(1, 7))
def test_an_irrelevant_edge_is_one_of_those_beside_the_path(distance: int):
    made = only_paths(8, distance, 200, np.random.default_rng(0))
    chosen = irrelevant(made, np.random.default_rng(1))
    assert (chosen >= distance).all()
    assert (made.edges[np.arange(200)[:, None], chosen, 1] != 0).all()


def test_an_irrelevant_edge_leaves_as_many_vertices_alone_where_one_can():
    made = only_paths(8, 2, 200, np.random.default_rng(0))
    chosen = irrelevant(made, np.random.default_rng(1))
    # Each hop isolates one vertex, and so does an end of the second path.
    assert (made.isolating[np.arange(200)[:, None], chosen] == made.isolating[:, :2]).all()


def test_the_wide_circuit_looks_one_hop_farther_with_every_layer():
    made = of_circuit("wide")[1]
    assert made.layers == [1, 2, 3, 4, 5, 6]
    assert (made.hops_low, made.hops_per_layer, made.hops_high) == (1, 1, 1)
    assert made.law == "one end"


@pytest.mark.parametrize("vertices", [8, 16])
def test_the_edge_circuit_looks_two_hops_farther(vertices: int):
    made = of_circuit("edge", vertices)[1]
    # The question has counted d <= 2 (l - 1) after layer l; d = 1 it meets itself, one earlier.
    assert made.layers == [1, *(1 + -(-d // 2) for d in range(2, vertices - 1))]
    assert (made.hops_low, made.hops_per_layer, made.hops_high) == (2, 2, 2)
    assert made.law == "both ends"


@pytest.mark.parametrize("vertices", [8, 16])
def test_the_doubling_circuit_is_recognised(vertices: int):
    made = of_circuit("doubling", vertices)[1]
    # K layers square what vertices reach, and the answer hears nothing. Then its ball grows by
    # n / 2, n / 4, ... hops: after layer K + j it knows whether d <= n - n / 2^j.
    powers = int(np.log2(vertices))
    heard = [vertices - vertices / 2**j for j in range(1, powers + 1)]
    layers = [powers + 1 + sum(d > most for most in heard) for d in range(1, vertices - 1)]
    assert made.layers == layers
    assert made.law == ("doubling" if vertices > 8 else "none")  # of 8 it has two layers alone


def test_the_ball_of_the_doubling_circuit_notices_the_near_half_of_a_long_path_first():
    rows = {
        (one.layer, one.hop): one for one in of_circuit("doubling", 16)[0] if one.distance == 14
    }
    assert [rows[4, hop].noticed for hop in range(1, 15)] == [0] * 14
    assert [rows[5, hop].noticed for hop in range(1, 8)] == [1] * 7
    assert [rows[5, hop].noticed for hop in range(9, 15)] == [0] * 6


def test_nothing_is_noticed_before_the_first_layer_and_everything_listed():
    rows, made = of_circuit("edge")
    assert [one.noticed for one in rows if one.layer == 0] == [0] * 21
    assert len(rows) == 21 * 6
    assert len(made.layers) == 6


@pytest.mark.parametrize("seed", range(3))
def test_an_untrained_network_follows_no_law(seed: int):
    model = new_model(laptop().model_copy(update={"seed": seed}))
    rows, made = looked(model, questions(8), graphs=24)
    assert (made.law, made.hops_per_layer, made.hops_low, made.hops_high) == ("none", *[None] * 3)
    inner = [one.noticed for one in rows if one.layer == 5 and 1 < one.hop < one.distance]
    assert 0.2 < np.mean(inner) < 0.8


def test_the_order_of_edges_and_the_rest_of_the_batch_change_nothing(monkeypatch):
    model = new_model(laptop())
    before = looked(model, questions(8), graphs=6)
    plain = reach_file.question_streams

    def shuffled(model, tokens):
        random = np.random.default_rng(len(tokens))
        edges = random.permuted(np.broadcast_to(np.arange(8), (len(tokens), 8)), axis=1)
        order = np.concatenate([edges, np.full((len(tokens), 1), 8)], axis=1)
        return plain(model, tokens[np.arange(len(tokens))[:, None], order])

    monkeypatch.setattr(reach_file, "question_streams", shuffled)
    monkeypatch.setattr("offpath.fit.transformer.MOST_EXAMPLES", 50)
    assert looked(model, questions(8), graphs=6) == before


def test_the_same_seed_gives_the_same_graphs_and_another_one_others():
    model = new_model(laptop())
    one, again, other = (looked(model, questions(8), seed, graphs=6)[0] for seed in (0, 0, 1))
    assert one == again
    assert one != other


def test_a_layer_is_the_first_from_which_on_every_hop_is_noticed():
    shares = np.array([[0, 0], [1, 0.95], [0.8, 1], [1, 0.9], [1, 1]])
    done = np.all(shares >= LEAST_NOTICED, axis=1)
    assert first_layer(done) == 3
    assert first_layer(done[:3]) is None


def test_a_law_that_is_wrong_at_two_of_five_lengths_is_none():
    assert law([1, 3, 3, 3, 4, 5]) == "none"
    assert law([2, None, None, 3, 4, None]) == "none"  # too few lengths
    assert law([3] * 13 + [4]) == "none"  # one step has no shape
    assert law([7, 1, 2, 3, 4, 5, 6, 7, 9]) == "one end"  # one of eight is a layer off


def test_hops_per_layer_need_three_lengths_and_layers_that_grow():
    assert hops_per_layer([1, 2, 3, None]) is None
    assert hops_per_layer([1, 2, 2, 2]) == np.inf
    assert reach([np.ones((3, 8, d), bool) for d in (1, 2, 3, 4)], np.random.default_rng(0)) == (
        results.Reach(
            layers=[0] * 4, hops_per_layer=None, hops_low=None, hops_high=None, law="none"
        )
    )


def test_graphs_that_differ_widen_the_interval():
    random = np.random.default_rng(0)
    wins = []
    for distance in range(1, 9):
        late = random.random((1, 40, distance)) < 0.06  # of the graphs notice a layer later
        known = np.arange(12)[:, None, None] >= distance + late
        wins.append(known)
    made = reach(wins, random)
    assert made.hops_low is not None
    assert made.hops_high is not None
    assert made.hops_per_layer is not None
    assert made.hops_low < made.hops_per_layer < made.hops_high
