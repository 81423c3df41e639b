import math
from itertools import combinations

import numpy as np
import pytest
import torch
from torch import Tensor

from offpath.configs import InputError
from offpath.fit.checkpoints import Tensors
from offpath.interpret.judging import judge
from offpath.interpret.learning_coefficient import Loss, localised_curvature
from offpath.interpret.options import Sampling
from offpath.interpret.plateaus import point
from tests.interpret.potentials import (
    LOG_AXIS,
    expectation,
    half_square,
    origin,
    potential,
    power_by_quadrature,
    toy_sampling,
)


def product_by_quadrature(a: int, b: int, weight: float, gamma: float) -> float:
    """For the loss (x^a y^b)^2."""
    axis = LOG_AXIS[::3]
    one = axis - gamma / 2 * np.exp(2 * axis)
    loss = np.exp(2 * a * axis[:, None] + 2 * b * axis)
    return expectation(loss, one[:, None] + one, weight)


def test_the_quadrature_tends_to_the_known_coefficients_as_n_grows():
    for power in (2, 4, 6):
        assert power_by_quadrature(power, 1e12, 1.0) == pytest.approx(1 / power, abs=1e-3)
    for a, b in ((1, 2), (1, 3), (2, 3), (3, 1)):
        known = 1 / (2 * max(a, b))
        far = [known - product_by_quadrature(a, b, weight, 1.0) for weight in (1e2, 1e6, 1e15)]
        assert far[0] > far[1] > far[2] > 0
        assert far[2] < 0.01
    for a in (1, 2):  # Z ~ n^-known log n, so that E = -d log Z / d log n is known - 1 / log n
        gap = [1 / (1 / (2 * a) - product_by_quadrature(a, a, 10.0**k, 1.0)) for k in (12, 20)]
        assert (gap[1] - gap[0]) / (8 * math.log(10)) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("dimensions", [2, 10])
def test_a_regular_minimum_has_half_its_dimension(dimensions: int):
    sampling = toy_sampling(examples=10_000, step_size=3e-5, draws=3000)
    estimate = localised_curvature(potential(half_square), origin(dimensions), sampling, seed=0)
    assert estimate.passed, estimate.reasons
    assert estimate.error < 0.03 * dimensions / 2
    assert abs(estimate.localised_curvature - dimensions / 2) < 3 * estimate.error


@pytest.mark.parametrize(("step_size", "gamma"), [(2e-3, 1.0), (1e-3, 500.0), (5e-3, 0.0)])
def test_a_quadratic_is_exact_in_step_size_and_localisation(step_size: float, gamma: float):
    sampling = toy_sampling(step_size=step_size, localisation=gamma)
    estimate = localised_curvature(potential(half_square), origin(10), sampling, seed=1)
    stiff = sampling.weight + gamma  # each parameter is a linear recursion, of this variance:
    variance = 1 / (stiff * (1 - step_size * stiff / 4))
    assert estimate.error < 0.1
    assert abs(estimate.localised_curvature - 5 * sampling.weight * variance) < 3 * estimate.error


def test_a_quartic_direction_counts_a_quarter():
    sampling = toy_sampling(examples=10_000, step_size=3e-5, burn_in_steps=1000, draws=6000)
    quartic = potential(lambda w: w[:, 0] ** 4 + w[:, 1] ** 2)
    estimate = localised_curvature(quartic, origin(2), sampling, seed=0)
    exact = sum(power_by_quadrature(power, sampling.weight, 1.0) for power in (2, 4))
    assert exact == pytest.approx(0.75, abs=0.005)  # what localisation takes at this n
    assert estimate.passed, estimate.reasons
    assert estimate.error < 0.04
    assert abs(estimate.localised_curvature - exact) < 3 * estimate.error


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("a", "b"), [(1, 2), pytest.param(1, 1, marks=SLOW), pytest.param(3, 1, marks=SLOW)]
)
def test_a_product_of_powers_is_what_quadrature_gives(a: int, b: int):
    """Valleys that cross: few examples, or no step would be both stable there and long enough."""
    sampling = toy_sampling(examples=100, step_size=1e-3, localisation=2.0, chains=256,
                            burn_in_steps=1500, draws=6000)  # fmt: skip
    product = potential(lambda w: (w[:, 0] ** a * w[:, 1] ** b) ** 2)
    estimate = localised_curvature(product, origin(2), sampling, seed=0)
    exact = product_by_quadrature(a, b, sampling.weight, 2.0)
    assert estimate.passed, estimate.reasons
    assert estimate.error < 0.06 * exact
    assert abs(estimate.localised_curvature - exact) < 3 * estimate.error


def reduced_rank_coefficient(inputs: int, hidden: int, outputs: int, rank: int) -> float:
    """Of y = B A x, A hidden x inputs, where the truth has rank `rank` (Aoyagi, Watanabe 2005)."""
    if outputs + rank > inputs + hidden:
        return (hidden * inputs - hidden * rank + outputs * rank) / 2
    if inputs + rank > outputs + hidden:
        return (hidden * outputs - hidden * rank + inputs * rank) / 2
    if hidden + rank > inputs + outputs:
        return inputs * outputs / 2
    eight = 2 * (hidden + rank) * (inputs + outputs) - (hidden + rank) ** 2
    eight -= (inputs - outputs) ** 2
    return (eight + (inputs + hidden + outputs + rank) % 2) / 8


def test_the_formula_of_reduced_rank_regression_holds_where_it_can_be_done_by_hand():
    for inputs in range(1, 6):
        for outputs in range(1, 6):
            for full in range(1, min(inputs, outputs) + 1):
                # As many hidden units as the truth needs: regular, up to the GL(full) that A and B
                # share; half the dimension of the matrices of that rank.
                regular = full * (inputs + outputs - full) / 2
                assert reduced_rank_coefficient(inputs, full, outputs, full) == regular
            hidden = inputs + outputs + 1  # so many that every matrix is within reach, singly
            assert reduced_rank_coefficient(inputs, hidden, outputs, 0) == inputs * outputs / 2
    assert reduced_rank_coefficient(1, 1, 1, 0) == 1 / 2  # (x y)^2
    assert reduced_rank_coefficient(1, 1, 2, 0) == 1 / 2  # x^2 (y^2 + z^2): the pole of x is first


def reduced_rank_problem(examples: int) -> tuple[Loss, Tensors, Tensor]:
    """2 inputs, 2 hidden units, 3 outputs, truth of rank 1: loss, truth, covariance of inputs."""
    x = torch.randn(examples, 2, generator=torch.Generator().manual_seed(0)).double()
    start = {name: torch.zeros(size, dtype=torch.float64) for name, size in
             (("A", (2, 2)), ("B", (3, 2)))}  # fmt: skip
    start["A"][0, 0] = start["B"][0, 0] = 1.0
    y = x @ start["A"].T @ start["B"].T

    def loss(at: Tensors, chosen: Tensor) -> Tensor:
        answers = x[chosen] @ at["A"].mT @ at["B"].mT
        return (answers - y[chosen]).square().sum(2) / 2

    return loss, start, x.T @ x / examples


def reduced_rank_by_integration(
    start: Tensors, covariance: Tensor, weight: float, gamma: float, draws: int = 40_000
) -> tuple[float, float]:
    """The expectation and its error: over B in closed form, over A by importance sampling.

    Given A the loss is quadratic in B, so that E = -d log Z / d log weight needs 4 dimensions only.
    """
    a, b = start["A"].numpy(), start["B"].numpy()
    s, truth = covariance.numpy(), b @ a
    every_a = a + np.random.default_rng(0).standard_normal((draws, 2, 2)) / math.sqrt(gamma)

    def log_z(weight: float) -> np.ndarray:
        precision = weight * every_a @ s @ every_a.transpose(0, 2, 1) + gamma * np.eye(2)
        pull = weight * every_a @ s @ truth.T + gamma * b.T  # (draw, hidden, output)
        won = (pull * np.linalg.solve(precision, pull)).sum((1, 2))
        paid = weight * np.trace(truth @ s @ truth.T) + gamma * (b**2).sum()
        return (won - paid) / 2 - 3 / 2 * np.linalg.slogdet(precision)[1]

    below, at, above = (log_z(weight * math.exp(step)) for step in (-1e-3, 0, 1e-3))
    share = np.exp(at - at.max())
    share /= share.sum()
    each = (below - above) / 2e-3
    mean = float(share @ each)
    return mean, float(np.sqrt((share**2) @ (each - mean) ** 2))


@pytest.mark.slow
def test_reduced_rank_regression_is_what_theory_and_integration_give():
    known = reduced_rank_coefficient(inputs=2, hidden=2, outputs=3, rank=1)
    assert known == 2.5
    loss, start, covariance = reduced_rank_problem(examples=200)
    far = []
    for weight in (1e1, 1e2, 1e3, 1e4):
        mean, error = reduced_rank_by_integration(start, covariance, weight, 5.0)
        assert error < 0.08
        far.append(known - mean)
    assert far[0] > far[1] > far[2]
    assert abs(far[2]) < 0.1
    assert abs(far[3]) < 0.1

    sampling = toy_sampling(examples=200, batch_examples=50, chains=48, localisation=2.0,
                            step_size=5e-4, burn_in_steps=800, draws=800)  # fmt: skip
    estimate = localised_curvature(loss, start, sampling, seed=0)
    exact, its_error = reduced_rank_by_integration(start, covariance, sampling.weight, 2.0)
    assert estimate.passed, estimate.reasons
    assert math.hypot(estimate.error, its_error) < 0.1
    assert abs(estimate.localised_curvature - exact) < 3 * math.hypot(estimate.error, its_error)


# Randomness and errors


def test_seeds_differ_by_as_much_as_their_errors_predict():
    """512 chains are 128 estimates from 4 chains each; then whole calls with other seeds."""
    sampling = toy_sampling(chains=512, draws=800, burn_in_steps=50, step_size=2e-3)
    quadratic = potential(half_square)
    many = localised_curvature(quadratic, origin(4), sampling, seed=0)
    groups = [judge(losses, 0.0, sampling) for losses in np.split(many.losses, 128)]
    stiff = sampling.weight + 1
    exact = 2 * sampling.weight / (stiff * (1 - 2e-3 * stiff / 4))
    scores = np.array([(group.localised_curvature - exact) / group.error for group in groups])
    assert 0.7 < np.mean(scores**2) < 1.5
    assert np.mean(np.abs(scores) < 2) > 0.9
    rises = np.array([group.slope / group.slope_error for group in groups])
    assert 0.6 < np.mean(rises**2) < 1.6
    assert np.mean([group.passed for group in groups]) > 0.95

    few = sampling.model_copy(update={"chains": 16})
    calls = [localised_curvature(quadratic, origin(4), few, seed) for seed in range(4)]
    for one, other in combinations(calls, 2):
        assert (
            0
            < abs(one.localised_curvature - other.localised_curvature)
            < 3 * math.hypot(one.error, other.error)
        )


def test_the_same_seed_gives_the_same_numbers_and_a_chain_does_not_see_the_others():
    loss, start, _ = reduced_rank_problem(examples=200)
    few = toy_sampling(examples=200, batch_examples=20, chains=3, burn_in_steps=5, draws=40)
    one, again, other = (localised_curvature(loss, start, few, s) for s in (7, 7, 8))
    assert point(one, few, 1.0) == point(again, few, 1.0)
    assert np.array_equal(one.losses, again.losses)
    assert other.localised_curvature != one.localised_curvature
    more = few.model_copy(update={"chains": 5})
    assert np.allclose(localised_curvature(loss, start, more, 7).losses[:3], one.losses)
    longer = few.model_copy(update={"draws": 90})
    assert np.allclose(localised_curvature(loss, start, longer, 7).losses[:, :40], one.losses)


def test_the_baseline_is_the_loss_on_all_examples_and_the_noise_of_batches_cancels():
    noise = torch.randn(5000, generator=torch.Generator().manual_seed(0)).double() * 100

    def noisy(at: Tensors, chosen: Tensor) -> Tensor:
        return half_square(at["w"])[:, None] + noise[chosen]

    sampling = toy_sampling(examples=5000, chains=2, burn_in_steps=0, draws=40)
    estimate = localised_curvature(noisy, origin(3), sampling, seed=0)
    plain = localised_curvature(potential(half_square), origin(3), sampling, seed=0)
    assert estimate.baseline_loss == pytest.approx(noise.mean().item())
    assert estimate.localised_curvature == pytest.approx(plain.localised_curvature)
    assert estimate.losses == pytest.approx(plain.losses + estimate.baseline_loss)
    assert estimate.losses[:, 0] == pytest.approx(
        estimate.baseline_loss
    )  # the first draw is w* itself


def test_parameters_of_any_shape_walk_about_their_start():
    start = {"scalar": torch.tensor(3.0), "table": torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])}
    start = {name: tensor.double() for name, tensor in start.items()}

    def loss(at: Tensors, chosen: Tensor) -> Tensor:
        table = (at["table"] - start["table"]).square().sum((1, 2))
        return ((at["scalar"] - 3).square() + table)[:, None].expand(chosen.shape)

    sampling = toy_sampling(step_size=1e-4)
    estimate = localised_curvature(loss, start, sampling, seed=0)
    assert estimate.baseline_loss == 0
    assert abs(estimate.localised_curvature - 7 / 2) < 3 * estimate.error < 0.4


# Whether to believe it


def test_a_start_that_is_no_minimum_is_reported():
    off = {"w": torch.full((3,), 0.5, dtype=torch.float64)}
    estimate = localised_curvature(potential(half_square), off, toy_sampling(chains=4), 0)
    assert estimate.localised_curvature < 0
    assert not estimate.passed
    assert "4 of 4 chains lie below the baseline" in estimate.reasons[0]
    assert "the start is no minimum" in estimate.reasons[0]


def test_too_small_a_step_is_reported_as_a_loss_that_still_rises():
    sampling = toy_sampling(chains=8, step_size=2e-6, burn_in_steps=0, draws=500)
    estimate = localised_curvature(potential(half_square), origin(50), sampling, seed=0)
    assert any(reason.startswith("the loss still rises") for reason in estimate.reasons)
    assert any(reason.startswith("chains disagree") for reason in estimate.reasons)
    assert estimate.agreement > 1.05
    assert estimate.slope > 3 * estimate.slope_error > 0


@pytest.mark.parametrize("draws", [25, 1000])  # the loss is still a number at the end, or not
def test_a_chain_that_runs_off_is_reported_and_written_as_null(draws: int):
    sampling = toy_sampling(chains=2, step_size=0.5, burn_in_steps=0, draws=draws)
    estimate = localised_curvature(potential(half_square), origin(2), sampling, seed=0)
    assert not estimate.passed
    assert "take steps smaller than 0.5" in estimate.reasons[0]
    made = point(estimate, sampling, 1.0)
    assert made.localised_curvature is made.error is made.agreement is None
    assert made.chains == [None, None]


# Bad input


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"examples": 1}, r"examples must be 2 to 16777216; got 1"),
        ({"batch_examples": 0}, r"batch_examples must be 1 to 4096; got 0"),
        ({"batch_examples": 5000}, r"batch_examples must be 1 to 4096; got 5000"),
        ({"chains": 0}, r"chains must be 1 to 4096; got 0"),
        ({"burn_in_steps": -1}, r"burn_in_steps must be 0 to 100000000; got -1"),
        ({"draws": 19}, r"draws must be 20 to 100000000; got 19"),
        ({"step_size": 0.0}, r"step_size must be 1e-20 to 1; got 0.0"),
        ({"step_size": math.nan}, r"step_size must be 1e-20 to 1; got nan"),
        ({"localisation": -1.0}, r"localisation must be 0 to 1000000000000000.0; got -1.0"),
        ({"inverse_temperature": 0.0}, r"inverse_temperature must be .*; got 0.0"),
    ],
)
def test_bad_options_are_named(options: dict, fault: str):
    with pytest.raises(InputError, match=fault):
        Sampling(**options)


def test_what_cannot_be_sampled_is_named():
    quadratic, few = potential(half_square), toy_sampling(draws=20, burn_in_steps=0)
    with pytest.raises(InputError, match=r"seed must be 0 to 9223372036854775807; got -1"):
        localised_curvature(quadratic, origin(2), few, seed=-1)
    with pytest.raises(InputError, match=r"start must hold at least 1 tensor; got 0"):
        localised_curvature(quadratic, {}, few, seed=0)
    with pytest.raises(InputError, match=r"of shape \(1, 512\); got shape \(1,\)"):
        localised_curvature(lambda at, _: half_square(at["w"]), origin(2), few, seed=0)
