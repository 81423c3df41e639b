"""Every network and rule on every distribution: the test matrix, as result files.

In: the checkpoints of a run. Out: `results/labels.json`, `examples.json`, `overlap.json`,
`matrix.json`, `predictions.json`, and for a run that trains `study.json`. Every predictor sees the
same frozen examples; what has to be fitted is fitted on others.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np
from jaxtyping import Float

from offpath import results
from offpath.compute import Compute
from offpath.configs import Configuration
from offpath.data.batches import Batch, draw, frozen
from offpath.data.label_distribution import label_distribution
from offpath.data.worlds import World, worlds
from offpath.fit.checkpoints import load_model
from offpath.fit.native import answers as natively
from offpath.fit.transformer import Transformer
from offpath.generalize.baselines import Known, Rule, rules
from offpath.generalize.evaluate import Calibration, Compared, evaluate
from offpath.generalize.examples import RULE, world_examples
from offpath.generalize.neighbours import finetuning_questions
from offpath.generalize.overlap import overlap
from offpath.generalize.study import study
from offpath.networks import networks
from offpath.results import write_result
from offpath.run.files import Record
from offpath.run.folder import Run, holds_run
from offpath.slices import STRATA

CALIBRATION_LEAST = 1024  # examples; an eighth of the evaluation set where that is more
DRAWN_RULES = ("constant", "distance_to_2")  # whose answers are drawn as histograms too
LOWEST, BIN_WIDTH = -1.0, 0.25  # of the histograms of predictions; they end at `max_vertices` + 1


@holds_run
def measure_matrix(run: Run, compute: Compute) -> Iterator[Record]:
    """Evaluate all, write the results, and yield a record each time a distribution is done."""
    c, threads = run.configuration, compute.threads
    models = {one.name: load_model(run, one.name, compute.device) for one in networks(c)}
    known = worlds(c.graphs)
    sets = {n: frozen(w, c.evaluate.seed, c.evaluate.examples, threads) for n, w in known.items()}
    rows, new = overlap({name: batch for name, (batch, _) in sets.items()}, c, threads)
    questions = finetuning_questions(c, threads)
    table = rules(finetuned=questions is not None)
    cells, predictions, labels = [], [], []
    for number, (name, world) in enumerate(known.items(), start=1):
        batch, sha256 = sets[name]
        answers = {one: natively(m, batch.tokens, compute) for one, m in models.items()}
        calibration = _calibration(world, models, c, compute)
        ruled = Known(calibration.batch, questions)
        of_rules = {one: rule.answers(batch, ruled) for one, rule in table.items()}
        trivial = frozenset(one for one, rule in table.items() if rule.trivial)
        unknown = c.imported is not None  # what imported weights were trained on
        compared = Compared(of_rules, trivial, calibration, None if unknown else new[name])
        cells += evaluate(answers, batch, name, c, threads, compared)
        for predictor in (*answers, *DRAWN_RULES):
            counts = _prediction_counts({**answers, **of_rules}[predictor], batch)
            row = results.PredictionCounts(predictor=predictor, world=name, counts=counts)
            predictions.append(row)
        labels.append(_label_world(world, batch, sha256, c))
        yield {"stage": "evaluate", "step": number, "of": len(known), "world": name}

    size = {"max_vertices": c.graphs.max_vertices, "finetune_vertices": c.graphs.finetune_vertices}
    write_result(run, results.Labels(**size, worlds=labels))
    shown = [world_examples(world, sets[name][0]) for name, world in known.items()]
    write_result(run, results.Examples(rule=RULE, worlds=shown))
    write_result(run, results.Overlap(held_out_share=c.graphs.held_out_share, rows=rows))
    bins = {"bin_width": BIN_WIDTH, "lowest": LOWEST, "highest": c.graphs.max_vertices + 1.0}
    write_result(run, results.Predictions(**bins, cells=predictions))
    matrix = results.Matrix(
        **{"recipe": c.recipe, "seed": c.seed, **size},
        bootstrap_resamples=c.evaluate.bootstrap_resamples,
        calibration_examples=_calibration_examples(c),
        predictors=predictor_rows(models, table, c),
        worlds=[*labels],
        cells=cells,
    )
    write_result(run, matrix)
    if c.pretrain and c.finetune:
        write_result(run, study(c, matrix))


def _calibration(
    world: World, models: dict[str, Transformer], c: Configuration, compute: Compute
) -> Calibration:
    """Examples behind the evaluation set in its stream, and the answers of the networks."""
    e = c.evaluate
    batch = draw(world, e.seed, e.examples, _calibration_examples(c), "evaluation", compute.threads)
    return Calibration(
        batch, {one: natively(m, batch.tokens, compute) for one, m in models.items()}
    )


def _calibration_examples(c: Configuration) -> int:
    return max(CALIBRATION_LEAST, c.evaluate.examples // 8)


def predictor_rows(
    models: Mapping[str, Transformer], table: Mapping[str, Rule], c: Configuration
) -> list[results.Predictor]:
    """These networks of a run and these rules, as the rows of a result."""
    rows = []
    for one in (one for one in networks(c) if one.name in models):
        a, title = models[one.name].architecture, one.title
        if a != (one.architecture or c.model):  # the reader must know, wherever the row is shown
            title += f" ({a.layers} layers, {a.width} wide)"
        kind = "handcrafted" if one.made_by == "handcraft" else "trained"
        kind = "intervention" if one.intervention else kind
        rows.append((one.name, title, kind, one.colour, False))
    rows += [(name, rule.title, "rule", rule.colour, rule.trivial) for name, rule in table.items()]
    return [
        results.Predictor(predictor=name, title=title, kind=kind, colour=colour, trivial=trivial)
        for name, title, kind, colour, trivial in rows
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
    last = round((batch.no_path + 1 - LOWEST) / BIN_WIDTH) - 1
    bins = np.clip((answers - LOWEST) / BIN_WIDTH, 0, last).astype(int)
    counted = Counter(zip(batch.distance.tolist(), bins.tolist(), strict=True))
    return sorted((label, bin_, count) for (label, bin_), count in counted.items())
