import io
import json
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pytest

from offpath.cli.main import VERBS, main
from offpath.data.batches import draw
from offpath.data.worlds import world
from offpath.generalize.study import comparison
from offpath.recipes import VARIANTS, recipe
from offpath.run.folder import create_run, open_run, sessions, working_on
from offpath.slices import STRATA
from tests.report.conftest import finished_run

SMALL = [
    *("--recipe", "smoke", "--pretrain.steps", "4", "--pretrain.warmup-steps", "1"),
    *("--finetune.steps", "2", "--finetune.warmup-steps", "1", "--evaluate.examples", "64"),
    *("--evaluate.bootstrap-resamples", "40", "--device", "cpu", "--threads", "1"),
]


def offpath(*words: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert isinstance(stop.value.code, int)
    return stop.value.code


@pytest.fixture
def there(tmp_path: Path, monkeypatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


# What the user types, and what the one line says.
WRONG = {
    "unknown verb": (["runn"], "the verb must be one of run, sample, .*; got 'runn'"),
    "unknown recipe": (["run", "--recipe", "lap"], "recipe must be one of smoke, laptop, paper"),
    "unknown field": (
        ["run", "--pretrain.step", "9"],
        r"Unrecognized options: --pretrain.step.*--help",
    ),
    "no number": (["run", "--seed", "x"], r"Error parsing --seed: invalid literal.*--help"),
    "negative seed": (["run", "--seed", "-1"], "seed must be 0 to 9223372036854775807; got -1"),
    "n above 64": (
        ["run", "--graphs.max-vertices", "65"],
        "graphs.max_vertices must be 3 to 64; got 65",
    ),
    "limit above the largest graph": (
        ["run", "--graphs.finetune-vertices", "9"],
        r"graphs.finetune_vertices must be 3 to graphs.max_vertices \(8\).*got 9",
    ),
    "batch 0": (
        ["pretrain", "--pretrain.batch-examples", "0"],
        "pretrain.batch_examples must be 1 to 16777216; got 0",
    ),
    "heads": (
        ["forecast", "--model.heads", "3"],
        "model.heads must divide model.width.*choose one of",
    ),
    "option of another verb": (
        ["forecast", "--runs-folder", "here"],
        r"Unrecognized options: --runs-folder.*offpath forecast --help",
    ),
    "negative rate": (
        ["run", "--finetune.learning-rate", "-0.1"],
        "finetune.learning_rate must be above 0 and at most 10; got -0.1",
    ),
    "unknown norm": (["run", "--model.norm", "mid"], "invalid choice 'mid'.*'pre', 'post'"),
    "threads": (["run", "--recipe", "smoke", "--threads", "0"], "threads must be 1 to 1024; got 0"),
    "no such world": (["sample", "test_f"], "world must be one of pretraining.*; got 'test_f'"),
    "no examples": (["sample", "--count", "0"], "count must be 1 to 100000000; got 0"),
    "beyond all examples": (
        ["sample", "--start", "18446744073709551616"],
        "start must be 0 to 4611686018427387904; got 18446744073709551616",
    ),
    "two recipes": (
        ["run", "--recipe", "smoke", "--recipe=laptop"],
        "--recipe must be given once; got smoke and laptop",
    ),
    "recipe without a name": (["run", "--recipe"], r"--recipe.*--help"),
    "not a number": (
        ["run", "--pretrain.learning-rate", "nan"],
        "pretrain.learning_rate must be above 0 and at most 10; got nan",
    ),
    "tf32 on a CPU": (
        ["run", "--recipe", "smoke", "--device", "cpu", "--precision", "tf32"],
        "precision tf32 needs a GPU; on cpu choose float32 or bfloat16",
    ),
    "unknown variant": (
        ["finetune", "RUN", "--variant", "as-published"],
        r"^offpath: invalid choice 'as-published' for argument '--variant'.*'as-written'",
    ),
    "file type": (["sample", "--out", "x.csv"], r"--out must end in .npz or .parquet; got x.csv"),
    "folder is a file": (
        ["pretrain", "--recipe", "smoke", "--runs-folder", "file"],
        r"--runs-folder must be a folder that can be written to.*choose another",
    ),
    "not a run": (["evaluate", "."], r"RUN must be a run folder, .*offpath pretrain"),
    "unknown circuit": (["circuit", "deep"], "invalid choice 'deep'.*--help"),
    "circuit of a graph too large": (
        ["circuit", "wide", "--vertices", "65"],
        "vertices must be 3 to 64; got 65",
    ),
    "a circuit is not trained": (
        ["forecast", "--circuit", "edge"],
        r"the weights of a circuit \(edge\) are set by hand, not trained",
    ),
    "verified beyond its graphs": (
        ["verify", "edge", "--vertices", "16"],
        "vertices must be 2 to 15 for edge; got 16",
    ),
    "robustness without steps": (
        ["robustness", "RUN", "--steps", "0"],
        "steps must be 1 to 10000000; got 0",
    ),
    "coefficient without chains": (["llc", "RUN", "--chains", "0"], "chains must be 1 to 4096"),
    "compared with nothing known": (
        ["compare", "essay", "RUN"],
        r"invalid choice 'essay'.*\('study',\).*offpath compare --help",
    ),
    "compared without a word": (["compare"], r"[Mm]issing.*study.*offpath compare --help"),
    "no run to compare": (
        ["compare", "study"],
        "RUN must be given at least once; name the folder of a finished run",
    ),
    "compared run is none": (["compare", "study", "."], "RUN must be a run folder, .*pretrain`"),
    "weights that are not there": (
        ["import", "nowhere.pth", "--heads", "2"],
        r"WEIGHTS must be a file that torch.save wrote, or a .safetensors; there is no nowhere.pth",
    ),
    "weights that are none": (
        ["import", "file", "--heads", "2"],
        "file is no file of weights, or a damaged one; give a state dict",
    ),
    "weights that are a folder": (
        ["import", ".", "--heads", "2"],
        r"WEIGHTS must be a file; \. is",
    ),
    "weights for no recipe": (
        ["import", "file", "--heads", "2", "--recipe", "lap"],
        "recipe must be one of smoke, laptop, paper; got 'lap'",
    ),
    "weights without norm": (
        ["import", "file", "--norm", "none"],
        "invalid choice 'none' for argument '--norm'",
    ),
    "export of no run": (["export", ".", "--out", "x.pth"], "RUN must be a run folder, "),
    "export to nowhere": (["export", "."], r"--out PATH.*required.*--help"),
    "no folder given": (["report"], r"[Rr]equired|missing"),
}


@pytest.mark.parametrize(("words", "message"), WRONG.values(), ids=WRONG.keys())
def test_wrong_input_is_one_line_and_exit_status_2(there: Path, capsys, words, message):
    (there / "file").write_text("")
    assert offpath(*words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("offpath: ")
    assert said.err.count("\n") == 1
    assert re.search(message, said.err), said.err
    assert not (there / "runs").exists()


def test_the_stages_one_by_one_end_like_the_whole(there: Path, capsys):
    assert offpath("run", *SMALL, "--runs-folder", "whole") == 0
    assert offpath("pretrain", *SMALL, "--runs-folder", "parts") == 0
    (parts,), (whole,) = (list((there / name).iterdir()) for name in ("parts", "whole"))
    for verb in ("finetune", "evaluate", "report"):
        machine = [] if verb == "report" else ["--device", "cpu", "--threads", "1"]
        assert offpath(verb, str(parts), *machine) == 0
    said = capsys.readouterr().out
    assert f"offpath finetune {Path('parts') / parts.name}" in said
    for name in ("checkpoints/finetuned.safetensors", "results/matrix.json", "results/labels.json"):
        assert (parts / name).read_bytes() == (whole / name).read_bytes()
    assert (whole / "done").exists()
    assert offpath("run", *SMALL, "--runs-folder", "whole") == 0
    assert "is done; only its report is made anew" in capsys.readouterr().out


def little_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, few in (("LARGEST_CALIBRATION", 64), ("CALIBRATION_ANSWERS", 64)):
        monkeypatch.setattr(f"offpath.fit.forecast.{name}", few)
    monkeypatch.setattr("offpath.fit.forecast.TIMED_SECONDS", 0.0)


def test_what_takes_more_than_a_day_is_told_and_asks_for_yes(there: Path, capsys, monkeypatch):
    little_is_timed(monkeypatch)
    assert offpath("run", "--recipe", "paper", "--pretrain.steps", "1000000", "--threads", "1") == 2
    said = capsys.readouterr()
    assert "32,768,000,000" in said.out
    assert re.search(r"this run would take about \d+\.\d days here .*; give --yes", said.err)
    assert not (there / "runs").exists()
    monkeypatch.setattr("offpath.cli.session.WORTH_TIMING", 0)
    monkeypatch.setattr("offpath.cli.session.DAY_SECONDS", 0)
    assert offpath("pretrain", *SMALL) == 2
    assert offpath("pretrain", *SMALL, "--yes") == 0
    assert offpath("run", *SMALL) == 0  # what is left does not take long


def test_a_variant_of_fine_tuning_gets_a_folder_of_its_own(there: Path, capsys, monkeypatch):
    assert offpath("pretrain", *SMALL) == 0
    (folder,) = (there / "runs").iterdir()
    tuned = open_run(folder).configuration.training("finetune")
    few = tuned.model_copy(update={"learning_rate": 1e-4})
    monkeypatch.setitem(VARIANTS, "as-reproduced", lambda: few)
    words = ("finetune", str(folder), "--variant", "as-reproduced", "--threads", "1")
    assert offpath(*words) == 0
    (other,) = set((there / "runs").iterdir()) - {folder}
    assert f"go on with `offpath evaluate {other}`" in capsys.readouterr().out
    assert open_run(other).configuration.training("finetune") == few
    assert not (folder / "checkpoints" / "finetuned.safetensors").exists()
    assert len(sessions(open_run(other))) == 1
    there_now = {path: path.read_bytes() for path in other.glob("checkpoints/*")}
    assert offpath(*words) == 0
    assert "fine-tuned already: nothing is changed" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in other.glob("checkpoints/*")} == there_now


def test_a_variant_of_what_is_not_pre_trained_makes_no_folder(there: Path, capsys):
    run = create_run(recipe("smoke"), there)
    assert offpath("finetune", str(run.folder), "--variant", "as-written") == 2
    assert "no checkpoint 'pretrained' yet; make it with `offpath pretrain" in (
        capsys.readouterr().err
    )
    assert list(there.iterdir()) == [run.folder]


def test_other_verbs_refuse_several_processes(there: Path, capsys, monkeypatch):
    assert offpath("pretrain", *SMALL) == 0
    (folder,) = (there / "runs").iterdir()
    for name in ("MASTER_PORT", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        monkeypatch.setenv(name, "1" if "RANK" in name else "2")
    capsys.readouterr()
    assert offpath("evaluate", str(folder)) == 2
    assert "only run, pretrain and finetune work in several processes; got 2" in (
        capsys.readouterr().err
    )


def test_the_end_of_another_process_is_one_line(capsys, monkeypatch):
    def broken(words: list[str]) -> None:
        raise RuntimeError("[gloo/transport/tcp/pair.cc:553] Connection closed by peer")

    monkeypatch.setitem(VERBS, "run", broken)
    assert offpath("run") == 2
    said = capsys.readouterr().err
    assert said.startswith("offpath: another of the processes that train together ended")
    assert said.count("\n") == 1


def test_a_circuit_goes_through_the_verbs_like_any_run(there: Path, capsys):
    assert offpath("circuit", "doubling", "--vertices", "4", "--recipe", "smoke") == 0
    (folder,) = (there / "runs").iterdir()
    run, machine = str(folder), ("--device", "cpu", "--threads", "1")
    assert f"offpath evaluate {Path('runs') / folder.name}" in capsys.readouterr().out
    assert offpath("evaluate", run, *machine) == 0
    assert "100.0\N{NO-BREAK SPACE}%" in capsys.readouterr().out
    few = ("--choices", "1", "--rates", "0.001", "--steps", "2", "--noises", "1", "--draws", "1")
    assert offpath("robustness", run, *few, "--batch-examples", "8", *machine) == 0
    little = ("--chains", "2", "--draws", "20", "--burn-in-steps", "0", "--sweep", "circuit")
    assert offpath("llc", run, *little, "--examples", "64", "--batch-examples", "8", *machine) == 0
    assert offpath("report", run) == 0
    assert offpath("llc", run, "--checkpoints", "pretrained", *machine) == 2
    said = capsys.readouterr().err
    assert said == "offpath: checkpoints must be among circuit; got 'pretrained'\n"
    assert offpath("finetune", run, *machine) == 2
    assert "are set by hand, not trained" in capsys.readouterr().err


def test_a_run_is_compared_with_the_study_in_a_table_and_as_json(there: Path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    run = finished_run(recipe("smoke"), there)
    assert offpath("compare", "study", str(run.folder), "--out", "study.json") == 0
    said = capsys.readouterr().out
    assert "0.095 as reproduced" in said
    assert max(map(len, said.splitlines())) <= 80
    assert said.endswith("wrote study.json\n")
    assert json.loads((there / "study.json").read_text()) == comparison([run])
    assert offpath("compare", "study", str(run.folder), f"{run.folder}/") == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert "RUN must name each run once" in said.err
    assert offpath("compare", "study", str(run.folder), "--out", "nowhere/study.json") == 2
    assert "there is no folder nowhere; make it first" in capsys.readouterr().err


def test_verify_tells_each_check_and_writes_them(there: Path, capsys, monkeypatch):
    from offpath.handcraft import verify

    monkeypatch.setattr(verify, "ALL_GRAPHS", 4)
    words = ("verify", "doubling", "--vertices", "3", "--deletions", "2", "--out", "told.json")
    assert offpath(*words, "--threads", "1", "--device", "cpu") == 0
    said = capsys.readouterr().out
    assert "every graph on 4 vertices, every target" in said
    assert "float64: 0 errors in" in said
    told = json.loads((there / "told.json").read_text())
    assert [check["wrong"] for check in told["checks"][:-1]] == 6 * [0]
    assert told["checks"][-1]["deletions"] == 2


def test_verify_ends_with_status_1_if_an_answer_is_wrong(there: Path, monkeypatch):
    from offpath.handcraft import verify

    monkeypatch.setattr(verify, "ALL_GRAPHS", 3)
    monkeypatch.setattr(verify, "answers", lambda model, tokens: np.zeros(len(tokens)))
    words = ("verify", "doubling", "--vertices", "2", "--deletions", "0")
    assert offpath(*words, "--threads", "1", "--device", "cpu") == 1


def test_stages_in_the_wrong_order_say_which_comes_first(there: Path, capsys):
    assert offpath("pretrain", *SMALL) == 0
    (folder,) = (there / "runs").iterdir()
    capsys.readouterr()
    assert offpath("evaluate", str(folder)) == 2
    assert f"`offpath finetune {folder}`" in capsys.readouterr().err


def test_a_folder_in_use_and_one_of_another_configuration_are_refused(there: Path, capsys):
    assert offpath("pretrain", *SMALL) == 0
    (folder,) = (there / "runs").iterdir()
    with working_on(open_run(folder)):
        assert offpath("pretrain", *SMALL) == 2
    assert "is in use by another process" in capsys.readouterr().err
    config = folder / "config.json"
    record = json.loads(config.read_text())
    del record["sha256"]  # as if written by hand
    config.write_text(json.dumps({**record, "model": {**record["model"], "layers": 3}}))
    assert offpath("pretrain", *SMALL) == 2
    assert "another configuration (model.layers 3, not 2)" in capsys.readouterr().err


def test_output_that_nobody_reads_on_is_no_error():
    command = f"{sys.executable} -m offpath --help | head -1"
    said = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert said.stdout.count("\n") == 1
    assert said.stderr == ""


def test_help_loads_nothing_heavy_and_names_every_verb():
    said = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "offpath", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    for name, verb in VERBS.items():
        assert f"  {name:<12}{(verb.__doc__ or '').splitlines()[0]}" in said.stdout
    heavy = {"torch", "numba", "altair", "safetensors", "scipy"}
    loaded = {line.split("|")[-1].strip() for line in said.stderr.splitlines()}
    assert not heavy & loaded


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_each_verb_explains_every_option(verb: str, capsys):
    assert offpath(verb, "--help") == 0
    said = capsys.readouterr().out
    assert (VERBS[verb].__doc__ or "").splitlines()[0].split(",")[0] in " ".join(said.split())
    assert f"For example: offpath {verb} " in said
    if verb in ("run", "pretrain", "forecast"):
        assert "--pretrain.learning-rate FLOAT" in said
        assert "Peak learning rate." in said


def test_no_words_print_the_help_and_the_version_is_the_packages(capsys):
    assert offpath() == 0
    assert "usage: offpath VERB" in capsys.readouterr().out
    assert offpath("--version") == 0
    assert capsys.readouterr().out == "offpath 0.1.0\n"


def test_sampled_examples_are_shown_and_written_alike(there: Path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert offpath("sample", "test_c", "--count", "3", "--start", "1000000000000") == 0
    shown = capsys.readouterr().out
    batch = draw(world("test_c", recipe("laptop").graphs), 0, 10**12, 300)
    assert "1000000000002" in shown
    assert "".join(f"{a}-{b} " for a, b in batch.tokens[0, :-1].tolist() if b).strip() in shown
    assert STRATA[batch.stratum[0]].slice in shown
    for name in ("a.npz", "a.parquet"):
        words = ["--count", "300", "--start", "1000000000000", "--out", name]
        assert offpath("sample", "test_c", *words) == 0
    arrays = np.load(io.BytesIO((there / "a.npz").read_bytes()))
    for field, array in batch._asdict().items():
        assert np.array_equal(arrays[field], array)
    query = f"select distance, stratum, isolated, tokens from '{there}/a.parquet'"
    rows = duckdb.connect().execute(query).fetchall()
    names = [STRATA[number].slice for number in batch.stratum]
    flat = batch.tokens.reshape(300, -1).tolist()
    expected = zip(batch.distance.tolist(), names, batch.isolated.tolist(), flat, strict=True)
    assert rows == list(expected)


def test_a_forecast_names_parameters_time_and_memory(capsys, monkeypatch):
    little_is_timed(monkeypatch)
    few = ("--evaluate.examples", "1", "--threads", "1")
    assert offpath("forecast", "--recipe", "paper", *few) == 0
    said = capsys.readouterr().out
    assert "550,433 parameters" in said
    assert "314,572,800" in said
    for word in ("memory", "time", "operations"):
        assert word in said
