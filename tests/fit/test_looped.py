import pytest
import torch

from offpath.configs import InputError
from offpath.data.batches import draw
from offpath.data.worlds import world
from offpath.fit.checkpoints import load_model, new_model
from offpath.fit.native import answers, native_fault
from offpath.fit.transformer import (
    ALL,
    Transformer,
    parameter_count,
    predict,
    rectangle,
    residual_streams,
)
from offpath.interpret.activations import record
from offpath.recipes import smoke
from offpath.report.sections.model import parameters
from offpath.run.folder import working_on
from tests.fit.interventions import CPU, declared, pretrained, trained

SMOKE = smoke()
LOOPED = SMOKE.model.model_copy(update={"looped": True, "layers": 3})
TOKENS = draw(world("test_e", SMOKE.graphs), 0, 0, 30).tokens


def unrolled(looped: Transformer) -> Transformer:
    """An ordinary model whose layers hold the same weights, each for itself."""
    model = Transformer(looped.architecture.model_copy(update={"looped": False}), 5)
    weights = looped.state_dict()
    shared = {n: w for n, w in weights.items() if n.startswith("layers.0.")}
    for k in range(looped.architecture.layers):
        weights |= {n.replace("layers.0.", f"layers.{k}."): w for n, w in shared.items()}
    model.load_state_dict(weights)
    return model


@pytest.fixture
def looped() -> Transformer:
    return new_model(SMOKE, LOOPED)


def test_looped_layers_are_layers_with_equal_weights_that_get_the_embedding_again(looped):
    ordinary = unrolled(looped)
    x, masks = ordinary.embed(*rectangle(torch.from_numpy(TOKENS).long()))
    stream = torch.zeros_like(x)
    for layer in ordinary.layers:
        stream = layer(stream + x, masks, ALL)
    last = stream.unflatten(0, (len(TOKENS), -1))[:, -1]
    answers = ordinary.readout(ordinary.final_norm(last))[:, 0].detach().numpy()
    assert predict(looped, TOKENS) == pytest.approx(answers, abs=1e-5)
    assert predict(ordinary, TOKENS) != pytest.approx(answers, abs=1e-3)


def test_shared_weights_are_counted_and_saved_once(looped):
    one = new_model(SMOKE, SMOKE.model.model_copy(update={"layers": 1}))
    assert parameter_count(looped) == parameter_count(one)
    assert list(looped.state_dict()) == list(one.state_dict())
    assert sum(parameters(LOOPED, 5).values()) == parameter_count(looped)


def test_streams_and_attention_have_an_entry_for_each_time(looped):
    streams = record(looped, TOKENS)
    assert (len(looped.layers), len(streams.residual), len(streams.attention)) == (3, 4, 3)
    assert all(
        torch.equal(*pair)
        for pair in zip(streams.residual, residual_streams(looped, TOKENS), strict=True)
    )
    last = streams.residual[-1][:, -1]
    answers = looped.readout(looped.final_norm(last))[:, 0].detach().numpy()
    assert predict(looped, TOKENS) == pytest.approx(answers, abs=1e-5)
    assert not torch.equal(streams.attention[0], streams.attention[1])


def test_a_looped_network_is_trained_by_torch_saved_and_resumed(tiny, tmp_path):
    run = pretrained(tiny, tmp_path)
    with working_on(run):
        network = declared(run, "looped", "untrained", LOOPED)
        whole, resumed = trained(run, network), trained(run, network, stop=4)
        assert list(whole.state_dict()) == list(resumed.state_dict())
        for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
            assert torch.equal(a, b)
        assert (predict(whole, TOKENS) == answers(whole, TOKENS, CPU)).all()
        assert not torch.equal(
            whole.embedding.weight, load_model(run, "untrained", "cpu").embedding.weight
        )
        low = trained(run, declared(run, "low", "untrained", LOOPED, rank=1))
        assert parameter_count(low) == parameter_count(whole)
        with pytest.raises(InputError, match=r"last\.trains must be all where all layers are one"):
            trained(run, declared(run, "last", "untrained", LOOPED, trains="last_block"))
    assert native_fault(LOOPED, CPU) == "it is not for looped layers"
