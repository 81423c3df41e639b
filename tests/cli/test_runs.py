import json
import shutil
from pathlib import Path

import pytest

from offpath.results import Matrix, read_result
from offpath.run.folder import open_run
from offpath.slices import ANY_TARGET, UNSEEN
from tests.cli.command import SMALL, offpath


def listed(capsys, *words: str) -> list[dict]:
    assert offpath("list", *words, "--json") == 0
    return json.loads(capsys.readouterr().out)


def test_a_run_is_listed_with_what_it_has_made_and_its_headline_numbers(finished: Path, capsys):
    (row,) = listed(capsys, str(finished.parent))
    assert listed(capsys, str(finished)) == [row]  # a run folder itself will do
    assert (row["run"], row["done"], row["fault"]) == (finished.name, True, None)
    assert row["networks"]["pretrained"] == {"made": True, "step": 4, "steps": 4}
    assert {"matrix", "labels", "circuit"} < set(row["results"])
    cell = read_result(open_run(finished), Matrix).cell("finetuned", ANY_TARGET, UNSEEN)
    assert row["accuracy"]["unseen"] == (cell and cell.accuracy)
    assert offpath("list", str(finished.parent)) == 0
    said = capsys.readouterr().out
    assert finished.name in said
    assert "done" in said


def test_the_steps_of_a_run_that_is_not_done_are_listed(finished: Path, capsys):
    for path in ("done", "results/matrix.json", "checkpoints/scratch.safetensors"):
        (finished / path).unlink()
    (row,) = listed(capsys, "my runs")
    assert (row["done"], row["networks"]["scratch"]) == (
        False,
        {"made": False, "step": 2, "steps": 2},
    )
    assert offpath("list", "my runs") == 0
    assert "scratch 2/2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda run: (run / "config.json").unlink(), "RUN must be a run folder"),
        (lambda run: (run / "config.json").write_text("{"), "changed or damaged"),
        (lambda run: (run / "metrics.jsonl").write_text("{\n"), "is damaged in line 1"),
        (lambda run: (run / "results/matrix.json").write_text("{"), "is damaged"),
        (lambda run: (run / "provenance.json").mkdir(exist_ok=True), ""),
    ],
)
def test_a_folder_that_cannot_be_read_is_a_row_that_says_so(finished: Path, capsys, damage, fault):
    if not fault:
        (finished / "provenance.json").unlink()
    shutil.copytree(finished, finished.parent / "whole")
    damage(finished)
    damaged, whole = listed(capsys, "my runs")
    assert fault in (damaged["fault"] or "")
    assert whole["done"]
    assert offpath("list", "my runs") == 0


def test_a_folder_without_runs_says_how_to_make_one(there: Path, capsys):
    (there / "runs" / ".hidden").mkdir(parents=True)
    (there / "runs" / "file").write_text("")
    assert offpath("list") == 0
    assert capsys.readouterr().out == "no runs in runs; make one with `offpath run`\n"
    assert listed(capsys) == []


def test_a_run_in_between_is_listed_with_its_step(there: Path, capsys):
    assert offpath("pretrain", *SMALL) == 0
    capsys.readouterr()
    assert offpath("list") == 0
    assert "finetuned 0/2" in capsys.readouterr().out
