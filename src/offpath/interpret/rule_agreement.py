"""Does a network fail as a bounded rule does? How often its wrong answers are those of the rule.

In: answers of one network. Out: a row for each rule and stratum. Right answers say nothing, for all
rules share them: compared is where network and rule are both wrong. Errors gather at large
distances, where few answers are likely, and so agree by chance: beside it stands what independent
errors would agree. What these are depends on the rule. Of one that gives different wrong answers at
the same true distance, the network's errors at that distance are taken as they are, in any order
(`by_distance`). The guess of a search, however, is nearly the same for all that it does not find,
so that nothing would be left to compare: there, independent errors are those whose size does not
depend on the truth (`by_size`). A network that errs towards the middle comes near to every rule
that guesses the middle: compare rules with one another.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64

from offpath import results
from offpath.data.batches import Batch
from offpath.generalize.baselines import Known, rules
from offpath.interpret.probes import rounded
from offpath.slices import OFF_PATH, ON_PATH, STRATA, TRAINED, Slice

FEWEST = 30  # wrong answers of both
RESAMPLES = 200  # of the questions, behind an interval
STEPS = 10  # towards the likeliest sizes of errors
Labels = Int64[np.ndarray, " example"]
Shares = Float[np.ndarray, " draw"]


class Answered(NamedTuple):
    """Questions of a distribution, what a network answers, and what rules may know."""

    batch: Batch
    answers: Float[np.ndarray, " example"]
    known: Known  # other examples of the same distribution, which rules are fitted to


class Errors(NamedTuple):
    """Questions on which two are wrong, alike ones as one cell: counted, and drawn anew."""

    truth: Int64[np.ndarray, " cell"]
    network: Int64[np.ndarray, " cell"]  # its rounded answer; 0: none of the distances
    rule: Int64[np.ndarray, " cell"]
    counts: Int64[np.ndarray, "draw cell"]  # first as observed, then of each resample

    @property
    def agreement(self) -> Shares:
        """Share of equal answers."""
        return self.counts @ (self.network == self.rule) / self.counts[0].sum()


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
    for place, (name, chance_of) in enumerate(RULES.items()):
        ruled = rounded(table[name].answers(batch, asked.known), batch.no_path)
        wrong = (answers != truth) & (ruled != truth)
        for stratum in strata:
            if stratum is TRAINED and name == "distance_to_2":
                continue
            index = STRATA.index(stratum)
            here = wrong & (batch.stratum == index)
            count, scores = int(here.sum()), dict.fromkeys(("agreement", "chance", "low", "high"))
            if count >= FEWEST:
                random = np.random.default_rng([place, index])
                errors = errors_of(truth[here], answers[here], ruled[here], random)
                scores = _scores(errors.agreement, chance_of(errors, batch.no_path))
            yield results.RuleAgreement(
                rule=name, title=table[name].title, questions=stratum.slice, errors=count, **scores
            )


def _scores(agreement: Shares, chance: Shares) -> dict[str, float | None]:
    low, high = np.quantile((agreement - chance)[1:], [0.025, 0.975]).tolist()
    return {"agreement": float(agreement[0]), "chance": float(chance[0]), "low": low, "high": high}


def errors_of(truth: Labels, network: Labels, rule: Labels, random: np.random.Generator) -> Errors:
    """Errors of two on the same questions, with resamples of these."""
    cells, counts = np.unique(np.stack([truth, network, rule], 1), axis=0, return_counts=True)
    drawn = random.multinomial(len(truth), counts / len(truth), RESAMPLES)
    truths, networks, ruled = cells.T
    return Errors(truths, networks, ruled, np.concatenate([counts[None], drawn]))


def by_distance(errors: Errors, no_path: int) -> Shares:
    """The agreement of two that have these errors at each true distance, independently.

    >>> half = np.repeat([1, 2], 50)
    >>> made = errors_of(np.full(100, 5), half, half, np.random.default_rng(0))
    >>> float(made.agreement[0]), float(by_distance(made, no_path=8)[0])
    (1.0, 0.5)
    """
    at = errors.truth == np.unique(errors.truth)[:, None]  # (distance, cell)
    frequent = errors.counts @ at.T  # (draw, distance)
    equal = np.zeros(frequent.shape)
    for label in range(1, no_path + 1):
        network, rule = (at & (one == label) for one in (errors.network, errors.rule))
        equal += (errors.counts @ network.T) * (errors.counts @ rule.T)
    return (equal / frequent.clip(1)).sum(1) / frequent.sum(1)


def by_size(errors: Errors, no_path: int) -> Shares:
    """The agreement with the rule if the network is off by as much at any true distance.

    Sizes are signed: answer less truth. At each distance those are possible that lead to an answer
    of 1 to `no_path`; their probabilities are the likeliest under this truncation, by
    self-consistency (Turnbull 1976).
    """
    truth, counts = errors.truth, errors.counts
    sizes = np.arange(1 - no_path, no_path + 1)  # the last stands for no distance at all
    distances, at = np.unique(truth, return_inverse=True)
    answers = distances[:, None] + sizes
    possible = (answers >= 1) & (answers <= no_path) & (sizes != 0)  # (distance, size)
    possible[:, -1] = True
    size = np.where(errors.network > 0, errors.network - truth, no_path)
    counted = counts @ (size[:, None] == sizes)  # (draw, size)
    frequent = counts @ (truth[:, None] == distances)  # (draw, distance)
    chances = np.ones(counted.shape)
    for _ in range(STEPS):
        exposed = frequent / _positive(chances @ possible.T) @ possible
        chances = counted / _positive(exposed)
    within = _positive(chances @ possible.T)[:, at]  # (draw, cell)
    of_rule = chances[:, errors.rule - truth + no_path - 1] / within
    return (counts * of_rule).sum(1) / counts[0].sum()


def _positive(sums: Float[np.ndarray, "draw sum"]) -> Float[np.ndarray, "draw sum"]:
    """Sums of what a resample may lack, to be divided by: 0 of nothing is 0."""
    return np.where(sums > 0, sums, 1)


RULES: dict[str, Callable[[Errors, int], Shares]] = {
    "hops_1": by_size,
    "hops_2": by_size,
    "hops_3": by_size,
    "both_1": by_size,
    "both_2": by_size,
    "distance_to_2": by_distance,
    "edges": by_distance,
}
"""The rules, by their name in `generalize.baselines`, and what independent errors are."""
