import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from offpath.configs import Configuration, InputError
from offpath.run.files import write_file
from offpath.run.folder import (
    Run,
    create_run,
    open_run,
    read_result,
    sessions,
    working_on,
    write_result,
)
from offpath.run.metrics import append_metrics, read_metrics, rewind_metrics


def lines(*steps: int, stage: str = "pretrain") -> list[dict]:
    return [{"stage": stage, "step": step, "loss": 1.0} for step in steps]


def test_a_run_begun_before_is_found_again(run: Run, tiny: Configuration):
    assert create_run(tiny, run.folder.parent) == run
    assert open_run(run.folder) == run


def test_a_folder_of_another_configuration_is_refused_and_the_difference_named(
    run: Run, tiny: Configuration
):
    other = tiny.model_copy(update={"model": tiny.model.model_copy(update={"layers": 3})})
    (run.folder / "config.json").write_text(other.model_dump_json())
    with pytest.raises(InputError, match=r"another configuration \(model.layers 3, not 2\)"):
        create_run(tiny, run.folder.parent)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match=r"RUN must be a run folder.*offpath run"):
        open_run(tmp_path)


@pytest.mark.parametrize(
    "text", ['{"recipe": "smo', "7", "[" * 10**5, '{"sha256": null}', "\ud800"]
)
def test_a_damaged_configuration_is_named(run: Run, text: str):
    (run.folder / "config.json").write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(InputError, match=r"config.json was changed or damaged.*restore it"):
        open_run(run.folder)


def test_a_configuration_changed_by_hand_is_refused_unless_it_was_written_by_hand(run: Run):
    path = run.folder / "config.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "seed": 7}))
    with pytest.raises(InputError, match=r"config.json was changed.*its SHA-256 is not.*delete it"):
        open_run(run.folder)
    del record["sha256"]
    path.write_text(json.dumps({**record, "seed": 7}))
    assert open_run(run.folder).configuration.seed == 7
    path.write_text('{"recipe": 5}')
    with pytest.raises(InputError, match=r"config.json is not a configuration.*restore the file"):
        open_run(run.folder)


def test_a_place_that_cannot_be_written_is_named(tiny: Configuration, tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"--runs-folder must be a folder .*choose another"):
        create_run(tiny, tmp_path / "file")


def test_a_second_process_on_the_same_folder_is_refused(run: Run):
    code = (
        "import sys; from pathlib import Path\n"
        "from offpath.run.folder import open_run, working_on\n"
        "with working_on(open_run(Path(sys.argv[1]))): print('held', flush=True); input()"
    )
    command = [sys.executable, "-c", code, str(run.folder)]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as other:
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        with pytest.raises(InputError, match="is in use by another process"), working_on(run):
            pass
        other.kill()
        other.wait()
    with working_on(run):  # the lock of a killed process is gone
        pass


def test_each_session_is_noted_in_the_provenance(run: Run):
    for _ in range(2):
        with working_on(run):
            pass
    sessions = json.loads((run.folder / "provenance.json").read_text())["sessions"]
    assert len(sessions) == 2
    assert sessions[0]["packages"]["torch"]
    assert sessions[0]["machine"]


def test_the_leftover_of_a_killed_write_is_cleared_away(run: Run):
    (run.folder / "results" / "matrix.json.partial").write_text("half")
    with working_on(run):
        assert not list(run.folder.rglob("*.partial"))


def test_a_write_that_fails_leaves_the_old_file_and_no_partial(run: Run, monkeypatch):
    path = run.result("matrix")
    write_file(path, b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match=r"No space left on device.*before is intact"):
        write_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert not list(run.folder.rglob("*.partial"))


def test_metrics_go_on_after_the_checkpoint_they_are_rewound_to(run: Run):
    for record in [*lines(2, 4, 6), *lines(2, stage="finetune")]:
        append_metrics(run, record)
    said = rewind_metrics(run, "pretrain", 4)
    assert said == "dropped lines of metrics, to be logged again: 1 after step 4"
    assert read_metrics(run) == [*lines(2, 4), *lines(2, stage="finetune")]
    assert rewind_metrics(run, "pretrain", 4) is None


def test_a_line_cut_short_by_a_kill_is_dropped_and_said(run: Run):
    append_metrics(run, lines(2)[0])
    with open(run.metrics, "a") as file:
        file.write('{"stage": "pretr')
    assert read_metrics(run) == lines(2)
    assert "1 that was cut short" in (rewind_metrics(run, "pretrain", 2) or "")
    assert run.metrics.read_bytes().endswith(b"}\n")


def test_a_damaged_line_of_metrics_is_named(run: Run):
    append_metrics(run, {"stage": "pretrain", "step": 1, "loss": 0.1})
    good = run.metrics.read_text()
    plain = '{"stage": "pretrain", "step": 1, "loss": 0.1}'
    changed = good.strip().replace("0.1", "0.2")
    for bad in ('{"sta', "5", plain, changed, "", "[" * 10**5, "\0\0\0\0"):
        run.metrics.write_text(f"{good}{bad}\n{good}")
        with pytest.raises(InputError, match=r"damaged in line 2 .*delete that line"):
            read_metrics(run)


def test_what_is_kept_of_the_metrics_stays_as_it_was_written(run: Run):
    append_metrics(run, lines(2)[0])
    first = run.metrics.read_bytes().replace(b": ", b" :  ")  # the same, written otherwise
    run.metrics.write_bytes(first)
    append_metrics(run, lines(4)[0])
    rewind_metrics(run, "pretrain", 2)
    assert run.metrics.read_bytes() == first


def test_lines_missing_before_the_last_checkpoint_are_named(run: Run):
    append_metrics(run, lines(2)[0])
    with pytest.raises(
        InputError, match=r"lacks lines of pretrain up to step 4.*pretrained-resume"
    ):
        rewind_metrics(run, "pretrain", 4)
    run.checkpoint("pretrained").write_bytes(b"")
    with pytest.raises(InputError, match=r"ends at step 2, not 20; .*delete .*pretrained.safet"):
        read_metrics(run)


def test_missing_and_damaged_results_say_how_to_make_them(run: Run):
    with pytest.raises(
        InputError, match=r"matrix.json is missing; make it anew with `offpath evaluate"
    ):
        read_result(run, "matrix")
    unsigned = json.dumps({"run": run.configuration.run_name, "cells": []})
    for text in ("{", "{}", "[1]", "5", '"run"', "[" * 10**5, "\udcff", "9" * 5000, unsigned):
        run.result("matrix").write_bytes(text.encode(errors="surrogateescape"))
        with pytest.raises(
            InputError, match=r"matrix.json is damaged.*delete it.*offpath evaluate"
        ):
            read_result(run, "matrix")
    run.result("matrix").unlink()
    run.result("matrix").mkdir()
    with pytest.raises(InputError, match=r"matrix.json could not be read.*delete it"):
        read_result(run, "matrix")
    run.result("matrix").rmdir()
    write_result(run, "matrix", {"cells": [0.1, {"1": None}]})
    read = read_result(run, "matrix")
    assert read == {"run": run.configuration.run_name, "cells": [0.1, {"1": None}]}


def test_a_result_with_one_number_changed_is_refused(run: Run):
    write_result(run, "matrix", {"accuracy": 0.5})
    path = run.result("matrix")
    path.write_text(path.read_text().replace("0.5", "0.9"))
    with pytest.raises(InputError, match=r"matrix.json is damaged \(.*its SHA-256 is not the one"):
        read_result(run, "matrix")


def test_results_of_another_run_are_refused(run: Run, tiny: Configuration, tmp_path: Path):
    other = create_run(tiny.model_copy(update={"seed": 5}), tmp_path / "others")
    write_result(run, "matrix", {"cells": []})
    other.result("matrix").write_bytes(run.result("matrix").read_bytes())
    with pytest.raises(InputError, match=rf"belongs to another run, {run.configuration.run_name}"):
        read_result(other, "matrix")


@pytest.mark.parametrize("text", ["{", "{}", "[1]", "7", '{"sessions": []}'])
def test_a_damaged_provenance_is_named_and_may_be_deleted(run: Run, text: str):
    (run.folder / "provenance.json").write_text(text)
    with pytest.raises(InputError, match=r"provenance.json is damaged.*delete it"), working_on(run):
        pass
    (run.folder / "provenance.json").unlink()
    with working_on(run):
        assert len(sessions(run)) == 1


def test_a_configuration_made_without_checks_is_checked_before_anything_is_written(
    tiny: Configuration, tmp_path: Path
):
    bad = tiny.model_copy(update={"graphs": tiny.graphs.model_copy(update={"max_vertices": 99})})
    with pytest.raises(InputError, match="max_vertices must be 3 to 64; got 99"):
        create_run(bad, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_an_option_out_of_range_in_a_folder_is_named_with_its_file(run: Run):
    path = run.folder / "config.json"
    path.write_text(run.configuration.model_dump_json().replace('vertices":5', 'vertices":99'))
    with pytest.raises(InputError, match=r"config.json: graphs.max_vertices must be 3 to 64"):
        open_run(run.folder)


def test_two_processes_that_begin_the_same_run_both_find_it(tiny: Configuration, tmp_path: Path):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: create_run(tiny, tmp_path / "runs"), range(8)))
    assert all(run.configuration == tiny for run in found)
