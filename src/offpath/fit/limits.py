"""What training may change of a network, and how far from its start.

In: a transformer. Out: the same, whose `parameters` that need a gradient are all that an optimizer
changes. Some of its weights may be computed from them (torch's parametrizations); `merged` is the
ordinary network with the same weights.
"""

from collections.abc import Iterator
from functools import reduce

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector
from torch.nn.utils.parametrize import is_parametrized, register_parametrization

from offpath.configs import Graphs, Training
from offpath.fit.transformer import Attention, Transformer

Matrix = Float[Tensor, "row column"]
FIRST_OTHER_ID = 3


class LowRank(nn.Module):
    """A weight W, which stays, as W + B A, where B starts at zero (LoRA, Hu et al. 2021).

    Without that paper's factor alpha / rank. Queries, keys and values are three matrices.
    """

    def __init__(self, weight: Matrix, rank: int, matrices: int, random: torch.Generator) -> None:
        """A is normally distributed, with variance 1 / columns."""
        super().__init__()
        rows, columns = weight.shape
        down = torch.randn(matrices, rank, columns, generator=random) / columns**0.5
        self.down = nn.Parameter(down.to(weight))
        self.up = nn.Parameter(weight.new_zeros(matrices, rows // matrices, rank))

    def forward(self, weight: Matrix) -> Matrix:
        """The weight that the network computes with."""
        with torch.autocast(weight.device.type, enabled=False):
            return weight + (self.up @ self.down).flatten(0, 1)


class HeldRows(nn.Module):
    """A weight some of whose rows stay."""

    def __init__(self, weight: Matrix, rows: slice) -> None:
        """They stay as they are now."""
        super().__init__()
        self.rows = rows
        self.register_buffer("held", weight[rows].detach().clone())

    def forward(self, weight: Matrix) -> Matrix:
        """The weight that the network computes with."""
        held = self.get_buffer("held")
        return torch.cat([weight[: self.rows.start], held, weight[self.rows.stop :]])


def limit(model: Transformer, training: Training, graphs: Graphs, seed: int) -> None:
    """Leave to the optimizer what a training may change, and note where it starts."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(_is_trained(name, model, training))
    if training.rank is not None:
        random = torch.Generator().manual_seed(seed)
        for module, name in _matrices(model):
            weight, matrices = getattr(module, name), 3 if isinstance(module, Attention) else 1
            factors = LowRank(weight, training.rank, matrices, random)
            register_parametrization(module, name, factors)
    if training.trains == "assistant":
        register_parametrization(
            model.embedding, "weight", HeldRows(model.embedding.weight, slice(0, -1))
        )
    if training.unseen_ids == "freeze":
        rows = HeldRows(model.embedding.weight, unseen_rows(graphs))
        register_parametrization(model.embedding, "weight", rows)
    if training.pull:
        start = parameters_to_vector(_trained(model)).detach().clone()
        model.register_buffer("start", start, persistent=False)


def _is_trained(name: str, model: Transformer, training: Training) -> bool:
    """Whether a weight changes freely."""
    part, layers = name.split(".")[0], len(model.layers)
    if part == "readout" and model.architecture.head != "regression":
        return True
    if training.rank is not None:
        return False
    if training.trains == "assistant":
        return part == "embedding"
    if training.trains == "last_block":
        return part in ("final_norm", "readout") or name.startswith(f"layers.{layers - 1}.")
    return training.trains == "all" or name.endswith("bias") or "norm" in name


def _matrices(model: Transformer) -> Iterator[tuple[nn.Module, str]]:
    """The weights of attention and feed-forward that are matrices."""
    for module in model.get_submodule("layers").modules():
        if isinstance(module, Attention):
            yield module, "in_proj_weight"
        elif isinstance(module, nn.Linear):
            yield module, "weight"


def _trained(model: nn.Module) -> list[nn.Parameter]:
    return [p for p in model.parameters() if p.requires_grad]


def unseen_rows(graphs: Graphs) -> slice:
    """The rows of an embedding of edges for the ids that fine-tuning never asks for."""
    return slice(graphs.finetune_vertices + 1, graphs.max_vertices + 1)


@torch.no_grad()
def renew_unseen_rows(
    model: Transformer, training: Training, graphs: Graphs, untrained: Transformer
) -> None:
    """Set those rows to an untrained network's, or to the mean of the rows of ids 3 and more.

    Vertex 1 is where every question starts, and 2 is the target of pre-training: both differ.
    """
    weight, rows = model.embedding.weight, unseen_rows(graphs)
    if training.unseen_ids == "reset":
        weight[rows] = untrained.embedding.weight[rows].to(weight)
    if training.unseen_ids == "average":
        weight[rows] = weight[FIRST_OTHER_ID : rows.start].mean(0)


@torch.no_grad()
def add_pull(model: Transformer, pull: float) -> None:
    """Add the gradient of pull / 2 times the squared distance from the start.

    L2-SP (Li, Grandvalet, Davoine 2018): part of the loss, so that clipping and the optimizer's
    scaling act on it too. A new read-out starts at zero and is pulled there, as in the paper.
    """
    trained = _trained(model)
    starts = model.get_buffer("start").split([p.numel() for p in trained])
    for p, start in zip(trained, starts, strict=True):
        assert p.grad is not None, "every weight that is trained takes part in the loss"
        p.grad.add_(p - start.view_as(p), alpha=pull)


def is_limited(model: nn.Module) -> bool:
    """Whether some of a network's weights are computed from others."""
    return any(is_parametrized(module) for module in model.modules())


def weights_of(model: Transformer) -> list[Tensor]:
    """The weights that a network computes with, in the order of an ordinary one's parameters."""
    if not is_limited(model):
        return list(model.parameters())
    names = _ordinary(model).state_dict()
    return [reduce(getattr, name.split("."), model) for name in names]


def merged(model: Transformer) -> Transformer:
    """The ordinary network with the same weights; of one that is ordinary, itself."""
    if not is_limited(model):
        return model
    plain = _ordinary(model)
    weights = [weight.detach() for weight in weights_of(model)]
    plain.load_state_dict(dict(zip(plain.state_dict(), weights, strict=True)), assign=True)
    return plain


def _ordinary(model: Transformer) -> Transformer:
    """One of the same shape, without weights."""
    with torch.device("meta"):
        return Transformer(model.architecture, model.max_vertices)
