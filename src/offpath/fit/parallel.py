"""Training in several processes, each on its share of every batch, as one.

Torch's data parallelism averages the gradients, so that all hold the same weights. The first
process reads and writes the run folder, and tells the others what it read: they need no disk in
common.
"""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from offpath.compute import Compute
from offpath.configs import InputError


def replicated(model: nn.Module, compute: Compute) -> nn.Module:
    """The model itself, or where there are several processes one whose gradients are averaged."""
    if compute.ranks == 1:
        return model
    devices = [compute.device] if compute.device.type == "cuda" else None
    return DistributedDataParallel(model, device_ids=devices)


def meeting_later(model: nn.Module) -> AbstractContextManager:
    """A context in which gradients are added up without those of other processes."""
    return model.no_sync() if isinstance(model, DistributedDataParallel) else nullcontext()


def from_first(number: int, compute: Compute) -> int:
    """The number that the first process has."""
    if compute.ranks == 1:
        return number
    told = torch.tensor(number, dtype=torch.int64, device=compute.device)
    distributed.broadcast(told, src=0)
    return int(told)


def check_same(what: str, text: str, compute: Compute) -> None:
    """Refuse to go on where a process has another text than the first."""
    if text_from_first(text, compute) != text:
        raise InputError(
            f"process {compute.rank} was started with another {what} than process 0; give all of "
            "them the same command"
        )


def text_from_first(text: str, compute: Compute) -> str:
    """The text that the first process has."""
    if compute.ranks == 1:
        return text
    content = torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8).to(compute.device)
    told = torch.empty(from_first(len(content), compute), dtype=torch.uint8, device=compute.device)
    if compute.rank == 0:
        told = content
    distributed.broadcast(told, src=0)
    return bytes(told.tolist()).decode()


def share_optimizer_state(
    model: nn.Module, optimizer: torch.optim.Optimizer, compute: Compute
) -> None:
    """Give all processes the state of the first one's Adam; the weights follow by `replicated`."""
    if compute.ranks == 1:
        return
    for parameter in model.parameters():
        state = optimizer.state[parameter]
        if compute.rank:
            state["step"] = torch.zeros((), device=parameter.device)
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        for name in ("step", "exp_avg", "exp_avg_sq"):
            distributed.broadcast(state[name], src=0)


def summed(tensor: Tensor, compute: Compute) -> Tensor:
    """The sum over all processes."""
    if compute.ranks > 1:
        distributed.all_reduce(tensor)
    return tensor
