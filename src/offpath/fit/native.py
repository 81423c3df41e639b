"""The native training step: `native.cpp`, built once where a C++ compiler is found.

In: a transformer on the CPU and a batch. Out: gradients and answers, as torch's step gives them up
to rounding. Each thread works on its part of the batch with gradients of its own, which are added
in order: equal thread counts give equal bits. The library lies in the user's cache folder, under a
name made of the source, the flags and the processor.
"""

import ctypes
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from offpath.compute import Compute
from offpath.errors import InputError
from offpath.fit.transformer import Transformer

SOURCE = Path(__file__).with_name("native.cpp")
COMPILERS = ("c++", "g++", "clang++")
PROCESSOR_FLAGS = (("-march=native",), ("-mcpu=native",), ())  # the first that the compiler takes
FLAGS = ("-std=c++20", "-O3", "-ffp-contract=fast", "-Wno-psabi", "-shared", "-fPIC")
LANES = 8  # as in the source: sizes are multiples of it
BUILD_SECONDS = 300.0


class Shape(ctypes.Structure):
    """`Shape` of the source: the sizes that memory is reserved for."""

    _fields_ = [
        (name, ctypes.c_int32)
        for name in (
            "width", "layers", "heads", "feed_forward", "slots", "outputs", "norm_before",
            "final_norm",
        )
    ]  # fmt: skip


class NativeStep:
    """The step for one model: it holds memory for activations, and the gradients of the model."""

    def __init__(self, library: ctypes.CDLL, model: Transformer, threads: int) -> None:
        """Memory for `threads` threads."""
        a = model.architecture
        shape = Shape(
            a.width, a.layers, a.heads, a.feed_forward, model.max_vertices + 1,
            model.readout.out_features, a.norm == "pre", a.final_norm,
        )  # fmt: skip
        self.library, self.parameters = library, list(model.parameters())
        self.steps = [library.offpath_open(ctypes.byref(shape)) for _ in range(threads)]
        self.pool = ThreadPoolExecutor(threads)
        count = sum(p.numel() for p in self.parameters)
        self.gradients = torch.zeros(threads, count)
        self.views = [self._views(flat) for flat in self.gradients]
        self.addresses = [_pointers(views) for views in self.views]

    @property
    def memory_bytes(self) -> int:
        """Of activations, packed weights and gradients, of all threads."""
        return sum(map(self.library.offpath_bytes, self.steps)) + self.gradients.nbytes

    def __del__(self) -> None:
        """Give the memory back."""
        for step in self.steps:
            self.library.offpath_close(step)

    def add_gradients(
        self, tokens: UInt8[np.ndarray, "example slots 2"], labels: Float[Tensor, " example"],
        squared: float, entropy: float = 0.0,
    ) -> Float[Tensor, " example"]:  # fmt: skip
        """The answers; every parameter's `grad` becomes that of the loss.

        The loss is `squared` times the sum of squared errors plus `entropy` times the sum of
        cross-entropies of the classes. `grad` is memory of this object, which the next call
        overwrites.
        """
        answers = torch.empty(len(tokens))
        tokens = np.ascontiguousarray(tokens)
        cuts = np.linspace(0, len(tokens), len(self.steps) + 1).astype(int).tolist()
        self.gradients.zero_()
        values = _pointers(self.parameters)

        def work(thread: int) -> None:
            first, end = cuts[thread], cuts[thread + 1]
            self.library.offpath_run(
                self.steps[thread], values, self.addresses[thread], end - first,
                tokens[first:].ctypes.data, labels[first:].data_ptr(), squared, entropy,
                answers[first:].data_ptr(),
            )  # fmt: skip

        list(self.pool.map(work, range(len(self.steps))))
        for other in self.gradients[1:]:
            self.gradients[0] += other
        for parameter, gradient in zip(self.parameters, self.views[0], strict=True):
            parameter.grad = gradient
        return answers

    def _views(self, flat: Tensor) -> list[Tensor]:
        pieces = flat.split([p.numel() for p in self.parameters])
        return [piece.view_as(p) for piece, p in zip(pieces, self.parameters, strict=True)]


def native_step(model: Transformer, compute: Compute) -> NativeStep | None:
    """The native step for a model, or None where torch's is to be used.

    With `compute.step` "native" an `InputError` says why it cannot be used.
    """
    if compute.step == "torch":
        return None
    fault = _unsupported(model, compute) or native_library()[1]
    library, _ = native_library() if not fault else (None, "")
    if library:
        return NativeStep(library, model, compute.threads)
    if compute.step == "native":
        raise InputError(f"the native step cannot be used: {fault}; choose --step auto")
    return None


def _unsupported(model: Transformer, compute: Compute) -> str:
    """Why a model cannot be trained natively; empty if it can."""
    a = model.architecture
    sizes = {"width": a.width, "feed_forward": a.feed_forward, "head size": a.width // a.heads}
    odd = [f"{name} {size}" for name, size in sizes.items() if size % LANES]
    if compute.device.type != "cpu" or compute.precision != "float32":
        return "it is for float32 on a CPU"
    if model.readout.weight.dtype != torch.float32:
        return "it is for weights in float32"
    if a.tokens != "edges" or a.norm == "none" or a.head_size is not None:
        return "it is for networks that are trained, not for handcrafted ones of other shapes"
    if any(part._forward_hooks or part._forward_pre_hooks for part in model.modules()):
        return "it calls no hooks, and the network has some"
    if odd:
        return f"sizes must be multiples of {LANES}; got {', '.join(odd)}"
    return ""


@cache
def native_library() -> tuple[ctypes.CDLL | None, str]:
    """The library, built if it is not in the cache; or None, and why there is none."""
    compiler = next(filter(None, map(shutil.which, (os.environ.get("CXX", ""), *COMPILERS))), None)
    if compiler is None:
        return None, "there is no C++ compiler (c++, g++ or clang++)"
    try:
        path = _built(compiler, cache_folder())
        library = ctypes.CDLL(str(path))
    except (OSError, subprocess.SubprocessError) as error:
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


def _built(compiler: str, folder: Path) -> Path:
    """The path of the library, which is compiled if it is not there; an `OSError` if it fails."""
    content = [SOURCE.read_text(), compiler, *FLAGS, platform.machine(), _processor()]
    path = folder / f"step-{sha256(chr(0).join(content).encode()).hexdigest()[:16]}.so"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    fault = ""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        made = Path(scratch) / path.name
        for flags in PROCESSOR_FLAGS:
            command = [compiler, *FLAGS, *flags, "-o", str(made), str(SOURCE)]
            ended = subprocess.run(
                command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
            )
            if ended.returncode == 0:
                made.replace(path)  # another process may have been faster: it made the same
                return path
            fault = fault or ended.stderr
    raise OSError(f"{compiler} failed: {fault.strip()[:300]}")


def _processor() -> str:
    """What `native` flags depend on: the processor's features, as far as the system tells."""
    known = Path("/proc/cpuinfo")
    lines = known.read_text().splitlines() if known.exists() else []
    features = (line for line in lines if line.startswith(("flags", "Features")))
    return next(features, platform.processor())


def _pointers(tensors: Sequence[Tensor]) -> ctypes.Array:
    return (ctypes.c_void_p * len(tensors))(*[tensor.data_ptr() for tensor in tensors])
