"""A run folder whose numbers are made up: the report draws what is there, and trains nothing."""

from pathlib import Path

import numpy as np
import pytest

from offpath.configs import Configuration
from offpath.recipes import smoke
from offpath.run.files import Record, write_json
from offpath.run.folder import Run, create_run, write_result
from offpath.run.metrics import append_metrics
from tests.report.solutions import circuit, coefficient, robustness

PREDICTORS = {
    "untrained": ("untrained", "checkpoint"),
    "pretrained": ("pre-trained", "checkpoint"),
    "finetuned": ("fine-tuned", "checkpoint"),
    "scratch": ("from scratch", "checkpoint"),
    "constant": ("best constant", "rule"),
    "distance_to_2": ("answer d(1,2)", "rule"),
    "circuit": ("set by hand", "circuit"),
}
WORLDS = {
    "pretraining": "pre-training",
    "finetuning": "fine-tuning",
    **{f"test_{letter}": f"test {letter}" for letter in "abcde"},
}
SKILL = {  # share of right answers by slice, in the order of the predictors
    "trained": (0.02, 0.99, 0.985, 0.93, 0.20, 1.0, 1.0),
    "on_path": (0.05, 0.08, 0.84, 0.71, 0.22, 0.06, 1.0),
    "on_path, seen": (0.05, 0.07, 0.956, 0.87, 0.22, 0.05, 1.0),
    "on_path, unseen": (0.05, 0.09, 0.51, 0.33, 0.22, 0.07, 1.0),
    "off_path": (0.06, 0.21, 0.29, 0.31, 0.24, 0.22, 1.0),
    "off_path_cut": (0.04, 0.03, 0.18, 0.22, 0.21, 0.0, 1.0),
    "unreachable": (0.0, 0.81, 0.34, 0.12, 0.3, 0.55, 1.0),
    "absent": (0.0, 0.62, 0.25, 0.1, 0.3, 0.4, 1.0),
    "isolated": (0.0, 0.64, 0.26, 0.1, 0.3, 0.41, 1.0),
    "connected": (0.05, 0.55, 0.66, 0.52, 0.21, 0.5, 1.0),
}
OFF_PATH = {"off_path": 3, "off_path_cut": 1, "unreachable": 3, "absent": 4}
PARTS = {  # sixteenths of the examples of each distribution
    "pretraining": {"trained": 16},
    "finetuning": {"trained": 12, "on_path, seen": 4},
    "test_a": {"trained": 13, "on_path, seen": 3},
    "test_b": {"trained": 11, "on_path, seen": 3, "on_path, unseen": 2},
    "test_c": {"trained": 4, "on_path, seen": 1, **OFF_PATH},
    "test_d": {"trained": 3, "on_path, seen": 2, **OFF_PATH},
    "test_e": {"trained": 2, "on_path, seen": 2, "on_path, unseen": 1, **OFF_PATH},
}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A finished run of the smoke recipe."""
    return finished_run(smoke(), tmp_path)


def finished_run(configuration: Configuration, folder: Path) -> Run:
    """A run folder with every file that the report draws."""
    run = create_run(configuration, folder)
    session = {
        "started": "2025-11-21T20:30:00Z",
        "command": f"offpath run --recipe {configuration.recipe}",
        "commit": "0123456789ab+",
        "python": "3.11.2",
        "packages": {"offpath": "0.1.0", "torch": "2.13.0"},
        "machine": "Linux x86_64, 2 cores",
    }
    write_json(run.folder / "provenance.json", {"sessions": [session]})
    add_metrics(run, "pretrain")
    add_metrics(run, "finetune")
    add_metrics(run, "scratch")
    _add_results(run, PREDICTORS)
    write_result(run, "circuit", circuit(max_vertices=configuration.graphs.max_vertices))
    write_result(run, "robustness", robustness(list(WORLDS)))
    write_result(run, "learning_coefficient", coefficient(configuration.pretrain.steps))
    return run


def circuit_run(configuration: Configuration, folder: Path) -> Run:
    """A run of a circuit alone: nothing was trained."""
    by_hand = configuration.model_copy(update={"circuit": "wide"})
    run = create_run(by_hand, folder)
    _add_results(run, {name: PREDICTORS[name] for name in ("circuit", "constant", "distance_to_2")})
    write_result(run, "circuit", circuit("wide"))
    write_result(run, "robustness", robustness(list(WORLDS), kept=False) | {"lines": []})
    return run


def _add_results(run: Run, predictors: dict[str, tuple[str, str]]) -> None:
    write_result(run, "labels", _labels(run.configuration))
    write_result(run, "matrix", _matrix(run.configuration, predictors))
    write_result(run, "predictions", _predictions(run.configuration, predictors))


def add_metrics(run: Run, stage: str) -> None:
    """Losses that fall suddenly, one distance after the other."""
    random = np.random.default_rng(len(stage))
    training = getattr(run.configuration, "finetune" if stage == "scratch" else stage)
    delay = {"pretrain": 0.02, "finetune": 0.005, "scratch": 0.04}[stage]
    labels = range(1, run.configuration.graphs.max_vertices + 1)
    counts = {label: int(1 + training.batch_examples * 0.5**label) for label in labels}
    for step in range(training.log_every_steps, training.steps + 1, training.log_every_steps):
        losses = {
            label: float(
                (3.0 + (label - 4) ** 2 * (1 if stage == "pretrain" else 0.3))
                * (0.002 + 1 / (1 + np.exp((step / training.steps - delay * label) * 200)))
                * (0.004 + np.exp(-5 * step / training.steps))
                * np.exp(0.25 * random.normal())
            )
            for label in labels
        }
        append_metrics(
            run,
            {
                "stage": stage,
                "step": step,
                "loss": float(np.average(list(losses.values()), weights=list(counts.values()))),
                "loss_by_label": {str(label): loss for label, loss in losses.items()},
                "count_by_label": {str(label): count for label, count in counts.items()},
                "gradient_norm": 1.0,
                "learning_rate": training.learning_rate * min(1, 2 * (1 - step / training.steps)),
                "examples_per_second": 9000.0,
            },
        )


def _label_shares(configuration: Configuration) -> np.ndarray:
    shares = 0.6 ** np.arange(1, configuration.graphs.max_vertices + 1)
    shares[-1] = 0.2
    return shares / shares.sum()


def _labels(configuration: Configuration) -> Record:
    random = np.random.default_rng(2)
    graphs, examples = configuration.graphs, configuration.evaluate.examples
    shares = _label_shares(configuration)
    worlds = [
        {
            "world": world,
            "title": title,
            "description": f"t on a shortest path, 3..{graphs.max_vertices} vertices",
            "seed": 0,
            "examples": examples,
            "sha256": f"{number:x}" * 64,
            "labels": [
                {"label": label, "count": int(count), "exact": float(share)}
                for label, (count, share) in enumerate(
                    zip(random.multinomial(examples, shares), shares, strict=True), start=1
                )
            ],
            "strata": [{"stratum": "trained", "count": examples}],
        }
        for number, (world, title) in enumerate(WORLDS.items())
    ]
    return {
        "max_vertices": graphs.max_vertices,
        "finetune_vertices": graphs.finetune_vertices,
        "worlds": worlds,
    }


def _matrix(configuration: Configuration, predictors: dict[str, tuple[str, str]]) -> Record:
    graphs, examples = configuration.graphs, configuration.evaluate.examples
    return {
        "recipe": configuration.recipe,
        "seed": configuration.seed,
        "max_vertices": graphs.max_vertices,
        "finetune_vertices": graphs.finetune_vertices,
        "bootstrap_resamples": configuration.evaluate.bootstrap_resamples,
        "predictors": [
            {"predictor": name, "title": title, "kind": kind}
            for name, (title, kind) in predictors.items()
        ],
        "worlds": [
            {"world": world, "title": title, "examples": examples, "sha256": "ab" * 32}
            for world, title in WORLDS.items()
        ],
        "cells": [
            cell
            for name in predictors
            for world in WORLDS
            for cell in _cells(name, world, examples, graphs.max_vertices)
        ],
    }


def _cells(name: str, world: str, examples: int, max_vertices: int) -> list[Record]:
    """All cells of a predictor on a distribution; the pooled one is the mean of its strata."""

    def one(by: str, part: str, skill: float, count: int) -> Record:
        return _cell(name, world, by, part, _skill(name, skill, distance), count)

    distance, predictor = list(WORLDS).index(world), list(PREDICTORS).index(name)
    strata = [
        one("name" if "," in part else "stratum", part, SKILL[part][predictor], share)
        for part, sixteenths in PARTS[world].items()
        if (share := sixteenths * examples // 16)
    ]
    on_path = [cell for cell in strata if cell["by"] == "name"]
    pooled = _together("pooled", "all", strata)
    touched = [
        one("isolated", part, SKILL[part][predictor], examples // 2)
        for part in ("isolated", "connected")
        if world == "test_e"
    ]
    labels = [
        one("label", str(label), pooled["accuracy"] * 0.97**label, examples // 7)
        for label in range(1, max_vertices + 1)
    ]
    path = [_together("stratum", "on_path", on_path)] if on_path else []
    return [pooled, *strata, *path, *touched, *labels]


def _together(by: str, part: str, cells: list[Record]) -> Record:
    """One cell over the examples of several."""
    counts = [cell["count"] for cell in cells]
    scores = {
        field: float(np.average([cell[field] for cell in cells], weights=counts))
        for field, value in cells[0].items()
        if isinstance(value, float)
    }
    return {**cells[0], "by": by, "slice": part, "count": sum(counts), **scores}


def _skill(name: str, skill: float, distance: int) -> float:
    """Less in distributions farther from training, but for the circuit."""
    return 1.0 if name == "circuit" else min(0.999, skill * (1 - 0.03 * distance))


def _cell(name: str, world: str, by: str, part: str, skill: float, count: int) -> Record:
    mse = 12 * (1 - skill) ** 2 + (1.2e-9 if name == "circuit" else 0.002)
    reach = 2 * np.sqrt(max(skill * (1 - skill), 1e-4) / count)
    return {
        "predictor": name,
        "world": world,
        "by": by,
        "slice": part,
        "count": count,
        "mse": mse,
        "mse_low": mse * 0.93,
        "mse_high": mse * 1.08,
        "accuracy": skill,
        "accuracy_low": float(max(0, skill - reach)),
        "accuracy_high": float(min(1, skill + reach)),
        "r2": None if by == "label" else 1 - mse / 6,
    }


def _predictions(configuration: Configuration, predictors: dict[str, tuple[str, str]]) -> Record:
    random = np.random.default_rng(3)
    largest = configuration.graphs.max_vertices
    width, lowest, highest = 0.25, -1.0, largest + 1.0
    shares = _label_shares(configuration)
    cells = []
    for name in predictors:
        row = 0.01 if name == "circuit" else list(PREDICTORS).index(name)
        for column, world in enumerate(WORLDS):
            labels = random.choice(np.arange(1, largest + 1), size=1000, p=shares)
            blur = 0.05 + (3 if row == 0 else 0.15 * row * column)
            answers = labels + blur * random.normal(size=labels.size)
            bins = np.clip((answers - lowest) / width, 0, (highest - lowest) / width - 1).astype(
                int
            )
            pairs, counts = np.unique(np.stack([labels, bins]), axis=1, return_counts=True)
            cells.append(
                {
                    "predictor": name,
                    "world": world,
                    "counts": [
                        {"label": int(label), "bin": int(b), "count": int(count)}
                        for (label, b), count in zip(pairs.T, counts, strict=True)
                    ],
                }
            )
    return {"bin_width": width, "lowest": lowest, "highest": highest, "cells": cells}
