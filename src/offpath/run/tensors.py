"""The tensors of a checkpoint as arrays, for what reads weights and computes nothing: no torch.

In: a run and the name of a checkpoint, which `fit.checkpoints` wrote. Out: its arrays and notes; an
`InputError` of one line where they are not what was written.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from offpath.errors import InputError
from offpath.run.files import UNREADABLE, reason
from offpath.run.folder import Run

Arrays = dict[str, np.ndarray]
Notes = dict[str, str]
Described = tuple[str, str, tuple[int, ...], bytes]
"""A tensor: its name, its type as torch names it, its shape, its bytes."""


def read_arrays(run: Run, name: str) -> tuple[Arrays, Notes]:
    """The arrays and notes of a run's own checkpoint."""
    path = run.checkpoint(name)
    with refused_if_damaged(path), safe_open(path, framework="np") as file:
        notes = notes_of(file.metadata())
        arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        check_sum(notes, _described(arrays))
    check_owner(run, path, notes)
    return arrays, notes


def read_notes(run: Run, name: str) -> Notes:
    """The notes of a checkpoint, without a look at its arrays."""
    path = run.checkpoint(name)
    with refused_if_damaged(path), safe_open(path, framework="np") as file:
        return notes_of(file.metadata())


def _described(arrays: Arrays) -> Iterator[Described]:
    for name, array in arrays.items():
        yield name, f"torch.{array.dtype}", array.shape, array.tobytes()


@contextmanager
def refused_if_damaged(path: Path) -> Iterator[None]:
    """An `InputError` where a file cannot be opened, or what is read from it makes no sense."""
    check_readable(path)  # safetensors calls every failure to open a missing file
    try:
        yield
    except (OSError, SafetensorError, RuntimeError, *UNREADABLE) as error:
        raise InputError(
            f"{path} is damaged ({reason(error)}); restore it from a copy, or delete it to compute "
            "it again with the command that made it"
        ) from error


def check_readable(path: Path) -> None:
    """Refuse a file that cannot be opened."""
    try:
        path.open("rb").close()
    except OSError as error:
        raise InputError(
            f"{path} could not be read ({error.strerror}); permit it, or restore it from a copy"
        ) from error


def notes_of(header: dict[str, str] | None) -> Notes:
    """The notes in the header of a file, its checksum among them; none in one of another maker."""
    return dict(json.loads((header or {}).get("offpath", "{}")))


def check_sum(notes: Notes, tensors: Iterable[Described]) -> None:
    """Take the checksum out of the notes; a `ValueError` if the tensors have another."""
    if notes.pop("sha256", None) != signature(notes, tensors):
        raise ValueError("its SHA-256 is not the one written with it")


def signature(notes: Notes, tensors: Iterable[Described]) -> str:
    """SHA-256 of notes, and of the names, types, shapes and bytes of tensors in any order."""
    digest = hashlib.sha256(json.dumps(notes, sort_keys=True).encode())
    for name, kind, shape, content in sorted(tensors):
        digest.update(f"{name} {kind} {shape}".encode())
        digest.update(content)
    return digest.hexdigest()


def check_owner(run: Run, path: Path, notes: Notes) -> None:
    """Refuse a file that another run has written."""
    if (owner := notes.get("run")) != run.configuration.run_name:
        raise InputError(
            f"{path} belongs to another run, {owner}; delete it, and give the command that makes "
            "it again"
        )
