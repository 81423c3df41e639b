"""Words of the command line as the call of a verb, or an `InputError` of one line."""

import argparse
import contextlib
import io
import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial, wraps
from itertools import groupby
from pathlib import Path
from typing import Any, get_type_hints

import tyro

from offpath.configs import Configuration
from offpath.errors import InputError, choice_fault, nearest
from offpath.recipes import RECIPES, recipe
from offpath.run.folder import read_configuration
from offpath.sweep.presets import PRESETS

Verb = Callable[..., None]
RENAMED = {
    "--examples-at-once": "--micro-batch",
    "--graphs.tune-vertices": "--graphs.finetune-vertices",
    "--kept-rates": "--retention-rates",
    "--circuit": "the verb `offpath circuit`",
}
"""Options of earlier versions, and what they are now."""


def parse(name: str, verb: Verb, words: Sequence[str]) -> Callable[[], None]:
    """The call that `words` ask for; tyro's box of an error becomes one line."""
    _check(words)

    @wraps(verb)
    def call(*arguments: object, **named: object) -> Callable[[], None]:
        return partial(verb, *arguments, **named)

    read = partial(tyro.cli, partial(call, **_defaults(verb, words)), prog=f"offpath {name}")
    box, help_text = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stderr(box):
            return read(args=words)
    except SystemExit as stop:
        if not stop.code:
            raise
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(help_text):
        read(args=["--help"])
    fault = _fault(name, words, box.getvalue(), help_text.getvalue())
    raise InputError(f"{fault}; see `offpath {name} --help`")


def _check(words: Sequence[str]) -> None:
    """Refuse an option that is given twice, and an empty value."""
    options = [word.split("=")[0].replace("_", "-") for word in words if word.startswith("--")]
    for option, times in Counter(options).items():
        if times > 1:
            raise InputError(f"{option} must be given once; it is there {times} times")
    for before, word in zip(["an argument", *words], words, strict=False):
        if not word or (word.startswith("--") and word.endswith("=")):
            raise InputError(
                f"{word[:-1] or before} must not be empty; give a value, or leave it out"
            )


def _defaults(verb: Verb, words: Sequence[str]) -> dict[str, Any]:
    """What the recipe or file that words name sets of a verb's arguments."""
    kinds = get_type_hints(verb)
    if "base" in kinds:
        return {"base": kinds["base"](configuration=_configuration(words))}
    if "swept" in kinds:
        return {"swept": kinds["swept"](configuration=dict(_swept(words)))}
    return {"graphs": _configuration(words).graphs} if "graphs" in kinds else {}


def _configuration(words: Sequence[str]) -> Configuration:
    """The configuration that --recipe or --config names: the defaults by which the rest is read."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for option in ("--recipe", "--config"):
        parser.add_argument(option, nargs="?")
    given, _ = parser.parse_known_args(words)
    if given.recipe and given.config:
        raise InputError(
            "give --recipe or --config, not both: each sets the defaults of all others"
        )
    if given.config is None:
        return recipe(given.recipe or "laptop")
    path = Path(given.config)
    return read_configuration(path / "config.json" if path.is_dir() else path)


def _swept(words: Sequence[str]) -> Configuration:
    """The configuration of the preset that words begin with; a file has all options in it."""
    source = words[0] if words else ""
    if "--help" in words or "-h" in words:
        return recipe("laptop")
    if not source or source.startswith("-"):
        raise InputError(
            "PRESET or FILE.py must come first, as in `offpath sweep laptop --seeds 10`"
        )
    if not source.endswith(".py"):
        known = [*dict.fromkeys([*RECIPES, *PRESETS])]  # truth is both
        if source not in known:
            raise InputError(
                f"PRESET must be one of {', '.join(known)}, or a file that ends in .py; got "
                f"{source!r}{nearest(source, known)}"
            )
        return PRESETS[source].base() if source in PRESETS else recipe(source)
    for option in (word.split("=")[0] for word in words if word.startswith("--")):
        if option[2:].split(".")[0].replace("-", "_") in Configuration.model_fields:
            raise InputError(f"{option} goes with a PRESET; {source} has all options: set it there")
    return recipe("laptop")  # unused


def _fault(name: str, words: Sequence[str], box: str, help_text: str) -> str:
    """What is wrong with words, in the project's own grammar of errors."""
    options = re.findall(r"(?<!\S)--[a-z][a-z0-9.-]*", help_text)
    for word in (word.split("=")[0] for word in words if word.startswith("--")):
        if word.replace("_", "-") not in options:
            unknown = f"no option of `offpath {name}`{nearest(word, options)}"
            return f"{word} is {f'now {RENAMED[word]}' if word in RENAMED else unknown}"
    lines = [line.strip("│╭╮╰╯ ") for line in box.splitlines()[1:]]
    paragraphs = groupby(lines, lambda line: bool(line.strip("├┤─-")))
    message = next(" ".join(text) for is_text, text in paragraphs if is_text)
    invalid = r"invalid choice '(.*)' for argument '(.*)'. Expected .*\((.*)\)"
    if choice := re.match(invalid, message):
        value, argument, listed = choice.groups()
        shown = re.search(rf"{re.escape(argument)} {{(\S*)}}", help_text)  # in a fixed order
        choices = shown[1].split(",") if shown else re.findall(r"'([^']*)'", listed)
        return choice_fault(argument, value, choices)
    return message.rstrip(".")
