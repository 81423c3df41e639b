"""The sections of the report, one module each, in the order in which they are read."""

from altair.utils.schemapi import debug_mode

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

SECTIONS = (
    *(answer, matrix, strata, data, training, predictions, study),
    *(circuit, robustness, coefficient),
)


def sections(story: Story) -> list[Section]:
    """All sections with something to show, from the answer down to what it rests on."""
    with debug_mode(False):  # Altair's checks would take half of the time; a test makes them
        every = [module.section(story) for module in SECTIONS]
    return [section for section in every if not section.empty]
