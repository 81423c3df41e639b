import numpy as np
import pytest
import torch
from torch import nn

from offpath.configs import Configuration
from offpath.data.batches import draw
from offpath.data.worlds import worlds
from offpath.fit.checkpoints import new_model
from offpath.fit.transformer import Layer, Transformer, predict
from offpath.handcraft.wide_circuit import wide_circuit
from offpath.interpret.activations import record
from offpath.recipes import laptop, paper

EXAMPLES = 20
MODELS = {
    "laptop": lambda: new_model(laptop()),
    "paper": lambda: new_model(paper()),
    "wide": lambda: wide_circuit(8),
}


@pytest.fixture(params=MODELS.values(), ids=list(MODELS))
def model(request) -> Transformer:
    return request.param()


def examples(model: Transformer) -> np.ndarray:
    c: Configuration = laptop() if model.max_vertices == 8 else paper()
    return draw(worlds(c.graphs)["test_e"], 0, 0, EXAMPLES).tokens


def oracle(layer: Layer, x: torch.Tensor, padding: torch.Tensor) -> torch.Tensor:
    """Weights of torch's own attention with the same parameters."""
    ours = layer.self_attn
    theirs = nn.MultiheadAttention(x.shape[2], ours.heads, batch_first=True)
    theirs.load_state_dict(ours.state_dict())
    x = x if layer.norm_after else layer.norm1(x)
    with torch.no_grad():
        return theirs(x, x, x, key_padding_mask=padding, average_attn_weights=False)[1]


@pytest.mark.parametrize("recipe", [laptop, paper])
def test_attention_weights_are_those_of_torchs_attention(recipe):
    model = new_model(recipe())
    tokens = examples(model)
    streams = record(model, tokens)
    padding = torch.from_numpy(tokens[:, :, 1] == 0)
    assert padding.any()
    for layer, x, weights in zip(model.layers, streams.residual, streams.attention, strict=False):
        expected = oracle(layer, x, padding)
        torch.testing.assert_close(weights, expected, atol=1e-6, rtol=0)


def test_each_token_takes_a_whole_and_nothing_from_padding(model: Transformer):
    tokens = examples(model)
    streams = record(model, tokens)
    assert len(streams.attention) == model.architecture.layers
    for weights in streams.attention:
        torch.testing.assert_close(weights.sum(3), torch.ones(weights.shape[:3]))
        if model.architecture.tokens == "edges":
            padding = torch.from_numpy(tokens[:, :, 1] == 0)[:, None, None].expand_as(weights)
            assert not weights[padding].any()


def test_the_last_residual_stream_read_out_is_the_answer(model: Transformer):
    tokens = examples(model)
    last = record(model, tokens).residual[-1][:, -1]
    answers = model.readout(model.final_norm(last)).squeeze(1).detach()
    np.testing.assert_allclose(answers, predict(model, tokens), atol=1e-5, rtol=0)


def test_nothing_is_recorded_afterwards(model: Transformer):
    tokens = examples(model)
    streams = record(model, tokens)
    predict(model, tokens)
    assert len(streams.attention) == model.architecture.layers
    assert not any(layer.self_attn._forward_pre_hooks for layer in model.layers)
