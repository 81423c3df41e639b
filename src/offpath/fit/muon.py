"""Muon: momentum whose matrices are orthogonalised, for hidden weights; AdamW for all others.

K. Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks". One learning rate
serves both. torch.optim.Muon rounds to bfloat16, and takes one matrix at a time: slow on CPUs.
"""

from collections import defaultdict
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim.adamw import adamw

A, B, C = 3.4445, -4.7750, 2.0315  # singular values s become A s + B s^3 + C s^5, five times
Matrices = Float[Tensor, "matrix row column"]
TINY = 1e-7  # beside the norm of a matrix: one of zeros stays so


class Muon(torch.optim.Optimizer):
    """Muon for the matrices of `layers`, AdamW for embedding, norms, biases and read-out.

    Updates of Muon are scaled by the root of the longer side: their root mean square is then about
    the learning rate, as in Adam's first step. Momentum and decoupled weight decay serve both.
    """

    def __init__(
        self, model: nn.Module, lr: float, betas: tuple[float, float], weight_decay: float
    ) -> None:
        """No momentum yet."""
        named = {name: p for name, p in model.named_parameters() if p.requires_grad}
        hidden = [name for name, p in named.items() if name.startswith("layers.") and p.ndim == 2]
        # Queries, keys and values are one weight, but three matrices.
        matrices = [3 if name.endswith("in_proj_weight") else 1 for name in hidden]
        groups: list[dict[str, Any]] = [
            {"params": [named[name] for name in hidden], "matrices": matrices},
            {"params": [p for name, p in named.items() if name not in hidden]},
        ]
        # `fused` tells torch where to put the counts of AdamW's steps when a state is loaded.
        defaults = {"lr": lr, "betas": betas, "weight_decay": weight_decay, "fused": True}
        super().__init__(groups, defaults)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # pyright: ignore
        """Change all weights that have a gradient."""
        self._step_of_muon(self.param_groups[0])
        self._step_of_adamw(self.param_groups[1])

    def _step_of_muon(self, group: dict[str, Any]) -> None:
        rate, beta = group["lr"], group["betas"][0]
        by_shape = defaultdict(list)
        for p, count in zip(group["params"], group["matrices"], strict=True):
            if p.grad is None:
                continue
            if not self.state[p]:
                self.state[p]["momentum_buffer"] = torch.zeros_like(p)
            mean = self.state[p]["momentum_buffer"].lerp_(p.grad, 1 - beta)
            direction = p.grad.lerp(mean, beta)  # Nesterov's
            if group["weight_decay"]:
                p.mul_(1 - rate * group["weight_decay"])
            pair = [t.unflatten(0, (count, -1)) for t in (p, direction)]
            by_shape[pair[0].shape[1:]].append(pair)  # each (matrix, row, column)
        for shape, pairs in by_shape.items():
            weights, directions = zip(*pairs, strict=True)
            updates = newton_schulz(torch.cat(directions)).split([len(w) for w in weights])
            for weight, update in zip(weights, updates, strict=True):
                weight.sub_(update, alpha=rate * max(shape) ** 0.5)

    def _step_of_adamw(self, group: dict[str, Any]) -> None:
        weights = [p for p in group["params"] if p.grad is not None]
        keys = ("exp_avg", "exp_avg_sq", "step")
        for p in weights:
            if not self.state[p]:
                step = torch.zeros((), dtype=torch.float32, device=p.device)
                self.state[p] = {**{key: torch.zeros_like(p) for key in keys}, "step": step}
        means, squares, steps = ([self.state[p][key] for p in weights] for key in keys)
        adamw(
            *(weights, [p.grad for p in weights], means, squares, [], steps),
            lr=group["lr"], beta1=group["betas"][0], beta2=group["betas"][1],
            weight_decay=group["weight_decay"], eps=1e-8, amsgrad=False, maximize=False, fused=True,
        )  # fmt: skip


def newton_schulz(matrices: Matrices) -> Matrices:
    """About U V^T for each U S V^T, in its own precision.

    Singular values become 0.68 to 1.21; those below 1/600 of the matrix's norm stay smaller.
    """
    if matrices.shape[1] > matrices.shape[2]:
        return newton_schulz(matrices.mT).mT
    x = matrices / (torch.linalg.vector_norm(matrices, dim=(1, 2), keepdim=True) + TINY)
    wide = x.shape[2] > 1.5 * x.shape[1]  # then only the last product is with x: fewer operations
    gram, y = x @ x.mT, x
    for k in range(5):
        factor = torch.baddbmm(gram, gram, gram, beta=B, alpha=C)
        factor.diagonal(dim1=1, dim2=2).add_(A)
        y = factor if wide and k == 0 else factor @ y  # (matrix, row, row if wide else column)
        if k < 4:
            gram = factor @ gram @ factor if wide else y @ y.mT
    return torch.bmm(y, x, out=torch.empty_like(x)) if wide else y  # in memory as `matrices` are
