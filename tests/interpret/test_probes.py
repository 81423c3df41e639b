import numpy as np
import pytest

from offpath.interpret.probes import PENALTIES, fit_probe, r_squared, rounded

RANDOM = np.random.default_rng(0)
FEATURES = RANDOM.normal(size=(60, 7)) * [1, 10, 0.1, 1, 5, 1, 1] + 3
TARGETS = FEATURES @ RANDOM.normal(size=(7, 2)) + RANDOM.normal(size=(60, 2)) + 4
OTHERS = RANDOM.normal(size=(20, 7))


def oracle(x: np.ndarray, y: np.ndarray, penalty: float, other: np.ndarray, scale=None):
    """Least squares on rows added for the penalty: their targets are 0."""
    scale = x.std(0) if scale is None else scale
    middle = x.mean(0)
    rows = np.concatenate([(x - middle) / scale, np.sqrt(penalty * len(x)) * np.eye(x.shape[1])])
    ends = np.concatenate([y - y.mean(0), np.zeros((x.shape[1], y.shape[1]))])
    weights = np.linalg.lstsq(rows, ends, rcond=None)[0]
    return (other - middle) / scale @ weights + y.mean(0)


@pytest.mark.parametrize("penalty", [1e-6, 0.1, 10.0])
def test_a_probe_is_the_solution_of_penalised_least_squares(penalty):
    probe = fit_probe(FEATURES, TARGETS, penalty)
    np.testing.assert_allclose(probe(OTHERS), oracle(FEATURES, TARGETS, penalty, OTHERS))


def test_the_chosen_penalty_is_best_when_each_example_is_left_out():
    noisy = RANDOM.normal(size=(60, 2)) * 3 + FEATURES[:, :2]
    probe = fit_probe(FEATURES, noisy)
    scale, errors = FEATURES.std(0), []
    for penalty in PENALTIES:
        left_out = []
        for i in range(60):
            kept = np.arange(60) != i
            # the penalty is per example of all: 60, not 59
            own = penalty * 60 / 59
            read = oracle(FEATURES[kept], noisy[kept], own, FEATURES[i : i + 1], scale)
            left_out.append((read[0] - noisy[i]) ** 2)
        errors.append(np.mean(left_out, axis=0))
    best = np.array(PENALTIES)[np.argmin(errors, axis=0)]
    assert probe.penalty.tolist() == best.tolist()
    assert set(best) - {PENALTIES[0], PENALTIES[-1]}


def test_scales_and_offsets_of_features_do_not_matter():
    other = FEATURES * [1e-3, 1, 1e4, 1, 7, 1, 2] + 5
    scaled = OTHERS * [1e-3, 1, 1e4, 1, 7, 1, 2] + 5
    ours, theirs = fit_probe(FEATURES, TARGETS)(OTHERS), fit_probe(other, TARGETS)(scaled)
    np.testing.assert_allclose(ours, theirs, rtol=1e-7)


def test_targets_are_fitted_each_for_itself():
    both = fit_probe(FEATURES, TARGETS)(OTHERS)
    for i in range(2):
        alone = fit_probe(FEATURES, TARGETS[:, i : i + 1])(OTHERS)
        np.testing.assert_allclose(both[:, i : i + 1], alone)


def test_features_that_hold_nothing_but_rounding_are_left_out():
    constant = np.full((60, 1), 1e3) + RANDOM.normal(size=(60, 1)) * 1e-5
    probe = fit_probe(np.concatenate([FEATURES, constant], 1), TARGETS)
    assert not probe.weights[-1].any()
    read = fit_probe(constant, TARGETS)(constant)
    np.testing.assert_allclose(read, np.broadcast_to(TARGETS.mean(0), (60, 2)))


def test_more_features_than_examples_give_finite_weights():
    wide = RANDOM.normal(size=(10, 50))
    probe = fit_probe(wide, wide[:, :1] * 2)
    assert np.isfinite(probe.weights).all()


def test_no_example_is_refused():
    with pytest.raises(ValueError, match="at least 1 example; got 0 and 0"):
        fit_probe(FEATURES[:0], TARGETS[:0])


def test_scores_of_what_is_read():
    truth = np.array([1.0, 2.0, 3.0])
    assert r_squared(truth, truth) == 1
    assert r_squared(np.full(3, 2.0), truth) == 0
    assert r_squared(truth, np.ones(3)) is None
    read = np.array([0.4, 0.6, 7.9, 8.6, np.nan, np.inf, -3])
    assert rounded(read, 8).tolist() == [0, 1, 8, 0, 0, 0, 0]
