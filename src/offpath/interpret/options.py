"""Options of the measurements on networks: robustness and the learning coefficient."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from offpath.errors import InputError, outside
from offpath.sections import Checked, Seed, within

Part = Literal["perturbed", "graded", "retention"]
USES: dict[Part, tuple[str, ...]] = {
    "perturbed": ("choices", "rates", "steps", "batch_examples", "examples", "seed"),
    "graded": ("noises", "draws", "noise_rate", "steps", "batch_examples", "examples", "seed"),
    "retention": ("retention_rates", "retention_examples"),
}
"""The options that each part depends on."""
Rates = Annotated[tuple[float, ...], within(1e-12, 10)]


class Robustness(Checked):
    """How far weights can be moved before the solution is lost."""

    parts: tuple[Part, ...] = ("perturbed", "graded", "retention")
    """What to measure: perturbed (one matrix), graded (noise on all weights), retention."""
    choices: Annotated[int, within(1, 10_000)] = 20
    """How many times one matrix, chosen at random, is replaced by noise."""
    rates: Rates = (1e-6, 1e-4, 1e-3)
    """Learning rates of Adam in retraining; WWZ24 use 1e-6."""
    steps: Annotated[int, within(1, 10**7)] = 600
    """Steps of retraining."""
    batch_examples: Annotated[int, within(1, 2**20)] = 256
    """Examples of one step of retraining."""
    examples: Annotated[int, within(1, 2**20)] = 4096
    """Examples on which losses are measured."""
    noises: Rates = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
    """Sizes of noise on all weights, relative to the weights."""
    draws: Annotated[int, within(1, 1000)] = 2
    """How many times each noise is drawn."""
    noise_rate: Annotated[float, within(1e-12, 10)] = 1e-4
    """Learning rate of retraining after noise."""
    retention_rates: Rates = (1e-6, 1e-5, 1e-4)
    """Learning rates, beside the recipe's, at which the exact solution is fine-tuned."""
    retention_examples: Annotated[int, within(30, 2**24)] = 4096
    """Examples on which retention is measured along the way; the last step has all."""
    seed: Seed = 0
    """Seed of the choices, the noise and the training examples."""

    def faults(self, section: str = "") -> Iterator[str]:
        """Those of single options, no part at all, and options that no chosen part uses."""
        yield from super().faults(section)
        if not self.parts:
            yield f"parts must be some of {', '.join(USES)}; got none"
            return
        for name in sorted(set(sum(USES.values(), ())) - self.used(self.parts)):
            if getattr(self, name) != type(self).model_fields[name].default:
                needs = " or ".join(part for part, names in USES.items() if name in names)
                yield f"{name} has no effect without the part {needs}"

    @staticmethod
    def used(parts: Iterable[Part]) -> set[str]:
        """The options that these parts depend on."""
        return {name for part in parts for name in USES[part]}


class Walks(Checked):
    """How chains walk around w*: the options that one estimate and a grid of them share."""

    examples: Annotated[int, within(2, 2**24)] = 4096
    """n: size of the fixed dataset, which the baseline is the loss on."""
    batch_examples: int = 32
    """Examples behind each gradient, drawn from the n with replacement; few add noise."""
    chains: Annotated[int, within(1, 4096)] = 4
    """Independent walks from w*; how far they differ is part of the error."""
    burn_in_steps: Annotated[int, within(0, 10**8)] = 300
    """Steps of each chain before its draws count."""
    draws: Annotated[int, within(20, 10**8)] = 500
    """Steps of each chain that count, each of them one draw."""
    inverse_temperature: Annotated[float | None, within(1e-9, 1e9)] = None
    """beta, weight of each example's loss; None: 1 / log n (Watanabe 2013)."""

    def faults(self, section: str = "") -> Iterator[str]:
        """Those of single numbers, and a batch larger than the dataset."""
        yield from super().faults(section)
        yield from outside("batch_examples", self.batch_examples, 1, self.examples)

    @property
    def weight(self) -> float:
        """n beta: what the mean loss is multiplied by."""
        beta = self.inverse_temperature
        return self.examples * (1 / math.log(self.examples) if beta is None else beta)


class Sampling(Walks):
    """How one estimate is made."""

    step_size: Annotated[float, within(1e-20, 1)] = 1e-5
    """epsilon, variance of the noise of a step; large: biased upwards, small: slow to leave w*."""
    localisation: Annotated[float, within(0, 1e15)] = 1000.0
    """gamma, strength of the pull to w*; the estimate may be set by it: see `GridSampling`."""

    @property
    def relaxation_steps(self) -> float:
        """Steps in which a direction of no curvature forgets its start, to 1/e of its variance."""
        pull = self.step_size * self.localisation
        return 1 / pull if pull else math.inf


class GridSampling(Walks):
    """A grid of estimates, localisations by step sizes: only a plateau in both is an answer."""

    localisations: Annotated[tuple[float, ...], within(1e-9, 1e15)] = (10, 100, 1e3, 1e4, 1e5)
    """gamma, strengths of the pull to w*; the steps that a small one takes grow as 1 / gamma."""
    step_shares: Annotated[tuple[float, ...], within(1e-6, 1)] = (1 / 32, 1 / 16, 1 / 8)
    """Step sizes, as shares of the largest stable one, 4 / (n beta largest curvature + gamma)."""

    def cell(self, curvature: float, localisation: float, step_share: float) -> Sampling:
        """The options of one estimate, for a loss of that largest curvature at w*."""
        shared = {name: getattr(self, name) for name in Walks.model_fields}
        size = 4 * step_share / (self.weight * curvature + localisation)
        return Sampling(**shared, step_size=min(1.0, size), localisation=localisation)


def check_same(path: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Refuse to resume a result file that other options made: it took long."""
    other = [f"{k} {before.get(k)}, not {now[k]}" for k in now if before.get(k) != now[k]]
    if other:
        raise InputError(f"{path} was measured with other options ({', '.join(other)}); give the "
                         "same, or move it away")  # fmt: skip


def check_seed(seed: int) -> None:
    """Refuse a seed that is not 64 bits without the first."""
    for fault in outside("seed", seed, 0, 2**63 - 1):
        raise InputError(fault)
