import networkx
import numpy as np
import pytest

from offpath.data.batches import draw
from offpath.data.worlds import world
from offpath.fit.checkpoints import new_model
from offpath.handcraft.circuits import make
from offpath.interpret.cuts import cuts, sides, told
from offpath.recipes import laptop
from offpath.results import Cut

QUESTIONS = draw(world("test_e", laptop().graphs), 0, 0, 300).tokens
LAST = 5  # the longest path beside which two of 8 vertices are left


def graph(tokens: np.ndarray) -> networkx.Graph:
    made = networkx.Graph([(a, b) for a, b in tokens[:-1].tolist() if b])
    made.add_nodes_from(range(1, len(tokens)))
    return made


@pytest.mark.parametrize("distance", [1, 3, LAST])
def test_a_cut_parts_1_and_2_at_its_hop_and_changes_no_degree(distance: int):
    made = cuts(8, distance, np.random.default_rng(0), pairs=10)
    for whole, cut, hop in zip(map(graph, made.whole), map(graph, made.cut), made.hop, strict=True):
        assert networkx.shortest_path_length(whole, 1, 2) == distance
        assert not networkx.has_path(cut, 1, 2)
        assert dict(whole.degree) == dict(cut.degree)
        assert whole.number_of_edges() == cut.number_of_edges()
        a, b = networkx.shortest_path(whole, 1, 2)[hop - 1 : hop + 1]
        assert whole.has_edge(a, b)
        assert not cut.has_edge(a, b)
    assert np.bincount(made.hop).tolist() == [0, *[10] * distance]


def layers_that_tell_all(rows: list[Cut]) -> list[int]:
    """By length, the first layer that tells every cut."""
    every = {
        (row.distance, row.layer): min(
            other.told for other in rows
            if (other.distance, other.layer) == (row.distance, row.layer)
        )
        for row in rows if row.layer is not None
    }  # fmt: skip
    return [
        min(layer for (d, layer), least in every.items() if d == distance and least == 1)
        for distance in range(1, LAST + 1)
    ]


@pytest.mark.parametrize(
    ("circuit", "layers"), [("edge", [1, 2, 3, 3, 4]), ("wide", [1, 2, 3, 4, 5])]
)
def test_a_circuit_tells_all_cuts_of_a_path_in_the_layer_that_has_searched_it(
    circuit: str, layers: list[int]
):
    rows = told(make(circuit, 8, laptop().model), QUESTIONS)
    assert layers_that_tell_all(rows) == layers
    before = [row.told for row in rows if row.layer is not None and row.layer < row.distance / 2]
    assert 0.4 < np.mean(before) < 0.6
    assert {row.told for row in rows if row.layer is None} == {1.0}


def test_an_untrained_network_tells_no_cut_that_is_not_beside_1_or_2():
    rows = told(new_model(laptop()), QUESTIONS)
    inner = [row.told for row in rows if 1 < row.hop < row.distance]
    assert 0.45 < np.mean(inner) < 0.55
    assert all(abs(one.from_source - one.from_target) < 0.15 for one in sides(rows))


def test_other_questions_beside_them_and_another_order_of_edges_change_nothing(monkeypatch):
    model = make("edge", 8, laptop().model)
    rows = told(model, QUESTIONS)

    def turned(*given, **options):
        made = cuts(*given, **options)
        return made._replace(whole=made.whole[:, [*range(7, -1, -1), 8]])

    monkeypatch.setattr("offpath.interpret.cuts.cuts", turned)
    assert told(model, QUESTIONS[:-1]) == rows


def test_a_path_that_leaves_no_edge_beside_it_is_refused():
    with pytest.raises(ValueError, match="distance must be 1 to 5, so that two vertices are left"):
        cuts(8, 6, np.random.default_rng(0))
