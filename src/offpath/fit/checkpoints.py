"""Weights and optimizer state as safetensors files; nothing is ever unpickled.

Each file carries a SHA-256 of its tensors, so that a damaged one is refused, never used.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from offpath.configs import Architecture, Configuration, InputError
from offpath.fit.optimizer import load_state_tensors, state_tensors
from offpath.fit.transformer import Transformer
from offpath.networks import network
from offpath.run.files import reason, write_file
from offpath.run.folder import Run, as_run, working_on
from offpath.run.provenance import note_made
from offpath.run.tensors import (
    Described,
    Notes,
    check_owner,
    check_sum,
    notes_of,
    refused_if_damaged,
    signature,
)

Tensors = dict[str, Tensor]


def new_model(c: Configuration, architecture: Architecture | None = None) -> Transformer:
    """An untrained transformer, by default the run's: its weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(c.seed)
        return Transformer(architecture or c.model, c.graphs.max_vertices)


def load_model(run: Run | Path | str, name: str, device: torch.device | str) -> Transformer:
    """The transformer with the weights called `name`; a run may be given as its folder's path."""
    run = as_run(run)
    require(run, name)
    with _own_file(run, name) as (tensors, notes):
        architecture = Architecture.model_validate_json(notes["architecture"])
        with torch.device("meta"):  # no time for initial weights
            model = Transformer(architecture, run.configuration.graphs.max_vertices)
        model.load_state_dict(tensors, assign=True)
    return model.to(device)


def require(run: Run, name: str) -> None:
    """Refuse to continue without the checkpoint called `name`."""
    if not run.checkpoint(name).exists():
        remedy = f"make it with {maker(run, name)}"
        raise InputError(f"{run.folder} has no checkpoint {name!r} yet; {remedy}")


def save_model(run: Run, name: str, model: Transformer) -> None:
    """Write the weights of a model under a name, with its architecture."""
    c, about = run.configuration, model.architecture.model_dump_json()
    notes = {"run": c.run_name, "architecture": about}
    with working_on(run):
        write_tensors(run.checkpoint(name), model.state_dict(), notes)
        if network(c, name) is not None:
            note_made(run.folder, name)


def save_progress(
    run: Run, stage: str, step: int, model: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """Write what a killed stage resumes from, in one file, so that it is all of one step."""
    parts = {"model": model.state_dict(), "optimizer": state_tensors(model, optimizer)}
    tensors = {f"{part}.{name}": t for part, held in parts.items() for name, t in held.items()}
    notes = {"run": run.configuration.run_name, "step": str(step)}
    write_tensors(run.checkpoint(f"{stage}-resume"), tensors, notes)


def load_progress(run: Run, stage: str, model: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Resume from the last checkpoint of a stage: fills model and optimizer, returns the step."""
    if not run.checkpoint(f"{stage}-resume").exists():
        return 0
    parts: dict[str, Tensors] = {"model": {}, "optimizer": {}}
    with _own_file(run, f"{stage}-resume") as (tensors, notes):
        for name, tensor in tensors.items():
            part, rest = name.split(".", 1)
            parts[part][rest] = tensor
        model.load_state_dict(parts["model"])
        load_state_tensors(model, optimizer, parts["optimizer"])
        return int(notes["step"])


@contextmanager
def _own_file(run: Run, name: str) -> Iterator[tuple[Tensors, Notes]]:
    """A file that this very run has written; an `InputError` where what is in it does not fit."""
    path, remedy = run.checkpoint(name), "delete it, and give the command that makes it again"
    tensors, notes = read_tensors(path)
    check_owner(run, path, notes)
    try:
        yield tensors, notes
    except (KeyError, ValueError, RuntimeError) as error:
        raise InputError(f"{path} does not fit config.json ({reason(error)}); {remedy}") from error


def write_tensors(path: Path, tensors: Tensors, notes: Notes) -> None:
    """Write tensors and notes with their checksum.

    All notes are one entry of the header, for safetensors writes several in a random order.
    """
    tensors = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
    signed = json.dumps({**notes, "sha256": checksum(tensors, notes)}, sort_keys=True)
    write_file(path, save(tensors, {"offpath": signed}))


def read_tensors(path: Path, *, signed: bool = True) -> tuple[Tensors, Notes]:
    """The tensors and notes of a file; an `InputError` if they are not what was written.

    With `signed` False, a file without notes and checksum, of another maker, will do.
    """
    with refused_if_damaged(path):
        with safe_open(path, framework="pt") as file:
            notes = notes_of(file.metadata())
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if signed or notes:
            check_sum(notes, _described(tensors))
    return tensors, notes


def checksum(tensors: Tensors, notes: Notes) -> str:
    """SHA-256 of notes, and of the names, types, shapes and bytes of contiguous tensors."""
    return signature(notes, _described(tensors))


def _described(tensors: Tensors) -> Iterator[Described]:
    for name, tensor in tensors.items():
        content = tensor.reshape(-1).view(torch.uint8).numpy().tobytes()
        yield name, str(tensor.dtype), tuple(tensor.shape), content


def maker(run: Run, name: str) -> str:
    """The command that makes a checkpoint."""
    c, made = run.configuration, network(run.configuration, name.split("-step")[0])
    if made is None or made.made_by == "handcraft":
        return f"`offpath evaluate {run.quoted}`"
    if made.made_by == "finetune":
        return f"`offpath finetune {run.quoted}`"
    options = f"--recipe {c.recipe} --seed {c.seed}"
    if not c.imported:
        return f"`offpath pretrain {options}` and its other options"
    options += f" --heads {c.model.heads} --norm {c.model.norm}"
    return f"`offpath import WEIGHTS {options}`, of the weights {c.imported[:12]}"
