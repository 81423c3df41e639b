"""The prose of page and terminal: what `assets/captions.toml` has under a name, words filled in."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

Words = Mapping[str, object]


def caption(name: str, words: Words) -> tuple[str, str, dict[str, str]]:
    """Title, text and facts of a figure; `more` has sentences that its text may go on with."""
    parts = {**_captions()["default"], **_captions()[name]}
    more = _filled(parts.pop("more", {}), words)
    facts = {part: text.format_map(words) for part, text in parts.items()}
    return facts.pop("title"), " ".join([facts.pop("text"), *more]), facts


def sentences(name: str, words: Words) -> list[str]:
    """Sentences in order; one has the name of a word, and is left out if that is empty or 0."""
    return _filled(_captions()[name], words)


def _filled(texts: Mapping[str, str], words: Words) -> list[str]:
    return [text.format_map(words) for word, text in texts.items() if words.get(word, True)]


@cache
def _captions() -> dict[str, dict[str, Any]]:
    return tomllib.loads((Path(__file__).parent / "assets" / "captions.toml").read_text("utf-8"))
