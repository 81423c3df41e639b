"""Plateaus: of grids that are made up, and of potentials whose coefficient is known or absent."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from offpath.interpret.learning_coefficient import Loss, localised_curvature
from offpath.interpret.options import GridSampling
from offpath.interpret.plateaus import finding, plateau, point, unsampled_point, verdict
from offpath.results import Plateau, Point, Sweep
from tests.interpret.potentials import origin, potential, power_by_quadrature

PULLS = (1.0, 3.0, 9.0, 27.0, 81.0)


def grid_points(
    loss: Loss, dimensions: int, curvature: float, sampling: GridSampling
) -> list[Point]:
    """The grid of a potential, every cell of which is long enough to be sampled."""
    points = []
    for localisation in sampling.localisations:
        for share in sampling.step_shares:
            options = sampling.cell(curvature, localisation, share)
            assert unsampled_point(options, share) is None
            estimate = localised_curvature(loss, origin(dimensions), options, 0)
            points.append(point(estimate, options, share))
    return points


def grid_sampling(*pulls: float, **options) -> GridSampling:
    given = {"examples": 1000, "batch_examples": 1, "chains": 8, "burn_in_steps": 2000,
             "draws": 4000, "localisations": pulls, "step_shares": (0.02, 0.04)}  # fmt: skip
    return GridSampling(**{**given, **options})


def quadratic(spectrum: Tensor) -> Loss:
    return potential(lambda w: (spectrum * w**2).sum(1) / 2)


def quadratic_by_formula(spectrum: Tensor, weight: float, gamma: float) -> float:
    return float((weight * spectrum / (weight * spectrum + gamma)).sum() / 2)


def test_a_regular_minimum_has_its_plateau_where_the_pull_is_weak_and_half_its_dimension():
    sampling = grid_sampling(1.0, 3.0, 40.0)
    assert sampling.weight == pytest.approx(144.8, abs=0.1)  # beside which 40 is no longer weak
    spectrum = torch.ones(10, dtype=torch.float64)
    points = grid_points(quadratic(spectrum), 10, 1.0, sampling)
    found = plateau(points)
    assert found
    assert found.localisations == (1.0, 3.0)
    assert found.step_shares == (0.02, 0.04)
    assert abs(found.coefficient - 5) < 0.3
    assert verdict(points, found).startswith(
        "plateau from gamma = 1 to 3 and from 0.02 to 0.04 of the largest step: learning "
        "coefficient"
    )


@pytest.mark.slow
def test_a_quartic_minimum_has_its_plateau_only_where_the_pull_is_weak():
    """Ten directions w^4, whose own width of 0.1 at n beta 1000 is that of gamma = 100."""
    sampling = grid_sampling(1.0, 3.0, 30.0, 300.0, inverse_temperature=1.0, burn_in_steps=5000,
                             draws=8000)  # fmt: skip
    quartic = potential(lambda w: (w**4).sum(1))
    curvature = 12 / math.sqrt(sampling.weight)  # where the chains are; at w* it is 0
    points = grid_points(quartic, 10, curvature, sampling)
    for one in points:
        exact = 10 * power_by_quadrature(4, sampling.weight, one.localisation)
        assert one.passed, one.reasons
        assert one.localised_curvature is not None
        assert one.error is not None
        bias = 2 * one.step_share / 2 * exact  # of a step: w^4 has twice that of w^2
        assert abs(one.localised_curvature - exact) < bias + 3 * one.error
    found = plateau(points)
    assert found
    assert found.localisations == (1.0, 3.0)
    assert abs(found.coefficient - 2.5) < 0.2


def log_uniform() -> Tensor:
    """Curvatures from 1e-3 to 1, as many in each decade: the estimate grows as log 1 / gamma."""
    return torch.logspace(-3, 0, 120, dtype=torch.float64)


@pytest.mark.slow
def test_a_spectrum_without_a_gap_has_no_plateau_and_the_verdict_gives_each_gamma():
    sampling = grid_sampling(100.0, 300.0, 900.0, inverse_temperature=1.0,
                             step_shares=(0.05, 0.1))  # fmt: skip
    points = grid_points(quadratic(log_uniform()), 120, 1.0, sampling)
    for one in points:
        exact = quadratic_by_formula(log_uniform(), sampling.weight, one.localisation)
        assert one.passed, one.reasons
        assert one.localised_curvature == pytest.approx(exact, rel=0.08)
    assert plateau(points) is None
    words = verdict(points, None)
    assert words.startswith("no plateau over localisation: localised curvature ")
    assert words.count("at gamma = ") == 3


def test_chains_too_short_to_feel_the_pull_are_not_sampled_for_they_would_show_a_plateau():
    short = grid_sampling(0.1, 1.0, inverse_temperature=1.0, burn_in_steps=100, draws=100,
                          step_shares=(0.1, 0.2))  # fmt: skip
    exact = [quadratic_by_formula(log_uniform(), short.weight, pull) for pull in (0.1, 1.0)]
    assert exact[0] > 1.05 * exact[1]
    cells = [short.cell(1.0, pull, 0.1) for pull in (0.1, 1.0)]
    loss, start = quadratic(log_uniform()), origin(120)
    weak, strong = (localised_curvature(loss, start, cell, 0) for cell in cells)
    apart = abs(weak.localised_curvature - strong.localised_curvature)
    assert apart < 2 * math.hypot(weak.error, strong.error)  # their length sets both
    assert weak.localised_curvature < 0.8 * exact[0]
    made = unsampled_point(cells[0], 0.1)
    assert made is not None
    assert made.localised_curvature is None
    assert made.reasons == [
        "not sampled: a burn-in of 100 steps, where gamma = 0.1 takes 2.5e+04 to act"
    ]


# Made-up grids

Cells = dict[tuple[float, float], float | None]


def made_up(cells: Cells, error: float = 0.1) -> list[Point]:
    """None: the sampler failed a check."""
    return [
        Point(localisation=pull, step_share=share, step_size=1, localised_curvature=value or 5.0,
              error=error, agreement=1, slope=0, slope_error=0, chains=[], passed=value is not None,
              reasons=[])
        for (pull, share), value in cells.items()
    ]  # fmt: skip


def rectangle(values: list[list[float | None]], pulls: tuple[float, ...] = PULLS) -> list[Point]:
    """Rows by step size, columns by localisation."""
    return made_up({(pulls[j], float(i)): value for i, row in enumerate(values)
                    for j, value in enumerate(row)})  # fmt: skip


@pytest.mark.parametrize(
    ("values", "pulls", "shares"),
    [
        ([[5, 5.1], [5.1, 5]], (1, 3), (0, 1)),
        ([[5, 5.1, 9], [5.1, 5, 9]], (1, 3), (0, 1)),
        ([[9, 5, 5.1, 5.2, 9], [9, 5, 5.1, 5.2, 9]], (3, 27), (0, 1)),  # the widest
        ([[5, 5.1, 9, 7, 7], [5.1, 5, 9, 7, 7]], (1, 3), (0, 1)),  # of two, the weaker pull
        ([[9, 9], [5, 5.1], [5.1, 5]], (1, 3), (1, 2)),
    ],
)
def test_a_plateau_is_the_widest_rectangle_of_neighbours_that_agree(values, pulls, shares):
    found = plateau(rectangle(values))
    assert found
    assert (found.localisations, found.step_shares) == (pulls, shares)


@pytest.mark.parametrize(
    "values",
    [
        [[5.0]],
        [[5, 5, 5, 5]],  # one step size
        [[5], [5], [5]],  # one localisation
        [[5, 5], [5.5, 5.5]],  # step sizes differ
        [[5, 5.5], [5, 5.5]],  # localisations differ
        [[5, None], [5, 5]],  # failed a check
        [[5, 9, 5], [5, 9, 5]],  # no neighbours
        [[5, 9], [9, 5]],
    ],
)
def test_without_two_of_each_that_agree_there_is_no_plateau(values):
    points = rectangle(values)
    assert plateau(points) is None
    assert verdict(points, None).startswith("no plateau over localisation")


def test_localisations_of_a_plateau_span_a_factor_of_three():
    values: list[list[float | None]] = [[5, 5, 5], [5, 5, 5]]
    assert plateau(rectangle(values, (1.0, 1.5, 2.9))) is None
    found = plateau(rectangle(values, (1.0, 1.5, 3.0)))
    assert found
    assert found.localisations == (1.0, 3.0)


def test_errors_too_large_to_see_a_change_make_no_plateau():
    cells: Cells = {(pull, share): 5.0 for pull in (1, 10) for share in (1, 2)}
    assert plateau(made_up(cells, error=0.34))
    assert plateau(made_up(cells, error=0.36)) is None  # 2 sqrt 2 of it are a fifth of 5


def test_the_error_of_a_plateau_is_the_largest_of_its_points():
    cells: Cells = {(pull, share): 5.0 + share / 100 for pull in (1, 10) for share in (1, 2)}
    points = [p.model_copy(update={"error": 0.1 * p.step_share}) for p in made_up(cells)]
    found = plateau(points)
    assert found
    assert found.error == pytest.approx(0.2)
    assert found.coefficient == pytest.approx(5.015)


def test_a_grid_that_failed_everywhere_says_so():
    points = rectangle([[None, None], [None, None]])
    assert verdict(points, None) == (
        "no plateau over localisation: the sampler passed its checks nowhere"
    )


# The finding along training


def at_step(step: int | None, coefficient: float | None) -> Sweep:
    flat = None
    if coefficient:
        flat = Plateau(localisations=(1, 10), step_shares=(0.1, 0.2), coefficient=coefficient,
                       error=0.1)  # fmt: skip
    name = "circuit" if step is None else f"pretrained-step{step}"
    return Sweep(checkpoint=name, network="circuit" if step is None else "pretrained", step=step,
                 baseline_loss=0, largest_curvature=1, points=[], plateau=flat,
                 verdict="")  # fmt: skip


@pytest.mark.parametrize(
    ("coefficients", "words"),
    [
        ([5.0, 9.0], "from step 0 to 1 the learning coefficient rises: 5 ± 0.1, then 9 ± 0.1"),
        ([9.0, 5.0], "from step 0 to 1 the learning coefficient falls: 9 ± 0.1, then 5 ± 0.1"),
        ([5.0, 5.2], "the learning coefficient does not move"),
        ([5.0], "each checkpoint has a plateau"),
    ],
)
def test_coefficients_are_compared_along_training_if_each_has_a_plateau(coefficients, words):
    assert words in finding([at_step(step, one) for step, one in enumerate(coefficients)])


def test_one_checkpoint_without_a_plateau_leaves_nothing_to_compare():
    sweeps = [at_step(0, 5.0), at_step(10, None), at_step(20, 9.0), at_step(None, None)]
    said = finding(sweeps)
    assert said.startswith(
        "no plateau over localisation at 2 of 4 checkpoints (pretrained-step10, circuit)"
    )
    assert "rises" not in said
    assert np.all([word not in said for word in ("5 ±", "9 ±")])
