"""A story of made-up results, what its sections draw, and a made-up matrix and comparison."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from offpath.configs import Configuration
from offpath.generalize.study import MIXTURE, PUBLISHED, SOURCE
from offpath.recipes import smoke
from offpath.report.parts import Figure, Section, Spec, Story
from offpath.results import (
    Cell,
    EvaluationSet,
    Matrix,
    Predictor,
    Result,
    Row,
    Scores,
    Study,
    StudyQuantity,
    StudyStratum,
)
from offpath.run.folder import Run
from offpath.slices import OFF_PATH, POOLED, SEEN, SPLIT_STRATA, TRAINED, UNSEEN, Slice

ABSENT = dict(zip(OFF_PATH, (3, 1, 3, 4), strict=True))
PARTS: dict[str, dict[Slice, int]] = {  # sixteenths of the examples of each distribution
    "pretraining": {TRAINED: 16},
    "finetuning": {TRAINED: 12, SEEN: 4},
    "test_a": {TRAINED: 13, SEEN: 3},
    "test_b": {TRAINED: 11, SEEN: 3, UNSEEN: 2},
    "test_c": {TRAINED: 4, SEEN: 1, **ABSENT},
    "test_d": {TRAINED: 3, SEEN: 2, **ABSENT},
    "test_e": {TRAINED: 2, SEEN: 2, UNSEEN: 1, **ABSENT},
}


R = TypeVar("R", bound=Row)


def changed(record: R, **fields: Any) -> R:
    """The same record with other values in these fields, checked anew."""
    return type(record)(**{**dict(record), **fields})


def story_of(*results: Result, configuration: Configuration | None = None) -> Story:
    """A story of these results alone; its folder is not on the disk."""
    run = Run(Path("runs/made up"), configuration or smoke())
    return Story(run, [], {type(result): result for result in results})


def figure(section: Section, title: str) -> Figure:
    """The figure of a section that has this title."""
    return next(one for one in section.figures if one.title == title)


def rows(chart: Spec) -> list[dict[str, Any]]:
    """Every row that a chart draws, once, in any of its layers."""
    parts = [chart, *chart.get("layer", ())]
    every = [row for part in parts for row in part.get("data", {}).get("values", ())]
    return [row for place, row in enumerate(every) if row not in every[:place]]


def scores(count: int, mse: float, accuracy: float = 0.5) -> dict[str, Any]:
    """The fields of `Scores`."""
    ends = {"accuracy_low": max(0.0, accuracy - 0.02), "accuracy_high": min(1.0, accuracy + 0.01)}
    errors = {"mse": mse, "mse_low": mse * 0.9, "mse_high": mse * 1.1}
    return {"count": count, **errors, "accuracy": accuracy, **ends, "r2": 1 - mse / 6}


def matrix(**accuracies: tuple[float, ...]) -> Matrix:
    """Predictors on the strata of test e, and pooled: their mean."""
    cells = []
    for name, shares in accuracies.items():
        places = [*zip(SPLIT_STRATA, shares, strict=True), (POOLED, sum(shares) / len(shares))]
        for where, share in places:
            place = {"predictor": name, "world": "test_e", "by": where.by, "slice": where.slice}
            cells.append(Cell(**place, **scores(900, 12 * (1 - share) ** 2, share)))
    return Matrix(
        recipe="smoke",
        seed=0,
        max_vertices=5,
        finetune_vertices=4,
        bootstrap_resamples=200,
        predictors=[
            Predictor(predictor=name, title=name, kind="trained", colour=("#000000", "#ffffff"))
            for name in accuracies
        ],
        worlds=[EvaluationSet(world="test_e", title="test e", examples=6300, sha256="ab" * 32)],
        cells=cells,
    )


def study(errors: Mapping[Slice, float] | None = None, **fields: Any) -> Study:
    """A run whose squared errors are 1 but in these strata."""
    quantities = []
    for quantity, title, predictor, world, published, remeasured in PUBLISHED:
        counts = {where: 64 * share for where, share in PARTS[world].items()}
        mse = {where: (errors or {}).get(where, 1.0) for where in counts}
        total = sum(counts[where] * mse[where] for where in counts)
        quantities.append(
            StudyQuantity(
                quantity=quantity,
                title=title,
                predictor=predictor,
                world=world,
                published=published,
                remeasured=remeasured,
                pooled=Scores(**scores(1024, total / 1024)),
                strata=[
                    StudyStratum(
                        by=where.by,
                        slice=where.slice,
                        share_of_examples=count / 1024,
                        share_of_error=count * mse[where] / total if total else None,
                        **scores(count, mse[where]),
                    )
                    for where, count in counts.items()
                ],
            )
        )
    head = {"source": SOURCE, "finetuned": "as reproduced", "differences": {}, "imported": None}
    return Study(**{**head, **fields}, mixture=MIXTURE, quantities=quantities)
