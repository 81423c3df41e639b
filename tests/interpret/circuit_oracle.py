"""What the edge circuit holds layer by layer, computed without a transformer.

In: tokens. Out: per layer the bits of `docs/edge-circuit.md`, for any mixture of two graphs too. It
knows the search by its rules alone: weights, norms and attention do not occur.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64

from offpath.interpret.activations import Tokens

Ends = Bool[np.ndarray, "example token end"]
Flags = Bool[np.ndarray, "example token"]


class State(NamedTuple):
    """What the tokens hold after a layer; the question, the last token, has one end alone: t."""

    ends: Int64[np.ndarray, "example token end"]  # vertices; 0: none
    reached: Ends  # r: from vertex 1
    from_target: Ends  # s: from t
    met_vertex: Flags  # both bits at one end
    met_edge: Flags  # r at one end, s at the other
    counted: Int64[np.ndarray, "example token"]  # of k with d <= k, at the question

    def patched(self, clean: "State", members: Flags) -> "State":
        """The state with all that some tokens hold in another graph."""
        pairs = zip(self, clean, strict=True)
        return State(*(
            np.where(members[..., None] if ours.ndim == 3 else members, theirs, ours)
            for ours, theirs in pairs
        ))  # fmt: skip


def states(tokens: Tokens, layers: int) -> list[State]:
    """What the tokens hold before the first layer and after each."""
    ends = tokens.astype(np.int64)
    ends[:, -1, 1] = 0
    none = np.zeros(ends.shape[:2], bool)
    begin = State(ends, ends == 1, np.zeros(ends.shape, bool), none, none, none.astype(np.int64))
    return resumed(begin, 0, layers, tokens.shape[1] - 1)


def answers(state: State, max_vertices: int) -> Int64[np.ndarray, " example"]:
    """What is read from the question after the last layer."""
    return max_vertices - state.counted[:, -1]


def resumed(state: State, done: int, layers: int, max_vertices: int) -> list[State]:
    """This state, and those after each layer that is left."""
    made = [state]
    for number in range(done + 1, layers + 1):
        made.append(_after(made[-1], number, max_vertices))
    return made


def _after(before: State, number: int, max_vertices: int) -> State:
    """One layer: an end learns what any token that has the same vertex knows of either end."""
    ends = before.ends
    same = (ends[:, :, :, None, None] == ends[:, None, None]).any(-1)  # (.., token, end, token)
    real = ends > 0
    question = np.arange(ends.shape[1]) == ends.shape[1] - 1
    reached = (same & np.any(before.reached, axis=2)[:, None, None]).any(-1) & real
    source = np.any(before.from_target, axis=2) | question
    from_target = (same & source[:, None, None]).any(-1) & real
    counted = before.counted.copy()
    for met, k in ((before.met_vertex, 2 * number - 3), (before.met_edge, 2 * number - 2)):
        if 1 <= k < max_vertices:
            counted[:, -1] += met.any(1)
    return State(
        ends,
        reached,
        from_target,
        (reached & from_target).any(-1),
        (reached & np.flip(from_target, 2)).any(-1),
        counted,
    )
