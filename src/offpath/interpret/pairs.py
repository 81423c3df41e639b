"""Pairs of graphs that differ in one edge, which changes the answer: what patching compares.

In: the sizes of graphs. Out: for each distance 1-2 and each hop of the edited edge as many pairs as
there are, as tokens. Both graphs of a pair have their edges at the same tokens. All questions have
t = 2, as in pre-training. Costs 1 s.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from offpath.configs import Graphs
from offpath.data.batches import Batch
from offpath.data.distances import adjacency_of, hops
from offpath.interpret.questions import LONGEST, at_distance, questions

OF_EACH = 120  # pairs of each distance, a little less if the hops do not divide it
DRAWN = 2  # graphs for each pair, of which 7 to 10 in 10 serve
TRIES = 20  # edges in its place, before a graph is dropped

PairTokens = UInt8[np.ndarray, "pair token 2"]
OfPair = Int64[np.ndarray, " pair"]
OfToken = Int64[np.ndarray, "pair token"]


class Pairs(NamedTuple):
    """Pairs of graphs; the question is the last token."""

    clean: PairTokens  # activations are taken from these
    corrupted: PairTokens  # and written into these: one edge of a shortest path is another edge
    distance: OfPair  # d(1,2) in the clean graph
    corrupted_distance: OfPair  # another, or the label of no path
    hop: OfPair  # k: the edited edge joins vertices k - 1 and k hops from 1 in the clean graph
    edited: Bool[np.ndarray, "pair token"]  # which token that edge is
    path_hop: OfToken  # hop of each edge of a shortest path 1-2 of the clean graph; 0: all others

    def where(self, chosen: np.ndarray) -> "Pairs":
        """Some of them."""
        return Pairs(*(column[chosen] for column in self))

    def short(self) -> "Pairs":
        """The same without tokens that are padding in all of them."""
        used = (self.clean[:, :, 1] != 0).any(0)
        return Pairs(*(column[:, used] if column.ndim > 1 else column for column in self))


def draw_pairs(graphs: Graphs, seed: int, of_each: int = OF_EACH) -> Pairs:
    """Pairs for each distance from 2 to `LONGEST`, alike for each hop of the edited edge.

    The edge is the only one of the shortest paths at its hop; the one in its place joins two random
    vertices that no edge joins.

    >>> from offpath.recipes import laptop
    >>> made = draw_pairs(laptop().graphs, seed=0, of_each=6)
    >>> made.distance.tolist()[:12], made.hop.tolist()[:12]
    ([2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3], [1, 1, 1, 2, 2, 2, 1, 1, 2, 2, 3, 3])
    """
    distances = range(2, 1 + min(LONGEST, graphs.max_vertices - 1))
    parts = [_at_distance(graphs, d, seed, max(1, of_each // d)) for d in distances]
    return Pairs(*map(np.concatenate, zip(*parts, strict=True)))


def _at_distance(graphs: Graphs, distance: int, seed: int, of_hop: int) -> Pairs:
    """The pairs of one distance, in the order of their hops."""
    batch = at_distance(graphs, distance, seed, DRAWN * distance * of_hop)
    hop = 1 + np.arange(len(batch.distance)) % distance
    path_hop = _path_hops(batch)
    edited = path_hop == hop[:, None]
    single = edited.sum(1) == 1  # else repeated, or another path goes round it
    corrupted, distances = _corrupted(batch, edited, [seed, distance])
    changed = single & (distances != distance)
    kept = [np.flatnonzero(changed & (hop == k))[:of_hop] for k in range(1, distance + 1)]
    clean_distance = batch.distance.astype(np.int64)
    made = Pairs(batch.tokens, corrupted, clean_distance, distances, hop, edited, path_hop)
    return made.where(np.concatenate(kept))


def _path_hops(batch: Batch) -> OfToken:
    """The hop of each token that is an edge of a shortest path 1-2, counted from 1; 0: others."""
    made = questions(batch)
    nearest = made.at_ends(made.from_source).min(2)
    return np.pad(np.where(made.on_path, nearest + 1, 0), ((0, 0), (0, 1)))  # the question is none


def _corrupted(
    batch: Batch, edited: Bool[np.ndarray, "pair token"], seed: list[int]
) -> tuple[PairTokens, OfPair]:
    """Each graph with another edge at its edited token, and d(1,2) there: as before if all fail."""
    tokens, distances = batch.tokens.copy(), batch.distance.astype(np.int64)
    tries = np.array([
        np.random.default_rng([*seed, i]).integers(1, n + 1, (TRIES, 2))
        for i, n in enumerate(batch.vertices.tolist())
    ])  # fmt: skip
    tries.sort(axis=2)
    joined = adjacency_of(batch.tokens)
    for number in range(TRIES):
        left = np.flatnonzero(distances == batch.distance)
        first, second = tries[left, number].T
        new = (first != second) & ~joined[left, first - 1, second - 1]
        left = left[new]
        row, place = np.nonzero(edited[left])
        tokens[left[row], place] = tries[left[row], number]
        distances[left] = hops(adjacency_of(tokens[left]), 1)[:, 1]
    return tokens, distances
