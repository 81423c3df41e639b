"""The section on the test matrix, and the matrix as tables for page and terminal."""

from collections.abc import Callable, Mapping, Sequence

from offpath.report.captions import sentences
from offpath.report.parts import Entry, Figure, Section, Story, Table, TableRow, score_entry
from offpath.report.words import thousands
from offpath.results import Cell, Labels, Matrix, Predictor
from offpath.slices import ANY_TARGET, POOLED, SPLIT_STRATA, Slice

KINDS = ("trained", "handcrafted", "rule")
"""The order in which every table shows the predictors."""
Write = Callable[[Cell | None], Entry | None]


def section(story: Story, matrix: Matrix) -> Section:
    """Every predictor on every distribution, pooled."""
    labels = story.get(Labels)
    caption = story.caption("matrix.pooled", resamples=thousands(matrix.bootstrap_resamples))
    terms = [(world.title, world.description) for world in labels.worlds] if labels else []
    return Section([Figure(*caption, tables=[world_table(matrix)])], terms=terms)


def circuit_statement(matrix: Matrix | None) -> str:
    """How often the handcrafted network is right, and where it is least, as sentences."""
    slices = (POOLED, *SPLIT_STRATA) if matrix else ()
    cells = {s: c for s in slices if matrix and (c := matrix.cell("circuit", ANY_TARGET, s))}
    if POOLED not in cells:
        return ""
    worst = min(cells, key=lambda where: cells[where].accuracy)
    known = {"cell": cells[POOLED], "worst": worst, "least": cells[worst].accuracy}
    return " ".join(sentences("circuit_accuracy", known))


def ordered(matrix: Matrix) -> list[Predictor]:
    """The predictors of a matrix: trained networks, handcrafted ones, rules."""
    return sorted(matrix.predictors, key=lambda row: KINDS.index(row.kind))


def world_table(matrix: Matrix, write: Write = score_entry) -> Table:
    """Every predictor on every distribution, all examples pooled."""
    places = {world.title: (world.world, POOLED) for world in matrix.worlds}
    return _table(matrix, "All distributions", places, write)


def slice_table(
    matrix: Matrix, world: str, slices: Sequence[Slice], write: Write = score_entry
) -> Table:
    """Every predictor on those slices of one distribution that have examples."""
    title = next(row.title for row in matrix.worlds if row.world == world)
    places = {where.title: (world, where) for where in slices if matrix.count(world, where)}
    return _table(matrix, title, places, write)


def _table(
    matrix: Matrix, title: str, places: Mapping[str, tuple[str, Slice]], write: Write
) -> Table:
    rows = []
    for row in ordered(matrix):
        entries = [write(matrix.cell(row.predictor, *place)) for place in places.values()]
        rows.append(TableRow(row.title, entries, row.kind, "rule" if row.kind == "rule" else ""))
    heads = [f"{head}\nn {thousands(matrix.count(*place))}" for head, place in places.items()]
    return Table(title, ["predictor", *heads], rows, "heat")
