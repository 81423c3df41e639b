"""What one sees of a sweep: read from run folders that other processes write."""

import io

import pytest
from rich.console import Console

from offpath.configs import Configuration
from offpath.run.files import write_file
from offpath.run.folder import Run, create_run
from offpath.run.metrics import append_metrics
from offpath.run.provenance import note_session
from offpath.sweep import progress as module
from offpath.sweep.engines import Outcome
from offpath.sweep.progress import Board, Progress, all_examples, progress


class Clock:
    """Time that passes when a test says so."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def runs(tiny: Configuration, tmp_path) -> list[Run]:
    return [create_run(tiny.model_copy(update={"seed": s}), tmp_path) for s in range(4)]


def log(run: Run, network: str, step: int, loss: float) -> None:
    append_metrics(run, {"network": network, "step": step, "loss": loss})


def shown(board: Board) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(board.table())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_progress_is_read_from_checkpoints_and_the_last_line(run: Run):
    assert progress(run) == Progress("pre-trained", 0, 20, None, 0)
    log(run, "pretrained", 2, 1.5)
    log(run, "pretrained", 4, 1.25)
    assert progress(run) == Progress("pre-trained", 4, 20, 1.25, 4 * 64)
    with open(run.metrics, "ab") as file:  # a line that is being written
        file.write(b'{"network": "pretr')
    assert progress(run).step == 4
    write_file(run.checkpoint("pretrained"), b"")
    assert progress(run) == Progress("fine-tuned", 0, 6, None, 20 * 64)
    for name in ("finetuned", "scratch", "circuit-finetuned"):
        write_file(run.checkpoint(name), b"")
    assert progress(run) == Progress("test matrix", 0, None, None, all_examples(run))
    assert all_examples(run) == (20 + 3 * 6) * 64


def test_a_board_tells_what_runs_is_done_fails_and_waits(runs: list[Run], clock: Clock):
    board = Board(runs, [])
    names = [run.configuration.run_name for run in runs]
    assert board.summary() == "0 of 4 done"
    for run in runs[:2]:
        note_session(run.folder)
        log(run, "pretrained", 10, 0.75)
    board.look()
    clock.now += 10
    board.look()
    text = shown(board)
    assert f"{names[0]}   pre-trained   10/20   0.7500   10 s" in text
    assert f"waits   {names[2]}, {names[3]}" in text
    # 2 times 10 of 4 times 38 steps in 10 s, 132 are left.
    assert "0 of 4 done, about 66 s left; 10 s passed" in text
    for name in ("pretrained", "finetuned", "scratch", "circuit-finetuned"):
        write_file(runs[0].checkpoint(name), b"")
    assert board.end(Outcome(names[0], 9.0)).startswith(f"done    {names[0]}  9 s  (1 of 4 done")
    board.end(Outcome(names[1], 8.0, "the loss is nan"))
    # 48 steps in 10 s, and of 38 times 2 none is done; what failed is not waited for.
    assert "1 of 4 done, 1 failed, about 16 s left" in shown(board)
    assert [row["state"] for row in board.records().values()] == ["done", "failed"]


def test_runs_done_before_count_as_done_and_not_as_work(runs: list[Run], clock: Clock):
    for name in ("pretrained", "finetuned", "scratch", "circuit-finetuned"):
        write_file(runs[0].checkpoint(name), b"")
    board = Board(runs, runs[:1])
    clock.now += 10
    assert board.summary() == "1 of 4 done"
    assert board.seconds_left() is None
