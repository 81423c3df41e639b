"""Search from one end or from both? Cuts of a path that leave a dead end near 1, or near 2.

In: a network. Out: by layer, how often a linear probe of the question (or answer) token tells a
graph whose only path is cut from its uncut twin. Twins have the same vertices, as many edges, and
the same degree at every vertex. Search from 1 that reaches r hops tells paths of up to r hops and
dead ends up to r hops from 1; search from both ends as well those near 2, and longer paths. A dead
end one hop away is an edge by itself, which needs no search: count those that are farther.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int64, UInt8

from offpath import results
from offpath.fit.transformer import Transformer, predict
from offpath.interpret.activations import question_streams
from offpath.interpret.paths import TARGET, along, asked
from offpath.interpret.probes import fit_probe
from offpath.interpret.reach import least_change

PAIRS = 60  # of each length, end and depth, half of them to fit the probe
SMALLEST = 1e-9  # a step, where questions do not differ
Tokens = UInt8[np.ndarray, "pair token 2"]
Read = Float[np.ndarray, " pair"]


class Cuts(NamedTuple):
    """Pairs of graphs: a path from 1 to 2 beside another path, and both with an edge crossed."""

    whole: Tokens
    cut: Tokens
    end: Int64[np.ndarray, " pair"]  # of the question that the dead end hangs on: 1 or 2
    depth: Int64[np.ndarray, " pair"]  # hops from that end to the dead end, 1 to the path's length

    @property
    def distance(self) -> int:
        """The length of the path."""
        return int(self.depth.max())


def cuts(vertices: int, distance: int, random: np.random.Generator, pairs: int = PAIRS) -> Cuts:
    """Pairs for each end and depth of a path of that length; ids are random.

    The other path begins with the edge (u, w), u being its end. That and an edge (a, b) of the path
    from 1 to 2 become (a, u) and (b, w), or (a, w) and (b, u): u is the dead end.
    """
    if not 1 <= distance <= vertices - 4:
        raise ValueError(f"distance must be 1 to {vertices - 4}, so that three vertices are left "
                         f"beside the path of {vertices} vertices; got {distance}")  # fmt: skip
    count = 2 * pairs * distance
    others = random.permuted(np.tile(np.arange(3, vertices + 1), (count, 1)), axis=1)
    inner, rest = np.split(others, [distance - 1], axis=1)
    ends = np.tile([[1, TARGET]], (count, 1))
    path = np.concatenate([ends[:, :1], inner, ends[:, 1:]], axis=1)
    whole = np.concatenate([along(path), along(rest)], axis=1)
    depth = np.tile(np.arange(1, distance + 1), 2 * pairs)
    end = np.arange(count) // distance % 2 + 1
    place = np.where(end == 1, depth, distance + 1 - depth) - 1  # of the edge (a, b)
    cut, every = whole.copy(), np.arange(count)
    (a, b), (u, w) = whole[every, place].T, rest[:, :2].T
    u, w = np.where(end == 1, u, w), np.where(end == 1, w, u)
    cut[every, place], cut[:, distance] = np.stack([a, u], 1), np.stack([b, w], 1)
    return Cuts(asked(whole, vertices), asked(cut, vertices), end, depth)


def tell_cuts(
    model: Transformer, questions: UInt8[np.ndarray, "example token 2"], seed: int = 0
) -> list[results.Cut]:
    """Which cuts a network tells, by length, end, depth and layer.

    `questions`: others, as of test e: how far apart they are at a layer tells what is rounding.
    """
    rows, least = [], least_change(question_streams(model, questions))
    for distance in range(1, model.max_vertices - 3):
        random = np.random.default_rng([seed, distance])
        made = cuts(model.max_vertices, distance, random)
        rows += [*read_cuts(model, made, least), *_answered(model, made)]
    return rows


def read_cuts(
    model: Transformer, made: Cuts, least: Float[np.ndarray, " layer"]
) -> Iterator[results.Cut]:
    """How often a probe of each layer reads more from the graph with the path.

    Streams are rounded to a change of `least`: a probe would read differences however small.
    """
    step = least / np.sqrt(model.architecture.width)
    fitted = np.arange(len(made.depth)) < len(made.depth) // 2
    both, kind = np.concatenate([made.whole, made.cut]), np.repeat([1.0, 0.0], fitted.sum())
    for layer, stream in enumerate(question_streams(model, both)):
        whole, cut = np.split(np.rint(stream / max(step[layer], SMALLEST)), 2)
        probe = fit_probe(np.concatenate([whole[fitted], cut[fitted]]), kind[:, None])
        won = more(probe(whole[~fitted])[:, 0], probe(cut[~fitted])[:, 0])
        yield from _rows(made, layer, won, ~fitted)


def _answered(model: Transformer, made: Cuts) -> Iterator[results.Cut]:
    """How often the answer is the larger without the path."""
    larger = more(predict(model, made.cut), predict(model, made.whole))
    yield from _rows(made, None, larger, np.ones(len(larger), bool))


def _rows(
    made: Cuts, layer: int | None, won: Read, tested: Bool[np.ndarray, " example"]
) -> Iterator[results.Cut]:
    end, depth = made.end[tested], made.depth[tested]
    hops = np.arange(1, made.distance + 1)
    for one in (1, TARGET):
        own = (end == one)[:, None] & (depth[:, None] == hops)  # (pair, depth)
        shares = (won @ own / own.sum(0)).tolist()
        yield results.Cut(distance=made.distance, end=one, layer=layer, pairs=int(own[:, 0].sum()),
                          shares=shares)  # fmt: skip


def more(one: Read, other: Read) -> Read:
    """Where the first is the larger; a tie is a half."""
    return (one > other) + 0.5 * (one == other)
