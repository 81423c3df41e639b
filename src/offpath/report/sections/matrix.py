"""The section on the test matrix, and the matrix as tables for page and terminal."""

from collections.abc import Callable, Sequence

from offpath.report.parts import Entry, Figure, Section, Story, Table, TableRow, score_entry
from offpath.report.words import thousands
from offpath.results import Cell, Labels, Matrix, Predictor
from offpath.slices import POOLED, Slice

KINDS = ("trained", "handcrafted", "rule")
"""The order in which every table shows the predictors."""
Write = Callable[[Cell | None], Entry | None]


def section(story: Story) -> Section:
    """Every predictor on every distribution, pooled."""
    anchor, title = "matrix", "The test matrix"
    matrix, labels = story.get(Matrix), story.get(Labels)
    if matrix is None:
        return Section(anchor, title, missing=story.missing(Matrix))
    resamples = thousands(matrix.bootstrap_resamples)
    figure = Figure(
        "Every predictor on every distribution",
        "Large: accuracy (share of answers that round to the true distance), which also sets the "
        f"colour. Below: mean squared error, its 95 % interval from {resamples} bootstrap "
        "resamples (– below 30 examples), and R² against the best constant.",
        story.facts(
            story.everyone,
            "frozen evaluation sets, the same for every predictor",
            "accuracy, MSE, R²",
            Matrix,
        ),
        tables=[world_table(matrix)],
    )
    text = (
        "Pooled figures mix easy and hard questions: on-path questions often ask for vertex 2, the "
        "target of pre-training, and tests c, d and e also ask for vertices that the graph does "
        "not have. Read this table together with the next section."
    )
    terms = [(world.title, world.description) for world in labels.worlds] if labels else []
    return Section(anchor, title, text, [figure], terms=terms)


def ordered(matrix: Matrix) -> list[Predictor]:
    """The predictors of a matrix: trained networks, handcrafted ones, rules."""
    return sorted(matrix.predictors, key=lambda row: KINDS.index(row.kind))


def world_table(matrix: Matrix, write: Write = score_entry) -> Table:
    """Every predictor on every distribution, all examples pooled."""
    places = [(world.title, world.world, POOLED) for world in matrix.worlds]
    return _table(matrix, "All distributions", places, write)


def slice_table(
    matrix: Matrix, world: str, slices: Sequence[Slice], write: Write = score_entry
) -> Table:
    """Every predictor on those slices of one distribution that have examples."""
    title = next(row.title for row in matrix.worlds if row.world == world)
    places = [(where.title, world, where) for where in slices if matrix.count(world, where)]
    return _table(matrix, title, places, write)


def _table(
    matrix: Matrix, title: str, places: Sequence[tuple[str, str, Slice]], write: Write
) -> Table:
    rows = [
        TableRow(
            row.title,
            [write(matrix.cell(row.predictor, world, where)) for _, world, where in places],
            row.kind,
            "rule" if row.kind == "rule" else "",
        )
        for row in ordered(matrix)
    ]
    heads = [f"{name}\nn {thousands(matrix.count(w, where))}" for name, w, where in places]
    return Table(title, ["predictor", *heads], rows, "heat")
