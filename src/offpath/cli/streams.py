"""Standard streams that cannot stop the work: closed ones, readers that leave, a full device."""

import io
import os
import sys

from typing_extensions import Buffer

from offpath.errors import InputError


class Stream(io.FileIO):
    """A standard stream; once nobody reads it, the work is finished without it."""

    lost = False

    def write(self, content: Buffer, /) -> int:
        """Write, or drop what nobody reads; a device that takes no more is named once."""
        if not self.lost:
            try:
                return super().write(content)
            except BrokenPipeError:  # `offpath ... | head` has read enough
                self.lost = True
            except OSError as error:
                self.lost = True
                if self.fileno() == 1:
                    raise InputError(
                        f"standard output could not be written ({error.strerror}); what was "
                        "written to files is intact; give the same command again with other output"
                    ) from error
        return memoryview(content).nbytes


def open_streams() -> None:
    """Have all standard streams open; a sign that one cannot show is a question mark."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:  # closed, as by >&-: the next file that is opened must not get its place
            os.open(os.devnull, os.O_RDWR)
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is getattr(sys, f"__{name}__"):  # None where closed; not that of a notebook
            buffer = io.BufferedWriter(Stream(descriptor, "w", closefd=False))
            encoding, lines = (
                getattr(stream, "encoding", "utf-8"),
                getattr(stream, "line_buffering", 1),
            )
            made = io.TextIOWrapper(buffer, encoding, "replace", line_buffering=bool(lines))
            setattr(sys, name, made)
