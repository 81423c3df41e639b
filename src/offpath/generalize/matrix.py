"""Every network and rule on every distribution: the test matrix, as result files.

In: the checkpoints of a run. Out: `results/labels.json`, `matrix.json`, `predictions.json`, and for
a run that trains `study.json`. Every predictor sees the same frozen examples.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from offpath.compute import Compute
from offpath.configs import Configuration
from offpath.data.batches import Batch, frozen
from offpath.data.label_distribution import label_distribution
from offpath.data.worlds import World, worlds
from offpath.fit.checkpoints import load_model
from offpath.fit.transformer import Transformer, predict
from offpath.generalize.baselines import RULES
from offpath.generalize.evaluate import Bootstrap, evaluate
from offpath.generalize.study import study
from offpath.networks import networks
from offpath.results import (
    Cell,
    EvaluationSet,
    LabelCount,
    Labels,
    LabelWorld,
    Matrix,
    PredictionCounts,
    Predictions,
    Predictor,
    write_result,
)
from offpath.run.files import Record
from offpath.run.folder import Run, holds_run
from offpath.slices import STRATA

BIN_WIDTH = 0.25


@holds_run
def measure_matrix(run: Run, compute: Compute) -> Iterator[Record]:
    """Evaluate all, write the results, and yield a record each time a distribution is done."""
    c = run.configuration
    size = {"max_vertices": c.graphs.max_vertices, "finetune_vertices": c.graphs.finetune_vertices}
    models = {one.name: load_model(run, one.name, compute.device) for one in networks(c)}
    cells, predictions, labels = [], [], []
    known = worlds(c.graphs).values()
    for number, world in enumerate(known, start=1):
        batch, sha256 = frozen(world, c.evaluate.seed, c.evaluate.examples, compute.threads)
        answers = {name: predict(model, batch.tokens) for name, model in models.items()}
        answers |= {name: rule.answers(batch) for name, rule in RULES.items()}
        cells += measure_cells(answers, batch, world, c, compute)
        predictions += [
            PredictionCounts(predictor=name, world=world.name, counts=_prediction_counts(a, batch))
            for name, a in answers.items()
        ]
        labels.append(_label_world(world, batch, sha256, c))
        yield {"stage": "evaluate", "step": number, "of": len(known), "world": world.name}

    write_result(run, Labels(**size, worlds=labels))
    lowest, highest = _prediction_range(c.graphs.max_vertices)
    write_result(
        run, Predictions(bin_width=BIN_WIDTH, lowest=lowest, highest=highest, cells=predictions)
    )
    shown = set(EvaluationSet.model_fields)
    matrix = Matrix(
        recipe=c.recipe,
        seed=c.seed,
        **size,
        bootstrap_resamples=c.evaluate.bootstrap_resamples,
        predictors=_predictors(models, c),
        worlds=[EvaluationSet(**w.model_dump(include=shown)) for w in labels],
        cells=cells,
    )
    write_result(run, matrix)
    if c.pretrain and c.finetune:
        write_result(run, study(c, matrix))


def measure_cells(
    answers: dict[str, Float[np.ndarray, " example"]],
    batch: Batch,
    world: World,
    c: Configuration,
    compute: Compute,
) -> list[Cell]:
    """The scores of every predictor on every slice of one distribution."""
    scores = evaluate(
        batch,
        np.stack([a.astype(float) for a in answers.values()]),
        c.graphs.finetune_vertices,
        Bootstrap(c.evaluate.bootstrap_resamples, c.evaluate.seed, compute.threads),
    )
    return [
        Cell(predictor=name, world=world.name, by=by, slice=part, **dict(found))
        for name, rows in zip(answers, scores, strict=True)
        for by, part, found in rows
    ]


def _predictors(models: dict[str, Transformer], c: Configuration) -> list[Predictor]:
    rows = []
    for one in networks(c):
        a, title = models[one.name].architecture, one.title
        if a != c.model:  # the reader must know, wherever the row is shown
            title += f" ({a.layers} layers, {a.width} wide)"
        kind = "handcrafted" if one.made_by == "handcraft" else "trained"
        rows.append(Predictor(predictor=one.name, title=title, kind=kind, colour=one.colour))
    return rows + [
        Predictor(predictor=name, title=rule.title, kind="rule", colour=rule.colour)
        for name, rule in RULES.items()
    ]


def _label_world(world: World, batch: Batch, sha256: str, c: Configuration) -> LabelWorld:
    exact = label_distribution(world)
    largest = c.graphs.max_vertices
    counts = np.bincount(batch.distance, minlength=largest + 1).tolist()
    strata = np.bincount(batch.stratum, minlength=len(STRATA)).tolist()
    return LabelWorld(
        world=world.name,
        title=world.title,
        description=world.description,
        seed=c.evaluate.seed,
        examples=c.evaluate.examples,
        sha256=sha256,
        labels=[
            LabelCount(
                label=label, count=counts[label], exact=float(exact[label]) if exact else None
            )
            for label in range(1, largest + 1)
        ],
        strata={where.slice: n for where, n in zip(STRATA, strata, strict=True) if n},
    )


def _prediction_range(max_vertices: int) -> tuple[float, float]:
    return -1.0, max_vertices + 1.0


def _prediction_counts(
    answers: Float[np.ndarray, " example"], batch: Batch
) -> list[tuple[int, int, int]]:
    """How often each true distance met each bin of predicted values."""
    lowest, highest = _prediction_range(batch.tokens.shape[1] - 1)
    bins = round((highest - lowest) / BIN_WIDTH)
    number = np.clip((answers - lowest) / BIN_WIDTH, 0, bins - 1).astype(int)
    pairs, counts = np.unique(
        np.stack([batch.distance, number], axis=1), axis=0, return_counts=True
    )
    return [
        (int(label), int(bin_), int(count))
        for (label, bin_), count in zip(pairs, counts, strict=True)
    ]
