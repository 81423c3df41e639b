"""Verbs on a run whose networks are asked as reporters: each works, or refuses in one line."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from offpath.report.playground import _candidates, _network
from offpath.results import Truth, read_result
from offpath.run.folder import Run, open_run
from offpath.run.tensors import read_arrays
from tests.cli.command import MACHINE, offpath


@pytest.fixture
def asked(asked_run: Run, there: Path) -> Path:
    """A finished run below the working folder."""
    return Path(
        shutil.copytree(asked_run.folder, there / "runs" / asked_run.folder.name)
    ).relative_to(there)


def test_evaluate_ends_with_a_table_and_whether_the_reporters_were_learned(asked: Path, capsys):
    (asked / "results/truth.json").unlink()
    assert offpath("evaluate", str(asked), *MACHINE) == 0
    said = " ".join(capsys.readouterr().out.split())
    for words in ("blind", "10 % leaked", "ceiling: as", "floor: as", "no audits", "untrained"):
        assert words in said
    assert "Not every reporter was learned to 97.0" in said
    assert f"next: `offpath report {asked}`" in said


def test_a_finished_run_is_not_measured_again(asked: Path, capsys):
    before = (asked / "results/truth.json").read_bytes()
    assert offpath("run", "--config", str(asked), *MACHINE) == 0
    assert "is done; only its report is made anew" in capsys.readouterr().out
    assert (asked / "results/truth.json").read_bytes() == before


@pytest.mark.parametrize(
    "words",
    [
        ("compare", "{}"), ("compare", "{}", "--study"), ("robustness", "{}", *MACHINE),
        ("llc", "{}", *MACHINE), ("evaluate", "{}", "--worlds", "size", *MACHINE),
    ],
)  # fmt: skip
def test_what_plain_questions_alone_have_is_refused_in_one_line(asked: Path, capsys, words):
    assert offpath(*(word.format(asked) for word in words)) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "plain questions" in said
    assert "asks reporters" in said


def test_the_share_of_true_answers_is_listed(asked: Path, capsys):
    assert offpath("list", "runs", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    cell = read_result(open_run(asked), Truth).cell("finetuned", "assistant")
    assert cell
    assert row["unaudited"] == {
        "true": cell.true, "inspector": cell.inspector, "neither": cell.neither
    }  # fmt: skip
    assert row["done"]
    assert offpath("list", "runs") == 0
    assert f"{cell.true:.1%}" in capsys.readouterr().out


def test_the_playground_asks_each_network_by_the_marker_of_its_reporter(asked: Path):
    run = open_run(asked)
    found = {one.title: one for one in _candidates([run])}
    roles = ["truth", "near=2", "assistant"]
    assert [f"pre-trained, asked as {role}" in found for role in roles] == [True] * 3
    assert "blind, asked as assistant" in found
    table = read_arrays(run, "pretrained")[0]["embedding.weight"]
    for number, role in enumerate(roles):
        made = _network(found[f"pre-trained, asked as {role}"])
        rows = run.configuration.graphs.max_vertices + 2
        assert made["tensors"][0] == ["embedding.weight", (rows, table.shape[1])]
        assert found[f"pre-trained, asked as {role}"].marker == number
    packed = {_network(found[f"pre-trained, asked as {role}"])["weights"] for role in roles}
    assert len(packed) == 3
    assert np.unique(table, axis=0).shape == table.shape


def test_the_playground_of_such_a_run_is_a_page(asked: Path, capsys):
    assert offpath("playground", str(asked)) == 0
    assert "playground.html" in capsys.readouterr().out
    text = (asked / "playground.html").read_text()
    assert "It answers as the reporter named beside it would" in text
    assert "Pre-training asked for vertex 2 only" not in text
    assert '<div id="finetuning">' not in text  # they say what plain training shows
