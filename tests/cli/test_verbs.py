import fcntl
import io
import json
import re
import shlex
from pathlib import Path

import duckdb
import numpy as np

from offpath.cli.main import VERBS
from offpath.data.batches import draw
from offpath.data.worlds import world
from offpath.recipes import VARIANTS, recipe
from offpath.results import Study, read_result
from offpath.run.folder import create_run, open_run, sessions
from offpath.slices import STRATA
from tests.cli.command import MACHINE, SMALL, little_is_timed, offpath


def test_the_stages_one_by_one_end_like_the_whole(there: Path, capsys):
    assert offpath("run", *SMALL, "--runs-folder", "whole") == 0
    assert offpath("pretrain", *SMALL, "--runs-folder", "parts") == 0
    (parts,), (whole,) = (list((there / name).iterdir()) for name in ("parts", "whole"))
    for verb in ("finetune", "evaluate", "report"):
        assert offpath(verb, str(parts), *(() if verb == "report" else MACHINE)) == 0
    said = capsys.readouterr().out
    assert f"offpath finetune {Path('parts') / parts.name}" in said
    for name in ("checkpoints/finetuned.safetensors", "results/matrix.json", "results/labels.json"):
        assert (parts / name).read_bytes() == (whole / name).read_bytes()
    assert (whole / "done").exists()
    assert offpath("run", *SMALL, "--runs-folder", "whole") == 0
    assert "is done; only its report is made anew" in capsys.readouterr().out


def test_what_takes_more_than_a_day_is_printed_and_asks_for_yes(there: Path, capsys, monkeypatch):
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
    assert f"next: `offpath evaluate {other}`" in capsys.readouterr().out
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
    def broken() -> None:
        raise RuntimeError("[gloo/transport/tcp/pair.cc:553] Connection closed by peer")

    monkeypatch.setitem(VERBS, "run", broken)
    assert offpath("run") == 2
    said = capsys.readouterr().err
    assert said.startswith("offpath: another of the processes that train together ended")
    assert said.count("\n") == 1


def test_a_circuit_goes_through_the_verbs_like_any_run(there: Path, capsys):
    assert offpath("circuit", "doubling", "--vertices", "4", "--recipe", "smoke") == 0
    (folder,) = (there / "runs").iterdir()
    run, machine = str(folder), MACHINE
    assert f"offpath evaluate {Path('runs') / folder.name}" in capsys.readouterr().out
    assert offpath("evaluate", run, *machine) == 0
    assert "100.0\N{NO-BREAK SPACE}%" in capsys.readouterr().out
    few = ("--choices", "1", "--rates", "0.001", "--steps", "2", "--noises", "1", "--draws", "1")
    assert offpath("robustness", run, *few, "--batch-examples", "8", *machine) == 0
    little = ("--chains", "2", "--draws", "20", "--burn-in-steps", "8", "--localisations", "1e12")
    assert offpath("llc", run, *little, "--examples", "64", "--batch-examples", "8", *machine) == 0
    assert "circuit: no plateau over localisation" in capsys.readouterr().out
    assert offpath("report", run) == 0
    assert offpath("llc", run, "--checkpoints", "pretrained", *machine) == 2
    said = capsys.readouterr().err
    assert said == "offpath: --checkpoints must be one of circuit; got 'pretrained'\n"
    assert offpath("finetune", run, *machine) == 2
    assert "are handcrafted, not trained" in capsys.readouterr().err
    assert offpath("forecast", "--config", run) == 2
    assert "are handcrafted, not trained" in capsys.readouterr().err


def test_verify_prints_each_check_and_writes_them(there: Path, capsys, monkeypatch):
    from offpath.handcraft import verify

    monkeypatch.setattr(verify, "ALL_GRAPHS", 4)
    words = ("verify", "doubling", "--vertices", "3", "--deletions", "2", "--out", "checks.json")
    assert offpath(*words, "--threads", "1", "--device", "cpu") == 0
    said = capsys.readouterr().out
    assert "every graph on 4 vertices, targets 2 to 4" in said
    assert "float64: 0 errors in" in said
    checks = json.loads((there / "checks.json").read_text())
    assert [check["wrong"] for check in checks["checks"][:-1]] == 6 * [0]
    assert checks["checks"][-1]["deletions"] == 2


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
    with open(folder / ".lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as another process does
        assert offpath("pretrain", *SMALL) == 2
    assert "is in use by another process" in capsys.readouterr().err
    config = folder / "config.json"
    record = json.loads(config.read_text())
    del record["sha256"]  # as if written by hand
    config.write_text(json.dumps({**record, "model": {**record["model"], "layers": 3}}))
    assert offpath("pretrain", *SMALL) == 2
    assert "another configuration (model.layers 3, not 2)" in capsys.readouterr().err


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
    for field, array in batch.columns.items():
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


def test_runs_are_compared_with_wwz24_in_a_table_and_as_json(finished: Path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert offpath("compare", "--study", str(finished), "--out", "study.json") == 0
    said = capsys.readouterr().out
    assert "0.095 as reproduced" in said
    assert max(map(len, said.splitlines())) <= 80
    assert said.endswith("wrote study.json\n")
    (record,) = json.loads(Path("study.json").read_text())["runs"]
    study = read_result(open_run(finished), Study)
    assert record["quantities"] == json.loads(study.model_dump_json())["quantities"]
    assert offpath("compare", "--study", str(finished), f"{finished}/") == 2
    assert "each run once" in capsys.readouterr().err


def test_hints_can_be_pasted_whatever_is_in_a_path(finished: Path, capsys):
    for verb in ("finetune", "evaluate"):
        assert offpath(verb, str(finished), *MACHINE) == 0
    hints = re.findall("`(.*?)`", capsys.readouterr().out)
    assert [shlex.split(hint) for hint in hints] == [
        ["offpath", "evaluate", str(finished)],
        ["offpath", "sweep"],
        ["offpath", "compare"],
        ["offpath", "report", str(finished)],
    ]
    (finished / "results/matrix.json").unlink()
    assert offpath("robustness", str(finished), "--steps", "0") == 2
    (finished / "checkpoints/finetuned.safetensors").unlink()
    assert offpath("evaluate", str(finished), *MACHINE) == 2
    (hint,) = re.findall("`(.*?)`", capsys.readouterr().err.splitlines()[-1])
    assert shlex.split(hint) == ["offpath", "finetune", str(finished)]


def test_a_finished_run_is_not_claimed_by_a_session_that_made_its_report_alone(
    finished: Path, capsys
):
    machine = ("--device", "cpu", "--threads", "2", "--micro-batch", "7")
    where = ("--runs-folder", str(finished.parent))
    assert offpath("run", *SMALL[: -len(MACHINE)], *machine, *where) == 0
    assert "is done; only its report is made anew" in capsys.readouterr().out
    first, last = sessions(open_run(finished))
    assert first["made"]["pretrained"] == [1, 4]
    assert {"finetuned", "circuit", "results/matrix.json"} < set(first["made"])
    assert last["made"] == {"report.html": None}
    assert last["computed_on"] == [{"device": "cpu", "threads": 2, "micro_batch": 7}]
    assert offpath("run", *SMALL, *where, "--precision", "bfloat16") == 0
    assert len(list(finished.parent.iterdir())) == 2  # a run of its own


def test_a_configuration_is_read_from_a_file_with_options_on_top(finished: Path, capsys):
    for file in (finished, finished / "config.json"):
        assert offpath("run", "--config", str(file), *MACHINE, "--runs-folder", "my runs") == 0
        assert f"{finished} is done" in capsys.readouterr().out
    assert offpath("pretrain", "--config", str(finished), "--seed", "5", *MACHINE) == 0
    (other,) = Path("runs").iterdir()
    old = open_run(finished).configuration
    assert open_run(other).configuration == old.model_copy(update={"seed": 5})


def test_the_next_verb_that_an_edge_circuit_names_works_until_its_report(there: Path, capsys):
    assert offpath("circuit", "edge", "--recipe", "smoke") == 0
    (folder,) = Path("runs").iterdir()
    for verb in ("finetune", "evaluate", "report"):
        assert f"offpath {verb} {folder}`" in capsys.readouterr().out
        assert offpath(verb, str(folder), *(() if verb == "report" else MACHINE)) == 0
    assert offpath("finetune", str(folder), "--variant", "as-written", *MACHINE) == 2
    assert "handcrafted, not trained" in capsys.readouterr().err
