"""Options of the measurements on networks: robustness and the learning coefficient."""

import math
from pathlib import Path
from typing import Any

from pydantic import model_validator

from offpath.configs import InputError, Section, outside


class Robustness(Section):
    """How far weights can be moved before the solution is lost."""

    choices: int = 20
    """How many times one matrix, chosen at random, is replaced by noise."""
    rates: tuple[float, ...] = (1e-6, 1e-4, 1e-3)
    """Learning rates of Adam in retraining; WWZ24 use 1e-6."""
    steps: int = 600
    """Steps of retraining."""
    batch_examples: int = 256
    """Examples of one step of retraining."""
    examples: int = 4096
    """Examples on which losses are measured."""
    noises: tuple[float, ...] = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
    """Sizes of noise on all weights, relative to the weights."""
    draws: int = 2
    """How many times each noise is drawn."""
    noise_rate: float = 1e-4
    """Learning rate of retraining after noise."""
    retention_rates: tuple[float, ...] = (1e-6, 1e-5, 1e-4)
    """Learning rates, beside the recipe's, at which the exact solution is fine-tuned."""
    seed: int = 0
    """Seed of the choices, the noise and the training examples."""

    @model_validator(mode="after")
    def _all_faults_at_once(self) -> "Robustness":
        rate = (1e-12, 10)
        _check(self, choices=(1, 10_000), steps=(1, 10**7), batch_examples=(1, 2**20),
               examples=(1, 2**20), draws=(1, 1000), seed=(0, 2**63 - 1), rates=rate,
               retention_rates=rate, noises=rate, noise_rate=rate)  # fmt: skip
        return self


class Sampling(Section):
    """How the neighbourhood of w* is sampled; each option changes the estimate or its error."""

    examples: int = 4096
    """n: size of the fixed dataset, which the baseline is the loss on."""
    batch_examples: int = 64
    """Examples behind each gradient, drawn from the n with replacement; few add noise."""
    chains: int = 4
    """Independent walks from w*; how far they differ is part of the error."""
    burn_in_steps: int = 200
    """Steps of each chain before its draws count."""
    draws: int = 400
    """Steps of each chain that count, each of them one draw."""
    step_size: float = 1e-5
    """epsilon, variance of the noise of a step; large: biased upwards, small: slow to leave w*."""
    localisation: float = 1000.0
    """gamma, strength of the pull to w*; large: biased towards 0, small: leaves w* for good."""
    inverse_temperature: float | None = None
    """beta, weight of each example's loss; None: 1 / log n (Watanabe 2013)."""

    @model_validator(mode="after")
    def _all_faults_at_once(self) -> "Sampling":
        _check(self, examples=(2, 2**24), batch_examples=(1, self.examples), chains=(1, 4096),
               burn_in_steps=(0, 10**8), draws=(20, 10**8), step_size=(1e-15, 1),
               localisation=(0, 1e9), inverse_temperature=(1e-9, 1e9))  # fmt: skip
        return self

    @property
    def weight(self) -> float:
        """n beta: what the mean loss is multiplied by."""
        beta = self.inverse_temperature
        return self.examples * (1 / math.log(self.examples) if beta is None else beta)


def check_same(path: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Refuse to go on with a result file that other options made: it took long."""
    other = [
        f"{key} {before.get(key)}, not {now[key]}" for key in now if before.get(key) != now[key]
    ]
    if other:
        raise InputError(
            f"{path} was measured with other options ({', '.join(other)}); give the same, or move "
            "it away"
        )


def check_seed(seed: int) -> None:
    """Refuse a seed that is not 64 bits without the first."""
    if faults := list(outside("seed", seed, 0, 2**63 - 1)):
        raise InputError(*faults)


def _check(options: Section, **limits: tuple[int | float, int | float]) -> None:
    """An `InputError` with every number, alone or in a tuple, that is not within its limits."""
    faults = []
    for name, (low, high) in limits.items():
        value = getattr(options, name)
        if value == ():
            faults.append(f"{name} must hold at least one number")
        for number in value if isinstance(value, tuple) else (value,):
            faults += [] if number is None else outside(name, number, low, high)
    if faults:
        raise InputError("; ".join(faults))
