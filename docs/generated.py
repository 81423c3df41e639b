"""The computed parts of README.md, LOG.md and other pages: help, tree, results, speed.

    python docs/generated.py        writes them; the tests fail while they differ.

Results come from the raw files in `benchmarks/results/`; nothing is typed by hand.
"""

import ast
import json
import re
import sys
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from docs.circuit_tables import PARTS, accuracy, markdown
from offpath.cli.main import overview

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGES = (
    "README.md",
    "LOG.md",
    "benchmarks/RECORDS.md",
    "docs/edge-circuit.md",
    "docs/the-study.md",
)
SEEDS = (0, 1, 2)
SLICES = {
    "on path, seen": ("name", "on_path, seen"),
    "on path, seen, larger graphs": ("name in larger graphs", "on_path, seen"),
    "on path, unseen": ("name", "on_path, unseen"),
    "off path": ("stratum", "off_path"),
    "off path, cut": ("stratum", "off_path_cut"),
    "unreachable": ("stratum", "unreachable"),
    "absent": ("stratum", "absent"),
}
PREDICTORS = {"pretrained": "pre-trained", "scratch": "from scratch", "finetuned": "fine-tuned"}


def main() -> None:
    """Write all parts into their pages."""
    for name in PAGES:
        page = ROOT / name
        page.write_text(filled(page.read_text()))


def filled(text: str) -> str:
    """A page with what stands between its markers `<!-- name -->`, `<!-- /name -->` made anew."""
    parts = {
        "help": lambda: f"```console\n$ offpath --help\n{overview()}\n```",
        "tree": lambda: f"```\n{tree()}\n```",
        "seeds": seeds_table,
        "phases": phases_table,
        "speed": speed_table,
        "graphs": graphs_table,
        "step": step_table,
        "short": short_table,
        **PARTS,
    }
    for name, make in parts.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*(<!-- /{name} -->)", re.DOTALL)
        if found := pattern.search(text):
            made = f"{found[1]}{make()}\n{found[2]}"
            text = text[: found.start()] + made + text[found.end() :]
    return text


def tree() -> str:
    """Every module of the package with the first line of its docstring."""
    package = ROOT / "src" / "offpath"
    lines = []
    for folder in sorted(p.parent for p in package.rglob("__init__.py")):
        depth = len(folder.relative_to(package).parts)
        lines.append(_line(depth, f"{folder.name}/", folder / "__init__.py"))
        modules = [p for p in sorted(folder.glob("*.py")) if not p.name.startswith("__")]
        lines += [_line(depth + 1, module.name, module) for module in modules]
    return "\n".join(lines)


def _line(depth: int, name: str, module: Path) -> str:
    sentence = (ast.get_docstring(ast.parse(module.read_text())) or "").splitlines()[0]
    return f"{'  ' * depth + name:<22} {sentence}"


def seeds_table() -> str:
    """Pre-training error and accuracy by stratum of every seed, and of the rule."""
    rows = [
        [str(seed), title, *_table_cells(seed_cells(seed), name)]
        for seed in SEEDS
        for name, title in PREDICTORS.items()
    ]
    for predictor, title in (("distance_to_2", "the rule d(1,2)"), ("circuit", "set by hand")):
        rows.append(["any", title, *_table_cells(seed_cells(0), predictor)])
    return markdown(["seed", "answers", "MSE, pre-training", *SLICES], rows)


def _table_cells(cells: dict, predictor: str) -> list[str]:
    return [
        f"{cells[predictor, 'pretraining', 'pooled', 'all']['mse']:.4f}",
        *(accuracy(cells[predictor, "test_e", *place]) for place in SLICES.values()),
    ]


def phases_table() -> str:
    """The step from which the loss of a distance, over 25 steps, stays below 0.1."""
    labels = {"1": "1", "2": "2", "3": "3", "4": "4", "5": "5", "no path": "8"}
    rows = []
    for seed in SEEDS:
        text = (RESULTS / f"laptop-seed{seed}" / "metrics.jsonl").read_text()
        lines = [r for r in map(json.loads, text.splitlines()) if r["stage"] == "pretrain"]
        windows = [lines[i : i + 5] for i in range(0, len(lines), 5)]  # a line is 5 steps
        rows.append([str(seed), *(_below_from(windows, key, 0.1) for key in labels.values())])
    return markdown(["seed", *labels], rows)


def _below_from(windows: list[list[dict]], label: str, bound: float) -> str:
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


def speed_table() -> str:
    """The fastest facts in five lines."""
    graphs = {(r["recipe"], r["world"]): r for r in _read("graphs")["rows"]}
    steps = {(r["recipe"], r["world"]): r for r in _read("training_step")["rows"]}
    rows = []
    for world in ("pretraining", "finetuning", "test_e"):
        r = graphs["paper", world]
        what = (
            f"{r['examples_per_second'] / 1e6:.2f} million examples a second of `{world}`, "
            "3 to 15 vertices, one core"
        )
        rows.append([what, "the same in plain Python", f"{r['ratio']:.0f}"])
    for recipe in ("laptop", "paper"):
        r = steps[recipe, "pretraining"]
        what = (
            f"a training step of `{recipe}`, {r['batch_examples']} examples, two cores: "
            f"{r['seconds'] * 1e3:.0f} ms"
        )
        rows.append([what, "`nn.TransformerEncoder` on padded batches", f"{r['ratio']:.2f}"])
    return markdown(["what", "beside", "ratio"], rows)


def graphs_table() -> str:
    """Every distribution at both scales, with the ratios of all rounds."""
    head = ["recipe", "distribution", "examples a second", "plain Python", "ratio", "all ratios"]
    rows = [
        [
            r["recipe"],
            r["world"],
            f"{r['examples_per_second']:,.0f}",
            f"{r['plain_examples_per_second']:,.0f}",
            f"{r['ratio']:.0f}",
            ", ".join(f"{x:.0f}" for x in sorted(x["fast"] / x["plain"] for x in r["rounds"])),
        ]
        for r in _read("graphs")["rows"]
    ]
    return markdown(head, rows)


def step_table() -> str:
    """Every training step that was measured, with the spread over rounds."""
    head = ["recipe", "distribution", "examples", "seconds", "torch's encoder, padded", "ratio"]
    rows = []
    for r in _read("training_step")["rows"]:
        ratios = [x["torch"] / x["ours"] for x in r["rounds"]]
        seconds = [f"{r['seconds']:.4f}", f"{r['torch_seconds']:.4f}", f"{r['ratio']:.2f}"]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        rows.append([r["recipe"], r["world"], str(r["batch_examples"]), *seconds, spread])
    return markdown([*head, "range"], rows)


def short_table() -> str:
    """The published figures beside a network that saw 0.4 % of the study's examples, and a rule."""
    folder = RESULTS / "paper-short"
    study = json.loads((folder / "compare.json").read_text())
    matrix = json.loads((folder / "matrix.json").read_text())
    pooled = {(c["predictor"], c["world"]): c for c in matrix["cells"] if c["by"] == "pooled"}
    rows = []
    for one in study["quantities"]:
        tuned = one["predictor"] == "finetuned"
        again = next(r for r in one["remeasured"] if r["finetuned"] != "as written")
        found = pooled[one["predictor"], one["world"]]
        others = [pooled["scratch", one["world"]]["mse"]] if tuned else []
        others.append(pooled["distance_to_2", one["world"]]["mse"])
        ends = f"{found['mse_low']:.3g}–{found['mse_high']:.3g}"
        rows.append([
            one["title"],
            f"{one['published']:g}",
            f"{again['mse']:g}" if again["mse"] else f"{again['low']:g} to {again['high']:g}",
            f"{found['mse']:.3g} ({ends})",
            *([] if tuned else [""]),
            *(f"{mse:.3g}" for mse in others),
        ])  # fmt: skip
    head = ["MSE", "published", "re-measured, as reproduced", "with 0.4 % of the examples (95 %)",
            "the same, from scratch", "the rule d(1,2)"]  # fmt: skip
    return markdown(head, rows)


@cache  # a quarter of a megabyte, asked for cell by cell
def seed_cells(seed: int) -> dict:
    """Cells of a seed's matrix by predictor, distribution, kind of slice and slice."""
    matrix = json.loads((RESULTS / f"laptop-seed{seed}" / "matrix.json").read_text())
    return {(c["predictor"], c["world"], c["by"], c["slice"]): c for c in matrix["cells"]}


def _read(name: str) -> dict:
    return json.loads((RESULTS / f"{name}.json").read_text())


if __name__ == "__main__":
    main()
