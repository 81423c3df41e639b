"""The metrics of a run: `metrics.jsonl`, one line of JSON for each logged step, with its checksum.

The file alone grows by appending: one whole line per write. A line that a kill cut short is dropped
when the run resumes; one that is damaged is refused.
"""

import json
import os
import zlib

from offpath.configs import InputError
from offpath.run.files import UNREADABLE, Record, canonical, reason, write_file
from offpath.run.folder import STAGES, Run


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
    return [record for _, record in _lines(run)]


def rewind_metrics(run: Run, stage: str, step: int) -> str | None:
    """Drop what was logged of `stage` after `step`, and a line cut short; say what was dropped.

    The run goes on from `step` and will log the same steps again.
    """
    lines = _lines(run)
    if step and not any(r["stage"] == stage and r["step"] == step for _, r in lines):
        raise InputError(
            f"{run.metrics} lacks lines of {stage} up to step {step}, where its last checkpoint "
            f"is; restore it from a copy, or delete {run.checkpoint(f'{stage}-resume')} to start "
            "the stage again"
        )
    kept = [line for line, r in lines if r["stage"] != stage or r["step"] <= step]
    text = run.metrics.read_bytes() if run.metrics.exists() else b""
    cut = bool(text) and not text.endswith(b"\n")
    if len(kept) == len(lines) and not cut:
        return None
    write_file(run.metrics, b"".join(line + b"\n" for line in kept))
    said = [f"{len(lines) - len(kept)} after step {step}"] if len(kept) < len(lines) else []
    said += ["1 that was cut short"] if cut else []
    return f"dropped lines of metrics, to be logged again: {' and '.join(said)}"


def _lines(run: Run) -> list[tuple[bytes, Record]]:
    """The whole lines of the metrics as they were written, and what each says."""
    text = run.metrics.read_bytes() if run.metrics.exists() else b""
    lines = []
    for number, line in enumerate(text.split(b"\n")[:-1], start=1):
        try:
            record = json.loads(line)
            if record.pop("crc32") != _crc32(record):
                raise ValueError("its CRC-32 is not the one written with it")
            lines.append((line, {"stage": record["stage"], "step": record["step"], **record}))
        except UNREADABLE as error:
            raise InputError(
                f"{run.metrics} is damaged in line {number} ({reason(error)}); delete that line, "
                "or the whole folder to start again"
            ) from error
    for stage, (options, end) in STAGES.items():
        last = max((r["step"] for _, r in lines if r["stage"] == stage), default=0)
        steps = getattr(run.configuration, options).steps
        brought = stage == "pretrain" and run.configuration.imported is not None
        if last < steps and run.checkpoint(end).exists() and not brought:
            raise InputError(
                f"{run.metrics} lacks the last lines of {stage}: it ends at step {last}, not "
                f"{steps}; restore it from a copy, or delete {run.checkpoint(end)} to train that "
                "stage again"
            )
    return lines


def _crc32(record: Record) -> str:
    return f"{zlib.crc32(canonical(record)):08x}"
