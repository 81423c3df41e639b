"""Coherence: what the answers to all questions on one graph must have in common, as a loss.

In: graphs without labels, and a network's answers f(2), f(3), ... to each; f(1) is 0. Out: the mean
square of what each vertex or edge is short of, and its gradient on the answers.

A loss whose gradient on an answer is g is also the squared error of that answer from the answer
less g / 2: the loop trains on such labels as on true ones. The distances have loss 0 under every
requirement. From weak to strong (N, the largest graph's number of vertices, is "no path"):

- components: both ends of an edge have a path, f <= N - 1, or neither has, f >= N.
- lipschitz_unanchored: f differs by at most 1 across an edge, edges of vertex 1 left out.
- lipschitz: across every edge.
- bellman_unanchored: f(t) = min(N, 1 + the least f of t's neighbours), for every t with an edge
  but none with 1. So f is a distance from somewhere; it does not say that this is vertex 1.
- bellman: for every t with an edge; f is that from 1 (Bellman 1958, "On a routing problem").
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from offpath.configs import Graphs
from offpath.data.batches import Batch, share_of_rank
from offpath.data.unlabelled import GRAPHS, whole_graphs
from offpath.plans import Coherence, Requirement

Function = Float[Tensor, "graph vertex"]
"""The answers for vertices 1, 2, ... of each graph."""
Edges = Bool[Tensor, "graph vertex vertex"]


class Unlabelled(NamedTuple):
    """This process's graphs of one step."""

    requires: Requirement
    tokens: UInt8[np.ndarray, "question token 2"]
    adjacency: Edges
    terms: int  # of the mean, over the graphs of all processes


def unlabelled(
    coherence: Coherence, graphs: Graphs, seed: int, first_step: int = 0, rank: int = 0,
    ranks: int = 1,
) -> Iterator[Unlabelled]:  # fmt: skip
    """The graphs of each step, from `first_step` on; each rank gets its share."""
    low, high = share_of_rank(GRAPHS, rank, ranks)
    targets = graphs.max_vertices - 1
    for whole in whole_graphs(graphs, coherence, seed, first_step):
        adjacency = torch.from_numpy(whole.adjacency)
        terms = int(required(coherence.requires, adjacency).sum())
        tokens = whole.tokens[low * targets : high * targets]
        yield Unlabelled(coherence.requires, tokens, adjacency[low:high], max(1, terms))


def required(requires: Requirement, adjacency: Edges) -> Bool[Tensor, "graph ..."]:
    """The edges, or the vertices, of which something is required."""
    if requires in ("components", "lipschitz"):
        return adjacency
    if requires == "lipschitz_unanchored":
        others = adjacency.clone()
        others[:, 0] = others[:, :, 0] = False
        return others
    asked = adjacency.any(2)
    asked[:, 0] = False
    return asked & ~adjacency[:, 0] if requires == "bellman_unanchored" else asked


def shortfalls(requires: Requirement, f: Function, adjacency: Edges) -> Float[Tensor, " term"]:
    """The square of what each of `required` is short of: 0 where it is met."""
    no_path = f.shape[1]
    if requires == "components":
        # The nearest pair of answers that both say so: both have a path, or neither.
        reached, cut = (f - (no_path - 1)).relu().square(), (no_path - f).relu().square()
        sums = [side[:, :, None] + side[:, None, :] for side in (reached, cut)]
        squares = torch.minimum(*sums)
    elif requires in ("lipschitz", "lipschitz_unanchored"):
        squares = ((f[:, :, None] - f[:, None, :]).abs() - 1).relu().square()
    else:
        least = f[:, None, :].masked_fill(~adjacency, torch.inf).min(2).values
        squares = (f - (1 + least).clamp(max=no_path)).square()
    return squares[required(requires, adjacency)]


def incoherence(
    graphs: Unlabelled, answers: Float[Tensor, " question"]
) -> tuple[Tensor, Float[Tensor, " question"]]:
    """This process's part of the mean square, and its gradient on the answers."""
    with torch.enable_grad():
        given = answers.detach().cpu().float().requires_grad_()
        f = given.view(len(graphs.adjacency), -1)
        f = torch.cat([f.new_zeros(len(f), 1), f], dim=1)
        loss = shortfalls(graphs.requires, f, graphs.adjacency).sum() / graphs.terms
        (gradient,) = torch.autograd.grad(loss, given)
    return loss.detach(), gradient


def beside(
    batch: Batch, graphs: Unlabelled, answers: Float[np.ndarray, " question"], scale: float
) -> tuple[UInt8[np.ndarray, "example token 2"], Float[Tensor, " example"], Tensor]:
    """Tokens and labels of examples and, behind them, of questions on graphs; the latter's loss.

    `scale`: what the loop multiplies squared errors with. `answers`: what the network says now.
    """
    given = torch.from_numpy(answers)
    loss, gradient = incoherence(graphs, given)
    labels = torch.cat([torch.from_numpy(batch.labels).float(), given - gradient / (2 * scale)])
    return np.concatenate([batch.tokens, graphs.tokens]), labels, loss
