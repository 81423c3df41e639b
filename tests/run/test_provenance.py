import sys
from dataclasses import replace
from importlib import metadata

import pytest

import offpath
from offpath.compute import compute
from offpath.configs import InputError
from offpath.run import extras
from offpath.run.folder import Run, holds_run, sessions, working_on
from offpath.run.provenance import note_made


def test_each_session_is_noted_with_versions_and_machine(run: Run):
    for _ in range(2):
        with working_on(run):
            pass
    first, second = sessions(run)
    assert first["packages"]["torch"]
    assert first["machine"]
    assert second["made"] == {}  # and claims nothing
    assert second["computed_on"] == []


def test_a_session_names_what_it_made_and_on_what(run: Run):
    with working_on(run, compute("cpu", threads=1)), working_on(run, compute("cpu", threads=1)):
        note_made(run.folder, "pretrained", (1, 100))
        note_made(run.folder, "pretrained", (1, 200))
        note_made(run.folder, "pretrained")  # written once more, trained as before
        note_made(run.folder, "report.html")
    (session,) = sessions(run)
    assert session["made"] == {"pretrained": [1, 200], "report.html": None}
    assert session["computed_on"] == [{"device": "cpu", "threads": 1, "micro_batch": 512}]


def test_a_stage_holds_the_run_that_it_works_on(run: Run):
    @holds_run
    def stage(run: Run, compute, name: str):
        assert len(sessions(run)) == 1
        yield name

    assert list(stage(str(run.folder), compute("cpu"), name="here")) == ["here"]
    assert sessions(run)[0]["computed_on"]
    helper = replace(compute("cpu"), rank=1)  # of several processes the first holds the folder
    assert list(stage(run, helper, "there")) == ["there"]
    assert len(sessions(run)) == 1


def test_a_package_that_is_not_installed_has_no_version(run: Run, monkeypatch):
    def nowhere(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr("offpath.run.provenance.version", nowhere)
    with working_on(run):
        packages = sessions(run)[0]["packages"]
    assert packages["offpath"] == offpath.__version__
    assert packages["torch"] is None


@pytest.mark.parametrize("text", ["{", "{}", "[1]", "7", '{"sessions": []}'])
def test_a_damaged_provenance_is_named_and_may_be_deleted(run: Run, text: str):
    (run.folder / "provenance.json").write_text(text)
    with pytest.raises(InputError, match=r"provenance.json is damaged.*delete it"), working_on(run):
        pass
    (run.folder / "provenance.json").unlink()
    with working_on(run):
        assert len(sessions(run)) == 1


def test_the_remedy_for_a_missing_extra_works_in_every_folder(monkeypatch, tmp_path):
    monkeypatch.setitem(extras.EXTRAS, "data", ("nosuch_package",))
    with pytest.raises(InputError) as error:
        extras.need("data", "writing .parquet")
    assert "needs the extra `data` (nosuch_package is not installed)" in str(error.value)
    assert f"`{sys.executable} -m pip install -c /" in str(error.value)  # no path that is relative
    monkeypatch.setattr(extras, "__file__", str(tmp_path / "site-packages/offpath/run/extras.py"))
    assert extras.install_command("onnx").endswith("-m pip install 'offpath[onnx]'")
