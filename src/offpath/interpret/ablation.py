"""What is lost without a head: each head's output is replaced by its mean, one head at a time.

In: a model over edge tokens, and questions. Out: accuracy with and without each head, and how far
the answers move, by true distance. "Mean ablation", Wang et al. 2023, "Interpretability in the
wild". Costs one pass for each head.
"""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from offpath import results
from offpath.fit.transformer import Transformer
from offpath.interpret.activations import Edit, Place, Tokens, alike, edited_answers, unchanged
from offpath.interpret.questions import Questions

AT_ONCE = 256  # questions: with more, shorter graphs would be padded to the longest of them
DIGITS = 5  # of a measure
Truth = Int64[np.ndarray, " example"]
Answers = Float[np.ndarray, " example"]
Means = dict[int, Float[Tensor, "kind head size"]]
"""Per layer, the mean output of each head over edge tokens, and over questions."""


def ablations(model: Transformer, asked: Questions) -> list[results.Ablation]:
    """What each head is worth, by true distance, and over all, where each distance weighs alike.

    A head puts out its mean over the edge tokens of all questions at edge tokens, and its mean over
    the question tokens at question tokens. A model over vertex tokens has no such tokens: a
    `ValueError`.
    """
    if model.architecture.tokens == "vertices":
        raise ValueError("model must have edge tokens to be ablated; leave out one over vertices")
    tokens, truth = asked.batch.tokens, asked.batch.distance.astype(np.int64)
    means, whole = mean_outputs(model, tokens), edited(model, tokens, unchanged)
    rows: list[results.Ablation] = []
    for layer, mean in means.items():
        for head in range(model.architecture.heads):
            without = edited(model, tokens, ablated(layer, head, mean))
            rows += _rows(layer, head + 1, truth, whole, without)
    return rows


def mean_outputs(model: Transformer, tokens: Tokens) -> Means:
    """What each head of each layer puts out on average."""
    sums: dict[int, Tensor] = {}
    counts = torch.zeros(2, dtype=torch.float64)

    def added(place: Place, activation: Tensor) -> Tensor:
        if place.kind == "heads":
            kinds = _kinds(part).to(activation.device)  # (kind, example, token)
            summed = torch.einsum("ket,ethd->khd", kinds, activation.double()).cpu()
            sums[place.layer] = sums.get(place.layer, 0) + summed
        return activation

    for _, part in alike(model, tokens, AT_ONCE):
        counts += _kinds(part).sum((1, 2))
        edited_answers(model, part, added)
    return {layer: total / counts[:, None, None] for layer, total in sums.items()}


def ablated(layer: int, head: int, mean: Float[Tensor, "kind head size"]) -> Edit:
    """The edit by which a head, counted from 0, puts out its mean at edges and at questions."""

    def edit(place: Place, activation: Tensor) -> Tensor:
        if place != Place("heads", layer):
            return activation
        edge, question = mean[:, head].to(activation.device, activation.dtype)
        made = activation.clone()
        made[:, :-1, head], made[:, -1, head] = edge, question
        return made

    return edit


def edited(model: Transformer, tokens: Tokens, edit: Edit) -> Answers:
    """The answers to a batch of any size, in its order, when an edit changes the pass."""
    answers = np.empty(len(tokens))
    for which, part in alike(model, tokens, AT_ONCE):
        answers[which] = edited_answers(model, part, edit).cpu()
    return answers


def _kinds(tokens: Tokens) -> Float[Tensor, "kind example token"]:
    """1 at the edges of each example, and 1 at its question; 0 at padding."""
    real = torch.from_numpy(tokens[:, :, 1] != 0).double()
    kinds = torch.stack([real, torch.zeros_like(real)])
    kinds[:, :, -1] = torch.tensor([[0.0], [1.0]])
    return kinds


def _rows(
    layer: int, head: int, truth: Truth, whole: Answers, without: Answers
) -> Iterator[results.Ablation]:
    """The rows of one head: all questions, then each distance."""
    labels = np.unique(truth).tolist()
    found = np.array([np.rint(whole) == truth, np.rint(without) == truth, np.abs(without - whole)])
    of_each = np.array([found[:, truth == d].mean(1) for d in labels])
    counts = [len(truth), *(int((truth == d).sum()) for d in labels)]
    means = np.round([of_each.mean(0), *of_each], DIGITS).tolist()
    for distance, count, values in zip((None, *labels), counts, means, strict=True):
        right, right_without, moved = values
        yield results.Ablation(
            layer=layer,
            head=head,
            distance=distance,
            count=count,
            right=right,
            right_without=right_without,
            moved=moved,
        )
