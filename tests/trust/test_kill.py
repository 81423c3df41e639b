"""A run that is killed, however often and whenever, ends as one that was never disturbed."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.trust.folders import SHORT, left, only_folder
from tests.trust.killing import LINES, MOMENTS

ROOT = Path(__file__).parents[2]
RUN = ("run", *SHORT)
STEPS = {"pretrained": 12, "finetuned": 4, "scratch": 4, "circuit-finetuned": 4}
KILLED = -signal.SIGKILL


class Server:
    """Starts commands without loading torch for each; see `tests/trust/killing.py`."""

    def __init__(self, process: subprocess.Popen[str]):
        self.process = process
        self.said()

    def said(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline()

    def ended(
        self,
        place: Path,
        words: tuple[str, ...] = RUN,
        moment: str | None = None,
        number: int = 0,
        seconds: float | None = None,
    ) -> tuple[int, float]:
        """The exit status of a command in the folder `place`, and the seconds it took."""
        place.mkdir(exist_ok=True)
        asked = {"place": str(place), "words": words, "moment": moment, "number": number}
        assert self.process.stdin
        self.process.stdin.write(json.dumps({**asked, "seconds": seconds}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.said())
        return answer["status"], answer["took"]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    command = [sys.executable, "-m", "tests.trust.killing"]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True, cwd=ROOT) as process:
        yield Server(process)
        process.kill()


@pytest.fixture(scope="module")
def undisturbed(server: Server, tmp_path_factory) -> tuple[dict, float]:
    """What a run leaves that was never stopped, and the seconds it takes."""
    place = tmp_path_factory.mktemp("undisturbed")
    status, seconds = server.ended(place)
    assert status == 0
    there = left(only_folder(place / "runs"))
    stages = [(stage, step) for stage, step, *_ in there["metrics.jsonl"]]
    assert stages == [(s, i) for s, n in STEPS.items() for i in range(1, n + 1)]
    return there, seconds


def assert_ends_alike(server: Server, place: Path, undisturbed: dict, words=RUN) -> None:
    """After one more command all is there: weights, metrics, results, `done`, and no leftovers."""
    assert server.ended(place, words)[0] == 0
    there = left(only_folder(place / "runs"))
    assert there.keys() == undisturbed.keys()
    assert [name for name in there if there[name] != undisturbed[name]] == []


def test_a_run_killed_again_and_again_ends_alike(server: Server, tmp_path: Path):
    """One stage alone, to be fast: amid writing, and at two random moments."""
    words = ("pretrain", *SHORT)
    assert server.ended(tmp_path / "a", words)[0] == 0
    # The first write of a session is its provenance, in the first its configuration is before it.
    kills = [("half", 3), ("flushed", 2), ("line half", 5), ("renamed", 2)]
    for moment, number in kills:
        assert server.ended(tmp_path / "b", words, moment, number)[0] == KILLED
    for seconds in np.random.default_rng(0).uniform(0.1, 0.3, 2):
        server.ended(tmp_path / "b", words, seconds=seconds)
    assert_ends_alike(server, tmp_path / "b", left(only_folder(tmp_path / "a" / "runs")), words)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(20))
def test_a_process_killed_at_any_moment_ends_alike(
    server: Server, undisturbed, tmp_path: Path, number: int
):
    """A whole process, as a user starts it: the n-th of 20 equal parts of the time it takes."""
    there, seconds = undisturbed
    moment = seconds * (number + np.random.default_rng(number).uniform()) / 20
    with subprocess.Popen(
        [sys.executable, "-m", "offpath", *RUN], stdout=subprocess.DEVNULL, cwd=tmp_path
    ) as process:
        while not (tmp_path / "runs").exists():  # the first thing that it makes
            time.sleep(0.001)
        time.sleep(moment)
        process.kill()
    assert_ends_alike(server, tmp_path, there)


@pytest.mark.slow
@pytest.mark.parametrize("moment", [*MOMENTS, *LINES])
def test_a_run_killed_later_in_each_session_ends_alike(
    server: Server, undisturbed, tmp_path: Path, moment: str
):
    """One folder: at the third write of that kind in the first session, the fourth in the next."""
    statuses = [KILLED]
    while statuses[-1] == KILLED:
        statuses.append(server.ended(tmp_path, RUN, moment, len(statuses) + 2)[0])
    assert len(statuses) > 5
    assert_ends_alike(server, tmp_path, undisturbed[0])


@pytest.mark.slow
@pytest.mark.parametrize("moment", [*MOMENTS, *LINES])
def test_pre_training_killed_at_every_write_ends_alike(server: Server, tmp_path: Path, moment: str):
    """A folder for each write of that kind."""
    words = ("pretrain", *SHORT)
    assert server.ended(tmp_path / "undisturbed", words)[0] == 0
    there = left(only_folder(tmp_path / "undisturbed" / "runs"))
    number, status = 0, KILLED
    while status == KILLED:
        number += 1
        place = tmp_path / str(number)
        status, _ = server.ended(place, words, moment, number)
        assert_ends_alike(server, place, there, words)
    # Lines of metrics, or files: those left, three to resume from, and the provenance eight times,
    # for the session, its machine, and each network or step that it made.
    assert number - 1 == (STEPS["pretrained"] if moment in LINES else len(there) - 1 + 3 + 8)
