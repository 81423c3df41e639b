import numpy as np
import pytest
import torch

from offpath.data.batches import Batch, draw
from offpath.data.worlds import world
from offpath.errors import InputError
from offpath.fit.checkpoints import new_model
from offpath.fit.transformer import Transformer
from offpath.handcraft.circuits import make
from offpath.handcraft.edge_circuit import blocks, layers_needed
from offpath.interpret import activations
from offpath.interpret.attention import KEYS, KINDS, NAMES, PARTS, ROWS, heads, keys, share_of
from offpath.interpret.questions import Questions, questions
from offpath.recipes import laptop, paper

C = laptop()


@pytest.fixture(scope="module")
def asked() -> Questions:
    return questions(draw(world("test_e", C.graphs), 0, 0, 150, "evaluation"))


def shares(model: Transformer, q: Questions) -> np.ndarray:
    return np.array([
        [*(one.share for one in head.shares), head.edge_entropy, head.question_entropy]
        for head in heads(model, q)
    ])  # fmt: skip


def drawn(*graphs: tuple[list[tuple[int, int]], int]) -> Questions:
    """Hand-drawn graphs of up to 8 vertices, each with the target that is asked for."""
    rows = [[*edges, *[(0, 0)] * (8 - len(edges)), (target, 9)] for edges, target in graphs]
    tokens = np.array(rows, np.uint8)
    one, no = np.ones(len(tokens), np.uint8), np.zeros(len(tokens), bool)
    return questions(Batch(tokens, one, one, one, one, no, no))


@pytest.mark.parametrize("c", [C, paper()], ids=["laptop", "paper"])
def test_each_head_of_the_circuit_looks_at_all_that_holds_its_end(c):
    q = questions(draw(world("test_e", c.graphs), 0, 0, 60, "evaluation"))
    n = c.graphs.max_vertices
    for one in heads(make("edge", n, c.model), q):
        if one.layer > layers_needed(n):
            assert one.names == ["even", "question even"]
            continue
        end = ("first end", "second end")[one.head - 1]
        assert share_of(one, "edge", end).share == pytest.approx(1, abs=1e-4)
        if one.head == 1:
            assert share_of(one, "question", "first end").share == pytest.approx(1, abs=1e-4)
            assert one.names == ["first end", "reads t"]
        else:
            assert one.question_entropy == pytest.approx(1, abs=1e-4)
            assert one.names == ["second end", "question even"]


def test_a_head_that_matches_one_pair_of_ends_is_named_after_it(asked):
    model, place = make("edge", 8, C.model), blocks(C.model.width, 8)
    inner = model.layers[0].self_attn
    with torch.no_grad():
        key_weights = inner.in_proj_weight.view(3, inner.heads, inner.head_size, -1)[1]
        key_weights[0, :, place["first", "id"]] = 0
    found = heads(model, asked)[0]
    assert share_of(found, "edge", "first, second").lift == pytest.approx(1, abs=1e-3)
    assert found.names[0] == "first, second"


def test_without_queries_every_share_is_that_of_even_attention(asked):
    model = new_model(C)
    with torch.no_grad():
        for layer in model.layers:
            layer.self_attn.in_proj_weight[: C.model.width] = 0
            layer.self_attn.in_proj_bias[: C.model.width] = 0
    for one in heads(model, asked):
        assert all(row.share == pytest.approx(row.even, abs=1e-6) for row in one.shares)
        assert (one.edge_entropy, one.question_entropy) == pytest.approx((1, 1), abs=1e-6)
        assert one.names == ["even", "question even"]


def test_no_head_of_an_untrained_network_has_a_name_but_even(asked):
    for seed in range(4):
        for one in heads(new_model(C.model_copy(update={"seed": seed})), asked):
            assert {*one.names} <= {"even", "question even"}
            assert max(share_of(one, *kind).lift for kind in named()) < 0.3


def named() -> list:
    return [(query, key) for query, names in NAMES.items() for key in names]


def test_every_key_of_a_query_is_of_one_part(asked):
    masks = keys(asked)
    real = asked.batch.tokens[:, :, 1] != 0
    pairs = real[:, :, None] & real[:, None]
    for query, rows in ROWS.items():
        found = np.sum([masks[key] for key in PARTS[query]], axis=0)
        np.testing.assert_array_equal(found[:, rows], pairs[:, rows])
    for one in heads(new_model(C), asked):
        for query, parts in PARTS.items():
            rows = [share_of(one, query, key) for key in parts]
            assert sum(row.share for row in rows) == pytest.approx(1)
            assert sum(row.even for row in rows) == pytest.approx(1)


def test_the_order_of_edges_and_the_batch_change_nothing(asked, monkeypatch):
    model = new_model(C)
    plain, tokens = shares(model, asked), asked.batch.tokens
    turned = np.concatenate([tokens[:, -2::-1], tokens[:, -1:]], axis=1)
    again = asked._replace(batch=asked.batch._replace(tokens=turned))
    np.testing.assert_allclose(shares(model, again), plain, atol=1e-6)
    order = np.random.default_rng(0).permutation(150)
    np.testing.assert_allclose(shares(model, asked.where(order)), plain, atol=1e-6)
    monkeypatch.setattr(activations, "MOST_HELD", 2**20)  # some forty examples at once
    np.testing.assert_allclose(shares(model, asked.where(order)), plain, atol=1e-6)


def test_a_repeated_edge_is_as_many_tokens_and_padding_is_none():
    q = drawn(([(1, 3), (1, 3), (3, 4)], 4), ([(2, 5)], 7))
    for one in heads(new_model(C), q):
        even = {(row.query, row.key): row.even for row in one.shares}
        most = {(row.query, row.key): row.most for row in one.shares}
        # Queries (1, 3) twice: themselves 2 of 4; (3, 4) 1 of 4; (2, 5) 1 of 2.
        assert even["edge", "itself"] == pytest.approx((2 / 4 + 2 / 4 + 1 / 4 + 1 / 2) / 4)
        assert even["edge", "second, first"] == pytest.approx((1 / 4 + 1 / 4) / 4)
        assert even["edge", "first, second"] == pytest.approx((2 / 4) / 4)
        assert even["edge", "second end"] == pytest.approx((3 / 4 + 3 / 4 + 2 / 4 + 1 / 2) / 4)
        assert even["question", "path"] == pytest.approx((3 / 4) / 2)
        assert most["question", "path"] == most["question", "touches t"] == 1 / 2


def test_kinds_are_as_drawn_by_hand():
    """The path 1-3-4-2 with an edge aside, (4, 5), asked for 2: which token looks at which."""
    q = drawn(([(1, 3), (3, 4), (2, 4), (4, 5)], 2))
    found = {
        key: {(i, j) for i, j in np.argwhere(mask[0]).tolist() if i != j}
        for key, mask in keys(q).items()
    }
    assert found["second, first"] == {(0, 1), (1, 3), (2, 3)}
    assert found["first, second"] == {(1, 0), (3, 1), (3, 2)}
    assert found["second, second"] == {(1, 2), (2, 1)}
    assert found["nearer to 1"] == {(1, 0), (2, 1), (3, 1)}
    assert found["nearer to t"] == {(0, 1), (1, 2), (3, 2)}
    question = {key: {j for i, j in pairs if i == 8} for key, pairs in found.items()}
    assert question["path"] == {0, 1, 2}
    assert question["first end"] == question["touches t"] == question["touches 2"] == {2}
    assert question["touches 1"] == {0}
    assert found["first end"] >= {(2, 8)}  # the edge (2, 4) and the question hold 2


def test_every_kind_is_explained():
    assert {*KINDS["edge"], *KINDS["question"]} == {*KEYS}
    assert all({*names} <= {*KINDS[query]} for query, names in NAMES.items())


def test_vertex_tokens_and_questions_without_edges_are_refused(asked):
    with pytest.raises(InputError, match="has vertices as tokens: leave it out"):
        heads(make("doubling", 8, C.model), asked)
    with pytest.raises(InputError, match="at least 1 edge"):
        heads(new_model(C), drawn(([], 3)))
