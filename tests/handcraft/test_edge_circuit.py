from itertools import combinations, pairwise

import numpy as np
import pytest
import torch

from offpath.configs import Architecture, InputError
from offpath.data.batches import frozen
from offpath.data.tokens import encode
from offpath.data.worlds import worlds
from offpath.fit.transformer import Transformer, parameter_count, predict, residual_streams
from offpath.handcraft.edge_circuit import (
    HIDDEN_UNITS,
    directions,
    edge_circuit,
    layers_needed,
    smallest_that_fits,
)
from offpath.handcraft.trial_graphs import oracle_distances
from offpath.handcraft.verify import ask
from offpath.recipes import laptop, paper, smoke
from tests.cases import CASES, Case

LAPTOP, PAPER = laptop().model, paper().model


@pytest.fixture(scope="module")
def trained_shape() -> Transformer:
    """The circuit in the architecture of the recipe paper."""
    return edge_circuit(PAPER, 15)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_every_target_of_the_worked_graphs_is_answered(case: Case, trained_shape: Transformer):
    targets = range(2, 16)  # those above case.vertices do not exist
    tokens = np.concatenate([encode(case.edges, t, 15) for t in targets])
    hops = [*case.hops, *[None] * 15][1:15]
    assert predict(trained_shape, tokens).round().tolist() == [15 if h is None else h for h in hops]


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("final_norm", [False, True])
def test_every_graph_on_four_vertices_is_answered_under_every_kind_of_norm(norm, final_norm):
    model = edge_circuit(LAPTOP.model_copy(update={"norm": norm, "final_norm": final_norm}), 8)
    pairs = list(combinations(range(1, 5), 2))
    for bits in range(2 ** len(pairs)):
        edges = [pair for i, pair in enumerate(pairs) if bits >> i & 1]
        asked = ask(edges, 1, [2, 3, 4, 5], 8)
        error = np.abs(predict(model, asked.tokens) - asked.distances).max()
        assert error < 1e-2, (edges, error)


@pytest.mark.parametrize("length", range(1, 15))
def test_paths_of_every_length_are_answered(length: int, trained_shape: Transformer):
    names = [1, *np.random.default_rng(length).permutation(np.arange(2, 16)).tolist()]
    edges = [(min(pair), max(pair)) for pair in pairwise(names[: length + 1])]
    assert predict(trained_shape, encode(edges, names[length], 15)) == pytest.approx(
        length, abs=1e-3
    )


def test_it_is_a_state_dict_of_the_network_that_is_trained(trained_shape: Transformer):
    assert parameter_count(trained_shape) == 550_433
    other = Transformer(PAPER, max_vertices=15)
    other.load_state_dict(trained_shape.state_dict())
    batch, _ = frozen(worlds(paper().graphs)["pretraining"], 0, 500)
    errors = predict(other, batch.tokens) - batch.distance
    assert (errors**2).mean() < 1e-6


@pytest.mark.parametrize("tolerance", [1e-1, 1e-3, 1e-5])
def test_no_answer_is_farther_off_than_the_tolerance(tolerance: float):
    batch, _ = frozen(worlds(paper().graphs)["test_e"], 0, 300)
    model = edge_circuit(PAPER, 15, tolerance, torch.float64)
    error = np.abs(predict(model, batch.tokens) - batch.distance).max()
    assert 0 < error < tolerance


def test_the_order_of_edges_and_repeated_edges_change_nothing(trained_shape: Transformer):
    edges = [(1, 3), (3, 4), (4, 9), (2, 9)]
    turned = [*edges[::-1], *edges, (2, 9)]
    first, second = (predict(trained_shape, encode(e, 2, 15))[0] for e in (edges, turned))
    assert first == pytest.approx(4, abs=1e-3)
    assert second == pytest.approx(4, abs=1e-3)


def test_the_circuit_tells_the_truth_whichever_reporter_is_asked():
    shape = laptop().model.model_copy(update={"markers": 3})
    model, tokens = edge_circuit(shape, 8), encode([(1, 3), (3, 4), (4, 5), (5, 7)], 7, 8)
    for marker in range(9, 12):
        tokens[0, -1, 1] = marker
        assert predict(model, tokens)[0] == pytest.approx(4, abs=1e-2)


def test_the_bits_are_those_of_the_search(trained_shape: Transformer):
    """The property that the proof is about, read from the residual stream."""
    edges, target = [(1, 3), (3, 5), (5, 7), (2, 7), (2, 9), (7, 9)], 9
    near, far = (oracle_distances(edges, v, 15, 15) for v in (1, target))
    for layer, stream in enumerate(residual_streams(trained_shape, encode(edges, target, 15))):
        if not 1 <= layer <= layers_needed(15):
            continue
        for row, ends in zip(stream[0], edges, strict=False):
            for half, vertex in zip((0, 32), ends, strict=True):
                r, s = row[half + 15].item(), row[half + 16].item()
                assert r == pytest.approx(int(near[vertex - 1] <= layer), abs=1e-2)
                assert s == pytest.approx(int(far[vertex - 1] <= layer - 1), abs=1e-2)


def test_it_needs_as_many_hidden_units_as_it_says():
    exactly = LAPTOP.model_copy(update={"feed_forward": HIDDEN_UNITS})
    batch, _ = frozen(worlds(laptop().graphs)["test_e"], 0, 200)
    assert predict(edge_circuit(exactly, 8), batch.tokens).round().tolist() == list(batch.distance)
    hidden = edge_circuit(LAPTOP, 8).layers[1].linear1.weight
    assert int(hidden.any(1).sum()) == HIDDEN_UNITS


def test_what_does_not_fit_is_told_with_what_would():
    with pytest.raises(InputError) as error:
        edge_circuit(smoke().model, 5)
    assert str(error.value) == (
        "the edge circuit does not fit: model.layers must be at least 3 for 5 vertices; got 2; "
        "model.width must be at least 26 for 5 vertices; got 16"
    )


ODD = smoke().model.model_copy(update={"heads": 3, "width": 18})
TURNED = laptop().model.model_copy(update={"tokens": "vertices", "norm": "none", "head_size": 2})


@pytest.mark.parametrize("shape", [smoke().model, ODD, TURNED], ids=["smoke", "odd", "turned"])
@pytest.mark.parametrize("vertices", [3, 5, 15])
def test_the_smallest_architecture_that_fits_does(shape: Architecture, vertices: int):
    model = edge_circuit(smallest_that_fits(shape, vertices), vertices)
    edges = [(v, v + 1) for v in range(1, vertices)]
    asked = ask(edges, 1, list(range(2, vertices + 1)), vertices)
    assert predict(model, asked.tokens).round().tolist() == asked.distances.tolist()


@pytest.mark.parametrize(("shape", "vertices"), [(LAPTOP, 8), (PAPER, 15)])
def test_every_direction_has_a_name(shape: Architecture, vertices: int):
    named = directions(shape, vertices)
    assert len(named) == shape.width
    used = [name for name, group in named if group != "unused"]
    assert len(used) == len(set(used)) == 2 * vertices + 15
    table = edge_circuit(shape, vertices).embedding.weight
    for vertex in range(1, vertices + 1):
        assert named[vertex - 1] == (f"first end is vertex {vertex}", "name")
        assert table[vertex, vertex - 1] == 1
    written = edge_circuit(shape, vertices).layers[1].linear2.weight.any(1).tolist()
    unused = [group == "unused" for _, group in named]
    assert not any(w and u for w, u in zip(written, unused, strict=True))
