"""The sections on the test matrix, pooled and by stratum; its tables, for the terminal too."""

from collections.abc import Callable, Mapping, Sequence

from offpath.report import parts
from offpath.report.frames import Row, frame
from offpath.report.marks import intervals
from offpath.report.parts import Chart, Entry, Figure, Key, Section, Story, Table, TableRow
from offpath.report.words import accuracy_interval, sentences, thousands
from offpath.results import Cell, Labels, Matrix, Predictor, Scores
from offpath.slices import ANY_TARGET, ISOLATION, POOLED, SPLIT_STRATA, Slice

KINDS = ("trained", "handcrafted", "intervention", "rule")
"""The order in which every table shows the predictors."""
Write = Callable[[Cell | None], Entry | None]


def section(story: Story, matrix: Matrix) -> Section:
    """Every predictor on every distribution, pooled."""
    labels = story.get(Labels)
    caption = story.caption("matrix.pooled", resamples=thousands(matrix.bootstrap_resamples))
    terms = [(world.title, world.description) for world in labels.worlds] if labels else []
    return Section([Figure(*caption, tables=[world_table(matrix)])], terms=terms)


def strata_section(story: Story, matrix: Matrix) -> Section:
    """Every predictor by stratum and by distance, on test e and on the other distributions."""
    slices, distances = (*SPLIT_STRATA, *ISOLATION), matrix.distances()
    worlds = sorted((row.world for row in matrix.worlds), key=lambda world: world != ANY_TARGET)
    by_slice, by_distance = (
        [slice_table(matrix, world, cut) for world in worlds] for cut in (slices, distances)
    )
    keys = parts.predictor_keys(
        matrix, [*compared(story), *["circuit"] * story.trains, "distance_to_2"]
    )
    rows, legend = accuracy_rows(matrix, distances, keys), list(keys.values())
    charts = [Chart(intervals(rows, legend, frame("distances", series=len(keys))))]
    figures = [
        Figure(*story.caption("strata.tables"), tables=by_slice),
        Figure(*story.caption("strata.distance_chart"), charts=charts, legend=legend),
        Figure(*story.caption("strata.distances"), tables=by_distance),
    ]
    return Section(figures, terms=[(where.title, where.meaning) for where in slices])


def compared(story: Story) -> list[str]:
    """The fine-tuned network and what to compare it with; the circuit, if nothing was trained."""
    if not story.trains:
        return ["circuit"]
    own = [n.name for n in story.base_networks if n.training and n.starts_from != "circuit"]
    return sorted(own, key=lambda name: name != "finetuned")


def accuracy_rows(matrix: Matrix, slices: Sequence[Slice], keys: Mapping[str, Key]) -> list[Row]:
    """The accuracy of each predictor on each slice of test e, with its interval."""
    return [
        accuracy_row(key.title, where, cell)
        for where in slices
        for name, key in keys.items()
        if (cell := matrix.cell(name, ANY_TARGET, where))
    ]


def accuracy_row(series: str, where: Slice, cell: Scores) -> Row:
    """One accuracy with its interval, for a chart."""
    place = {"series": series, "slice": where.title, "count": cell.count}
    ends = {"low": cell.accuracy_low, "high": cell.accuracy_high}
    interval = f"{accuracy_interval(cell)} %"
    return {**place, "accuracy": cell.accuracy, **ends, "interval": interval}


def strata_chart(rows: Sequence[Row], keys: Sequence[Key]) -> Chart:
    """Slices of test e down, accuracy across."""
    slices, series = ({row[field] for row in rows} for field in ("slice", "series"))
    made = frame("strata", slices=len(slices), series=len(series))
    tall = made._replace(height=18 * len(slices) * len(series))
    return Chart(intervals(rows, keys, tall))


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


def world_table(matrix: Matrix, write: Write = parts.score_entry) -> Table:
    """Every predictor on every distribution, all examples pooled."""
    places = {world.title: (world.world, POOLED) for world in matrix.worlds}
    return _table(matrix, "All distributions", places, write)


def slice_table(
    matrix: Matrix, world: str, slices: Sequence[Slice], write: Write = parts.score_entry
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
