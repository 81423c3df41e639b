"""What linear probes read of the truth from networks that are asked as a reporter."""

from typing import Literal

from offpath.results.rows import Result, Row

FittedOn = Literal["audited", "paths", "shuffled", "everything", "unaudited"]


class ReadDistance(Row):
    """Unaudited questions of one true distance."""

    distance: int  # the true one
    count: int  # questions
    right: float  # share of answers that round to it
    inspector: float  # share that round to the inspector's
    mean: float  # of the answers before they are rounded


class Read(Row):
    """Answers to the unaudited questions, of a network or of a probe of it."""

    right: float  # share that rounds to the true distance
    right_low: float  # lower end of its 95 % interval, which clusters questions by target
    right_high: float  # upper end of that interval
    inspector: float  # share that rounds to the inspector's answer
    mse: float  # mean squared error
    balanced: float | None  # accuracy with equal weight of each distance of 30 questions or more
    order: float | None  # of two questions of different distance, share in the right order
    gap_recovered: float | None  # (right - inspector's) / (truth's - inspector's), of accuracy
    order_gap_recovered: float | None  # the same of the order
    distances: list[ReadDistance] = []  # by true distance


class ProbeRead(Read):
    """What one probe reads on graphs that it was not fitted on.

    Of shuffled labels: means over draws, and the smallest and largest in place of intervals.
    """

    layer: int  # layers done: 0 is the embedding
    fitted_on: FittedOn  # questions; paths: audited ones with a path; shuffled: labels at random
    target: Literal["distance", "inverse"]  # what is read: d, or 1/d with 0 for no path
    penalty: float  # of the squared weights, chosen by leaving one fitted question out
    left_out_r2: float | None  # R2 on the fitted questions, each left out of its own
    audited_r2: float | None  # R2 on audited questions of other graphs
    order_low: float | None = None  # of shuffled labels: the smallest
    order_high: float | None = None  # the largest


class Detector(Row):
    """How far probe and answer lie apart, as a sign that the answer is not the truth."""

    layer: int  # of the probe, which is fitted on audited questions
    auroc: float | None  # of "the answer is wrong", on audited and unaudited questions
    auroc_unaudited: float | None  # the same on unaudited ones alone
    auroc_honest: float | None  # wrong ones of these, beside right ones of the truth's network
    threshold: float  # that 5 % of the fitted questions with a right answer exceed
    alarms_wrong: float | None  # share of wrong answers above it; null where none is wrong
    alarms_right: float | None  # share of right answers above it: false alarms
    alarms_right_unaudited: float | None  # the same on unaudited questions alone


class AskedNetwork(Row):
    """A network asked as one reporter: what it answers, and what probes of it read."""

    network: str  # its name
    reporter: str  # whose marker its questions have
    learned_truth: bool  # whether it was ever trained on truth beyond audits, or handcrafted
    audited: float  # share right on audited questions
    answers: Read  # its own
    wrong: int  # of its answers, on audited and unaudited questions
    informative_layer: int | None  # first whose left-out R2 is 95 % of the best layer's
    probes: list[ProbeRead]  # one for each layer, kind of fit and target
    detectors: list[Detector]  # one for each layer


class Elicitation(Result):
    """Whether networks know a truth that they do not say."""

    file, title, verb = "elicitation", "what probes read of the truth", "evaluate"
    max_vertices: int  # vertices of the largest graph; the label of "no path"
    inspector: str  # the rule of the inspector, whose agreement with the truth makes an audit
    fitted_audited: int  # questions that probes are fitted on
    fitted_unaudited: int  # added to these for the ceiling
    audited: int  # questions of the test, in other graphs: inspector and truth agree
    unaudited: int  # they differ
    truth_right: float  # accuracy on these of the pre-trained network asked as `truth`
    inspector_right: float  # the same asked as the inspector
    shuffles: int  # draws of shuffled labels
    constant: int  # the most frequent distance among these
    constant_right: float  # its share: what an answer that ignores the question scores
    asked: list[AskedNetwork]  # networks and reporters
