"""The study's eight published figures, and what its published weights give when measured again.

Source of the published ones: Wang, Westover, Zhao (2024), "Off-Distribution Generalization of
Transformers for Shortest Paths", MIT 6.7960 project blog. The others were measured on the weights
published with it, on fresh examples: after fine-tuning in two ways, as `recipes.VARIANTS` has them.
Numbers are text, so that no digit is added or lost; each is a mean squared error.
"""

from typing import NamedTuple

SOURCE = (
    "Wang, Westover, Zhao (2024): Off-Distribution Generalization of Transformers for Shortest "
    "Paths, MIT 6.7960 project blog"
)
AS_WRITTEN, AS_REPRODUCED = "as written", "as reproduced"


class Remeasured(NamedTuple):
    """What the published weights score: a number, or the two ends of its range."""

    mse: str | None = None
    spread: str | None = None
    """What follows ±."""
    low: str | None = None
    high: str | None = None
    finetuned: str | None = None
    """Which way of fine-tuning; None: before any."""

    def __str__(self) -> str:
        number = f"{self.low} to {self.high}" if self.mse is None else self.mse
        spread = f" ± {self.spread}" if self.spread else ""
        return f"{number}{spread}{f' {self.finetuned}' if self.finetuned else ''}"


class Quantity(NamedTuple):
    """One published figure: a checkpoint on a distribution, all examples pooled."""

    quantity: str
    title: str
    predictor: str
    world: str
    published: str
    remeasured: tuple[Remeasured, ...]


def _twice(written: str, reproduced: str) -> tuple[Remeasured, ...]:
    ways = (written, AS_WRITTEN), (reproduced, AS_REPRODUCED)
    return tuple(Remeasured(mse, finetuned=way) for mse, way in ways)


def _once(reproduced: str) -> tuple[Remeasured, ...]:
    return (Remeasured(reproduced, finetuned=AS_REPRODUCED),)


BEFORE, AFTER = "before fine-tuning", "after fine-tuning"
QUANTITIES = (
    Quantity(
        "pretraining",
        "pre-training",
        "pretrained",
        "pretraining",
        "0.001623",
        (Remeasured("0.00195", spread="0.00008"),),
    ),
    Quantity(
        "finetuning_before",
        f"fine-tuning data, {BEFORE}",
        "pretrained",
        "finetuning",
        "0.5531",
        (Remeasured(low="0.553", high="0.570"),),
    ),
    Quantity(
        "finetuning_after",
        f"fine-tuning data, {AFTER}",
        "finetuned",
        "finetuning",
        "0.01472",
        _twice("0.18", "0.0045"),
    ),
    Quantity("test_a", "test a", "finetuned", "test_a", "0.1020", _twice("0.22", "0.095")),
    Quantity("test_b", "test b", "finetuned", "test_b", "0.1451", _twice("0.40", "0.135")),
    Quantity("test_c", "test c", "finetuned", "test_c", "61.44", _once("60.8")),
    Quantity("test_d", "test d", "finetuned", "test_d", "47.06", _once("49.4")),
    Quantity("test_e", "test e", "finetuned", "test_e", "72.87", _once("73.3")),
)

MIXTURE = {
    "finetuning": {"trained": 0.736},
    "test_a": {"trained": 0.801},
    "test_b": {"trained": 0.725},
    "test_c": {"trained": 0.166, "unreachable": 0.182, "absent": 0.334},
    "test_d": {"trained": 0.166, "unreachable": 0.275, "absent": 0.128},
    "test_e": {"trained": 0.071, "unreachable": 0.197, "absent": 0.428},
}
"""Shares of examples that the published figures pool: 10^6 examples each of the study's
distributions, as `offpath sample WORLD --recipe paper --count 1000000` draws them."""
