import math
from collections.abc import Callable
from itertools import combinations, islice

import numpy as np
import pytest
import torch
from torch import Tensor

from offpath.compute import Compute
from offpath.configs import InputError
from offpath.data.batches import draw, frozen
from offpath.data.worlds import world
from offpath.fit.checkpoints import Tensors, new_model, save_model
from offpath.fit.transformer import predict
from offpath.interpret import along_training as stage
from offpath.interpret import learning_coefficient as module
from offpath.interpret.along_training import measure_learning_coefficients, transformer_loss
from offpath.interpret.learning_coefficient import Loss, estimate_learning_coefficient, sweep
from offpath.interpret.options import Sampling
from offpath.results import LearningCoefficients, Point, read_result
from offpath.run.folder import Run, create_run

CPU = Compute(torch.device("cpu"), 1)


def potential(function: Callable[[Tensor], Tensor]) -> Loss:
    """A loss that is the same for every example."""
    return lambda at, chosen: function(at["w"])[:, None].expand(chosen.shape)


def origin(dimensions: int) -> Tensors:
    return {"w": torch.zeros(dimensions, dtype=torch.float64)}


def half_square(w: Tensor) -> Tensor:
    return w.square().sum(1) / 2


def toy_sampling(**options) -> Sampling:
    given = {"examples": 1000, "batch_examples": 1, "chains": 128, "burn_in_steps": 500,
             "draws": 1000, "step_size": 2e-4, "localisation": 1.0}  # fmt: skip
    return Sampling(**{**given, **options})


# What the sampler is held to: expectations of n beta L under exp(-n beta L - gamma |w - w*|^2 / 2),
# by numerical integration at the very same n, beta and gamma, and their limit as n grows.

LOG_AXIS = np.arange(-60, 4, 0.02)  # log |w|: the densities are smooth and without scale in it


def expectation(loss: np.ndarray, log_measure: np.ndarray, weight: float) -> float:
    log_density = log_measure - weight * loss
    density = np.exp(log_density - log_density.max())
    return float((density * weight * loss).sum() / density.sum())


def power_by_quadrature(power: int, weight: float, gamma: float) -> float:
    """For the loss |w|^power of one parameter."""
    log_measure = LOG_AXIS - gamma / 2 * np.exp(2 * LOG_AXIS)
    return expectation(np.exp(power * LOG_AXIS), log_measure, weight)


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
    sampling = toy_sampling(examples=10_000, step_size=3e-5)
    estimate = estimate_learning_coefficient(
        potential(half_square), origin(dimensions), sampling, seed=0
    )
    assert estimate.trusted, estimate.reasons
    assert estimate.error < 0.03 * dimensions / 2
    assert abs(estimate.estimate - dimensions / 2) < 3 * estimate.error


@pytest.mark.parametrize(("step_size", "gamma"), [(2e-3, 1.0), (1e-3, 500.0), (5e-3, 0.0)])
def test_a_quadratic_is_exact_in_step_size_and_localisation(step_size: float, gamma: float):
    sampling = toy_sampling(step_size=step_size, localisation=gamma)
    estimate = estimate_learning_coefficient(potential(half_square), origin(10), sampling, seed=1)
    stiff = sampling.weight + gamma  # each parameter is a linear recursion, of this variance:
    variance = 1 / (stiff * (1 - step_size * stiff / 4))
    assert estimate.error < 0.1
    assert abs(estimate.estimate - 5 * sampling.weight * variance) < 3 * estimate.error


def test_a_quartic_direction_counts_a_quarter():
    sampling = toy_sampling(examples=10_000, step_size=3e-5, burn_in_steps=1000, draws=2000)
    quartic = potential(lambda w: w[:, 0] ** 4 + w[:, 1] ** 2)
    estimate = estimate_learning_coefficient(quartic, origin(2), sampling, seed=0)
    exact = sum(power_by_quadrature(power, sampling.weight, 1.0) for power in (2, 4))
    assert exact == pytest.approx(0.75, abs=0.005)  # what localisation takes at this n
    assert estimate.trusted, estimate.reasons
    assert estimate.error < 0.04
    assert abs(estimate.estimate - exact) < 3 * estimate.error


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("a", "b"), [(1, 2), pytest.param(1, 1, marks=SLOW), pytest.param(3, 1, marks=SLOW)]
)
def test_a_product_of_powers_is_what_quadrature_gives(a: int, b: int):
    """Valleys that cross: few examples, or no step would be both stable there and long enough."""
    sampling = toy_sampling(examples=100, step_size=1e-3, localisation=2.0, chains=256,
                            burn_in_steps=1500, draws=1500)  # fmt: skip
    product = potential(lambda w: (w[:, 0] ** a * w[:, 1] ** b) ** 2)
    estimate = estimate_learning_coefficient(product, origin(2), sampling, seed=0)
    exact = product_by_quadrature(a, b, sampling.weight, 2.0)
    assert estimate.trusted, estimate.reasons
    assert estimate.error < 0.06 * exact
    assert abs(estimate.estimate - exact) < 3 * estimate.error


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
    estimate = estimate_learning_coefficient(loss, start, sampling, seed=0)
    exact, its_error = reduced_rank_by_integration(start, covariance, sampling.weight, 2.0)
    assert estimate.trusted, estimate.reasons
    assert math.hypot(estimate.error, its_error) < 0.1
    assert abs(estimate.estimate - exact) < 3 * math.hypot(estimate.error, its_error)


# Randomness and errors


def test_seeds_differ_by_as_much_as_their_errors_predict():
    """512 chains are 128 estimates from 4 chains each; then whole calls with other seeds."""
    sampling = toy_sampling(chains=512, draws=200, burn_in_steps=50, step_size=2e-3)
    quadratic = potential(half_square)
    many = estimate_learning_coefficient(quadratic, origin(4), sampling, seed=0)
    groups = [module._judge(losses, 0.0, sampling) for losses in np.split(many.losses, 128)]
    stiff = sampling.weight + 1
    exact = 2 * sampling.weight / (stiff * (1 - 2e-3 * stiff / 4))
    scores = np.array([(group.estimate - exact) / group.error for group in groups])
    assert 0.7 < np.mean(scores**2) < 1.5
    assert np.mean(np.abs(scores) < 2) > 0.9
    rises = np.array([group.slope / group.slope_error for group in groups])
    assert 0.6 < np.mean(rises**2) < 1.6
    assert np.mean([group.trusted for group in groups]) > 0.95

    few = sampling.model_copy(update={"chains": 16})
    calls = [estimate_learning_coefficient(quadratic, origin(4), few, seed) for seed in range(4)]
    for one, other in combinations(calls, 2):
        assert 0 < abs(one.estimate - other.estimate) < 3 * math.hypot(one.error, other.error)


def test_the_same_seed_gives_the_same_numbers_and_a_chain_does_not_see_the_others():
    loss, start, _ = reduced_rank_problem(examples=200)
    few = toy_sampling(examples=200, batch_examples=20, chains=3, burn_in_steps=5, draws=40)
    one, again, other = (estimate_learning_coefficient(loss, start, few, s) for s in (7, 7, 8))
    assert one.point("", "", None) == again.point("", "", None)
    assert np.array_equal(one.losses, again.losses)
    assert other.estimate != one.estimate
    more = few.model_copy(update={"chains": 5})
    assert np.allclose(estimate_learning_coefficient(loss, start, more, 7).losses[:3], one.losses)
    longer = few.model_copy(update={"draws": 90})
    assert np.allclose(
        estimate_learning_coefficient(loss, start, longer, 7).losses[:, :40], one.losses
    )


def test_the_baseline_is_the_loss_on_all_examples_and_the_noise_of_batches_cancels():
    noise = torch.randn(5000, generator=torch.Generator().manual_seed(0)).double() * 100

    def noisy(at: Tensors, chosen: Tensor) -> Tensor:
        return half_square(at["w"])[:, None] + noise[chosen]

    sampling = toy_sampling(examples=5000, chains=2, burn_in_steps=0, draws=40)
    estimate = estimate_learning_coefficient(noisy, origin(3), sampling, seed=0)
    plain = estimate_learning_coefficient(potential(half_square), origin(3), sampling, seed=0)
    assert estimate.baseline_loss == pytest.approx(noise.mean().item())
    assert estimate.estimate == pytest.approx(plain.estimate)
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
    estimate = estimate_learning_coefficient(loss, start, sampling, seed=0)
    assert estimate.baseline_loss == 0
    assert abs(estimate.estimate - 7 / 2) < 3 * estimate.error < 0.4


# Whether to believe it


def test_a_start_that_is_no_minimum_is_reported():
    off = {"w": torch.full((3,), 0.5, dtype=torch.float64)}
    estimate = estimate_learning_coefficient(potential(half_square), off, toy_sampling(chains=4), 0)
    assert estimate.estimate < 0
    assert not estimate.trusted
    assert "4 of 4 chains lie below the baseline" in estimate.reasons[0]
    assert "the start is no minimum" in estimate.reasons[0]


def test_too_small_a_step_is_reported_as_a_loss_that_still_rises():
    sampling = toy_sampling(chains=8, step_size=2e-6, burn_in_steps=0, draws=500)
    estimate = estimate_learning_coefficient(potential(half_square), origin(50), sampling, seed=0)
    assert any(reason.startswith("the loss still rises") for reason in estimate.reasons)
    assert any(reason.startswith("chains disagree") for reason in estimate.reasons)
    assert estimate.agreement > 1.1
    assert estimate.slope > 3 * estimate.slope_error > 0


def test_a_falling_loss_is_reported_too():
    """One parameter in a narrow shelf above a wide valley: the chains leave w* and sink."""
    values = -np.linspace(0, 1, 400) + np.random.default_rng(0).normal(0, 0.01, (4, 400)) + 2
    estimate = module._judge(values, 0.0, toy_sampling())
    assert any(reason.startswith("the loss still falls") for reason in estimate.reasons)
    assert estimate.slope == pytest.approx(-toy_sampling().weight, rel=0.01)


@pytest.mark.parametrize("draws", [25, 1000])  # the loss is still a number at the end, or not
def test_a_chain_that_runs_off_is_reported_and_written_as_null(draws: int):
    sampling = toy_sampling(chains=2, step_size=0.5, burn_in_steps=0, draws=draws)
    estimate = estimate_learning_coefficient(potential(half_square), origin(2), sampling, seed=0)
    assert not estimate.trusted
    assert "take steps smaller than 0.5" in estimate.reasons[0]
    point = estimate.point("w", "w", None)
    assert point.estimate is point.error is point.agreement is None
    assert point.chains == [None, None]


def test_an_error_that_leaves_nothing_to_say_is_reported():
    values = np.random.default_rng(0).normal(0.01, 1, (4, 100))
    estimate = module._judge(values, 0.0, toy_sampling())
    assert any(reason.startswith("the error") for reason in estimate.reasons)


def test_the_error_sees_what_a_chain_does_not():
    draws = np.random.default_rng(0).normal(0, 1, (4, 1000))
    alike = module._judge(1 + draws, 0.0, toy_sampling(inverse_temperature=1e-3))
    apart = module._judge(1 + draws + np.arange(4)[:, None], 0.0,
                          toy_sampling(inverse_temperature=1e-3))  # fmt: skip
    assert alike.error == pytest.approx(1 / math.sqrt(4000), rel=0.7)
    assert apart.error == pytest.approx(np.std([0, 1, 2, 3], ddof=1) / 2, rel=0.1)
    assert alike.agreement == pytest.approx(1, abs=0.01)
    assert apart.agreement > 1.3
    slow = np.repeat(draws[:, :100], 10, axis=1)  # each number ten times: a tenth of the draws
    blocks = module._judge(1 + slow, 0.0, toy_sampling(inverse_temperature=1e-3))
    assert blocks.error == pytest.approx(1 / math.sqrt(400), rel=0.7)
    assert blocks.error > 2 * alike.error


def test_a_sweep_finds_the_step_sizes_over_which_nothing_changes():
    sizes = [1e-6, 4e-4, 8e-4, 1.2e-2, 5e-2]  # too slow; good; good; biased by half; runs off
    points = []
    for size in sizes[::-1]:
        sampling = toy_sampling(chains=8, draws=600, burn_in_steps=150, step_size=size)
        estimate = estimate_learning_coefficient(
            potential(half_square), origin(10), sampling, seed=1
        )
        points.append(estimate.point("w", "w", None))
    result = sweep(points)
    assert result.checkpoint == "w"
    assert [p.step_size for p in result.points] == sizes
    assert not result.points[0].trusted
    assert result.points[-1].estimate is None
    assert result.plateau == (4e-4, 8e-4)
    assert result.estimate is not None
    assert result.error is not None
    assert abs(result.estimate - 5) < 3 * result.error
    assert result.error == max(p.error for p in result.points[1:3] if p.error)
    assert result.verdict.startswith("plateau from step size 0.0004 to 0.0008: ")


@pytest.mark.parametrize(
    ("estimates", "plateau"),
    [
        ([5.0], None),
        ([5.0, 5.4, 5.8], None),
        ([5.0, None, 5.0], None),  # not trusted
        ([9.0, 5.0, 5.2], (2, 3)),
        ([5.0, 5.1, 9.0, 5.0, 5.1, 5.2], (4, 6)),  # the widest
        ([5.2, 5.4, 5.6, 5.8, 6.0], (1, 2)),  # each close to the next, the ends are not
    ],
)
def test_a_plateau_takes_two_neighbours_that_are_trusted_and_agree(estimates, plateau):
    points = [
        Point(checkpoint="w", network="w", step=None, step_size=size, baseline_loss=0,
              estimate=estimate or 5.0, error=0.1, agreement=1, slope=0, slope_error=0, chains=[],
              trusted=estimate is not None, reasons=[])
        for size, estimate in enumerate(estimates, start=1)
    ]  # fmt: skip
    result = sweep(points)
    assert result.plateau == plateau
    if plateau is None:
        assert result.estimate is result.error is None
        assert result.verdict == "no plateau: do not trust"


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
        ({"step_size": 0.0}, r"step_size must be 1e-15 to 1; got 0.0"),
        ({"step_size": math.nan}, r"step_size must be 1e-15 to 1; got nan"),
        ({"localisation": -1.0}, r"localisation must be 0 to 1000000000.0; got -1.0"),
        ({"inverse_temperature": 0.0}, r"inverse_temperature must be .*; got 0.0"),
    ],
)
def test_bad_options_are_named(options: dict, fault: str):
    with pytest.raises(InputError, match=fault):
        Sampling(**options)


def test_what_cannot_be_sampled_is_named():
    quadratic, few = potential(half_square), toy_sampling(draws=20, burn_in_steps=0)
    with pytest.raises(InputError, match=r"seed must be 0 to 9223372036854775807; got -1"):
        estimate_learning_coefficient(quadratic, origin(2), few, seed=-1)
    with pytest.raises(InputError, match=r"start must hold at least 1 tensor; got 0"):
        estimate_learning_coefficient(quadratic, {}, few, seed=0)
    with pytest.raises(InputError, match=r"of shape \(1, 1000\); got shape \(1,\)"):
        estimate_learning_coefficient(lambda at, _: half_square(at["w"]), origin(2), few, seed=0)


# The transformer, and the stage


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
    packed_at = np.argsort(np.argsort(batch.token_counts, kind="stable"))
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
    slow = estimate_learning_coefficient(transformer_loss(model, batch), start, sampling, seed=0)
    fast = estimate_learning_coefficient(regression, start, sampling, seed=0)
    assert slow.losses == pytest.approx(fast.losses)
    assert slow.estimate == pytest.approx(fast.estimate)

    residual = features @ solution - labels
    assert slow.baseline_loss == pytest.approx((residual**2).mean())
    many = sampling.model_copy(update={"chains": 64, "burn_in_steps": 100, "draws": 800})
    estimate = estimate_learning_coefficient(regression, start, many, seed=0)
    curvature, axes = np.linalg.eigh(2 * many.weight * features.T @ features / 256)
    slopes = 2 * many.weight * residual[:, None] * features @ axes
    heat = 1 + many.step_size / 4 * (slopes**2).mean(0) / many.batch_examples
    stiff = curvature + many.localisation
    exact = (curvature / 2 * heat / (stiff * (1 - many.step_size * stiff / 4))).sum()
    assert estimate.error < 0.03 * exact
    assert abs(estimate.estimate - exact) < 3 * estimate.error


NAMES, SWEPT = ("untrained", "pretrained-step8", "circuit"), ("pretrained",)
BRIEF = Sampling(examples=64, batch_examples=8, chains=2, burn_in_steps=2, draws=20)
FACTORS = (1, 1e4)


@pytest.fixture(scope="module")
def measured(tiny, tmp_path_factory) -> Run:
    """A run with checkpoints whose weights are drawn, not trained, and its uninterrupted file."""
    torch.set_num_threads(1)  # it comes before the fixture that does so for every test
    run = create_run(tiny, tmp_path_factory.mktemp("runs"))
    for seed, name in enumerate(("untrained", "pretrained-step8", "pretrained", "circuit")):
        save_model(run, name, new_model(tiny.model_copy(update={"seed": seed})))
    names = [*NAMES, "pretrained", "pretrained"]
    assert measure(run) == [
        {"stage": "llc", "step": step, "of": 5, "checkpoint": name}
        for step, name in enumerate(names, start=1)
    ]
    return run


def measure(run: Run, stop_after: int = 100, seed: int = 0) -> list:
    records = measure_learning_coefficients(run, CPU, BRIEF, NAMES, SWEPT, seed, FACTORS)
    return list(islice(records, stop_after))


def test_a_measurement_stopped_anywhere_ends_as_if_it_never_was(measured: Run, monkeypatch):
    path, calls = measured.result("learning_coefficient"), []
    uninterrupted = path.read_bytes()
    path.unlink()

    def counted(*arguments):
        calls.append(arguments)
        return estimate_learning_coefficient(*arguments)

    monkeypatch.setattr(stage, "estimate_learning_coefficient", counted)
    for stop_after in (1, 3, 4, 100):
        measure(measured, stop_after)
    assert len(calls) == 5
    assert path.read_bytes() == uninterrupted


def test_other_options_do_not_overwrite_what_was_measured(measured: Run):
    before = measured.result("learning_coefficient").read_bytes()
    with pytest.raises(InputError, match=r"other options \(seed 0, not 1\); give the same, or"):
        measure(measured, seed=1)
    more = BRIEF.model_copy(update={"chains": 3})
    with pytest.raises(InputError, match=r"other options \(chains 2, not 3\); give the same, or"):
        next(measure_learning_coefficients(measured, CPU, more, NAMES, SWEPT, 0, FACTORS))
    assert measured.result("learning_coefficient").read_bytes() == before


def test_the_result_has_what_the_report_reads(measured: Run):
    result = read_result(measured, LearningCoefficients)
    assert result.examples == 64
    assert result.sampling == BRIEF.model_dump()
    assert [(p.checkpoint, p.network, p.step) for p in result.points] == [
        ("untrained", "pretrained", 0),
        ("pretrained-step8", "pretrained", 8),
        ("circuit", "circuit", None),
        ("pretrained", "pretrained", 20),
    ]
    batch, sha256 = frozen(world("pretraining", measured.configuration.graphs), 0, 64)
    assert result.examples_sha256 == sha256
    circuit = new_model(measured.configuration.model_copy(update={"seed": 3}))
    point = result.points[2]
    loss = np.mean((predict(circuit, batch.tokens) - batch.distance) ** 2)
    assert point.baseline_loss == pytest.approx(loss, rel=1e-5)
    start: Tensors = dict(circuit.named_parameters())
    again = estimate_learning_coefficient(transformer_loss(circuit, batch), start, BRIEF, seed=0)
    assert point == again.point("circuit", "circuit", None)
    assert np.mean(again.chains) == pytest.approx(again.estimate)
    (swept,) = result.sweeps
    assert swept.checkpoint == "pretrained"
    assert [p.step_size for p in swept.points] == pytest.approx([1e-5, 1e-1])
    assert swept.points[1].estimate is None  # so large a step runs off
    assert swept.plateau is swept.estimate is None
    assert swept.verdict == "no plateau: do not trust"
    assert [(t.checkpoint, t.chain) for t in result.traces] == [
        (name, chain) for name in (*NAMES, "pretrained", "pretrained") for chain in (1, 2)
    ]
    assert all(len(t.losses) == 20 for t in result.traces)
    assert result.traces[-1].losses[-1] is None
    assert result.traces[4].losses == again.losses[0].tolist()


def test_of_a_long_chain_every_so_many_draws_are_traced(monkeypatch):
    monkeypatch.setattr(stage, "MOST_IN_A_TRACE", 8)
    few = toy_sampling(chains=2, burn_in_steps=0, draws=20)
    estimate = estimate_learning_coefficient(potential(half_square), origin(2), few, seed=0)
    traces = stage._traces(estimate.point("w", "w", None), estimate)
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
    records = measure_learning_coefficients(run, CPU, BRIEF, (), ("finetuned",), 0)
    with pytest.raises(InputError, match="has no checkpoint 'finetuned' yet"):
        next(records)
    assert not run.result("learning_coefficient").exists()
