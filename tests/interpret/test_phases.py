"""Phase changes: none where nothing is sudden, each where one is, in a hundred curves each."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from offpath.configs import Configuration
from offpath.interpret.phases import (
    SETTINGS,
    Curve,
    Joint,
    changes,
    curve,
    joints,
    learners,
    measure_phases,
    noise,
)
from offpath.recipes import laptop, smoke
from offpath.results import PhaseChange, Phases, read_result
from offpath.run.folder import Run, create_run
from offpath.run.metrics import append_metrics

STEPS = np.arange(5.0, 3001.0, 5.0)
Losses = np.ndarray


def found(
    losses: Losses, spread: float, random: np.random.Generator, **given: Any
) -> list[PhaseChange]:
    """The phase changes of a curve with noise, by way of lines of metrics."""
    noisy = losses * np.exp(spread * random.normal(size=len(STEPS)))
    counts = given.get("counts", np.full(len(STEPS), 400))
    rates = given.get("rates", np.ones(len(STEPS)))
    lines = [
        {
            "step": int(step),
            "loss_by_label": {"3": loss} if count else {},
            "count_by_label": {"3": int(count)},
            "learning_rate": rate,
        }
        for step, loss, count, rate in zip(STEPS, noisy, counts, rates, strict=True)
    ]
    made = curve(lines, 3)
    x, y = np.log10(made.steps), np.log10(made.losses)
    return changes(made, joints(x, y, max(SETTINGS["least_noise"], noise(x, y))))


def power_law(random: np.random.Generator) -> Losses:
    return 10 ** random.uniform(0, 2) * STEPS ** -random.uniform(0.2, 1.9)


def relaxation(random: np.random.Generator) -> Losses:
    """An exponential decline from the first step on, to a power law."""
    early = 10 * np.exp(-STEPS / random.uniform(10, 100))
    return early + 10 ** random.uniform(-3, -1) * (STEPS / 100) ** -1


def spike(random: np.random.Generator) -> Losses:
    """A power law that jumps up by a factor of 30 and comes back in a twentieth of its steps."""
    at = random.uniform(200, 2000)
    height = 30 * np.exp(-np.maximum(STEPS - at, 0) / (0.05 * at))
    return power_law(random) * (1 + height * (at <= STEPS))


def plateau(random: np.random.Generator) -> Losses:
    return np.full(len(STEPS), random.uniform(0.01, 10))


SLOW = {"power law": power_law, "plateau": plateau, "relaxation": relaxation, "spike": spike}


@pytest.mark.parametrize("kind", SLOW)
def test_what_is_slow_from_the_start_or_undone_is_no_phase_change(kind: str):
    random = np.random.default_rng(0)
    wrong = sum(bool(found(SLOW[kind](random), 0.2, random)) for _ in range(100))
    assert wrong <= 5


def test_a_rare_distance_with_large_noise_makes_none():
    random = np.random.default_rng(1)
    wrong = 0
    for _ in range(100):
        counts = random.poisson(10, len(STEPS))
        wrong += bool(found(power_law(random), 1.0, random, counts=counts))
    assert wrong <= 5


@pytest.mark.parametrize(
    "schedule",
    [lambda s: np.where(s < 1500, 1, 1 - (s - 1500) / 1515), lambda s: np.where(s < 2000, 1, 0.2)],
    ids=["linear", "drop"],
)
def test_a_fall_that_follows_the_learning_rate_is_none(schedule: Callable[[Losses], Losses]):
    random, rates = np.random.default_rng(2), schedule(STEPS)
    losses = [power_law(random) * rates**2 for _ in range(100)]
    wrong = sum(bool(found(one, 0.2, random, rates=rates)) for one in losses)
    assert wrong <= 5


def drops(random: np.random.Generator, count: int) -> tuple[Losses, list[float], float]:
    """A power law with sigmoid falls by 1 to 2.5 decades: losses, where, and width in decades."""
    first, width = 10 ** random.uniform(np.log10(40), np.log10(300)), random.uniform(0.01, 0.04)
    places = [first * 5**number for number in range(count)]
    y = 1 - random.uniform(0, 0.8) * np.log10(STEPS)
    for place in places:
        y -= random.uniform(1, 2.5) / (1 + np.exp(-(np.log10(STEPS / place)) / width))
    return 10**y, places, width


@pytest.mark.parametrize("count", [1, 2])
def test_sudden_falls_are_found_where_they_are(count: int):
    random, right = np.random.default_rng(3), 0
    for _ in range(100):
        losses, places, width = drops(random, count)
        made, reach = found(losses, 0.2, random), 10 ** (6 * width + 0.1)
        right += len(made) == count and all(
            place / reach < one.onset <= place <= one.end < place * reach
            and one.loss_before / one.loss_after > 5
            for one, place in zip(made, places, strict=True)
        )
    assert right >= 95


def test_the_fit_is_exact_where_the_curve_is_made_of_straight_pieces():
    x = np.log10(np.arange(1.0, 61.0))
    y = np.interp(x, [x[0], x[9], x[29], x[-1]], [1.0, 0.9, -1.0, -1.2])
    expected = [(0, 1.0), (9, 0.9), (29, -1.0), (59, -1.2)]
    assert np.array(joints(x, y, 0.1)) == pytest.approx(np.array(expected))


FALL = ((0.0, 1.0), (1.5, 1.0), (1.7, -0.5), (3.0, -0.8))
"""Logarithms of step and loss at each joint: a plateau, a fall by 1.5 decades, a slow decline."""
NO_CHANGE = {
    "it is not steep": ((0.0, 1.0), (1.5, 1.0), (2.2, -0.5), (3.0, -0.8)),
    "it begins with training": ((0.0, 1.0), (0.2, -0.5), (3.0, -0.8)),
    "it lasts until the end": ((0.0, 1.0), (2.8, 1.0), (3.0, -0.5)),
    "it is small": ((0.0, 1.0), (1.5, 1.0), (1.55, 0.6), (3.0, 0.3)),
    "what follows is nearly as steep": ((0.0, 1.0), (1.5, 1.0), (2.0, -0.5), (3.0, -2.8)),
    "the loss fell as fast before": ((0.0, 1.0), (0.5, 1.0), (1.5, -1.0), (2.1, -2.56), (3.0, -3)),
    "it is undone": ((0.0, 1.0), (1.5, 1.0), (1.7, -0.5), (2.2, 0.9), (3.0, 0.8)),
    "it ends a spike": ((0.0, 0.0), (1.5, 0.0), (1.52, 1.5), (1.6, 0.0), (3.0, -0.3)),
}


def judged(fit: tuple[tuple[float, float], ...], rates: Losses | None = None) -> list[PhaseChange]:
    """The phase changes of a curve that is its own fit."""
    x = np.linspace(0, 3, 301)
    places, heights = zip(*fit, strict=True)
    losses = 10 ** np.interp(x, places, heights)
    at = [int(np.abs(x - place).argmin()) for place in places]
    made = Curve(10**x, losses, np.ones(301) if rates is None else rates)
    return changes(made, [Joint(*pair) for pair in zip(at, heights, strict=True)])


def test_onset_end_and_losses_are_those_of_the_joints():
    (one,) = judged(FALL)
    assert (one.onset, one.end) == (31, 50)
    assert (one.loss_before, one.loss_after) == pytest.approx((10, 10**-0.5))


@pytest.mark.parametrize("why", NO_CHANGE)
def test_a_fall_is_no_phase_change_if(why: str):
    assert judged(NO_CHANGE[why]) == []


def test_a_fall_is_no_phase_change_if_the_learning_rate_falls_with_it():
    rates = np.interp(np.linspace(0, 3, 301), [1.5, 1.7], [0, -0.4])
    assert judged(FALL, 10**rates)
    assert judged(FALL, 10 ** (1.5 * rates)) == []


def cost(fit: list[Joint], x: Losses, y: Losses, sigma: float) -> float:
    """What `joints` makes least."""
    points, heights = zip(*fit, strict=True)
    errors = (y - np.interp(x, x[[*points]], heights)) / sigma
    return float(errors @ errors) + SETTINGS["penalty"] * np.log(len(x)) * (len(fit) - 1)


@pytest.mark.parametrize("seed", range(5))
def test_no_other_fit_of_one_or_two_pieces_costs_less(seed: int):
    x, y, sigma = np.log10(np.arange(1.0, 9.0)), np.random.default_rng(seed).normal(size=8), 0.5
    middle = np.median([y[:-2], y[1:-1], y[2:]], axis=0)
    grid = np.array([y[0], *middle, y[-1]])[:, None] + sigma * np.arange(-2, 2.1, 0.5)
    ends = [(Joint(0, a), Joint(7, b)) for a in grid[0].tolist() for b in grid[-1].tolist()]
    others = [cost([first, last], x, y, sigma) for first, last in ends]
    others += [
        cost([first, Joint(point, height), last], x, y, sigma)
        for first, last in ends
        for point in range(2, 6)
        for height in grid[point].tolist()
    ]
    assert cost(joints(x, y, sigma), x, y, sigma) <= min(others) + 1e-9


@pytest.mark.parametrize("spread", [0.05, 0.3])
def test_the_noise_is_that_of_the_curve_and_not_its_shape(spread: float):
    random = np.random.default_rng(5)
    x = np.log10(5 * 1.04 ** np.arange(150))
    y = 1 - x - 2 / (1 + np.exp(-(x - 2) / 0.03)) + spread * random.normal(size=len(x))
    y[::40] += 3  # outliers
    assert noise(x, y) == pytest.approx(spread, rel=0.35)


def test_a_point_has_enough_examples_and_is_far_enough_from_the_one_before():
    lines = [
        {"step": step, "loss_by_label": {"2": float(step)}, "count_by_label": {"2": 40},
         "learning_rate": 0.1}
        for step in range(1, 301)
    ]  # fmt: skip
    made = curve(lines, 2)
    assert made.steps[:3].tolist() == [3, 6, 9]
    assert made.losses[:3].tolist() == [2, 5, 8]
    late = made.steps >= 100
    assert (made.steps[1:] / made.steps[:-1] >= SETTINGS["step_ratio"]).all()
    assert np.diff(made.steps[late]).min() > 3
    assert len(curve(lines, 7).steps) == 0


def test_networks_that_start_from_the_exact_solution_are_left_out():
    assert [one.name for one in learners(laptop())] == ["pretrained", "finetuned", "scratch"]


def test_the_result_has_an_entry_for_each_network_and_distance_with_examples(
    run: Run, tiny: Configuration
):
    for step in range(5, 2001, 5):
        sudden = 5.0 if step < 200 else 0.01
        append_metrics(run, {
            "network": "pretrained", "step": step, "loss": 1.0, "learning_rate": 0.1,
            "loss_by_label": {"1": sudden, "2": 2 * step**-0.5, "5": 1.0},
            "count_by_label": {"1": 300, "2": 100, "5": 1},
        })  # fmt: skip
    measure_phases(run)
    result = read_result(run, Phases)
    assert [(one.network, one.label) for one in result.curves] == [
        ("pretrained", label) for label in (1, 2, 5)
    ]
    first, second, rare = result.curves
    (change,) = first.changes
    assert 170 <= change.onset < 200 <= change.end <= 230
    assert (change.loss_before, change.loss_after) == pytest.approx((5, 0.01), rel=0.4)
    assert (second.changes, second.noise) == ([], SETTINGS["least_noise"])
    assert (rare.points, rare.noise, rare.fit, rare.changes) == (4, None, [], [])


def test_a_run_that_trains_nothing_has_no_curves(tmp_path):
    update = {"pretrain": None, "finetune": None, "circuit": "wide"}
    run = create_run(smoke().model_copy(update=update), tmp_path)
    measure_phases(run)
    assert read_result(run, Phases).curves == []
