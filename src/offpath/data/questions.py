"""What a world of the shift suite asks: strata with distances, and whether a graph can be so.

A question is a stratum with the distances d(1, t) and d(1, 2). A world fixes the number of
vertices, the law of edges and the shares of its questions; all else follows the law of edges.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from offpath.data.families import FAMILIES
from offpath.slices import STRATA

PAIRS = "pairs"  # WWZ24's law of edges: independent uniform pairs of vertices
BY_QUESTION = 3  # a rule for the target beside those of `data/graphs.py`: the world's shift says it
TITLES = {stratum.slice: stratum.title for stratum in STRATA}
ON_PATH, OFF_PATH, CUT = (stratum.slice for stratum in STRATA[1:4])


class Question(NamedTuple):
    """What is asked, whatever the graph; None: there is no path."""

    stratum: str  # name of the stratum of the target
    distance: int | None  # d(1, t)
    distance_to_2: int | None  # d(1, 2)

    @property
    def longest(self) -> int:
        """Edges of the path that it takes."""
        return max(self.distance or 0, self.distance_to_2 or 0)

    @property
    def beside(self) -> bool:
        """Whether it takes a vertex beside that path: 2 and t are not on one way from 1."""
        both = self.distance is not None and self.distance_to_2 is not None
        past_2 = both and self.distance == self.longest != self.distance_to_2
        return self.stratum != ON_PATH and not past_2

    def fits(self, s: "Setting", pairs: int) -> bool:
        """Whether some graph of a setting has it; other families are asked for paths alone."""
        if s.family != PAIRS:
            return (
                s.density == 1
                and not self.beside
                and self.longest <= FAMILIES[s.family].reach(s.vertices)
            )
        edges = self.longest + (self.beside and self.stratum == OFF_PATH)
        return self.longest + self.beside < s.vertices and edges <= pairs


class Shift(NamedTuple):
    """What a world of the shift suite fixes."""

    family: str  # the law of edges: `PAIRS` or a name of `families.FAMILIES`
    vertices: int  # of the graph
    pairs: int  # independent uniform pairs that are drawn; of `PAIRS` alone
    questions: tuple[tuple[Question, Fraction], ...]  # with their shares; empty: any other vertex
    target_ids: tuple[int, ...]  # the ids that a target may have, all with equal probability
    most_edges: int  # tokens are kept free for as many


class Setting(NamedTuple):
    """What a level fixes. A question is asked if a graph of this kind can have it."""

    vertices: int  # of the graph
    target_ids: tuple[int, ...]  # that a target may have
    farthest: int  # the largest d(1, 2), and d(1, t) unless `distances` says it
    density: Fraction = Fraction(1)  # pairs of vertices drawn, per vertex
    family: str = PAIRS  # the law of edges
    strata: tuple[str, ...] = (ON_PATH, OFF_PATH)  # with equal shares
    distances: tuple[int, ...] = ()  # d(1, t); empty: from 3 on, or below if that leaves only one
    distance_to_2: str = "other"  # of a target off the path: see `OFF_PATH_RELATIONS`


OFF_PATH_RELATIONS = {
    "other": lambda a, b: a != b,
    "equal": lambda a, b: a == b,
    "nearer": lambda a, b: a < b,
    "farther": lambda a, b: a > b,
}
"""Of d(1, 2) to d(1, t) where the target is off the path."""


def questions_of(s: Setting, pairs: int) -> tuple[tuple[Question, Fraction], ...]:
    """The questions of a setting with their shares; none if one of them fits no graph.

    Strata have equal shares, then distances to t, then distances to 2.
    """
    shares = {}
    for stratum in s.strata:
        distances = s.distances or hard_distances(s.farthest - (stratum == ON_PATH))
        for distance in distances:
            fitting = [
                question
                for question in _candidates(stratum, distance, s)
                if question.fits(s, pairs)
            ]
            if not fitting:
                return ()
            whole = len(s.strata) * len(distances) * len(fitting)
            shares |= dict.fromkeys(fitting, Fraction(1, whole))
    return tuple(shares.items())


def _candidates(stratum: str, distance: int, s: Setting) -> list[Question]:
    """The questions of a stratum at one distance to t."""
    if stratum == CUT:
        return [Question(CUT, distance, None)]
    relation = OFF_PATH_RELATIONS["farther" if stratum == ON_PATH else s.distance_to_2]
    hops = range(1, s.farthest + 1)
    return [Question(stratum, distance, a) for a in hops if relation(a, distance)]


def in_words(questions: Sequence[tuple[Question, Fraction]]) -> str:
    """The questions in words: the distances to t in each stratum."""
    distances: dict[str, dict[str, None]] = {}
    for question, _ in questions:
        distances.setdefault(question.stratum, {})[str(question.distance)] = None
    words = [f"{TITLES[s]} with d(1,t) {', '.join(d)}" for s, d in distances.items()]
    return "; ".join(words) or "any other target"


def hard_distances(limit: int) -> tuple[int, ...]:
    """Distances from 3 on, or from below if that leaves less than two."""
    return tuple(range(max(1, min(3, limit - 1)), limit + 1))
