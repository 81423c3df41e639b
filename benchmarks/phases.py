"""Phase changes of pre-training over seeds, and what attacks do to them.

    offpath sweep laptop --seeds 10
    for k in 0 1 2; do offpath pretrain --seed $k --threads 2 --runs-folder two; done
    python benchmarks/phases.py runs/laptop-*-seed? --two-threads two/laptop-*-seed?

Writes `benchmarks/results/phase-changes.json`: the curves of each run's `results/phases.json`, and
the onset of the largest phase change of each distance under each attack: fewer lines of metrics,
noise on every loss, one other setting at a time.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np

from offpath.interpret.phases import SETTINGS, measured
from offpath.report.sections.phases import onset
from offpath.results import Phases, read_result
from offpath.run.files import Record, write_file
from offpath.run.folder import Run, open_run
from offpath.run.metrics import read_metrics

RESULTS = Path(__file__).parent / "results" / "phase-changes.json"
NETWORK, DRAWS = "pretrained", 5
OTHER_SETTINGS = {
    "slope": (2.0, 3.0), "factor": (2.0, 5.0), "penalty": (2.0, 5.0), "least_noise": (0.05, 0.2),
    "step_ratio": (1.02, 1.08), "lookback": (1.3, 2.0), "faster": (1.5, 4.0), "steeper": (1.2, 2.0),
}  # fmt: skip


def main() -> None:
    """Read the runs, attack, write, and print how often each distance has a phase change."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--two-threads", nargs="*", default=[])
    words = parser.parse_args()
    runs = [open_run(folder) for folder in words.runs]
    lines = {run.configuration.seed: _lines(run) for run in runs}
    found = {run.configuration.seed: read_result(run, Phases) for run in runs}
    other = [open_run(folder) for folder in words.two_threads]
    attacks = {"none": _onsets(lines)}
    attacks |= {f"every {n} lines as one": _onsets(lines, _merged(n)) for n in (2, 4)}
    attacks |= {f"noise of 30 %, draw {n}": _onsets(lines, _noisy(n)) for n in range(DRAWS)}
    for name, values in OTHER_SETTINGS.items():
        for value in values:
            attacks[f"{name} {value:g}"] = _onsets(lines, settings={name: value})
    attacks["two threads"] = _onsets({run.configuration.seed: _lines(run) for run in other})
    first = next(iter(found.values()))
    record = {
        "command": "python benchmarks/phases.py runs/laptop-*-seed? --two-threads two/laptop-*",
        "method": first.method,
        "settings": first.settings,
        "curves": {
            seed: result.model_dump(mode="json")["curves"] for seed, result in found.items()
        },
        "onsets": attacks,
    }
    rounded = json.loads(json.dumps(record), parse_float=lambda text: float(f"{float(text):.4g}"))
    write_file(RESULTS, json.dumps(rounded, separators=(",", ":")).encode() + b"\n")
    for attack, onsets in attacks.items():
        print(f"{attack:>24}", {label: [*by_seed.values()] for label, by_seed in onsets.items()})


def _lines(run: Run) -> list[Record]:
    return [line for line in read_metrics(run) if line["network"] == NETWORK]


def _onsets(
    lines: dict[int, list[Record]],
    change: Callable[[list[Record]], list[Record]] = lambda lines: lines,
    settings: dict[str, float] | None = None,
) -> dict[str, dict[int, int | None]]:
    """By distance and seed the onset of the largest phase change, of distances that have any."""
    by_label: dict[str, dict[int, int | None]] = {}
    with patch.dict(SETTINGS, settings or {}):
        for seed, of_run in lines.items():
            for label in map(int, of_run[-1]["loss_by_label"]):
                curve = measured(NETWORK, label, change(of_run))
                by_label.setdefault(str(label), {})[seed] = onset([curve])
    return {label: row for label, row in sorted(by_label.items()) if any(row.values())}


def _merged(count: int) -> Callable[[list[Record]], list[Record]]:
    """What a run would have logged with an interval so many times as long."""

    def merge(lines: list[Record]) -> list[Record]:
        return [_sum(lines[i : i + count]) for i in range(0, len(lines) - count + 1, count)]

    return merge


def _sum(lines: list[Record]) -> Record:
    counts: dict[str, int] = {}
    sums: dict[str, float] = {}
    for line in lines:
        for label, count in line["count_by_label"].items():
            counts[label] = counts.get(label, 0) + count
            sums[label] = sums.get(label, 0.0) + count * line["loss_by_label"].get(label, 0.0)
    losses = {label: sums[label] / count for label, count in counts.items() if count}
    return {**lines[-1], "loss_by_label": losses, "count_by_label": counts}


def _noisy(seed: int) -> Callable[[list[Record]], list[Record]]:
    """Each loss times a log-normal factor of its own."""

    def disturb(lines: list[Record]) -> list[Record]:
        random = np.random.default_rng(seed)
        return [
            {**line, "loss_by_label": {label: loss * float(np.exp(0.3 * random.normal()))
                                       for label, loss in line["loss_by_label"].items()}}
            for line in lines
        ]  # fmt: skip

    return disturb


if __name__ == "__main__":
    main()
