"""Linear probes in closed form: ridge regression from features to any number of targets at once.

In: features and targets of the examples that it is fitted on. Out: a probe, to be applied to
others. Features are standardised, the bias is free, and the penalty is chosen by leaving one
example out, exactly and on the fitted examples alone (Allen 1974; Golub, Heath, Wahba 1979), so
that nothing is tuned on the examples of a test. Costs one eigendecomposition (width x width).
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64

PENALTIES = tuple(10.0**power for power in range(-6, 3))
"""Of the squared weights of standardised features, per example: from hardly any to the mean."""
LEAST_SPREAD = 1e-6  # of a feature relative to its size: below, its rounding errors would be read
Features = Float[np.ndarray, "example feature"]
Targets = Float[np.ndarray, "example target"]


class Probe(NamedTuple):
    """A linear map of features."""

    weights: Float64[np.ndarray, "feature target"]
    bias: Float64[np.ndarray, " target"]
    penalty: Float64[np.ndarray, " target"]  # that it was fitted with
    left_out_r2: Float64[np.ndarray, " target"]
    """R2 on the fitted examples, each left out of its own prediction; NaN for equal targets."""

    def __call__(self, features: Features) -> Float64[np.ndarray, "example target"]:
        """What it reads from the features of any examples."""
        return features.astype(np.float64) @ self.weights + self.bias


def fit_probe(features: Features, targets: Targets, penalty: float | None = None) -> Probe:
    """Least squares plus `penalty`, per example, times the squared weights of scaled features.

    None: for each target the penalty of `PENALTIES` whose squared error is smallest when each
    example is predicted without itself.

    >>> features = np.array([[0.0, 5.0], [1.0, 5.0], [2.0, 5.0]])  # the second says nothing
    >>> probe = fit_probe(features, 10 * features[:, :1] + 1, penalty=1e-9)
    >>> probe(np.array([[3.0, 5.0]])).round(4).tolist()
    [[31.0]]
    """
    if len(features) != len(targets) or not len(targets):
        raise ValueError(
            "features and targets must have a row for each of at least 1 example; "
            f"got {len(features)} and {len(targets)}"
        )
    x, y = features.astype(np.float64), targets.astype(np.float64)
    middle, mean = x.mean(0), y.mean(0)
    spread = x.std(0)
    used = spread > LEAST_SPREAD * np.abs(x).max(0, initial=0)
    # Torch keeps to its number of threads; numpy takes all cores, and waits for busy ones.
    scaled = torch.from_numpy((x[:, used] - middle[used]) / spread[used])
    centred = torch.from_numpy(y - mean)
    values, directions = torch.linalg.eigh(scaled.T @ scaled / len(x))
    values = values.clip(min=0)
    along = scaled @ directions  # (example, direction)
    products = along.T @ centred / len(x)  # (direction, target)
    tried = np.array(PENALTIES if penalty is None else (penalty,))
    left_out = np.empty((len(tried), y.shape[1]))
    for number, one in enumerate(tried):  # one at a time: what is held stays small, and fast
        kept = values + one
        own = (1 + along**2 @ (1 / kept)) / len(x)  # of each example in what is fitted to it
        errors = centred - along @ (products / kept[:, None])
        left_out[number] = ((errors / (1 - own).clip(min=1e-9)[:, None]) ** 2).mean(0)
    chosen = tried[left_out.argmin(0)]
    weights = np.zeros((x.shape[1], y.shape[1]))
    fitted = directions @ (products / (values[:, None] + torch.from_numpy(chosen)))
    weights[used] = fitted.numpy() / spread[used, None]
    variance = y.var(0)
    r2 = 1 - left_out.min(0) / np.where(variance > 0, variance, np.nan)
    return Probe(weights, mean - middle @ weights, chosen, r2)


def r_squared(
    read: Float[np.ndarray, " example"], truth: Float[np.ndarray, " example"]
) -> float | None:
    """Share of the variance of the truth that is read; None where all truths are equal."""
    variance = float(truth.var())
    return 1 - float(((read - truth) ** 2).mean()) / variance if variance else None


def rounded(read: Float[np.ndarray, " example"], no_path: int) -> Int64[np.ndarray, " example"]:
    """The distances that are read, 1 to the label of no path; other numbers are none: 0."""
    whole = np.rint(np.nan_to_num(read, nan=0.0, posinf=0.0, neginf=0.0)).astype(np.int64)
    return np.where((whole < 1) | (whole > no_path), 0, whole)
