"""Whether localised curvatures are a learning coefficient: they are where nothing sets them.

In: the points of a grid, localisations by steps. Out: the widest plateau, and a verdict in words. A
spectrum of curvatures without a gap has none: curvature below gamma / (n beta) is not seen, so that
each smaller gamma uncovers more of it.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from offpath.interpret.judging import Estimate
from offpath.interpret.options import Sampling
from offpath.results import Plateau, Point, Sweep
from offpath.run.files import Record

LEAST_SPAN = 3.0  # factor between the smallest and the largest localisation of a plateau
LEVEL = 0.05  # share of the estimate below which a difference does not matter: step sizes bias
RESOLUTION = 0.2  # share of the estimate by which a change would have been seen, at two errors
NONE = "no plateau over localisation"


def point(estimate: Estimate, sampling: Sampling, step_share: float) -> Point:
    """An estimate as the result file holds it: None for what is not finite."""
    numbers: Record = {k: finite(v) for k, v in vars(estimate).items() if isinstance(v, float)}
    del numbers["baseline_loss"]
    return Point(localisation=sampling.localisation, step_share=step_share,
                 step_size=sampling.step_size, **numbers,
                 chains=list(map(finite, estimate.chains)), passed=estimate.passed,
                 reasons=estimate.reasons)  # fmt: skip


def unsampled_point(sampling: Sampling, step_share: float) -> Point | None:
    """A cell whose chains would end before they feel the pull; None if they do not.

    What they give is set by their length instead, the same for every weaker pull: a false plateau.
    """
    if sampling.burn_in_steps >= sampling.relaxation_steps:
        return None
    steps = f"{sampling.relaxation_steps:.3g}"
    reason = (f"not sampled: a burn-in of {sampling.burn_in_steps} steps, where gamma = "
              f"{sampling.localisation:.3g} takes {steps} to act")  # fmt: skip
    return Point(localisation=sampling.localisation, step_share=step_share,
                 step_size=sampling.step_size, localised_curvature=None, error=None,
                 agreement=None, slope=None, slope_error=None, chains=[], passed=False,
                 reasons=[reason])  # fmt: skip


def plateau(points: Sequence[Point]) -> Plateau | None:
    """The widest plateau of a grid; of equally wide ones that of the smallest localisations.

    A rectangle of neighbours in the grid: at least two step sizes, and two localisations that span
    at least a factor 3. The sampler passed its checks everywhere, every pair of estimates is within
    two standard errors or 5 %, and the errors are so small that a change by a fifth would have been
    seen. Its error is the largest of theirs or half their range, whichever is larger: a bias that
    neighbours share does not average out.
    """
    widest = max(filter(_is_flat, _rectangles(points)), key=len, default=None)
    if widest is None:
        return None
    estimates, errors = _numbers(widest)
    pulls, shares = (sorted({getattr(p, by) for p in widest})
                     for by in ("localisation", "step_share"))  # fmt: skip
    error = max(float(errors.max()), float(np.ptp(estimates)) / 2)
    return Plateau(localisations=(pulls[0], pulls[-1]), step_shares=(shares[0], shares[-1]),
                   coefficient=float(estimates.mean()), error=error)  # fmt: skip


def verdict(points: Sequence[Point], found: Plateau | None) -> str:
    """The plateau in words; without one, the localised curvature at each localisation."""
    if found:
        pulls, shares = found.localisations, found.step_shares
        return (f"plateau from gamma = {pulls[0]:.3g} to {pulls[1]:.3g} and from {shares[0]:.3g} "
                f"to {shares[1]:.3g} of the largest step: learning coefficient "
                f"{found.coefficient:.3g} ± {found.error:.2g}")  # fmt: skip
    smallest: dict[float, Point] = {}  # step size of those that passed, by localisation
    for one in sorted(points, key=lambda p: p.step_share):
        if one.passed:
            smallest.setdefault(one.localisation, one)
    if not smallest:
        return f"{NONE}: the sampler passed its checks nowhere"
    numbers = [f"{p.localised_curvature:.3g} ± {p.error:.2g} at gamma = {pull:.3g}"
               for pull, p in sorted(smallest.items(), reverse=True)]  # fmt: skip
    return f"{NONE}: localised curvature {', '.join(numbers)}"


def finding(sweeps: Sequence[Sweep]) -> str:
    """How the coefficient goes along training if each checkpoint has one; which do not, if not."""
    bare = [sweep.checkpoint for sweep in sweeps if sweep.plateau is None]
    if bare:
        return (f"{NONE} at {len(bare)} of {len(sweeps)} checkpoints ({', '.join(bare)}): their "
                "numbers are localised curvatures, not learning coefficients, and are not compared "
                "between checkpoints")  # fmt: skip
    path = [(s.step, s.plateau) for s in sorted(sweeps, key=lambda s: s.step or 0)
            if s.network == "pretrained" and s.step is not None and s.plateau]  # fmt: skip
    if len(path) < 2:
        return "each checkpoint has a plateau"
    (first, before), (last, after) = path[0], path[-1]
    apart = after.coefficient - before.coefficient
    moved = abs(apart) > 2 * math.hypot(before.error, after.error)
    verb = ("rises" if apart > 0 else "falls") if moved else "does not move"
    return (f"each checkpoint has a plateau; from step {first} to {last} the learning coefficient "
            f"{verb}: {before.coefficient:.3g} ± {before.error:.2g}, then "
            f"{after.coefficient:.3g} ± {after.error:.2g}")  # fmt: skip


def finite(number: int | float) -> float | None:
    """The number, or None where JSON has no word for it."""
    return float(number) if math.isfinite(number) else None


def _rectangles(points: Sequence[Point]) -> Iterator[list[Point]]:
    """Full rectangles of the grid, those of the smallest localisations first."""
    places = {(p.localisation, p.step_share): p for p in points}
    pulls, shares = (sorted(set(axis)) for axis in zip(*places, strict=True))
    for low, high in combinations(range(len(pulls)), 2):
        if pulls[high] < LEAST_SPAN * pulls[low]:
            continue
        for small, large in combinations(range(len(shares)), 2):
            chosen = [(g, s) for g in pulls[low : high + 1] for s in shares[small : large + 1]]
            if all(place in places for place in chosen):
                yield [places[place] for place in chosen]


def _is_flat(points: Sequence[Point]) -> bool:
    if not all(one.passed for one in points):
        return False
    estimates, errors = _numbers(points)
    seen = 2 * np.hypot.outer(errors, errors)
    apart, size = np.abs(np.subtract.outer(estimates, estimates)), abs(estimates.mean())
    level = np.maximum(seen, LEVEL * size)
    return bool((apart <= level).all() and seen.max() <= RESOLUTION * size)


def _numbers(points: Sequence[Point]) -> np.ndarray:
    """Estimates and errors, (2, point)."""
    return np.array([(one.localised_curvature, one.error) for one in points], float).T
