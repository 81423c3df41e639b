"""Answers and truth to scores, pooled and by slice of the examples, with 95 % intervals.

A pooled score mixes strata and can mislead, so that scores are never given without their slices.
Accuracy is set beside trivial rules on the same examples (`baselines.py`), with intervals that
cluster by target (`intervals.py`); mean squared error has the percentile bootstrap (Efron 1979)
over whole examples. One set of resamples serves all networks and slices: 8 ns per example and
resample.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any, NamedTuple, no_type_check

import numba
import numpy as np
from jaxtyping import Bool, Float, Int64

from offpath.configs import Configuration, Evaluation
from offpath.data.batches import Batch
from offpath.generalize.intervals import accuracy_interval, difference_interval, weighted_interval
from offpath.generalize.scores import balancing_weights, best_monotone_map, rank_scores
from offpath.results import Cell
from offpath.slices import ANY_TARGET, STRATA

LEAST_FOR_BOOTSTRAP = 30  # below, a 95 % interval holds the truth far less often than that
Answers = Mapping[str, Float[np.ndarray, " example"]]
Mask = Bool[np.ndarray, " example"]
Members = dict[tuple[str, str], Bool[np.ndarray, " group"]]
Numbers = dict[str, Any]  # some fields of a cell


class Calibration(NamedTuple):
    """Other examples of the same distribution, and the answers of the networks to them."""

    batch: Batch
    answers: Answers


class Compared(NamedTuple):
    """What the answers of networks are set beside."""

    rules: Answers = MappingProxyType({})
    trivial: frozenset[str] = frozenset()  # rules that a network has to beat
    calibration: Calibration | None = None
    new: Mask | None = None  # which questions no training set holds


def evaluate(
    answers: Answers,
    batch: Batch,
    world: str,
    c: Configuration,
    threads: int = 1,
    compared: Compared = Compared(),  # noqa: B008, it cannot change
) -> list[Cell]:
    """The scores of each network and then of each rule on each slice that has examples."""
    group_of, members = slices(batch, c.graphs.finetune_vertices, world, compared.new)
    sheet = _Sheet(answers, batch, compared, c.graphs.finetune_vertices, world)
    errors = np.stack([(values - sheet.labels) ** 2 for values in answers.values()], axis=1)
    sums = _bootstrap_sums(errors, group_of, c.evaluate, threads)
    chosen = {place: groups[group_of] for place, groups in members.items()}
    cells = []
    for p, predictor in enumerate([*answers, *compared.rules]):
        for place, groups in members.items():
            numbers = sheet.numbers(predictor, place, chosen[place])
            if predictor in answers:
                numbers |= _error_interval(sums[:, groups], p, numbers)
            by, part = place
            cells.append(Cell(predictor=predictor, world=world, by=by, slice=part, **numbers))
    return cells


class _Sheet:
    """Answers and truth of one distribution, from which the scores of slices are read."""

    def __init__(
        self, answers: Answers, batch: Batch, compared: Compared, small: int, world: str
    ) -> None:
        """Round every answer once."""
        self.answers, self.compared = {**answers, **compared.rules}, compared
        self.networks = set(answers)
        self.labels, self.targets = batch.distance.astype(np.int64), _targets(batch)
        self.no_path, self.other_target = batch.no_path, batch.stratum > 0
        self.rounded = {
            name: np.rint(values).clip(-1, self.no_path + 1).astype(np.int8)
            for name, values in self.answers.items()
        }
        self.right = {name: values == self.labels for name, values in self.rounded.items()}
        if compared.calibration:
            other = compared.calibration.batch
            group_of, members = slices(other, small, world)
            self.calibrated = {place: groups[group_of] for place, groups in members.items()}

    def numbers(self, predictor: str, place: tuple[str, str], chosen: Mask) -> Numbers:
        """All scores of one predictor on one slice, but for the interval of its squared error."""
        labels, right = self.labels[chosen], self.right[predictor][chosen]
        errors = (self.answers[predictor][chosen] - labels) ** 2
        accuracy, low, high = accuracy_interval(right, self.targets[chosen])
        mse, variance = float(errors.mean()), float(labels.var())
        numbers: Numbers = {"count": len(labels), "mse": mse, "mse_low": None, "mse_high": None}
        numbers |= {"accuracy": accuracy, "accuracy_low": low, "accuracy_high": high}
        numbers["r2"] = 1 - mse / variance if variance else None
        if (weights := balancing_weights(labels)) is not None:
            numbers["balanced"] = float((weights * right).sum())
        if predictor in self.networks:
            values = self.answers[predictor][chosen]
            correlation, auroc = rank_scores(values, labels, self.no_path)
            numbers |= {"rank_correlation": correlation, "auroc": auroc}
            numbers["recalibrated"] = self._recalibrated(predictor, place, chosen)
            numbers |= self._above_rule(predictor, chosen, weights)
            numbers |= self._agreement(predictor, chosen & ~self.right[predictor])
        return numbers

    def _recalibrated(self, predictor: str, place: tuple[str, str], chosen: Mask) -> float | None:
        """Accuracy after the best monotone map, fitted on the same slice of other examples."""
        calibration = self.compared.calibration
        where = None if calibration is None else self.calibrated.get(place)
        if calibration is None or where is None or where.sum() < LEAST_FOR_BOOTSTRAP:
            return None
        labels = calibration.batch.distance[where].astype(np.int64)
        if not np.ptp(labels):
            return None
        map_answers = best_monotone_map(calibration.answers[predictor][where].astype(float), labels)
        found = map_answers(self.answers[predictor][chosen].astype(float))
        return float((found == self.labels[chosen]).mean())

    def _above_rule(self, predictor: str, chosen: Mask, weights: np.ndarray | None) -> Numbers:
        """How far the accuracy is above the best trivial rule, pooled and balanced."""
        trivial = set(self.compared.rules) & self.compared.trivial
        if not self.other_target[chosen].any():
            trivial -= {"distance_to_2"}  # it is the truth there, not a rule
        if not trivial:
            return {}
        right, targets = self.right[predictor][chosen], self.targets[chosen]
        of_rules = {n: right[chosen] for n, right in self.right.items() if n in trivial}
        best = max(of_rules, key=lambda name: of_rules[name].mean())
        above, low, high = difference_interval(right, of_rules[best], targets)
        numbers: Numbers = {"best_rule": best, "above_rule": above}
        numbers |= {"above_rule_low": low, "above_rule_high": high}
        if weights is not None:
            best = max(of_rules, key=lambda name: float((weights * of_rules[name]).sum()))
            values = right.astype(float) - of_rules[best]
            above, low, high = weighted_interval(values, weights, self.labels[chosen], targets)
            numbers |= {"balanced_rule": best, "balanced_above_rule": above}
            numbers |= {"balanced_above_rule_low": low, "balanced_above_rule_high": high}
        return numbers

    def _agreement(self, predictor: str, wrong: Mask) -> Numbers:
        """The rule that gives the same wrong answers, more often than by chance."""
        count = int(wrong.sum())
        if not self.compared.rules or count < LEAST_FOR_BOOTSTRAP:
            return {}
        own = self.rounded[predictor][wrong]
        shares = np.bincount(own + 1, minlength=self.no_path + 3) / count
        excess = {}
        for name in self.compared.rules:
            other = self.rounded[name][wrong]
            chance = float(shares @ np.bincount(other + 1, minlength=len(shares))) / count
            excess[name] = float((own == other).mean()), chance
        rule = max(excess, key=lambda name: excess[name][0] - excess[name][1])
        agreement, chance = excess[rule]
        return {"error_rule": rule, "error_agreement": agreement, "error_chance": chance}


def _error_interval(sums: np.ndarray, p: int, numbers: Numbers) -> Numbers:
    """The bootstrap interval of a mean squared error; none of fewer than 30 examples."""
    if numbers["count"] < LEAST_FOR_BOOTSTRAP:
        return {}
    drawn = sums[:, :, -1].sum(1)  # (resample,)
    means = sums[:, :, p].sum(1)[drawn > 0] / drawn[drawn > 0]
    low, high = np.percentile(means, [2.5, 97.5]).tolist()
    return {"mse_low": low, "mse_high": high}


def slices(
    batch: Batch, finetune_vertices: int, world: str = ANY_TARGET, new: Mask | None = None
) -> tuple[Int64[np.ndarray, " example"], Members]:
    """A group for each example, and for each (by, slice) which groups belong to it.

    Groups are the combinations of what cuts slices: every slice is a union. Slices that look at
    single targets, at equal distances and at new questions are cut from test e alone.
    """
    features = {
        "stratum": batch.stratum,
        "unseen": batch.unseen_id,
        "isolated": batch.isolated,
        "label": batch.distance,
        "larger": batch.vertices > finetune_vertices,
        "same": batch.distance == batch.distance_to_2,
        "target": _targets(batch),
        "new": np.zeros(len(batch.distance), bool) if new is None else new,
    }
    table = np.stack([column.astype(np.int64) for column in features.values()], axis=1)
    groups, group_of = np.unique(table, axis=0, return_inverse=True)
    of_group = dict(zip(features, groups.T, strict=True))
    members = _members(of_group)
    if world == ANY_TARGET:
        members |= _members_of_any_target(of_group, with_new=new is not None)
    return group_of.reshape(-1), {key: mask for key, mask in members.items() if mask.any()}


def _members(group: dict[str, Int64[np.ndarray, " group"]]) -> Members:
    """The slices of every distribution."""
    stratum, larger, label = group["stratum"], group["larger"] == 1, group["label"]
    # t = 2 asks for d(1, 2) itself: the two distances can differ in the other strata only.
    hard = (label >= 3) & ((group["same"] == 0) | (stratum == 0))
    members = {
        ("pooled", "all"): np.ones(len(stratum), bool),
        ("pooled", "other targets"): stratum > 0,
    }
    for number, (_, name, *_) in enumerate(STRATA):
        members["stratum", name] = stratum == number
        if name != "on_path":
            members["hard", name] = hard & (stratum == number)
        for flag, words in enumerate(("seen", "unseen")):
            asked = (stratum == number) & (group["unseen"] == flag)
            members["vertex_id", f"{name}, {words}"] = asked
            members["vertex_id_in_larger_graphs", f"{name}, {words}"] = asked & larger
            if name == "on_path":
                members["hard", f"{name}, {words}"] = hard & asked
                members["hard_in_larger_graphs", f"{name}, {words}"] = hard & asked & larger
    members["isolated", "isolated"] = group["isolated"] == 1
    members["isolated", "connected"] = group["isolated"] == 0
    for distance in np.unique(label):
        members["label", str(distance)] = label == distance
    return members


def _members_of_any_target(
    group: dict[str, Int64[np.ndarray, " group"]], *, with_new: bool
) -> Members:
    """The slices of test e alone: by target, by equal distances, and of new questions."""
    members: Members = {}
    for number, (_, name, *_) in enumerate(STRATA):
        here = group["stratum"] == number
        for target in np.unique(group["target"]) if name == "on_path" else ():
            members["target", f"{name}, {target}"] = here & (group["target"] == target)
        for flag, words in enumerate(("other distance", "same distance")):
            if name == "off_path":
                members["same_distance", f"{name}, {words}"] = here & (group["same"] == flag)
        for flag, words in enumerate(("seen", "unseen")):
            if with_new and name == "on_path":
                members["new", f"{name}, {words}"] = (
                    here & (group["new"] == 1) & (group["unseen"] == flag)
                )
        if with_new and name != "on_path":
            members["new", name] = here & (group["new"] == 1)
    return members


def _targets(batch: Batch) -> Int64[np.ndarray, " example"]:
    return batch.tokens[:, -1, 0].astype(np.int64)


def _bootstrap_sums(
    errors: np.ndarray, group_of: np.ndarray, options: Evaluation, threads: int
) -> np.ndarray:
    """Sums of errors by (resample, group, predictor); behind the predictors the drawn count."""
    sums = np.zeros((options.bootstrap_resamples, int(group_of.max()) + 1, errors.shape[1] + 1))

    def fill(resample: int) -> None:
        generator = np.random.Generator(np.random.Philox(key=[options.seed, resample]))
        drawn = generator.integers(0, len(errors), size=len(errors), dtype=np.uint32)
        _add_up(errors, group_of, drawn, sums[resample])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, range(options.bootstrap_resamples)))
    return sums


@numba.njit(cache=True, nogil=True)
@no_type_check  # of what numba compiles, the run-time shape checks must keep off
def _add_up(errors: np.ndarray, group_of: np.ndarray, drawn: np.ndarray, sums: np.ndarray) -> None:
    predictors = errors.shape[1]
    for example in drawn:
        row = sums[group_of[example]]
        for p in range(predictors):
            row[p] += errors[example, p]
        row[predictors] += 1
