"""Tables about the trained networks and the rules, from the raw files in `benchmarks/results/`."""

import json
from functools import cache
from statistics import mean

from docs.raw import RESULTS, accuracy, markdown, result
from offpath.data.batches import frozen
from offpath.data.worlds import worlds
from offpath.recipes import laptop
from offpath.results import Cell, Matrix, Study, StudyQuantity
from offpath.run.files import Record
from offpath.slices import ANY_TARGET, OFF_PATH, POOLED, SEEN, STRATA, UNSEEN, Slice

SEEDS = (0, 1, 2)
HEADLINE = {
    "on path, seen vertex ids": SEEN,
    "on path, unseen vertex ids": UNSEEN,
    "off path": OFF_PATH[0],
    "no path (unreachable)": OFF_PATH[2],
}
SLICES = {
    "on path, seen": SEEN,
    "on path, seen, larger graphs": SEEN._replace(by="vertex_id_in_larger_graphs"),
    "on path, unseen": UNSEEN,
    **{where.title: where for where in OFF_PATH},
}


def matrices() -> list[Matrix]:
    """The test matrix of each seed."""
    return [result(f"laptop-seed{seed}", Matrix) for seed in SEEDS]


def answer() -> str:
    """The answer in three sentences with their numbers, each beside the control and a rule."""
    cells = {
        name: [_range(_cells(name, where)) for where in (SEEN, UNSEEN, OFF_PATH[0])]
        for name in ("finetuned", "scratch", "pretrained", "distance_to_2")
    }
    seen, unseen, off_path = cells["finetuned"]
    larger = _range(_cells("finetuned", SLICES["on path, seen, larger graphs"]))
    ones = [f"{100 * share:.1f} %" for share in ones_right()]
    return (
        "1. On the trained path the skill holds for vertex ids that fine-tuning asked for: "
        f"accuracy **{seen}**, in graphs larger than those in fine-tuning {larger}. Without "
        f"pre-training it is {cells['scratch'][0]}; always answering 1 gives {ones[0]}.\n"
        "2. For vertex ids that fine-tuning never asked for, it is not better than a trivial rule: "
        f"**{unseen}**, without pre-training {cells['scratch'][1]}; always answering 1 gives "
        f"{ones[1]}.\n"
        f"3. Off the path neither: **{off_path}**, before fine-tuning {cells['pretrained'][2]}; "
        f"always answering the distance from 1 to 2 gives {cells['distance_to_2'][2]}."
    )


@cache
def ones_right() -> list[float]:
    """Share of test e, in each slice of the headline, where the distance is 1."""
    c = laptop()
    batch, _ = frozen(worlds(c.graphs)[ANY_TARGET], c.evaluate.seed, c.evaluate.examples)
    names = [where.slice for where in STRATA]
    shares = []
    for where in HEADLINE.values():
        name, _, words = where.slice.partition(", ")
        asked = batch.stratum == names.index(name)
        if words:
            asked &= batch.unseen_id == (words == "unseen")
        shares.append(float((batch.distance[asked] == 1).mean()))
    return shares


def networks_table() -> str:
    """Accuracy of each network and rule on test e: mean and range over the seeds."""
    rows = [
        [title, *(_range(_cells(name, where)) for where in HEADLINE.values())]
        for name, title in _predictors().items()
    ]
    rows.append(["answer 1", *(f"{100 * share:.1f} %" for share in ones_right())])
    return markdown(["network or rule", *HEADLINE], rows)


def _predictors() -> dict[str, str]:
    """Titles of all rows of the matrices, by name."""
    return {row.predictor: row.title for matrix in matrices() for row in matrix.predictors}


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
            line = [row.title, f"{whole.mse:.4f}" if whole else "–", *map(accuracy, cells)]
            if row.kind == "trained":
                rows.append([str(seed), *line])
            else:  # no training, and the same examples for every seed
                once.setdefault(row.predictor, ["any", *line])
    head = ["seed", "network or rule", "MSE, pre-training", *SLICES]
    return markdown(head, [*rows, *once.values()])


def phases_table() -> str:
    """The step from which the loss of a distance, over 25 steps, stays below 0.1."""
    labels = {"1": "1", "2": "2", "3": "3", "4": "4", "5": "5", "no path": "8"}
    rows = []
    for seed in SEEDS:
        text = (RESULTS / f"laptop-seed{seed}" / "metrics.jsonl").read_text()
        lines = [r for r in map(json.loads, text.splitlines()) if r["network"] == "pretrained"]
        windows = [lines[i : i + 5] for i in range(0, len(lines), 5)]  # a line is 5 steps
        rows.append([str(seed), *(_below_from(windows, key, 0.1) for key in labels.values())])
    return markdown(["seed", *labels], rows)


def _below_from(windows: list[list[Record]], label: str, bound: float) -> str:
    step = 0
    for window in windows:
        count = sum(r["count_by_label"].get(label, 0) for r in window)
        total = sum(
            r["count_by_label"][label] * r["loss_by_label"][label]
            for r in window
            if label in r["loss_by_label"]
        )
        if count and total / count >= bound:
            step = window[-1]["step"]
    return str(step) if step < windows[-1][-1]["step"] else "never"


def short_table() -> str:
    """The published figures beside a network that saw 0.4 % of the examples, and a rule."""
    matrix = result("paper-short", Matrix)
    quantities = result("paper-short", Study).quantities
    head = ["MSE", "published", "re-measured, as reproduced", "with 0.4 % of the examples (95 %)",
            "the same, from scratch", "the rule d(1,2)"]  # fmt: skip
    return markdown(head, [_short_row(quantity, matrix) for quantity in quantities])


def _short_row(quantity: StudyQuantity, matrix: Matrix) -> list[str]:
    mse = {
        name: f"{cell.mse:.3g}"
        for name in ("scratch", "distance_to_2")
        if (cell := matrix.cell(name, quantity.world))
    }
    scores = quantity.pooled
    assert scores
    again = quantity.remeasured
    return [
        quantity.title,
        quantity.published,
        again.get("as reproduced", again.get("", "")),
        f"{scores.mse:.3g} ({scores.mse_low:.3g}–{scores.mse_high:.3g})",
        mse["scratch"] if quantity.predictor == "finetuned" else "",
        mse["distance_to_2"],
    ]
