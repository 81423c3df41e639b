"""A transformer that huggingface_hub's mixin saves and loads: `config.json`, `model.safetensors`.

In: a model. Out: a folder for `HubTransformer.from_pretrained`, here or from the hub. Needs the
extra `hub`.
"""

import os
import shutil
from pathlib import Path
from typing import Any, TypeVar

import torch
from huggingface_hub import ModelHubMixin, PyTorchModelHubMixin

from offpath.configs import Architecture, InputError
from offpath.fit.transformer import Transformer
from offpath.run.files import write_file

CARD = """\
---
{{ card_data }}
---
A transformer that estimates how far a vertex of a small graph is from vertex 1, made with offpath:

    from offpath.fit.exchange.hub import HubTransformer
    from offpath.fit.transformer import predict
    model = HubTransformer.from_pretrained("this folder, or its name on the hub")
"""
M = TypeVar("M", bound=ModelHubMixin)


class HubTransformer(
    Transformer,
    PyTorchModelHubMixin,
    library_name="offpath",
    tags=["shortest-paths"],
    model_card_template=CARD,
):
    """The transformer, with the mixin's `save_pretrained`, `from_pretrained` and `push_to_hub`."""

    def __init__(
        self, *, architecture: dict[str, Any], max_vertices: int, double: bool = False
    ) -> None:
        """Random weights; arguments fit into JSON, so `architecture` is a dictionary."""
        super().__init__(Architecture.model_validate(architecture), max_vertices)
        if double:
            self.double()

    @classmethod
    def _load_as_safetensor(cls, model: M, model_file: str, map_location: str, strict: bool) -> M:
        """Load all weights: by default, the mixin would leave missing ones at random."""
        return super()._load_as_safetensor(model, model_file, map_location, True)


def write_hub_folder(model: Transformer, path: Path) -> None:
    """Write a folder so that it is there whole or not at all; one that holds files is refused."""
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise InputError(f"--out {path} exists already; move it away, or choose another name")
    double = model.readout.weight.dtype == torch.float64
    architecture = model.architecture.model_dump()
    twin = HubTransformer(architecture=architecture, max_vertices=model.max_vertices, double=double)
    twin.load_state_dict(model.state_dict())
    path = path.resolve()
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        twin.save_pretrained(partial)
        for file in partial.iterdir():
            write_file(file, file.read_bytes())  # flushed, and not for its writer alone
        partial.rename(path)
    except OSError as error:
        raise InputError(
            f"{path} could not be written ({error.strerror}); make room or permit writing, and "
            "give the same command again"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
