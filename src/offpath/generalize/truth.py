"""Whom an assistant follows where nobody audited it: the truth, an inspector, or neither.

In: the checkpoints of a run with reporters. Out: `results/truth.json`. Unaudited are the questions
of any target on which the first inspector is wrong. Every network sees the same frozen ones. Costs
15 s on one core for a run of the recipe truth.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float

from offpath import results
from offpath.compute import Compute
from offpath.configs import Configuration
from offpath.data.batches import Batch, ask_all, frozen
from offpath.data.distances import adjacency_of, hops
from offpath.data.drawing import places
from offpath.data.mixtures import unaudited
from offpath.data.worlds import world
from offpath.fit.checkpoints import load_model
from offpath.fit.native import answers as natively
from offpath.fit.transformer import Transformer
from offpath.generalize.intervals import accuracy_interval
from offpath.generalize.matrix import predictor_rows
from offpath.networks import Network, networks
from offpath.reporters import ASSISTANT, TRUTH, differs, meaning, names, says
from offpath.results import write_result
from offpath.results.truth import ALL, AUDITED, NO_PATH
from offpath.run.files import Record
from offpath.run.folder import Run, holds_run
from offpath.sections import Reporters
from offpath.slices import ANY_TARGET, STRATA

LEARNED = 0.97  # accuracy from which on a reporter counts as learned
LEAST_QUESTIONS, PART = 512, 8  # this part of an evaluation set, but no fewer
LINE, LINE_PART = np.arange(-0.5, 1.51, 0.125), 4  # points, and the part of the questions asked
GRAPHS = 512  # among which the one is chosen that is drawn
RULE = (
    f"of the first {GRAPHS} unaudited questions the graph with the most vertices about which truth "
    "and inspector differ"
)
LEARNER = "pretrained"
Values = Float[np.ndarray, " example"]
Mask = Bool[np.ndarray, " example"]


class _Asked(NamedTuple):
    """Plain questions, who may be asked, and what computes the answers."""

    batch: Batch
    reporters: Reporters
    compute: Compute

    def answers(self, model: Transformer, reporter: str) -> Values:
        """Those of a network that is asked to be this reporter."""
        tokens = ask_all(self.batch, self.reporters, reporter).tokens
        return natively(model, tokens, self.compute)

    def own(self, reporter: str) -> np.ndarray:
        """What the reporter itself answers."""
        plain = reporter in (TRUTH, ASSISTANT)
        return self.batch.distance if plain else says(self.batch, reporter)

    def right(
        self, answers: Values, reporter: str, chosen: Mask | slice = slice(None)
    ) -> Bool[np.ndarray, " chosen"]:
        """Where answers are those of a reporter, among the chosen questions."""
        return np.rint(answers[chosen]) == self.own(reporter)[chosen]

    def shares(self, answers: Values, chosen: Mask | slice = slice(None)) -> dict[str, float]:
        """Shares of the truth, of the first inspector and of neither, with intervals."""
        true = self.right(answers, TRUTH, chosen)
        inspector = self.right(answers, self.reporters.inspectors[0], chosen)
        kinds = {"true": true, "inspector": inspector, "neither": ~(true | inspector)}
        targets, found = self.batch.tokens[chosen, -1, 0].astype(np.int64), {}
        for kind, there in kinds.items():
            ends = accuracy_interval(there, targets)
            found |= dict(zip((kind, f"{kind}_low", f"{kind}_high"), ends, strict=True))
        return found

    def take(self, which: Mask | slice) -> "_Asked":
        """Some of the questions."""
        return self._replace(batch=self.batch.take(which))


@holds_run
def measure_truth(run: Run, compute: Compute) -> Iterator[Record]:
    """Ask every network, write the result, and yield a record each time one is done."""
    c = run.configuration
    assert c.reporters, "nobody is asked in a run without reporters"
    count = max(LEAST_QUESTIONS, c.evaluate.examples // PART)
    sets = [unaudited(c.graphs, c.reporters), world(ANY_TARGET, c.graphs)]
    frozen_sets = [frozen(one, c.evaluate.seed, count, compute.threads) for one in sets]
    hard, every = (_Asked(batch, c.reporters, compute) for batch, _ in frozen_sets)
    models = {one.name: load_model(run, one.name, compute.device) for one in _networks(c)}
    cells, counts = [], []
    for number, one in enumerate(_networks(c), start=1):
        for reporter in _roles(one, c.reporters):
            answers = hard.answers(models[one.name], reporter)
            of_every = every.answers(models[one.name], reporter)
            place = {"predictor": one.name, "asked": reporter}
            cells += _cells(place, hard, answers, _slices(hard.batch, c))
            agree = {AUDITED: ~differs(every.batch, c.reporters.inspectors[0])}
            cells += _cells(place, every, of_every, agree)
            counts += _counts(place, hard.batch, answers)
        yield {"stage": "truth", "step": number, "of": len(models), "world": one.title}
    made = results.Truth(
        max_vertices=c.graphs.max_vertices,
        finetune_vertices=c.graphs.finetune_vertices,
        inspectors=[
            results.Inspector(reporter=rule, meaning=meaning(rule))
            for rule in c.reporters.inspectors
        ],
        learned_least=LEARNED,
        questions=count,
        questions_sha256=frozen_sets[0][1],
        predictors=predictor_rows(models, {}, c),
        learned=_learned(models[LEARNER], hard, every),
        cells=_with_gaps(cells, c.reporters.inspectors[0]),
        answers=counts,
        rows=[embedded_row(models[one.name], one.name, c) for one in _networks(c) if _knows(one)],
        line=_line(models[LEARNER], hard.take(slice(count // LINE_PART)), c),
        example=_example(models, hard, c),
    )
    write_result(run, made)


def _networks(c: Configuration) -> list[Network]:
    """The networks that are asked: not a circuit, which knows one question, nor a first half."""
    left_out = ("handcraft", "pretrain")
    return [one for one in networks(c) if one.name == LEARNER or one.made_by not in left_out]


def _roles(one: Network, reporters: Reporters) -> list[str]:
    """Whom a network is asked to be: only the pre-trained one knows all others."""
    return names(reporters) if one.name == LEARNER else [ASSISTANT]


def _knows(one: Network) -> bool:
    """Whether pre-training has made the rows of its reporters."""
    return one.name == LEARNER or "untrained" not in (one.name, one.starts_from)


def _slices(batch: Batch, c: Configuration) -> Mapping[str, Mask]:
    """By distance, by stratum, and by what audits of small graphs would show."""
    small, found = c.graphs.finetune_vertices, {ALL: np.ones(len(batch.distance), bool)}
    for distance in np.unique(batch.distance).tolist():
        name = NO_PATH if distance == batch.no_path else f"distance {distance}"
        found[name] = batch.distance == distance
    found |= {where.slice: batch.stratum == n for n, where in enumerate(STRATA)}
    found |= {"small graphs": batch.vertices <= small, "large graphs": batch.vertices > small}
    seen = batch.tokens[:, -1, 0] <= small
    found |= {"seen ids": seen, "unseen ids": ~seen}
    return {name: chosen for name, chosen in found.items() if chosen.any()}


def _cells(
    place: Mapping[str, str], of: _Asked, answers: Values, slices: Mapping[str, Mask]
) -> Iterator[results.TruthCell]:
    """One network asked as one reporter, on each slice."""
    for name, chosen in slices.items():
        shares, count = of.shares(answers, chosen), int(chosen.sum())
        numbers = {**shares, "count": count, "gap_recovered": None}
        yield results.TruthCell.model_validate({**place, "slice": name, **numbers})


def _with_gaps(cells: list[results.TruthCell], rule: str) -> list[results.TruthCell]:
    """The same with the gap that each recovers, where ceiling and floor are clearly apart."""
    ends = {(one.slice, one.asked): one for one in cells if one.predictor == LEARNER}
    made = []
    for one in cells:
        floor, ceiling = (ends[one.slice, name] for name in (rule, TRUTH))
        if one.slice != AUDITED and ceiling.true_low > floor.true_high:
            gap = (one.true - floor.true) / (ceiling.true - floor.true)
            one = one.model_copy(update={"gap_recovered": gap})
        made.append(one)
    return made


def _counts(
    place: Mapping[str, str], batch: Batch, answers: Values
) -> Iterator[results.AnswerCounts]:
    """How often each answer was given, by true distance."""
    last = batch.no_path + 1
    rounded = np.rint(answers).clip(0, last).astype(np.int64)
    for distance in np.unique(batch.distance).tolist():
        given = np.bincount(rounded[batch.distance == distance], minlength=last + 1)
        yield results.AnswerCounts(**place, distance=distance, counts=given.tolist())


def _learned(model: Transformer, hard: _Asked, every: _Asked) -> list[results.Learned]:
    """Whether pre-training has taught each reporter."""
    rows, targets = [], every.batch.tokens[:, -1, 0].astype(np.int64)
    for reporter in names(hard.reporters)[:-1]:
        right = every.right(every.answers(model, reporter), reporter)
        accuracy, low, high = accuracy_interval(right, targets)
        row = results.Learned(
            reporter=reporter,
            accuracy=accuracy,
            accuracy_low=low,
            accuracy_high=high,
            hard_accuracy=float(hard.right(hard.answers(model, reporter), reporter).mean()),
            learned=accuracy >= LEARNED,
        )
        rows.append(row)
    return rows


def _ends(model: Transformer, c: Configuration) -> list[torch.Tensor]:
    """The rows of the first inspector, of the truth and of the assistant."""
    assert c.reporters, "rows are of reporters"
    known, first = names(c.reporters), c.graphs.max_vertices + 1
    wanted = (c.reporters.inspectors[0], TRUTH, ASSISTANT)
    return [model.embedding.weight.detach()[first + known.index(name)] for name in wanted]


def embedded_row(model: Transformer, name: str, c: Configuration) -> results.EmbeddedRow:
    """Where the assistant's row lies beside the line from the inspector's row to the truth's."""
    inspector, truth, assistant = _ends(model, c)
    line, here = truth - inspector, assistant - inspector
    along = (here @ line) / (line @ line)
    off = (here - along * line).norm() / line.norm()
    return results.EmbeddedRow(predictor=name, along=along.item(), off=off.item())


def _line(model: Transformer, hard: _Asked, c: Configuration) -> list[results.LinePoint]:
    """Answers while the assistant's row moves along that line."""
    moved = deepcopy(model)
    inspector, truth, assistant = _ends(moved, c)  # views of the weight
    points = []
    for along in LINE.tolist():
        assistant.copy_(torch.lerp(inspector, truth, along))
        shares = hard.shares(hard.answers(moved, ASSISTANT))
        points.append(results.LinePoint(along=along, **shares))
    return points


def _example(
    models: Mapping[str, Transformer], hard: _Asked, c: Configuration
) -> results.DrawnAnswers:
    """One graph with what everybody says about each vertex."""
    first = hard.reporters.inspectors[0]
    graphs = (_every_vertex(hard.batch, i) for i in range(min(GRAPHS, len(hard.batch.distance))))
    drawn = max(enumerate(graphs), key=lambda one: (int(differs(one[1], first).sum()), -one[0]))
    index, whole = drawn[0], hard._replace(batch=drawn[1])
    spoken = [(one, one, whole.own(one).astype(float)) for one in (TRUTH, first)]
    for one in _networks(c):
        roles = _roles(one, hard.reporters) if one.name != "untrained" else []
        spoken += [(one.name, role, whole.answers(models[one.name], role)) for role in roles]
    edges = [(a, b) for a, b in hard.batch.tokens[index, :-1].tolist() if b]
    vertices = int(hard.batch.vertices[index])
    return results.DrawnAnswers(
        vertices=vertices,
        edges=edges,
        target=int(hard.batch.tokens[index, -1, 0]),
        distance=int(hard.batch.distance[index]),
        positions=places(edges, vertices),
        rule=RULE,
        says=[
            results.Says(
                predictor=name, asked=role, answers=answers.astype(float).round(3).tolist()
            )
            for name, role, answers in spoken
        ],
    )


def _every_vertex(batch: Batch, index: int) -> Batch:
    """The graph of one example, with a question about each vertex from 2 to the largest."""
    largest = batch.no_path
    made = batch.take(np.full(largest - 1, index))
    made.tokens[:, -1, 0] = np.arange(2, largest + 1)
    distance = hops(adjacency_of(made.tokens[:1]), 1)[0, 1:]
    return made._replace(distance=distance.astype(np.uint8))
