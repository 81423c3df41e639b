"""Losses whose localised curvature is known: potentials, and their expectations by quadrature."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from offpath.fit.checkpoints import Tensors
from offpath.interpret.learning_coefficient import Loss
from offpath.interpret.options import Sampling


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
