"""Phase changes: where the loss of one true distance falls suddenly and for good, along training.

In: the metrics of a run. Out: `results/phases.json`, an entry for each network and distance. Costs
10 ms per entry.

The logarithm of the loss over that of the step is fitted by straight pieces that join, as few as
the noise allows: optimal partitioning (Jackson et al. 2005, "An algorithm for optimal partitioning
of data on an interval") in the continuous form of Fearnhead, Maidstone, Letchford (2019, "Detecting
changes in slope with an L0 penalty"), here with the heights of the joints on a grid. What of it is
a phase change, `_sudden` decides: most falls are none.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64

from offpath.configs import Configuration
from offpath.networks import Network, networks
from offpath.results import LossCurve, PhaseChange, Phases, write_result
from offpath.run.files import Record
from offpath.run.folder import Run
from offpath.run.metrics import read_metrics

SETTINGS = {
    "least_examples": 100,  # behind each point of a curve
    "step_ratio": 1.04,  # from each point to the next, at least
    "least_points": 10,  # of a curve that is fitted
    "least_noise": 0.1,  # in decades: losses also rise and fall together, for longer than a line
    "penalty": 3,  # of a piece: squared errors of one standard deviation per log of the points
    "slope": 2.5,  # of a phase change, in decades of loss per decade of steps
    "lookback": 1.5,  # how far back, as a factor of the steps, it is compared with what was before
    "factor": 3,  # by which it ends below all losses from there to its onset
    "faster": 2.5,  # per step than the loss fell from there to its onset
    "steeper": 1.5,  # than the piece behind it
    "schedule": 3,  # decades of loss per decade by which the learning rate falls meanwhile
}
METHOD = (
    "The logarithm of the loss over that of the step is fitted by straight pieces that join, with "
    "the least sum of squared errors and a penalty per piece (Fearnhead, Maidstone, Letchford "
    "2019, after Jackson et al. 2005); the noise is that around lines through neighbouring points "
    "(Gasser, Sroka, Jennen-Steinmetz 1986), by its median. A phase change is a steep fall that "
    "is faster per step than the loss fell just before, steeper than what follows, lasts, and is "
    "not explained by a falling learning rate. A fall from the first point on, or to the last, is "
    "none: nothing is there to compare it with."
)
SPANS = (1, 2, 4)  # points between each and those that it is compared with, for the noise
HEIGHTS = np.arange(-2, 2.1, 0.5)  # of a joint, in standard deviations, around the local median

Numbers = Float[np.ndarray, " point"]


class Curve(NamedTuple):
    """The loss of one distance along training."""

    steps: Numbers
    losses: Numbers
    rates: Numbers  # learning rates


class Joint(NamedTuple):
    """Where two pieces of a fit meet, or where it begins or ends."""

    point: int  # of the curve
    height: float  # logarithm of the loss


def measure_phases(run: Run) -> None:
    """Find the phase changes of every network that was trained, and write the result."""
    c, lines = run.configuration, read_metrics(run)
    made = [
        measured(network.name, label, [line for line in lines if line["network"] == network.name])
        for network in learners(c)
        for label in range(1, c.graphs.max_vertices + 1)
    ]
    curves = [one for one in made if one.points]
    write_result(run, Phases(method=METHOD, settings=SETTINGS, curves=curves))


def learners(c: Configuration) -> list[Network]:
    """Networks that training teaches something: not the exact solution, which can only lose."""
    rows = networks(c)
    exact = {network.name for network in rows if network.made_by == "handcraft"}
    return [one for one in rows if one.training and one.starts_from not in exact]


def measured(network: str, label: int, lines: Sequence[Record]) -> LossCurve:
    """One entry: the curve of a distance, its fit and its phase changes."""
    made = curve(lines, label)
    entry = {"network": network, "label": label, "points": len(made.steps)}
    if len(made.steps) < SETTINGS["least_points"]:
        return LossCurve(**entry, noise=None, fit=[], changes=[])
    x, y = np.log10(made.steps), np.log10(made.losses)
    sigma = max(SETTINGS["least_noise"], noise(x, y))
    found = joints(x, y, sigma)
    fit = [(int(made.steps[joint.point]), 10**joint.height) for joint in found]
    return LossCurve(**entry, noise=sigma, fit=fit, changes=changes(made, found))


def curve(lines: Sequence[Record], label: int) -> Curve:
    """The loss of one distance: lines of metrics pooled until a point has enough examples."""
    points, total, count, key = [], 0.0, 0, str(label)
    for line in lines:
        if added := line["count_by_label"].get(key, 0):
            total, count = total + added * line["loss_by_label"][key], count + added
        far = not points or line["step"] >= SETTINGS["step_ratio"] * points[-1][0]
        if far and count >= SETTINGS["least_examples"] and total > 0:
            points.append((line["step"], total / count, line["learning_rate"]))
            total, count = 0.0, 0
    return Curve(*np.array(points, float).reshape(-1, 3).T)


def noise(x: Numbers, y: Numbers) -> float:
    """The standard deviation around a smooth curve, hardly moved by outliers.

    Each point less the line through two around it (Gasser, Sroka, Jennen-Steinmetz 1986): through
    its neighbours and through farther ones, for neighbours rise and fall together.
    """
    found = []
    for apart in SPANS:
        left, middle, right = slice(None, -2 * apart), slice(apart, -apart), slice(2 * apart, None)
        share = (x[right] - x[middle]) / (x[right] - x[left])
        rest = share * y[left] + (1 - share) * y[right] - y[middle]
        rest /= np.sqrt(share**2 + (1 - share) ** 2 + 1)
        found.append(1.4826 * float(np.median(np.abs(rest))))
    return max(found)


def joints(x: Numbers, y: Numbers, sigma: float) -> list[Joint]:
    """The joints of the best continuous piecewise linear fit; no piece is from point to point.

    `best[end, height]`: the cost of the best fit up to a joint at that point and height.
    """
    n, middle = len(x), y.copy()
    middle[1:-1] = np.median([y[:-2], y[1:-1], y[2:]], axis=0)
    heights = middle[:, None] + sigma * HEIGHTS  # (point, height)
    best, origin = np.full(heights.shape, np.inf), np.zeros((*heights.shape, 2), int)
    best[0] = ((y[0] - heights[0]) / sigma) ** 2
    sums = [np.cumsum([0, *part]) for part in (np.ones(n), x, x * x, y, x * y, y * y)]
    for end in range(2, n):
        start = np.arange(end - 1)
        one, sx, sxx, sy, sxy, syy = (part[end + 1] - part[start + 1] for part in sums)
        width = x[end] - x[start]
        # sums over the points of a piece of t, of t squared and of t y; t from 0 to 1
        st = (sx - one * x[start]) / width
        stt = (sxx - 2 * x[start] * sx + one * x[start] ** 2) / width**2
        sty = (sxy - x[start] * sy) / width
        one, sy, syy, st, stt, sty = (part[:, None, None] for part in (one, sy, syy, st, stt, sty))
        low = heights[start][:, :, None]  # (start, height there, height at the end)
        rise = heights[end] - low
        squares = syy - 2 * low * sy + one * low**2 - 2 * rise * (sty - low * st) + rise**2 * stt
        costs = best[start][:, :, None] + squares / sigma**2 + SETTINGS["penalty"] * np.log(n)
        costs = costs.reshape(-1, len(HEIGHTS))
        best[end], chosen = costs.min(0), costs.argmin(0)
        origin[end] = np.stack(np.divmod(chosen, len(HEIGHTS)), axis=1)
    point, height, found = n - 1, int(best[-1].argmin()), []
    while True:
        found.append(Joint(int(point), float(heights[point, height])))
        if point == 0:
            return found[::-1]
        point, height = origin[point, height]


def changes(given: Curve, found: Sequence[Joint]) -> list[PhaseChange]:
    """The phase changes of a curve that was fitted with these joints."""
    at, heights = (np.array(column) for column in zip(*found, strict=True))
    slopes = -np.diff(heights) / np.diff(np.log10(given.steps[at]))
    made, start = [], 0
    for steep, pieces in groupby(slopes >= SETTINGS["slope"]):
        end = start + len([*pieces])
        if steep and _sudden(given, at, heights, start, end):
            onset, last = given.steps[at[[start, end]]].astype(int).tolist()
            before, after = (10 ** heights[[start, end]]).tolist()
            made.append(PhaseChange(onset=onset, end=last, loss_before=before, loss_after=after))
        start = end
    return made


def _sudden(
    given: Curve, at: Int64[np.ndarray, " joint"], y: Numbers, start: int, end: int
) -> bool:
    """Whether the steep fall between two joints is a phase change.

    In this order: something is there to compare it with; it is faster per step than the loss fell
    before (an exponential decline is not); on logarithmic axes steeper than what follows (a power
    law is not); it ends below what was there before (a spike does not); for good; and it is more
    than a falling learning rate does.
    """
    if start == 0 or end == len(y) - 1:
        return False
    x, fall = np.log10(given.steps[at]), y[start] - y[end]
    onset, last = given.steps[at[[start, end]]]
    back = onset / SETTINGS["lookback"]
    before, since = float(np.interp(np.log10(back), x, y)), given.steps[at[: start + 1]] >= back
    lowest = min(before, y[: start + 1][since].min())
    rates = given.rates[[at[start] - 1, at[end]]]
    behind = (y[end] - y[end + 1]) / (x[end + 1] - x[end])
    return bool(
        fall / (last - onset) >= SETTINGS["faster"] * (before - y[start]) / (onset - back)
        and fall / (x[end] - x[start]) >= SETTINGS["steeper"] * behind
        and lowest - y[end] >= np.log10(SETTINGS["factor"])
        and y[end:].max() <= (y[start] + y[end]) / 2
        and fall >= SETTINGS["schedule"] * np.log10(rates[0] / rates[1])
    )
