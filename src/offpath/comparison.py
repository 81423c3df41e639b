"""Several runs beside each other as typed records: scores by seed, differences, verdicts.

In: what `generalize.seeds` computes from the test matrices of runs. Out: the same for the terminal,
the page and files. A group holds runs whose options are equal in all but the seed.
"""

from typing import Literal

from offpath.results import Predictor, Row

Score = Literal[
    "accuracy", "balanced", "rank_correlation", "recalibrated", "auroc", "r2", "mse"
]  # fmt: skip
"""What can be compared between runs."""
Against = Literal["pretrained", "scratch", "best_rule", "circuit-finetuned", "groups", "all"]
"""What the network that a run ends with is compared with: others of its group, or other groups."""
Questions = Literal["hard", "every"]
"""Which questions of each stratum: the hard ones, or every one."""
ALPHA = 0.01  # a difference is called one below this adjusted p alone
BEST_RULE = "best_rule"  # a row of the tables: on each slice the rule with the best score
ONE_SEED = (
    "one seed shows no spread: nothing is said about the method; `offpath sweep` makes more"
)  # fmt: skip


class ComparedRun(Row):
    """A run, and the group that it is in."""

    group: str  # name of its group
    seed: int  # of the run
    run: str  # its name
    folder: str  # where it lies


class SeedScores(Row):
    """One score of one predictor on one slice, for each seed of a group."""

    group: str  # name of the group
    predictor: str  # name of a network, or `best_rule`
    title: str  # its name for readers
    rule: str | None  # of `best_rule`: the name of that rule, of the first seed
    by: str  # what cuts the distribution into slices
    slice: str  # which of these slices
    count: int  # examples of the slice
    seeds: list[int]  # that have this score
    values: list[float]  # one for each seed
    mean: float  # over seeds
    lowest: float  # of all seeds
    highest: float  # of all seeds
    median: float  # over seeds
    above_rule: tuple[int, float, float] | None  # seeds above the best rule; Wilson interval
    two_humped_p: float | None  # small where seeds fall into two groups; null below 8 seeds


class Difference(Row):
    """One predictor against another, or one group against another, paired by seed."""

    by: str  # what cuts the distribution into slices
    slice: str  # which of these slices
    first: tuple[str, str]  # group and predictor
    second: tuple[str, str]  # group and predictor, taken from the first
    first_title: str  # of the first, for readers
    second_title: str  # of the second, for readers
    seeds: list[int]  # that both have
    differences: list[float]  # first minus second, one for each seed
    estimate: float  # typical difference (Hodges, Lehmann)
    low: float | None  # lower end of its interval; null below 6 seeds
    high: float | None  # upper end of that interval
    level: float | None  # of the interval: at least 0.95
    p: float  # of the exact two-sided sign-flip test
    adjusted_p: float  # by Holm, over all differences of the same comparison
    verdict: str  # higher, lower, or no difference shown (n seeds)
    seeds_for_power: int | None  # that would show it in 80 % of tries; null above 24, or if shown


class Comparison(Row):
    """Runs beside each other on the headline slices of one distribution."""

    by: str | None  # the option by whose value groups are named
    world: str  # name of the distribution
    world_title: str  # its name for readers
    examples_sha256: str  # of its examples, the same for every run
    score: Score  # what is compared
    groups: list[str]  # in the order of the runs
    runs: list[ComparedRun]  # as given
    predictors: list[Predictor]  # networks and rules of any run
    scores: list[SeedScores]  # for each slice, group and predictor
    differences: list[Difference]  # the family that Holm's method adjusts
    notes: list[str]  # what limits the verdicts, one line each

    def of(self, by: str, part: str, group: str) -> list[SeedScores]:
        """The rows of one slice and group."""
        return [one for one in self.scores if (one.by, one.slice, one.group) == (by, part, group)]
