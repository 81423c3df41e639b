"""What is said against chains: synthetic losses, right ones and ones that are wrong on purpose."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from offpath.interpret.judging import AGREEMENT_LIMIT, judge, r_hat
from tests.interpret.potentials import toy_sampling

SEEDS, CHAINS, DRAWS, DIMENSIONS = 200, 4, 500, 10
SPREAD = math.sqrt(DIMENSIONS / 2)
"""Standard deviation of n beta loss under the true posterior of a quadratic."""


def right_chains(memory: float, batch_noise: float = 0.0) -> np.ndarray:
    """n beta loss along chains of the true posterior of a quadratic, (seed, chain, draw).

    `memory` is the correlation of a parameter from draw to draw; `batch_noise` is in spreads.
    """
    generator = np.random.default_rng(0)
    shape = (SEEDS, CHAINS, DIMENSIONS)
    place, losses = generator.standard_normal(shape), []
    for _ in range(DRAWS):
        fresh = generator.standard_normal(shape)
        place = memory * place + math.sqrt(1 - memory**2) * fresh
        losses.append((place**2).sum(2) / 2)
    chains = np.stack(losses, 2)
    return chains + batch_noise * SPREAD * generator.standard_normal(chains.shape)


def caught(chains: np.ndarray, change: Callable[[np.ndarray], np.ndarray] | None = None) -> float:
    """The share of seeds that R-hat is above its bound for, once the first chain is changed."""
    wrong = chains.copy()
    if change:
        wrong[:, 0] = change(chains[:, 0])
    return float(np.mean([r_hat(one) > AGREEMENT_LIMIT for one in wrong]))


def offset(spreads: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda chain: chain + spreads * SPREAD


def drift(spreads: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda chain: chain + np.linspace(-spreads / 2, spreads / 2, DRAWS) * SPREAD


def stuck(chain: np.ndarray) -> np.ndarray:
    return chain[:, :1] + 0 * chain


def test_the_bound_of_r_hat_is_between_those_in_use():
    assert 1.01 <= AGREEMENT_LIMIT <= 1.05


def test_right_chains_are_rarely_refused_unless_they_are_short_beside_their_memory():
    """False alarms: 2 to 5 % at 20 or more effective draws per half chain, more at half of that."""
    assert caught(right_chains(0.5)) <= 0.06
    assert caught(right_chains(0.8)) <= 0.06
    assert caught(right_chains(0.8, batch_noise=3)) <= 0.06
    assert caught(right_chains(0.9)) <= 0.15
    assert caught(right_chains(0.99)) > 0.9  # one effective draw


@pytest.mark.parametrize(
    ("change", "least"),
    [
        pytest.param(offset(0.5), 0.7, id="offset by half a spread"),
        pytest.param(offset(-1), 0.95, id="offset by -1 spread"),
        pytest.param(offset(1), 0.98, id="offset by 1 spread"),
        pytest.param(stuck, 0.98, id="stuck"),
        pytest.param(lambda chain: chain.mean() + 0 * chain, 0.98, id="stuck at the mean"),
        pytest.param(drift(2), 0.9, id="drift by 2 spreads"),
        pytest.param(drift(3), 0.98, id="drift by 3 spreads"),
    ],
)
def test_one_wrong_chain_of_four_is_caught(change: Callable, least: float):
    assert caught(right_chains(0.8), change) >= least


def test_an_offset_is_caught_beneath_the_noise_of_batches():
    """Noise of three spreads: the same offset of raw losses, without blocks, would not be seen."""
    noisy = right_chains(0.8, batch_noise=3)
    assert caught(noisy, offset(1)) >= 0.85
    assert caught(noisy, offset(2)) >= 0.98


def test_a_chain_apart_is_refused_with_the_bound_in_the_reason():
    chains = right_chains(0.8)[0]
    fine = judge(chains / 1000, 0.0, toy_sampling(inverse_temperature=1))
    assert fine.passed, fine.reasons
    chains[0] += 2 * SPREAD
    wrong = judge(chains / 1000, 0.0, toy_sampling(inverse_temperature=1))
    (reason,) = wrong.reasons
    assert reason == (f"chains disagree: R-hat of block averages {wrong.agreement:.3g}, above the "
                      "bound 1.05")  # fmt: skip


def test_r_hat_does_not_depend_on_the_unit_of_the_loss():
    chains = right_chains(0.8)[0]
    assert r_hat(7 * chains - 3) == pytest.approx(r_hat(chains))
    assert math.isnan(r_hat(np.ones((4, 40))))


def test_a_falling_loss_is_reported_too():
    """One parameter in a narrow shelf above a wide valley: the chains leave w* and sink."""
    values = -np.linspace(0, 1, 400) + np.random.default_rng(0).normal(0, 0.01, (4, 400)) + 2
    estimate = judge(values, 0.0, toy_sampling())
    assert any(reason.startswith("the loss still falls") for reason in estimate.reasons)
    assert estimate.slope == pytest.approx(-toy_sampling().weight, rel=0.01)


def test_an_error_that_leaves_nothing_to_say_is_reported():
    values = np.random.default_rng(0).normal(0.01, 1, (4, 100))
    estimate = judge(values, 0.0, toy_sampling())
    assert any(reason.startswith("the error") for reason in estimate.reasons)


def test_the_error_sees_what_a_chain_does_not():
    draws = np.random.default_rng(0).normal(0, 1, (4, 1000))
    alike = judge(1 + draws, 0.0, toy_sampling(inverse_temperature=1e-3))
    apart = judge(1 + draws + np.arange(4)[:, None], 0.0, toy_sampling(inverse_temperature=1e-3))
    assert alike.error == pytest.approx(1 / math.sqrt(4000), rel=0.7)
    assert apart.error == pytest.approx(np.std([0, 1, 2, 3], ddof=1) / 2, rel=0.1)
    assert alike.agreement == pytest.approx(1, abs=0.05)
    assert apart.agreement > 1.3
    slow = np.repeat(draws[:, :100], 10, axis=1)  # each number ten times: a tenth of the draws
    blocks = judge(1 + slow, 0.0, toy_sampling(inverse_temperature=1e-3))
    assert blocks.error == pytest.approx(1 / math.sqrt(400), rel=0.7)
    assert blocks.error > 2 * alike.error
