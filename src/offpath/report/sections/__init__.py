"""The sections of the report, in the order in which they are read."""

from dataclasses import replace

from offpath import results
from offpath.report.parts import Section, Story
from offpath.report.sections import (
    answer,
    circuit,
    coefficient,
    data,
    elicitation,
    inside,
    interventions,
    ledger,
    matrix,
    model,
    phases,
    predictions,
    robustness,
    shifts,
    study,
    task,
    training,
    truth,
)
from offpath.report.words import paragraph

SECTIONS = {
    "answer": (answer.section, results.Matrix),
    "truth": (truth.section, results.Truth),
    "task": (task.section, results.Examples),
    "data": (data.section, results.Labels),
    "model": (model.section,),
    "training": (training.section,),
    "phases": (phases.section, results.Phases),
    "finetuning": (training.finetuning_section,),
    "matrix": (matrix.section, results.Matrix),
    "strata": (matrix.strata_section, results.Matrix),
    "ledger": (ledger.section, results.Matrix, results.Overlap),
    "shifts": (shifts.section, results.Shifts),
    "interventions": (interventions.section, results.Matrix),
    "predictions": (predictions.section, results.Matrix, results.Predictions),
    "elicitation": (elicitation.section, results.Elicitation),
    "study": (study.section, results.Study),
    "circuit": (circuit.section, results.CircuitResult),
    "inside": (inside.section, results.Inside),
    "robustness": (robustness.section, results.Robustness),
    "coefficient": (coefficient.section, results.LearningCoefficients),
}
"""By anchor: what writes the section, and the results that it is handed."""


def sections(story: Story) -> list[Section]:
    """All sections whose results the run has, in the order of the story."""
    return [
        one
        for one in (section(story, anchor) for anchor in SECTIONS)
        if one.figures or one.headline
    ]


def section(story: Story, anchor: str) -> Section:
    """One section; empty where the run lacks a result for it."""
    if anchor == "model" and not story.trains:
        return Section()
    write, *kinds = SECTIONS[anchor]
    if story.missing(*kinds):
        return Section()
    title, text = story.heading(anchor)
    made = write(story, *map(story.get, kinds))
    return replace(made, anchor=anchor, title=made.title or title, text=paragraph(text, made.text))
