"""The section on predictions: 2-D histograms of true distance by predicted value."""

import textwrap
from collections import Counter

from offpath.report.marks import Frame, Row, axis, density
from offpath.report.parts import Chart, Figure, Section, Story
from offpath.report.sections.matrix import ordered
from offpath.results import Matrix, PredictionCounts, Predictions
from offpath.slices import label_title

LONGEST_LINE = 18  # letters beside a panel: no more than it is high
FAINTEST = 0.002  # share of a true distance below which a bin cannot be seen
PANEL = 124
WORDS = {
    "true distance": "truth",
    "prediction from": "low",
    "to": "high",
    "share of column": "share .1%",
    "examples": "count",
}


def section(story: Story, matrix: Matrix, predictions: Predictions) -> Section:
    """What each predictor answers for each true distance, on each distribution."""
    titles = {p.predictor: "\n".join(textwrap.wrap(p.title, LONGEST_LINE)) for p in ordered(matrix)}
    worlds = {world.world: world.title for world in matrix.worlds}
    rows = [
        {"row": titles[panel.predictor], "column": worlds[panel.world], **bin_}
        for panel in predictions.cells
        if panel.predictor in titles
        for bin_ in _bins(panel, predictions, matrix.max_vertices)
    ]
    frame = _frame(predictions, matrix.max_vertices)
    chart = Chart(density(rows, list(titles.values()), list(worlds.values()), frame))
    figure = Figure(*story.caption("predictions.panels"), charts=[chart], layout="wide")
    return Section([figure])


def _bins(panel: PredictionCounts, predictions: Predictions, max_vertices: int) -> list[Row]:
    """The bins that can be seen: their edges, and their share of their true distance."""
    totals: Counter[int] = Counter()
    for label, _, count in panel.counts:
        totals[label] += count
    rows = []
    for label, place, count in panel.counts:
        low, share = predictions.lowest + place * predictions.bin_width, count / totals[label]
        ends = {"left": label - 0.5, "right": label + 0.5, "low": low}
        row = {
            "truth": label_title(label, max_vertices),
            **ends,
            "high": low + predictions.bin_width,
        }
        rows.append({**row, "share": round(share, 4), "count": count})
    return [row for row in rows if row["share"] >= FAINTEST]


def _frame(predictions: Predictions, largest: int) -> Frame:
    step = 2 if largest < 10 else 4  # few labels, so that "no path" has room beside them
    look = {"values": [*range(1, largest - step // 2, step), largest], "labelOverlap": False}
    words = {"labelExpr": f"datum.value == {largest} ? ['no', 'path'] : datum.label"}
    across = {"domain": [0.4, largest + 0.6], "nice": False}
    up = {"domain": [predictions.lowest, predictions.highest], "nice": False}
    x = axis("left", "true distance", across, **look, **words)
    name = "Two-dimensional histograms of true distance by predicted value"
    return Frame(name, PANEL, x, axis("low", "prediction", up, **look), WORDS)
