import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from offpath.configs import Configuration, Graphs, InputError
from offpath.run.files import write_file
from offpath.run.folder import Run, as_run, create_run, open_run, sessions, working_on


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


def test_an_option_out_of_range_in_a_folder_is_named_with_its_file(run: Run):
    path = run.folder / "config.json"
    path.write_text(run.configuration.model_dump_json().replace('vertices":5', 'vertices":99'))
    with pytest.raises(InputError, match=r"config.json: graphs.max_vertices must be 3 to 64"):
        open_run(run.folder)


def test_a_configuration_made_without_checks_is_refused_before_anything_is_written(
    tiny: Configuration, tmp_path: Path
):
    graphs = Graphs.model_construct(**{**dict(tiny.graphs), "max_vertices": 99})
    unchecked = Configuration.model_construct(**{**dict(tiny), "graphs": graphs})
    with pytest.raises(InputError, match=r"graphs.max_vertices must be 3 to 64; got 99"):
        create_run(unchecked, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_two_processes_that_begin_the_same_run_both_find_it(tiny: Configuration, tmp_path: Path):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: create_run(tiny, tmp_path / "runs"), range(8)))
    assert all(run.configuration == tiny for run in found)


def test_a_folder_may_be_given_as_text(tiny: Configuration, tmp_path: Path):
    run = create_run(tiny, str(tmp_path))
    assert open_run(str(run.folder)) == as_run(str(run.folder)) == as_run(run) == run


def test_a_folder_that_this_process_holds_may_be_entered_again(run: Run):
    with working_on(run):
        with working_on(open_run(run.folder)):
            pass
        code = "import sys; from offpath.run.folder import *\n"
        code += "with working_on(open_run(sys.argv[1])): pass"
        other = [sys.executable, "-c", code, str(run.folder)]
        said = subprocess.run(other, capture_output=True, text=True)
        assert "is in use by another process" in said.stderr  # the outer hold is still there
        assert len(sessions(run)) == 1
    with working_on(run):
        assert len(sessions(run)) == 2


def test_a_folder_of_the_first_format_names_who_made_it_and_what_to_do(run: Run):
    with working_on(run):
        commit = sessions(run)[0]["commit"]
    path = run.folder / "config.json"
    text = run.configuration.model_dump_json().replace("finetune_vertices", "tune_vertices")
    path.write_text(text)
    made_by = rf"was made by offpath 0\.2\.0 \(commit {re.escape(str(commit))}\), .*; open it"
    with pytest.raises(InputError, match=made_by):
        open_run(run.folder)
    (run.folder / "provenance.json").unlink()
    with pytest.raises(InputError, match=r"was made by an earlier version of offpath, .*move it"):
        open_run(run.folder)


def test_a_path_that_is_a_folder_cannot_be_written_to(tmp_path: Path):
    for path in (tmp_path, Path("/"), Path(".")):
        with pytest.raises(InputError, match="is a folder; name a file in it"):
            write_file(path, b"")
