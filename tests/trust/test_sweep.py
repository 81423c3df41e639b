"""A sweep loses nothing: not by kills of its workers, nor of itself, nor by an interruption."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from offpath.configs import Configuration
from offpath.recipes import smoke
from offpath.run.folder import Run, create_run, open_run, sessions, working_on
from offpath.sweep import engines
from offpath.sweep.tasks import sweep_runs
from tests.trust.folders import CPU, SHORT, left, offpath

OPTIONS = SHORT[2:]  # without the recipe, which is the preset
STARTS = {1: 1, 2: 1, 3: 3, 4: 4, 5: 1}
"""How often a process of each kind of `tests/trust/stand_in.py` is started."""


def words(seeds: int, jobs: int, runs: Path) -> tuple[str, ...]:
    """A short sweep."""
    counts = ("--seeds", str(seeds), "--jobs", str(jobs))
    return ("sweep", "smoke", *counts, "--runs-folder", str(runs), *OPTIONS)


def workers(runs: Path) -> set[int]:
    """The processes that compute runs below a folder, and none of another test or user."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has just ended
            command = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if engines.MODULE in command and "--runs-folder" in command:
                named = command[command.index("--runs-folder") + 1]
                if (process / "cwd").readlink() / named == runs.absolute():
                    found.add(int(process.name))
    return found


def wait_for(condition: Callable[[], object], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)


def ended_alike(runs: Path, seeds: int) -> None:
    """Every run of a sweep is byte for byte that of `offpath run`, never disturbed."""
    runs.rename("swept")
    for seed in range(seeds):
        assert offpath("run", "--recipe", "smoke", *OPTIONS, "--seed", str(seed)) == (0, "")
        (alone,) = Path("runs").glob(f"*-seed{seed}")
        swept = Path("swept") / alone.name
        assert left(swept) == left(alone)


def record(runs: Path) -> dict:
    return json.loads((runs / "sweep.json").read_text())


@contextlib.contextmanager
def meanwhile(act: Callable[[], None]) -> Iterator[None]:
    """Have something done while the main thread works, and see that it was."""
    thread, done = threading.Thread(target=lambda: (act(), done.append(True))), []
    thread.start()
    yield
    thread.join()
    assert done


@pytest.mark.slow
def test_a_run_whose_worker_is_killed_ends_alike(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs = Path("runs")

    def kill() -> None:
        wait_for(lambda: list(runs.glob("*/checkpoints/pretrained-resume*")))
        (worker,) = workers(runs)
        os.kill(worker, signal.SIGKILL)

    with meanwhile(kill):
        assert offpath(*words(1, 1, runs)) == (0, "")
    (folder,) = (path for path in runs.iterdir() if path.is_dir())
    assert len(sessions(open_run(folder))) == 2
    (row,) = record(runs)["runs"].values()
    assert (row["state"], row["fault"]) == ("done", None)
    began = time.monotonic()
    assert offpath(*words(1, 1, runs)) == (0, "")  # it is done: nothing is computed
    assert time.monotonic() - began < 5
    assert [s["jobs"] for s in record(runs)["sessions"]] == [1, 1]
    assert list(record(runs)["runs"].values()) == [row]
    ended_alike(runs, 1)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupted_sweep_says_so_and_leaves_no_process(tmp_path: Path, monkeypatch, jobs: str):
    monkeypatch.setattr(engines, "MODULE", "tests.trust.stand_in")
    counts = ("--first-seed", "6", "--seeds", "1", "--jobs", jobs)

    def interrupt() -> None:
        wait_for(lambda: list(tmp_path.glob("*/starts")))
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with meanwhile(interrupt):
            ended = offpath("sweep", "smoke", *counts, "--runs-folder", str(tmp_path), *CPU)
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended == (130, "offpath: interrupted; give the same command again to resume\n")
    assert workers(tmp_path) == set()
    assert [len(path.read_text()) for path in tmp_path.glob("*/starts")] == [1]


def test_a_worker_ends_when_its_parent_does():
    code = "from offpath.cli.worker import end_with_parent; end_with_parent()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as worker:
        time.sleep(0.5)
        assert worker.poll() is None
        assert worker.stdin
        worker.stdin.close()
        assert worker.wait(timeout=60) == 1


@pytest.mark.parametrize("kind", STARTS)
def test_a_killed_worker_is_started_again_and_one_that_fails_is_not(
    tiny: Configuration, tmp_path: Path, monkeypatch, kind: int
):
    monkeypatch.setattr(engines, "MODULE", "tests.trust.stand_in")
    (run,) = sweep_runs([tiny], [kind], tmp_path)
    (outcome,) = engines.with_joblib([run], (), 2)
    assert len((run.folder / "starts").read_text()) == STARTS[kind]
    faults = {
        2: "the loss is nan; lower pretrain.learning_rate",
        4: "its process was killed 4 times, last by signal 9; is there enough memory",
        5: "RuntimeError: no such luck",
    }
    assert (outcome.fault or "").startswith(faults.get(kind, ""))
    assert bool(outcome.fault) == (kind in faults)


def test_runs_that_fail_are_listed_the_others_go_on_and_the_status_is_2(
    tiny: Configuration, tmp_path: Path, monkeypatch, capsys
):
    monkeypatch.setattr(engines, "MODULE", "tests.trust.stand_in")
    given = ("--first-seed", "1", "--seeds", "3", "--jobs", "1", "--runs-folder", str(tmp_path))
    status, told = offpath("sweep", "smoke", *given, *CPU)
    assert status == 2
    assert told == (
        "offpath: 1 of 3 runs failed, their lines are above; mend that, and give the same command "
        "again\n"
    )
    states = {name[-1]: row["state"] for name, row in record(tmp_path)["runs"].items()}
    assert states == {"1": "done", "2": "failed", "3": "done"}


def test_a_run_that_another_process_has_is_one_line_and_no_row(
    tiny: Configuration, tmp_path: Path, monkeypatch
):
    monkeypatch.setattr(engines, "PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(engines, "MODULE", "tests.trust.stand_in")
    (tmp_path / "sweep.py").write_text(
        "from offpath.recipes import smoke\nconfigurations = [smoke()]\n"
    )
    command = ("sweep", str(tmp_path / "sweep.py"), "--seeds", "2")
    run = create_run(smoke().model_copy(update={"seed": 1}), tmp_path)
    with working_on(run):
        assert offpath(*command, "--runs-folder", str(tmp_path), *CPU)[0] == 2
    assert not (run.folder / "starts").exists()
    assert [name[-1] for name in record(tmp_path)["runs"]] == ["0"]
    (outcome,) = engines.with_joblib([run], (), 1)
    assert outcome.fault is None


@pytest.mark.slow
def test_a_sweep_killed_again_and_again_ends_alike(tmp_path: Path, monkeypatch):
    """It, or one of its workers, at random moments; what it started ends with it."""
    monkeypatch.chdir(tmp_path)
    runs, draw = Path("runs"), random.Random(0)
    command = [sys.executable, "-m", "offpath", *words(3, 2, runs)]
    for _ in range(6):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as sweep:
            wait_for(lambda: workers(runs) or sweep.poll() is not None)
            time.sleep(draw.uniform(2, 8))
            for worker in sorted(workers(runs))[:1]:
                os.kill(worker, signal.SIGKILL)
            time.sleep(draw.uniform(0, 4))
            sweep.kill()
        wait_for(lambda: not workers(runs), seconds=60)
    assert offpath(*words(3, 2, runs))[0] == 0
    ended_alike(runs, 3)


@pytest.mark.slow
def test_an_interrupt_from_the_terminal_leaves_no_process(tmp_path: Path, monkeypatch):
    """Ctrl-C goes to all processes of the foreground; the same command then resumes."""
    monkeypatch.chdir(tmp_path)
    runs = Path("runs")
    command = [sys.executable, "-m", "offpath", *words(2, 2, runs)]
    with subprocess.Popen(command, stderr=-1, stdout=-1, start_new_session=True) as sweep:
        wait_for(lambda: len(workers(runs)) == 2)
        os.killpg(sweep.pid, signal.SIGINT)
        _, told = sweep.communicate()
    assert told == b"offpath: interrupted; give the same command again to resume\n"
    assert sweep.returncode == 130
    assert workers(runs) == set()
    assert subprocess.run(command, stdout=subprocess.DEVNULL).returncode == 0
    ended_alike(runs, 2)


def done_once(run: Run) -> bool:
    """Whether a run is done, and logged every step of every network once."""
    logged = [line[:2] for line in left(run.folder)["metrics.jsonl"]]
    return run.done.exists() and len(logged) == len({tuple(line) for line in logged}) == 24


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_that_loses_a_machine_makes_every_run_once(tmp_path: Path, monkeypatch):
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    monkeypatch.chdir(tmp_path)
    runs = Path("runs")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        lost = cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        command = [*words(4, 1, runs)]
        jobs = command.index("--jobs")
        del command[jobs : jobs + 2]
        on_ray = ("--engine", "ray", "--address", str(cluster.address))
        with subprocess.Popen([sys.executable, "-m", "offpath", *command, *on_ray]) as sweep:
            wait_for(lambda: len(list(runs.glob("*/checkpoints/pretrained-resume*"))) == 2)
            cluster.remove_node(lost, allow_graceful=False)
            assert sweep.wait() == 0
    finally:
        cluster.shutdown()
    made = [path for path in runs.iterdir() if path.is_dir()]
    assert len(made) == 4
    assert [len(sessions(run)) for run in map(open_run, made)].count(2) >= 1
    assert all(map(done_once, map(open_run, made)))
    ended_alike(runs, 4)
