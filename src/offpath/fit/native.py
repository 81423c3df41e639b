"""The native training step: `native.cpp`, built once where a C++ compiler is found.

In: a transformer on the CPU and a batch. Out: gradients and answers, as torch's step gives them up
to rounding. Each thread works on its part of the batch with gradients of its own, which are added
in order: equal thread counts give equal bits. The library lies in the user's cache folder, under a
name made of the source, the compiler and the processor; `CXX` chooses another compiler.
"""

import ctypes
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from offpath.compute import Compute
from offpath.configs import Architecture
from offpath.errors import InputError
from offpath.fit.limits import is_limited, weights_of
from offpath.fit.parallel import summed
from offpath.fit.transformer import Transformer, answer, predict
from offpath.sections import Head

SOURCE = Path(__file__).with_name("native.cpp")
COMPILERS = ("c++", "g++", "clang++")
PROCESSOR_FLAGS = (("-march=native",), ("-mcpu=native",), ())  # the first that the compiler takes
FLAGS = ("-std=c++20", "-O3", "-ffp-contract=fast", "-Wno-psabi", "-shared", "-fPIC")
LANES = 8  # as in the source: sizes are multiples of it
BUILD_SECONDS = 300.0
HEADS = get_args(Head)  # as the source numbers them


class Shape(ctypes.Structure):
    """`Shape` of the source: the sizes that memory is reserved for."""

    _fields_ = [
        (name, ctypes.c_int32)
        for name in (
            "width", "layers", "heads", "feed_forward", "slots", "outputs", "norm_before",
            "final_norm", "head",
        )
    ]  # fmt: skip


class NativeStep:
    """The step for one model: it holds memory for activations, and the gradients of the model."""

    def __init__(self, library: ctypes.CDLL, model: Transformer, compute: Compute) -> None:
        """Memory for each of the threads."""
        self.steps: list[int] = []
        self.library, self.compute = library, compute
        self.architecture, self.outputs = model.architecture, model.readout.out_features
        self.head: Head = self.architecture.head
        self.limited = model if is_limited(model) else None
        self.weights = weights_of(model)
        self._open(model.max_vertices + 1)
        threads = compute.threads
        self.pool = ThreadPoolExecutor(threads)
        count = sum(weight.numel() for weight in self.weights)
        self.gradients = torch.zeros(threads, count, dtype=torch.float32)
        self.views = [self._views(flat) for flat in self.gradients]
        self.addresses = [_pointers(views) for views in self.views]

    @property
    def memory_bytes(self) -> int:
        """Of activations and packed weights of all threads, and of gradients beyond the first's."""
        return sum(map(self.library.offpath_bytes, self.steps)) + self.gradients[1:].nbytes

    def __del__(self) -> None:
        """Give the memory back."""
        self._close()

    def _open(self, slots: int) -> None:
        """Memory for examples of so many tokens, padding included."""
        self._close()
        a = self.architecture
        shape = Shape(
            a.width, a.layers, a.heads, a.feed_forward, slots, self.outputs, a.norm == "pre",
            a.final_norm, HEADS.index(a.head),
        )  # fmt: skip
        self.slots, threads = slots, self.compute.threads
        self.steps = [self.library.offpath_open(ctypes.byref(shape)) for _ in range(threads)]
        if not all(self.steps):
            raise MemoryError

    def _close(self) -> None:
        for step in self.steps:
            if step:
                self.library.offpath_close(step)
        self.steps = []

    def set_gradients(
        self, tokens: UInt8[np.ndarray, "example slots 2"], labels: Float32[Tensor, " example"],
        squared: float, entropy: float = 0.0,
    ) -> Float[Tensor, " example"]:  # fmt: skip
        """The answers; the `grad` of every parameter that is trained becomes that of the loss.

        The loss is `squared` times the sum of squared errors plus `entropy` times the sum of
        cross-entropies of the classes; of a head of labels, `entropy` times its own. `grad` is
        memory of this object, which the next call overwrites.
        """
        if tokens.shape[1] != self.slots:  # the library reads as many tokens of each example
            self._open(tokens.shape[1])
        outputs = torch.empty(len(tokens), self.outputs, dtype=torch.float32)
        tokens = np.ascontiguousarray(tokens)
        cuts = np.linspace(0, len(tokens), len(self.steps) + 1).astype(int).tolist()
        self.gradients.zero_()
        if self.limited:  # its weights depend on what is trained
            self.weights = weights_of(self.limited)
        values = _pointers(self.weights)

        def work(thread: int) -> None:
            first, end = cuts[thread], cuts[thread + 1]
            self.library.offpath_run(
                self.steps[thread], values, self.addresses[thread], end - first,
                tokens[first:].ctypes.data, labels[first:].data_ptr(), squared, entropy,
                outputs[first:].data_ptr(),
            )  # fmt: skip

        list(self.pool.map(work, range(len(self.steps))))
        for other in self.gradients[1:]:
            self.gradients[0] += other
        summed(self.gradients[0], self.compute)
        for weight, gradient in zip(self.weights, self.views[0], strict=True):
            if weight.requires_grad and weight.is_leaf:
                weight.grad = gradient
            elif weight.requires_grad:
                weight.backward(gradient)
        return answer(outputs, self.head)

    def answers(
        self, tokens: UInt8[np.ndarray, "example slots 2"]
    ) -> Float[np.ndarray, " example"]:
        """The answers alone; gradients are zero afterwards."""
        return self.set_gradients(tokens, torch.zeros(len(tokens)), 0.0).numpy()

    def _views(self, flat: Tensor) -> list[Tensor]:
        pieces = flat.split([weight.numel() for weight in self.weights])
        return [piece.view_as(w) for piece, w in zip(pieces, self.weights, strict=True)]


def native_step(model: Transformer, compute: Compute) -> NativeStep | None:
    """The native step for a model; None where torch's is to be used.

    Processes that train together use the same: all of them call this.
    """
    library, _ = native_library() if not native_fault(model.architecture, compute) else (None, "")
    if not _plain(model):
        library = None
    without = torch.tensor(float(library is None), device=compute.device)
    if summed(without, compute).item() or library is None:
        return None
    return NativeStep(library, model, compute)


def answers(
    model: Transformer, tokens: UInt8[np.ndarray, "example slots 2"], compute: Compute
) -> Float[np.ndarray, " example"]:
    """The answers of `predict` in float32, natively where that can be, by this process alone."""
    step = native_step(model, replace(compute, precision="float32", rank=0, ranks=1))
    return step.answers(tokens) if step else predict(model, tokens)


def check_native(architecture: Architecture, compute: Compute) -> None:
    """Refuse `step` "native" before a run begins whose networks it could not train."""
    if compute.step != "native":
        return
    if fault := native_fault(architecture, compute) or native_library()[1]:
        raise InputError(f"the native step cannot be used: {fault}; choose --step auto")


def native_fault(architecture: Architecture, compute: Compute) -> str:
    """Why an architecture is not trained natively; empty if it is."""
    a = architecture
    sizes = {"width": a.width, "feed_forward": a.feed_forward, "head size": a.width // a.heads}
    odd = [f"{name} {size}" for name, size in sizes.items() if size % LANES]
    if compute.step == "torch":
        return "torch's was chosen"
    if compute.device.type != "cpu" or compute.precision != "float32":
        return "it is for float32 on a CPU"
    if a.tokens != "edges" or a.norm == "none" or a.head_size is not None:
        return "it is not for handcrafted networks of other shapes"
    if a.looped:
        return "it is not for looped layers"
    if odd:
        return f"sizes must be multiples of {LANES}; got {', '.join(odd)}"
    return ""


def _plain(model: Transformer) -> bool:
    """Whether weights are as the library reads them, and no hook waits to be called."""
    hooks = any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())
    weights = model.parameters()
    return not hooks and all(p.dtype == torch.float32 and p.is_contiguous() for p in weights)


@cache
def native_library() -> tuple[ctypes.CDLL | None, str]:
    """The library, built if it is not in the cache; or None, and why there is none."""
    chosen = shlex.split(os.environ.get("CXX", ""))
    known = [chosen] if chosen else [[name] for name in COMPILERS]
    compiler = next((words for words in known if shutil.which(words[0])), None)
    if compiler is None:
        return None, f"there is no C++ compiler ({', '.join(words[0] for words in known)})"
    try:
        library = _loaded(compiler, cache_folder())
    except (OSError, RuntimeError, ValueError, subprocess.SubprocessError) as error:
        return None, " ".join(str(error).split())
    library.offpath_open.restype = ctypes.c_void_p
    library.offpath_open.argtypes = [ctypes.c_void_p]
    library.offpath_bytes.restype = ctypes.c_int64
    library.offpath_bytes.argtypes = [ctypes.c_void_p]
    library.offpath_close.argtypes = [ctypes.c_void_p]
    library.offpath_run.argtypes = [
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int,
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_float, ctypes.c_float, ctypes.c_void_p,
    ]  # fmt: skip
    library.offpath_run.restype = None
    return library, ""


def cache_folder() -> Path:
    """Where libraries are kept: `$XDG_CACHE_HOME/offpath`, by default `~/.cache/offpath`."""
    base = os.environ.get("XDG_CACHE_HOME")
    default = "Library/Caches" if sys.platform == "darwin" else ".cache"
    return (Path(base) if base else Path.home() / default) / "offpath"


def _loaded(compiler: Sequence[str], folder: Path) -> ctypes.CDLL:
    """The library; one in the cache that cannot be loaded is built once more."""
    path = _built(compiler, folder)
    try:
        return ctypes.CDLL(str(path))
    except OSError:
        path.unlink(missing_ok=True)
        return ctypes.CDLL(str(_built(compiler, folder)))


def _built(compiler: Sequence[str], folder: Path) -> Path:
    """The path of the library, which is compiled if it is not there; an `OSError` if it fails."""
    content = [SOURCE.read_text(), *compiler, *FLAGS, platform.machine(), _processor()]
    path = folder / f"step-{sha256(chr(0).join(content).encode()).hexdigest()[:16]}.so"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    fault = ""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        made = Path(scratch) / path.name
        for flags in PROCESSOR_FLAGS:
            command = [*compiler, *FLAGS, *flags, "-o", str(made), str(SOURCE)]
            ended = subprocess.run(
                command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
            )
            if ended.returncode == 0:
                with made.open("rb") as written:  # half a library would end Python without a word
                    os.fsync(written.fileno())
                made.replace(path)  # another process may have been faster: it made the same
                return path
            fault = ended.stderr
    raise OSError(f"{compiler[0]} failed: {fault.strip()[:300]}")


def _processor() -> str:
    """What `native` flags depend on: the processor's features, as far as the system tells."""
    known = Path("/proc/cpuinfo")
    lines = known.read_text().splitlines() if known.exists() else []
    features = (line for line in lines if line.startswith(("flags", "Features")))
    return next(features, platform.processor())


def _pointers(tensors: Sequence[Tensor]) -> ctypes.Array:
    return (ctypes.c_void_p * len(tensors))(*[tensor.data_ptr() for tensor in tensors])
