"""The verbs `compare` and `report` with several runs."""

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from offpath.comparison import ONE_SEED, Comparison
from offpath.run.folder import Run
from tests.cli.command import offpath
from tests.seed_runs import seed_runs

ALL = ("--against", "all")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Twelve seeds, and ten of another number of steps."""
    folder = tmp_path_factory.mktemp("runs")
    return seed_runs(folder, range(12)) + seed_runs(folder, range(10), {"finetune.steps": 777})


def folders(runs: Sequence[Run]) -> list[str]:
    return [str(run.folder) for run in runs]


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize("count", [1, 2, 12, 22])
def test_a_comparison_fits_the_terminal(runs, count: int, columns: int, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    by = ("--by", "finetune.steps", "--against", "groups") if count == 22 else ()
    assert offpath("compare", *folders(runs[:count]), *by) == 0
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= columns
    for word in ("on path, seen, hard", "off path, cut", "median", "seed"):
        assert word in said


def test_at_80_columns_each_difference_with_its_verdict_is_one_row(runs, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert offpath("compare", *folders(runs[:10]), *ALL) == 0
    said = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("from scratch") and line.endswith("shown (10 seeds)")
               for line in said) == 4  # fmt: skip
    assert offpath("compare", *folders(runs[:12]), *ALL) == 0
    said = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert (
        sum(line[:1] == ["pre-trained"] and line[-1] in ("higher", "lower") for line in said) == 4
    )


def test_one_seed_says_nothing_about_the_method(runs, capsys):
    assert offpath("compare", *folders(runs[:1])) == 0
    said = capsys.readouterr().out
    assert ONE_SEED in " ".join(said.split())
    assert "no difference shown" not in said
    assert said.startswith("1 run: accuracy, % on test e")


def test_every_table_has_its_file(runs, tmp_path: Path, capsys):
    paths = {kind: tmp_path / f"x.{kind}" for kind in ("csv", "parquet", "json")}
    for path in paths.values():
        assert offpath("compare", *folders(runs[:8]), *ALL, "--out", str(path)) == 0
        assert f"{path}\n" in capsys.readouterr().out
    with open(paths["csv"], newline="") as file:
        assert sum(1 for _ in csv.reader(file)) == 1 + 8 * 7 * 4
    assert paths["parquet"].stat().st_size > 1000
    record = Comparison.model_validate(json.loads(paths["json"].read_text()))
    assert [one.seed for one in record.runs] == [*range(8)]
    assert len(record.differences) == 16


def test_several_runs_make_one_page_and_one_run_its_own(runs, tmp_path: Path, capsys):
    path, few = tmp_path / "seeds.html", folders(runs[:3])
    assert offpath("report", *few, "--out", str(path)) == 0
    assert capsys.readouterr().out == f"report: {path}\n"
    first = path.read_bytes()
    assert offpath("report", *few, "--out", str(path)) == 0
    assert path.read_bytes() == first
    assert not any((run.folder / "report.html").exists() for run in runs)


def test_the_page_of_several_runs_needs_a_file(runs, capsys):
    assert offpath("report", *folders(runs[:2])) == 2
    assert "give --out FILE.html" in capsys.readouterr().err
    assert offpath("report", *folders(runs[:2]), "--out", "x.csv") == 2
    assert "give --out FILE.html; got x.csv" in capsys.readouterr().err
    assert offpath("report", *folders(runs[:2]), "--format", "md") == 2
    assert "--format md is for one run; name one, or leave it out" in capsys.readouterr().err


def test_the_page_of_one_run_takes_no_option_of_several(runs, capsys):
    assert offpath("report", *folders(runs[:1]), "--score", "mse") == 2
    assert "leave them out, or name more runs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "out", "wanted"),
    [
        ("html", "x.md", "a file .html"),
        ("md", "x.html", "a file .md"),
        ("png", __file__, "a folder"),
    ],
)
def test_a_report_is_written_under_a_name_that_fits_its_format(
    runs, kind: str, out: str, wanted: str, capsys
):
    assert offpath("report", *folders(runs[:1]), "--format", kind, "--out", out) == 2
    message = f"--out must be {wanted} with --format {kind}, not in the folder of another run; got "
    assert f"{message}{out}" in capsys.readouterr().err


def test_a_run_makes_files_for_papers(runs, tmp_path: Path, capsys):
    one, text, folder = folders(runs[:1]), tmp_path / "x.md", tmp_path / "charts"
    assert offpath("report", *one, "--format", "md", "--out", str(text)) == 0
    assert capsys.readouterr().out == f"wrote {text}\n"
    linked = re.findall(r"\]\((x-figures/[a-z0-9-]+\.svg)\)", text.read_text())
    assert linked
    assert all((tmp_path / link).read_text().startswith("<svg") for link in linked)
    for kind, start in (("png", b"\x89PNG"), ("pdf", b"%PDF")):
        assert offpath("report", *one, "--format", kind, "--out", str(folder / kind)) == 0
        files = [*(folder / kind).iterdir()]
        assert len(files) == len(linked)
        assert all(file.read_bytes().startswith(start) for file in files)
