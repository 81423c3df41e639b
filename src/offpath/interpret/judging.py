"""An estimate from the losses along chains, with its error and what speaks against the chains.

In: losses above that of w*, one row per chain. Out: an `Estimate`. Its checks are about the sampler
alone: whether the number is a learning coefficient is judged over a grid, in `plateaus.py`.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64

from offpath.interpret.options import Sampling

AGREEMENT_LIMIT = 1.05
"""Largest R-hat of chains that agree; tests show how often it is above for right and wrong ones."""
BLOCKS = 40  # of each chain, for R-hat: single losses of a batch are noise that hides a chain's own
SIGNIFICANT = 3.0  # standard errors, for one finding among the many of a run
MATERIAL = 0.1  # share of the estimate that the loss may still rise or fall by
COARSE = 0.25  # share of the estimate above which its error leaves nothing to say
STRETCHES = 10  # of each chain, for batch means; longer than its memory if draws are many


@dataclass(frozen=True)
class Estimate:
    """A localised curvature, and what speaks against its chains; NaN throughout if one ran off.

    `error` is one standard error, the larger of two: between the means of chains, and within them
    by batch means. The first sees what no chain sees alone, the second does not vanish by luck.
    """

    baseline_loss: float
    localised_curvature: float
    error: float
    chains: list[float]
    agreement: float
    """R-hat of block averages: 1 where chains agree; see `r_hat`."""
    slope: float
    """Rise of a line fitted to the losses, from first to last draw, in units of the estimate."""
    slope_error: float
    reasons: list[str]
    losses: Float64[np.ndarray, "chain draw"]
    """Batch losses, less what each batch has above the dataset at w*: noise that is known."""

    @property
    def passed(self) -> bool:
        """Whether no check of the sampler speaks against it."""
        return not self.reasons


def judge(
    excess: Float64[np.ndarray, "chain draw"], baseline: float, sampling: Sampling
) -> Estimate:
    """Estimate and diagnostics from the losses of the draws above the baseline."""
    losses = baseline + excess
    ran_off = not np.isfinite(losses).all()
    drawn = sampling.weight * (np.full_like(excess, np.nan) if ran_off else excess)
    estimate, chains = float(drawn.mean()), drawn.mean(1)
    error, chain_errors = _standard_errors(drawn)
    time = np.linspace(-0.5, 0.5, drawn.shape[1])
    lever = time / (time**2).mean()
    slope = float((lever * drawn).mean())
    fitted = chains[:, None] + slope * time
    slope_error, _ = _standard_errors(lever * (drawn - fitted))
    agreement = math.nan if ran_off else r_hat(drawn)

    below = int((chains < -SIGNIFICANT * chain_errors).sum())
    disagree = not (ran_off or agreement <= AGREEMENT_LIMIT)
    moves = abs(slope) > max(SIGNIFICANT * slope_error, MATERIAL * abs(estimate))
    doubts = (
        (ran_off, "a chain ran off to a loss that is not finite: take steps smaller than "
                  f"{sampling.step_size:.3g}"),
        (below, f"{below} of {len(chains)} chains lie below the baseline, one at "
                f"{chains.min():.3g}: the start is no minimum of this loss"),
        (disagree, f"chains disagree: R-hat of block averages {agreement:.3g}, above the bound "
                   f"{AGREEMENT_LIMIT}"),
        (moves, f"the loss still {'rises' if slope > 0 else 'falls'}, by {abs(slope):.3g} ± "
                f"{slope_error:.2g} over the draws, not in equilibrium: more burn-in, larger "
                "steps or localisation"),
        (error > COARSE * abs(estimate),
         f"the error {error:.2g} is above {COARSE:.0%} of the estimate: more draws"),
    )  # fmt: skip
    reasons = [reason for holds, reason in doubts if holds]
    return Estimate(baseline, estimate, error, chains.tolist(), agreement, slope, slope_error,
                    reasons, losses)  # fmt: skip


def r_hat(values: Float64[np.ndarray, "chain draw"]) -> float:
    """How far half chains lie apart or differ in width: 1 where they agree.

    The larger of two rank-normalised split R-hats, of the values and of their distances from the
    median (Vehtari, Gelman, Simpson, Carpenter, Bürkner 2021, section 4), here of averages over
    `BLOCKS` blocks of each chain. NaN where nothing varies.
    """
    count = min(BLOCKS, values.shape[1]) // 2 * 2
    blocks = np.stack([part.mean(1) for part in np.array_split(values, count, axis=1)], 1)
    halves = blocks.reshape(2 * len(values), count // 2)
    return max(_of_ranks(halves), _of_ranks(np.abs(halves - np.median(halves))))


def _of_ranks(halves: Float64[np.ndarray, "half block"]) -> float:
    """R-hat of normal scores; equal values share the mean of their ranks."""
    flat, count = np.sort(halves, axis=None), halves.shape[1]
    ranks = (np.searchsorted(flat, halves) + np.searchsorted(flat, halves, "right") + 1) / 2
    scores = torch.special.ndtri(torch.from_numpy((ranks - 3 / 8) / (halves.size + 1 / 4))).numpy()
    within, between = scores.var(1, ddof=1).mean(), scores.mean(1).var(ddof=1)
    return math.sqrt((count - 1) / count + between / within) if within > 0 else math.nan


def _standard_errors(
    values: Float64[np.ndarray, "chain draw"],
) -> tuple[float, Float64[np.ndarray, " chain"]]:
    """Of the mean of all, and of the mean of each chain; see `Estimate`."""
    stretches = [part.mean(1) for part in np.array_split(values, STRETCHES, axis=1)]
    within = np.std(stretches, axis=0, ddof=1) / math.sqrt(STRETCHES)
    variances = [np.mean(within**2)]
    if len(values) > 1:
        variances.append(values.mean(1).var(ddof=1))
    return math.sqrt(max(variances) / len(values)), within
