"""Questions with everything that is true of their graphs: what tools of this room compare with.

In: a batch. Out: the hops of every vertex from 1 and from t, and what each token is. Graphs that
probes are fitted on and those of a test are parted by their edges.
"""

from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64

from offpath.configs import Graphs
from offpath.data.batches import Batch, draw, joined
from offpath.data.contents import contents
from offpath.data.distances import adjacency_of, hops
from offpath.data.worlds import world

LONGEST = 8  # distance of graphs drawn for it: beyond, each hop takes 4 times as long

Hops = Int64[np.ndarray, "example vertex"]
AtEnds = Int64[np.ndarray, "example edge 2"]


class Questions(NamedTuple):
    """Examples, and the hops of all vertices from both ends of the question."""

    batch: Batch
    from_source: Hops  # d(1, v); the number of vertices: no path
    from_target: Hops  # d(t, v)

    @property
    def targets(self) -> Int64[np.ndarray, " example"]:
        """t of each question."""
        return self.batch.tokens[:, -1, 0].astype(np.int64)

    @property
    def edges(self) -> Bool[np.ndarray, "example edge"]:
        """Which tokens before the last are edges: the others are padding."""
        return self.batch.tokens[:, :-1, 1] != 0

    def at_ends(self, of_vertex: Hops) -> AtEnds:
        """What is true of both ends of each edge token; of padding it means nothing."""
        ends = self.batch.tokens[:, :-1].astype(np.int64).clip(1) - 1
        return of_vertex[np.arange(len(ends))[:, None, None], ends]

    @property
    def on_path(self) -> Bool[np.ndarray, "example edge"]:
        """Which tokens are edges on a shortest path from 1 to t."""
        here, there = self.at_ends(self.from_source), self.at_ends(self.from_target)[:, :, ::-1]
        length = self.from_source[np.arange(len(self.targets)), self.targets - 1]
        return (here + 1 + there == length[:, None, None]).any(2) & self.edges

    def where(self, chosen: np.ndarray) -> "Questions":
        """Some of them."""
        return Questions(
            self.batch.take(chosen), self.from_source[chosen], self.from_target[chosen]
        )


def questions(batch: Batch) -> Questions:
    """Examples with the hops of their vertices.

    >>> from offpath.data.batches import draw
    >>> from offpath.data.worlds import world
    >>> from offpath.recipes import laptop
    >>> made = questions(draw(world("test_e", laptop().graphs), 0, 0, 100))
    >>> bool((made.from_source[np.arange(100), made.targets - 1] == made.batch.distance).all())
    True
    """
    adjacency, targets = adjacency_of(batch.tokens), batch.tokens[:, -1, 0].astype(np.int64)
    return Questions(batch, hops(adjacency, 1), hops(adjacency, targets))


def parted(made: Questions) -> tuple[Questions, Questions]:
    """Two halves, and no graph in both: to fit, and to test."""
    half = contents(made.batch).graph % np.uint64(2) == 0
    return made.where(half), made.where(~half)


def by_distance(graphs: Graphs, seed: int, of_each: int) -> Questions:
    """As many questions with t = 2 of each distance from 1 to `LONGEST`, and without a path.

    >>> from offpath.recipes import laptop
    >>> by_distance(laptop().graphs, seed=0, of_each=2).batch.distance.tolist()
    [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8]
    """
    reached = range(1, 1 + min(LONGEST, graphs.max_vertices - 1))
    return questions(joined([at_distance(graphs, d, seed, of_each) for d in (*reached, 0)]))


def at_distance(graphs: Graphs, distance: int, seed: int, count: int) -> Batch:
    """Questions of pre-training, t = 2, in graphs with this d(1,2); 0: without a path."""
    base = world("pretraining", graphs)
    shares = tuple(Fraction(int(d == distance)) for d in range(graphs.max_vertices))
    fewest = max(base.fewest_vertices, distance + 1)
    return draw(replace(base, fewest_vertices=fewest, shares=shares), seed, 0, count, "evaluation")
