"""Search from one end or from both? By hop, whether a cut of the path is told that leaves no trace.

In: a network. Out: by layer, for paths of each length and cuts at each hop, how often a linear
probe of the question (or answer) token tells the graph from its uncut twin. The twin has the same
vertices, the same number of edges and the same degree at every vertex: near no vertex do the two
differ, unless one follows the path from 1 or from 2 to the cut. Search from 1 tells cuts within its
reach of 1, search from both ends those near either, and the middle of a long path last.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64, UInt8

from offpath import results
from offpath.fit.transformer import Transformer, predict
from offpath.interpret.activations import question_streams
from offpath.interpret.paths import TARGET
from offpath.interpret.probes import fit_probe
from offpath.interpret.reach import least_change

PAIRS = 80  # of each length and hop, half of them to fit the probe
SMALLEST = 1e-9  # a step, where questions do not differ
Tokens = UInt8[np.ndarray, "pair token 2"]
Read = Float[np.ndarray, " pair"]


class Cuts(NamedTuple):
    """Pairs of graphs: a path from 1 to 2 beside another path, and both with an edge crossed."""

    whole: Tokens
    cut: Tokens
    hop: Int64[np.ndarray, " pair"]  # of the edge that is crossed, from 1

    @property
    def distance(self) -> int:
        """The length of the path."""
        return int(self.hop.max())


def cuts(vertices: int, distance: int, random: np.random.Generator, pairs: int = PAIRS) -> Cuts:
    """Pairs for each hop of a path of that length; ids and the edges of the other path are random.

    Edges (a, b) of the path and (u, w) of the other become (a, u) and (b, w), or (a, w) and (b, u):
    1 and 2 are apart, and no degree has changed.
    """
    if not 1 <= distance <= vertices - 3:
        raise ValueError(f"distance must be 1 to {vertices - 3}, so that two vertices are left "
                         f"beside the path of {vertices} vertices; got {distance}")  # fmt: skip
    count = pairs * distance
    others = random.permuted(np.tile(np.arange(3, vertices + 1), (count, 1)), axis=1)
    inner, rest = np.split(others, [distance - 1], axis=1)
    ends = np.tile([[1, TARGET]], (count, 1))
    path = np.concatenate([ends[:, :1], inner, ends[:, 1:]], axis=1)
    whole = np.concatenate([_along(path), _along(rest)], axis=1)
    hop = np.tile(np.arange(1, distance + 1), pairs)
    crossed, every = whole.copy(), np.arange(count)
    one = hop - 1, distance + random.integers(0, rest.shape[1] - 1, count)
    (a, b), (u, w) = (whole[every, place].T for place in one)
    turned = random.integers(0, 2, count).astype(bool)
    u, w = np.where(turned, w, u), np.where(turned, u, w)
    for place, edge in zip(one, ((a, u), (b, w)), strict=True):
        crossed[every, place] = np.stack(edge, axis=1)
    return Cuts(_asked(whole, vertices), _asked(crossed, vertices), hop)


def told(
    model: Transformer, questions: UInt8[np.ndarray, "example token 2"], seed: int = 0
) -> list[results.Cut]:
    """Which cuts a network tells, by length, hop and layer.

    `questions`: others, as of test e: how far apart they are at a layer tells what is rounding.
    """
    step = least_change(question_streams(model, questions)) / np.sqrt(model.architecture.width)
    rows = []
    for distance in range(1, model.max_vertices - 2):
        random = np.random.default_rng([seed, distance])
        made = cuts(model.max_vertices, distance, random)
        rows += [*_probed(model, made, step), *_answered(model, made)]
    return rows


def sides(rows: list[results.Cut]) -> list[results.Side]:
    """How well cuts nearer to 1 and nearer to 2 are told: alike, unless the search has one end.

    >>> near_source = [results.Cut(distance=3, hop=k, layer=2, pairs=40, told=1 if k < 3 else 0.5)
    ...                for k in (1, 2, 3)]
    >>> sides(near_source)[0].from_source, sides(near_source)[0].from_target
    (1.0, 0.5)
    """
    made = []
    for layer in dict.fromkeys(row.layer for row in rows):
        own = [row for row in rows if row.layer == layer]
        near = [row.told for row in own if 2 * row.hop < row.distance + 1]
        far = [row.told for row in own if 2 * row.hop > row.distance + 1]
        if near:
            mean = {"from_source": sum(near) / len(near), "from_target": sum(far) / len(far)}
            made.append(results.Side(layer=layer, **mean))
    return made


def _probed(
    model: Transformer, made: Cuts, step: Float[np.ndarray, " layer"]
) -> Iterator[results.Cut]:
    """How often a probe of each layer reads more from the graph with the path.

    Streams are rounded to a `step`: a probe would read differences however small.
    """
    fitted = np.arange(len(made.hop)) < len(made.hop) // 2
    both, kind = np.concatenate([made.whole, made.cut]), np.repeat([1.0, 0.0], fitted.sum())
    for layer, stream in enumerate(question_streams(model, both)):
        whole, cut = np.split(np.rint(stream / max(step[layer], SMALLEST)), 2)
        probe = fit_probe(np.concatenate([whole[fitted], cut[fitted]]), kind[:, None])
        told = _more(probe(whole[~fitted])[:, 0], probe(cut[~fitted])[:, 0])
        yield from _rows(made, layer, told, made.hop[~fitted])


def _answered(model: Transformer, made: Cuts) -> Iterator[results.Cut]:
    """How often the answer is the larger without the path."""
    larger = _more(predict(model, made.cut), predict(model, made.whole))
    yield from _rows(made, None, larger, made.hop)


def _rows(
    made: Cuts, layer: int | None, told: Read, hop: Int64[np.ndarray, " pair"]
) -> Iterator[results.Cut]:
    for one in range(1, made.distance + 1):
        won = told[hop == one]
        yield results.Cut(distance=made.distance, hop=one, layer=layer, pairs=len(won),
                          told=float(won.mean()))  # fmt: skip


def _more(one: Read, other: Read) -> Read:
    return (one > other) + 0.5 * (one == other)


def _along(path: Int64[np.ndarray, "pair vertex"]) -> Int64[np.ndarray, "pair edge 2"]:
    return np.stack([path[:, :-1], path[:, 1:]], axis=2)


def _asked(edges: Int64[np.ndarray, "pair edge 2"], vertices: int) -> Tokens:
    """With the question on 2. The order of edges is by hop: networks see none."""
    made = np.zeros((len(edges), vertices + 1, 2), np.uint8)
    made[:, : edges.shape[1]] = np.sort(edges, axis=2)
    made[:, -1] = (TARGET, vertices + 1)
    return made
