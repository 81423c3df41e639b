import numpy as np
import pytest
import torch

from offpath.data.batches import draw
from offpath.data.worlds import worlds
from offpath.fit.checkpoints import new_model
from offpath.fit.transformer import Transformer, answer, predict, residual_streams
from offpath.interpret.activations import question_streams
from offpath.recipes import laptop
from tests.interpret.eight import NETWORKS

GRAPHS = laptop().graphs


@pytest.fixture(params=NETWORKS.values(), ids=list(NETWORKS))
def model(request) -> Transformer:
    return request.param()


@pytest.fixture(scope="module")
def tokens() -> np.ndarray:
    return draw(worlds(GRAPHS)["test_e"], 0, 0, 300).tokens


def test_the_last_recorded_layer_read_out_is_the_answer_exactly(model, tokens):
    last = torch.from_numpy(question_streams(model, tokens)[-1])
    with torch.inference_mode():
        read = answer(model.readout(model.final_norm(last)), model.architecture.head)
    np.testing.assert_array_equal(read, predict(model, tokens))


def test_every_layer_is_that_of_the_plain_pass(model, tokens):
    plain = [stream[:, -1] for stream in residual_streams(model, tokens)]
    recorded = question_streams(model, tokens)
    assert len(recorded) == len(plain) == model.architecture.layers + 1
    for ours, theirs in zip(recorded, plain, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-4, rtol=1e-4)


def test_other_examples_and_the_order_of_edges_change_nothing(model, tokens):
    whole = question_streams(model, tokens)
    some = np.array([250, 3, 77])
    np.testing.assert_allclose(
        question_streams(model, tokens[some]), whole[:, some], atol=2e-4, rtol=1e-4
    )
    turned = np.concatenate([tokens[:, -2::-1], tokens[:, -1:]], axis=1)
    np.testing.assert_allclose(question_streams(model, turned), whole, atol=2e-4, rtol=1e-4)


def test_chunks_are_put_together_in_the_order_of_the_batch(tokens, monkeypatch):
    model = new_model(laptop())
    whole = question_streams(model, tokens)
    monkeypatch.setattr("offpath.fit.transformer.MOST_EXAMPLES", 64)
    np.testing.assert_allclose(question_streams(model, tokens), whole, atol=1e-5)


def test_recording_leaves_the_model_as_it_was(tokens):
    model = new_model(laptop())
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    question_streams(model, tokens)
    assert not any(module._forward_hooks for module in model.modules())
    assert all(torch.equal(before[name], w) for name, w in model.state_dict().items())
