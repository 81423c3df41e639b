import numpy as np
import pytest
import torch

from offpath.fit.checkpoints import new_model
from offpath.fit.transformer import predict
from offpath.handcraft.circuits import make
from offpath.interpret.ablation import ablated, ablations, edited, mean_outputs
from offpath.interpret.activations import record, unchanged
from offpath.interpret.questions import Questions, by_distance
from offpath.recipes import laptop

SHAPE = laptop().model


@pytest.fixture(scope="module")
def asked() -> Questions:
    return by_distance(laptop().graphs, 0, of_each=25)


def test_questions_of_each_distance_are_asked_and_the_overall_row_weighs_them_alike(asked):
    some = asked.where(np.r_[0:25, 30:35, 175:200])  # of distances 1, 2, and no path
    rows = [r for r in ablations(new_model(laptop()), some) if (r.layer, r.head) == (2, 1)]
    assert [(r.distance, r.count) for r in rows] == [(None, 55), (1, 25), (2, 5), (8, 25)]
    for name in ("right", "right_without", "moved"):
        overall, *parts = (getattr(r, name) for r in rows)
        assert overall == pytest.approx(np.mean(parts), abs=1e-4)


def test_the_edge_circuit_without_the_second_head_of_its_last_layer_answers_7_for_no_path(asked):
    # That head collects at the question whether any token has met, d <= 7 in the fifth layer. Its
    # mean over questions says yes to all of them.
    rows = [r for r in ablations(make("edge", 8, SHAPE), asked) if (r.layer, r.head) == (5, 2)]
    found = {r.distance: (r.right, r.right_without, round(r.moved, 2)) for r in rows}
    same = dict.fromkeys(range(1, 8), (1.0, 1.0, 0.0))
    assert found == {None: (1.0, 0.875, 0.12), **same, 8: (1.0, 0.0, 1.0)}


def test_the_edge_circuit_needs_the_first_head_in_every_layer_but_the_last(asked):
    rows = ablations(make("edge", 8, SHAPE), asked)
    lost = {r.layer: r.right - r.right_without for r in rows
            if r.head == 1 and r.distance is None}  # fmt: skip
    assert lost[5] == 0
    assert min(lost[layer] for layer in (1, 2, 3, 4)) > 0.1


def test_a_head_that_writes_nothing_has_no_effect(asked):
    model = new_model(laptop())
    model.layers[1].self_attn.out_proj.weight.data[:, 16:] = 0  # what the second head writes
    rows = ablations(model, asked)
    moved = {(r.layer, r.head): r.moved for r in rows if r.distance is None}
    assert moved.pop((2, 2)) == 0
    assert min(moved.values()) > 0


def test_means_are_over_real_edges_and_over_questions(asked):
    model, tokens = new_model(laptop()), asked.batch.tokens
    means = mean_outputs(model, tokens)
    outputs = record(model, tokens).heads
    for layer, mean in means.items():
        own = outputs[layer - 1]
        edges = own[:, :-1][torch.from_numpy(asked.edges)].mean(0)
        torch.testing.assert_close(mean.float(), torch.stack([edges, own[:, -1].mean(0)]))


def test_an_ablated_head_puts_out_its_mean_and_no_other_changes(asked):
    model, tokens = new_model(laptop()), asked.batch.tokens
    means = mean_outputs(model, tokens)
    plain, changed = record(model, tokens), record(model, tokens, ablated(3, 1, means[3]))
    assert torch.equal(plain.heads[2][:, :, 0], changed.heads[2][:, :, 0])
    assert changed.heads[2][:, :-1, 1].unique(dim=0).shape[0] == 1
    torch.testing.assert_close(changed.heads[2][0, -1, 1], means[3][1, 1].float())
    assert torch.equal(plain.residual[2], changed.residual[2])


def test_the_edit_that_changes_nothing_gives_the_models_answers(asked, monkeypatch):
    model, tokens = new_model(laptop()), asked.batch.tokens
    monkeypatch.setattr("offpath.interpret.ablation.AT_ONCE", 64)
    np.testing.assert_allclose(edited(model, tokens, unchanged), predict(model, tokens), atol=1e-5)


def test_the_order_of_edges_and_the_size_of_batches_change_nothing(asked, monkeypatch):
    model, asked = new_model(laptop()), asked.where(np.arange(0, 200, 4))
    tokens, whole = asked.batch.tokens, ablations(model, asked)
    turned = np.concatenate([tokens[:, -2::-1], tokens[:, -1:]], axis=1)
    other = asked._replace(batch=asked.batch._replace(tokens=turned))
    monkeypatch.setattr("offpath.interpret.ablation.AT_ONCE", 30)
    for one, two in zip(whole, ablations(model, other), strict=True):
        assert one.moved == pytest.approx(two.moved, abs=5e-5)


def test_a_model_over_vertices_is_refused(asked):
    with pytest.raises(ValueError, match="model must have edge tokens to be ablated"):
        ablations(make("doubling", 8, SHAPE), asked)
