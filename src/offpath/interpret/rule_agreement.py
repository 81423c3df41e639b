"""Does a network fail as a bounded rule does? How often its wrong answers are those of the rule.

In: answers of one network. Out: a row for each rule and stratum. Right answers say nothing, for all
rules share them: compared is where network and rule are both wrong. Errors gather at large
distances, where few answers are likely, and so agree by chance: chance is what two predictors would
agree on that have these errors at each true distance, independently of one another.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64

from offpath import results
from offpath.data.batches import Batch
from offpath.generalize.baselines import Known, Rule, rules
from offpath.interpret.probes import rounded
from offpath.slices import OFF_PATH, ON_PATH, STRATA, TRAINED, Slice

RULES = ("hops_1", "hops_2", "hops_3", "both_1", "both_2", "distance_to_2", "edges")
FEWEST = 30  # wrong answers of both
RESAMPLES = 200  # of the questions, behind an interval
Labels = Int64[np.ndarray, " example"]
Values = Float[np.ndarray, " draw"]


class Answered(NamedTuple):
    """Questions of a distribution, what a network answers, and what rules may know."""

    batch: Batch
    answers: Float[np.ndarray, " example"]
    known: Known  # other examples of the same distribution, which rules are fitted to


class Agreement(NamedTuple):
    """Of wrong answers: as observed, and as in each draw of the bootstrap."""

    observed: Values
    chance: Values


def agreements(trained: Answered, any_target: Answered) -> list[results.RuleAgreement]:
    """How often a network gives the wrong answers of each rule, by stratum.

    `trained`: pre-training's questions, on which d(1,2) is no rule but the truth, and left out.
    `any_target`: test e, for the other strata. Answers are rounded; what is then no distance is
    wrong, and agrees with no rule.
    """
    rows = list(_rows(trained, (TRAINED,)))
    return rows + list(_rows(any_target, (ON_PATH, *OFF_PATH)))


def _rows(asked: Answered, strata: tuple[Slice, ...]) -> Iterator[results.RuleAgreement]:
    batch, table = asked.batch, rules(finetuned=False)
    truth, answers = batch.distance.astype(np.int64), rounded(asked.answers, batch.no_path)
    for place, name in enumerate(RULES):
        ruled = rounded(table[name].answers(batch, asked.known), batch.no_path)
        wrong = (answers != truth) & (ruled != truth)
        for stratum in strata:
            if stratum is TRAINED and name == "distance_to_2":
                continue
            index = STRATA.index(stratum)
            here = wrong & (batch.stratum == index)
            random = np.random.default_rng([place, index])
            yield _row(
                name, table[name], stratum, (truth[here], answers[here], ruled[here]), random
            )


def _row(
    name: str, rule: Rule, stratum: Slice, wrong: tuple[Labels, Labels, Labels],
    random: np.random.Generator,
) -> results.RuleAgreement:  # fmt: skip
    """`wrong`: the truth, and the answers of network and rule, where both are wrong."""
    agreement = chance = low = high = None
    if len(wrong[0]) >= FEWEST:
        made = agreement_of(*wrong, random)
        agreement, chance = float(made.observed[0]), float(made.chance[0])
        more = (made.observed - made.chance)[1:]
        low, high = np.quantile(more, [0.025, 0.975]).tolist()
    return results.RuleAgreement(
        rule=name,
        title=rule.title,
        questions=stratum.slice,
        errors=len(wrong[0]),
        agreement=agreement,
        chance=chance,
        low=low,
        high=high,
    )


def agreement_of(
    truth: Labels, one: Labels, other: Labels, random: np.random.Generator
) -> Agreement:
    """How often two give the same answer, and would if they erred independently at each distance.

    First as observed, then in `RESAMPLES` draws of as many questions. Questions on which all three
    are the same are alike, so that only their numbers are drawn.

    >>> half = np.repeat([1, 2], 50)
    >>> made = agreement_of(np.full(100, 5), half, half, np.random.default_rng(0))
    >>> float(made.observed[0]), float(made.chance[0])
    (1.0, 0.5)
    """
    cells, counts = np.unique(np.stack([truth, one, other], 1), axis=0, return_counts=True)
    total = len(truth)
    drawn = np.concatenate([counts[None], random.multinomial(total, counts / total, RESAMPLES)])
    d, a, b = cells.T
    at = d == np.unique(d)[:, None]  # (distance, cell)
    per_distance = drawn @ at.T  # (draw, distance)
    pairs = np.zeros(per_distance.shape)
    for label in np.intersect1d(a, b):
        pairs += (drawn @ (at & (a == label)).T) * (drawn @ (at & (b == label)).T)
    chance = (pairs / per_distance.clip(1)).sum(1) / total
    return Agreement(drawn @ (a == b) / total, chance)
