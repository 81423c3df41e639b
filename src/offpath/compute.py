"""Where and how things are computed: one explicit object, made once and handed on."""

import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from types import TracebackType
from typing import NoReturn

import torch
import torch.distributed.nn  # before a group exists: its functions keep that as a default argument
from torch import distributed
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from offpath.errors import InputError, choice_fault, outside

PRECISIONS = ("float32", "tf32", "bfloat16")
STEPS = ("auto", "torch", "native")
PATIENCE = timedelta(minutes=10)  # of processes with one that neither answers nor ends
MICRO_BATCH_ON_CPU = 512  # more leaves the cache, and takes memory


@dataclass(frozen=True)
class Compute:
    """A device for tensors, CPU threads, the arithmetic of training, and which process this is."""

    device: torch.device
    threads: int
    precision: str = "float32"
    """Of matrix products in training, as the configuration has it: one of `PRECISIONS`."""
    micro_batch: int | None = None
    """Examples whose activations are held at a time in training; None: the whole batch."""
    step: str = "auto"
    """What computes a training step: torch, or the native library where it can; one of `STEPS`."""
    rank: int = 0
    """Which of the processes that train together this is; the first alone writes files."""
    ranks: int = 1

    def at(self, precision: str) -> "Compute":
        """The same with the precision that a configuration asks for."""
        if precision not in PRECISIONS:
            raise InputError(choice_fault("precision", precision, PRECISIONS))
        if precision == "tf32" and self.device.type == "cpu":
            raise InputError("precision tf32 needs a GPU; on cpu choose float32 or bfloat16")
        return replace(self, precision=precision)

    def autocast(self) -> AbstractContextManager:
        """A context in which matrix products of the forward pass are bfloat16, if asked for."""
        if self.precision == "bfloat16":
            return torch.autocast(self.device.type, dtype=torch.bfloat16)
        return nullcontext()

    @contextmanager
    def arithmetic(self) -> Iterator[None]:
        """A context in which float32 matrix products are TF32, if asked for."""
        before = torch.get_float32_matmul_precision()
        if self.precision == "tf32":
            torch.set_float32_matmul_precision("high")
        try:
            yield
        finally:
            if self.precision == "tf32":
                torch.set_float32_matmul_precision(before)


def compute(
    device: str = "auto",
    threads: int | None = None,
    micro_batch: int | None = None,
    step: str = "auto",
    *,
    join: bool = False,
) -> Compute:
    """The device called `device` (`auto`: a GPU where there is one), with `threads` CPU threads.

    `threads` is None for all cores of this process, shared with the processes that torchrun started
    beside it. Sets torch's thread count: results on CPU are bit-identical for equal counts, and
    equal up to rounding otherwise. With `join` those processes train together: it returns once all
    of them are there.
    """
    _, ranks, _, local_ranks = launched()
    if threads is None:
        linux = hasattr(os, "sched_getaffinity")
        cores = len(os.sched_getaffinity(0)) if linux else os.cpu_count() or 1
        threads = max(1, cores // local_ranks)
    gpu = torch.cuda.is_available()
    if device == "auto":
        device = "cuda" if gpu else "cpu"
    if device not in ("cpu", "cuda"):
        raise InputError(f"device must be auto, cpu or cuda; got {device!r}")
    if device == "cuda" and not gpu:
        raise InputError("device cuda needs a GPU that torch can see, and there is none; use cpu")
    if step == "native" and micro_batch is not None:
        raise InputError("micro_batch is for the step of torch; leave it out, or choose step torch")
    if micro_batch is None and device == "cpu":
        micro_batch = MICRO_BATCH_ON_CPU
    for name, number, most in (("threads", threads, 1024), ("micro_batch", micro_batch, 2**24)):
        for fault in () if number is None else outside(name, number, 1, most):
            raise InputError(fault)
    if step not in STEPS:
        raise InputError(choice_fault("step", step, STEPS))
    torch.set_num_threads(threads)
    alone = Compute(torch.device(device), threads, micro_batch=micro_batch, step=step)
    return _joined(alone) if join and ranks > 1 else alone


@contextmanager
def torch_on_one_thread() -> Iterator[None]:
    """A context in which torch works on the calling thread alone."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _joined(alone: Compute) -> Compute:
    """The same among the processes that torchrun started, on a GPU of its own if on any."""
    rank, ranks, local_rank, local_ranks = launched()
    place, on_gpu = alone.device, alone.device.type == "cuda"
    if on_gpu:
        if local_ranks > torch.cuda.device_count():
            raise InputError(
                f"each process needs a GPU of its own, and torch sees {torch.cuda.device_count()}; "
                f"got {local_ranks} processes; lower --nproc-per-node, or give --device cpu"
            )
        place = torch.device("cuda", local_rank)
        torch.cuda.set_device(place)
    store, _, _ = next(rendezvous("env://", timeout=PATIENCE))
    store, backend = _of_this_start(store, rank, ranks), "nccl" if on_gpu else "gloo"
    distributed.init_process_group(
        backend, store=store, rank=rank, world_size=ranks, timeout=PATIENCE
    )
    report = sys.excepthook

    def report_and_end(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        report(kind, error, trace)
        end_joined(1)

    sys.excepthook = report_and_end  # a fault of ours: the others must not wait for it
    return replace(alone, device=place, rank=rank, ranks=ranks)


def launched() -> tuple[int, int, int, int]:
    """Rank and number of the processes that torchrun started; the same among this machine's."""
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_PORT")
    numbers = [os.environ.get(name, "") for name in names]
    if not all(number.isdecimal() for number in numbers):
        return 0, 1, 0, 1
    rank, ranks, local_rank, local_ranks, _ = map(int, numbers)
    return rank, ranks, local_rank, local_ranks


def _of_this_start(store: Store, rank: int, ranks: int) -> Store:
    """A part of the store that all processes of this start share, and none of an earlier start.

    torchrun restarts processes on the same store, where gloo would find the addresses of the dead
    (torch 2.13). The first process names the start anew, and answers each other by a name that it
    alone can have given itself: who reads the name of an earlier start gets no answer, and reads
    again.
    """
    own = secrets.token_hex(8)
    if rank == 0:
        store.set("start", own)
        for other in range(1, ranks):
            name = store.get(f"{own}/{other}").decode()  # waits
            store.set(f"{own}/{name}", "welcome")
        return PrefixStore(own, store)
    while True:
        start = store.get("start").decode()
        store.set(f"{start}/{rank}", own)
        if store.check([f"{start}/{own}"]):
            return PrefixStore(start, store)
        time.sleep(0.02)


def leave() -> None:
    """Part from the processes that were joined, once all of them are here to do so.

    Destroying the group waits for its threads, unless anything else still holds it. A thread that
    lives on gives back the tensors of the last sum some time; where the interpreter is gone by then
    the process dies of SIGABRT ("terminate called without an active exception", torch 2.13).
    """
    if distributed.is_initialized():
        gpu = distributed.get_backend() == "nccl"
        with suppress(RuntimeError):  # one of them died: what this process has to do is done
            distributed.barrier(device_ids=[torch.cuda.current_device()] if gpu else None)
        distributed.destroy_process_group()


def end_joined(status: int) -> None:
    """End this process here and now, if it is still joined to others: after an error.

    The end of the interpreter would wait for threads that wait for the other processes, or would
    abort (see `leave`). Once the sockets are closed, the others end too.
    """
    if distributed.is_initialized():
        end_now(status)


def end_now(status: int) -> NoReturn:
    """End this process, whatever threads live, without taking the interpreter apart."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # full, closed, or never there
            stream.flush()
    os._exit(status)
