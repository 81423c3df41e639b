"""Finished runs of several seeds with made-up scores: one table for every test of comparisons."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from offpath.configs import Configuration
from offpath.recipes import smoke
from offpath.results import Cell, EvaluationSet, Matrix, Predictor, write_result
from offpath.run.folder import Run, create_run
from offpath.slices import ANY_TARGET, HARD_HEADLINE


class Skill(NamedTuple):
    """A predictor, and its accuracy on each slice of the headline."""

    title: str
    kind: Literal["trained", "handcrafted", "rule"]
    colour: tuple[str, str]
    accuracies: tuple[float, ...]


PREDICTORS = {
    "pretrained": Skill("pre-trained", "trained", ("#0072b2", "#5fb3ee"), (0.07, 0.09, 0.21, 0.81)),
    "finetuned": Skill("fine-tuned", "trained", ("#cf4f00", "#ff9152"), (0.95, 0.51, 0.29, 0.34)),
    "scratch": Skill("from scratch", "trained", ("#00795f", "#3ccaa2"), (0.87, 0.53, 0.31, 0.12)),
    "circuit": Skill("handcrafted", "handcrafted", ("#2a2f36", "#e6e3dc"), (1.0, 1.0, 1.0, 1.0)),
    "circuit-finetuned": Skill("handcrafted, fine-tuned", "trained", ("#5648cf", "#aaa3ff"),
                               (0.97, 0.72, 0.41, 0.22)),
    "constant": Skill("best constant", "rule", ("#94783c", "#cdb582"), (0.22, 0.22, 0.24, 0.3)),
    "distance_to_2": Skill("answer d(1,2)", "rule", ("#9a4a95", "#dd9ddb"),
                           (0.05, 0.07, 0.26, 0.55)),
}  # fmt: skip
COUNTS = (3133, 884, 12010, 12056)


def seed_runs(
    folder: Path,
    seeds: Sequence[int],
    changes: Mapping[str, Any] | None = None,
    shift: float = 0.0,
    sha256: str = "ab" * 32,
) -> list[Run]:
    """Runs that differ in the seed alone; `shift` is added to what networks score."""
    runs = []
    for seed in seeds:
        run = create_run(smoke().change({**(changes or {}), "seed": seed}), folder)
        write_result(run, seed_matrix(run.configuration, shift, sha256))
        runs.append(run)
    return runs


def seed_matrix(c: Configuration, shift: float, sha256: str) -> Matrix:
    """The scores above, with noise of the seed on networks that are trained."""
    random, cells = np.random.default_rng(c.seed), []
    for name, (_, kind, _, accuracies) in PREDICTORS.items():
        for where, accuracy, count in zip(HARD_HEADLINE, accuracies, COUNTS, strict=False):
            if kind == "trained":
                accuracy += shift + random.normal(0, 0.02)
            cells.append(_cell(name, where[:2], float(np.clip(accuracy, 0.0, 1.0)), count))
    predictors = [
        Predictor(predictor=name, title=title, kind=kind, colour=colour, trivial=kind == "rule")
        for name, (title, kind, colour, _) in PREDICTORS.items()
    ]
    world = EvaluationSet(world=ANY_TARGET, title="test e", examples=65536, sha256=sha256)
    return Matrix(
        recipe=c.recipe,
        seed=c.seed,
        max_vertices=c.graphs.max_vertices,
        finetune_vertices=c.graphs.finetune_vertices,
        bootstrap_resamples=40,
        predictors=predictors,
        worlds=[world],
        cells=cells,
    )


def _cell(name: str, place: tuple[str, str], accuracy: float, count: int) -> Cell:
    share = round(accuracy * count) / count
    return Cell(
        predictor=name,
        world=ANY_TARGET,
        by=place[0],
        slice=place[1],
        count=count,
        mse=2 * (1 - share),
        mse_low=None,
        mse_high=None,
        accuracy=share,
        accuracy_low=max(0.0, share - 0.02),
        accuracy_high=min(1.0, share + 0.02),
        r2=None,
    )
