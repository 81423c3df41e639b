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

from offpath.report import study_words, words
from offpath.report.parts import Entry, Table, TableRow
from offpath.report.sections.matrix import slice_table, world_table
from offpath.results import Cell, Matrix, Scores, Study, read_result
from offpath.run.folder import Run
from offpath.slices import ANY_TARGET, SPLIT_STRATA

LONGEST_TITLE = {"heat": 13, "plain": 18}  # columns of a terminal, by the look of a table
LONGEST_PIECE = 11  # of a column's head
NOTHING = Entry(["–"])


def run_view(run: Run) -> RenderableType:
    """The test matrix of a run, pooled and by stratum."""
    matrix, name = read_result(run, Matrix), run.configuration.run_name
    by_stratum = slice_table(matrix, ANY_TARGET, SPLIT_STRATA, accuracy_entry)
    return Group(
        Text(f"{name}: accuracy, MSE, its 95 % interval"),
        View(world_table(matrix, error_entry)),
        Text(f"\n{name}: accuracy on test e, its 95 % interval, by stratum"),
        View(by_stratum),
    )


def study_view(studies: Sequence[tuple[Run, Study]]) -> RenderableType:
    """Published quantities beside those of all runs; then for each run differences and strata."""
    names = [run.configuration.run_name for run, _ in studies]
    names = [  # two runs of one name are told apart by their folders
        str(run.folder) if names.count(name) > 1 else name
        for name, (run, _) in zip(names, studies, strict=True)
    ]
    by_name = dict(zip(names, (study for _, study in studies), strict=True))
    head = Text("Mean squared errors; of the runs with 95 % intervals")
    mixture = Sentence(study_words.mixture_sentence(studies[0][1]))
    return Group(head, View(_quantities(by_name)), mixture, *_each_run(by_name))


class View(NamedTuple):
    """A table as wide as there is room for."""

    table: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RichTable]:
        """One table, or several below each other with the columns that there was no room for."""
        width, places = options.max_width, range(len(self.table.columns))
        whole, narrow = (
            [_column(self.table, p, breaks) for p in places] for breaks in (False, True)
        )
        breaks_fit = _width(whole) > width and (
            _width(narrow) <= width or self.table.look == "heat"
        )
        titles, *columns = narrow if breaks_fit else whole
        while columns:
            taken, room = 0, width - titles.width
            while taken < len(columns) and (room := room - columns[taken].width - 1) >= 0:
                taken += 1
            yield _rich_table(self.table, [titles, *columns[: max(1, taken)]])
            columns = columns[max(1, taken) :]


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


def _column(table: Table, place: int, breaks: bool) -> _Column:
    """The titles of the rows at place 0, then the columns; `breaks` parts intervals."""
    title, _, note = table.columns[place].partition("\n") if place else ("", "", "")
    if place:
        entries = [_text(row.entries[place - 1] or NOTHING, table, breaks) for row in table.rows]
    else:
        longest = LONGEST_TITLE.get(table.look, LONGEST_TITLE["plain"])
        entries = [Text(fold(row.title, longest)) for row in table.rows]
    lines = [len(line) for text in entries for line in text.plain.split("\n")]
    pieces = [min(len(piece.rstrip()), LONGEST_PIECE) for piece in _pieces(title)]
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


def _text(entry: Entry, table: Table, breaks: bool) -> Text:
    """The lines of an entry, intervals dim; the first of a heat table stands out."""
    parts = []
    for line in entry.lines:
        interval = re.fullmatch(r"(\S+–)(\S+)", line)
        text = "\n".join(interval.groups()) if interval and breaks else line
        style = "bold" if table.look == "heat" and not parts else ""
        parts.append(Text(text, style="dim" if interval or line == "–" else style))
    return Text("\n").join(parts)


def fold(text: str, width: int) -> str:
    """A text in lines of at most `width` letters, broken behind a space, -, _ or /.

    >>> fold("laptop-a6e9c2c6-seed0", 10)
    'laptop-\\na6e9c2c6-\\nseed0'
    """
    lines = [""]
    for piece in _pieces(text):
        for part in (piece[start : start + width] for start in range(0, len(piece), width)):
            fits = len((lines[-1] + part).rstrip()) <= width
            lines = [*lines[:-1], lines[-1] + part] if fits else [*lines, part]
    return "\n".join(line.rstrip() for line in lines)


def _pieces(text: str) -> list[str]:
    """The parts of a text between which a line may break; an indentation belongs to the first."""
    return re.findall(r"(?:^ +)?[^-_/ ]+[-_/ ]?|[-_/ ]", text)


def error_entry(cell: Cell | None) -> Entry | None:
    """Accuracy, squared error and its interval."""
    return cell and Entry(
        [words.percent(cell.accuracy), words.significant(cell.mse), words.error_interval(cell)]
    )


def accuracy_entry(cell: Cell | None) -> Entry | None:
    """Accuracy and its interval."""
    return cell and Entry([words.percent(cell.accuracy), words.accuracy_interval(cell)])


def _quantities(studies: dict[str, Study]) -> Table:
    """The published figures, what their weights score again, and those of all runs."""
    first = next(iter(studies.values()))
    rows = []
    for place, quantity in enumerate(first.quantities):
        again = [f"{mse} {way}".strip() for way, mse in quantity.remeasured.items()]
        runs = [_error(study.quantities[place].pooled) for study in studies.values()]
        rows.append(TableRow(quantity.title, [Entry([quantity.published]), Entry(again), *runs]))
    heads = ["", "published", "re-measured on the published weights", *studies]
    return Table("WWZ24", heads, rows)


def _error(scores: Scores | None) -> Entry | None:
    return scores and Entry([words.significant(scores.mse), words.error_interval(scores)])


def _each_run(studies: dict[str, Study]) -> Iterator[RenderableType]:
    first_with: dict[tuple[str, ...], str] = {}
    for name, study in studies.items():
        yield Padding(Text(name, style="bold", overflow="fold"), (1, 0, 0, 0))
        origin = tuple(study_words.origin_sentences(study, named=True))
        first = first_with.setdefault(origin, name)
        origin = origin if first == name else (f"The same configuration as {first}.",)
        for sentence in (*origin, *study_words.hidden_sentences(study)):
            yield Padding(Sentence(sentence), (0, 0, 0, 2))
        yield Text("\nBy stratum: share of examples, share of squared error, scores")
        yield View(_strata(study))


def _strata(study: Study) -> Table:
    """Every quantity of a run, pooled and by stratum."""
    rows = []
    for quantity in study.quantities:
        title = quantity.title
        if quantity.pooled:
            rows.append(TableRow(title, _scores(quantity.pooled, 1.0, 1.0), title))
        for part in quantity.strata:
            entries = _scores(part, part.share_of_examples, part.share_of_error)
            rows.append(TableRow(f"  {study_words.stratum(part).title}", entries, title))
    interval = "95 % interval"
    heads = ["", "share %", "error %", "MSE", interval, "acc. %", interval, "R²"]
    return Table("By stratum", heads, rows)


def _scores(scores: Scores, examples: float, error: float | None) -> list[Entry]:
    texts = (
        f"{100 * examples:.1f}",
        "–" if error is None else f"{100 * error:.1f}",
        words.significant(scores.mse),
        words.error_interval(scores),
        f"{100 * scores.accuracy:.1f}",
        words.accuracy_interval(scores),
        words.r_squared(scores.r2),
    )
    return [Entry([text]) for text in texts]
