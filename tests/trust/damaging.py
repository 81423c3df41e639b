"""Ways to damage a file, each drawn from a generator and told in words."""

import json
import re
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

OTHER_VALUES = (None, True, "text", "", 5, -1, 0.5, 1e300, [], {}, [[1]], {"a": None})
NOISE = (b"[" * 200_000, b'{"a":' * 200_000, b"\xff\xfe\xfd", b"9" * 10_000, b"\xff" * 8 + b"{}")


def cut(random: np.random.Generator, path: Path) -> str:
    """Truncated anywhere."""
    kept = int(random.integers(path.stat().st_size))
    path.write_bytes(path.read_bytes()[:kept])
    return f"the first {kept} bytes"


def emptied(_: np.random.Generator, path: Path) -> str:
    """Truncated to nothing."""
    path.write_bytes(b"")
    return "no byte left"


def flipped(random: np.random.Generator, path: Path) -> str:
    """One bit changed anywhere."""
    content = bytearray(path.read_bytes())
    where, bit = int(random.integers(len(content))), int(random.integers(8))
    content[where] ^= 1 << bit
    path.write_bytes(content)
    return f"bit {bit} of byte {where}"


def zeroed(random: np.random.Generator, path: Path) -> str:
    """A range of bytes set to 0."""
    content = bytearray(path.read_bytes())
    where = int(random.integers(len(content)))
    end = min(len(content), where + int(random.integers(1, 4096)))
    content[where:end] = bytes(end - where)
    path.write_bytes(content)
    return f"bytes {where} to {end} are 0"


def noise(random: np.random.Generator, path: Path) -> str:
    """Something else altogether, among it what parsers stumble over."""
    number = int(random.integers(len(NOISE) + 1))
    path.write_bytes(NOISE[number] if number < len(NOISE) else random.bytes(300))
    return f"noise of kind {number}"


def folder(_: np.random.Generator, path: Path) -> str:
    """A folder in the place of the file."""
    path.unlink()
    path.mkdir()
    return "a folder"


def retyped(random: np.random.Generator, path: Path) -> str:
    """A value replaced by one of another type, in a file that can be read otherwise."""
    if path.suffix == ".safetensors":
        return _tensor_retyped(random, path)
    if path.suffix == ".jsonl":
        lines = path.read_text().splitlines()
        number = int(random.integers(len(lines)))
        lines[number], said = _value_retyped(random, lines[number])
        path.write_text("\n".join(lines) + "\n")
        return f"line {number + 1}: {said}"
    if path.suffix == ".json":
        text, said = _value_retyped(random, path.read_text())
        path.write_text(text)
        return said
    words = re.split(r"(\s+)", path.read_text())
    number = int(random.integers(len(words) // 2)) * 2
    words[number] = str(random.choice(["", "5", "null", "text"]))
    path.write_text("".join(words))
    return f"word {number} is {words[number]!r}"


def _value_retyped(random: np.random.Generator, text: str) -> tuple[str, str]:
    record = json.loads(text)
    places = list(_places(record))
    holder, key = places[int(random.integers(len(places)))]
    before = holder[key]
    others = [v for v in OTHER_VALUES if type(v) is not type(before)]
    holder[key] = others[int(random.integers(len(others)))]
    return json.dumps(record, indent=1), f"{key} is {holder[key]!r}, not {str(before)[:20]!r}"


def _places(value):
    items = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    for key, inner in items:
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)


def _tensor_retyped(random: np.random.Generator, path: Path) -> str:
    """Written anew by a plain writer, which knows no checksum: dtype, shape, value or notes."""
    with safe_open(path, framework="np") as file:
        notes = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    names = sorted(tensors)
    name = names[int(random.integers(len(names)))]
    how = str(random.choice(["dtype", "shape", "value", "notes", "notes of a list", "name"]))
    if how == "dtype":
        tensors[name] = tensors[name].astype(random.choice(["float64", "float16", "int32", "bool"]))
    elif how == "shape":
        tensors[name] = np.zeros((*tensors[name].shape, 1), tensors[name].dtype)
    elif how == "value":
        tensors[name] = tensors[name] + 1
    elif how == "name":
        tensors[f"{name}2"] = tensors.pop(name)
    else:
        notes = None if how == "notes" else {"offpath": "[1]"}
    path.unlink()
    save_file(tensors, path, notes)
    return f"another {how} of {name}"


DAMAGES = {f.__name__: f for f in (cut, emptied, flipped, zeroed, noise, folder, retyped)}
"""All kinds by name."""
