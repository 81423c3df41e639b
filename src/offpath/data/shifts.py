"""The shift suite: worlds that move one thing and hold the others.

In: the sizes of graphs. Out: axes, each a row of worlds. A level is a few changes of the setting of
its axis: a new level is one entry, a new axis one function. Two axes are combined by making the
changes of both.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import product
from typing import Any, NamedTuple
from zlib import crc32

from offpath.configs import Graphs
from offpath.data.families import FAMILIES
from offpath.data.questions import (
    BY_QUESTION,
    CUT,
    OFF_PATH,
    ON_PATH,
    PAIRS,
    Setting,
    Shift,
    hard_distances,
    in_words,
    questions_of,
)
from offpath.data.worlds import World
from offpath.errors import InputError, choice_fault
from offpath.slices import STRATA

FARTHEST = 6  # distances beyond are for the axis of distance
MOST_LEVELS = 14  # of size, distance and target id
LONGEST = 20  # distance: beyond, tables at 64 vertices would take minutes
LARGE = 12  # vertices from which on most families offer distance 4
DENSITIES = ("0.5", "0.75", "1", "1.5", "2", "2.5", "3")
MOST_EDGES = 254  # of a graph: tokens are counted in bytes
SUITE_NUMBERS = 2**30  # random streams of the suite lie behind this number
Changes = Mapping[str, Any]


class Level(NamedTuple):
    """One world of an axis."""

    name: str  # as `axis/level` names the world
    title: str  # its name for readers
    world: World  # the distribution


class Axis(NamedTuple):
    """Worlds that differ in one thing."""

    name: str  # as it is chosen
    title: str  # its name for readers
    moves: str  # what differs from level to level
    holds: str  # what is the same at every level
    levels: tuple[Level, ...]  # in order
    base: str
    """The level nearest to fine-tuning; others are compared with it."""


class Row(NamedTuple):
    """An axis before its worlds are made."""

    name: str  # as it is chosen
    title: str  # its name for readers
    moves: str  # what differs from level to level
    holds: str  # what is the same at every level
    base: str  # the level nearest to fine-tuning
    setting: Setting  # what no level changes
    levels: dict[str, tuple[str, Changes]]  # title, and what it changes in the setting


def axes(graphs: Graphs) -> dict[str, Axis]:
    """Every axis that has at least two levels at these sizes, by name.

    >>> graphs = Graphs(max_vertices=8, finetune_vertices=5, balance_distance=5)
    >>> [level.name for level in axes(graphs)["size"].levels]
    ['5', '6', '7', '8']
    """
    return {name: axis_of(row, graphs) for name, row in _rows(graphs).items()}


def axis_of(row: Row, graphs: Graphs) -> Axis:
    """The worlds of one axis; levels that no graph fits are left out."""
    return _combined([row], {}, graphs)


def chosen_worlds(words: Sequence[str], graphs: Graphs) -> list[Axis]:
    """The axes that words name: `size`, a level `size/8`, all pairs of two axes `size*density`.

    Pairs of levels that no graph fits are left out; what is left with none is an `InputError`.

    >>> graphs = Graphs(max_vertices=8, finetune_vertices=5, balance_distance=5)
    >>> [axis] = chosen_worlds(["size/8*density"], graphs)
    >>> axis.levels[0].name, axis.levels[0].world.name
    ('8*0.5', 'size/8*density/0.5')
    """
    rows = _rows(graphs)
    return [_chosen(word, rows, graphs) for word in words]


def level_world(name: str, graphs: Graphs) -> World:
    """The one world called `name`, as in `size/8` or `size/8*density/2`."""
    axis = chosen_worlds([name], graphs)[0]
    if "/" not in name or axis.levels[1:]:
        levels = [level.world.name for level in axis.levels]
        more = f" and {len(levels) - MOST_LEVELS} more" if len(levels) > MOST_LEVELS else ""
        shown = ", ".join(levels[:MOST_LEVELS])
        raise InputError(f"{name} is several worlds; choose one of {shown}{more}")
    return axis.levels[0].world


def _rows(graphs: Graphs) -> dict[str, Row]:
    """Every axis whose base and one more level fit these sizes."""
    rows = [*_graph_rows(graphs), *_question_rows(graphs)]
    made = ((row, [level.name for level in axis_of(row, graphs).levels]) for row in rows)
    return {row.name: row for row, levels in made if row.base in levels and len(levels) > 1}


def _graph_rows(graphs: Graphs) -> list[Row]:
    """Axes that move the graph. Off the path, "nearer" needs no larger graph than d(1, t) does."""
    n, small = graphs.max_vertices, graphs.finetune_vertices
    seen, far = tuple(range(3, small + 1)), min(n - 1, 3 if n < LARGE else 4)
    return [
        Row("size", "graph size", "the number of vertices",
            "d(1,t), d(1,2), strata, edges per vertex, target ids", str(small),
            Setting(small, seen, min(FARTHEST, small - 1), distance_to_2="nearer"),
            {str(k): (f"{k} vertices", {"vertices": k}) for k in _spread(3, n, small)}),
        Row("density", "density", "the number of edges per vertex",
            "size, d(1,t), d(1,2), strata, target ids", "1",
            Setting(n, seen, min(4, n // 2), distance_to_2="nearer"),
            {k: (f"{k} edges per vertex", {"density": Fraction(k)}) for k in DENSITIES}),
        Row("family", "family of graphs", "the law of edges",
            "size, target ids; d(1,t), d(1,2) and strata, unless the title says any question",
            PAIRS, Setting(n, seen, far, distance_to_2="nearer"),
            {PAIRS: ("random pairs, as in WWZ24", {"family": PAIRS}),
             **{name: (f.title, _family(name, n, far)) for name, f in FAMILIES.items()}}),
    ]  # fmt: skip


def _question_rows(graphs: Graphs) -> list[Row]:
    """Axes that move the question, on graphs of one size."""
    n, small = graphs.max_vertices, graphs.finetune_vertices
    seen = tuple(range(3, small + 1))
    longest = min(n - 1, LONGEST)
    asked = min(longest, max(1, small - 2))  # the longest that fine-tuning asks for on the path
    fixed = Setting(n, seen, min(FARTHEST, n - 2), distances=hard_distances(min(FARTHEST, n - 2)))
    branch = fixed._replace(distances=hard_distances(fixed.farthest - 1), distance_to_2="farther")
    return [
        Row("distance", "distance", "d(1,t), and d(1,2) with it",
            "size, edges per vertex, strata, target ids", str(asked), Setting(n, seen, n - 1),
            {str(d): (f"d(1,t) = {d}", _distance(d, n)) for d in _spread(1, longest, asked)}),
        Row("target_id", "target id", "the vertex id of the target",
            "size, d(1,t), d(1,2), strata, edges per vertex, ids of the others", str(small),
            Setting(small, seen, min(FARTHEST, small - 1), distance_to_2="nearer"),
            {str(k): (f"t = {k}, {'asked' if k <= small else 'never shown'} in fine-tuning",
                      {"target_ids": (k,)}) for k in _spread(3, n, small)}),
        Row("stratum", "stratum", "whether t is on a shortest path from 1 to 2, and 2 reachable",
            "size, d(1,t), d(1,2) where there is a path, edges per vertex, target ids", ON_PATH,
            branch, {s.slice: (s.title, {"strata": (s.slice,)}) for s in STRATA[1:4]}),
        Row("equal_distance", "equal distances", "whether d(1,t) is equal to d(1,2), off the path",
            "size, d(1,t), edges per vertex, target ids", "other",
            fixed._replace(strata=(OFF_PATH,)),
            {"other": ("d(1,t) differs from d(1,2)", {"distance_to_2": "other"}),
             "equal": ("d(1,t) is d(1,2)", {"distance_to_2": "equal"})}),
        Row("reachable", "2 reachable", "whether a path leads from 1 to 2, off the path",
            "size, d(1,t), edges per vertex, target ids", "yes", fixed,
            {"yes": ("2 is reachable", {"strata": (OFF_PATH,)}),
             "no": ("2 is cut off", {"strata": (CUT,)})}),
    ]  # fmt: skip


def _family(name: str, vertices: int, far: int) -> Changes:
    """The changes of a level of family; one without the distances asks for any vertex."""
    there = FAMILIES[name].reach(vertices) >= far
    return {"family": name} if there else {"family": name, "strata": ()}


def _distance(d: int, vertices: int) -> Changes:
    """The changes of a level of distance; only a target off the path is as far as can be."""
    changes = {"distances": (d,), "farthest": min(d + 2, vertices - 1)}
    return {**changes, "strata": (OFF_PATH,)} if d == vertices - 1 else changes


def _no_level(word: str, names: Mapping[str, str], rows: Mapping[str, Row], graphs: Graphs) -> str:
    """The fault of levels that do not go together, with what would."""
    (first, level), (second, _) = names.items()
    some = _combined([rows[first], rows[second]], {first: level}, graphs).levels
    if not some:
        return f"{first} and {second} move the same thing; choose another pair than {word}"
    return f"no graph fits {word}; choose one of {', '.join(one.world.name for one in some)}"


def _spread(low: int, high: int, base: int) -> list[int]:
    """All numbers from `low` to `high`; if they are many, the base and some with equal ratios."""
    if high - low < MOST_LEVELS:
        return [*range(low, high + 1)]
    steps = [i / (MOST_LEVELS - 1) for i in range(MOST_LEVELS)]
    return sorted({base, *(round(low * (high / low) ** step) for step in steps)})


def _chosen(word: str, rows: Mapping[str, Row], graphs: Graphs) -> Axis:
    parts = dict.fromkeys(part.strip() for part in word.split("*"))
    names = {name: level for name, _, level in (part.partition("/") for part in parts)}
    if len(names) > 2 or len(names) < word.count("*") + 1:
        raise InputError(
            f"a shift moves one axis, or two different ones as in size*density; got {word!r}"
        )
    for name, level in names.items():
        if name not in rows:
            raise InputError(choice_fault("a shift", name, rows))
        known = [one.name for one in _combined([rows[name]], {}, graphs).levels]
        if level and level not in known:
            limit = f"{name} in graphs of at most {graphs.max_vertices} vertices"
            raise InputError(choice_fault(limit, level, known))
    axis = _combined([rows[name] for name in names], names, graphs)
    if not axis.levels:
        raise InputError(_no_level(word, names, rows, graphs))
    return axis


def _combined(rows: Sequence[Row], names: Mapping[str, str], graphs: Graphs) -> Axis:
    """The axis of one row, or of all pairs of levels of two; `names`: the one level to make."""
    levels = []
    for picked in product(*(row.levels.items() for row in rows)):
        if any(
            names.get(row.name) not in (None, "", k)
            for row, (k, _) in zip(rows, picked, strict=False)
        ):
            continue
        fields = [set(changes) for _, (_, changes) in picked]
        if sum(map(len, fields)) > len(set().union(*fields)):
            continue  # both change the same
        setting = rows[0].setting._replace(**{k: v for _, (_, c) in picked for k, v in c.items()})
        name = "*".join(f"{row.name}/{k}" for row, (k, _) in zip(rows, picked, strict=True))
        title = ", ".join(title for _, (title, _) in picked)
        moves = " and ".join(row.moves for row in rows)
        if (world := _world(name, (title, moves), setting, graphs)) is not None:
            levels.append(Level("*".join(k for k, _ in picked), world.title, world))
    return Axis(
        "*".join(row.name for row in rows),
        " and ".join(row.title for row in rows),
        " and ".join(row.moves for row in rows),
        rows[0].holds,
        tuple(levels),
        "*".join(row.base for row in rows),
    )


def _world(name: str, words: tuple[str, str], setting: Setting, graphs: Graphs) -> World | None:
    """The world of a setting; None if no graph fits."""
    s, pairs = setting, max(1, round(setting.density * setting.vertices))
    edges = pairs if s.family == PAIRS else FAMILIES[s.family].edges(s.vertices)
    questions = questions_of(s, pairs)
    has_density = s.family == PAIRS or s.density == 1  # the shape of a family says its edges
    if (s.strata and not questions) or edges > MOST_EDGES or not has_density:
        return None
    law = f"{pairs} random pairs as edges" if s.family == PAIRS else FAMILIES[s.family].title
    ids, (title, moves) = ", ".join(map(str, s.target_ids)), words
    graph = f"{s.vertices} vertices, {law}, t = {ids}"
    return World(
        name=name,
        title=title if s.strata else f"{title}, any question",
        description=f"moves {moves}; {graph}; {in_words(questions)}",
        number=SUITE_NUMBERS + crc32(name.encode()) % SUITE_NUMBERS,
        graphs=graphs,
        fewest_vertices=s.vertices,
        most_vertices=s.vertices,
        shares=(),
        target_rule=BY_QUESTION,
        largest_target=max(s.target_ids),
        shift=Shift(s.family, s.vertices, pairs, questions, s.target_ids,
                    max(edges, graphs.max_vertices)),
    )  # fmt: skip
