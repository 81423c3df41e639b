"""Words of the command line as a record of options, or an `InputError` of one line."""

import contextlib
import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import tyro
from pydantic import BaseModel

from offpath.configs import Configuration
from offpath.errors import InputError, choice_fault, nearest
from offpath.recipes import recipe
from offpath.run.folder import read_configuration

T = TypeVar("T", bound=BaseModel)
Verb = Callable[[list[str]], None]
RENAMED = {
    "--examples-at-once": "--micro-batch",
    "--graphs.tune-vertices": "--graphs.finetune-vertices",
    "--kept-rates": "--retention-rates",
    "--circuit": "the verb `offpath circuit`",
}
"""Options of earlier versions, and what they are now."""


def verb_name(verb: Verb) -> str:
    """What the command line calls a verb."""
    return verb.__name__.split("_")[0]


def parse(verb: Verb, words: list[str], default: T | type[T]) -> T:
    """Arguments as `words` change the default; tyro's box of an error becomes one line."""
    kind = default if isinstance(default, type) else type(default)
    given = tyro.MISSING_NONPROP if isinstance(default, type) else default
    name, text = verb_name(verb), verb.__doc__

    def read(words: Sequence[str]) -> T:
        return tyro.cli(kind, args=words, default=given, prog=f"offpath {name}", description=text)

    box, help_text = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stderr(box):
            return read(words)
    except SystemExit as stop:
        if not stop.code:
            raise
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(help_text):
        read(["--help"])
    fault = _fault(name, words, _first_paragraph(box.getvalue()), help_text.getvalue())
    raise InputError(f"{fault}; see `offpath {name} --help`")


def check_words(words: Sequence[str]) -> None:
    """Refuse an option that is given twice, and an empty value."""
    options = [word.split("=")[0].replace("_", "-") for word in words if word.startswith("--")]
    for option in options:
        if options.count(option) > 1:
            raise InputError(
                f"{option} must be given once; it is there {options.count(option)} times"
            )
    for before, word in zip(["an argument", *words], words, strict=False):
        if not word or (word.startswith("--") and word.endswith("=")):
            raise InputError(
                f"{word[:-1] or before} must not be empty; give a value, or leave it out"
            )


def base_configuration(words: Sequence[str]) -> Configuration:
    """The configuration that --recipe or --config names: the defaults by which the rest is read."""
    name, file = _value(words, "--recipe"), _value(words, "--config")
    if name is not None and file is not None:
        raise InputError(
            "give --recipe or --config, not both: each sets the defaults of all others"
        )
    if file is None:
        return recipe("laptop" if name is None else name)
    path = Path(file)
    return read_configuration(path / "config.json" if path.is_dir() else path)


def _value(words: Sequence[str], option: str) -> str | None:
    """The value of an option among words, if it is there with one."""
    for place, word in enumerate(words):
        if word == option:
            return words[place + 1] if place + 1 < len(words) else None
        if word.startswith(f"{option}="):
            return word.removeprefix(f"{option}=")
    return None


def _first_paragraph(box: str) -> str:
    """The first paragraph inside the box that tyro draws around an error."""
    lines = [line.strip("│ ") for line in box.splitlines()[1:]]
    lines = ["" if set(line) <= set("├┤╭╮╰╯─-") else line for line in lines]
    del lines[: next((i for i, line in enumerate(lines) if line), 0)]
    ends = [i for i, line in enumerate(lines) if not line]
    return " ".join(lines[: ends[0] if ends else None])


def _fault(name: str, words: Sequence[str], message: str, help_text: str) -> str:
    """What is wrong with words, in the project's own grammar of errors."""
    options = re.findall(r"(?<!\S)--[a-z][a-z0-9.-]*", help_text)
    for word in (word.split("=")[0] for word in words if word.startswith("--")):
        if word in RENAMED and word not in options:
            return f"{word} is now {RENAMED[word]}"
        if word.replace("_", "-") not in options:
            return f"{word} is no option of `offpath {name}`{nearest(word, options)}"
    if choice := re.match(
        r"invalid choice '(.*)' for argument '(.*)'. Expected .*\((.*)\)", message
    ):
        value, argument, listed = choice.groups()
        shown = re.search(rf"{re.escape(argument)} {{(\S*)}}", help_text)  # in a fixed order
        choices = shown[1].split(",") if shown else re.findall(r"'([^']*)'", listed)
        return choice_fault(argument, value, choices)
    return message.rstrip(".")
