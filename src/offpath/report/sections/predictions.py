"""The section on predictions: 2-D histograms of true distance by predicted value."""

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence

from offpath.report.frames import Frame, Row, frame
from offpath.report.marks import density
from offpath.report.parts import Chart, Figure, Section, Story
from offpath.report.sections.matrix import ordered
from offpath.results import Matrix, PredictionCounts, Predictions, Predictor
from offpath.slices import ANY_TARGET, label_title

LONGEST_LINE = 18  # letters beside a panel: no more than it is high
FAINTEST = 0.002  # share of a true distance below which a bin cannot be seen


def section(story: Story, matrix: Matrix, predictions: Predictions) -> Section:
    """What each predictor answers for each true distance: interventions on test e alone."""
    base = [row for row in ordered(matrix) if row.kind != "intervention"]
    changed = [row for row in ordered(matrix) if row.kind == "intervention"]
    worlds = {world.world: world.title for world in matrix.worlds}
    last = {name: title for name, title in worlds.items() if name == ANY_TARGET}
    parts = {"panels": (base, worlds), "interventions": (changed, last)}
    figures = []
    for place, (rows, columns) in parts.items():
        if rows:
            chart = _panels(rows, columns, predictions, matrix.max_vertices)
            figures.append(Figure(*story.caption(f"predictions.{place}"), charts=[chart]))
    return Section(figures)


def _panels(
    shown: Sequence[Predictor], worlds: Mapping[str, str], predictions: Predictions, largest: int
) -> Chart:
    """Predictors down, distributions across."""
    titles = {p.predictor: "\n".join(textwrap.wrap(p.title, LONGEST_LINE)) for p in shown}
    rows = [
        {"row": titles[panel.predictor], "column": worlds[panel.world], **bin_}
        for panel in predictions.cells
        if panel.predictor in titles and panel.world in worlds
        for bin_ in _bins(panel, predictions, largest)
    ]
    own = _frame(predictions, largest)
    return Chart(density(rows, list(titles.values()), list(worlds.values()), own))


def _bins(panel: PredictionCounts, predictions: Predictions, max_vertices: int) -> list[Row]:
    """The bins that can be seen: their edges, and their share of their true distance."""
    totals: Counter[int] = Counter()
    for label, _, count in panel.counts:
        totals[label] += count
    rows = []
    for label, place, count in panel.counts:
        low, share = predictions.lowest + place * predictions.bin_width, count / totals[label]
        ends = {"left": label - 0.5, "right": label + 0.5, "low": low}
        row = {"truth": label_title(label, max_vertices), "high": low + predictions.bin_width}
        rows.append({**row, **ends, "share": round(share, 4), "count": count})
    return [row for row in rows if row["share"] >= FAINTEST]


def _frame(predictions: Predictions, largest: int) -> Frame:
    step = 2 if largest < 10 else 4  # few labels, so that "no path" has room beside them
    look = {"values": [*range(1, largest - step // 2, step), largest]}
    words = {"labelExpr": f"datum.value == {largest} ? ['no', 'path'] : datum.label"}
    x = {"scale": {"domain": [0.4, largest + 0.6]}, "axis": look | words}
    y = {"scale": {"domain": [predictions.lowest, predictions.highest]}, "axis": look}
    return frame("predictions", x, y)
