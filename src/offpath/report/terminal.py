"""Tables and sentences for a terminal of any width: nothing is cut away.

In: results of a run, or of several to compare with WWZ24. Out: what rich prints. Where a table is
too wide, intervals break in two lines, then columns go on below.
"""

import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from offpath.comparison import Comparison
from offpath.report import words
from offpath.report.parts import Entry, Table, TableRow
from offpath.report.sections import answer, shifts
from offpath.report.sections import study as study_section
from offpath.report.sections.matrix import slice_table, world_table
from offpath.report.sections.seed_tables import (
    difference_tables,
    known_slices,
    score_name,
    score_tables,
    unit,
)
from offpath.report.sections.truth_tables import answer as truth_answer
from offpath.report.sections.truth_tables import headline
from offpath.results import Cell, Matrix, Scores, Shifts, Study, Truth, WholeGraphs, read_result
from offpath.run.folder import Run
from offpath.slices import ANY_TARGET, HARD, SPLIT_STRATA

LONGEST_TITLE = {
    "heat": 13,
    "narrow": 13,
    "plain": 18,
}  # columns of a terminal, by the look of a table
MOST_SEEDS = 12  # with a column each
LONGEST_PIECE = 11  # of a column's head
ONE_SEED = (
    "One seed cannot show what the method does: `offpath sweep` runs others, and `offpath compare` "
    "tests what they have in common."
)
STRATA_HEADS = ["", "share %", "error %", "MSE", "95 % interval", "acc. %", "95 % interval", "R²"]


def run_view(run: Run) -> RenderableType:
    """What a run has measured: of networks that are asked plain questions, or of an assistant."""
    return truth_view(run) if run.configuration.reporters else matrix_view(run)


def truth_view(run: Run) -> RenderableType:
    """Whom each network follows where nobody audited it, and what it was taught."""
    found = read_result(run, Truth)
    table = headline(found)
    return Group(
        Text(f"{run.configuration.run_name}: {table.title}, beneath: 95 % interval"),
        View(table),
        Sentence(truth_answer(found)),
        Sentence("One seed cannot show what the method does: `offpath sweep` runs others."),
    )


def matrix_view(run: Run) -> RenderableType:
    """The test matrix of a run: hard questions, strata, and pooled over each distribution."""
    matrix, name = read_result(run, Matrix), run.configuration.run_name
    first = ANY_TARGET, SPLIT_STRATA
    networks = [row for row in matrix.predictors if row.kind != "rule"]
    alone = matrix.model_copy(update={"predictors": networks})
    shown = [row for row in matrix.predictors if row.kind != "rule" or row.trivial]
    beside = matrix.model_copy(update={"predictors": shown})
    lines = answer.claims(matrix) if run.configuration.pretrain else []
    return Group(
        Text(f"{name}: accuracy over all questions, MSE, its 95 % interval"),
        View(world_table(alone, error_entry)),
        Text(f"\n{name}: accuracy on test e by stratum, networks and trivial rules"),
        View(slice_table(beside, *first, share_entry)),
        Text(f"\n{name}: the same on hard questions (d at least 3, and not d(1,2))"),
        Text("beneath: 95 % interval, and points above the best trivial rule"),
        View(slice_table(alone, ANY_TARGET, HARD, hard_entry)),
        *map(Sentence, lines),
        Sentence(ONE_SEED) if lines else "",
        *_shift_lines(run),
        *_coherence_lines(run),
    )


def _shift_lines(run: Run) -> Iterator[RenderableType]:
    """Where the network falls below the best rule first, a line for each axis."""
    if run.result(Shifts.file).exists():
        yield Text("\nOne axis at a time, hard questions: points above the best trivial rule")
        found = shifts.falls(read_result(run, Shifts))
        yield from (Sentence(f"{axis}: {fall}") for axis, fall in found.items())


def _coherence_lines(run: Run) -> Iterator[RenderableType]:
    """What networks answer on whole graphs, if some were trained to be coherent there."""
    if not run.result(WholeGraphs.file).exists():
        return
    found = read_result(run, WholeGraphs)
    cells = {(cell.predictor, cell.part): cell.accuracy for cell in found.cells}
    kinds = {(row.predictor, row.kind): row.share for row in found.functions}
    rows = []
    for one in found.predictors:
        shares = [cells.get((one.predictor, part.part)) for part in found.parts]
        true, none = (kinds[one.predictor, kind] for kind in ("truth", "none"))
        shares += [true, 1 - true - none]
        entries = [None if share is None else Entry([words.percent(share)]) for share in shares]
        rows.append(TableRow(one.title, entries))
    heads = ["", *(part.title for part in found.parts), "graphs: true", "graphs: coherent lie"]
    yield Text(f"\nOn {found.graphs:,} whole graphs that no training without labels has shown: %")
    yield View(Table("Whole graphs", heads, rows))


def study_view(studies: Sequence[tuple[Run, Study]]) -> RenderableType:
    """Published quantities beside those of all runs; then for each run differences and strata."""
    names = [run.configuration.run_name for run, _ in studies]
    by_name = {  # two runs of one name are known by their folders
        str(run.folder) if names.count(name) > 1 else name: study
        for name, (run, study) in zip(names, studies, strict=True)
    }
    head = Text("Mean squared errors; of the runs with 95 % intervals")
    mixture = Sentence(study_section.mixture_sentence(studies[0][1]))
    return Group(head, View(_quantities(by_name)), mixture, *_each_run(by_name))


def comparison_view(comparison: Comparison) -> RenderableType:
    """Slice by slice the scores by seed and the differences; then what limits these."""
    score, parts = f"{score_name(comparison)}{unit(comparison)}", []
    count = len(comparison.runs)
    head = f"{count} run{'s' * (count > 1)}: {score} on {comparison.world_title}, over seeds"
    for where in known_slices(comparison):
        for table in score_tables(comparison, where, MOST_SEEDS):
            parts += [Text(f"\n{table.title}", style="bold"), View(table)]
        for table in difference_tables(comparison, where):
            parts += [Text(f"\n{table.title}"), View(table)]
    return Group(Text(head), *parts, *_noted(comparison))


def _noted(comparison: Comparison) -> Iterator[RenderableType]:
    for note in comparison.notes:
        yield Padding(Sentence(note), (1, 0, 0, 0))


class View(NamedTuple):
    """A table as wide as there is room for."""

    table: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RichTable]:
        """One table, or several below each other with the columns that there was no room for."""
        room, places = options.max_width, range(len(self.table.columns))
        whole, narrow = ([_column(self.table, p, part) for p in places] for part in (False, True))
        broken = _width(whole) > room and (_width(narrow) <= room or self.table.look == "heat")
        titles, *columns = narrow if broken else whole
        while columns:
            taken = 1
            while taken < len(columns) and _width([titles, *columns[: taken + 1]]) <= room:
                taken += 1
            yield _rich_table(self.table, [titles, *columns[:taken]])
            columns = columns[taken:]


class Sentence(NamedTuple):
    """Text that breaks at plain spaces only, where rich would break at no-break ones too."""

    text: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Lines as wide as there is room for."""
        lines = textwrap.wrap(self.text, options.max_width, break_on_hyphens=False)
        yield Text("\n".join(lines), no_wrap=True)


class _Column(NamedTuple):
    """A column as a terminal shows it."""

    head: str
    entries: list[Text]
    width: int


def _width(columns: Sequence[_Column]) -> int:
    return sum(column.width + 1 for column in columns) - 1


def _column(table: Table, place: int, part: bool) -> _Column:
    """The titles of the rows at place 0, then the columns; `part` breaks intervals in two."""
    title, _, note = table.columns[place].partition("\n") if place else ("", "", "")
    if place:
        entries = [_text(row.entries[place - 1], table.look == "heat", part) for row in table.rows]
    else:
        longest = LONGEST_TITLE.get(table.look, LONGEST_TITLE["plain"])
        entries = [Text(fold(row.title, longest)) for row in table.rows]
    lines = [len(line) for text in entries for line in text.plain.split("\n")]
    pieces = [min(len(piece), LONGEST_PIECE) for piece in _Wrapper.wordsep_re.split(title)]
    width = max([*lines, *pieces, len(note)])
    return _Column("\n".join(filter(None, [fold(title, width), note])), entries, width)


def _rich_table(table: Table, columns: Sequence[_Column]) -> RichTable:
    made = RichTable(box=box.SIMPLE_HEAD, padding=0, show_edge=False, pad_edge=False)
    for place, column in enumerate(columns):
        made.add_column(column.head, justify="right" if place else "left", overflow="fold")
    tall = any("\n" in text.plain for column in columns[1:] for text in column.entries)
    for place, row in enumerate(table.rows):
        if place and row.group != table.rows[place - 1].group:
            made.add_section()
        made.add_row(*(column.entries[place] for column in columns))
        if tall:
            made.add_row()
    return made


def _text(entry: Entry | None, heat: bool, part: bool) -> Text:
    """The lines of an entry, intervals dim; the first of a heat table stands out."""
    lines = []
    for line in entry.lines if entry else ["–"]:
        interval = re.fullmatch(r"(\S+–)(\S+)", line)
        style = "bold" if heat and not lines else ""
        text = "\n".join(interval.groups()) if interval and part else line
        lines.append(Text(text, "dim" if interval or line == "–" else style))
    return Text("\n").join(lines)


class _Wrapper(textwrap.TextWrapper):
    wordsep_re = re.compile(r"( +|[^-_/ ]*[-_/]+)")  # keeps what it splits at


def fold(text: str, width: int) -> str:
    """A text in lines of at most `width` letters, broken behind a space, -, _ or /."""
    return "\n".join(_Wrapper(width).wrap(text))


def error_entry(cell: Cell | None) -> Entry | None:
    """Accuracy, squared error and its interval."""
    return cell and Entry([words.percent(cell.accuracy), *_error(cell)])


def share_entry(cell: Cell | None) -> Entry | None:
    """Accuracy alone."""
    return cell and Entry([words.percent(cell.accuracy)])


def hard_entry(cell: Cell | None) -> Entry | None:
    """Accuracy, its interval, and the difference from the best trivial rule."""
    if cell is None:
        return None
    rule = "–" if cell.above_rule is None else words.points(cell.above_rule)
    return Entry([words.percent(cell.accuracy), words.accuracy_interval(cell), rule])


def accuracy_entry(cell: Cell | None) -> Entry | None:
    """Accuracy and its interval."""
    return cell and Entry([words.percent(cell.accuracy), words.accuracy_interval(cell)])


def _error(scores: Scores) -> list[str]:
    return [words.significant(scores.mse), words.error_interval(scores)]


def _quantities(studies: dict[str, Study]) -> Table:
    """The published figures, what their weights score again, and those of all runs."""
    rows = []
    for first, *more in zip(*(study.quantities for study in studies.values()), strict=True):
        again = [f"{mse} {way}".strip() for way, mse in first.remeasured.items()]
        runs = [one.pooled and Entry(_error(one.pooled)) for one in (first, *more)]
        rows.append(TableRow(first.title, [Entry([first.published]), Entry(again), *runs]))
    heads = ["", "published", "re-measured on the published weights", *studies]
    return Table("WWZ24", heads, rows)


def _each_run(studies: dict[str, Study]) -> Iterator[RenderableType]:
    first_with: dict[tuple[str, ...], str] = {}
    for name, study in studies.items():
        yield Padding(Text(name, style="bold", overflow="fold"), (1, 0, 0, 0))
        origin = tuple(study_section.origin_sentences(study, named=True))
        first = first_with.setdefault(origin, name)
        origin = origin if first == name else (f"The same configuration as {first}.",)
        for sentence in (*origin, *study_section.hidden_sentences(study)):
            yield Padding(Sentence(sentence), (0, 0, 0, 2))
        yield Text("\nBy stratum: share of examples, share of squared error, scores")
        yield View(_strata(study))


def _strata(study: Study) -> Table:
    """Every quantity of a run, pooled and by stratum."""
    rows = []
    for quantity in study.quantities:
        one, title = quantity.pooled, quantity.title
        rows += [TableRow(title, _scores(one, 1.0, 1.0), title)] if one else []
        for part in quantity.strata:
            entries = _scores(part, part.share_of_examples, part.share_of_error)
            rows.append(TableRow(f"  {study_section.stratum(part).title}", entries, title))
    return Table("By stratum", STRATA_HEADS, rows)


def _scores(scores: Scores, examples: float, error: float | None) -> list[Entry]:
    """A row below `STRATA_HEADS`."""
    shares = [f"{100 * examples:.1f}", "–" if error is None else f"{100 * error:.1f}"]
    accuracy = [f"{100 * scores.accuracy:.1f}", words.accuracy_interval(scores)]
    texts = [*shares, *_error(scores), *accuracy, words.r_squared(scores.r2)]
    return [Entry([text]) for text in texts]
