import hashlib
import json
import re
import runpy
import zlib
from pathlib import Path

import duckdb
import numpy as np
import pytest
import torch

from docs import setup
from docs.fields import fields_page
from docs.generated import PAGES as COMPUTED
from docs.generated import filled
from offpath.compute import Compute
from offpath.data.graphs import truth
from offpath.pipeline import experiment
from offpath.results import Matrix, read_result
from offpath.run.folder import Run, working_on
from offpath.slices import OFF_PATH, STRATA
from tests.blocks import SHELL, blocks, check_options, run_page

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
FOLDERS = (".", "docs", "docs/api", "docs/findings", "benchmarks", "weights")
PAGES = [page for folder in FOLDERS for page in (ROOT / folder).glob("*.md")]
RUN = (
    "getting-started", "tutorial", "change-the-world", "change-the-model",
    "change-the-intervention", "change-who-is-asked", "gpu", "read-the-results", "strata",
    "statistics",
)  # fmt: skip
"""Pages whose blocks a reader can run one after the other."""


@pytest.mark.parametrize("page", COMPUTED)
def test_computed_parts_of_the_pages_are_up_to_date(page: str):
    text = (ROOT / page).read_text()
    assert text == filled(text), "run `.venv/bin/python docs/generated.py`"
    assert "<!-- /" in text


def test_every_field_of_the_result_files_has_its_meaning():
    rows = [line for line in fields_page().splitlines() if line.startswith("| `")]
    assert len(rows) > 150
    assert [row for row in rows if row.endswith("|  |")] == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_runs_and_prints_something(example: Path, capsys):
    runpy.run_path(str(example), run_name="__main__")
    assert len(capsys.readouterr().out.splitlines()) >= 3


def test_the_readme_names_every_example_and_fits_150_lines():
    readme = (ROOT / "README.md").read_text()
    assert EXAMPLES
    assert all(f"examples/{path.name}" in readme for path in EXAMPLES)
    assert len(readme.splitlines()) <= 150


def test_a_finding_in_the_log_has_at_most_ten_lines():
    findings = (ROOT / "LOG.md").read_text().split("\n\n")
    assert max(len(finding.splitlines()) for finding in findings) <= 10


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_between_pages_lead_somewhere(page: Path):
    for target, heading in re.findall(r"\]\(([^)#]+)(?:#([^)]+))?\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target
            assert not heading or heading in headings(page.parent / target), heading


def headings(page: Path) -> set[str]:
    """The anchors of a page, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", RUN)
def test_every_block_of_a_page_runs_and_prints_what_is_shown(
    name: str, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    run_page(ROOT / "docs" / f"{name}.md", capsys)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_the_options_of_commands_that_are_not_run_can_be_given(page: Path, monkeypatch):
    monkeypatch.chdir(ROOT)
    shell = [block for block in blocks(page) if block.language in SHELL]
    for block in shell:
        if page.stem not in RUN or not block.runs:
            assert check_options(block) or "offpath" not in block.text or "--help" in block.text


def test_code_is_run_by_this_file_or_as_a_doctest():
    for page in PAGES:
        known = {"weights", "run-folder", *RUN}  # the first two: test_interop.py, and below
        for block in blocks(page):
            assert block.language in {
                *SHELL,
                "",
                "text",
                "python",
                "json",
                "sql",
                "{toctree}",
                "{eval-rst}",
            }
            assert block.language != "python" or ">>>" in block.text or page.stem in known, page


def test_the_home_page_lists_every_page_of_the_site_once():
    text = (ROOT / "docs" / "index.md").read_text()
    lists, *toctrees = text.split("```{toctree}")
    tree = [re.sub(r".*<(.*)>", r"\1", line) for part in toctrees for line in part.splitlines()]
    paths = [line for line in tree if line and line[0] not in ":`"]
    linked = re.findall(r"\]\((.*?)\.md\)", lists.partition("## Start")[2])
    assert sorted(linked) == sorted(paths)
    listed = {(ROOT / "docs" / f"{path}.md").resolve() for path in paths}
    assert listed == {page.resolve() for page in PAGES} - {ROOT / "docs" / "index.md"}


@pytest.mark.parametrize("cut", [False, True])
def test_strata_and_answers_of_the_picture_are_those_of_the_data(cut: bool):
    graph = setup.graph(cut)
    masks = np.zeros(64, np.uint64)
    for a, b in graph.edges:
        masks[a - 1] |= np.uint64(1 << (b - 1))
        masks[b - 1] |= np.uint64(1 << (a - 1))
    layers, to_2 = np.zeros((2, 65), np.uint64), setup.answer(graph, 2)
    distance_to_2 = setup.LARGEST if to_2 == "no path" else int(to_2)
    for target in range(2, setup.LARGEST + 1):
        rest = (setup.VERTICES, target - 1, distance_to_2, setup.LARGEST, layers)
        distance, number = truth(masks, *rest)
        words = "no path" if distance == setup.LARGEST else str(distance)
        assert (setup.answer(graph, target), setup.stratum(graph, target)) == (
            words,
            STRATA[number],
        )


def test_the_page_on_the_run_folder_shows_what_a_run_writes(run: Run, monkeypatch):
    with working_on(run):
        for _ in experiment(run, Compute(torch.device("cpu"), 1)):
            pass
    page = (ROOT / "docs" / "run-folder.md").read_text()
    metrics, provenance = map(json.loads, re.findall(r"```json\n(.*?)```", page, re.DOTALL))
    line = json.loads(run.metrics.read_text().splitlines()[0])
    assert set(metrics) == set(line)
    (session,) = json.loads((run.folder / "provenance.json").read_text())["sessions"]
    assert set(session) <= set(provenance["sessions"][0])
    assert run.done.read_text().count("safetensors") == 6

    verify, read = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names = {"hashlib": hashlib, "json": json, "zlib": zlib, "Path": Path}
    monkeypatch.chdir(run.folder)
    exec(verify, dict(names))
    exec(read, {"folder": run.folder})
    (crc32,) = re.findall(r"`(f\"\{zlib.*?)`", page)
    assert eval(crc32, {**names, "record": line}) != line["crc32"]
    written = line.pop("crc32")
    assert eval(crc32, {**names, "record": line}) == written

    monkeypatch.chdir(run.folder.parents[1])
    (query,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    rows = {row[2]: row[3] for row in duckdb.connect().execute(query).fetchall()}
    matrix = read_result(run, Matrix)
    known = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert {one.by for one in matrix.cells} <= known
    cell = matrix.cell("finetuned", "test_e", OFF_PATH[0])
    assert cell
    assert rows["finetuned"] == cell.accuracy
