"""Parts of the site that follow from the files there are: what can be seen, modules in Python."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from docs.raw import markdown
from offpath.interventions import INTERVENTIONS
from offpath.reporters import RULES

HERE = Path(__file__).parent
PACKAGE = HERE.parent / "src" / "offpath"
SEEN = (
    ("report", "The report of one run", "recipe `laptop`, seed 0: every figure"),
    ("playground", "The playground", "draw a graph, and watch trained networks and the circuit"),
)
"""Examples that are one offline page each, with a picture of it."""
API = {
    "experiment": ("", "results"),
    **{name: (name,) for name in ("data", "generalize", "handcraft", "interpret", "report")},
    "fit": ("fit", "fit/exchange"),
    "run": ("run", "sweep"),
}
"""The folders of the package whose modules are on each page `docs/api/NAME.md`."""


def see_it() -> str:
    """The example pages that are in this folder."""
    lines = []
    for name, title, words in SEEN:
        page, picture = f"{name}-laptop-seed0.html", f"{name}.png"
        if (HERE / page).exists():
            shot = f"[![{title}]({picture})]({page})"
            lines += [shot] if (HERE / picture).exists() else []
            lines += [f"[{title}]({page}): {words}."]
    return "\n\n".join(lines)


def modules(folders: Sequence[str]) -> str:
    """Every module of some folders: its name as a heading, and what autodoc makes of it."""
    names = []
    for folder in folders:
        for file in sorted((PACKAGE / folder).glob("*.py")):
            if not file.stem.startswith("__"):
                names.append(".".join([*folder.split("/"), file.stem]).removeprefix("."))
    return "\n\n".join(
        f"## {name}\n\n```{{eval-rst}}\n.. automodule:: offpath.{name}\n```" for name in names
    )


def interventions_table() -> str:
    """Every intervention: how it is named, and what it does."""
    rows = []
    for name, one in INTERVENTIONS.items():
        amount = one.amount
        given = amount is not None and amount.default is not None
        number = "" if amount is None else f"={amount.default:g}" if given else "=N"
        words = " The number may be left out." if given else ""
        rows.append([f"`{name}{number}`", one.meaning + words])
    return markdown(["intervention", "what it does"], rows)


def inspectors_table() -> str:
    """Every rule of inspectors: how it is named, and what it answers."""
    rows = [
        [f"`{name}=N`" if rule.numbers else f"`{name}`", rule.meaning.format("N")]
        for name, rule in RULES.items()
    ]
    return markdown(["inspector", "what it answers"], rows)


PARTS: dict[str, Callable[[], str]] = {
    "inspectors": inspectors_table,
    "interventions": interventions_table,
    "see it": see_it,
    **{f"modules of {page}": partial(modules, folders) for page, folders in API.items()},
}
PAGES = (
    "docs/index.md",
    "docs/change-the-intervention.md",
    "docs/change-who-is-asked.md",
    *(f"docs/api/{page}.md" for page in API),
)
