"""Files of weights from elsewhere, read without running anything that they hold.

In: a path. Out: what lies in the file by name, and the notes of a file that offpath wrote.
"""

import re
import warnings
from pathlib import Path

import torch

from offpath.configs import InputError
from offpath.fit.checkpoints import read_tensors
from offpath.run.tensors import Notes, check_readable

WRAPPERS = ("state_dict", "model_state_dict", "model")  # where training scripts put a state dict


def read_weights(path: Path) -> tuple[dict[str, object], Notes]:
    """What a file holds, by name, and its notes; the names and values are still to be checked."""
    if path.is_dir():
        raise InputError(
            f"WEIGHTS must be a file; {path} is a folder: of a run give a file of its "
            "checkpoints, of a hub folder its model.safetensors, with --heads and --norm as its "
            "config.json says"
        )
    if not path.is_file():
        raise InputError(
            f"WEIGHTS must be a file that torch.save wrote, or a .safetensors; there is no {path}"
        )
    if path.suffix.lower() == ".safetensors":
        tensors, notes = read_tensors(path, signed=False)
        return dict(tensors), notes
    held = _read_torch(path)
    if not isinstance(held, dict):
        raise InputError(
            f"{path} holds a {type(held).__name__}, not a dictionary of tensors; write it with "
            "torch.save(model.state_dict(), ...)"
        )
    inner = (held[name] for name in WRAPPERS if isinstance(held.get(name), dict))
    return {str(key): value for key, value in next(inner, held).items()}, {}


def _read_torch(path: Path) -> object:
    """What torch.save wrote, as long as that is tensors and plain containers."""
    check_readable(path)  # whatever fails after this is the content's fault
    try:
        with warnings.catch_warnings(action="ignore"):  # of other pickle protocols
            return torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # a damaged file makes the unpickler fail in any way whatever
        if wanted := re.search(r"GLOBAL ([\w.]+)", str(error)):
            raise InputError(
                f"{path} was refused, and nothing of it was run: it asks for {wanted[1]}, while a "
                "file of weights holds tensors alone; write it with torch.save(model.state_dict(), "
                "...), or give a .safetensors"
            ) from error
        raise InputError(
            f"{path} is no file of weights, or a damaged one; give a state dict that torch.save "
            "wrote, or a .safetensors"
        ) from error
