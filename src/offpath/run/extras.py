"""Packages that only some functions need: which extra holds them, and how to install it."""

import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

from offpath.configs import InputError

EXTRAS = {
    "browser": ("playwright",),
    "cluster": ("ray",),
    "data": ("duckdb", "pyarrow"),
    "hub": ("huggingface_hub",),
    "onnx": ("onnx", "onnxruntime", "onnxscript"),
}


def need(extra: str, purpose: str) -> None:
    """Refuse to go on without the packages of an extra; `purpose` is what needs them."""
    if lacking := [package for package in EXTRAS[extra] if find_spec(package) is None]:
        verb = "is" if len(lacking) == 1 else "are"
        raise InputError(
            f"{purpose} needs the extra `{extra}` ({', '.join(lacking)} {verb} not installed): "
            f"give `{install_command(extra)}`"
        )


def install_command(extra: str) -> str:
    """A command that installs an extra for this very Python, whatever folder it is given in."""
    root = Path(__file__).resolve().parents[3]
    pip = [sys.executable, "-m", "pip", "install"]
    if (root / "constraints.txt").exists() and (root / "pyproject.toml").exists():
        return shlex.join([*pip, "-c", f"{root}/constraints.txt", "-e", f"{root}[{extra}]"])
    return shlex.join([*pip, f"offpath[{extra}]"])
