"""A full disk stops a run with one line, harms nothing, and the run goes on when there is room."""

import contextlib
import resource
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from offpath.configs import InputError
from offpath.fit.checkpoints import read_tensors
from offpath.run.folder import Run
from offpath.run.metrics import append_metrics, read_metrics, rewind_metrics
from tests.trust.folders import SHORT, left, offpath, only_folder, stop_after

ROOM = (0, 4, 20, 60, 90, 110, 130, 150, 200, 260, 290, 560, 900)
"""KiB left on a small disk: a run needs some 1700, of them 1200 for its report."""


@contextlib.contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """A limit on the size of files stands in for the full disk: it stops a write half way."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_is_full_at_a_checkpoint_leaves_the_one_before(tmp_path: Path, monkeypatch):
    words = ("pretrain", *SHORT)
    monkeypatch.chdir(tmp_path)
    assert offpath(*words) == (0, "")
    undisturbed = left(only_folder(Path("runs")))
    Path("runs").rename("undisturbed")
    stop_after(1, *words)
    path = only_folder(Path("runs")) / "checkpoints" / "pretrained-resume.safetensors"
    before = path.read_bytes()
    with files_of_at_most(2**16):  # enough for weights, not for the optimizer's state with them
        status, said = offpath(*words)
    assert status == 2
    assert f"{path} could not be written (File too large); what was there before is intact" in said
    assert said.startswith("offpath: ")
    assert said.count("\n") == 1
    assert path.read_bytes() == before
    assert read_tensors(path)[1]["step"] == "3"
    assert not list(Path("runs").rglob("*.partial"))
    assert offpath(*words) == (0, "")
    assert left(only_folder(Path("runs"))) == undisturbed


def test_metrics_on_a_full_disk_are_never_cut_in_silence(run: Run):
    records = [{"network": "pretrained", "step": step} for step in range(1, 200)]
    full = pytest.raises(InputError, match=r"metrics.jsonl could not be written \(File too large\)")
    with files_of_at_most(4096), full:
        list(map(partial(append_metrics, run), records))
    assert run.metrics.stat().st_size == 4096
    there = read_metrics(run)
    assert there == records[: len(there)]
    assert len(there) > 50
    assert "1 that was cut short" in (rewind_metrics(run, "pretrained", len(there)) or "")
    append_metrics(run, records[len(there)])
    assert read_metrics(run) == records[: len(there) + 1]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB in memory."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "offpath-test", str(place)]
    try:
        made = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        pytest.skip(f"cannot mount a small disk: {error}")
    if made.returncode:
        pytest.skip(f"cannot mount a small disk: {made.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.slow
def test_a_small_disk_that_fills_up_anywhere_stops_the_run_and_harms_nothing(
    tmp_path: Path, small_disk: Path, monkeypatch
):
    words = ("run", *SHORT)
    monkeypatch.chdir(tmp_path)
    assert offpath(*words) == (0, "")
    undisturbed = left(only_folder(Path("runs")))
    stopped_at = set()
    for room in ROOM:
        place = small_disk / str(room)
        place.mkdir()
        monkeypatch.chdir(place)
        filler = small_disk / "filler"
        filler.write_bytes(bytes(shutil.disk_usage(small_disk).free - room * 1024))
        status, said = offpath(*words)
        assert (status, said.count("\n")) == (2, 1), said
        assert "No space left on device" in said
        stopped_at.add(said.split()[1].split("/")[-1])
        for path in place.rglob("*.safetensors"):
            read_tensors(path)
        assert not list(place.rglob("*.partial"))
        filler.unlink()
        assert offpath(*words) == (0, "")
        assert left(only_folder(Path("runs"))) == undisturbed
        monkeypatch.chdir(tmp_path)
        shutil.rmtree(place)
    assert len(stopped_at) >= 6, stopped_at
