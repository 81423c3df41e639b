"""The run beside the published figures of WWZ24: pooled as published, and by stratum.

In: the test matrix of a run that trains. Out: each published figure, what the published weights
score when measured again, the run's own score, and the share of the examples and of the squared
error that each stratum carries; and every option that is not that of WWZ24.

The published weights were measured again on fresh examples, after fine-tuning both ways of
`recipes.VARIANTS`. Figures are text: no digit is added or lost.
"""

from typing import Any

from offpath.configs import Configuration, differences
from offpath.recipes import VARIANTS, paper
from offpath.results import Cell, Matrix, Scores, Study, StudyQuantity, StudyStratum
from offpath.slices import SEEN, SPLIT_STRATA, STRATA, UNSEEN

SOURCE = (
    "Wang, Westover, Zhao (2024): Off-Distribution Generalization of Transformers for Shortest "
    "Paths, MIT 6.7960 project blog"
)
BEFORE, AFTER = "before fine-tuning", "after fine-tuning"
WRITTEN, REPRODUCED = "as written", "as reproduced"
PublishedFigure = tuple[str, str, str, str, str, dict[str, str]]
"""Quantity, title, network, distribution, published, and what the published weights score again."""
PUBLISHED: tuple[PublishedFigure, ...] = (
    ("pretraining", "pre-training", "pretrained", "pretraining", "0.001623",
     {"": "0.00195 ± 0.00008"}),
    ("finetuning_before", f"fine-tuning data, {BEFORE}", "pretrained", "finetuning", "0.5531",
     {"": "0.553 to 0.570"}),
    ("finetuning_after", f"fine-tuning data, {AFTER}", "finetuned", "finetuning", "0.01472",
     {WRITTEN: "0.18", REPRODUCED: "0.0045"}),
    ("test_a", "test a", "finetuned", "test_a", "0.1020", {WRITTEN: "0.22", REPRODUCED: "0.095"}),
    ("test_b", "test b", "finetuned", "test_b", "0.1451", {WRITTEN: "0.40", REPRODUCED: "0.135"}),
    ("test_c", "test c", "finetuned", "test_c", "61.44", {REPRODUCED: "60.8"}),
    ("test_d", "test d", "finetuned", "test_d", "47.06", {REPRODUCED: "49.4"}),
    ("test_e", "test e", "finetuned", "test_e", "72.87", {REPRODUCED: "73.3"}),
)  # fmt: skip
MIXTURE = {
    "finetuning": {"trained": 0.736},
    "test_a": {"trained": 0.801},
    "test_b": {"trained": 0.725},
    "test_c": {"trained": 0.166, "unreachable": 0.182, "absent": 0.334},
    "test_d": {"trained": 0.166, "unreachable": 0.275, "absent": 0.128},
    "test_e": {"trained": 0.071, "unreachable": 0.197, "absent": 0.428},
}
"""Shares of examples that the published figures pool: 10^6 examples of each distribution of WWZ24,
as `offpath sample WORLD --recipe paper --count 1000000` draws them."""

IRRELEVANT = ("recipe", "seed", "evaluate", "circuit", "imported")
"""Options that do not change which experiment a run is; nor do these of training:"""
IRRELEVANT_IN_TRAINING = ("log_every_steps", "checkpoint_every_steps")


def study(c: Configuration, matrix: Matrix) -> Study:
    """The comparison with WWZ24 of a run that trains, from its test matrix."""
    finetuned, others = _differences(c)
    return Study(
        source=SOURCE,
        finetuned=finetuned,
        differences=others,
        imported=c.imported,
        mixture=MIXTURE,
        quantities=[_quantity(matrix, row) for row in PUBLISHED],
    )


def _differences(c: Configuration) -> tuple[str, dict[str, tuple[Any, Any]]]:
    """The way of fine-tuning of WWZ24 that is nearest, and every option that is not its own."""
    own = paper()
    ways = {}
    for name, finetune in VARIANTS.items():
        published = own.model_copy(update={"finetune": finetune()})
        ways[name] = {
            option: (here, there)
            for option, here, there in differences(c, published)
            if _counts(c, *option.split("."))
        }
    first = min(ways, key=lambda name: (len(ways[name]), VARIANTS[name]() != own.finetune))
    return first.replace("-", " "), ways[first]


def _counts(c: Configuration, part: str, option: str = "") -> bool:
    if c.imported is not None and part == "pretrain":
        return False
    return part not in IRRELEVANT and option not in IRRELEVANT_IN_TRAINING


def _quantity(matrix: Matrix, row: PublishedFigure) -> StudyQuantity:
    """A published figure, and the cells of the run: pooled, and the strata that share it out."""
    quantity, title, network, world, published, remeasured = row
    pooled = matrix.cell(network, world)
    # Slices that hold every example once, with vertex ids on the path apart if they are known.
    split = any(matrix.cell(network, world, where) for where in (SEEN, UNSEEN))
    parts = [matrix.cell(network, world, where) for where in (SPLIT_STRATA if split else STRATA)]
    return StudyQuantity(
        quantity=quantity,
        title=title,
        predictor=network,
        world=world,
        published=published,
        remeasured=remeasured,
        pooled=pooled,
        strata=[_stratum(part, pooled) for part in parts if part and pooled],
    )


def _stratum(part: Cell, whole: Cell) -> StudyStratum:
    total = whole.count * whole.mse
    return StudyStratum(
        share_of_examples=part.count / whole.count,
        share_of_error=part.count * part.mse / total if total else None,
        **part.model_dump(include={"by", "slice", *Scores.model_fields}),
    )
