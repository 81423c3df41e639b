"""The layout in which models of WWZ24's kind are saved: `nn.TransformerEncoder` and a read-out.

In: a state dict in that layout or ours, from a compiled module or not. Out: architecture, sizes and
tensors, or one `InputError` that names every fault. `docs/weights.md` shows the layout.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, TypeGuard

import torch
from torch import Tensor

from offpath.configs import Architecture, InputError, divisors
from offpath.fit.checkpoints import Tensors
from offpath.fit.transformer import Transformer

PUBLISHED = {
    "layers.": "transformer_encoder.layers.",
    "final_norm.": "transformer_encoder.norm.",
    "readout.": "fc_out.",
}  # how names begin here, and in the published layout
OWN = {theirs: ours for ours, theirs in PUBLISHED.items()}
WRAPPING = {"_orig_mod", "module"}  # put into names by torch.compile and data-parallel training
FEWEST, LARGEST = 3, 64  # vertices of the largest graph
MOST_NAMED = 3
AXES = {1: "a vector", 2: "a matrix"}


class Fitted(NamedTuple):
    """A state dict understood: what it is of, and its tensors in float32 under our names."""

    architecture: Architecture
    max_vertices: int
    tensors: Tensors
    cast_from: tuple[str, ...]  # types other than float32 that it came in


def published(model: Transformer) -> Tensors:
    """The weights under the names of `nn.Embedding`, `nn.TransformerEncoder` and a read-out."""
    a = model.architecture
    special = {
        "vertex tokens": a.tokens == "vertices",
        "layers without norm": a.norm == "none",
        "heads of a size of their own": a.head_size not in (None, a.width / a.heads),
        "looped layers": a.looped,
        f"read-out of labels ({a.head})": a.head != "regression",
        f"rows of {a.markers} reporters": a.markers > 1,
    }
    if lacking := [what for what, there in special.items() if there]:
        raise InputError(
            f"torch's nn.TransformerEncoder has no {', no '.join(lacking)}: this checkpoint cannot "
            "be written in its layout; give --out a path without suffix, for a hub folder"
        )
    tensors = model.state_dict().items()
    return {published_name(name): t.detach().cpu().contiguous() for name, t in tensors}


def published_name(name: str) -> str:
    """The name of one of our tensors in the published layout.

    >>> published_name("layers.0.norm1.bias")
    'transformer_encoder.layers.0.norm1.bias'
    """
    return _renamed(name, PUBLISHED)


def own_name(name: str) -> str:
    """Our name of a tensor of either layout, whatever its module was wrapped in.

    >>> own_name("_orig_mod.transformer_encoder.module.layers.0.norm1.bias")
    'layers.0.norm1.bias'
    """
    return _renamed(".".join(part for part in name.split(".") if part not in WRAPPING), OWN)


def _renamed(name: str, prefixes: Mapping[str, str]) -> str:
    prefix = next((prefix for prefix in prefixes if name.startswith(prefix)), "")
    return prefixes.get(prefix, "") + name.removeprefix(prefix)


def fitted(path: Path, held: Mapping[str, object], heads: int, norm: str) -> Fitted:
    """The state dict that `path` holds, understood; one error that names all of its faults."""
    names: dict[str, str] = {}
    twice = []
    for name in held:
        if (other := names.setdefault(own_name(name), name)) != name:
            twice.append(f"{name} and {other}")
    values = {own: held[name] for own, name in names.items()}
    known, sized, max_vertices = _architecture(values, heads)
    with torch.device("meta"):
        expected = Transformer(known, max(1, max_vertices)).state_dict()
    ours = any(name.startswith(tuple(PUBLISHED)) for name in held)
    in_file = {own: own if ours else published_name(own) for own in expected} | names
    plain = {own: v for own, v in values.items() if own in expected and _is_plain(v)}
    odd = [own for own in values if own in expected and own not in plain]
    shapes = {own: _shape_fault(t, expected[own], sized) for own, t in plain.items()}
    tensors = {own: t.detach().to(torch.float32).contiguous() for own, t in plain.items()}
    kinds = {
        "missing": [in_file[own] for own in expected if own not in values],
        "not part of the model": [in_file[own] for own in values if own not in expected],
        "twice the same tensor": twice,
        "no plain tensor of floating-point numbers": [in_file[own] for own in odd],
        "of the wrong shape": [f"{in_file[own]} {fault}" for own, fault in shapes.items() if fault],
        "not finite": [in_file[own] for own, t in tensors.items() if not t.isfinite().all()],
    }
    faults = [_named(kind, involved) for kind, involved in kinds.items() if involved]
    if not FEWEST <= max_vertices <= LARGEST:
        rows = f"rows (padding, {FEWEST} to {LARGEST} vertices, the mark of the question)"
        wanted = f"{FEWEST + 2} to {LARGEST + 2} {rows}, not {max_vertices + 2}"
        faults.append(f"{in_file['embedding.weight']} must have {wanted}")
    if heads < 1 or known.width % heads:
        choices = f": choose one of {divisors(known.width)}" if sized else ""
        faults.append(f"--heads must divide the width, and is {heads}{choices}")
    if faults:
        raise InputError(
            f"{path} cannot be imported: {'; '.join(faults)}; docs/weights.md shows the layout"
        )
    architecture = known.model_copy(update={"heads": heads, "norm": norm})
    types = {str(t.dtype).removeprefix("torch.") for t in plain.values()} - {"float32"}
    return Fitted(architecture, max_vertices, tensors, tuple(sorted(types)))


def _architecture(values: Mapping[str, object], heads: int) -> tuple[Architecture, bool, int]:
    """The architecture as shapes show it, whether they show all sizes, and the most vertices.

    A size that none shows is small. There is one head, for no shape depends on heads.
    """
    shapes = {own: tuple(v.shape) for own, v in values.items() if isinstance(v, Tensor)}
    matrices = {own: shape for own, shape in shapes.items() if len(shape) == 2 and min(shape) > 0}
    hidden = [shape[0] for own, shape in matrices.items() if own.endswith(".linear1.weight")]
    rows, columns = matrices.get("embedding.weight", (FEWEST + 2, max(1, heads)))
    numbered = (re.match(r"layers\.(0|[1-9][0-9]{0,4})\.", own) for own in values)
    numbers = {int(layer[1]) for layer in numbered if layer}
    architecture = Architecture(
        width=2 * columns,
        # A layer left out is missed; one stray number does not make thousands.
        layers=min(max(numbers) + 1, 2 * len(numbers)) if numbers else 1,
        heads=1,
        feed_forward=hidden[0] if hidden else 1,
        norm="post",
        final_norm=any(own.startswith("final_norm.") for own in values),
    )
    return architecture, bool(hidden) and "embedding.weight" in matrices, rows - 2


def _is_plain(value: object) -> TypeGuard[Tensor]:
    """Whether a value is an ordinary tensor of real numbers, all of which the file has held."""
    return (
        isinstance(value, Tensor)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and value.is_floating_point()
        and value.untyped_storage().nbytes() >= value.numel() * value.element_size()
    )


def _shape_fault(tensor: Tensor, expected: Tensor, sized: bool) -> str:
    """What is wrong with a shape, or nothing; without sizes, only axes and emptiness count."""
    here, there = tuple(tensor.shape), tuple(expected.shape)
    right = here == there if sized else len(here) == len(there) and tensor.numel()
    wanted = there if sized else f"{AXES[len(there)]} of some size"
    return "" if right else f"is {here}, not {wanted}"


def _named(kind: str, names: list[str]) -> str:
    """One fault for all names of a kind.

    >>> _named("missing", ["a", "b", "c", "d", "e"])
    'missing: a, b, c and 2 more'
    """
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{kind}: {', '.join(names[:MOST_NAMED])}{more}"
