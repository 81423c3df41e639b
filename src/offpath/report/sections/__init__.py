"""The sections of the report, one module each, in the order in which they are read."""

from collections.abc import Callable
from dataclasses import replace

from offpath.report.parts import Section, Story
from offpath.report.sections import (
    answer,
    circuit,
    coefficient,
    data,
    matrix,
    predictions,
    robustness,
    strata,
    study,
    training,
)
from offpath.results import (
    CircuitResult,
    Labels,
    LearningCoefficients,
    Matrix,
    Predictions,
    Result,
    Robustness,
    Study,
)

Heading = tuple[str, Callable[..., Section], tuple[type[Result], ...]]
SECTIONS: dict[str, Heading] = {
    "answer": ("The answer in short", answer.section, (Matrix,)),
    "matrix": ("The test matrix", matrix.section, (Matrix,)),
    "strata": ("By stratum and by distance", strata.section, (Matrix,)),
    "data": ("The data", data.section, (Labels,)),
    "training": ("Training", training.section, ()),
    "predictions": ("What the networks predict", predictions.section, (Matrix, Predictions)),
    "study": ("Beside the figures of WWZ24", study.section, (Study,)),
    "circuit": ("The handcrafted solution", circuit.section, (CircuitResult,)),
    "robustness": ("How robust the solutions are", robustness.section, (Robustness,)),
    "coefficient": ("The learning coefficient", coefficient.section, (LearningCoefficients,)),
}
"""By anchor: title, what writes the section, and the results that it is handed."""


def sections(story: Story) -> list[Section]:
    """All sections with something to show, from the answer down to what it rests on."""
    return [one for one in (section(story, anchor) for anchor in SECTIONS) if not one.empty]


def section(story: Story, anchor: str) -> Section:
    """One section; where a result is missing, what makes it."""
    title, write, kinds = SECTIONS[anchor]
    if Study in kinds and not story.trains:
        return Section()  # nothing of this run stands beside WWZ24
    missing = story.missing(*kinds)
    made = Section(missing=missing) if missing else write(story, *map(story.get, kinds))
    return replace(made, anchor=anchor, title=title)
