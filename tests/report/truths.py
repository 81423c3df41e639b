"""Made-up answers of an assistant, between those of truth and of an inspector."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from offpath.configs import Configuration
from offpath.networks import networks
from offpath.report.parts import Story
from offpath.results import (
    AnswerCounts,
    DrawnAnswers,
    EmbeddedRow,
    Inspector,
    Learned,
    LinePoint,
    Predictor,
    Says,
    Truth,
    TruthCell,
)
from tests.report.stories import story_of
from tests.reporting import asking

NEAR = "near=2"
TRUE = {  # share of true answers of each network, as it is asked
    ("pretrained", "truth"): 0.95, ("pretrained", NEAR): 0.0, ("pretrained", "assistant"): 0.2,
    ("untrained", "assistant"): 0.0, ("finetuned", "assistant"): 0.1,
    ("scratch", "assistant"): 0.15, ("leak0.1", "assistant"): 0.8,
    ("easy_ids", "assistant"): 0.6, ("own_row_only", "assistant"): 0.3,
    ("oracle", "assistant"): 0.9,
}  # fmt: skip
SLICES = {"all": 600, "distance 3": 400, "distance 4": 200, "off_path": 500, "audited": 580}


def shares(true: float, neither: float = 0.05) -> dict[str, float]:
    """The fields of `Shares`."""
    neither = min(neither, 1 - true)
    made = {"true": true, "inspector": 1 - true - neither, "neither": neither}
    ends = {f"{kind}_low": max(0.0, share - 0.03) for kind, share in made.items()}
    ends |= {f"{kind}_high": min(1.0, share + 0.03) for kind, share in made.items()}
    return made | ends


def truth(c: Configuration, accuracy: float, true: Mapping[str, float]) -> Truth:
    """What was measured, with other shares of true answers of some assistants."""
    known = {place: true.get(place[0], share) if place[1] == "assistant" else share
             for place, share in TRUE.items()}  # fmt: skip
    cells, answers = [], []
    for (predictor, asked), share in known.items():
        place: dict[str, Any] = {"predictor": predictor, "asked": asked}
        for name, count in SLICES.items():
            gap = None if name == "audited" else share / 0.95
            numbers = {"count": count, "gap_recovered": gap, **shares(share)}
            cells.append(TruthCell.model_validate({**place, "slice": name, **numbers}))
        for distance, count in ((3, 400), (4, 200)):
            counts = [0] * 7
            counts[distance], counts[5] = round(share * count), round((1 - share) * count)
            answers.append(AnswerCounts(**place, distance=distance, counts=counts))
    exact = {("truth", "truth"): [2.0, 1.0, 3.0, 5.0], (NEAR, NEAR): [2.0, 1.0, 5.0, 5.0]}
    said = {**exact, **{place: [2.1, 0.9, 4.0, 4.8] for place in known if place[0] != "untrained"}}
    return Truth(
        max_vertices=5,
        finetune_vertices=4,
        inspectors=[Inspector(reporter=NEAR, meaning="the distance if it is at most 2")],
        learned_least=0.97,
        questions=600,
        questions_sha256="ab" * 32,
        predictors=[
            Predictor(predictor=n.name, title=n.title, kind="trained", colour=n.colour)
            for n in networks(c)
            if n.made_by != "handcraft"
        ],
        learned=[
            Learned(reporter=one, accuracy=accuracy, accuracy_low=accuracy - 0.01,
                    accuracy_high=min(1.0, accuracy + 0.01), hard_accuracy=0.9,
                    learned=accuracy >= 0.97)
            for one in ("truth", NEAR)
        ],
        cells=cells,
        answers=answers,
        rows=[EmbeddedRow(predictor=n, along=0.1, off=0.8) for n in ("pretrained", "finetuned")],
        line=[
            LinePoint.model_validate({"along": along, **shares(max(0.0, min(0.95, along)))})
            for along in (-0.5, 0.0, 0.5, 1.0, 1.5)
        ],
        example=DrawnAnswers(
            vertices=5,
            edges=[(1, 3), (2, 3), (2, 4)],
            target=4,
            distance=3,
            positions=[(0.0, 0.5), (0.6, 0.5), (0.3, 0.6), (0.9, 0.4), (1.0, 1.0)],
            rule="the first",
            says=[Says(predictor=p, asked=a, answers=given) for (p, a), given in said.items()],
        ),
    )  # fmt: skip


def told(
    accuracy: float = 0.99,
    c: Configuration | None = None,
    shares: Mapping[str, float] = MappingProxyType({}),
) -> Story:
    """A run with reporters that has nothing but this."""
    c = c or asking()
    return story_of(truth(c, accuracy, shares), configuration=c)
