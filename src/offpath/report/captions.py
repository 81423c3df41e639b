"""The prose of page and terminal: the Jinja templates of `assets/captions.toml`, filled in."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from offpath.report.words import FILTERS

TEMPLATES = Environment(undefined=StrictUndefined)  # of plain text, which the page escapes
TEMPLATES.filters |= FILTERS


@cache
def asset(name: str) -> dict[str, dict[str, Any]]:
    """The tables of `assets/NAME.toml`."""
    return tomllib.loads((Path(__file__).parent / "assets" / f"{name}.toml").read_text("utf-8"))


def filled(text: str, words: Mapping[str, object]) -> str:
    """A template with words filled in."""
    return TEMPLATES.from_string(text).render(words)


def sentences(name: str, words: Mapping[str, object]) -> list[str]:
    """Sentences in order; one that is empty, where its condition does not hold, is left out."""
    return [
        text for text in (filled(text, words) for text in asset("captions")[name].values()) if text
    ]
