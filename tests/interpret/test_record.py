import numpy as np
import pytest
import torch
from torch import nn

from offpath.configs import Configuration
from offpath.data.batches import draw
from offpath.data.worlds import worlds
from offpath.fit.checkpoints import new_model
from offpath.fit.transformer import Layer, Transformer, answer, predict, residual_streams
from offpath.interpret.activations import Place, chunks, edited_answers, record
from offpath.recipes import laptop, paper
from tests.interpret.eight import NETWORKS

EXAMPLES = 20
MODELS = {**NETWORKS, "paper": lambda: new_model(paper())}


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


def test_the_answers_are_those_of_the_model(model: Transformer):
    tokens = examples(model)
    made = record(model, tokens)
    np.testing.assert_allclose(made.answers, predict(model, tokens), atol=1e-4, rtol=0)
    with torch.no_grad():
        outputs = model.readout(model.final_norm(made.residual[-1][:, -1]))
    assert torch.equal(answer(outputs, model.architecture.head), made.answers)


def test_every_stream_is_that_of_the_plain_pass(model: Transformer):
    tokens = examples(model)
    plain = residual_streams(model, tokens)
    for ours, theirs in zip(record(model, tokens).residual, plain, strict=True):
        torch.testing.assert_close(ours, theirs, atol=2e-4, rtol=1e-4)


@torch.no_grad()
def test_heads_through_their_matrix_are_what_attention_adds(model: Transformer):
    made = record(model, examples(model))
    again = made.residual[0] if model.architecture.looped else 0.0
    before = [made.residual[0], *(x + again for x in made.residual[1:])]
    for number, layer in enumerate(model.layers):
        x = before[number] + layer.self_attn.out_proj(made.heads[number].flatten(2))
        if layer.norm_after:
            x = layer.norm1(x)
            expected = layer.norm2(x + layer.linear2(layer.linear1(x).relu()))
        else:
            expected = x + layer.linear2(layer.linear1(layer.norm2(x)).relu())
        torch.testing.assert_close(made.residual[number + 1], expected, atol=1e-3, rtol=1e-4)


def test_each_place_is_handed_to_the_edit_once_in_order(model: Transformer):
    places = []
    edited_answers(model, examples(model), lambda place, x: places.append(place) or x)
    layers = range(1, model.architecture.layers + 1)
    both = [(Place("heads", n), Place("stream", n)) for n in layers]
    assert places == [Place("stream", 0), *(place for pair in both for place in pair)]


def test_an_edit_that_returns_what_it_gets_changes_no_answer(model: Transformer):
    tokens = examples(model)
    assert torch.equal(
        edited_answers(model, tokens, lambda place, x: x.clone()), record(model, tokens).answers
    )


@pytest.mark.parametrize("kind", ["stream", "heads"])
def test_all_activations_of_one_place_from_other_questions_give_their_answers(model, kind):
    tokens = examples(model)
    other = np.roll(tokens, 1, axis=0)
    given = record(model, other)
    place = Place(kind, 1)
    written = {"stream": given.residual[1], "heads": given.heads[0]}[kind]
    answers = edited_answers(model, tokens, lambda at, x: written if at == place else x)
    if kind == "stream":  # the mask of padding stays that of the question
        same = torch.from_numpy((tokens[:, :, 1] != 0).sum(1) == (other[:, :, 1] != 0).sum(1))
        same |= torch.tensor(model.architecture.tokens == "vertices")
        assert same.any()
        expected = given.answers[same]
        if not model.architecture.looped:
            torch.testing.assert_close(answers[same], expected, atol=1e-4, rtol=1e-5)
    else:
        assert not torch.equal(answers, given.answers)  # the stream beside them is the question's


def test_an_edit_of_the_last_layer_reads_the_question_alone(model: Transformer):
    tokens = examples(model)
    last = Place("stream", model.architecture.layers)

    def without_edges(place: Place, x: torch.Tensor) -> torch.Tensor:
        if place != last:
            return x
        x = x.clone()
        x[:, :-1] = 1e6
        return x

    assert torch.equal(edited_answers(model, tokens, without_edges), record(model, tokens).answers)


def test_chunks_cover_the_batch_in_order_and_leave_padding_out(model, monkeypatch):
    tokens = examples(model)
    monkeypatch.setattr("offpath.interpret.activations.MOST_HELD", 2**17)
    parts = list(chunks(model, tokens))
    assert len(parts) > 1
    assert [i for where, _ in parts for i in range(where.start, where.stop)] == list(
        range(EXAMPLES)
    )
    whole = record(model, tokens).answers
    for where, part in parts:
        assert (part[:, :, 1] != 0).any(0).all()
        torch.testing.assert_close(record(model, part).answers, whole[where], atol=1e-4, rtol=0)


def test_the_order_of_edges_changes_no_recording(model: Transformer):
    tokens = examples(model)
    turned = np.concatenate([tokens[:, -2::-1], tokens[:, -1:]], axis=1)
    ours, theirs = record(model, tokens), record(model, turned)
    for one, other in zip(ours.residual, theirs.residual, strict=True):
        torch.testing.assert_close(one[:, -1], other[:, -1], atol=2e-4, rtol=1e-4)
        if model.architecture.tokens == "edges":
            back = torch.cat([other[:, :-1].flip(1), other[:, -1:]], dim=1)
            torch.testing.assert_close(one, back, atol=2e-4, rtol=1e-4)


def test_nothing_is_recorded_afterwards(model: Transformer):
    tokens = examples(model)
    streams = record(model, tokens)
    predict(model, tokens)
    assert len(streams.attention) == model.architecture.layers
    for module in model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
