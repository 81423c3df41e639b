import hashlib
import json
import re
import runpy
import zlib
from pathlib import Path

import pytest

from docs.generated import PAGES as COMPUTED
from docs.generated import filled
from offpath.compute import Compute
from offpath.generalize.study import comparison
from offpath.pipeline import experiment
from offpath.run.folder import Run, create_run, working_on

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")]


@pytest.mark.parametrize("page", COMPUTED)
def test_computed_parts_of_the_pages_are_up_to_date(page: str):
    text = (ROOT / page).read_text()
    assert text == filled(text), "run `.venv/bin/python docs/generated.py`"
    assert "<!-- /" in text


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_runs_and_prints_something(example: Path, capsys):
    runpy.run_path(str(example), run_name="__main__")
    assert len(capsys.readouterr().out.splitlines()) >= 3


def test_the_readme_names_every_example():
    readme = (ROOT / "README.md").read_text()
    assert EXAMPLES
    assert all(f"examples/{path.name}" in readme for path in EXAMPLES)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_between_pages_lead_somewhere(page: Path):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def keys(value) -> dict | list | None:
    """The shape of a record: its fields and theirs, without the values."""
    if isinstance(value, dict):
        return {k: keys(v) for k, v in value.items() if not k.isdigit()}
    return [keys(value[0])] if isinstance(value, list) and value and keys(value[0]) else None


def test_result_files_have_the_fields_that_their_page_shows(run: Run, monkeypatch):
    import torch

    from offpath.interpret.along_training import measure_learning_coefficients
    from offpath.interpret.options import Robustness, Sampling
    from offpath.interpret.robustness import measure_robustness

    fits = run.configuration.model.model_copy(update={"width": 26, "layers": 3})
    run = create_run(run.configuration.model_copy(update={"model": fits}), run.folder.parent)
    machine = Compute(torch.device("cpu"), 1)
    least = Robustness(choices=1, steps=2, examples=20, batch_examples=4, noises=(1.0,), draws=1)
    chains = {"batch_examples": 4, "chains": 2, "burn_in_steps": 0, "draws": 20}
    with working_on(run):
        for _ in experiment(run, machine):
            pass
        for _ in measure_robustness(run, machine, least):
            pass
        some = Sampling(examples=50, **chains)
        for _ in measure_learning_coefficients(run, machine, some, [], ["pretrained"], 0):
            pass
    page = (ROOT / "docs" / "run-folder.md").read_text()
    shown = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL)]
    provenance = json.loads((run.folder / "provenance.json").read_text())
    provenance["sessions"][0]["packages"] = {}
    names = ("labels", "matrix", "predictions", "circuit", "robustness", "learning_coefficient")
    results = [json.loads(run.result(name).read_text()) for name in names]
    actual = [json.loads(run.metrics.read_text().splitlines()[0]), *results, provenance]
    actual.append(comparison([run]))
    assert [keys(a) for a in actual] == [keys(s) for s in shown]
    assert run.done.read_text().count("safetensors") == 5
    monkeypatch.chdir(run.folder)
    (verify,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    line, told = actual[0], {"hashlib": hashlib, "json": json, "zlib": zlib, "Path": Path}
    exec(verify, told)
    (crc32,) = re.findall(r"`(f\"\{zlib.*?)`", page)
    assert eval(crc32, {**told, "record": line}) != line["crc32"]
    written = line.pop("crc32")
    assert eval(crc32, {**told, "record": line}) == written
