"""The named distributions: pre-training, fine-tuning, and the study's tests a to e.

A world says how many vertices a graph has, which graphs are kept, and which target is asked for.
All are parameterised by the largest graph and the fine-tuning limit, so that (15, 7) gives the
study's.
"""

from dataclasses import dataclass
from fractions import Fraction

from offpath.configs import Graphs
from offpath.data.graphs import FIXED, ON_PATH, UNIFORM
from offpath.errors import InputError, choice_fault

STRATA = ("trained", "on_path", "off_path", "off_path_cut", "unreachable", "absent")
"""What a question is, by its target t; `graphs.draw_examples` writes the index.

trained: t = 2. on_path: t on a shortest 1-2 path. off_path: t within reach but on none, 2 within
reach. off_path_cut: t within reach, 2 not. unreachable: t exists, no path leads there. absent: no
such vertex.
"""


@dataclass(frozen=True)
class World:
    """A distribution of examples.

    `shares[d]` is the share of drawn graphs with d(1, 2) = d that are kept, for d = 1, 2, ...;
    `shares[0]` is the share of those without a path. A rejected graph is redrawn with as many
    vertices.
    """

    name: str
    title: str
    description: str
    graphs: Graphs
    fewest_vertices: int
    most_vertices: int
    shares: tuple[Fraction, ...]
    target_rule: int
    target_limit: int
    """The largest target; an example with a larger one is redrawn with as many vertices."""
    number: int
    """Tells the random streams of the worlds apart."""


def worlds(graphs: Graphs) -> dict[str, World]:
    """All distributions by name, in the order in which they are shown.

    >>> list(worlds(Graphs(max_vertices=8, finetune_vertices=5, balance_distance=5)))
    ['pretraining', 'finetuning', 'test_a', 'test_b', 'test_c', 'test_d', 'test_e']

    The rules are the study's (Wang, Westover, Zhao 2024); the weight of position i on the path is
    i.
    """
    small, large, k = graphs.finetune_vertices, graphs.max_vertices, graphs.balance_distance
    balanced = tuple(Fraction(1, 2 * (k - d)) if d < k else Fraction(1) for d in range(1, large))
    tuned = tuple(Fraction(1, 3 * (4 - d)) if d < 4 else Fraction(1) for d in range(1, large))
    with_path = (Fraction(0), *[Fraction(1)] * (large - 1))
    all_kept = (Fraction(1), *[Fraction(1)] * (large - 1))
    rows = (
        ("pretraining", "pre-training", f"t = 2, 3..{large} vertices, balanced by distance",
         large, (Fraction(1, large), *balanced), FIXED, 2),
        ("finetuning", "fine-tuning", f"t on a shortest path, 3..{small} vertices, balanced",
         small, (Fraction(0), *tuned), ON_PATH, large),
        ("test_a", "test a", f"t on a shortest path, t <= {small}, 3..{large} vertices",
         large, with_path, ON_PATH, small),
        ("test_b", "test b", f"t on a shortest path, 3..{large} vertices",
         large, with_path, ON_PATH, large),
        ("test_c", "test c", f"any t in 2..{small}, 3..{small} vertices",
         small, all_kept, UNIFORM, small),
        ("test_d", "test d", f"any t in 2..{small}, 3..{large} vertices",
         large, all_kept, UNIFORM, small),
        ("test_e", "test e", f"any t in 2..{large}, 3..{large} vertices",
         large, all_kept, UNIFORM, large),
    )  # fmt: skip
    return {
        name: World(name, title, text, graphs, 3, most, shares, rule, limit, number)
        for number, (name, title, text, most, shares, rule, limit) in enumerate(rows)
    }


def world(name: str, graphs: Graphs) -> World:
    """The distribution called `name`."""
    known = worlds(graphs)
    if name not in known:
        raise InputError(choice_fault("world", name, known))
    return known[name]
