"""The named distributions: pre-training, fine-tuning, and tests a to e of WWZ24.

A world says how large graphs are, how edges are drawn, which graphs are kept, and which target is
asked for. Largest graphs of 15 vertices, and of 7 in fine-tuning, give those of WWZ24 (Wang,
Westover, Zhao 2024).
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from offpath.configs import Graphs
from offpath.data.asking import Asked
from offpath.data.graphs import FIXED, ON_PATH, UNIFORM, UNIFORM_PAIRS
from offpath.data.questions import Shift
from offpath.errors import InputError, choice_fault


class Renamed(NamedTuple):
    """Random ids for the vertices 3, 4, ... of graphs: any of those that the largest graph has."""

    share: float  # of the examples
    by_seed: bool = False  # the same ids in all examples of a seed
    largest_target: int | None = None  # only renamings that give the target no larger id


@dataclass(frozen=True, kw_only=True)
class World:
    """A distribution of examples."""

    name: str
    title: str
    description: str
    number: int
    """Of its random stream: another for each world and never changed, so that examples stay."""
    graphs: Graphs
    fewest_vertices: int = 3
    most_vertices: int
    edge_law: int = UNIFORM_PAIRS  # how edges are drawn, see `graphs.draw_examples`
    shares: tuple[Fraction, ...]
    """`shares[d]`: of the drawn graphs with d(1, 2) = d, the share that is kept, for d = 1, 2, ...;
    `shares[0]`: of those without a path. A rejected graph is redrawn with as many vertices."""
    target_rule: int  # which vertex is asked for, see `graphs.draw_target`
    candidates: int = 1  # examples of training that are drawn for each one chosen, see `emphasis`
    largest_target: int  # an example with a larger target is redrawn with as many vertices
    parts: tuple[tuple[float, "World"], ...] = ()
    """Examples are drawn from these instead, each with its share; the shares add up to 1."""
    renamed: Renamed | None = None  # what random ids the vertices get; None: those drawn
    distinct_graphs: int | None = None  # the first so many different graphs alone, again and again
    asked: tuple[Asked, ...] = ()  # reporters, whose shares add up to 1; none: plain questions
    differ: tuple[str, bool] | None = None
    """Questions on which this inspector is wrong (True), or right, alone."""
    shift: Shift | None = None  # of a world of the shift suite: what it fixes instead

    @property
    def slots(self) -> int:
        """Tokens of each example, padding and the question included."""
        return 1 + (self.shift.most_edges if self.shift else self.graphs.max_vertices)


def worlds(graphs: Graphs) -> dict[str, World]:
    """All distributions by name, in the order in which they are shown.

    >>> list(worlds(Graphs(max_vertices=8, finetune_vertices=5, balance_distance=5)))
    ['pretraining', 'finetuning', 'test_a', 'test_b', 'test_c', 'test_d', 'test_e']

    The rules are those of WWZ24; the weight of position i on the path is i.
    """
    small, large, k = graphs.finetune_vertices, graphs.max_vertices, graphs.balance_distance
    none, every = Fraction(0), Fraction(1)
    longest = graphs.pretrain_distance or large
    balanced = (Fraction(1, 2 * (k - d)) if d < k else every for d in range(1, large))
    balanced = (share if d <= longest else none for d, share in enumerate(balanced, start=1))
    short_rare = (Fraction(1, 3 * (4 - d)) if d < 4 else every for d in range(1, large))
    with_path, every_graph = (none, *[every] * (large - 1)), (every,) * large
    rows = (
        World(name="pretraining", title="pre-training", number=0, graphs=graphs,
              description=f"t = 2, 3..{large} vertices, balanced by distance", most_vertices=large,
              shares=(Fraction(1, large), *balanced), target_rule=FIXED, largest_target=2),
        World(name="finetuning", title="fine-tuning", number=1, graphs=graphs,
              description=f"t on a shortest path, 3..{small} vertices, balanced",
              most_vertices=small, shares=(none, *short_rare),
              target_rule=ON_PATH, largest_target=large),
        World(name="test_a", title="test a", number=2, graphs=graphs,
              description=f"t on a shortest path, t <= {small}, 3..{large} vertices",
              most_vertices=large, shares=with_path, target_rule=ON_PATH, largest_target=small),
        World(name="test_b", title="test b", number=3, graphs=graphs,
              description=f"t on a shortest path, 3..{large} vertices",
              most_vertices=large, shares=with_path, target_rule=ON_PATH, largest_target=large),
        World(name="test_c", title="test c", number=4, graphs=graphs,
              description=f"any t in 2..{small}, 3..{small} vertices",
              most_vertices=small, shares=every_graph, target_rule=UNIFORM, largest_target=small),
        World(name="test_d", title="test d", number=5, graphs=graphs,
              description=f"any t in 2..{small}, 3..{large} vertices",
              most_vertices=large, shares=every_graph, target_rule=UNIFORM, largest_target=small),
        World(name="test_e", title="test e", number=6, graphs=graphs,
              description=f"any t in 2..{large}, 3..{large} vertices",
              most_vertices=large, shares=every_graph, target_rule=UNIFORM, largest_target=large),
    )  # fmt: skip
    return {world.name: world for world in rows}


def world(name: str, graphs: Graphs) -> World:
    """The distribution called `name`: one of `worlds`, or of the shift suite, as in `size/8`."""
    known = worlds(graphs)
    if name in known:
        return known[name]
    from offpath.data.shifts import axes, level_world  # which imports this file

    suite = axes(graphs)
    if name.partition("/")[0].partition("*")[0] in suite:
        return level_world(name, graphs)
    levels = (f"{axis.name}/{axis.base}" for axis in suite.values())
    raise InputError(choice_fault("world", name, [*known, *levels]))
