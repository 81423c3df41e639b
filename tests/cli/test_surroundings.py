"""Streams, terminals and interpreters as users have them; each in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import MACHINE, little_is_timed, offpath

SAMPLE = f"{sys.executable} -m offpath sample"


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash."""
    words = ["bash", "-c", f"set -o pipefail; {command}"]
    return subprocess.run(
        words, capture_output=True, text=True, env={**os.environ, **environment}, timeout=100
    )


def test_a_reader_that_leaves_is_no_error():
    said = shell(f"{SAMPLE} --count 1000 | head -1")
    assert (said.stdout.count("\n"), said.stderr, said.returncode) == (1, "", 0)


def test_work_is_done_without_standard_output(tmp_path: Path):
    file = tmp_path / "examples.npz"
    said = shell(f"{SAMPLE} --out {file} <&- >&- 2>&-")
    assert (said.stdout, said.stderr, said.returncode) == ("", "", 0)
    assert file.read_bytes()[:2] == b"PK"  # the file, and not a word that was printed


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_device_is_named():
    said = shell(f"{SAMPLE} > /dev/full")
    assert said.stderr.startswith("offpath: standard output could not be written (No space left")
    assert (said.stderr.count("\n"), said.returncode) == (1, 2)
    assert shell(f"{SAMPLE} --count 0 2> /dev/full").returncode == 2


def test_an_interpreter_without_docstrings_is_refused_in_one_line():
    said = shell(f"{sys.executable} -m offpath", PYTHONOPTIMIZE="2")
    assert said.stderr.startswith("offpath: Python strips docstrings (-OO or PYTHONOPTIMIZE=2)")
    assert (said.stderr.count("\n"), said.returncode) == (1, 2)


def data_of(text: str) -> str:
    """A text without what the width of a terminal adds to it."""
    return "".join(text.split())


@pytest.mark.parametrize("width", [40, 60, 80])
def test_examples_are_whole_at_every_width(width: int, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    assert offpath("sample", "test_e", "--count", "1", "--start", "7") == 0
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= width
    monkeypatch.setenv("COLUMNS", "300")
    assert offpath("sample", "test_e", "--count", "1", "--start", "7") == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if " 7 " in line)
    assert all(word in said.split() or f"{word}," in said.split() for word in row.split())


@pytest.mark.parametrize("width", [40, 60, 80])
def test_runs_and_forecasts_are_whole_at_every_width(finished: Path, width, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    little_is_timed(monkeypatch)
    assert offpath("list", str(finished.parent)) == 0
    assert offpath("forecast", "--recipe", "smoke", *MACHINE) == 0
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= width
    for word in (finished.name, "done", "2,560", "MiB", "circuit-finetuned"):
        assert word in data_of(said)
    assert "\N{HORIZONTAL ELLIPSIS}" not in said
