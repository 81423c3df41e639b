"""Who worked on a run folder, with what, and what each session made of it.

In: a run folder. Out: its `provenance.json`, with one more session for each process, which names
what was made in it once that is written.
"""

import os
import platform
import shlex
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import offpath
from offpath.configs import InputError
from offpath.run.files import Record, read_json, write_json

if TYPE_CHECKING:
    from offpath.compute import Compute  # loads torch

PACKAGES = ("torch", "numpy", "numba", "safetensors", "pydantic")


def note_session(folder: Path) -> None:
    """Add this session to `provenance.json`: commit, versions, machine, command; nothing made."""
    program = Path(sys.argv[0]).name
    session = {
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "command": shlex.join(["offpath" if program == "__main__.py" else program, *sys.argv[1:]]),
        "commit": source_commit(),
        "python": platform.python_version(),
        "packages": {"offpath": offpath.__version__} | {name: _version(name) for name in PACKAGES},
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "processes": int(os.environ.get("WORLD_SIZE") or 1),
        "computed_on": [],
        "made": {},
    }
    write_json(folder / "provenance.json", {"sessions": [*read_sessions(folder), session]})


def note_machine(folder: Path, compute: "Compute") -> None:
    """Add to the last session where it computes: what changes results by rounding only."""
    used = {"device": str(compute.device)}
    used |= {"threads": compute.threads, "micro_batch": compute.micro_batch}
    sessions = read_sessions(folder)
    if used not in sessions[-1].setdefault("computed_on", []):
        sessions[-1]["computed_on"].append(used)
        write_json(folder / "provenance.json", {"sessions": sessions})


def note_step(folder: Path, name: str, step: str) -> None:
    """Add to the last session what computed a network's training steps: torch or native."""
    sessions = read_sessions(folder)
    sessions[-1].setdefault("steps_by", {})[name] = step
    write_json(folder / "provenance.json", {"sessions": sessions})


def note_made(folder: Path, name: str, steps: tuple[int, int] | None = None) -> None:
    """Add to the last session a network or file that it wrote; `steps`: first and last trained."""
    sessions = read_sessions(folder)
    made = sessions[-1].setdefault("made", {})
    before = made.get(name)
    made[name] = before if steps is None else [before[0] if before else steps[0], steps[1]]
    write_json(folder / "provenance.json", {"sessions": sessions})


def note_copied(folder: Path, name: str, source: str) -> None:
    """Add to the last session a network that was copied, and the run that has trained it."""
    sessions = read_sessions(folder)
    sessions[-1].setdefault("copied", {})[name] = source
    write_json(folder / "provenance.json", {"sessions": sessions})


def read_sessions(folder: Path) -> list[Record]:
    """The sessions noted so far."""
    path = folder / "provenance.json"
    remedy = "delete it: nothing but the history of the folder is lost"
    return read_json(path, "sessions", remedy)["sessions"] if path.exists() else []


def maker(folder: Path) -> str:
    """The version of offpath that made a folder, as far as its provenance has it."""
    try:
        first = read_sessions(folder)[0]
        return f"offpath {first['packages']['offpath']} (commit {first['commit']})"
    except (InputError, LookupError, TypeError):  # no history, or a damaged one
        return "an earlier version of offpath"


def _version(package: str) -> str | None:
    """The version of a package; None if it is there without being installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def source_commit() -> str | None:
    """The commit of the source that runs, with a + if it was changed since; None outside git."""

    def git(*words: str) -> str:
        command = ["git", "-C", str(Path(__file__).parent), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", Path(__file__).name)  # not merely below some checkout
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None
