"""The metrics of a run: `metrics.jsonl`, one line of JSON for each logged step, with its checksum.

The file alone grows by appending: one whole line per write. A line that a kill cut short is dropped
when the run resumes; one that is damaged is refused.
"""

import json
import os
import zlib

from offpath.configs import InputError
from offpath.networks import networks
from offpath.run.files import UNREADABLE, Record, canonical, reason, write_file
from offpath.run.folder import Run

LONGEST_LINE = 16_384  # bytes; with 64 distances a line has 5,000


def append_metrics(run: Run, record: Record) -> None:
    """Add one line to the metrics, with its CRC-32."""
    record = json.loads(json.dumps(record, allow_nan=False))  # as it will be read
    line = json.dumps({**record, "crc32": _crc32(record)}).encode() + b"\n"
    try:
        with open(run.metrics, "ab") as file:
            file.write(line)
    except OSError as error:
        raise InputError(
            f"{run.metrics} could not be written ({error.strerror}); the last checkpoint is "
            "intact; make room, and give the same command again"
        ) from error


def flush_metrics(run: Run) -> None:
    """Have the metrics on disk, before a checkpoint says that the run has come that far."""
    with open(run.metrics, "rb") as file:
        os.fsync(file.fileno())


def read_metrics(run: Run) -> list[Record]:
    """All whole lines of the metrics; a last line that was cut short is left out."""
    return [record for _, record in _lines(run)[0]]


def last_logged(run: Run) -> Record | None:
    """The last whole line of the metrics, read without those before it; None if there is none."""
    try:
        with open(run.metrics, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - LONGEST_LINE))
            return json.loads(file.read().split(b"\n")[-2])
    except (OSError, LookupError, ValueError):
        return None


def rewind_metrics(run: Run, name: str, step: int) -> str | None:
    """Drop what was logged of a network after `step`, and a line cut short; what was dropped.

    Training resumes from `step` and logs the same steps again.
    """
    lines, cut = _lines(run)
    if step and not any(r["network"] == name and r["step"] == step for _, r in lines):
        raise InputError(
            f"{run.metrics} lacks lines of {name} up to step {step}, where its last checkpoint is; "
            f"restore it from a copy, or delete {run.checkpoint(f'{name}-resume')} to start again"
        )
    kept = [line for line, r in lines if r["network"] != name or r["step"] <= step]
    dropped = [f"{len(lines) - len(kept)} after step {step}"] if len(kept) < len(lines) else []
    dropped += ["1 that was cut short"] if cut else []
    if not dropped:
        return None
    write_file(run.metrics, b"".join(line + b"\n" for line in kept))
    return f"lines of metrics to log again: {' and '.join(dropped)}"


def _lines(run: Run) -> tuple[list[tuple[bytes, Record]], bytes]:
    """Each whole line of the metrics with the record in it, and what was cut short after them."""
    *whole, cut = (run.metrics.read_bytes() if run.metrics.exists() else b"").split(b"\n")
    lines = []
    for number, line in enumerate(whole, start=1):
        try:
            record = json.loads(line)
            if record.pop("crc32") != _crc32(record):
                raise ValueError("its CRC-32 is not the one written with it")
            lines.append((line, {"network": record["network"], "step": record["step"], **record}))
        except UNREADABLE as error:
            raise InputError(
                f"{run.metrics} is damaged in line {number} ({reason(error)}); delete that line, "
                "or the whole folder to start again"
            ) from error
    _check_ends(run, [record for _, record in lines])
    return lines, cut


def _check_ends(run: Run, records: list[Record]) -> None:
    """Refuse metrics that lack the last lines of a network whose training has ended."""
    imported = run.configuration.imported is not None
    for network in networks(run.configuration):
        path, training = run.checkpoint(network.name), network.training
        if not training or not path.exists() or (imported and network.made_by == "pretrain"):
            continue
        last = max((r["step"] for r in records if r["network"] == network.name), default=0)
        if last < training.steps:
            raise InputError(
                f"{run.metrics} lacks the last lines of {network.name}: it ends at step {last}, "
                f"not {training.steps}; restore it from a copy, or delete {path} to train that "
                "network again"
            )


def _crc32(record: Record) -> str:
    return f"{zlib.crc32(canonical(record)):08x}"
