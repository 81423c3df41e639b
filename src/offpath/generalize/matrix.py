"""Every network and rule on every distribution: the test matrix, as result files.

In: the checkpoints of a run. Out: `results/labels.json`, `matrix.json`, `predictions.json`, and for
a run that trains `study.json`. Every predictor sees the same frozen examples.
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from offpath import results
from offpath.compute import Compute
from offpath.configs import Configuration
from offpath.data.batches import Batch, frozen
from offpath.data.label_distribution import label_distribution
from offpath.data.worlds import World, worlds
from offpath.fit.checkpoints import load_model
from offpath.fit.transformer import Transformer, predict
from offpath.generalize.baselines import RULES
from offpath.generalize.evaluate import evaluate
from offpath.generalize.study import study
from offpath.networks import networks
from offpath.results import write_result
from offpath.run.files import Record
from offpath.run.folder import Run, holds_run
from offpath.slices import STRATA

LOWEST, BIN_WIDTH = -1.0, 0.25  # of the histograms of predictions; they end at `max_vertices` + 1


@holds_run
def measure_matrix(run: Run, compute: Compute) -> Iterator[Record]:
    """Evaluate all, write the results, and yield a record each time a distribution is done."""
    c, threads = run.configuration, compute.threads
    models = {one.name: load_model(run, one.name, compute.device) for one in networks(c)}
    cells, predictions, labels = [], [], []
    known = worlds(c.graphs).values()
    for number, world in enumerate(known, start=1):
        batch, sha256 = frozen(world, c.evaluate.seed, c.evaluate.examples, threads)
        answers = {name: predict(model, batch.tokens) for name, model in models.items()}
        answers |= {name: rule.answers(batch) for name, rule in RULES.items()}
        cells += evaluate(answers, batch, world.name, c, threads)
        for name, values in answers.items():
            counts = _prediction_counts(values, batch)
            row = results.PredictionCounts(predictor=name, world=world.name, counts=counts)
            predictions.append(row)
        labels.append(_label_world(world, batch, sha256, c))
        yield {"stage": "evaluate", "step": number, "of": len(known), "world": world.name}

    largest = c.graphs.max_vertices
    size = {"max_vertices": largest, "finetune_vertices": c.graphs.finetune_vertices}
    write_result(run, results.Labels(**size, worlds=labels))
    bins = {"bin_width": BIN_WIDTH, "lowest": LOWEST, "highest": largest + 1.0}
    write_result(run, results.Predictions(**bins, cells=predictions))
    matrix = results.Matrix(
        **{"recipe": c.recipe, "seed": c.seed, **size},
        bootstrap_resamples=c.evaluate.bootstrap_resamples,
        predictors=_predictors(models, c),
        worlds=[*labels],
        cells=cells,
    )
    write_result(run, matrix)
    if c.pretrain and c.finetune:
        write_result(run, study(c, matrix))


def _predictors(models: dict[str, Transformer], c: Configuration) -> list[results.Predictor]:
    rows = []
    for one in networks(c):
        a, title = models[one.name].architecture, one.title
        if a != c.model:  # the reader must know, wherever the row is shown
            title += f" ({a.layers} layers, {a.width} wide)"
        kind = "handcrafted" if one.made_by == "handcraft" else "trained"
        rows.append((one.name, title, kind, one.colour))
    rows += [(name, rule.title, "rule", rule.colour) for name, rule in RULES.items()]
    return [
        results.Predictor(predictor=name, title=title, kind=kind, colour=colour)
        for name, title, kind, colour in rows
    ]


def _label_world(world: World, batch: Batch, sha256: str, c: Configuration) -> results.LabelWorld:
    exact, largest = label_distribution(world), c.graphs.max_vertices
    counts = np.bincount(batch.distance, minlength=largest + 1).tolist()
    strata = np.bincount(batch.stratum, minlength=len(STRATA)).tolist()
    labels = [
        results.LabelCount(label=d, count=counts[d], exact=float(exact[d]) if exact else None)
        for d in range(1, largest + 1)
    ]
    return results.LabelWorld(
        world=world.name,
        title=world.title,
        description=world.description,
        seed=c.evaluate.seed,
        examples=c.evaluate.examples,
        sha256=sha256,
        labels=labels,
        strata={where.slice: n for where, n in zip(STRATA, strata, strict=True) if n},
    )


def _prediction_counts(
    answers: Float[np.ndarray, " example"], batch: Batch
) -> list[tuple[int, int, int]]:
    """How often each true distance met each bin of predicted values."""
    last = round((batch.tokens.shape[1] - LOWEST) / BIN_WIDTH) - 1
    bins = np.clip((answers - LOWEST) / BIN_WIDTH, 0, last).astype(int)
    counted = Counter(zip(batch.distance.tolist(), bins.tolist(), strict=True))
    return sorted((label, bin_, count) for (label, bin_), count in counted.items())
