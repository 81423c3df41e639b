"""How far does a network look? By layer, whether the question notices that an edge is gone.

In: a network. Out: for only paths of each length, the share of graphs in which the loss of an edge
of the path changes the stream of the question (or answer) token more than that of an irrelevant
edge of the same graph; and how many hops farther it looks with every layer. Costs a forward pass of
`GRAPHS` n^2 small graphs, of n vertices.
"""

from collections.abc import Sequence
from math import ceil, inf, log2

import numpy as np
from jaxtyping import Bool, Float, Int64, UInt8

from offpath import results
from offpath.fit.transformer import Transformer
from offpath.interpret.activations import question_streams
from offpath.interpret.paths import OnlyPaths, only_paths
from offpath.results.inside import ReachLaw

GRAPHS = 128  # of each length
LEAST_CHANGE = 0.01  # of the typical distance between questions: less is not noticed
ROUNDING = 16  # of the size of a stream, in units of its last digit: no change either
LEAST_NOTICED = 0.9  # of the graphs, at every hop: a length is reached
RESAMPLES = 200  # of the graphs, behind an interval
FIRST_LENGTH = 2  # of the paths that laws are fitted to: an edge from 1 to 2 needs no search
FEWEST = 3  # different lengths behind a slope, and different layers behind a law
MOST_MISFIT = 1 / 8  # layers: a law may be wrong by one at one length in eight
Wins = Bool[np.ndarray, "layer graph _"]  # the last axis: hops, as many as the path has
Layers = Sequence[int | None]


def looked(
    model: Transformer,
    questions: UInt8[np.ndarray, "example token 2"],
    seed: int = 0,
    graphs: int = GRAPHS,
) -> tuple[list[results.Notice], results.Reach]:
    """What the question notices by length, hop and layer, and the law that it follows.

    `questions`: others, as of test e: how far apart they are at a layer makes its changes
    comparable. Of vertex tokens the answer's is looked at.
    """
    least = least_change(question_streams(model, questions))
    wins = []
    for distance in range(1, model.max_vertices - 1):
        random = np.random.default_rng([seed, distance])
        paths = only_paths(model.max_vertices, distance, graphs, random)
        wins.append(noticed(model, paths, least, random))
    rows = [
        results.Notice(distance=distance, hop=hop, layer=layer, pairs=graphs, noticed=float(share))
        for distance, won in enumerate(wins, start=1)
        for layer, shares in enumerate(won.mean(1))
        for hop, share in enumerate(shares, start=1)
    ]
    return rows, reach(wins, np.random.default_rng([seed, 0]))


def least_change(streams: Float[np.ndarray, "layer example width"]) -> Float[np.ndarray, " layer"]:
    """What a change must exceed, by layer: a share of how far questions are apart, and rounding."""
    exact = streams.astype(np.float64)
    apart = np.sqrt(2 * exact.var(1).sum(1))  # root mean square
    size = np.sqrt((exact**2).sum(2).mean(1))
    return np.maximum(LEAST_CHANGE * apart, ROUNDING * np.finfo(streams.dtype).eps * size)


def noticed(
    model: Transformer,
    paths: OnlyPaths,
    least: Float[np.ndarray, " layer"],
    random: np.random.Generator,
) -> Wins:
    """Whether each edge of the path changes the question more than an irrelevant one does."""
    whole = question_streams(model, paths.tokens)  # (layer, graph, width)
    cut = question_streams(model, paths.cut_tokens.reshape(-1, *paths.tokens.shape[1:]))
    cut = cut.reshape(*whole.shape[:2], -1, whole.shape[2])  # (layer, graph, edge, width)
    apart = np.linalg.norm(cut.astype(np.float64) - whole[:, :, None], axis=3)
    other = np.take_along_axis(apart, irrelevant(paths, random)[None], axis=2)
    return apart[:, :, : paths.distance] > np.maximum(other, least[:, None, None])


def irrelevant(paths: OnlyPaths, random: np.random.Generator) -> Int64[np.ndarray, "graph hop"]:
    """For each edge of the path an edge beside it, by its place.

    If there is one, one whose loss leaves as many vertices without an edge: that is noticed too.
    """
    of_path, isolating = paths.distance, paths.isolating
    own, others = isolating[:, :of_path, None], isolating[:, None, of_path:]
    chance = random.random((len(isolating), of_path, others.shape[2]))
    there = paths.edges[:, None, of_path:, 1] != 0
    return of_path + (chance + (own == others) + 2 * there).argmax(2)


def reach(wins: Sequence[Wins], random: np.random.Generator) -> results.Reach:
    """How far a network looks, from what is noticed on paths of length 1, 2, ..."""
    done, drawn = [], []
    for won in wins:  # each length has graphs of its own
        graphs = won.shape[1]
        counts = random.multinomial(graphs, np.full(graphs, 1 / graphs), RESAMPLES)
        shares = np.einsum("rg,lgh->rlh", counts, won) / graphs
        done.append((won.mean(1) >= LEAST_NOTICED).all(1))
        drawn.append((shares >= LEAST_NOTICED).all(2))
    return judged(np.stack(done, axis=1), np.stack(drawn, axis=2))


def judged(
    done: Bool[np.ndarray, "layer length"], drawn: Bool[np.ndarray, "resample layer length"]
) -> results.Reach:
    """How far a search has come by each layer: which lengths it is done with, and in resamples."""
    layers = [first_layer(column) for column in done.T]
    slopes = [hops_per_layer([first_layer(column) for column in one.T]) for one in drawn]
    slopes = [one for one in slopes if one is not None]
    estimate, low, high = hops_per_layer(layers), None, None
    if estimate is not None and slopes:
        low, high = np.quantile(slopes, [0.025, 0.975], method="nearest").tolist()
    return results.Reach(
        layers=layers,
        hops_per_layer=_finite(estimate),
        hops_low=_finite(low),
        hops_high=_finite(high),
        law=law(layers),
    )


def first_layer(done: Bool[np.ndarray, " layer"]) -> int | None:
    """The first layer from which on a length is done with; None where it is not in the last."""
    missed = np.flatnonzero(~done)
    first = int(missed[-1]) + 1 if len(missed) else 0
    return first if first < len(done) else None


def hops_per_layer(layers: Layers) -> float | None:
    """How much longer paths may be for each layer more; None: too few lengths are reached.

    Least squares of the layer over the length, which is what is chosen. Infinite where longer paths
    take no more layers.

    >>> hops_per_layer([1, 2, 3, 3, 4, 4])  # search from both ends; the length 1 does not count
    2.0
    """
    reached = _reached(layers)
    if len(reached) < FEWEST:
        return None
    lengths, needed = np.array(reached, float).T
    away = lengths - lengths.mean()
    slope = float((away * needed).sum() / (away**2).sum())
    return 1 / slope if slope > 0 else inf


def law(layers: Layers) -> ReachLaw:
    """The law of search whose layers are nearest, but for a constant; of equals the slowest.

    Fewer than `FEWEST` different layers have no shape: a single step fits many laws.

    >>> law([1, 2, 3, 4, 5, 6]), law([1, 2, 3, 3, 4, 4]), law([5] * 8 + [6] * 4 + [7] * 2)
    ('one end', 'both ends', 'doubling')
    >>> law([4, 4, 4, 4, 5, 5])
    'none'
    """
    reached = _reached(layers)
    if len({layer for _, layer in reached}) < FEWEST:
        return "none"
    d, needed = np.array(reached).T
    vertices = 2 ** ceil(log2(len(layers) + 2))  # or as many
    laws: list[tuple[ReachLaw, np.ndarray]] = [
        ("one end", d),
        ("both ends", np.ceil(d / 2)),
        ("doubling", np.ceil(np.log2(d))),  # with every layer what is reached doubles,
        ("doubling", np.ceil(-np.log2(1 - d / vertices))),  # or what is not reached halves
    ]
    offsets = [needed - layer for _, layer in laws]
    misfits = [np.abs(one - np.rint(np.median(one))).mean() for one in offsets]
    best = int(np.argmin(misfits))
    return laws[best][0] if misfits[best] <= MOST_MISFIT else "none"


def _reached(layers: Layers) -> list[tuple[int, int]]:
    """Lengths that are reached, and by which layer."""
    pairs = enumerate(layers, start=1)
    return [(d, layer) for d, layer in pairs if layer is not None and d >= FIRST_LENGTH]


def _finite(value: float | None) -> float | None:
    return None if value is None or value == inf else value
