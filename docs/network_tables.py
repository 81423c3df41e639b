"""Tables about the trained networks and the rules, from the raw files in `benchmarks/results/`."""

import json
from functools import cache
from pathlib import Path
from statistics import mean

from docs import variance_tables
from docs.raw import RESULTS, markdown, record, result
from offpath.comparison import Against, Comparison, Difference, Questions
from offpath.configs import configuration_from_json
from offpath.generalize.groups import Measured
from offpath.generalize.seeds import compare
from offpath.results import Cell, LossCurve, Matrix, Overlap, Study, StudyQuantity
from offpath.run.folder import Run
from offpath.slices import (
    ANY_TARGET,
    HARD,
    OFF_PATH,
    OTHER_TARGETS,
    POOLED,
    SAME_DISTANCE,
    SEEN,
    UNSEEN,
    Slice,
    target_slice,
)

SEEDS = range(10)
WIDE = {  # columns of the README
    "hard: on path, seen": HARD[1],
    "hard: on path, unseen": HARD[2],
    "hard: off path": HARD[3],
    "on path, seen": SEEN,
    "on path, unseen": UNSEEN,
    "off path": OFF_PATH[0],
}
SLICES = {
    **WIDE,
    "on path, seen, larger graphs": SEEN._replace(by="vertex_id_in_larger_graphs"),
    **{where.title: where for where in OFF_PATH[1:]},
}
PICTURED = {"hard: trained (t = 2)": HARD[0], **WIDE, "off path, cut": OFF_PATH[1]}
SCALE = ("ones", "adjacency", "distance_to_2")  # rules that have a row of their own
FAMILIES = {
    "best_rule": "the best trivial rule",
    "scratch": "the same fine-tuning from scratch",
    "pretrained": "the network before fine-tuning",
}


@cache
def matrices() -> list[Matrix]:
    """The test matrix of each seed."""
    return [result(f"laptop-seed{seed}", Matrix) for seed in SEEDS]


@cache
def comparison(against: Against, questions: Questions = "hard") -> Comparison:
    """The fine-tuned network against something else on four slices, over the seeds."""
    runs = []
    for seed, matrix in zip(SEEDS, matrices(), strict=True):
        folder = RESULTS / f"laptop-seed{seed}"
        run = Run(folder, configuration_from_json(_unsigned(folder / "config.json"), str(folder)))
        runs.append(Measured("laptop", run, matrix))
    return compare(runs, against=against, questions=questions)


def _unsigned(path: Path) -> str:
    record = json.loads(path.read_text())
    return json.dumps({name: value for name, value in record.items() if name != "sha256"})


def answer() -> str:
    """The answer in three sentences, each computed with the verdicts that it needs."""
    beside = {against: _by_slice(comparison(against)) for against in ("best_rule", "scratch")}
    assert all(one.verdict == "lower" for one in beside["best_rule"].values())
    assert beside["scratch"][SEEN.slice].verdict == "higher"
    assert beside["scratch"][UNSEEN.slice].verdict.startswith("no difference shown")
    trained = [cell for m in matrices() if (cell := m.cell("finetuned", ANY_TARGET, HARD[0]))]
    assert all((cell.above_rule_low or 0) > 0 for cell in trained)
    tuned = {where: _range(_cells("finetuned", where)) for where in (*HARD, UNSEEN)}
    scratch = {where: _range(_cells("scratch", where)) for where in HARD[1:3]}
    rules = {where: f"{100 * best_rule(where):.1f} %" for where in HARD}
    first, seen, unseen, off, cut = HARD[:5]
    return (
        "1. **What holds:** the trained question, t = 2, also after fine-tuning (hard questions: "
        f"{tuned[first]}; the best trivial rule: {rules[first]}), and a head start on the path: on "
        "hard questions for vertex ids that fine-tuning asked for the accuracy is "
        f"**{tuned[seen]}**; the same fine-tuning without pre-training ends at {scratch[seen]} "
        "(p = 0.008).\n"
        "2. **What does not:** with any target but 2 the network is below a trivial rule, “search "
        f"two hops, then guess”. The rule is right in {rules[seen]} of these questions, in "
        f"{rules[unseen]} with unseen ids (the network: **{tuned[unseen]}**), in {rules[off]} off "
        f"the path (**{tuned[off]}**), and in {rules[cut]} where 2 is cut off ({tuned[cut]}; each "
        "p = 0.008).\n"
        "3. **What is open:** whether pre-training helps with unseen ids. Hard questions show "
        f"no difference from training without it ({scratch[unseen]}; 10 seeds), and runs differ "
        f"much: on all on-path questions with unseen ids the accuracy is {tuned[UNSEEN]}, and "
        f"{variance_tables.shares()}."
    )


def _by_slice(made: Comparison) -> dict[str, Difference]:
    return {one.slice: one for one in made.differences}


def best_rule(where: Slice) -> float:
    """The accuracy of the best trivial rule; the evaluation sets of all seeds are the same."""
    rule = matrices()[0].best_rule(ANY_TARGET, where)
    assert rule is not None
    return rule.accuracy


def networks_table() -> str:
    """Accuracy of each network and some rules on test e: mean and range over the seeds."""
    titles = {row.predictor: row for row in matrices()[0].predictors}
    names = [*(name for name, row in titles.items() if row.kind != "rule"), *SCALE]
    rows = [
        [titles[name].title, *(_range(_cells(name, where)) for where in WIDE.values())]
        for name in names
    ]
    best = [f"{100 * best_rule(where):.1f} %" for where in WIDE.values()]
    return markdown(["network or rule", *WIDE], [*rows, ["best trivial rule", *best]])


def _cells(predictor: str, where: Slice, world: str = ANY_TARGET) -> list[Cell]:
    """One cell of each seed that has measured it."""
    found = (matrix.cell(predictor, world, where) for matrix in matrices())
    return [cell for cell in found if cell]


def _range(cells: list[Cell]) -> str:
    """Mean and range in percent; one number where all are equal."""
    shares = [100 * cell.accuracy for cell in cells]
    if max(shares) - min(shares) < 0.05:
        return f"{shares[0]:.1f} %"
    return f"{mean(shares):.1f} % ({min(shares):.1f}–{max(shares):.1f})"


def seeds_table() -> str:
    """Pre-training error and accuracy by stratum of every network and seed, and of the rules."""
    rows, once = [], {}
    for seed, matrix in zip(SEEDS, matrices(), strict=True):
        for row in matrix.predictors:
            cells = [matrix.cell(row.predictor, ANY_TARGET, w) for w in SLICES.values()]
            whole = matrix.cell(row.predictor, "pretraining", POOLED)
            shares = [f"{100 * cell.accuracy:.1f} %" if cell else "–" for cell in cells]
            line = [row.title, f"{whole.mse:.4f}" if whole else "–", *shares]
            if row.kind == "trained":
                rows.append([str(seed), *line])
            else:  # no training, and the same examples for every seed
                once.setdefault(row.predictor, ["any", *line])
    head = ["seed", "network or rule", "MSE, pre-training", *SLICES]
    return markdown(head, [*rows, *once.values()])


def differences_table() -> str:
    """Every verdict over seeds: the fine-tuned network against rules, control and its start."""
    rows = []
    for questions in ("hard", "every"):
        for against, words in FAMILIES.items():
            for one in comparison(against, questions).differences:
                ends = [f"{100 * end:+.1f}" for end in (one.low, one.high) if end is not None]
                kind = f"{one.slice}, hard" if questions == "hard" else one.slice
                rows.append([words, kind.replace("_", " "), f"{100 * one.estimate:+.1f}",
                             " to ".join(ends), f"{one.p:.2g}", f"{one.adjusted_p:.2g}",
                             one.verdict])  # fmt: skip
    head = ["fine-tuned against", "slice of test e", "difference, points", "interval", "p",
            "p after Holm", "verdict"]  # fmt: skip
    return markdown(head, rows)


def ids_table() -> str:
    """Accuracy on the path by vertex id, for each seed."""
    targets = range(3, 9)
    rows = []
    for seed, matrix in zip(SEEDS, matrices(), strict=True):
        cells = [matrix.cell("finetuned", ANY_TARGET, target_slice(t)) for t in targets]
        rows.append([str(seed), *(f"{100 * c.accuracy:.1f} %" if c else "–" for c in cells)])
    best = [f"{100 * best_rule(target_slice(t)):.1f} %" for t in targets]
    return markdown(["seed", *(f"t = {t}" for t in targets)], [*rows, ["best trivial rule", *best]])


def other_scores_table() -> str:
    """Scores that no offset moves, of the trained networks: mean and range over the seeds."""
    rows, fields = [], ("balanced", "rank_correlation", "recalibrated", "auroc")
    where_all = {"on path, seen": SEEN, "on path, unseen": UNSEEN, "off path": OFF_PATH[0],
                 "every target but 2": OTHER_TARGETS, "off path, d(1,t) not d(1,2)":
                 SAME_DISTANCE[0], "off path, d(1,t) = d(1,2)": SAME_DISTANCE[1]}  # fmt: skip
    titles = {row.predictor: row.title for row in matrices()[0].predictors}
    for name in ("pretrained", "finetuned", "scratch"):
        for title, where in where_all.items():
            cells = _cells(name, where)
            texts = [_range(cells)]
            for field in fields:
                values = [v for cell in cells if (v := getattr(cell, field)) is not None]
                texts.append(_spread(values))
            rows.append([titles[name], title, *texts])
    head = ["network", "slice of test e", "accuracy", "each distance with the same weight",
            "rank correlation", "after monotone recalibration", "AUROC of “no path”"]  # fmt: skip
    return markdown(head, rows)


def _spread(values: list[float]) -> str:
    """Mean and range; a dash where there is nothing."""
    return f"{mean(values):.2f} ({min(values):.2f}–{max(values):.2f})" if values else "–"


def overlap_table() -> str:
    """What the training sets of seed 0 hold of each evaluation set."""
    titles = {world.world: world.title for world in matrices()[0].worlds}
    rows = [
        [titles[row.world], f"{titles[row.training_world]}, {row.training_examples:,}",
         f"{row.distinct:,}", *(f"{100 * share:.1f} %" for share in
                                (row.graph, row.question, row.renamed or 0))]
        for row in result("laptop-seed0", Overlap).rows
    ]  # fmt: skip
    head = ["evaluation set", "training set, examples", "distinct questions", "same graph",
            "same question", "same up to vertex ids"]  # fmt: skip
    return markdown(head, rows)


def phases_table() -> str:
    """The step from which the loss of a distance, over 25 steps, stays below 0.1."""
    labels = {"1": "1", "2": "2", "3": "3", "4": "4", "5": "5", "no path": "8"}
    rows = []
    for seed in SEEDS:
        steps = record(f"laptop-seed{seed}/phases")["steps"]
        rows.append([str(seed), *(str(steps[label] or "never") for label in labels.values())])
    return markdown(["seed", *labels], rows)


def changes_table() -> str:
    """Onset and end of the detected phase change of each distance, by seed."""
    labels = {"1": 1, "2": 2, "3": 3, "4": 4, "5": 5, "6": 6, "no path": 8}
    kept = record("phase-changes")["curves"]
    rows = []
    for seed in SEEDS:
        curves = [LossCurve(**curve) for curve in kept[str(seed)]]
        known = {curve.label: curve for curve in curves if curve.network == "pretrained"}
        found = [known[label].changes for label in labels.values()]
        rows.append([str(seed), *(", ".join(f"{c.onset}–{c.end}" for c in one) or "none"
                                  for one in found)])  # fmt: skip
    return markdown(["seed", *labels], rows)


def short_table() -> str:
    """The published figures beside `paper-fast`, a network that saw less, and a rule."""
    matrix = result("paper-short", Matrix)
    fast = result("paper-fast-seed0", Study).quantities
    short = result("paper-short", Study).quantities
    head = ["MSE", "published", "re-measured, as reproduced", "`paper-fast`, seed 0 (95 %)",
            "with 0.4 % of the examples (95 %)", "the same, from scratch",
            "the rule d(1,2)"]  # fmt: skip
    return markdown(head, [_short_row(*row, matrix) for row in zip(fast, short, strict=True)])


def _short_row(fast: StudyQuantity, quantity: StudyQuantity, matrix: Matrix) -> list[str]:
    mse = {
        name: f"{cell.mse:.3g}"
        for name in ("scratch", "distance_to_2")
        if (cell := matrix.cell(name, quantity.world))
    }
    again = quantity.remeasured
    return [
        quantity.title,
        quantity.published,
        again.get("as reproduced", again.get("", "")),
        *(
            f"{scores.mse:.3g} ({scores.mse_low:.3g}–{scores.mse_high:.3g})"
            for scores in (fast.pooled, quantity.pooled)
            if scores
        ),
        mse["scratch"] if quantity.predictor == "finetuned" else "",
        mse["distance_to_2"],
    ]
