"""A graph with a question as a sequence of tokens, and many such sequences with little padding.

A token is a pair of small integers: an edge (a, b) with a < b; padding (0, 0); or, last in its
example, the question (t, TARGET) with TARGET = `max_vertices` + 1.
"""

from collections.abc import Sequence
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Int64, UInt8

from offpath.data.graphs import kernel

MOST_GROUPS = 65  # one for each length of the largest graphs


class Packed(NamedTuple):
    """Examples sorted by their number of different tokens and cut into groups, one per length.

    Equal tokens of an example are one token, which carries their number: without positions,
    attention takes them alike. One flat list holds the tokens of all groups: what treats each token
    alone (embedding, linear maps, norms) runs once over all, and only attention looks at groups.
    """

    tokens: UInt8[np.ndarray, "token 2"]  # of all examples; the question is the last of each
    times: UInt8[np.ndarray, " token"]  # how many equal tokens each stands for; 0: it is padding
    groups: tuple[tuple[int, int], ...]  # (examples, tokens per example) of each group
    order: Int64[np.ndarray, " example"]  # position in the batch of each packed example


def pack(tokens: UInt8[np.ndarray, "example token 2"], groups: int = MOST_GROUPS) -> Packed:
    """The same examples in at most `groups` groups, without padding if that covers all lengths.

    Otherwise groups have equal numbers of examples, padded to the longest of each: six groups
    leave 15 % padding at 8 vertices and 14 % at 15, a full rectangle 83 % and 92 %.

    >>> short, long, twice = [(2, 6)], [(1, 3), (2, 3), (2, 6)], [(1, 3), (1, 3), (2, 6)]
    >>> packed = pack(np.array([long, [(0, 0), (0, 0), *short], twice], np.uint8))
    >>> packed.groups, packed.order.tolist()
    (((1, 1), (1, 2), (1, 3)), [1, 2, 0])
    >>> packed.tokens[1:3].tolist(), packed.times[1:3].tolist()
    ([[1, 3], [2, 6]], [2, 1])
    """
    merged, times = np.zeros_like(tokens), np.zeros(tokens.shape[:2], np.uint8)
    lengths = np.ones(len(tokens), np.uint8)
    _merge(tokens, merged, times, lengths)
    order = np.argsort(lengths, kind="stable")
    cuts = np.flatnonzero(np.diff(lengths[order])) + 1  # where a new length begins
    if len(cuts) >= groups:
        cuts = np.linspace(0, len(order), min(groups, len(order)) + 1).astype(int)[1:-1]
    pieces = []
    for chosen in np.split(order, cuts):
        longest = int(lengths[chosen].max(initial=1))
        pieces.append((chosen, slice(-longest, None)))
    return Packed(
        np.concatenate([merged[piece].reshape(-1, 2) for piece in pieces]),
        np.concatenate([times[piece].reshape(-1) for piece in pieces]),
        tuple((len(chosen), -last.start) for chosen, last in pieces),
        order,
    )


@kernel
@no_type_check
def _merge(tokens: np.ndarray, merged: np.ndarray, times: np.ndarray, lengths: np.ndarray) -> None:
    """Write the different tokens of each example to the end of its row, in order of their last.

    Also how often each is there, and how many they are; an example without tokens keeps length 1.
    """
    for example in range(len(tokens)):
        row, found, counts = tokens[example], merged[example], times[example]
        first = end = len(row)
        for i in range(end - 1, -1, -1):
            a, b = row[i]
            if b == 0:
                continue
            place = end - 1
            while place >= first and (found[place, 0] != a or found[place, 1] != b):
                place -= 1
            if place < first:
                first = place
                found[place, 0], found[place, 1] = a, b
            counts[place] += 1
        lengths[example] = max(1, end - first)


def check_target(target: int, source: int, max_vertices: int) -> None:
    """Refuse a target that is no vertex, or the source itself.

    >>> check_target(1, source=1, max_vertices=8)
    Traceback (most recent call last):
    ValueError: target must be 2 to 8; got 1: the distance from 1 to itself is 0, and no question
    """
    allowed = f"2 to {max_vertices}" if source == 1 else f"1 to {max_vertices}, but not {source}"
    if target == source:
        raise ValueError(f"target must be {allowed}; got {target}: the distance from {source} to "
                         "itself is 0, and no question")  # fmt: skip
    if not 1 <= target <= max_vertices:
        raise ValueError(f"target must be {allowed}; got {target}")


def encode(
    edges: Sequence[tuple[int, int]], target: int, max_vertices: int
) -> UInt8[np.ndarray, "1 token 2"]:
    """One graph with the question "how far is `target` from vertex 1?" as tokens.

    >>> encode([(3, 1), (2, 3)], target=2, max_vertices=4)[0].tolist()
    [[1, 3], [2, 3], [0, 0], [0, 0], [2, 5]]
    """
    for vertex in (v for edge in edges for v in edge):
        if not 1 <= vertex <= max_vertices:
            raise ValueError(f"a vertex must be 1 to {max_vertices}; got {vertex}")
    check_target(target, 1, max_vertices)
    pairs = [(min(edge), max(edge)) for edge in edges if edge[0] != edge[1]]
    if len(pairs) > max_vertices:
        allowed = f"at most {max_vertices} edges fit, one for each vertex of the largest graph"
        raise ValueError(f"{allowed}; got {len(pairs)}")
    padding = [(0, 0)] * (max_vertices - len(pairs))
    return np.array([[*pairs, *padding, (target, max_vertices + 1)]], np.uint8)
