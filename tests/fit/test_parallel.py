"""Training in several real processes: torchrun, gloo, two addresses, a killed rank."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import torch

from offpath.compute import Compute
from offpath.configs import Configuration
from offpath.data.batches import DRAWN, joined, stream
from offpath.data.worlds import world
from offpath.fit.native import native_library
from offpath.fit.stages import finetune, pretrain
from offpath.handcraft.circuits import set_circuit
from offpath.recipes import smoke
from offpath.run.folder import Run, create_run, open_run
from offpath.run.metrics import read_metrics

STEPS = 50
OPTIONS = [
    *("--recipe", "smoke", "--pretrain.steps", str(STEPS), "--pretrain.log-every-steps", "1"),
    *("--threads", "1", "--device", "cpu", "--step", "torch"),
]
TWO = ["--standalone", "--nproc-per-node", "2"]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run"]
LISTING = """import atexit, sys
from pathlib import Path
from offpath.cli.main import main
names = lambda: [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
atexit.register(lambda: print("threads at the end:", *names()))
main(sys.argv[1:])
"""
FAILING = """import os, sys
from offpath.cli.main import main
from offpath.errors import InputError
from offpath.fit import stage
record = stage._record
def fail(network, step, *options):
    if step.step == 3 and os.environ["RANK"] == "RANK_THAT_FAILS":
        raise ERROR("too tired")
    return record(network, step, *options)
stage._record = fail
main(sys.argv[1:])
"""


def longer(update: dict) -> Configuration:
    pretraining = {"steps": STEPS, "log_every_steps": 1, **update}
    c = smoke()
    return c.model_copy(update={"pretrain": c.training("pretrain").model_copy(update=pretraining)})


def one_process(folder: Path, *, pieces: int = 1, **update) -> Run:
    """Pre-training in this process, each batch in so many pieces."""
    run = create_run(longer(update), folder)
    list(pretrain(run, machine(pieces, run.configuration.training("pretrain").batch_examples)))
    return run


def machine(pieces: int, examples: int = 64) -> Compute:
    return Compute(torch.device("cpu"), 1, micro_batch=examples // pieces, step="torch")


def started(words: list[str], folder: Path) -> subprocess.Popen:
    folder.mkdir(exist_ok=True)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*TORCHRUN, *words], cwd=folder, env=environment, **pipes)


def the_run(folder: Path) -> Run:
    return open_run(next((folder / "runs").iterdir()))


def weights(run: Run) -> bytes:
    return run.checkpoint("pretrained").read_bytes()


def losses(run: Run) -> list[float]:
    assert [r["step"] for r in read_metrics(run)] == list(range(1, STEPS + 1))
    return [r["loss"] for r in read_metrics(run)]


def test_the_shares_of_the_processes_are_the_batch(tiny: Configuration):
    small = world("pretraining", tiny.graphs)
    whole = next(stream(small, 3, 50, 7))
    shares = [next(stream(small, 3, 50, 7, rank=rank, ranks=3)) for rank in range(3)]
    assert all(map(np.array_equal, joined(shares)[:DRAWN], whole[:DRAWN]))


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Run:
    """One process, each batch at once."""
    return one_process(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def halves(tmp_path_factory) -> Run:
    """One process, each batch in the two pieces that two processes would take."""
    return one_process(tmp_path_factory.mktemp("halves"), pieces=2)


def test_a_batch_in_pieces_gives_the_same_losses_up_to_rounding(
    whole: Run, halves: Run, tmp_path: Path
):
    fifths = one_process(tmp_path, pieces=5)  # 64 examples: not even
    for run in (halves, fifths):
        np.testing.assert_allclose(losses(run), losses(whole), atol=1e-5, rtol=0)


def test_two_processes_equal_one(whole: Run, halves: Run, tmp_path: Path):
    for record in pretrain(create_run(longer({}), tmp_path / "runs"), machine(pieces=2)):
        if record["step"] == 15:  # as if killed
            break
    (tmp_path / "listing.py").write_text(LISTING)
    two = started([*TWO, "listing.py", "pretrain", *OPTIONS], tmp_path)
    said, errors = two.communicate()
    assert two.returncode == 0, errors
    assert "resumes from step 10" in said  # with the optimizer state of the first process
    assert said.count("next: `offpath finetune") == 1  # the first process alone speaks
    run = the_run(tmp_path)
    assert weights(run) == weights(halves)  # bit by bit: a + b is b + a
    np.testing.assert_allclose(losses(run), losses(halves), atol=1e-12, rtol=0)
    np.testing.assert_allclose(losses(run), losses(whole), atol=1e-5, rtol=0)
    # A thread of the group that outlives it may kill the process while the interpreter ends.
    (threads,) = (line for line in said.splitlines() if line.startswith("threads at the end"))
    assert "gloo" not in threads


@pytest.mark.skipif(native_library()[0] is None, reason="no C++ compiler")
def test_two_processes_equal_two_threads_of_the_native_step(tmp_path: Path):
    options = ["pretrain", *OPTIONS[:-1], "native", "--pretrain.candidates", "2"]
    two = started([*TWO, "-m", "offpath", *options], tmp_path)
    _, errors = two.communicate()
    assert two.returncode == 0, errors
    one = create_run(longer({"candidates": 2}), tmp_path / "one")
    list(pretrain(one, Compute(torch.device("cpu"), 2, step="native")))
    assert weights(the_run(tmp_path)) == weights(one)


@pytest.mark.parametrize(
    ("failing", "error", "status", "line"),
    [
        (1, "InputError", 2, "offpath: too tired"),
        pytest.param(0, "InputError", 2, "offpath: too tired", marks=pytest.mark.slow),
        pytest.param(0, "TypeError", 1, "TypeError: too tired", marks=pytest.mark.slow),
        pytest.param(1, "TypeError", 1, "TypeError: too tired", marks=pytest.mark.slow),
    ],
)
def test_after_an_error_in_one_process_all_end_with_their_line(
    failing: int, error: str, status: int, line: str, tmp_path: Path
):
    code = FAILING.replace("RANK_THAT_FAILS", str(failing)).replace("ERROR", error)
    (tmp_path / "failing.py").write_text(code)
    command = [sys.executable, "failing.py", "pretrain", *OPTIONS]
    both = [  # without torchrun, which would end the other one
        subprocess.Popen(command, cwd=tmp_path, env=variables, stderr=subprocess.PIPE, text=True)
        for variables in _environments()
    ]
    errors = [process.communicate(timeout=60)[1] for process in both]
    assert [p.returncode for p in both] == [status if r == failing else 2 for r in range(2)]
    assert errors[failing].splitlines()[-1].endswith(line)
    (other,) = errors[1 - failing].splitlines()
    assert other.startswith("offpath: another of the processes that train together ended")


@pytest.mark.slow
def test_twenty_runs_on_a_busy_machine_end_well(tmp_path: Path):
    few = ["--recipe", "smoke", "--pretrain.steps", "5", "--pretrain.log-every-steps", "1"]
    words = [*TWO, "-m", "offpath", "pretrain", *few, "--threads", "1", "--device", "cpu"]
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        for number in range(20):
            both = started(words, tmp_path / str(number))
            _, errors = both.communicate(timeout=120)
            assert both.returncode == 0, errors
    finally:
        for process in busy:
            process.kill()
            process.wait()


@pytest.mark.slow
def test_a_killed_process_is_started_again_and_the_weights_are_the_same(tmp_path: Path):
    often = ["--pretrain.checkpoint-every-steps", "3", "--pretrain.batch-examples", "4096"]
    often += ["--micro-batch", "2048"]
    expected = one_process(
        tmp_path / "halves", pieces=2, checkpoint_every_steps=3, batch_examples=4096
    )
    for rank in (0, 1):
        folder = tmp_path / f"rank{rank}"
        words = [*TWO, "--max-restarts", "1", "-m", "offpath", "pretrain"]
        both = started([*words, *OPTIONS, *often], folder)
        first = _wait_for_metrics(folder, lines=9)
        os.kill(_process_of(rank, folder), signal.SIGKILL)
        said, errors = both.communicate()
        assert both.returncode == 0, errors
        assert "resumes from step" in said
        assert first < STEPS
        assert weights(the_run(folder)) == weights(expected)
        assert losses(the_run(folder)) == pytest.approx(losses(expected), rel=1e-12)


@pytest.mark.slow
def test_two_machines_need_no_disk_in_common(halves: Run, tmp_path: Path):
    # Two launchers that meet at an address of their own, each in its folder, stand for machines.
    with socket.socket() as free:
        free.bind(("127.0.0.2", 0))
        port = free.getsockname()[1]
    meeting = ["--nnodes", "2", "--master-addr", "127.0.0.2", "--master-port", str(port)]
    folders = [tmp_path / "machine0", tmp_path / "machine1"]
    both = [
        started([*meeting, "--node-rank", str(node), "-m", "offpath", "pretrain", *OPTIONS], folder)
        for node, folder in enumerate(folders)
    ]
    for launcher in both:
        _, errors = launcher.communicate()
        assert launcher.returncode == 0, errors
    assert not list(folders[1].iterdir())
    run = the_run(folders[0])
    assert weights(run) == weights(halves)
    tune = ["-m", "offpath", "finetune", str(run.folder.relative_to(folders[0])), "--threads", "1"]
    both = [started([*meeting, "--node-rank", str(n), *tune], f) for n, f in enumerate(folders)]
    for launcher in both:
        _, errors = launcher.communicate()
        assert launcher.returncode == 0, errors
    assert not list(folders[1].iterdir())
    own = Run(Path(copytree(halves.folder, tmp_path / "own")), halves.configuration)
    set_circuit(own)
    list(finetune(own, machine(pieces=2)))
    for name in ("finetuned", "scratch"):
        assert run.checkpoint(name).read_bytes() == own.checkpoint(name).read_bytes()


@pytest.mark.slow
def test_processes_with_different_options_are_refused(tmp_path: Path):
    code = (
        "import os, sys; from offpath.cli.main import main\n"
        f"main(['pretrain', *{OPTIONS!r}, '--seed', os.environ['RANK']])"
    )
    (tmp_path / "differ.py").write_text(code)
    both = started([*TWO, "differ.py"], tmp_path)
    _, errors = both.communicate()
    assert both.returncode != 0
    assert "process 1 was started with another configuration or seed than process 0" in errors


def _environments() -> list[dict[str, str]]:
    """What torchrun tells each of two processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    return [
        {**os.environ, **place, "RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": "2",
         "LOCAL_WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"} for rank in "01"
    ]  # fmt: skip


def _wait_for_metrics(folder: Path, lines: int) -> int:
    """Steps logged once there are at least `lines` of them."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        for path in folder.glob("runs/*/metrics.jsonl"):
            if (count := path.read_bytes().count(b"\n")) >= lines:
                return count
        time.sleep(0.01)
    raise TimeoutError(f"no metrics in {folder}")


def _process_of(rank: int, folder: Path) -> int:
    """The process that trains as `rank` in a working folder."""
    for process in Path("/proc").iterdir():
        try:
            variables = (process / "environ").read_bytes().split(b"\0")
            here = Path(os.readlink(process / "cwd")) == folder
        except OSError:
            continue
        if here and f"RANK={rank}".encode() in variables:
            return int(process.name)
    raise ProcessLookupError(f"no process of rank {rank} in {folder}")
