"""Which of many examples to train on, so that graphs with a long search are more frequent.

In: more examples than are wanted. Out: those chosen, with probabilities that grow with the number
of vertices and the length of the search. No weights make up for it: the answer with the least
squared error is the same whatever the frequencies, and examples with small weights teach little.

The kernel calls `frontier_layers` of another file, whose edits numba's cache does not see.
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from offpath.data.graphs import ONE, ZERO, frontier_layers, kernel

Tokens = UInt8[np.ndarray, "example token 2"]
Numbers = UInt8[np.ndarray, " example"]


def chosen(
    emphasis: Float64[np.ndarray, " example"], count: int, seed: int, first: int
) -> Int64[np.ndarray, " chosen"]:
    """Positions of `count` examples, in order, that depend on (seed, first) alone.

    Drawn without replacement with probabilities proportional to `emphasis`: Efraimidis, Spirakis
    2006, "Weighted random sampling with a reservoir".
    """
    draws = np.random.Generator(np.random.Philox(key=[seed, first])).random(len(emphasis))
    return np.sort(np.argsort(np.log(draws) / emphasis, kind="stable")[-count:])


def emphasis(
    tokens: Tokens, distance: Numbers, vertices: Numbers
) -> Float64[np.ndarray, " example"]:
    """The relative frequency of each example: more for more vertices, and for longer searches.

    It follows the error of half-trained networks of recipe `paper-fast`, which grows by about half
    with each round of search.
    """
    rounds, largest = search_rounds(tokens, distance), int(tokens[0, -1, 1]) - 1
    return 0.1 + (vertices / largest) ** 2 * 1.5 ** (rounds - 4.0)


def search_rounds(tokens: Tokens, distance: Numbers) -> Int64[np.ndarray, " example"]:
    """Rounds of breadth-first search from vertex 1 until it meets the target.

    Where there is no path: rounds that reach something new, from vertex 1 and from the target.
    """
    rounds = distance.astype(np.int64)
    count_rounds(tokens, rounds)
    return rounds


@kernel
@no_type_check
def count_rounds(tokens: Tokens, rounds: Int64[np.ndarray, " example"]) -> None:
    """Replace the label "no path" by the rounds of both searches."""
    no_path = np.int64(tokens[0, -1, 1]) - 1
    adjacency, layers = np.zeros(64, np.uint64), np.zeros(65, np.uint64)
    for example in range(len(tokens)):
        if rounds[example] != no_path:
            continue
        adjacency[:] = ZERO
        for slot in range(tokens.shape[1] - 1):
            a, b = np.int64(tokens[example, slot, 0]), np.int64(tokens[example, slot, 1])
            if b:
                adjacency[a - 1] |= ONE << np.uint64(b - 1)
                adjacency[b - 1] |= ONE << np.uint64(a - 1)
        rounds[example] = 0
        for source in (0, np.int64(tokens[example, -1, 0]) - 1):
            frontier_layers(adjacency, source, ZERO, no_path, layers)
            hop = 1
            while layers[hop] != ZERO:
                hop += 1
            rounds[example] += hop - 1
