import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.autograd import grad

from benchmarks.plain_step import torch_answers, torch_encoder
from offpath.configs import Configuration
from offpath.data.batches import Batch, draw
from offpath.data.tokens import encode, pack
from offpath.data.worlds import worlds
from offpath.fit.checkpoints import new_model
from offpath.fit.loop import train
from offpath.fit.optimizer import make_optimizer
from offpath.fit.transformer import (
    Transformer,
    parameter_count,
    predict,
    rectangle,
    residual_streams,
    to_device,
)
from offpath.recipes import RECIPES, paper

CPU = torch.device("cpu")


@pytest.fixture(params=RECIPES.values(), ids=list(RECIPES))
def configuration(request) -> Configuration:
    """Every recipe in turn."""
    return request.param()


def batch(configuration: Configuration, count: int = 64) -> Batch:
    return draw(worlds(configuration.graphs)["test_e"], 0, 0, count)


def examples(configuration: Configuration, count: int = 64) -> np.ndarray:
    return batch(configuration, count).tokens


def test_the_study_has_550_433_parameters():
    assert parameter_count(new_model(paper())) == 550_433


def test_answers_and_gradients_equal_those_of_torchs_encoder(configuration: Configuration):
    model, tokens = new_model(configuration), examples(configuration)
    expected = torch_answers(model, torch_encoder(model), tokens)
    expected.square().mean().backward()
    gradients = [p.grad for p in model.parameters()]
    model.zero_grad(set_to_none=True)
    packed = pack(tokens)
    answers = model(*to_device(packed, CPU))
    answers.square().mean().backward()
    torch.testing.assert_close(answers, expected[packed.order], atol=1e-5, rtol=0)
    for ours, theirs in zip(model.parameters(), gradients, strict=True):
        torch.testing.assert_close(ours.grad, theirs, atol=1e-4, rtol=0)


def test_the_loss_without_padding_equals_the_loss_with_it(configuration: Configuration):
    model, tokens = new_model(configuration), examples(configuration, 512)
    labels = torch.arange(512) % 8

    def loss(groups: int) -> float:
        packed = pack(tokens, groups)
        assert (packed.times == 0).any() == (groups == 1)
        return (model(*to_device(packed, CPU)) - labels[packed.order]).square().mean().item()

    assert loss(groups=65) == pytest.approx(loss(groups=1), rel=1e-6)


def gradients(model: Transformer, arguments: tuple, factors: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Answers of a model and the gradient of their sum with these factors."""
    answers = model(*arguments)
    return answers.detach(), list(grad((answers * factors).sum(), list(model.parameters())))


@pytest.mark.parametrize("groups", [1, 6, 65])
@pytest.mark.parametrize("update", [{}, {"tokens": "vertices"}])
def test_merged_edges_give_the_answers_and_gradients_of_repeated_ones(
    configuration: Configuration, update: dict, groups: int
):
    n = configuration.graphs.max_vertices
    a = configuration.model.model_copy(update=update)
    torch.manual_seed(0)
    model = Transformer(a, n).double()
    one_edge = encode([(1, 2)] * n, 2, n)  # one edge, repeated as often as fits
    most = encode([(1, 2)] * (n - 1) + [(2, 3)], 3, n)
    tokens = np.concatenate([examples(configuration), one_edge, most])
    padded = np.concatenate([tokens[:, :-1] * 0, tokens[:, -2::-1], tokens[:, -1:]], axis=1)
    factors = torch.linspace(-1, 2, len(tokens), dtype=torch.float64)
    expected = gradients(model, rectangle(torch.from_numpy(tokens).long()), factors)
    for batch_tokens in (tokens, padded):
        packed = pack(batch_tokens, groups)
        assert packed.times.max() == n
        found = gradients(model, to_device(packed, CPU), factors[packed.order])
        torch.testing.assert_close(found[0], expected[0][packed.order], rtol=1e-9, atol=1e-12)
        for ours, plain in zip(found[1], expected[1], strict=True):
            assert (ours - plain).norm() <= 1e-9 * plain.norm() + 1e-12


def test_padding_edge_order_and_neighbours_in_the_batch_change_no_answer(
    configuration: Configuration,
):
    model, tokens = new_model(configuration), examples(configuration)
    expected = predict(model, tokens)
    more_padding = np.concatenate([tokens[:, :-1], tokens[:, :3] * 0, tokens[:, -1:]], axis=1)
    edges_reversed = np.concatenate([tokens[:, -2::-1], tokens[:, -1:]], axis=1)
    alone = np.concatenate([predict(model, tokens[i : i + 1]) for i in range(len(tokens))])
    for answers in (predict(model, more_padding), predict(model, edges_reversed), alone):
        np.testing.assert_allclose(answers, expected, atol=1e-5, rtol=0)


def test_answers_come_in_the_order_of_the_questions_whatever_the_chunks(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch
):
    model, tokens = new_model(configuration), examples(configuration)
    whole = predict(model, tokens)
    monkeypatch.setattr("offpath.fit.transformer.MOST_EXAMPLES", 7)
    np.testing.assert_allclose(predict(model, tokens), whole, atol=1e-5, rtol=0)
    monkeypatch.setattr("offpath.fit.transformer.MOST_NUMBERS", 1)  # one at a time
    np.testing.assert_allclose(predict(model, tokens), whole, atol=1e-5, rtol=0)
    np.testing.assert_allclose(predict(model, tokens[::-1])[::-1], whole, atol=1e-5, rtol=0)


def test_the_initial_weights_are_those_of_torchs_own_layers(configuration: Configuration):
    a, n = configuration.model, configuration.graphs.max_vertices
    torch.manual_seed(configuration.seed)
    expected = dict(
        nn.Embedding(n + 1 + a.markers, a.width // 2).named_parameters(prefix="embedding")
    )
    for number in range(a.layers):
        layer = nn.TransformerEncoderLayer(a.width, a.heads, a.feed_forward)
        expected |= layer.named_parameters(prefix=f"layers.{number}")
    if a.final_norm:
        expected |= nn.LayerNorm(a.width).named_parameters(prefix="final_norm")
    expected |= nn.Linear(a.width, 1).named_parameters(prefix="readout")
    actual = new_model(configuration).state_dict()
    assert list(actual) == list(expected)
    assert all(torch.equal(actual[name], expected[name]) for name in expected)


@pytest.mark.parametrize("update", [{}, {"head_size": 3}, {"norm": "none"}, {"tokens": "vertices"}])
def test_hooks_on_layers_and_their_attention_fire_in_every_pass(
    configuration: Configuration, update: dict
):
    untrained = {"pretrain": None, "finetune": None, "reporters": None, "interventions": ()}
    model = configuration.model.model_copy(update=update | {"markers": 1})
    c = configuration.model_copy(update={"model": model, **untrained})
    model, tokens, fired = new_model(c), examples(configuration), []
    for layer in model.layers:
        for module in (layer, layer.self_attn):
            module.register_forward_pre_hook(lambda module, _: fired.append(module))
            module.register_forward_hook(lambda module, *_: fired.append(module))
    expected = [m for y in model.layers for m in (y, y.self_attn, y.self_attn, y)]
    for forward in (predict, residual_streams):
        forward(model, tokens)
        assert fired == expected
        fired.clear()
    training = configuration.training("pretrain").model_copy(update={"classification": 0.0})
    next(train(model, make_optimizer(model, training), training, [batch(configuration)]))
    assert fired == expected


def test_what_a_hook_returns_takes_the_place_of_the_output(configuration: Configuration):
    model, tokens = new_model(configuration), examples(configuration)
    model.layers[-1].register_forward_hook(lambda *arguments: 0 * arguments[-1])
    answers = predict(model, tokens)
    assert len(set(answers.tolist())) == 1


def test_the_initial_weights_depend_on_the_seed_alone(configuration: Configuration):
    torch.manual_seed(1)
    one = new_model(configuration).readout.weight
    torch.manual_seed(2)
    two = new_model(configuration).readout.weight
    other = new_model(configuration.model_copy(update={"seed": 1})).readout.weight
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
