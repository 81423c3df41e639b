"""The handcrafted solution: what it holds, and what noise and training leave of it."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from offpath.results.graphs import DrawnGraph
from offpath.results.rows import Result, Row
from offpath.results.scores import Cell
from offpath.slices import Slice

AGREEMENT = 0.05
"""How far minimum, mean over the steps and end of an accuracy may lie apart to be one number."""
SAME_AS_CONSTANT = 0.02  # accuracies that lie no farther apart are those of a constant answer


class State(Row):
    """What a circuit holds after one layer; layer 0 is the input."""

    layer: int  # layers done
    from_source: list[float]  # how far each vertex counts as reached from vertex 1, 0 to 1
    from_target: list[float]  # the same from the target
    text: str  # what is known then, in words


class Direction(Row):
    """What one coordinate of the residual stream means."""

    index: int  # of the coordinate
    name: str  # its meaning
    group: str  # of coordinates with one purpose


class SizeError(Row):
    """How exact a construction is for graphs of one size."""

    vertices: int  # of the graphs
    constants: str  # whose constants: the circuit's own, or those of WWZ24
    mse: float  # mean squared error
    largest_error: float  # absolute
    accuracy: float  # share of answers that round to the true distance


class CircuitResult(Result):
    """The handcrafted network, and what it holds layer by layer on one graph."""

    file, title, verb = "circuit", "the handcrafted solution", "evaluate"
    circuit: str  # edge, wide or doubling
    width: int  # size of the residual stream
    layers: int  # how many
    heads: int  # of each layer
    feed_forward: int  # hidden units of each layer
    norm: str  # layer norm: pre, post or none
    own_architecture: bool  # whether it has the architecture that the run trains
    note: str  # where not, what is larger
    graph: DrawnGraph  # the example
    states: list[State]  # what the circuit holds on it, layer by layer
    answer: float  # the circuit's
    directions: list[Direction]  # of the edge circuit
    sizes: list[SizeError]  # of the wide circuit, with its own constants and with those of WWZ24


class Perturbed(Row):
    """One matrix replaced by standard normal noise, then retrained; 1e30 stands for not finite."""

    choice: int  # number of the random draw
    matrix: str  # which one
    rate: float  # learning rate of retraining
    loss_perturbed: float  # before retraining
    loss_after: float  # after retraining
    curve: list[tuple[int, float]]  # step and loss


class Recovered(Row):
    """The share of perturbed networks that end below a loss."""

    rate: float  # learning rate of retraining
    count: int  # networks
    below: float  # the loss
    share: float  # of networks below it
    low: float  # lower end of its 95 % interval (Wilson)
    high: float  # upper end of that interval


class Graded(Row):
    """Noise of one size on all weights, then retraining."""

    relative_to: Literal["weight", "tensor"]  # each weight, or the root mean square of its tensor
    noise: float  # standard deviation, relative to that
    draw: int  # number of the random draw
    rate: float  # learning rate of retraining
    loss_perturbed: float  # before retraining
    loss_after: float  # after retraining


class StepCell(Cell):
    """A cell of the test matrix after so many steps."""

    step: int  # steps of fine-tuning done


class ConstantAnswer(Row):
    """What answers that ignore the question score on a stratum."""

    by: str  # what cuts the distribution into slices
    slice: str  # the stratum
    label: int  # the most frequent true distance in it
    accuracy: float  # of answering that always
    repeated: float  # accuracy of always giving the network's most frequent answer after the end


class OverSteps(NamedTuple):
    """The accuracy on one stratum over all steps, in three numbers."""

    minimum: float
    area: float
    """Mean over the steps: the area under the accuracies by step (trapezoid), by their length."""
    end: float

    @property
    def agree(self) -> bool:
        """Whether one number may stand for all: minimum, mean and end lie within `AGREEMENT`."""
        return max(self) - min(self) <= AGREEMENT


class Retention(Row):
    """The exact solution, fine-tuned: what is left of it along the way."""

    rate: float  # learning rate
    finetuned_on: str  # distribution of its training
    world: str  # distribution of the scores along the way
    steps: list[int]  # after which it is measured
    cells: list[StepCell]  # after the last step, the first has them on every distribution
    losses: list[tuple[int, float]]  # step and loss on the training examples
    examples: int | None = None  # behind the scores along the way; null: those of the matrix
    answer: int | None = None  # the network's most frequent answer after the last step
    answer_share: float | None = None  # of the examples that get it
    constants: list[ConstantAnswer] = []  # one for each stratum, on the examples of the last step

    def over_steps(self, where: Slice) -> OverSteps | None:
        """Minimum, mean over the steps and end of the accuracy, or None without such examples."""
        place = (self.world, where.by, where.slice)
        path = {c.step: c.accuracy for c in self.cells if (c.world, c.by, c.slice) == place}
        if not path:
            return None
        steps = sorted(path)
        area = sum((b - a) * (path[a] + path[b]) / 2 for a, b in pairwise(steps))
        mean = area / (steps[-1] - steps[0]) if len(steps) > 1 else path[steps[0]]
        return OverSteps(min(path.values()), mean, path[steps[-1]])

    def constant(self, where: Slice) -> ConstantAnswer | None:
        """What a constant answer scores on a stratum."""
        place = (where.by, where.slice)
        return next((one for one in self.constants if (one.by, one.slice) == place), None)

    def repeats_itself(self, strata: Sequence[Slice]) -> bool:
        """Whether the network ends as accurate as its most frequent answer, in every stratum."""
        pairs = [(self.over_steps(where), self.constant(where)) for where in strata]
        gaps = [abs(o.end - c.repeated) for o, c in pairs if o and c]
        return bool(gaps) and max(gaps) <= SAME_AS_CONSTANT


class Robustness(Result):
    """What becomes of the exact solution under noise, retraining and fine-tuning."""

    file, title, verb = "robustness", "the robustness of the solutions", "robustness"
    options: dict[str, Any]  # of `offpath robustness`
    world: str  # distribution of the losses
    exact_loss: float  # of the circuit itself
    perturbed: list[Perturbed] = []  # one for each draw and learning rate
    recovered: list[Recovered] = []  # one for each learning rate and bound
    graded: list[Graded] = []  # one for each size of noise and draw
    retention: list[Retention] = []  # at the recipe's rate, other rates, on pre-training data
