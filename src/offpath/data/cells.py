"""What a world of the shift suite fixes about its examples, and whether any graph can be so.

A question is a stratum with the distances d(1, t) and d(1, 2). A world fixes the number of
vertices, the law of edges and the shares of its questions; all else follows the law of edges.
"""

from fractions import Fraction
from typing import NamedTuple

from offpath.slices import STRATA

PAIRS = "pairs"  # WWZ24's law of edges: independent uniform pairs of vertices
BY_QUESTION = 3  # a rule for the target beside those of `data/graphs.py`: the world's shift says it
TRAINED, ON_PATH, OFF_PATH, CUT, UNREACHABLE, _ = (stratum.slice for stratum in STRATA)


class Question(NamedTuple):
    """What is asked, whatever the graph; None: there is no path."""

    stratum: str
    distance: int | None
    distance_to_2: int | None

    @property
    def fewest_vertices(self) -> int:
        """Vertices of the smallest graph that has such a question."""
        extra = {TRAINED: 0, ON_PATH: 0}.get(self.stratum, 0 if self._past_2 else 1)
        both_cut = self.distance is None and self.distance_to_2 is None
        return 1 + max(self.distance or 0, self.distance_to_2 or 0) + extra + both_cut

    @property
    def fewest_edges(self) -> int:
        """Edges of the sparsest graph that has such a question."""
        longest = max(self.distance or 0, self.distance_to_2 or 0)
        return longest + (self.stratum == OFF_PATH and not self._past_2)

    @property
    def _past_2(self) -> bool:
        """Whether 2 may lie on the way to the target."""
        a, b = self.distance_to_2, self.distance
        return self.stratum == OFF_PATH and a is not None and b is not None and a < b


class Shift(NamedTuple):
    """What a world of the shift suite fixes."""

    family: str  # the law of edges: `PAIRS` or a name of `families.FAMILIES`
    vertices: int
    pairs: int  # independent uniform pairs that are drawn; of `PAIRS` alone
    questions: tuple[tuple[Question, Fraction], ...]  # with their shares; empty: any other vertex
    target_ids: tuple[int, ...]  # the ids that a target may have, all with equal probability
    most_edges: int  # tokens are kept free for as many
