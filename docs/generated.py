"""The computed parts of README.md and other pages: help, folders, results, speed, fields.

    python docs/generated.py        writes them; the tests fail while they differ.

Results come from the raw files in `benchmarks/results/`; nothing is typed by hand.
"""

import ast
import re
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from docs import (
    circuit_tables,
    fast_tables,
    finding_pages,
    network_tables,
    setup,
    speed_tables,
    variance_tables,
)
from docs import site_parts as site
from docs.fields import fields_page
from docs.help_tables import verbs_help
from docs.raw import markdown
from offpath.cli.main import VERBS, overview

ROOT = Path(__file__).parents[1]
PAGES = (
    "README.md",
    "benchmarks/RECORDS.md",
    "docs/command-line.md",
    "docs/edge-circuit.md",
    "docs/results.md",
    "docs/run-folder.md",
    "docs/seeds.md",
    "docs/wwz24.md",
    *finding_pages.PAGES,
    *site.PAGES,
)


def main() -> None:
    """Write all parts into their pages."""
    for name in PAGES:
        page = ROOT / name
        page.write_text(filled(page.read_text()))


def filled(text: str) -> str:
    """A page with what stands between its markers `<!-- name -->`, `<!-- /name -->` made anew."""
    for name, part in PARTS.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*(<!-- /{name} -->)", re.DOTALL)
        if match := pattern.search(text):
            made = f"{match[1]}{part()}\n{match[2]}"
            text = text[: match.start()] + made + text[match.end() :]
    return text


def help_text() -> str:
    """What `offpath --help` prints."""
    return f"```console\n$ offpath --help\n{overview()}\n```"


def verbs_table() -> str:
    """Each verb of the command line with its first sentence."""
    rows = [
        [f"`{name}`", (verb.__doc__ or "").splitlines()[0].rstrip(".")]
        for name, verb in VERBS.items()
    ]
    return markdown(["`offpath` ...", "what it does"], rows)


def folders() -> str:
    """Every folder of the package with the first line of its docstring."""
    package = ROOT / "src" / "offpath"
    rows = []
    for source in sorted(package.rglob("__init__.py")):
        sentence = (ast.get_docstring(ast.parse(source.read_text())) or "").splitlines()[0]
        name = source.parent.relative_to(package.parent).as_posix()
        rows.append(f"{name + '/':<24} {sentence}")
    return "\n".join(["```", *rows, "```"])


PARTS: dict[str, Callable[[], str]] = {
    "help": help_text,
    "verbs": verbs_table,
    "verbs help": verbs_help,
    "folders": folders,
    "fields": fields_page,
    "strata": setup.strata_table,
    "answer": network_tables.answer,
    "networks": network_tables.networks_table,
    "seeds": network_tables.seeds_table,
    "phases": network_tables.phases_table,
    "phase changes": network_tables.changes_table,
    "differences": network_tables.differences_table,
    "ids": network_tables.ids_table,
    "other scores": network_tables.other_scores_table,
    "overlap": network_tables.overlap_table,
    "variance": variance_tables.variance_table,
    "paper-fast": fast_tables.paper_fast_table,
    "levers": fast_tables.levers_table,
    "short": network_tables.short_table,
    **speed_tables.PARTS,
    **circuit_tables.TABLES,
    **finding_pages.PARTS,
    **site.PARTS,
}
"""What makes each part of a page, by its marker."""


if __name__ == "__main__":
    main()
