"""A made-up shift suite: two axes, one level without hard questions, and the invariances."""

from collections.abc import Sequence

from offpath.results import (
    BesideRule,
    Invariance,
    Predictor,
    ShiftAxis,
    ShiftCell,
    ShiftLevel,
    Shifts,
)

AXES = {
    "size": ("graph size", {"3": "3 vertices", "4": "4 vertices", "5": "5 vertices"}),
    "family": ("family of graphs", {"pairs": "random pairs", "tree": "trees", "star": "stars"}),
}
FALL = 0.3  # of the accuracy above the rule, from level to level


def shifts(predictors: Sequence[Predictor], above: float = 0.4) -> Shifts:
    """Each network is `above` the best rule at the first level; all but the circuit fall."""
    networks = [row for row in predictors if row.kind != "rule"]
    rules = [row for row in predictors if row.trivial]
    return Shifts(
        max_vertices=5,
        calibration_examples=1024,
        predictors=[*networks, *rules],
        axes=[
            ShiftAxis(
                axis=axis,
                title=title,
                moves=f"the {title}",
                holds="all else",
                base=f"{axis}/{next(iter(levels))}",
                levels=[
                    ShiftLevel(level=f"{axis}/{name}", title=level, examples=512,
                               sha256=f"{number}" * 64)
                    for number, (name, level) in enumerate(levels.items())
                ],
                cells=[
                    _cell(f"{axis}/{level}", row, rules[0].predictor, above - FALL * number)
                    for row in networks
                    for number, level in enumerate(levels)
                ],
            )
            for axis, (title, levels) in AXES.items()
        ],
        invariance_examples=512,
        invariances=[
            Invariance(predictor=row.predictor, variant=variant, mean_change=1e-7,
                       largest_change=3e-6, changed=0.0)
            for row in networks
            for variant in ("edge order", "endpoints swapped")
        ],
    )  # fmt: skip


def _cell(level: str, network: Predictor, rule: str, above: float) -> ShiftCell:
    above = 0.4 if network.kind == "handcrafted" else above
    scores = beside(rule, above)
    hard = None if level == "family/star" else scores
    return ShiftCell(level=level, predictor=network.predictor, every=scores, hard=hard)


def beside(rule: str, above: float, reach: float = 0.05) -> BesideRule:
    """An accuracy as far above a rule that is right in half of the questions."""
    accuracy, count = min(1.0, 0.5 + above), 400
    ends = {"accuracy_low": accuracy - reach, "accuracy_high": min(1.0, accuracy + reach)}
    return BesideRule(
        count=count, accuracy=accuracy, **ends, rules_fitted_on="level", best_rule=rule,
        above_rule=above, above_rule_low=above - reach, above_rule_high=above + reach,
    )  # fmt: skip
