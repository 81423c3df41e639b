"""Files that are there whole or as they were before, and JSON that carries its own checksum.

Whatever was cut short, changed or damaged since it was written is an `InputError` of one line.
"""

import json
import os
import threading
from hashlib import sha256
from pathlib import Path
from typing import Any

from offpath.configs import InputError

Record = dict[str, Any]
UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)
"""What parsers raise on content that nobody wrote on purpose."""


def write_file(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or, whatever happens, as it was before."""
    check_writable(path)
    partial = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.partial")
    try:
        with open(partial, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise InputError(
            f"{path} could not be written ({error.strerror}); what was there before is intact; "
            "make room or permit writing, and give the same command again"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """Refuse a path that no file can be written to; asked before long work begins, too."""
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file in it")
    fault, folder = f"{path} cannot be written", path.parent
    if not folder.is_dir():
        raise InputError(f"{fault}: there is no folder {folder}; make it first")
    if not os.access(folder, os.W_OK):
        raise InputError(
            f"{fault}: {folder} is not open to writing; permit it, or choose another folder"
        )


def write_json(path: Path, record: Record, indent: int | None = 1) -> None:
    """Write a record with its SHA-256 as second field; `indent` None: in one line."""
    assert "sha256" not in record, "the place of the checksum is taken"
    record = json.loads(json.dumps(record, allow_nan=False))  # as it will be read: keys are text
    first = next(iter(record))
    signed = {first: record[first], "sha256": checksum(record), **record}
    between = (",", ":") if indent is None else None
    write_file(path, json.dumps(signed, indent=indent, separators=between).encode() + b"\n")


def read_json(path: Path, key: str, remedy: str) -> Record:
    """What `write_json` wrote, a record with `key`; an `InputError` with the remedy otherwise."""
    try:
        record = verified(json.loads(path.read_bytes()))
        return {key: record[key], **record}
    except OSError as error:
        raise InputError(f"{path} could not be read ({error.strerror}); {remedy}") from error
    except UNREADABLE as error:
        raise InputError(f"{path} is damaged ({reason(error)}); {remedy}") from error


def verified(record: Record) -> Record:
    """A record without its checksum; a `ValueError` if it is not the one written with it."""
    rest = {key: value for key, value in record.items() if key != "sha256"}
    if record["sha256"] != checksum(rest):
        raise ValueError("its SHA-256 is not the one written with it")
    return rest


def checksum(record: Record) -> str:
    """SHA-256 of a record, whatever the order of its fields.

    >>> checksum({"a": 1, "b": 2}) == checksum({"b": 2, "a": 1})
    True
    """
    return sha256(canonical(record)).hexdigest()


def canonical(record: Record) -> bytes:
    """A record as JSON in one fixed form; every float is written so that it is read as the same.

    >>> canonical({"step": 2, "loss": 0.1})
    b'{"loss": 0.1, "step": 2}'
    """
    return json.dumps(record, sort_keys=True, allow_nan=False).encode()


def reason(error: Exception) -> str:
    """What went wrong, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
