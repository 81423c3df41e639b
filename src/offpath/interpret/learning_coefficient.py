"""The local learning coefficient at a point, by stochastic-gradient Langevin dynamics.

In: the loss of each example as a function of parameters, and a point w*. Out: how singular w* is,
n beta (mean loss over draws around w* - loss at w*), with its error and whether to believe it. d/2
at a regular minimum of d parameters, less where it is degenerate. Costs one gradient per chain and
step. Lau, Furman, Wang, Murfet, Wei 2023 (arXiv 2308.12108); Welling, Teh 2011.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from offpath.configs import InputError
from offpath.fit.checkpoints import Tensors
from offpath.interpret.options import Sampling, check_seed
from offpath.results import Point, Sweep
from offpath.run.files import Record

Loss = Callable[[Tensors, Tensor], Tensor]
"""Loss of each chosen example, (chain, example), under parameters whose first axis is the chain.

The loss is taken as given, as a negative log-likelihood: a squared error means noise of variance
1/2. For another variance v, multiply the inverse temperature by 1 / (2 v).
"""

AGREEMENT_LIMIT = 1.1
"""Largest split R-hat of chains that agree (Gelman, Rubin 1992)."""
SIGNIFICANT = 3.0  # standard errors, for one finding among the many of a run
MATERIAL = 0.1  # share of the estimate that the loss may still rise or fall by
COARSE = 0.25  # share of the estimate above which its error leaves nothing to say
STRETCHES = 10  # of each chain, for batch means; longer than its memory if draws are many
RUNAWAY = 1e30  # a loss above it has no way back
CHUNK_EXAMPLES = 4096
BLOCK_NUMBERS = 2**13  # drawn at once for a chain: small problems would spend their time on calls


@dataclass(frozen=True)
class Estimate:
    """A local learning coefficient, and what speaks against it; NaN throughout if a chain ran off.

    `error` is one standard error, the larger of two: between the means of chains, and within them
    by batch means. The first sees what no chain sees alone, the second does not vanish by luck.
    """

    step_size: float
    baseline_loss: float
    estimate: float
    error: float
    chains: list[float]
    agreement: float
    """Split R-hat of the losses (Vehtari et al. 2021, without ranks): 1 where chains agree."""
    slope: float
    """Rise of a line fitted to the losses, from first to last draw, in units of the estimate."""
    slope_error: float
    reasons: list[str]
    losses: Float64[np.ndarray, "chain draw"]
    """Batch losses, less what each batch has above the dataset at w*: noise that is known."""

    @property
    def trusted(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons

    def point(self, checkpoint: str, network: str, step: int | None) -> Point:
        """All but the losses, as the result file holds it: None for what is not finite."""
        numbers: Record = {k: finite(v) for k, v in vars(self).items() if isinstance(v, float)}
        return Point(checkpoint=checkpoint, network=network, step=step, **numbers,
                     chains=list(map(finite, self.chains)), trusted=self.trusted,
                     reasons=self.reasons)  # fmt: skip


def estimate_learning_coefficient(
    loss: Loss, start: Tensors, sampling: Sampling, seed: int
) -> Estimate:
    """The local learning coefficient of `loss` at `start`.

    Chain k draws from generators of its own, made from (seed, k, step size), so that the same seed
    gives the same numbers, and neighbours in a sweep are independent.

    >>> where = {"w": torch.zeros(4, dtype=torch.float64)}
    >>> quadratic = lambda at, chosen: at["w"].square().sum(1, keepdim=True).expand(chosen.shape)
    >>> few = Sampling(examples=1000, batch_examples=1, chains=50, step_size=1e-4, localisation=1)
    >>> round(estimate_learning_coefficient(quadratic, where, few, seed=0).estimate, 1)
    2.0
    """
    check_seed(seed)
    if not start:
        raise InputError("start must hold at least 1 tensor; got 0")
    at_start = _losses_at_start(loss, start, sampling.examples)
    excess = _walk(loss, start, at_start, sampling, seed)
    return _judge(excess, float(at_start.mean()), sampling)


def sweep(points: Sequence[Point]) -> Sweep:
    """The estimates at one checkpoint by step size, and the widest plateau among them.

    A plateau is a range of step sizes over which the estimate is trusted and does not move: at
    least two neighbours, every pair within two standard errors. Its estimate is their mean; its
    error the largest of theirs, for a bias that neighbours share does not average out.
    """
    points = sorted(points, key=lambda point: point.step_size)
    ends = combinations(range(len(points) + 1), 2)
    runs = (points[i:j] for i, j in ends if j - i > 1)
    widest = max(filter(_is_flat, runs), key=len, default=[])
    plateau = estimate = error = None
    verdict = "no plateau: do not trust"
    if widest:
        estimates, errors = _numbers(widest)
        plateau = low, high = widest[0].step_size, widest[-1].step_size
        estimate, error = math.fsum(estimates) / len(widest), float(errors.max())
        verdict = f"plateau from step size {low:.3g} to {high:.3g}: {estimate:.3g} ± {error:.2g}"
    return Sweep(checkpoint=points[0].checkpoint, points=points, plateau=plateau,
                 estimate=estimate, error=error, verdict=verdict)  # fmt: skip


@torch.no_grad()
def _losses_at_start(loss: Loss, start: Tensors, examples: int) -> Float64[Tensor, " example"]:
    one_chain = {name: tensor.detach()[None] for name, tensor in start.items()}
    pieces = []
    for chosen in torch.arange(examples)[None].split(CHUNK_EXAMPLES, dim=1):
        piece = loss(one_chain, chosen)
        if piece.shape != chosen.shape:
            raise InputError("loss must return one number for each chain and example, of shape "
                             f"{tuple(chosen.shape)}; got shape {tuple(piece.shape)}")  # fmt: skip
        pieces.append(piece[0].double().cpu())
    return torch.cat(pieces)


def _walk(
    loss: Loss, start: Tensors, at_start: Tensor, sampling: Sampling, seed: int
) -> Float64[np.ndarray, "chain draw"]:
    """Loss above that of w* on the same batch, at each draw; NaN from where a chain runs off.

    Compared on the same batch, the noise of the batch at w* cancels; the mean is the same.
    """
    s = sampling
    centre = torch.cat([tensor.detach().flatten() for tensor in start.values()])
    sizes = [tensor.numel() for tensor in start.values()]
    weights = centre.repeat(s.chains, 1)  # (chain, parameter)
    excess = torch.full((s.burn_in_steps + s.draws, s.chains), torch.nan, dtype=torch.float64)
    for step, (chosen, noise) in zip(range(len(excess)), _chances(s, seed, centre), strict=False):
        weights.requires_grad_()
        pieces = zip(start.items(), weights.split(sizes, dim=1), strict=True)
        losses = loss({n: p.reshape(s.chains, *t.shape) for (n, t), p in pieces}, chosen)
        (gradient,) = torch.autograd.grad(losses.mean(1).sum(), weights)
        excess[step] = (losses.detach().double().cpu() - at_start[chosen]).mean(1)
        if not (excess[step].abs() < RUNAWAY).all():
            excess[step:] = torch.nan
            break
        weights = weights.detach()
        drift = s.weight * gradient + s.localisation * (weights - centre)
        weights = weights - s.step_size / 2 * drift + math.sqrt(s.step_size) * noise.to(centre)
    return excess[s.burn_in_steps :].T.numpy()


def _chances(s: Sampling, seed: int, like: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """For every step the examples, (chain, example), and normal noise, (chain, parameter)."""
    bits = int(np.float64(s.step_size).view(np.uint64))
    keys = [np.random.SeedSequence([seed, chain, bits]) for chain in range(s.chains)]
    sources = [torch.Generator().manual_seed(int(k.generate_state(1, np.uint64)[0])) for k in keys]
    block = max(1, BLOCK_NUMBERS // max(len(like), s.batch_examples))  # whatever the steps
    shape = (block, s.batch_examples)
    while True:
        examples = [torch.randint(s.examples, shape, generator=g) for g in sources]
        noise = [torch.randn(block, len(like), dtype=like.dtype, generator=g) for g in sources]
        yield from zip(torch.stack(examples, 1), torch.stack(noise, 1), strict=True)


def _judge(
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
    agreement = _split_r_hat(drawn)

    below = int((chains < -SIGNIFICANT * chain_errors).sum())
    disagree = not (ran_off or agreement <= AGREEMENT_LIMIT)
    moves = abs(slope) > max(SIGNIFICANT * slope_error, MATERIAL * abs(estimate))
    doubts = (
        (ran_off, "a chain ran off to a loss that is not finite: take steps smaller than "
                  f"{sampling.step_size:.3g}"),
        (below, f"{below} of {len(chains)} chains lie below the baseline, one at "
                f"{chains.min():.3g}: the start is no minimum of this loss"),
        (disagree, f"chains disagree: split R-hat {agreement:.3g}, above {AGREEMENT_LIMIT}"),
        (moves, f"the loss still {'rises' if slope > 0 else 'falls'}, by {abs(slope):.3g} ± "
                f"{slope_error:.2g} over the draws, not in equilibrium: more burn-in, larger "
                "steps or localisation"),
        (error > COARSE * abs(estimate),
         f"the error {error:.2g} is above {COARSE:.0%} of the estimate: more draws"),
    )  # fmt: skip
    reasons = [reason for holds, reason in doubts if holds]
    return Estimate(sampling.step_size, baseline, estimate, error, chains.tolist(), agreement,
                    slope, slope_error, reasons, losses)  # fmt: skip


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


def _split_r_hat(values: Float64[np.ndarray, "chain draw"]) -> float:
    half = values.shape[1] // 2
    halves = np.concatenate([values[:, :half], values[:, -half:]])
    within, between = halves.var(1, ddof=1).mean(), halves.mean(1).var(ddof=1)
    return math.sqrt((half - 1) / half + between / within) if within > 0 else math.nan


def _is_flat(points: Sequence[Point]) -> bool:
    estimates, errors = _numbers(points)
    apart = np.abs(np.subtract.outer(estimates, estimates))
    agree = (apart <= 2 * np.hypot.outer(errors, errors)).all()
    return bool(agree) and all(point.trusted for point in points)


def _numbers(points: Sequence[Point]) -> Float64[np.ndarray, "2 point"]:
    """Estimates and errors; NaN where they are None."""
    return np.array([(point.estimate, point.error) for point in points], float).T


def finite(number: int | float) -> float | None:
    """The number, or None where JSON has no word for it."""
    return float(number) if math.isfinite(number) else None
