import networkx
import numpy as np
import pytest

from offpath.configs import Circuit
from offpath.data.batches import draw
from offpath.data.worlds import world
from offpath.fit.checkpoints import new_model
from offpath.handcraft.circuits import make
from offpath.interpret.cuts import cuts, tell_cuts
from offpath.recipes import laptop
from offpath.results import Cut

QUESTIONS = draw(world("test_e", laptop().graphs), 0, 0, 300).tokens
LAST = 4  # the longest path beside which three of 8 vertices are left


def graph(tokens: np.ndarray) -> networkx.Graph:
    made = networkx.Graph([(a, b) for a, b in tokens[:-1].tolist() if b])
    made.add_nodes_from(range(1, len(tokens)))
    return made


@pytest.mark.parametrize("distance", [1, 3, LAST])
def test_a_cut_leaves_a_dead_end_at_its_depth_and_changes_no_degree(distance: int):
    made = cuts(8, distance, np.random.default_rng(0), pairs=10)
    rows = zip(map(graph, made.whole), map(graph, made.cut), made.end, made.depth, strict=True)
    for whole, cut, end, depth in rows:
        assert networkx.shortest_path_length(whole, 1, 2) == distance
        assert not networkx.has_path(cut, 1, 2)
        assert dict(whole.degree) == dict(cut.degree)
        assert whole.number_of_edges() == cut.number_of_edges()
        assert max(networkx.single_source_shortest_path_length(cut, end).values()) == depth
        assert max(networkx.single_source_shortest_path_length(cut, 3 - end).values()) > 1
    assert np.bincount(10 * made.end + made.depth).tolist() == [
        *[0] * 11, *[10] * distance, *[0] * (10 - distance), *[10] * distance
    ]  # fmt: skip


def layers_that_tell_all(rows: list[Cut]) -> list[int]:
    """By length, the first layer that tells every cut."""
    missed = [(row.distance, row.layer) for row in rows if row.layer is not None
              if min(row.shares) < 1]  # fmt: skip
    return [
        1 + max(layer for length, layer in missed if length == distance)
        for distance in range(1, LAST + 1)
    ]


@pytest.mark.parametrize(("circuit", "layers"), [("edge", [1, 2, 3, 3]), ("wide", [1, 2, 3, 4])])
def test_a_circuit_tells_all_cuts_of_a_path_in_the_layer_that_has_searched_it(
    circuit: Circuit, layers: list[int]
):
    rows = tell_cuts(make(circuit, 8, laptop().model), QUESTIONS)
    assert layers_that_tell_all(rows) == layers
    before = [one for row in rows if row.layer is not None and row.layer < row.distance / 2
              for one in row.shares]  # fmt: skip
    assert 0.4 < np.mean(before) < 0.6
    assert all(set(row.shares) == {1.0} for row in rows if row.layer is None)


def test_an_untrained_network_tells_no_dead_end_that_is_not_beside_1_or_2():
    rows = tell_cuts(new_model(laptop()), QUESTIONS)
    inner = [one for row in rows for one in row.shares[1:-1]]
    assert 0.4 < np.mean(inner) < 0.6


def test_search_from_one_end_tells_dead_ends_near_that_end_alone(monkeypatch):
    """A stand-in for a network: it knows what is within three hops of 1."""

    def stream(model: object, tokens: np.ndarray) -> np.ndarray:
        found = [networkx.single_source_shortest_path_length(graph(t), 1, cutoff=3) for t in tokens]
        facts = [(2 in hops, 2 not in hops and max(hops.values()) < 3) for hops in found]
        return np.array(facts, dtype=float)[None]

    monkeypatch.setattr("offpath.interpret.cuts.question_streams", stream)
    rows = [row for row in tell_cuts(new_model(laptop()), QUESTIONS) if row.layer == 0]
    by = {(row.distance, row.end): row.shares for row in rows}
    assert by[4, 1][:2] == [1, 1]
    assert by[4, 2][:2] == [0.5, 0.5]


def test_other_questions_beside_them_and_another_order_of_edges_change_nothing(monkeypatch):
    model = make("edge", 8, laptop().model)
    rows = tell_cuts(model, QUESTIONS)

    def turned(*given, **options):
        made = cuts(*given, **options)
        return made._replace(whole=made.whole[:, [*range(7, -1, -1), 8]])

    monkeypatch.setattr("offpath.interpret.cuts.cuts", turned)
    assert tell_cuts(model, QUESTIONS[:-1]) == rows


def test_a_path_that_leaves_no_edge_beside_it_is_refused():
    with pytest.raises(
        ValueError, match="distance must be 1 to 4, so that three vertices are left"
    ):
        cuts(8, 5, np.random.default_rng(0))
