"""What answers to all questions on one graph have in common, and whether they are true."""

from typing import Literal

from offpath.plans import Requirement
from offpath.results.rows import Result, Row
from offpath.results.scores import Predictor

FunctionKind = Literal["truth", "d(1,2)", "constant", "shifted", "bellman", "lipschitz", "none"]


class WholePart(Row):
    """Some of the questions on whole graphs."""

    part: str  # its name
    title: str  # its name for readers
    questions: int  # how many


class WholeCell(Row):
    """One network on one part."""

    predictor: str  # name of the network
    part: str  # name of the part
    accuracy: float  # share of answers that round to the true distance
    accuracy_low: float  # lower end of its 95 % interval: the wider by graph and by target
    accuracy_high: float  # upper end of that interval


class FunctionShare(Row):
    """How often the answers of a network on one graph are a function of this kind."""

    predictor: str  # name of the network
    kind: FunctionKind  # the first that fits
    share: float  # of the graphs
    share_low: float  # lower end of its 95 % interval, by graph
    share_high: float  # upper end of that interval


class RequirementShare(Row):
    """How often they meet a requirement exactly, whatever else they are."""

    predictor: str  # name of the network
    requires: Requirement  # see `fit.coherence`
    share: float  # of the graphs


class WholeGraphs(Result):
    """Every question on graphs that no training without labels has shown."""

    file, title, verb = "coherence", "the coherence of answers", "evaluate"
    graphs: int  # of test e, held out
    contents: int  # different ones among them
    judged: int  # graphs with a vertex two hops from 1 or more; functions are counted on these
    predictors: list[Predictor]  # networks
    parts: list[WholePart]  # in order
    cells: list[WholeCell]  # one for each network and part
    functions: list[FunctionShare]  # one for each network and kind
    requirements: list[RequirementShare]  # one for each network and requirement
