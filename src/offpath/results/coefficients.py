"""Localised curvatures and local learning coefficients."""

from typing import Any

from offpath.results.rows import Result, Row


class Point(Row):
    """The localised curvature at one localisation and step size; null is not finite or not sampled.

    Alone it is no learning coefficient, whether the sampler passed its checks or not.
    """

    localisation: float  # gamma, strength of the pull to the checkpoint
    step_share: float  # of the largest stable step size
    step_size: float  # of the sampler
    localised_curvature: float | None  # n beta (mean loss over draws - loss at the checkpoint)
    error: float | None  # one standard error
    agreement: float | None  # rank-normalised split R-hat of block averages: 1 where chains agree
    slope: float | None  # rise of the losses from first to last draw, in units of the estimate
    slope_error: float | None  # one standard error
    chains: list[float | None]  # localised curvature of each chain
    passed: bool  # whether the sampler passed its checks
    reasons: list[str]  # which it did not


class Plateau(Row):
    """Localisations and step sizes over which the localised curvature does not change."""

    localisations: tuple[float, float]  # the smallest and the largest
    step_shares: tuple[float, float]  # the smallest and the largest
    coefficient: float  # the local learning coefficient: the mean over the plateau
    error: float  # the largest standard error on it


class Sweep(Row):
    """Localised curvatures of one checkpoint by localisation and step size, and their plateau."""

    checkpoint: str  # its name
    network: str  # the one on whose training the checkpoint lies
    step: int | None  # of that training; null for handcrafted and imported weights
    baseline_loss: float | None  # at the checkpoint itself
    largest_curvature: float | None  # of the loss there; it sets the step sizes
    points: list[Point]  # by localisation and step size
    plateau: Plateau | None  # null: no number here is a learning coefficient
    verdict: str  # in words


class Trace(Row):
    """Losses along one chain of the sampler."""

    checkpoint: str  # its name
    localisation: float  # of the sampler
    step_share: float  # of the sampler
    chain: int  # counted from 1
    losses: list[float | None]  # evenly spaced along the chain


class LearningCoefficients(Result):
    """Localised curvatures of checkpoints, and local learning coefficients where they exist."""

    file, title, verb = "learning_coefficient", "the learning coefficient", "llc"
    examples: int  # of the dataset
    sampling: dict[str, Any]  # options of the sampler
    seed: int  # of the dataset and the sampler
    world: str  # distribution of the dataset
    examples_sha256: str  # of the dataset
    sweeps: list[Sweep]  # one for each checkpoint
    traces: list[Trace]  # of each chain of each estimate
    finding: str  # whether coefficients can be compared along training, in words
