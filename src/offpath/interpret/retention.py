"""Does a network that starts at the exact solution keep it, when fine-tuning shows only a part?

In: a run with the checkpoint `circuit`. Out: scores along its fine-tuning, which trains on shortest
paths of small graphs alone, where the circuit makes no error to begin with.
"""

import math
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from offpath.compute import Compute
from offpath.configs import Configuration
from offpath.data.batches import Batch, frozen, stream
from offpath.data.mixtures import training_world
from offpath.data.worlds import worlds
from offpath.fit.checkpoints import load_model
from offpath.fit.classes import add_classes
from offpath.fit.loop import train
from offpath.fit.optimizer import make_optimizer
from offpath.fit.transformer import Transformer, predict
from offpath.generalize.evaluate import evaluate, slices
from offpath.interpret.options import Robustness
from offpath.networks import Network, network
from offpath.results import ConstantAnswer, Retention, StepCell
from offpath.run.folder import Run
from offpath.slices import ANY_TARGET, SPLIT_STRATA

POINTS = 20
"""How often the scores are measured: steps from 1 to the last, evenly spaced in their logarithm."""
LARGEST_ANSWER = 1e12  # stands for an answer that is not finite
SLICED_BY = ("pooled", "stratum", "vertex_id", "label")


def interventions(c: Configuration, options: Robustness) -> list[Network]:
    """The circuit, fine-tuned: at the recipe's learning rate, at others, and on another world.

    The last is the control: at the recipe's rate on the pre-training distribution, where the
    circuit makes no error either. How much is lost because only a part of the world is shown, and
    how much because Adam moves at all? Empty without fine-tuning, and for circuits over vertex
    tokens, which nothing trains.
    """
    own = network(c, "circuit-finetuned")
    if own is None or c.finetune is None or c.circuit != "edge":
        return []
    rates = dict.fromkeys((c.finetune.learning_rate, *options.retention_rates))
    trainings = [c.finetune.model_copy(update={"learning_rate": rate}) for rate in rates]
    return [*(own._replace(training=t) for t in trainings), own._replace(world="pretraining")]


def measure_retention(run: Run, compute: Compute, options: Robustness) -> Iterator[Retention]:
    """One record for each intervention; the first is measured on every distribution at its end."""
    for number, intervention in enumerate(interventions(run.configuration, options)):
        few = min(options.retention_examples, run.configuration.evaluate.examples)
        yield _retention(run, compute, intervention, few, at_end_on_all=number == 0)


def _retention(
    run: Run, compute: Compute, one: Network, few: int, *, at_end_on_all: bool
) -> Retention:
    c, e, training = run.configuration, run.configuration.evaluate, one.training
    assert one.world is not None, "training needs a distribution"
    assert training is not None, "a network without training is not trained"
    model = load_model(run, "circuit", compute.device)
    steps = points(training.steps)
    known, threads = worlds(c.graphs), compute.threads
    if training.classification:
        add_classes(model)
    shown = training_world(one.world, c.graphs, training)
    batches = stream(shown, c.seed, training.batch_examples, threads=threads)
    names = known if at_end_on_all else [ANY_TARGET]
    sets = {name: frozen(known[name], e.seed, e.examples, threads)[0] for name in names}
    along = {ANY_TARGET: frozen(known[ANY_TARGET], e.seed, few, threads)[0]}
    cells, losses = _cells(run, compute, model, 0, along), []
    for step in train(model, make_optimizer(model, training), training, batches):
        if step.step in steps:
            loss = step.squared_errors.mean().item()
            losses.append((step.step, bounded(loss, LARGEST_ANSWER**2)))
            last = step.step == training.steps
            cells += _cells(run, compute, model, step.step, sets if last else along)
    answer, share, constants = _constants(c, model, sets[ANY_TARGET])
    return Retention(rate=training.learning_rate, finetuned_on=one.world, world=ANY_TARGET,
                     steps=steps, cells=cells, losses=losses, examples=few, answer=answer,
                     answer_share=share, constants=constants)  # fmt: skip


def points(last: int) -> list[int]:
    """The steps after which the scores are measured: before training, and ever farther apart.

    >>> points(600)[:6], points(600)[-3:], points(1)
    ([0, 1, 2, 3, 4, 5], [306, 428, 600], [0, 1])
    """
    return sorted({0, *(round(last ** (i / (POINTS - 1))) for i in range(POINTS)), last})


def _constants(
    c: Configuration, model: Transformer, batch: Batch
) -> tuple[int, float, list[ConstantAnswer]]:
    """The model's most frequent answer, its share, and what constants score on each stratum."""
    answers, counts = np.unique(np.rint(_answers(model, batch)), return_counts=True)
    answer, share = int(answers[counts.argmax()]), float(counts.max() / counts.sum())
    group_of, members = slices(batch, c.graphs.finetune_vertices)
    rows = []
    for where in SPLIT_STRATA:
        if (groups := members.get(where[:2])) is None:
            continue
        shares = np.bincount(batch.distance[groups[group_of]]) / groups[group_of].sum()
        label = int(shares.argmax())
        repeated = float(shares[answer]) if 0 <= answer < len(shares) else 0.0
        rows.append(ConstantAnswer(by=where.by, slice=where.slice, label=label,
                                   accuracy=float(shares[label]), repeated=repeated))  # fmt: skip
    return answer, share, rows


def _cells(
    run: Run, compute: Compute, model: Transformer, step: int, sets: dict[str, Batch]
) -> list[StepCell]:
    """Cells as those of the test matrix, with the step."""
    c, rows = run.configuration, []
    for name, batch in sets.items():
        cells = evaluate({"circuit": _answers(model, batch)}, batch, name, c, compute.threads)
        rows += [StepCell(step=step, **dict(cell)) for cell in cells if cell.by in SLICED_BY]
    return rows


def _answers(model: Transformer, batch: Batch) -> Float[np.ndarray, " example"]:
    """A model's answers; a very large number stands for one that is none."""
    answers = np.nan_to_num(predict(model, batch.tokens).astype(float), nan=LARGEST_ANSWER)
    return answers.clip(-LARGEST_ANSWER, LARGEST_ANSWER)


def bounded(value: float, largest: float) -> float:
    """The value; the largest stands for one that is not finite or still larger.

    >>> bounded(math.nan, 1e12)
    1000000000000.0
    """
    return largest if math.isnan(value) else min(value, largest)
