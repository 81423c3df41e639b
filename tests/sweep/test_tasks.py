"""The runs of a sweep, and each way in which a file of configurations can be wrong."""

import re
from pathlib import Path

import pytest

from offpath.errors import InputError
from offpath.recipes import smoke
from offpath.sweep.tasks import read_configurations, sweep_runs
from tests.trust.folders import offpath

HEAD = "from offpath.recipes import smoke\n"
FAULTS = {
    "": "there is no `configurations` in it",
    "configurations = []": r"got \[\]",
    "configurations = 5": "got 5",
    "configurations = [5]": r"got 5 at \[0\]",
    "def configurations(n):\n    return []": "TypeError: missing a required argument: 'n'",
    "def configurations():\n    return 1 / 0": "line 3: ZeroDivisionError",
    "configurations = [smoke(": "SyntaxError",
    "raise SystemExit(3)": "line 2: it ends the program",
    "configurations = [smoke().change({'seed': 7})]": r"\[0\] has seed 7; leave it out",
    "configurations = [smoke().change({'pretrain.step': 7})]": "did you mean pretrain.steps",
}


def written(folder: Path, text: str) -> Path:
    path = folder / "many.py"
    path.write_text(HEAD + text)
    return path


def test_runs_are_every_configuration_with_every_seed(tmp_path: Path):
    many = [smoke(), smoke().change({"pretrain.steps": 50})]
    runs = sweep_runs(many, range(3, 5), tmp_path)
    made = [(r.configuration.seed, r.configuration.training("pretrain").steps) for r in runs]
    assert made == [(3, 40), (3, 50), (4, 40), (4, 50)]
    assert [run.folder for run in runs] == [tmp_path / r.configuration.run_name for r in runs]


def test_two_configurations_that_are_the_same_run_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match=r"2 of the 2 configurations are the same run, smoke-"):
        sweep_runs([smoke(), smoke()], range(2), tmp_path)


def test_a_file_has_a_list_or_a_function(tmp_path: Path):
    for made in ("configurations = [smoke()]", "def configurations():\n    return [smoke()]"):
        assert read_configurations(written(tmp_path, made)) == [smoke()]


@pytest.mark.parametrize("text", FAULTS)
def test_a_fault_of_the_file_is_one_line_that_names_it(tmp_path: Path, text: str):
    path = written(tmp_path, text)
    status, told = offpath("sweep", str(path), "--runs-folder", str(tmp_path))
    assert status == 2
    assert re.fullmatch(rf"offpath: {path}: .*{FAULTS[text]}.*\n", told)


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("labtop",), "PRESET must be one of smoke, laptop, truth, paper, paper-fast, ids, "
         "off-path, pretraining, forgetting, depth, prediction, inside, coherence, or a "
         "file that ends in .py; got 'labtop'; did you mean laptop?"),
        (("--seeds", "2"), "PRESET or FILE.py must come first, as in "),
        (("none.py",), "FILE.py must be a file of Python that defines `configurations`; there is "),
        (("x.py", "--finetune.steps", "3"), "--finetune.steps goes with a PRESET; x.py has all "),
        (("smoke", "--seed", "3"), "--seed is no option of `offpath sweep`; did you mean --seeds?"),
        (("smoke", "--recipe", "laptop"), "--recipe is no option of `offpath sweep`"),
        (("smoke", "--seeds", "0"), "seeds must be 1 to 10000; got 0"),
        (("smoke", "--engine", "ray", "--jobs", "2"), "--jobs has no effect with --engine ray"),
        (("smoke", "--engine", "ray", "--yes"), "--yes has no effect with --engine ray"),
        (("smoke", "--address", "x"), "--address has no effect with --engine joblib"),
        (("smoke", "--gpus-per-task", "1"), "--gpus-per-task has no effect with --engine joblib"),
        (("smoke", "--precision", "tf32", "--device", "cpu"), "precision tf32 needs a GPU"),
        (("smoke", "--runs-folder", "/dev/null/x"), "--runs-folder must be a folder that can be "),
        (("paper", "--device", "cpu", "--threads", "1"), "this sweep would take about "),
    ],
)  # fmt: skip
def test_words_that_make_no_sweep_are_one_line(words, fault: str, monkeypatch, tmp_path: Path):
    for name, few in (("LARGEST_CALIBRATION", 64), ("CALIBRATION_ANSWERS", 64)):
        monkeypatch.setattr(f"offpath.fit.forecast.{name}", few)
    monkeypatch.setattr("offpath.fit.forecast.TIMED_SECONDS", 0.0)
    monkeypatch.chdir(tmp_path)
    status, told = offpath("sweep", *words)
    assert status == 2
    assert told.startswith(f"offpath: {fault}")
    assert told.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_without_ray_one_line_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr("offpath.run.extras.find_spec", lambda name: None)
    status, told = offpath("sweep", "smoke", "--engine", "ray")
    assert (status, told.count("\n")) == (2, 1)
    assert "--engine ray needs the extra `cluster` (ray is not installed): give `" in told
    assert "[cluster]" in told
