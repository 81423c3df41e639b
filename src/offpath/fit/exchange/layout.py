"""The layout in which models of the study's kind are saved: `nn.TransformerEncoder` and a read-out.

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
}
"""How names begin here, and in the published layout."""
WRAPPING = {"_orig_mod", "module"}
"""Parts of a name that torch.compile and data-parallel training put in, wherever they wrap."""
FEWEST, LARGEST = 3, 64  # vertices of the largest graph
MOST_NAMED = 3


class Fitted(NamedTuple):
    """A state dict understood: what it is of, and its tensors in float32 under our names."""

    architecture: Architecture
    max_vertices: int
    tensors: Tensors
    cast_from: tuple[str, ...]
    """Types other than float32 that it came in."""


class Sizes(NamedTuple):
    """What the shapes of a state dict tell; None where the tensor that would tell is not there."""

    width: int | None
    max_vertices: int | None
    feed_forward: int | None
    layers: int


def published(model: Transformer) -> Tensors:
    """The weights under the names of `nn.Embedding`, `nn.TransformerEncoder` and a read-out."""
    a = model.architecture
    lacking = [
        *(["vertex tokens"] if a.tokens == "vertices" else ()),
        *(["layers without norm"] if a.norm == "none" else ()),
        *(["heads of a size of their own"] if a.head_size not in (None, a.width / a.heads) else ()),
    ]
    if lacking:
        raise InputError(
            f"torch's nn.TransformerEncoder has no {', no '.join(lacking)}: this checkpoint cannot "
            "be written in its layout; give --out a path without suffix, for a hub folder"
        )
    return {
        published_name(name): tensor.detach().cpu().contiguous()
        for name, tensor in model.state_dict().items()
    }


def published_name(name: str) -> str:
    """The name of one of our tensors in the published layout.

    >>> published_name("layers.0.norm1.bias")
    'transformer_encoder.layers.0.norm1.bias'
    """
    for ours, theirs in PUBLISHED.items():
        if name.startswith(ours):
            return theirs + name.removeprefix(ours)
    return name


def own_name(name: str) -> str:
    """Our name of a tensor of either layout, whatever its module was wrapped in.

    >>> own_name("_orig_mod.transformer_encoder.module.layers.0.norm1.bias")
    'layers.0.norm1.bias'
    """
    bare = ".".join(part for part in name.split(".") if part not in WRAPPING)
    for ours, theirs in PUBLISHED.items():
        if bare.startswith(theirs):
            return ours + bare.removeprefix(theirs)
    return bare


def fitted(path: Path, found: Mapping[str, object], heads: int, norm: str) -> Fitted:
    """The state dict that `path` holds, understood; one error that names all of its faults."""
    names: dict[str, str] = {}
    twice = []
    for name in found:
        if (other := names.setdefault(own_name(name), name)) != name:
            twice.append(f"{name} and {other}")
    values = {own: found[name] for own, name in names.items()}
    sizes = _sizes(values)
    expected = _expected(sizes, final_norm=any(own.startswith("final_norm.") for own in values))
    told = {own: _missed_name(own, names) for own in expected} | names
    plain = {own: v for own, v in values.items() if own in expected and _is_plain(v)}
    wrong = _wrong_shapes(plain, expected, sized=None not in sizes)
    tensors = {own: t.detach().to(torch.float32).contiguous() for own, t in plain.items()}
    faults = [
        *_named("missing", [told[own] for own in expected if own not in values]),
        *_named("not part of the model", [told[own] for own in values if own not in expected]),
        *_named("twice the same tensor", twice),
        *_named(
            "no plain tensor of floating-point numbers",
            [told[own] for own in values if own in expected and own not in plain],
        ),
        *_named("of the wrong shape", [f"{told[own]} {shapes}" for own, shapes in wrong.items()]),
        *_named("not finite", [told[o] for o, t in tensors.items() if not t.isfinite().all()]),
        *_size_faults(sizes, heads, told["embedding.weight"]),
    ]
    if faults or sizes.width is None or sizes.max_vertices is None or sizes.feed_forward is None:
        raise InputError(
            f"{path} cannot be imported: {'; '.join(faults)}; docs/weights.md shows the layout"
        )
    architecture = Architecture(
        width=sizes.width,
        layers=sizes.layers,
        heads=heads,
        feed_forward=sizes.feed_forward,
        norm="pre" if norm == "pre" else "post",
        final_norm="final_norm.weight" in tensors,
    )
    types = {str(t.dtype).removeprefix("torch.") for t in plain.values()} - {"float32"}
    return Fitted(architecture, sizes.max_vertices, tensors, tuple(sorted(types)))


def _sizes(values: Mapping[str, object]) -> Sizes:
    """Width, vertices of the largest graph, feed-forward and layers, as far as shapes tell them."""
    shapes = {own: tuple(v.shape) for own, v in values.items() if isinstance(v, Tensor)}
    rows, columns = None, None
    if len(shape := shapes.get("embedding.weight", ())) == 2 and min(shape) > 0:
        rows, columns = shape
    numbered = (re.match(r"layers\.(0|[1-9][0-9]{0,4})\.", own) for own in values)
    numbers = {int(found[1]) for found in numbered if found}
    # A layer left out is missed; one stray number does not make thousands.
    layers = min(max(numbers) + 1, 2 * len(numbers)) if numbers else 1
    hidden = (s for own, s in shapes.items() if own.endswith(".linear1.weight") and len(s) == 2)
    return Sizes(
        width=None if columns is None else 2 * columns,
        max_vertices=None if rows is None else rows - 2,
        feed_forward=next((s[0] for s in hidden if s[0] > 0), None),
        layers=layers,
    )


def _expected(sizes: Sizes, *, final_norm: bool) -> Tensors:
    """Names and shapes of a model of these sizes, without numbers; sizes not known are small."""
    architecture = Architecture(
        width=sizes.width or 2,
        layers=sizes.layers,
        heads=1,  # no shape depends on them
        feed_forward=sizes.feed_forward or 1,
        norm="post",
        final_norm=final_norm,
    )
    with torch.device("meta"):
        return Transformer(architecture, sizes.max_vertices or 1).state_dict()


def _missed_name(own: str, names: Mapping[str, str]) -> str:
    """The name that a missing tensor would have had in this file."""
    ours = any(name.startswith(tuple(PUBLISHED)) for name in names.values())
    return own if ours else published_name(own)


def _is_plain(value: object) -> TypeGuard[Tensor]:
    """Whether a value is an ordinary tensor of real numbers, all of which the file has held."""
    return (
        isinstance(value, Tensor)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and value.is_floating_point()
        and value.untyped_storage().nbytes() >= value.numel() * value.element_size()
    )


def _wrong_shapes(tensors: Tensors, expected: Tensors, *, sized: bool) -> dict[str, str]:
    """What is wrong with the shape of a tensor, for those that have another than expected.

    Without all sizes known, only that of a tensor without the right number of axes, or empty.
    """
    if not sized:
        kinds = {1: "a vector", 2: "a matrix"}
        return {
            own: f"is {tuple(t.shape)}, not {kinds[expected[own].ndim]} of some size"
            for own, t in tensors.items()
            if t.ndim != expected[own].ndim or not t.numel()
        }
    shapes = {own: (tuple(t.shape), tuple(expected[own].shape)) for own, t in tensors.items()}
    return {
        own: f"is {here}, not {there}" for own, (here, there) in shapes.items() if here != there
    }


def _size_faults(sizes: Sizes, heads: int, embedding: str) -> list[str]:
    """What is wrong with sizes that the shapes tell, and with the heads, which they do not."""
    faults = []
    if sizes.max_vertices is not None and not FEWEST <= sizes.max_vertices <= LARGEST:
        faults.append(
            f"{embedding} must have {FEWEST + 2} to {LARGEST + 2} rows (padding, {FEWEST} to "
            f"{LARGEST} vertices, the mark of the question), not {sizes.max_vertices + 2}"
        )
    if heads < 1 or (sizes.width is not None and sizes.width % heads):
        choices = f": choose one of {divisors(sizes.width)}" if sizes.width else ""
        faults.append(f"--heads must divide the width, and is {heads}{choices}")
    return faults


def _named(kind: str, names: list[str]) -> list[str]:
    """One fault for all names of a kind, if there are any.

    >>> _named("missing", ["a", "b", "c", "d", "e"])
    ['missing: a, b, c and 2 more']
    """
    if not names:
        return []
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return [f"{kind}: {', '.join(names[:MOST_NAMED])}{more}"]
