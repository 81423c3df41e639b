from copy import deepcopy

import pytest
import torch

from offpath.data.batches import frozen
from offpath.data.worlds import worlds
from offpath.fit.checkpoints import new_model
from offpath.fit.transformer import Transformer, predict
from offpath.interpret.interpolation import align, interpolate, similarity
from offpath.recipes import laptop

TOKENS = frozen(worlds(laptop().graphs)["test_e"], 0, 100)[0].tokens


def network(seed: int, norm: str = "pre") -> Transformer:
    """A network no parameter of which is 0 or 1."""
    c = laptop()
    shape = c.model.model_copy(update={"norm": norm, "final_norm": norm == "pre", "layers": 2})
    model = new_model(c.model_copy(update={"seed": seed, "model": shape}))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    return model


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_alignment_permutes_neurons_and_changes_no_answer(norm: str):
    one, two = network(1, norm), network(2, norm)
    aligned = align(one, two)
    assert similarity(one, aligned) > similarity(one, two) + 1
    assert predict(aligned, TOKENS) == pytest.approx(predict(two, TOKENS), abs=1e-5)


def test_a_network_whose_neurons_are_permuted_is_aligned_to_itself():
    one = network(1)
    permuted = align(network(2), one)
    assert similarity(one, permuted) < 0.7 * len(list(one.parameters()))
    back = align(one, permuted)
    for here, there in zip(one.parameters(), back.parameters(), strict=True):
        assert torch.equal(here, there)


def test_the_ends_of_an_interpolation_are_the_networks():
    one, two = network(1), network(2)
    before = deepcopy(one.state_dict())
    assert predict(interpolate(one, two, 0.0), TOKENS).tolist() == predict(one, TOKENS).tolist()
    assert predict(interpolate(one, two, 1.0), TOKENS) == pytest.approx(
        predict(two, TOKENS), abs=1e-6
    )
    middle = interpolate(one, two, 0.5).readout.weight
    assert torch.allclose(middle, (one.readout.weight + two.readout.weight) / 2)
    assert all(torch.equal(p, before[name]) for name, p in one.state_dict().items())
