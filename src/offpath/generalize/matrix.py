"""Every checkpoint and rule on every distribution: the test matrix, as result files.

In: the checkpoints of a run. Out: `results/labels.json`, `matrix.json` and `predictions.json`,
whose fields `docs/run-folder.md` explains. Every predictor sees the same frozen examples.
"""

from collections.abc import Iterator

import numpy as np

from offpath.compute import Compute
from offpath.configs import Configuration
from offpath.data.batches import Batch, frozen
from offpath.data.label_distribution import label_distribution
from offpath.data.worlds import STRATA, World, worlds
from offpath.fit.checkpoints import load_model
from offpath.fit.transformer import Transformer, predict
from offpath.generalize.baselines import RULES
from offpath.generalize.evaluate import evaluate
from offpath.run.files import Record
from offpath.run.folder import Run, write_result

CHECKPOINTS = {
    "untrained": "untrained",
    "pretrained": "pre-trained",
    "finetuned": "fine-tuned",
    "scratch": "from scratch",
    "circuit": "set by hand",
}
"""Title of each checkpoint of the matrix; `scratch` saw the fine-tuning data and nothing else, and
`circuit` no data at all."""

RESULTS = ("labels", "matrix", "predictions")
"""Names of the result files."""

BIN_WIDTH = 0.25


def measure_matrix(run: Run, compute: Compute) -> Iterator[Record]:
    """Evaluate all, write the results, and yield a record each time a distribution is done."""
    c = run.configuration
    models = {name: load_model(run, name, compute.device) for name in checkpoints(c)}
    cells, predictions, labels = [], [], []
    known = worlds(c.graphs).values()
    for number, world in enumerate(known, start=1):
        seed, examples = c.evaluate.seed, c.evaluate.examples
        batch, sha256 = frozen(world, seed, examples, compute.threads)
        answers = {name: predict(model, batch.tokens) for name, model in models.items()}
        answers |= {name: rule(batch) for name, (_, rule) in RULES.items()}
        scores = evaluate(
            batch,
            np.stack([a.astype(float) for a in answers.values()]),
            finetune_vertices=c.graphs.finetune_vertices,
            resamples=c.evaluate.bootstrap_resamples,
            seed=seed,
            threads=compute.threads,
        )
        for name, records in zip(answers, scores, strict=True):
            place = {"predictor": name, "world": world.name}
            cells += [{**place, **record} for record in records]
            predictions.append({**place, "counts": _prediction_counts(answers[name], batch)})
        about = {"world": world.name, "title": world.title, "description": world.description}
        labels.append({**about, "seed": seed, "examples": examples, "sha256": sha256,
                       **_label_counts(batch, world)})  # fmt: skip
        yield {"stage": "evaluate", "step": number, "of": len(known), "world": world.name}

    size = {"max_vertices": c.graphs.max_vertices, "finetune_vertices": c.graphs.finetune_vertices}
    write_result(run, "labels", {**size, "worlds": labels})
    lowest, highest = _prediction_range(c.graphs.max_vertices)
    bins = {"bin_width": BIN_WIDTH, "lowest": lowest, "highest": highest}
    write_result(run, "predictions", {**bins, "cells": predictions})
    head = {"recipe": c.recipe, "seed": c.seed, **size,
            "bootstrap_resamples": c.evaluate.bootstrap_resamples}  # fmt: skip
    sets = [{k: w[k] for k in ("world", "title", "examples", "sha256")} for w in labels]
    write_result(
        run,
        "matrix",
        {**head, "predictors": _predictors(models, c), "worlds": sets, "cells": cells},
    )


def checkpoints(c: Configuration) -> list[str]:
    """The checkpoints of a run that the matrix measures: all, or the circuit of a circuit's run."""
    return ["circuit"] if c.circuit else list(CHECKPOINTS)


def _predictors(models: dict[str, Transformer], c: Configuration) -> list[Record]:
    rows = []
    for name, model in models.items():
        a, title = model.architecture, CHECKPOINTS[name]
        if a != c.model:  # told wherever it is shown
            title += f" ({a.layers} layers, {a.width} wide)"
        kind = "circuit" if name == "circuit" else "checkpoint"
        rows.append({"predictor": name, "title": title, "kind": kind})
    return rows + [{"predictor": n, "title": t, "kind": "rule"} for n, (t, _) in RULES.items()]


def _label_counts(batch: Batch, world: World) -> Record:
    exact = label_distribution(world)
    counts = np.bincount(batch.distance, minlength=len(exact)).tolist()
    strata = np.bincount(batch.stratum, minlength=len(STRATA)).tolist()
    return {
        "labels": [
            {"label": label, "count": counts[label], "exact": float(exact[label])}
            for label in range(1, len(exact))
        ],
        "strata": [
            {"stratum": name, "count": count}
            for name, count in zip(STRATA, strata, strict=True)
            if count
        ],
    }


def _prediction_range(max_vertices: int) -> tuple[float, float]:
    return -1.0, max_vertices + 1.0


def _prediction_counts(answers: np.ndarray, batch: Batch) -> list[Record]:
    """How often each true label met each bin of predicted values."""
    lowest, highest = _prediction_range(batch.tokens.shape[1] - 1)
    bins = round((highest - lowest) / BIN_WIDTH)
    number = np.clip((answers - lowest) / BIN_WIDTH, 0, bins - 1).astype(int)
    pairs, counts = np.unique(
        np.stack([batch.distance, number], axis=1), axis=0, return_counts=True
    )
    return [
        {"label": int(label), "bin": int(b), "count": int(count)}
        for (label, b), count in zip(pairs, counts, strict=True)
    ]
