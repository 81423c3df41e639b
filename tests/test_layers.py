"""The folder order is the data flow: a stage imports only itself and the stages before it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "offpath"
# Root modules that every stage may import.
LEAVES = [
    "comparison",
    "compute",
    "configs",
    "errors",
    "interventions",
    "networks",
    "plans",
    "recipes",
    "reporters",
    "results",
    "run",
    "sections",
    "slices",
]
STAGES = ["data", "fit", "generalize", "handcraft", "interpret", "report"]  # = alphabetical
MAY_NOT_SEE = {"interpret": {"handcraft"}, "report": {*STAGES[:-1], "compute"}}


def imported_parts(file: Path) -> set[str]:
    """First name under `offpath` of everything that `file` imports, at any depth of the code."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: import by full name, not relatively"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("offpath.")}


@pytest.mark.parametrize("part", LEAVES + STAGES)
def test_a_part_imports_only_what_comes_before_it(part: str):
    before = STAGES[: STAGES.index(part) + 1] if part in STAGES else []
    allowed = {*LEAVES, *before} - MAY_NOT_SEE.get(part, set())
    for file in [*PACKAGE.glob(f"{part}.py"), *(PACKAGE / part).rglob("*.py")]:
        assert imported_parts(file) <= allowed, f"{file} imports {imported_parts(file) - allowed}"


def test_the_folder_listing_reads_in_the_order_of_the_data_flow():
    assert sorted(STAGES) == STAGES
    folders = {p.name for p in PACKAGE.iterdir() if (p / "__init__.py").exists()}
    assert folders == {*STAGES, "cli", "results", "run", "sweep"}


def test_a_sweep_sees_all_but_the_command_line():
    parts = set().union(*map(imported_parts, (PACKAGE / "sweep").glob("*.py")))
    assert parts <= {*LEAVES, *STAGES, "pipeline", "sweep"}


@pytest.mark.parametrize(
    "code",
    [
        "import offpath.cli.main; offpath.cli.main.overview()",
        "import offpath.report.page, offpath.report.playground, offpath.report.terminal",
        "import offpath.recipes; offpath.recipes.recipe('laptop')",
    ],
)
def test_help_report_and_recipes_load_neither_torch_nor_numba(code: str):
    check = f"import sys; {code}; print({{'torch', 'numba'}} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert said.stdout == "set()\n"
