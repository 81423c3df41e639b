"""The fields of each result file as tables, read from `src/offpath/results/`."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from docs.raw import markdown
from offpath import results

SOURCES = [path.read_text() for path in Path(results.__file__).parent.glob("*.py")]
CLASSES = {
    node.name: (node, source.splitlines())
    for source in SOURCES
    for node in ast.parse(source).body
    if isinstance(node, ast.ClassDef)
}
"""By name: the class, and the lines of its file."""
CHOICES = {
    ast.unparse(node.targets[0]): ast.unparse(node.value)
    for source in SOURCES
    for node in ast.parse(source).body
    if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("Literal[")
}
"""By name: the values that a field of this type can have."""


class Field(NamedTuple):
    """A field of a record: the last is the comment behind it."""

    name: str
    type: str
    meaning: str


def fields_page() -> str:
    """Each result file in the order of the work, and each record in it where it first occurs."""
    lines: list[str] = []
    shown: set[str] = set()
    for kind in results.RESULTS:
        sentence = f"{_sentence(kind.__name__)} Written by `offpath {kind.verb}`."
        lines += [f"### `results/{kind.file}.json`", "", sentence, "", *_table(kind.__name__)]
        for name in _records(kind.__name__):
            if name not in shown:
                lines += [f"**{name}.** {_sentence(name)}", "", *_table(name)]
                shown.add(name)
    return "\n".join(lines).rstrip()


def _records(name: str) -> Iterator[str]:
    """The records that a record builds on or holds, and those that they hold."""
    held = " ".join(field.type for field in _fields(name))
    for inner in [*_bases(name), *re.findall(r"\w+", held)]:
        if inner in CLASSES:
            yield inner
            yield from _records(inner)


def _bases(name: str) -> list[str]:
    """The records whose fields a record has too, in the order in which fields are written."""
    names = [base.id for base in reversed(CLASSES[name][0].bases) if isinstance(base, ast.Name)]
    return [base for base in names if base in CLASSES and base not in ("Row", "Result")]


def _table(name: str) -> list[str]:
    """The fields that a record has of its own, and where the others are."""
    lines = [f"It has all fields of {' and of '.join(_bases(name))}.", ""] if _bases(name) else []
    rows = [[f"`{f.name}`", _readable(f.type), f.meaning] for f in _fields(name)]
    return [*lines, *([markdown(["field", "type", "meaning"], rows), ""] if rows else [])]


def _fields(name: str) -> Iterator[Field]:
    """The fields that a record does not inherit."""
    record, lines = CLASSES[name]
    for statement in record.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            kind = ast.unparse(statement.annotation).replace("Colour", "tuple[str, str]")
            kind = kind.replace("Rounded", "float")
            kind = CHOICES.get(kind, kind)
            yield Field(statement.target.id, kind, lines[statement.lineno - 1].partition("  # ")[2])


def _sentence(name: str) -> str:
    return " ".join((ast.get_docstring(CLASSES[name][0]) or "").split())


def _readable(kind: str) -> str:
    """A type as code in a table, where a bar would end the cell.

    >>> _readable("float | None"), _readable("Literal['a', 'b']")
    ('`float` or null', '`"a"` or `"b"`')
    """
    if kind.startswith("Literal["):
        return " or ".join(f'`"{name}"`' for name in re.findall(r"'([^']*)'", kind))
    plain, null = kind.removesuffix(" | None"), kind.endswith(" | None")
    return f"`{plain.replace(' | None', '?')}`{' or null' if null else ''}"
