"""Rounding: each circuit at every size, in the precision that `make` chooses for it."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from offpath.compute import Compute
from offpath.configs import Architecture, InputError
from offpath.data.batches import frozen
from offpath.data.worlds import world
from offpath.fit.checkpoints import load_model
from offpath.fit.stages import finetune
from offpath.fit.transformer import Transformer, predict, rectangle
from offpath.generalize.matrix import measure_matrix
from offpath.handcraft.circuits import circuit_configuration, make, set_circuit
from offpath.handcraft.edge_circuit import (
    MET_SCALE,
    SLACK,
    blocks,
    edge_circuit,
    rounding,
    smallest_that_fits,
)
from offpath.handcraft.trial_graphs import FAMILIES, family_edges
from offpath.handcraft.verify import Questions, answers, ask
from offpath.recipes import laptop, paper, smoke
from offpath.results import Matrix, read_result
from offpath.run.folder import create_run

FAST = (
    3,
    4,
    8,
    14,
    15,
    16,
    17,
    22,
    23,
    24,
    32,
    64,
)  # around the change of precision, and the largest
SIZES = [pytest.param(n, marks=[] if n in FAST else pytest.mark.slow) for n in range(3, 65)]
FLOAT32, FLOAT64 = torch.finfo(torch.float32).eps, torch.finfo(torch.float64).eps
FEW = ("path", "cycle with a tail")


def questions(n: int, families: tuple[str, ...] = FEW, seed: int = 1) -> list[Questions]:
    """Every target of a path from 1 through all vertices, and of a graph of each family."""
    ids = [1, *np.random.default_rng([n, seed]).permutation(np.arange(2, n + 1)).tolist()]
    graphs = [[(min(pair), max(pair)) for pair in pairwise(ids)]]
    graphs += [family_edges(family, n, seed)[:n] for family in families]
    return [ask(edges, 1, range(2, n + 1), n) for edges in graphs]


def largest_error(model: Transformer, asked: list[Questions]) -> float:
    """The largest absolute error of all answers."""
    return max(float(np.abs(answers(model, a.tokens) - a.distances).max()) for a in asked)


@pytest.mark.parametrize("n", SIZES)
def test_the_edge_circuit_keeps_its_tolerance_at_every_size(n: int):
    model = make("edge", n, smoke().model)
    double = n >= 16
    assert model.readout.weight.dtype == (torch.float64 if double else torch.float32)
    assert largest_error(model, questions(n)) < (1e-6 if double else 1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("norm", ["pre", "post"])
def test_the_edge_circuit_keeps_its_tolerance_on_graphs_of_every_family(n: int, norm: str):
    shape = laptop().model.model_copy(update={"norm": norm, "final_norm": norm == "pre"})
    model = make("edge", n, shape)
    limit = 1e-6 if model.readout.weight.dtype == torch.float64 else 1e-2
    for seed in range(3):
        assert largest_error(model, questions(n, tuple(FAMILIES), seed)) < limit


@pytest.mark.parametrize("n", [*range(3, 17), 20, 24])
@pytest.mark.parametrize("norm", ["pre", "post"])
def test_rounding_adds_less_than_its_bound_to_a_unit_of_the_count(n: int, norm: str):
    shape = laptop().model.model_copy(update={"norm": norm, "final_norm": norm == "pre"})
    shape = smallest_that_fits(shape, n)
    exact = edge_circuit(shape, n, dtype=torch.float64)
    added = max(_rounded(exact, a) for a in questions(n))
    assert added < rounding(shape, n, 1e-2, torch.float32)
    assert rounding(shape, n, 1e-2, torch.float64) < 1e-6


def test_the_bound_refuses_float32_before_answers_are_off():
    """From 16 vertices on it does; without it, float32 fails the tolerance from 26 on."""
    shape = smallest_that_fits(smoke().model, 28)
    model = edge_circuit(shape, 28, dtype=torch.float64).float()
    assert largest_error(model, questions(28, tuple(FAMILIES))) > 1e-2
    with pytest.raises(InputError) as error:
        edge_circuit(shape, 28)
    assert str(error.value) == (
        "rounding in float32 may add 1.02 to a count of the edge circuit of 28 vertices, more than "
        "the 0.2 that leave it exact; give it float64, or a larger tolerance"
    )


def test_many_layers_need_float64_at_fewer_vertices():
    deep = paper().model.model_copy(update={"layers": 40})
    assert make("edge", 15, paper().model).readout.weight.dtype == torch.float32
    assert make("edge", 15, deep).readout.weight.dtype == torch.float64
    assert rounding(paper().model, 15, 1e-2, torch.float32) < SLACK


@pytest.mark.parametrize("n", SIZES)
def test_the_doubling_circuit_in_float32_is_off_by_n_epsilon_at_most(n: int):
    assert largest_error(make("doubling", n, laptop().model), questions(n)) <= n * FLOAT32


@pytest.mark.parametrize(
    "n", [pytest.param(n, marks=[] if n <= 20 else pytest.mark.slow) for n in range(3, 65)]
)
def test_the_wide_circuit_in_float32_is_off_by_its_tolerance_and_n_epsilon_at_most(n: int):
    few = [Questions(a.tokens[-4:], a.distances[-4:]) for a in questions(n)]
    assert largest_error(make("wide", n, laptop().model), few) <= 1e-6 + n * FLOAT32


def test_a_circuit_in_float64_is_saved_loaded_evaluated_and_fine_tuned(tmp_path):
    c = circuit_configuration("edge", smoke(), 16)
    evaluate = c.evaluate.model_copy(update={"examples": 128, "bootstrap_resamples": 40})
    training = c.training("finetune").model_copy(
        update={"steps": 2, "warmup_steps": 0, "batch_examples": 8}
    )
    c = c.model_copy(update={"evaluate": evaluate, "finetune": training})
    run, here = create_run(c, tmp_path), Compute(torch.device("cpu"), 1)
    set_circuit(run)
    model, made = load_model(run, "circuit", here.device), make("edge", 16, c.model)
    for one, other in zip(model.parameters(), made.parameters(), strict=True):
        assert one.dtype == torch.float64
        assert torch.equal(one, other)
    list(finetune(run, here))
    tuned = load_model(run, "circuit-finetuned", here.device)
    assert {p.dtype for p in tuned.parameters()} == {torch.float64}
    list(measure_matrix(run, here))
    cells = [x for x in read_result(run, Matrix).cells if x.predictor == "circuit"]
    assert max(cell.mse for cell in cells) < 1e-12
    batch, _ = frozen(world("test_e", c.graphs), 0, 32)
    assert predict(tuned, batch.tokens).dtype == np.float64


def _rounded(exact: Transformer, asked: Questions) -> float:
    """How far float32 moves what the question's units of the count take in, where met is small."""
    n, steep = exact.max_vertices, 1.5 * (exact.max_vertices + 1) ** 2 / MET_SCALE
    shape: Architecture = exact.architecture
    rounded = edge_circuit(shape, n, dtype=torch.float64).float()
    marker = blocks(shape.width, n)["second", "marker"].start
    largest = 0.0
    taken = zip(_inputs(exact, asked), _inputs(rounded, asked), exact.layers, strict=True)
    for inputs, in_float32, layer in taken:
        units = layer.linear1.weight[:, marker].abs() == 4 * steep
        right, got = inputs[:, units], in_float32[:, units].double()
        moved = (right - got).abs()[right.abs() < 2.5]
        largest = max(largest, float(moved.max())) if len(moved) else largest
    return largest


@torch.no_grad()
def _inputs(model: Transformer, asked: Questions) -> list[Tensor]:
    """What the hidden units of each layer take in at the question, by (example, unit)."""
    taken: list[Tensor] = []
    hooks = [
        layer.linear1.register_forward_hook(lambda module, given, made: taken.append(made))  # pyright: ignore[reportArgumentType]
        for layer in model.layers
    ]
    model(*rectangle(torch.from_numpy(asked.tokens).long()))
    for hook in hooks:
        hook.remove()
    return [made.unflatten(0, (len(asked.tokens), -1))[:, -1] for made in taken]
