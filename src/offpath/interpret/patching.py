"""Which tokens carry the answer through the layers: activation patching by groups of tokens.

In: a model over edge tokens, and pairs of graphs that differ in one edge. Out: for each layer and
group of tokens, how much of the model's own change of answer it carries from the clean graph into
the corrupted one. "Interchange interventions", Geiger et al. 2021; "causal tracing", Meng et al.
2022. Costs one pass for each layer and group: seconds per model.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from offpath import results
from offpath.fit.transformer import Transformer
from offpath.interpret.activations import Edit, Place, alike, edited_answers, record, unchanged
from offpath.interpret.pairs import Pairs
from offpath.results.inside import PatchGroup

MAPPED = (3, 5)  # distances whose pairs are also split by hop, and their path edges as well
AT_ONCE = 64  # pairs: with more, shorter graphs would be padded to the longest of them
RESAMPLES = 200
DIGITS = 4  # of a share
Values = Float[np.ndarray, " pair"]


class Group(NamedTuple):
    """Some tokens of each pair."""

    name: PatchGroup
    at: int | None = None  # of edges of shortest paths, this hop alone; None: all, or no path edges

    def members(self, pairs: Pairs) -> Bool[np.ndarray, "pair token"]:
        """Which tokens these are; padding belongs to none but "all"."""
        question = np.arange(pairs.clean.shape[1]) == pairs.clean.shape[1] - 1
        path = (pairs.path_hop > 0) & ~pairs.edited
        if self.at is not None:
            return path & (pairs.path_hop == self.at)
        return {
            "edited": pairs.edited,
            "path": path,
            "other": (pairs.clean[:, :, 1] != 0) & ~path & ~pairs.edited & ~question,
            "question": question | np.zeros_like(path),
            "all": np.ones_like(path),
        }[self.name]

    def shown(self, hop: int | None) -> bool:
        """Whether there is a row of it where the edited edge is at a hop; None: at any.

        By hop the edges of the path are told apart; at that of the edited edge there are no others.
        """
        if hop is None:
            return self.at is None
        return self.at not in (None, hop) or self.name in ("edited", "other", "question")


WHOLE = (Group("edited"), Group("path"), Group("other"), Group("question"), Group("all"))


class Answers(NamedTuple):
    """What a model answers to pairs."""

    clean: Values
    corrupted: Values
    patched: Float[np.ndarray, "layer group pair"]  # corrupted, with clean activations in a group


def patches(model: Transformer, pairs: Pairs) -> list[results.Patch]:
    """What each group of tokens carries at each layer, by distance, and by hop at some distances.

    A model over vertex tokens has no token for an edge: a `ValueError`. Looped layers read the
    embedding again, which is not patched: "all" tokens then carry less than everything.
    """
    if model.architecture.tokens == "vertices":
        raise ValueError("model must have edge tokens to be patched; leave out one over vertices")
    rows: list[results.Patch] = []
    for distance in np.unique(pairs.distance).tolist():
        some, mapped = pairs.where(pairs.distance == distance), distance in MAPPED
        hops = np.unique(some.hop).tolist() if mapped else ()
        groups = (*WHOLE, *(Group("path", at) for at in hops))
        answers = patched_answers(model, some, groups)
        for hop in (None, *hops):
            rows += _rows(some, groups, answers, hop)
    return rows


def patched_answers(model: Transformer, pairs: Pairs, groups: tuple[Group, ...]) -> Answers:
    """The answers to the graphs of all pairs, and to the corrupted ones patched in each way."""
    layers, count = range(model.architecture.layers + 1), len(pairs.hop)
    clean, corrupted = np.empty(count), np.empty(count)
    patched = np.empty((len(layers), len(groups), count))
    for which, _ in alike(model, pairs.clean, AT_ONCE):
        some = pairs.where(which).short()
        recorded = record(model, some.clean)
        clean[which] = recorded.answers.cpu()
        corrupted[which] = edited_answers(model, some.corrupted, unchanged).cpu()
        members = torch.from_numpy(np.concatenate([group.members(some) for group in groups]))
        stacked = np.tile(some.corrupted, (len(groups), 1, 1))
        for layer in layers:
            edit = written(layer, recorded.residual[layer], members)
            answers = edited_answers(model, stacked, edit).cpu().numpy()
            patched[layer][:, which] = answers.reshape(len(groups), -1)
    return Answers(clean, corrupted, patched)


def written(
    layer: int,
    stream: Float[Tensor, "pair stream_token width"],
    members: Bool[Tensor, "patched stream_token"],
) -> Edit:
    """The edit that writes a stream at some tokens of a layer, into one batch or more of them."""
    chosen = members.to(stream.device)[:, :, None]

    def edit(place: Place, activation: Tensor) -> Tensor:
        if place != Place("stream", layer):
            return activation
        times = len(activation) // len(stream)
        return torch.where(chosen, stream.repeat(times, 1, 1), activation)

    return edit


def _rows(
    pairs: Pairs, groups: Sequence[Group], answers: Answers, hop: int | None
) -> Iterator[results.Patch]:
    """The rows of one distance, of edited edges at one hop or at all."""
    of_hop = np.ones(len(pairs.hop), bool) if hop is None else pairs.hop == hop
    change = (answers.clean - answers.corrupted)[of_hop]
    moved = (answers.patched - answers.corrupted)[:, :, of_hop] * change
    shares = _shares(moved, change**2)
    for number, group in enumerate(groups):
        if not group.shown(hop):
            continue
        for layer in range(len(moved)):
            carried, low, high = (
                (None,) * 3 if shares is None else shares[:, layer, number].tolist()
            )
            yield results.Patch(
                distance=int(pairs.distance[0]),
                hop=hop,
                layer=layer,
                group=group.name,
                at=group.at,
                pairs=len(change),
                change=round(float((change**2).mean() ** 0.5), DIGITS),
                carried=carried,
                low=low,
                high=high,
            )


def _shares(
    parts: Float[np.ndarray, "layer group pair"], whole: Values
) -> Float[np.ndarray, "3 layer group"] | None:
    """The share of each sum in that of the whole, and the ends of its interval over pairs."""
    if not whole.any():
        return None
    count = len(whole)
    times = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), RESAMPLES)
    times = times[times @ whole > 0]
    ends = np.quantile(parts @ times.T / (times @ whole), (0.025, 0.975), axis=-1)
    share = parts.sum(-1) / whole.sum()
    return np.round([share, *ends], DIGITS) + 0.0  # not -0.0
