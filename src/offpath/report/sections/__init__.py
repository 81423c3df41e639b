"""The sections of the report, in the order in which they are read."""

from dataclasses import replace

from offpath import results
from offpath.report.parts import Section, Story
from offpath.report.sections import (
    answer,
    circuit,
    coefficient,
    data,
    ledger,
    matrix,
    model,
    phases,
    predictions,
    robustness,
    study,
    task,
    training,
)
from offpath.report.words import paragraph

SECTIONS = {
    "answer": (answer.section, results.Matrix),
    "ledger": (ledger.section, results.Matrix, results.Overlap),
    "matrix": (matrix.section, results.Matrix),
    "strata": (matrix.strata_section, results.Matrix),
    "task": (task.section, results.Examples),
    "data": (data.section, results.Labels),
    "model": (model.section,),
    "training": (training.section,),
    "phases": (phases.section, results.Phases),
    "finetuning": (training.finetuning_section,),
    "predictions": (predictions.section, results.Matrix, results.Predictions),
    "study": (study.section, results.Study),
    "circuit": (circuit.section, results.CircuitResult),
    "robustness": (robustness.section, results.Robustness),
    "coefficient": (coefficient.section, results.LearningCoefficients),
}
"""By anchor: what writes the section, and the results that it is handed."""


def sections(story: Story) -> list[Section]:
    """All sections with something to show, from the answer down to what it rests on."""
    return [one for one in (section(story, anchor) for anchor in SECTIONS) if one.title]


def section(story: Story, anchor: str) -> Section:
    """One section; where a result is missing, what makes it; empty where the run has no such."""
    trained = dict.fromkeys(("model", "training", "phases", "study"), story.trains)
    if not {**trained, "finetuning": story.learns}.get(anchor, True):
        return Section()
    write, *kinds = SECTIONS[anchor]
    title, text = story.heading(anchor)
    if missing := story.missing(*kinds):
        return Section(missing=missing, anchor=anchor, title=title)
    made = write(story, *map(story.get, kinds))
    return replace(made, anchor=anchor, title=made.title or title, text=paragraph(text, made.text))
