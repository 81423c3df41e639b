"""The prose of page and terminal: the Jinja templates of `assets/captions.toml`, filled in."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from offpath.report.words import FILTERS

Words = Mapping[str, object]
TEMPLATES = Environment(undefined=StrictUndefined)  # of plain text, which the page escapes
TEMPLATES.filters |= FILTERS


def heading(section: str, words: Words) -> tuple[str, str]:
    """Title and text of a section."""
    texts = _captions()[section]
    return texts["title"], _filled(texts.get("text", ""), words)


def caption(place: str, words: Words) -> tuple[str, str, dict[str, str]]:
    """Title, text and facts of the figure SECTION.FIGURE."""
    section, figure = place.split(".")
    texts = {**_captions()["default"], **_captions()[section], **_captions()[section][figure]}
    facts = {part: _filled(text, words) for part, text in texts.items() if isinstance(text, str)}
    return facts.pop("title"), facts.pop("text"), facts


def sentences(name: str, words: Words) -> list[str]:
    """Sentences in order; one that is empty, where its condition does not hold, is left out."""
    return [text for text in (_filled(text, words) for text in _captions()[name].values()) if text]


def _filled(text: str, words: Words) -> str:
    return TEMPLATES.from_string(text).render(words)


@cache
def _captions() -> dict[str, dict[str, Any]]:
    return tomllib.loads((Path(__file__).parent / "assets" / "captions.toml").read_text("utf-8"))
