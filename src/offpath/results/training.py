"""What the curves of training show."""

from offpath.results.rows import Result, Row


class PhaseChange(Row):
    """A sudden fall of a loss."""

    onset: int  # step from which the loss falls
    end: int  # step at which the fall ends
    loss_before: float  # of the fit at the onset
    loss_after: float  # of the fit at the end


class LossCurve(Row):
    """The loss of one true distance while a network was trained."""

    network: str  # its name
    label: int  # the distance; `max_vertices` is "no path"
    points: int  # of the curve; too few are not fitted
    noise: float | None  # standard deviation around the curve, in decades; null: not fitted
    fit: list[tuple[int, float]]  # step and loss of each joint of the fit
    changes: list[PhaseChange]  # in order; none is an answer


class Phases(Result):
    """Phase changes: where the loss of a true distance falls suddenly and for good."""

    file, title, verb = "phases", "the phase changes", "evaluate"
    method: str  # of detection, in words
    settings: dict[str, float]  # of the method
    curves: list[LossCurve]  # one for each network that is trained and each distance
