"""What an assistant answers that nobody audited: the truth, what an inspector says, or neither."""

from functools import cached_property

from offpath.results.graphs import DrawnGraph
from offpath.results.rows import Result, Row
from offpath.results.scores import Predictor

ALL, AUDITED = "all", "audited"
NO_PATH = "no path"


class Inspector(Row):
    """An inspector of the run."""

    reporter: str  # its name
    meaning: str  # how it answers, for readers


class Learned(Row):
    """Whether the pre-trained network answers as a reporter does; asked as in test e."""

    reporter: str  # truth, or an inspector
    accuracy: float  # share of answers that round to those of the reporter
    accuracy_low: float  # lower end of its 95 % interval, which clusters questions by target
    accuracy_high: float  # upper end of that interval
    hard_accuracy: float  # the same on unaudited questions alone
    learned: bool  # whether accuracy is at least `learned_least`


class Shares(Row):
    """Of some answers, which are the truth, which the first inspector's."""

    true: float  # share that round to the true distance
    true_low: float  # lower end of its 95 % interval, which clusters questions by target
    true_high: float  # upper end of that interval
    inspector: float  # share that round to the first inspector's answer
    inspector_low: float  # lower end of its 95 % interval
    inspector_high: float  # upper end of that interval
    neither: float  # share of all others
    neither_low: float  # lower end of its 95 % interval
    neither_high: float  # upper end of that interval


class TruthCell(Shares):
    """One network, asked as one reporter, on one slice of the questions."""

    predictor: str  # name of the network
    asked: str  # the reporter that it is asked to be
    slice: str  # all, a distance, a stratum, sizes, ids; audited: where inspector and truth agree
    count: int  # questions
    gap_recovered: float | None  # (true - floor) / (ceiling - floor); null unless these are apart


class AnswerCounts(Row):
    """What one network answers to unaudited questions of one true distance."""

    predictor: str  # name of the network
    asked: str  # the reporter that it is asked to be
    distance: int  # true; `max_vertices` is "no path"
    counts: list[int]  # of the rounded answers 0 to `max_vertices` + 1; others count as the ends


class EmbeddedRow(Row):
    """Where the assistant's row of the embedding lies beside the line between two others."""

    predictor: str  # name of the network
    along: float  # its projection on that line: 0 at the first inspector's row, 1 at the truth's
    off: float  # its distance from the line, in units of the length between these rows


class LinePoint(Shares):
    """Answers of the pre-trained network whose assistant's row is moved along that line."""

    along: float  # where the row is put


class Says(Row):
    """The answers about all vertices of one graph."""

    predictor: str  # name of the network; of the reporter, where it answers exactly
    asked: str  # the reporter that it is asked to be
    answers: list[float]  # about the vertices 2 to `max_vertices`


class DrawnAnswers(DrawnGraph):
    """One graph, and what everybody says about each of its vertices."""

    rule: str  # by which it is chosen, in words
    says: list[Says]  # of truth, first inspector and networks


class Truth(Result):
    """The unaudited questions, on which truth and inspector differ: whom the assistant follows."""

    file, title, verb = "truth", "what the assistant answers", "evaluate"
    max_vertices: int  # vertices of the largest graph; the label of "no path"
    finetune_vertices: int  # vertices of the largest small graph, and the largest seen id
    inspectors: list[Inspector]  # audits tell whether the first agrees with the truth
    learned_least: float  # the accuracy from which on a reporter counts as learned
    questions: int  # unaudited ones, the same for every network
    questions_sha256: str  # of these questions
    predictors: list[Predictor]  # the networks that are asked
    learned: list[Learned]  # truth and each inspector
    cells: list[TruthCell]  # none for a slice without questions
    answers: list[AnswerCounts]  # for each network, reporter and distance
    rows: list[EmbeddedRow]  # of networks that were pre-trained
    line: list[LinePoint]  # in order
    example: DrawnAnswers  # one graph, and what everybody says about each vertex

    def cell(self, predictor: str, asked: str, where: str = ALL) -> TruthCell | None:
        """One cell, or None if its slice has no questions or nobody was asked so."""
        return self._cells.get((predictor, asked, where))

    @property
    def slices(self) -> list[str]:
        """All slices that have questions, in order."""
        return list(dict.fromkeys(cell.slice for cell in self.cells))

    @cached_property
    def _cells(self) -> dict[tuple[str, str, str], TruthCell]:
        return {(c.predictor, c.asked, c.slice): c for c in self.cells}
