"""The help of every verb in Markdown, read from what its `--help` prints."""

import contextlib
import io
import os
import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple
from unittest.mock import patch

from docs.raw import markdown
from offpath.cli.main import VERBS
from offpath.cli.parse import parse

WIDTH = {"COLUMNS": "110"}  # the help has one column then
FULL = "run"  # the verb that lists the options of a whole experiment
MANY = 20  # options that a verb has in common with it: they are not listed again


class Option(NamedTuple):
    """An option or argument of a verb."""

    box: str  # title of the part of the help that it is in
    usage: str
    meaning: str
    default: str

    @property
    def name(self) -> str:
        """What is typed."""
        return self.usage.split(" ")[0]


def verbs_help() -> str:
    """A heading for each verb, its help, and its options."""
    lines = []
    for name, verb in VERBS.items():
        text, *_ = (verb.__doc__ or "").split("Args:")
        sentence, example, *more = (" ".join(part.split()) for part in text.strip().split("\n\n"))
        console = f"```console\n$ {example.removeprefix('For example: ')}\n```"
        lines += [f"### offpath {name}", sentence, *more, console, *_tables(name)]
    return "\n\n".join(filter(None, lines))


def _tables(name: str) -> Iterator[str]:
    """A table for each part of the help; a line stands for what is listed for `offpath run`."""
    own, there = options(name), options(FULL)
    shared = [one for one in own if one in there]
    if name != FULL and len(shared) > MANY:
        own = [one for one in own if one not in there]
        known = {one.name for one in options(name)}
        missing = ", ".join(f"`{one.name}`" for one in there if one.name not in known)
        but = f", but for {missing}" if missing else ""
        end = ", and those below." if own else "."
        yield f"It has the options of [offpath {FULL}](#offpath-{FULL}){but}{end}"
    for box in dict.fromkeys(one.box for one in own):
        rows = [[f"`{o.usage}`", o.meaning, f"`{o.default}`"] for o in own if o.box == box]
        yield markdown([box, "meaning", "default"], rows)


@cache
def options(name: str) -> list[Option]:
    """Every option and argument of a verb, in the order of its help."""
    boxes = re.split(r"^ (\S.*?) *\n -+ *$", help_text(name), flags=re.MULTILINE)[1:]
    made = []
    for title, box in zip(boxes[::2], boxes[1::2], strict=True):
        entries = box.rpartition("---\n")[2]  # above may be what the box is about
        for entry in re.split(r"^  (?=\S)", entries, flags=re.MULTILINE)[1:]:
            usage, _, rest = entry.strip().replace("\n", "  ").partition("  ")
            words = " ".join(rest.split())
            found = re.fullmatch(r"(.*?)(?: \((required)\)| \(default: (.*)\))?", words)
            text, required, default = found.groups() if found else (words, None, None)
            made.append(Option(title, _plain(usage), text, required or default or "none"))
    return [one for one in made if one.name != "-h,"]


def _plain(usage: str) -> str:
    """How an option is given, where its default shows that it may be left out.

    >>> _plain("--threads {None}|INT"), _plain("--rates [FLOAT [FLOAT ...]]"), _plain("--by {a,b}")
    ('--threads INT', '--rates FLOAT ...', '--by {a, b}')
    """
    usage = re.sub(r"\[(\S+) \[\1 \.\.\.\]\]", r"\1 ...", usage.replace("{None}|", ""))
    return re.sub(r",(?! )", ", ", usage.replace("{None,", "{")).replace("|", " or ")


def help_text(name: str) -> str:
    """What `offpath NAME --help` prints into a file."""
    out = io.StringIO()
    into, printed = contextlib.redirect_stdout(out), contextlib.suppress(SystemExit)
    with patch.dict(os.environ, WIDTH), into, printed:
        parse(name, VERBS[name], ["--help"])
    return out.getvalue()
