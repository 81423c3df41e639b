"""Grids at the checkpoints of a run: the loss of a transformer, the file, and its resumption."""

from itertools import islice, product

import numpy as np
import pytest
import torch
from torch import Tensor

from offpath.compute import Compute
from offpath.configs import InputError
from offpath.data.batches import draw, frozen
from offpath.data.tokens import pack
from offpath.data.worlds import world
from offpath.fit.checkpoints import Tensors, new_model, save_model
from offpath.fit.transformer import predict
from offpath.interpret import along_training as stage
from offpath.interpret.along_training import measure_learning_coefficients, transformer_loss
from offpath.interpret.learning_coefficient import largest_curvature, localised_curvature
from offpath.interpret.options import GridSampling, Sampling
from offpath.interpret.plateaus import point
from offpath.results import LearningCoefficients, read_result
from offpath.run.folder import Run, create_run
from tests.interpret.potentials import half_square, origin, potential, toy_sampling

CPU = Compute(torch.device("cpu"), 1)


def test_the_loss_of_a_transformer_is_that_of_its_answers_in_their_order(tiny):
    batch = draw(world("test_e", tiny.graphs), seed=0, start=0, count=40)
    model, other = new_model(tiny), new_model(tiny.model_copy(update={"seed": 1}))
    both = {
        name: torch.stack([one, two]).detach()
        for (name, one), two in zip(model.named_parameters(), other.parameters(), strict=True)
    }
    chosen = torch.tensor([[5, 3, 39, 3], [0, 8, 8, 21]])
    losses = transformer_loss(model, batch)(both, chosen)
    for one, row, loss in zip((model, other), chosen.numpy(), losses, strict=True):
        expected = (predict(one, batch.tokens[row]) - batch.distance[row]) ** 2
        assert loss.numpy() == pytest.approx(expected, rel=1e-4)


def test_the_read_out_of_a_transformer_has_the_coefficient_of_its_linear_regression(tiny):
    """Only the read-out moves, from the least-squares solution: a quadratic with a closed form.

    The transformer walks draw by draw as the regression on its features does; that one is fast.
    """
    batch, _ = frozen(world("pretraining", tiny.graphs), 0, 256)
    model, seen = new_model(tiny).double(), []
    hook = model.readout.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    predict(model, batch.tokens)
    hook.remove()
    packed_at = np.argsort(pack(batch.tokens).order)
    features = np.c_[seen[0].numpy()[packed_at], np.ones(256)]
    labels = batch.distance.astype(float)
    solution = np.linalg.lstsq(features, labels, rcond=None)[0]
    start = {"readout.weight": torch.from_numpy(solution[None, :-1]),
             "readout.bias": torch.from_numpy(solution[-1:])}  # fmt: skip

    def regression(at: Tensors, chosen: Tensor) -> Tensor:
        weights = torch.cat([at["readout.weight"].mT, at["readout.bias"][:, :, None]], 1)
        answers = torch.from_numpy(features)[chosen] @ weights  # (chain, example, 1)
        return (answers.squeeze(2) - torch.from_numpy(labels)[chosen]).square()

    sampling = Sampling(examples=256, chains=2, burn_in_steps=5, draws=20, step_size=2e-4,
                        localisation=30.0)  # fmt: skip
    slow = localised_curvature(transformer_loss(model, batch), start, sampling, seed=0)
    fast = localised_curvature(regression, start, sampling, seed=0)
    assert slow.losses == pytest.approx(fast.losses)
    assert slow.localised_curvature == pytest.approx(fast.localised_curvature)

    residual = features @ solution - labels
    assert slow.baseline_loss == pytest.approx((residual**2).mean())
    many = sampling.model_copy(update={"chains": 64, "burn_in_steps": 100, "draws": 800})
    estimate = localised_curvature(regression, start, many, seed=0)
    curvature, axes = np.linalg.eigh(2 * many.weight * features.T @ features / 256)
    slopes = 2 * many.weight * residual[:, None] * features @ axes
    heat = 1 + many.step_size / 4 * (slopes**2).mean(0) / many.batch_examples
    stiff = curvature + many.localisation
    exact = (curvature / 2 * heat / (stiff * (1 - many.step_size * stiff / 4))).sum()
    assert estimate.error < 0.03 * exact
    assert abs(estimate.localised_curvature - exact) < 3 * estimate.error


NAMES = ("untrained", "pretrained-step8", "circuit", "pretrained")
BRIEF = GridSampling(examples=64, batch_examples=8, chains=2, burn_in_steps=2, draws=20,
                     localisations=(10, 1e6), step_shares=(0.5, 1.0))  # fmt: skip
CELLS = list(product((1e6, 10), (0.5, 1.0)))  # in the order of the work; 10 is not sampled


@pytest.fixture(scope="module")
def measured(tiny, tmp_path_factory) -> Run:
    """A run with checkpoints whose weights are drawn, not trained, and its uninterrupted file."""
    torch.set_num_threads(1)  # it comes before the fixture that does so for every test
    run = create_run(tiny, tmp_path_factory.mktemp("runs"))
    for seed, name in enumerate(NAMES):
        save_model(run, name, new_model(tiny.model_copy(update={"seed": seed})))
    assert measure(run) == [
        {"stage": "llc", "step": step, "of": 16, "checkpoint": name}
        for step, (name, _) in enumerate(product(NAMES, CELLS), start=1)
    ]
    return run


def measure(run: Run, stop_after: int = 100, seed: int = 0) -> list:
    return list(islice(measure_learning_coefficients(run, CPU, BRIEF, NAMES, seed), stop_after))


def test_a_measurement_stopped_anywhere_ends_as_if_it_never_was(measured: Run, monkeypatch):
    path, calls = measured.result("learning_coefficient"), []
    uninterrupted = path.read_bytes()
    path.unlink()

    def counted(*arguments):
        calls.append(arguments)
        return localised_curvature(*arguments)

    monkeypatch.setattr(stage, "localised_curvature", counted)
    for stop_after in (1, 3, 6, 100):
        measure(measured, stop_after)
    assert len(calls) == 8
    assert path.read_bytes() == uninterrupted


def test_other_options_do_not_overwrite_what_was_measured(measured: Run):
    before = measured.result("learning_coefficient").read_bytes()
    with pytest.raises(InputError, match=r"other options \(seed 0, not 1\); give the same, or"):
        measure(measured, seed=1)
    more = BRIEF.model_copy(update={"localisations": (10.0,)})
    with pytest.raises(InputError, match=r"other options \(localisations .*; give the same, or"):
        next(measure_learning_coefficients(measured, CPU, more, NAMES, 0))
    assert measured.result("learning_coefficient").read_bytes() == before


def test_the_result_has_what_the_report_reads(measured: Run):
    result = read_result(measured, LearningCoefficients)
    assert result.examples == 64
    assert result.sampling == BRIEF.model_dump(mode="json")
    assert [(s.checkpoint, s.network, s.step) for s in result.sweeps] == [
        ("untrained", "pretrained", 0),
        ("pretrained-step8", "pretrained", 8),
        ("circuit", "circuit", None),
        ("pretrained", "pretrained", 20),
    ]
    _, sha256 = frozen(world("pretraining", measured.configuration.graphs), 0, 64)
    assert result.examples_sha256 == sha256
    for sweep in result.sweeps:
        assert [(p.localisation, p.step_share) for p in sweep.points] == sorted(CELLS)
        assert all("not sampled" in p.reasons[0] for p in sweep.points[:2])
        assert sweep.plateau is None
        assert sweep.verdict.startswith("no plateau over localisation")
    assert result.finding.startswith("no plateau over localisation at 4 of 4 checkpoints")
    assert [(t.checkpoint, t.localisation, t.step_share, t.chain) for t in result.traces] == [
        (name, 1e6, share, chain) for name in NAMES for share in (0.5, 1.0) for chain in (1, 2)
    ]
    assert all(len(t.losses) == 20 for t in result.traces)


def test_a_point_is_what_its_options_give(measured: Run):
    sweep = read_result(measured, LearningCoefficients).sweeps[2]
    batch, _ = frozen(world("pretraining", measured.configuration.graphs), 0, 64)
    circuit = new_model(measured.configuration.model_copy(update={"seed": 2}))
    loss = np.mean((predict(circuit, batch.tokens) - batch.distance) ** 2)
    assert sweep.baseline_loss == pytest.approx(loss, rel=1e-5)
    start: Tensors = dict(circuit.named_parameters())
    curvature = largest_curvature(transformer_loss(circuit, batch), start, 64)
    assert sweep.largest_curvature == pytest.approx(curvature)
    options = BRIEF.cell(curvature, 1e6, 0.5)
    assert options.step_size * (options.weight * curvature + 1e6) == pytest.approx(4 * 0.5)
    again = localised_curvature(transformer_loss(circuit, batch), start, options, seed=0)
    assert sweep.points[2] == point(again, options, 0.5)
    assert np.mean(again.chains) == pytest.approx(again.localised_curvature)


def test_the_largest_curvature_of_a_transformer_is_that_of_its_read_out(tiny):
    """All but the bias of the read-out held fast, the loss is a parabola of curvature 2."""
    batch, _ = frozen(world("pretraining", tiny.graphs), 0, 64)
    model = new_model(tiny)
    loss = transformer_loss(model, batch)
    fixed = {n: t.detach() for n, t in model.named_parameters() if n != "readout.bias"}

    def of_bias(at: Tensors, chosen: Tensor) -> Tensor:
        chains = len(chosen)
        return loss({**at, **{n: t.expand(chains, *t.shape) for n, t in fixed.items()}}, chosen)

    start = {"readout.bias": model.readout.bias.detach()}
    assert largest_curvature(of_bias, start, 64) == pytest.approx(2, rel=1e-4)


def test_of_a_long_chain_every_so_many_draws_are_traced(monkeypatch):
    monkeypatch.setattr(stage, "MOST_IN_A_TRACE", 8)
    few = toy_sampling(chains=2, burn_in_steps=0, draws=20)
    estimate = localised_curvature(potential(half_square), origin(2), few, seed=0)
    traces = stage._traces("w", 1.0, 0.5, estimate)
    assert [trace.losses for trace in traces] == estimate.losses[:, ::3].tolist()  # each third


def test_a_checkpoint_has_its_place_on_the_training_of_a_network(tiny):
    places = {
        "untrained": ("pretrained", 0),
        "pretrained-step8": ("pretrained", 8),
        "pretrained": ("pretrained", 20),
        "finetuned": ("finetuned", 6),
        "scratch": ("scratch", 6),
        "circuit": ("circuit", None),
        "circuit-finetuned": ("circuit-finetuned", 6),
    }
    for checkpoint, place in places.items():
        assert stage._place(tiny, checkpoint) == place
    imported = tiny.model_copy(update={"imported": 64 * "0"})
    assert stage._place(imported, "pretrained") == ("pretrained", None)


def test_a_missing_checkpoint_is_named_before_anything_is_measured(run: Run):
    records = measure_learning_coefficients(run, CPU, BRIEF, ("finetuned",), 0)
    with pytest.raises(InputError, match="has no checkpoint 'finetuned' yet"):
        next(records)
    assert not run.result("learning_coefficient").exists()


def test_answers_without_a_slope_are_refused(run: Run):
    labels = run.configuration.model.model_copy(update={"head": "ordinal"})
    save_model(run, "pretrained", new_model(run.configuration, labels))
    with pytest.raises(InputError, match=r"pretrained has a head of labels \(ordinal\)"):
        next(measure_learning_coefficients(run, CPU, GridSampling(), ["pretrained"], 0))
