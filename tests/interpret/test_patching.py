from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
import torch

from offpath.fit.checkpoints import new_model
from offpath.fit.transformer import Transformer, predict
from offpath.handcraft.circuits import make
from offpath.interpret.activations import edited_answers, record, unchanged
from offpath.interpret.pairs import Pairs, draw_pairs
from offpath.interpret.patching import WHOLE, Group, patched_answers, patches, written
from offpath.recipes import laptop
from tests.interpret import circuit_oracle
from tests.interpret.eight import EDGE_TOKENS

SHAPE, GRAPHS = laptop().model, laptop().graphs
SIX = laptop().change({"graphs.max_vertices": 6}).graphs
GROUPS = (*WHOLE, *(Group("path", at) for at in range(1, 8)))


@pytest.fixture(params=EDGE_TOKENS.values(), ids=list(EDGE_TOKENS))
def model(request) -> Transformer:
    return request.param()


@pytest.fixture(scope="module")
def few(pairs) -> Pairs:
    return pairs.where(np.isin(pairs.distance, (3, 6)))


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    return draw_pairs(GRAPHS, 0, of_each=24)


def graph(tokens: np.ndarray) -> nx.Graph:
    drawn = nx.Graph([(int(a), int(b)) for a, b in tokens[:-1] if b])
    drawn.add_nodes_from((1, 2))
    return drawn


def distance(drawn: nx.Graph) -> int:
    return len(nx.shortest_path(drawn, 1, 2)) - 1 if nx.has_path(drawn, 1, 2) else 8


def test_the_two_graphs_of_a_pair_differ_at_the_edited_token_alone(pairs):
    np.testing.assert_array_equal((pairs.clean != pairs.corrupted).any(2), pairs.edited)
    assert (pairs.edited.sum(1) == 1).all()
    assert (pairs.clean[:, -1] == [2, 9]).all()
    ends = pairs.corrupted[pairs.edited]
    assert (ends[:, 0] < ends[:, 1]).all()


def test_distances_and_hops_of_pairs_are_those_of_networkx(pairs):
    for clean, corrupted, *truth, edited, path_hop in zip(*pairs, strict=True):
        drawn = graph(clean)
        assert [distance(drawn), distance(graph(corrupted))] == [int(d) for d in truth[:2]]
        assert truth[0] != truth[1]
        hops: dict[frozenset, int] = {}
        for path in nx.all_shortest_paths(drawn, 1, 2):
            for hop, ends in enumerate(pairwise(path), start=1):
                hops[frozenset(ends)] = hop
        expected = [hops.get(frozenset(map(int, ends)), 0) for ends in clean[:-1]]
        assert path_hop.tolist() == [*expected, 0]
        assert path_hop[edited] == truth[2]
        new = tuple(int(v) for v in corrupted[edited][0])
        assert not drawn.has_edge(*new)
        assert drawn.number_of_edges() >= graph(corrupted).number_of_edges()


def test_every_hop_of_every_distance_has_as_many_pairs(pairs):
    for d in range(2, 8):
        assert np.bincount(pairs.hop[pairs.distance == d]).tolist() == [0, *[24 // d] * d]


def test_fewer_pairs_are_the_first_of_more(pairs):
    few = draw_pairs(GRAPHS, 0, of_each=12)
    for d in range(2, 8):
        for hop in range(1, d + 1):
            more = pairs.clean[(pairs.distance == d) & (pairs.hop == hop)]
            some = few.clean[(few.distance == d) & (few.hop == hop)]
            np.testing.assert_array_equal(some, more[: len(some)])


def test_every_token_but_padding_is_in_one_group(pairs):
    parts = [group.members(pairs) for group in WHOLE[:-1]]
    np.testing.assert_array_equal(np.sum(parts, 0), pairs.clean[:, :, 1] != 0)
    hops = [Group("path", at).members(pairs) for at in range(1, 8)]
    np.testing.assert_array_equal(np.sum(hops, 0), parts[1])


def test_a_graph_patched_into_itself_changes_nothing_bit_for_bit(model, few):
    recorded = record(model, few.clean)
    plain = edited_answers(model, few.clean, unchanged)
    for layer in (0, 3, 5):
        for group in (Group("edited"), Group("path"), Group("all")):
            edit = written(layer, recorded.residual[layer], torch.from_numpy(group.members(few)))
            assert torch.equal(edited_answers(model, few.clean, edit), plain)


def test_all_tokens_patched_give_the_answer_to_the_clean_graph_exactly(model, pairs):
    recorded = record(model, pairs.clean)
    everything = torch.ones(pairs.edited.shape, dtype=torch.bool)
    for layer, stream in enumerate(recorded.residual):
        got = edited_answers(model, pairs.corrupted, written(layer, stream, everything))
        again = model.architecture.looped and 0 < layer < model.architecture.layers
        assert torch.equal(got, recorded.answers) != again  # looped layers read the embedding too


@pytest.mark.parametrize("graphs", [GRAPHS, SIX], ids=["8", "6, with a layer that does nothing"])
def test_the_circuit_patched_in_any_way_answers_as_its_rules_say(graphs):
    n, layers = graphs.max_vertices, SHAPE.layers
    pairs, model = draw_pairs(graphs, 0, of_each=24), make("edge", n, SHAPE)
    clean, corrupted = (circuit_oracle.states(t, layers) for t in (pairs.clean, pairs.corrupted))
    found = patched_answers(model, pairs, GROUPS)
    np.testing.assert_allclose(found.clean, pairs.distance, atol=1e-2)
    np.testing.assert_allclose(found.corrupted, pairs.corrupted_distance, atol=1e-2)
    for layer in range(layers + 1):
        for number, group in enumerate(GROUPS):
            mixed = corrupted[layer].patched(clean[layer], group.members(pairs))
            last = circuit_oracle.resumed(mixed, layer, layers, n)[-1]
            expected = circuit_oracle.answers(last, n)
            np.testing.assert_allclose(found.patched[layer, number], expected, atol=1e-2)


def test_what_is_carried_moves_from_the_edited_edge_along_the_path_to_the_question():
    pairs = draw_pairs(GRAPHS, 0, of_each=60)
    rows = patches(make("edge", 8, SHAPE), pairs.where(pairs.distance == 5))
    for hop, toward_2 in ((1, True), (5, False)):
        carried = {(r.group, r.at, r.layer): r.carried or 0.0 for r in rows if r.hop == hop}
        assert carried["edited", None, 0] == carried["question", None, 5] == 1
        assert carried["edited", None, 5] == carried["question", None, 1] == 0
        # One layer, one hop from each end; that from t begins one layer later.
        near, middle, beyond = (2, 3, 4) if toward_2 else (4, 3, 2)
        begins = 1 if toward_2 else 2
        for step, at in enumerate((near, middle)):
            assert carried["path", at, begins + step] > 0.5
            assert abs(carried["path", at, begins + step - 1]) < 0.1
        assert abs(carried["path", beyond, begins + 1]) < 0.1


def test_rows_hold_the_share_of_the_models_own_change(pairs):
    model = new_model(laptop())
    some = pairs.where(pairs.distance == 4)
    (row,) = [r for r in patches(model, some) if (r.layer, r.group) == (2, "path")]
    change = predict(model, some.clean) - predict(model, some.corrupted)
    stream = record(model, some.clean).residual[2]
    members = torch.from_numpy(Group("path").members(some))
    got = edited_answers(model, some.corrupted, written(2, stream, members)).numpy()
    carried = ((got - predict(model, some.corrupted)) * change).sum() / (change**2).sum()
    assert row.carried == pytest.approx(carried, abs=2e-4)
    assert row.change == pytest.approx(np.sqrt((change**2).mean()), abs=2e-4)
    assert sorted((row.low or 0.0, carried, row.high or 0.0))[1] == carried
    assert (row.distance, row.hop, row.at, row.pairs) == (4, None, None, 24)


@pytest.mark.parametrize("name", ["pre", "looped", "edge"])
def test_everything_carries_all_of_the_change_and_the_ends_of_the_map_are_fixed(name, few):
    model = EDGE_TOKENS[name]()
    rows = patches(model, few)
    last, looped = model.architecture.layers, model.architecture.looped
    for r in rows:
        assert r.at is None or (r.hop is not None and r.hop != r.at)
        if r.layer == 0:
            assert r.carried == float(r.group in ("edited", "all"))
        if r.layer == last or (r.group == "all" and not looped):
            assert r.carried == float(r.group in ("question", "all"))


def test_an_untrained_network_hardly_changes_its_answers(few):
    changes = {name: max(r.change for r in patches(made(), few)) for name, made in
               (("pre", EDGE_TOKENS["pre"]), ("edge", EDGE_TOKENS["edge"]))}  # fmt: skip
    assert changes["pre"] < 0.5 < 2 < changes["edge"]


def test_nothing_is_carried_where_answers_are_equal(few):
    model = new_model(laptop())
    torch.nn.init.zeros_(model.readout.weight)
    rows = patches(model, few)
    assert {(r.change, r.carried, r.low, r.high) for r in rows} == {(0.0, None, None, None)}


def test_the_order_of_edges_and_of_pairs_and_the_size_of_batches_change_nothing(pairs, monkeypatch):
    model, pairs = new_model(laptop()), pairs.where(pairs.distance == 3)
    whole = patches(model, pairs)
    turned = Pairs(*(
        np.concatenate([c[:, -2::-1], c[:, -1:]], axis=1) if c.ndim > 1 else c for c in pairs
    ))  # fmt: skip
    monkeypatch.setattr("offpath.interpret.patching.AT_ONCE", 12)
    for other in (turned, pairs):
        for one, two in zip(whole, patches(model, other), strict=True):
            assert one.carried == pytest.approx(two.carried, abs=2e-3)


def test_a_model_over_vertices_is_refused(pairs):
    with pytest.raises(ValueError, match="model must have edge tokens to be patched"):
        patches(make("wide", 8, SHAPE), pairs)
