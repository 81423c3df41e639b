"""Where things are computed: one explicit object, made once and handed on."""

import os
from dataclasses import dataclass

import torch

from offpath.configs import InputError


@dataclass(frozen=True)
class Compute:
    """A device for tensors, and CPU threads for kernels and tensors."""

    device: torch.device
    threads: int


def compute(device: str = "auto", threads: int | None = None) -> Compute:
    """The device called `device` (`auto`: a GPU where there is one), with `threads` CPU threads.

    `threads` is None for all cores of this process. Sets torch's thread count: results on CPU are
    bit-identical for equal counts, and equal up to rounding otherwise.
    """
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    threads = cores if threads is None else threads
    if not 1 <= threads <= 1024:
        raise InputError(f"threads must be 1 to 1024; got {threads}")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device not in ("cpu", "cuda"):
        raise InputError(f"device must be auto, cpu or cuda; got {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("device cuda needs a GPU that torch can see, and there is none; use cpu")
    torch.set_num_threads(threads)
    return Compute(torch.device(device), threads)
