"""Who worked on a run folder: start, command, commit, versions and machine of each session.

In: a run folder. Out: its `provenance.json`, with one more session for each process.
"""

import os
import platform
import shlex
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

from offpath.run.files import Record, read_json, write_json

PACKAGES = ("offpath", "torch", "numpy", "numba", "safetensors", "pydantic", "altair")


def note_session(folder: Path) -> None:
    """Add this session to `provenance.json`: commit, versions, machine, command."""
    program = Path(sys.argv[0]).name
    session = {
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "command": shlex.join(["offpath" if program == "__main__.py" else program, *sys.argv[1:]]),
        "commit": _commit(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "processes": int(os.environ.get("WORLD_SIZE") or 1),
    }
    write_json(folder / "provenance.json", {"sessions": [*read_sessions(folder), session]})


def read_sessions(folder: Path) -> list[Record]:
    """The sessions noted so far."""
    path = folder / "provenance.json"
    remedy = "delete it: nothing but the history of the folder is lost"
    return read_json(path, "sessions", remedy)["sessions"] if path.exists() else []


def _commit() -> str | None:
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
