"""Code blocks of the pages: run in order, as a reader would, and compared with what is shown.

A comment above a block is for this file alone: `not run: REASON`, where only the options of its
commands are checked, or `numbers differ between machines`, where they may be off by 30 (points).
"""

import re
import shlex
from collections.abc import Iterator
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, OutputChecker
from glob import glob
from pathlib import Path
from typing import NamedTuple

import pytest
from torch.distributed.run import get_args_parser

from docs.help_tables import options
from offpath.cli.main import VERBS
from offpath.cli.parse import parse
from tests.cli.command import MACHINE, offpath

SHELL = ("console", "bash")
FENCED = re.compile(r"(?:^<!-- ([^>\n]*) -->\n)?^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"-?\b\d+(?:\.\d+)?")
CALL = re.compile(rf"(?:offpath|together) (({'|'.join(VERBS)})( .*)?)$")


class Block(NamedTuple):
    """A fenced block, and the comment above it."""

    mark: str
    language: str
    text: str

    @property
    def runs(self) -> bool:
        """Whether a reader can run it anywhere, in seconds."""
        return not self.mark.startswith("not run")


def blocks(page: Path) -> list[Block]:
    """Every fenced block of a page."""
    return [Block(*found.groups("")) for found in FENCED.finditer(page.read_text())]


def run_page(page: Path, capsys: pytest.CaptureFixture) -> None:
    """Run the blocks of a page in the working folder; doctests are pytest's own work."""
    names, printed = {"__name__": "page"}, ""
    for block in (one for one in blocks(page) if one.runs):
        if block.language in SHELL:
            for command, shown in commands(block.text):
                compare(run(command, capsys, fails=shown.startswith("offpath: ")), shown, block)
        elif block.language == "python" and ">>>" not in block.text:
            exec(compile(block.text, str(page), "exec"), names)
            printed = capsys.readouterr().out
        elif block.language == "text":
            compare(printed, block.text, block)


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Each command after a `$`, and the lines that are shown below it."""
    joined = text.replace("\\\n", " ")
    for part in re.split(r"^(?:\w+)?\$ ", joined, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown


def run(command: str, capsys: pytest.CaptureFixture, *, fails: bool) -> str:
    """What a command of offpath prints, on one CPU thread: tests may run beside each other."""
    name, *words = shlex.split(command, comments=True)
    assert name == "offpath", f"mark the block as not run: {command}"
    words = [path for word in words for path in (sorted(glob(word)) or [word])]
    if {one.name for one in options(words[0])} >= {"--threads", "--device"}:
        words += MACHINE
    assert offpath(*words) == (2 if fails else 0), command
    return "".join(capsys.readouterr())


def compare(printed: str, shown: str, block: Block) -> None:
    """Whether a page shows what was printed; `...` stands for any lines or words."""
    if "numbers differ" in block.mark:
        numbers = [map(float, NUMBER.findall(text)) for text in (printed, shown)]
        pairs = [] if "..." in shown else zip(*numbers, strict=True)
        assert all(abs(one - other) <= 30 for one, other in pairs), f"{shown}\n{printed}"
        printed, shown = (NUMBER.sub("#", text) for text in (printed, shown))
    same = OutputChecker().check_output(shown, printed, ELLIPSIS | NORMALIZE_WHITESPACE)
    assert same or not shown.strip(), f"shown:\n{shown}\nprinted:\n{printed}"


def check_options(block: Block) -> int:
    """Parse what a block gives to offpath, torchrun and make; how many commands that are."""
    text = block.text.replace("\\\n", " ")
    lines = [line for line in text.splitlines() if block.language == "bash" or "$ " in line]
    found = 0
    for line in lines:
        if call := CALL.search(line.partition(" #")[0].strip()):
            words = shlex.split(call[1])
            parse(words[0], VERBS[words[0]], words[1:])
        if launched := re.search(r"torchrun (.*)", line):
            get_args_parser().parse_args(shlex.split(launched[1]))
        made = re.search(r"\$ make ([\w-]+)", line)
        assert not made or f"\n{made[1]}:" in Path("Makefile").read_text(), line
        found += any((call, launched, made))
    return found
