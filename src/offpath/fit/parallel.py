"""Training in several processes, each on its share of every batch, as one.

Torch's data parallelism averages the gradients, so that all hold the same weights. The first
process reads and writes the run folder, and sends the others what it read: they need no disk in
common.
"""

import torch
from safetensors.torch import load, save
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from offpath.compute import Compute
from offpath.fit.optimizer import load_state_tensors, state_tensors


def replicated(model: nn.Module, compute: Compute) -> nn.Module:
    """The model itself, or where there are several processes one whose gradients are averaged."""
    if compute.ranks == 1:
        return model
    devices = [compute.device] if compute.device.type == "cuda" else None
    return DistributedDataParallel(model, device_ids=devices)


def from_first(number: int, compute: Compute) -> int:
    """The number that the first process has."""
    received = torch.tensor(number, dtype=torch.int64, device=compute.device)
    if compute.ranks > 1:
        distributed.broadcast(received, src=0)
    return int(received)


def text_from_first(text: str, compute: Compute) -> str:
    """The text that the first process has."""
    return text if compute.ranks == 1 else _bytes_from_first(text.encode(), compute).decode()


def share_optimizer_state(
    model: nn.Module, optimizer: torch.optim.Optimizer, compute: Compute
) -> None:
    """Give all processes the first one's optimizer state; the weights follow by `replicated`."""
    if compute.ranks == 1:
        return
    tensors = {} if compute.rank else state_tensors(model, optimizer)
    content = save({name: t.cpu().contiguous() for name, t in tensors.items()})
    content = _bytes_from_first(content, compute)
    if compute.rank:
        load_state_tensors(model, optimizer, load(content))


def _bytes_from_first(content: bytes, compute: Compute) -> bytes:
    length = from_first(len(content), compute)
    received = torch.empty(length, dtype=torch.uint8, device=compute.device)
    if compute.rank == 0:
        received.copy_(torch.frombuffer(bytearray(content), dtype=torch.uint8))
    distributed.broadcast(received, src=0)
    return received.cpu().numpy().tobytes()


def summed(tensor: Tensor, compute: Compute) -> Tensor:
    """The sum over all processes."""
    if compute.ranks > 1:
        distributed.all_reduce(tensor)
    return tensor
