"""Weights from elsewhere as the pre-trained ones of a run, and weights of a run for elsewhere.

In: a file of weights, or a checkpoint. Out: a run folder that resumes from it, or a file that other
tools load. `docs/weights.md` shows layout and formats.
"""

import io
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch

from offpath.configs import Architecture, Configuration
from offpath.data.batches import frozen
from offpath.data.worlds import world
from offpath.errors import InputError, choice_fault
from offpath.fit.checkpoints import checksum, load_model, new_model, save_model, write_tensors
from offpath.fit.exchange.layout import fitted, published
from offpath.fit.exchange.weight_files import read_weights
from offpath.fit.transformer import Transformer, predict
from offpath.run.extras import need
from offpath.run.files import write_file
from offpath.run.folder import Run, create_run, working_on
from offpath.run.tensors import Notes

Norm = Literal["pre", "post"]
TRIED_EXAMPLES = 2048
SUFFIXES = (".pth", ".pt", ".safetensors", ".onnx")


class Imported(NamedTuple):
    """A run folder with imported weights, and what happened to them on the way."""

    run: Run
    model: Transformer
    cast_from: tuple[str, ...]  # types other than float32 that the file held
    known: bool  # whether the folder held these very weights before
    right: float  # accuracy on pre-training questions: low where heads or norm are wrong


def import_weights(
    path: Path, base: Configuration, *, heads: int | None, norm: Norm | None, runs_folder: Path
) -> Imported:
    """A run of `base` that starts from the weights in the file; all sizes come from the file.

    `heads` and `norm`, which no tensor shows, may be None where the notes of the file have them;
    `norm` is else that of `base`. `untrained`, where the control starts, is drawn anew.
    """
    found, notes = read_weights(path)
    heads, noted = _agreed(path, notes, heads, norm)
    weights = fitted(path, found, heads, noted or base.model.norm)
    n, sha256 = weights.max_vertices, checksum(weights.tensors, {})
    limits = {name: limit and min(limit, n) for name, limit in base.graphs} | {"max_vertices": n}
    changes = {"graphs": limits, "model": weights.architecture, "imported": sha256}
    run = create_run(base.model_copy(update=changes), runs_folder)
    model = Transformer(weights.architecture, n)
    model.load_state_dict(weights.tensors)
    with working_on(run):
        if known := run.checkpoint("pretrained").exists():
            there = load_model(run, "pretrained", "cpu").state_dict()
            if checksum(dict(there), {}) != sha256:
                raise InputError(
                    f"{run.checkpoint('pretrained')} holds other weights than those imported, and "
                    "stays as it is; move the folder away, or choose another --runs-folder"
                )
        else:
            save_model(run, "pretrained", model)
        if not run.checkpoint("untrained").exists():
            save_model(run, "untrained", new_model(run.configuration))
    tried, _ = frozen(world("pretraining", run.configuration.graphs), 0, TRIED_EXAMPLES)
    right = np.rint(predict(model, tried.tokens)) == tried.distance
    return Imported(run, model, weights.cast_from, known, float(right.mean()))


def export_weights(run: Run, name: str, path: Path) -> str:
    """Write a checkpoint as the suffix of `path` asks for, and describe what was written."""
    suffix = path.suffix.lower()
    if suffix and suffix not in SUFFIXES:
        raise InputError(
            f"--out must end in {', '.join(SUFFIXES)}, or have no suffix for a folder that the "
            f"hub's from_pretrained loads; got {path}"
        )
    if not path.parent.is_dir():
        raise InputError(f"--out {path}: there is no folder {path.parent}; make it first")
    stems = sorted(file.stem for file in run.folder.glob("checkpoints/*.safetensors"))
    made = [stem for stem in stems if not stem.endswith("-resume")]
    if name not in made:
        raise InputError(choice_fault("--checkpoint", name, made or ["none yet"]))
    model = load_model(run, name, "cpu").eval()
    about = {"run": run.configuration.run_name, "checkpoint": name}
    if suffix in (".pth", ".pt"):
        content = io.BytesIO()
        torch.save(published(model), content)
        write_file(path, content.getvalue())
        return "a state dict of nn.TransformerEncoder's layout, for torch.load"
    if suffix == ".safetensors":
        a = model.architecture
        write_tensors(path, published(model), about | {"heads": str(a.heads), "norm": a.norm})
        return "tensors of nn.TransformerEncoder's layout, with heads and norm in their notes"
    if suffix == ".onnx":
        need("onnx", "writing .onnx")
        from offpath.fit.exchange.onnx_graph import onnx_graph

        content, difference = onnx_graph(model, about)
        write_file(path, content)
        return (
            "a graph from tokens (example, token, 2) to distances; onnxruntime's answers differ "
            f"from torch's by at most {difference:.1e}, in batches of other sizes and lengths too"
        )
    need("hub", "writing a folder for the hub")
    from offpath.fit.exchange.hub import write_hub_folder

    write_hub_folder(model, path)
    return "a folder for offpath.fit.exchange.hub.HubTransformer.from_pretrained"


def _agreed(
    path: Path, notes: Notes, heads: int | None, norm: Norm | None
) -> tuple[int, Norm | None]:
    """Heads and norm, as given or as the notes of the file have them: both must agree."""
    if noted := _noted(path, notes):
        for name, given, there in zip(("heads", "norm"), (heads, norm), noted, strict=True):
            if given not in (None, there):
                raise InputError(
                    f"--{name} {given} contradicts the notes of {path}, which have {there}; leave "
                    "it out"
                )
        return noted
    if heads is None:
        raise InputError(
            f"--heads must be given, for no tensor of {path} shows the number of attention heads; "
            "WWZ24 has --heads 2"
        )
    return heads, norm


def _noted(path: Path, notes: Notes) -> tuple[int, Norm] | None:
    """Heads and norm of a file that offpath wrote, if its notes have them."""
    try:
        if "architecture" in notes:
            a = Architecture.model_validate_json(notes["architecture"])
            heads, norm, odd = a.heads, a.norm, a.head_size is not None or a.tokens == "vertices"
            if a.looped or a.head != "regression" or a.markers > 1:
                raise InputError(
                    f"{path} holds looped layers, a read-out of labels or several reporters, which "
                    "are not imported; give weights of ordinary layers, read out as one number, "
                    "with one marker"
                )
        elif "heads" in notes:
            heads, norm, odd = int(notes["heads"]), notes["norm"], False
        else:
            return None
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path} is damaged: its notes cannot be read; export it again") from error
    if odd or (norm != "pre" and norm != "post"):
        raise InputError(
            f"{path} holds a handcrafted network that is no ordinary encoder of edges; make it "
            "with `offpath circuit`"
        )
    return heads, norm
