"""The section on predictions: 2-D histograms of true distance by predicted value."""

import textwrap
from collections import Counter
from collections.abc import Mapping
from typing import Any

from offpath.report.marks import Axis, Frame, density
from offpath.report.parts import Chart, Figure, Section, Story
from offpath.report.sections.matrix import ordered
from offpath.results import Matrix, PredictionCounts, Predictions
from offpath.slices import label_title

LONGEST_LINE = 18  # letters beside a panel
FAINTEST = 0.002  # share of a true distance below which a bin cannot be seen
PANEL = 124


def section(story: Story) -> Section:
    """What each predictor answers for each true distance, on each distribution."""
    anchor, title = "predictions", "What the networks predict"
    matrix, predictions = story.get(Matrix), story.get(Predictions)
    if matrix is None or predictions is None:
        return Section(anchor, title, missing=story.missing(Matrix, Predictions))
    titles = {row.predictor: _wrapped(row.title) for row in ordered(matrix)}
    worlds = {world.world: world.title for world in matrix.worlds}
    rows = [
        {"row": titles[panel.predictor], "column": worlds[panel.world], **bin_}
        for panel in predictions.cells
        if panel.predictor in titles
        for bin_ in _bins(panel, predictions, matrix.max_vertices)
    ]
    frame = _frame(predictions, matrix.max_vertices)
    figure = Figure(
        "Predicted value for each true distance",
        "Each column of a panel is one true distance and sums to 1, with shares below 0.2 % left "
        "out; the colour grows with the square root of the share. On the dashed diagonal the "
        f"prediction is correct. The correct answer for “no path” is {matrix.max_vertices}; "
        "predictions beyond the axis are counted at its end. A column of few examples looks as "
        "strong as one of many.",
        story.facts(
            story.everyone,
            "frozen evaluation sets of all distributions",
            "share of predictions, by true distance",
            Predictions,
        ),
        charts=[Chart(density(rows, list(titles.values()), list(worlds.values()), frame))],
        layout="wide",
    )
    return Section(anchor, title, "Predictors down, distributions across.", [figure])


def _bins(
    panel: PredictionCounts, predictions: Predictions, max_vertices: int
) -> list[Mapping[str, Any]]:
    """The bins that can be seen: their edges, and their share of their true distance."""
    totals: Counter[int] = Counter()
    for label, _, count in panel.counts:
        totals[label] += count
    rows = []
    for label, place, count in panel.counts:
        low = predictions.lowest + place * predictions.bin_width
        row = {
            "truth": label_title(label, max_vertices),
            "left": label - 0.5,
            "right": label + 0.5,
            "low": low,
            "high": low + predictions.bin_width,
            "share": round(count / totals[label], 4),
            "count": count,
        }
        rows += [row] if round(count / totals[label], 4) >= FAINTEST else []
    return rows


def _frame(predictions: Predictions, largest: int) -> Frame:
    step = 2 if largest < 10 else 4  # few labels, so that "no path" has room beside them
    axis = {"values": [*range(1, largest - step // 2, step), largest], "labelOverlap": False}
    words = f"datum.value == {largest} ? ['no', 'path'] : datum.label"
    across = {"domain": [0.4, largest + 0.6], "nice": False}
    up = {"domain": [predictions.lowest, predictions.highest], "nice": False}
    x_axis = {**axis, "labelExpr": words}
    return Frame(
        "Two-dimensional histograms of true distance by predicted value",
        PANEL,
        Axis("left", "true distance", until="right", scale=across, axis=x_axis),
        Axis("low", "prediction", until="high", scale=up, axis=axis),
        {
            "true distance": "truth",
            "prediction from": "low",
            "to": "high",
            "share of column": "share .1%",
            "examples": "count",
        },
    )


def _wrapped(title: str) -> str:
    """A title in lines that are no longer than a panel is high."""
    return "\n".join(textwrap.wrap(title, LONGEST_LINE))
