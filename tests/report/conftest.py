"""Run folders whose numbers are made up: the report draws what is there, and trains nothing."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offpath.configs import Configuration
from offpath.generalize.study import study
from offpath.interpret.phases import SETTINGS
from offpath.networks import networks
from offpath.recipes import smoke
from offpath.report.page import page
from offpath.report.parts import Section, Story, story
from offpath.report.sections import sections
from offpath.results import (
    Cell,
    EvaluationSet,
    Example,
    Examples,
    LabelCount,
    Labels,
    LabelWorld,
    LossCurve,
    Matrix,
    Overlap,
    OverlapRow,
    PhaseChange,
    Phases,
    PredictionCounts,
    Predictions,
    Predictor,
    Result,
    WorldExamples,
    read_result,
    write_result,
)
from offpath.run.files import write_json
from offpath.run.folder import Run, create_run
from offpath.run.metrics import append_metrics
from offpath.slices import (
    HARD,
    ISOLATION,
    NEW,
    ON_PATH,
    POOLED,
    SAME_DISTANCE,
    SPLIT_STRATA,
    Slice,
    distance_slice,
    target_slice,
)
from tests.report.insides import inside
from tests.report.shifted import shifts
from tests.report.solutions import circuit, coefficient, robustness
from tests.report.stories import changed

WORLDS = {
    "pretraining": "pre-training",
    "finetuning": "fine-tuning",
    **{f"test_{letter}": f"test {letter}" for letter in "abcde"},
}
RULES = {
    "constant": ("best constant", ("#94783c", "#cdb582")),
    "distance_to_2": ("answer d(1,2)", ("#9a4a95", "#dd9ddb")),
}
SKILL = {  # accuracy by stratum, in the order of SPLIT_STRATA
    "untrained": (0.02, 0.05, 0.05, 0.06, 0.04, 0.0, 0.0),
    "pretrained": (0.99, 0.07, 0.09, 0.21, 0.03, 0.81, 0.62),
    "finetuned": (0.985, 0.956, 0.51, 0.29, 0.18, 0.34, 0.25),
    "scratch": (0.93, 0.87, 0.33, 0.31, 0.22, 0.12, 0.1),
    "circuit": (1.0,) * 7,
    "circuit-finetuned": (0.99, 0.97, 0.72, 0.41, 0.3, 0.22, 0.18),
    "constant": (0.2, 0.22, 0.22, 0.24, 0.21, 0.3, 0.3),
    "distance_to_2": (1.0, 0.05, 0.07, 0.22, 0.0, 0.55, 0.4),
}
OTHER_SKILL = (0.97, 0.94, 0.61, 0.42, 0.2, 0.4, 0.3)  # of interventions
SIXTEENTHS = {  # of the examples of each distribution, in the same order
    "pretraining": (16, 0, 0, 0, 0, 0, 0),
    "finetuning": (12, 4, 0, 0, 0, 0, 0),
    "test_a": (13, 3, 0, 0, 0, 0, 0),
    "test_b": (11, 3, 2, 0, 0, 0, 0),
    "test_c": (4, 1, 0, 3, 1, 3, 4),
    "test_d": (3, 2, 0, 3, 1, 3, 4),
    "test_e": (2, 2, 1, 3, 1, 3, 4),
}
SESSION = {
    "started": "2025-11-21T20:30:00Z",
    "command": "offpath run --recipe smoke",
    "commit": "0123456789ab+",
    "python": "3.11.2",
    "packages": {"offpath": "0.1.0", "torch": "2.13.0"},
    "machine": "Linux x86_64, 2 cores",
}


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of the smoke recipe; no test changes it."""
    return finished_run(smoke(), tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="session")
def finished(run: Run) -> Story:
    """What the finished run has to show."""
    return story(run)


@pytest.fixture(scope="session")
def text(finished: Story) -> str:
    """The page of the finished run."""
    return page(finished)


@pytest.fixture(scope="session")
def contents(finished: Story) -> dict[str, Section]:
    """The sections of the finished run, by their anchor."""
    return shown_sections(finished)


def shown_sections(finished: Story) -> dict[str, Section]:
    """The sections of a story, by their anchor."""
    return {section.anchor: section for section in sections(finished)}


def with_result(finished: Story, *results: Result) -> Story:
    """The same story with other results."""
    return replace(finished, results={**finished.results, **{type(r): r for r in results}})


def with_scores(matrix: Matrix, predictors: tuple[str, ...], **scores: Any) -> Matrix:
    """The matrix with other scores of some predictors on every slice."""
    cells = [
        cell.model_copy(update=scores) if cell.predictor in predictors else cell
        for cell in matrix.cells
    ]
    return changed(matrix, cells=cells)


def finished_run(configuration: Configuration, folder: Path) -> Run:
    """A run folder with every file that the report draws."""
    run = create_run(configuration, folder)
    write_json(run.folder / "provenance.json", {"sessions": [SESSION]})
    for network in networks(configuration):
        if network.training:
            add_metrics(run, network.name)
    for result in _measured(configuration):
        write_result(run, result)
    write_result(run, study(configuration, read_result(run, Matrix)))
    write_result(run, circuit(max_vertices=configuration.graphs.max_vertices))
    write_result(run, robustness(list(WORLDS)))
    assert configuration.pretrain
    write_result(run, coefficient(configuration.pretrain.steps))
    write_result(run, inside(names=("pretrained", "circuit")))
    return run


def circuit_run(folder: Path) -> Run:
    """A run of a circuit alone: nothing was trained."""
    update = {"pretrain": None, "finetune": None, "circuit": "wide"}
    run = create_run(smoke().model_copy(update=update), folder)
    for result in _measured(run.configuration):
        write_result(run, result)
    write_result(run, circuit("wide"))
    write_result(run, robustness(list(WORLDS), retention=False))
    return run


def add_metrics(run: Run, name: str) -> None:
    """Losses of a network that fall suddenly, one distance after the other."""
    training = next(n.training for n in networks(run.configuration) if n.name == name)
    assert training
    random, delay = np.random.default_rng(len(name)), 0.005 * len(name)
    labels = range(1, run.configuration.graphs.max_vertices + 1)
    counts = {label: int(1 + training.batch_examples * 0.5**label) for label in labels}
    for step in range(training.log_every_steps, training.steps + 1, training.log_every_steps):
        part = step / training.steps
        losses = {
            label: float(
                (3.0 + (label - 4) ** 2)
                * (0.002 + 1 / (1 + np.exp((part - delay * label) * 200)))
                * (0.004 + np.exp(-5 * part))
                * np.exp(0.25 * random.normal())
            )
            for label in labels
        }
        line = {
            "network": name,
            "step": step,
            "loss": float(np.average(list(losses.values()), weights=list(counts.values()))),
            "loss_by_label": losses,
            "count_by_label": counts,
            "learning_rate": training.learning_rate * min(1, 2 * (1 - part)),
        }
        append_metrics(run, line)


def _measured(c: Configuration) -> list[Result]:
    """What `offpath evaluate` measures."""
    predictors = [
        Predictor(
            predictor=network.name,
            title=network.title,
            kind="intervention" if network.intervention
            else "handcrafted" if network.made_by == "handcraft" else "trained",
            colour=network.colour,
        )
        for network in networks(c)
    ]  # fmt: skip
    predictors += [
        Predictor(predictor=name, title=title, kind="rule", colour=colour, trivial=True)
        for name, (title, colour) in RULES.items()
    ]
    overlap = Overlap(held_out_share=0.0, rows=_overlap() if c.pretrain else [])
    learners = ("pretrained", "finetuned", "scratch") if c.pretrain else ()
    return [
        phases(learners), _examples(), _labels(c), overlap, _matrix(c, predictors),
        _predictions(c, predictors), shifts(predictors),
    ]  # fmt: skip


def phases(networks: Sequence[str]) -> Phases:
    """A phase change of distance 1, none of 2, and too few examples of 4."""
    change = PhaseChange(onset=10, end=16, loss_before=8.0, loss_after=0.04)
    curves = [
        (1, 20, 0.1, [(2, 9.0), (10, 8.0), (16, 0.04), (40, 0.01)], [change]),
        (2, 20, 0.2, [(2, 5.0), (40, 0.5)], []),
        (4, 3, None, [], []),
    ]
    return Phases(
        method="Made up.",
        settings={name: float(value) for name, value in SETTINGS.items()},
        curves=[
            LossCurve(network=network, label=label, points=n, noise=noise, fit=fit, changes=found)
            for network in networks
            for label, n, noise, fit, found in curves
        ],
    )


def _examples() -> Examples:
    """A path 1-3-2 with a branch 3-4, and a vertex without an edge: three questions on it."""
    made = {"trained": (2, [1, 3, 2]), "on_path": (3, [1, 3]), "off_path": (4, [1, 3, 4])}
    shown = {"pretraining": ["trained"], "finetuning": ["trained", "on_path"]}
    return Examples(
        rule="the first of each stratum",
        worlds=[
            WorldExamples(
                world=world,
                title=title,
                examples=[
                    Example(
                        index=1000 + number,
                        vertices=5,
                        edges=[(1, 3), (2, 3), (3, 4), (3, 4)],
                        target=made[stratum][0],
                        distance=len(made[stratum][1]) - 1,
                        distance_to_2=2,
                        stratum=stratum,
                        path=made[stratum][1],
                        path_to_2=[1, 3, 2],
                        positions=[(0.0, 0.5), (0.8, 1.0), (0.4, 0.5), (0.8, 0.0), (1.0, 0.5)],
                    )
                    for number, stratum in enumerate(shown.get(world, made))
                ],
            )
            for world, title in WORLDS.items()
        ],
    )


def _overlap() -> list[OverlapRow]:
    shares = {"graph": 0.85, "question": 0.6, "renamed": 0.93}
    sets = [(world, shown) for world in WORLDS for shown in ("pretraining", "finetuning")]
    return [
        OverlapRow(
            world=world, training_world=shown, training_examples=2560, distinct=900, **shares
        )
        for world, shown in sets
    ]


def _shares(c: Configuration) -> np.ndarray:
    shares = 0.6 ** np.arange(1, c.graphs.max_vertices + 1)
    shares[-1] = 0.2
    return shares / shares.sum()


def _labels(c: Configuration) -> Labels:
    random, graphs, examples = np.random.default_rng(2), c.graphs, c.evaluate.examples
    worlds = []
    for number, (world, title) in enumerate(WORLDS.items()):
        drawn = zip(random.multinomial(examples, _shares(c)), _shares(c), strict=True)
        worlds.append(
            LabelWorld(
                world=world,
                title=title,
                examples=examples,
                sha256=f"{number:x}" * 64,
                description=f"t on a shortest path, 3..{graphs.max_vertices} vertices",
                seed=0,
                labels=[
                    LabelCount(label=label, count=int(count), exact=float(share))
                    for label, (count, share) in enumerate(drawn, start=1)
                ],
                strata={"trained": examples},
            )
        )
    return Labels(
        max_vertices=graphs.max_vertices, finetune_vertices=graphs.finetune_vertices, worlds=worlds
    )


def _matrix(c: Configuration, predictors: list[Predictor]) -> Matrix:
    examples, graphs = c.evaluate.examples, c.graphs
    return Matrix(
        recipe=c.recipe,
        seed=c.seed,
        max_vertices=graphs.max_vertices,
        finetune_vertices=graphs.finetune_vertices,
        bootstrap_resamples=c.evaluate.bootstrap_resamples,
        predictors=predictors,
        worlds=[
            EvaluationSet(world=world, title=title, examples=examples, sha256="ab" * 32)
            for world, title in WORLDS.items()
        ],
        cells=[
            cell
            for predictor in predictors
            for world in WORLDS
            for cell in _cells(predictor.predictor, world, examples, graphs.max_vertices)
        ],
    )


def _cells(name: str, world: str, examples: int, max_vertices: int) -> list[Cell]:
    """All cells of a predictor on a distribution; the pooled one is the mean of its strata."""
    distance = list(WORLDS).index(world)
    skills = [1.0 if name == "circuit" else min(0.999, skill * (1 - 0.03 * distance))
              for skill in SKILL.get(name, OTHER_SKILL)]  # fmt: skip
    parts = [
        (where, skill, sixteenths * examples // 16)
        for where, skill, sixteenths in zip(SPLIT_STRATA, skills, SIXTEENTHS[world], strict=True)
        if sixteenths
    ]
    pooled = float(np.average([s for _, s, _ in parts], weights=[n for *_, n in parts]))
    parts += [(ON_PATH, s, n) for where, s, n in parts if where == SPLIT_STRATA[1]]
    if world == "test_e":
        parts += [(where, pooled, examples // 2) for where in (*ISOLATION, *SAME_DISTANCE)]
        parts += [
            (where, s * 0.6, n // 3)
            for of in (HARD, NEW)
            for where, s, n in zip(of, skills, [n for *_, n in parts], strict=False)
        ]
        parts += [(target_slice(target), pooled, 40 + target) for target in range(3, 6)]
    parts += [(distance_slice(label, max_vertices), pooled * 0.97**label, examples // 7)
              for label in range(1, max_vertices + 1)]  # fmt: skip
    return [_cell(name, world, *part) for part in ((POOLED, pooled, examples), *parts)]


def _cell(name: str, world: str, where: Slice, skill: float, count: int) -> Cell:
    mse = 12 * (1 - skill) ** 2 + (1.2e-9 if name == "circuit" else 0.002)
    reach = 2 * np.sqrt(max(skill * (1 - skill), 1e-4) / count)
    beside = {} if name in RULES else {
        "best_rule": "distance_to_2", "above_rule": skill - 0.5, "above_rule_low": skill - 0.6,
        "above_rule_high": skill - 0.4, "error_rule": "constant", "error_agreement": 0.6,
        "error_chance": 0.4, "rank_correlation": 0.7, "auroc": 0.6, "recalibrated": 0.5,
    }  # fmt: skip
    return Cell(
        **beside,
        predictor=name,
        world=world,
        by=where.by,
        slice=where.slice,
        count=count,
        mse=mse,
        mse_low=mse * 0.93,
        mse_high=mse * 1.08,
        accuracy=skill,
        accuracy_low=float(max(0, skill - reach)),
        accuracy_high=float(min(1, skill + reach)),
        r2=None if where.by == "label" else 1 - mse / 6,
    )


def _predictions(c: Configuration, predictors: list[Predictor]) -> Predictions:
    random, largest = np.random.default_rng(3), c.graphs.max_vertices
    width, lowest, highest = 0.25, -1.0, largest + 1.0
    cells = []
    for place, predictor in enumerate(predictors):
        for column, world in enumerate(WORLDS):
            labels = random.choice(np.arange(1, largest + 1), size=1000, p=_shares(c))
            blur = 0.0 if predictor.predictor == "circuit" else 0.05 + 0.15 * place * column
            answers = labels + blur * random.normal(size=labels.size)
            bins = ((answers - lowest) / width).clip(0, (highest - lowest) / width - 1).astype(int)
            pairs, counts = np.unique(np.stack([labels, bins]), axis=1, return_counts=True)
            counted = [(int(label), int(b), int(n)) for (label, b), n in zip(pairs.T, counts)]  # noqa: B905
            name = predictor.predictor
            cells.append(PredictionCounts(predictor=name, world=world, counts=counted))
    return Predictions(bin_width=width, lowest=lowest, highest=highest, cells=cells)
