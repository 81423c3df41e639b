"""Optimizers, their state as tensors, and the learning rate as a pure function of the step.

A new optimizer is a choice of `configs.Training.optimizer` and a branch of `make_optimizer`: its
state is saved, shared and counted whatever it holds, as long as that is tensors per parameter.
"""

import math

import torch
from torch import Tensor, nn

from offpath.configs import Training
from offpath.fit.muon import Muon


def make_optimizer(model: nn.Module, training: Training) -> torch.optim.Optimizer:
    """Adam (Kingma, Ba 2015), AdamW (Loshchilov, Hutter 2019), or Muon (Jordan et al. 2024)."""
    betas = (training.beta1, training.beta2)
    if training.optimizer == "muon":
        return Muon(model, training.learning_rate, betas, training.weight_decay)
    kind = torch.optim.AdamW if training.optimizer == "adamw" else torch.optim.Adam
    return kind(
        [p for p in model.parameters() if p.requires_grad],
        lr=training.learning_rate,
        betas=betas,
        weight_decay=training.weight_decay,
        fused=True,
    )


def state_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """All that an optimizer remembers, under KEY.PARAMETER; a parameter may have no state."""
    return {
        f"{key}.{name}": tensor
        for name, parameter in model.named_parameters()
        for key, tensor in optimizer.state.get(parameter, {}).items()
    }


def load_state_tensors(
    model: nn.Module, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]
) -> None:
    """Give an optimizer the state that `state_tensors` has returned."""
    names = {parameter: name for name, parameter in model.named_parameters()}
    order = [names[parameter] for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        key, parameter = name.split(".", 1)
        state.setdefault(order.index(parameter), {})[key] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def learning_rate(training: Training, step: int) -> float:
    """The learning rate of step `step`, counted from 1.

    Warm-up is linear; then the peak holds until the share `decay_from` of all steps.

    >>> from offpath.recipes import paper
    >>> [learning_rate(paper().pretrain, step) for step in (1, 6400, 6401, 9600)]
    [0.0005, 0.0005, 0.0001, 0.0001]
    """
    t = training
    if step <= t.warmup_steps:
        return t.learning_rate * step / t.warmup_steps
    held = max(round(t.decay_from * t.steps), t.warmup_steps)
    if step <= held:
        return t.learning_rate
    if t.decay == "drop":
        return t.learning_rate * t.final_share
    progress = (step - held) / (t.steps - held)  # 0 at the peak, 1 at the last step
    left = 1 - progress if t.decay == "linear" else (1 + math.cos(math.pi * progress)) / 2
    return t.learning_rate * (t.final_share + (1 - t.final_share) * left)
