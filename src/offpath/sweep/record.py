"""The record of sweeps: `sweep.json` in the folder of the runs.

In: how far a sweep is. Out: a file with one row for each run, its seconds added up over all sweeps
that worked on it, and one session for each command. Several sweeps may note into it at a time.
"""

import fcntl
import os
import shlex
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from offpath.errors import InputError
from offpath.run.files import Record, read_json, write_json

FORMAT = 1
REMEDY = "delete it: nothing but the history of sweeps is lost"


class SweepRecord:
    """The part of `sweep.json` that one sweep writes: its session, and the rows of its runs."""

    def __init__(self, runs_folder: Path, settings: Record) -> None:
        """Read what earlier sweeps noted; nothing is written yet."""
        self.path = runs_folder / "sweep.json"
        self._lock = runs_folder / ".sweep.lock"
        self._began = time.monotonic()
        self._before: dict[str, Record] = self._read()["runs"]
        self._session: Record = {
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "process": os.getpid(),
            "command": shlex.join(["offpath", *sys.argv[1:]]),
            **settings,
        }

    @property
    def wall_seconds(self) -> float:
        """Since this sweep began."""
        return time.monotonic() - self._began

    def note(self, rows: Mapping[str, Record]) -> None:
        """Write how far the sweep is, beside what others have noted since."""
        self._session["wall_seconds"] = round(self.wall_seconds, 1)
        with open(self._lock, "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # for the moment of writing only
            record = self._read()
            own = [self._session[key] for key in ("started", "process")]
            others = [s for s in record["sessions"] if [s["started"], s["process"]] != own]
            mine = {name: self._added(name, row) for name, row in rows.items()}
            write_json(
                self.path,
                {
                    "format": FORMAT,
                    "sessions": [*others, self._session],
                    "runs": {**record["runs"], **mine},
                },
            )

    def _added(self, name: str, row: Record) -> Record:
        """A row with the seconds of earlier sweeps in it."""
        earlier = self._before.get(name, {}).get("seconds", 0.0)
        return {**row, "seconds": round(row["seconds"] + earlier, 1)}

    def _read(self) -> Record:
        if not self.path.exists():
            return {"sessions": [], "runs": {}}
        record = read_json(self.path, "format", REMEDY)
        if record["format"] != FORMAT:
            raise InputError(f"{self.path} has another format than {FORMAT}; {REMEDY}")
        return record
