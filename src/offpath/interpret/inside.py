"""What the networks of a run do inside: every tool of this room on each, in one file.

In: checkpoints. Out: `results/inside.json`. All networks are looked into with the same questions:
those of pre-training, and those of test e, in two halves without a common graph.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from offpath import results
from offpath.compute import Compute, torch_on_one_thread
from offpath.configs import Configuration
from offpath.data.batches import draw
from offpath.data.worlds import world
from offpath.fit.checkpoints import load_model, require
from offpath.fit.native import answers
from offpath.fit.transformer import Transformer
from offpath.generalize.baselines import Known
from offpath.interpret.ablation import ablations
from offpath.interpret.along import MEASURES, along, onsets
from offpath.interpret.attention import KEYS, THRESHOLDS, heads
from offpath.interpret.cuts import tell_cuts
from offpath.interpret.pairs import Pairs, draw_pairs
from offpath.interpret.patching import patches
from offpath.interpret.probing import probed
from offpath.interpret.questions import Questions, by_distance, parted, questions
from offpath.interpret.reach import LEAST_CHANGE, LEAST_NOTICED, looked
from offpath.interpret.rule_agreement import Answered, agreements
from offpath.networks import networks
from offpath.results import check_kind, read_result, write_result
from offpath.run.files import Record
from offpath.run.folder import Run, holds_run
from offpath.slices import ANY_TARGET

QUESTIONS, PAIRS = (64, 2500), (4, 120)  # at least, at most: of each half of test e; by distance
PART_OF_QUESTIONS, PART_OF_PAIRS = 16, 128  # of an evaluation set, within these
PART_OF_ANSWERED, PART_OF_KNOWN = 2, 8  # of an evaluation set: for the rules, and those they know
MOST_AT_ONCE = 4  # networks: at the study's size each holds up to 0.4 gigabytes
LEFT_OUT = "attention, patching and ablation: its tokens are vertices, not edges"


class Asked(NamedTuple):
    """What every network is looked into with."""

    answered: tuple[Answered, Answered]  # of pre-training and of test e, still without answers
    parts: tuple[Questions, Questions]  # of test e, to fit probes and to test
    trained: Questions  # of pre-training, as many of each distance
    pairs: Pairs


@holds_run
def measure_inside(run: Run, compute: Compute, checkpoints: Sequence[str] = ()) -> Iterator[Record]:
    """Look into networks, write the result, and yield a record each time one is done.

    By default into all that the run has, but for those of interventions, and along training.
    `checkpoints` choose others: they stand in the file beside what was measured before. As many
    networks as there are threads are looked into at a time, each by one.
    """
    check_kind(run, results.Inside)
    c = run.configuration
    names = list(dict.fromkeys(checkpoints)) or _made(run)
    models = {name: load_model(run, name, compute.device) for name in names}
    asked, alone = material(c, compute.threads), replace(compute, threads=1)
    look = partial(inside_of, asked=asked, seed=c.evaluate.seed, compute=alone)
    looked_into, titles = [], [*names, *([] if checkpoints else ["along training"])]
    with torch_on_one_thread(), ThreadPoolExecutor(min(compute.threads, MOST_AT_ONCE)) as pool:
        trained = pool.submit(along, run, alone) if not checkpoints else None
        for number, one in enumerate(pool.map(look, names, models.values()), start=1):
            looked_into.append(one)
            yield _record(number, titles)
        steps = trained.result() if trained else []
    thresholds = {**THRESHOLDS, "least_change": LEAST_CHANGE, "least_noticed": LEAST_NOTICED}
    made = results.Inside(
        max_vertices=c.graphs.max_vertices,
        questions=len(asked.parts[0].targets),
        pairs=pairs_per_distance(c),
        keys=KEYS,
        thresholds=thresholds,
        measures=MEASURES,
        networks=looked_into,
        along=steps,
        onsets=onsets(steps),
    )
    write_result(run, _beside(run, made) if checkpoints else made)
    if trained:
        yield _record(len(titles), titles)


def _record(number: int, titles: Sequence[str]) -> Record:
    return {"stage": "inside", "step": number, "of": len(titles), "checkpoint": titles[number - 1]}


def _made(run: Run) -> list[str]:
    """The networks that there are, but for those of interventions; there must be one."""
    plain = [one.name for one in networks(run.configuration) if one.intervention is None]
    there = [name for name in plain if run.checkpoint(name).exists()]
    if not there:
        require(run, plain[0])
    return there


def _beside(run: Run, made: results.Inside) -> results.Inside:
    """What was measured, beside what the file has of other networks."""
    if not run.result(made.file).exists():
        return made
    before = read_result(run, results.Inside)
    new = {one.checkpoint for one in made.networks}
    kept = [one for one in before.networks if one.checkpoint not in new]
    known = {"networks": [*kept, *made.networks], "along": before.along, "onsets": before.onsets}
    return made.model_copy(update=known)


def pairs_per_distance(c: Configuration) -> int:
    """Pairs of graphs of each distance, for patching, and questions of each, for ablation."""
    return int(np.clip(c.evaluate.examples // PART_OF_PAIRS, *PAIRS))


def material(c: Configuration, threads: int = 1) -> Asked:
    """The questions that all networks of a configuration are looked into with."""
    seed, pairs = c.evaluate.seed, pairs_per_distance(c)
    trained, any_target = (_answered(name, c, threads) for name in ("pretraining", ANY_TARGET))
    some = slice(2 * int(np.clip(c.evaluate.examples // PART_OF_QUESTIONS, *QUESTIONS)))
    return Asked(
        (trained, any_target),
        parted(questions(any_target.batch.take(some))),
        by_distance(c.graphs, seed, pairs),
        draw_pairs(c.graphs, seed, pairs),
    )


def _answered(name: str, c: Configuration, threads: int) -> Answered:
    """Evaluation questions of a distribution without answers, and others, which rules may know."""
    where, examples = world(name, c.graphs), c.evaluate.examples
    count = max(2 * QUESTIONS[0], examples // PART_OF_ANSWERED)
    counts = (0, count), (max(count, examples), max(1, examples // PART_OF_KNOWN))
    batch, others = (draw(where, c.evaluate.seed, *one, "evaluation", threads) for one in counts)
    return Answered(batch, np.zeros(count), Known(others, None))


def inside_of(
    name: str, model: Transformer, asked: Asked, seed: int, compute: Compute
) -> results.InsideNetwork:
    """Everything that is measured of one network."""
    tested, has_edges = asked.parts[1], model.architecture.tokens == "edges"
    trained, any_target = (
        one._replace(answers=answers(model, one.batch.tokens, compute)) for one in asked.answered
    )
    error = trained.answers.astype(float) - trained.batch.distance
    notices, reach = looked(model, tested.batch.tokens, seed)
    return results.InsideNetwork(
        checkpoint=name,
        mse=float(np.square(error).mean()),
        right=float((np.abs(error) < 0.5).mean()),
        probes=probed(model, asked.parts),
        heads=heads(model, tested) if has_edges else [],
        patches=patches(model, asked.pairs) if has_edges else [],
        ablations=ablations(model, asked.trained) if has_edges else [],
        notices=notices,
        reach=reach,
        cuts=tell_cuts(model, tested.batch.tokens, seed),
        rules=agreements(trained, any_target),
        left_out=[] if has_edges else [LEFT_OUT],
    )
