"""Whatever is damaged in a run folder is refused in one line, or does no harm at all."""

import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import count, cycle
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest

from tests.trust.damaging import DAMAGES, cut
from tests.trust.folders import CPU, SHORT, left, offpath, only_folder, stop_after

FEW = ("--choices", "1", "--rates", "0.001", "--steps", "2", "--noises", "1", "--draws", "1")
ROBUSTNESS = ("robustness", "RUN", *FEW, "--batch-examples", "8", "--examples", "64", *CPU)
LITTLE = ("--chains", "2", "--draws", "20", "--burn-in-steps", "0", "--examples", "64")
LLC = ("llc", "RUN", *LITTLE, "--batch-examples", "8", "--checkpoints", "pretrained-step10", *CPU)
RUN, PRETRAIN = ("run", *SHORT), ("pretrain", *SHORT)
FINETUNE, EVALUATE = ("finetune", "RUN", *CPU), ("evaluate", "RUN", *CPU)
REPORT = ("report", "RUN")


SAVES = {"pretrain": 2, "finetune": 4}
"""After how many checkpoints to go on from a run is stopped amid that stage."""


class Target(NamedTuple):
    """A file of a run folder, and a command that reads it."""

    state: str
    """finished; measured, with what other verbs add; or the stage amid which it was stopped."""
    file: str
    words: tuple[str, ...]


WEIGHTS = ("untrained", "pretrained", "finetuned", "scratch", "circuit")
SHOWN = ("labels", "phases", "examples", "matrix", "predictions", "circuit")
ADDED = ("robustness", "learning_coefficient")
TARGETS = [
    *(Target("finished", f"checkpoints/{n}.safetensors", EVALUATE) for n in WEIGHTS),
    *(Target("finished", f"checkpoints/{n}.safetensors", RUN) for n in WEIGHTS),
    *(Target("finished", f"results/{name}.json", REPORT) for name in SHOWN),
    Target("finished", "results/matrix.json", RUN),
    Target("finished", "metrics.jsonl", REPORT),
    Target("finished", "provenance.json", REPORT),
    *(Target("finished", "config.json", words) for words in (REPORT, EVALUATE, RUN)),
    Target("finished", "done", RUN),
    Target("pretrain", "checkpoints/pretrained-resume.safetensors", PRETRAIN),
    Target("pretrain", "checkpoints/untrained.safetensors", PRETRAIN),
    Target("pretrain", "metrics.jsonl", PRETRAIN),
    Target("pretrain", "config.json", PRETRAIN),
    Target("pretrain", "provenance.json", PRETRAIN),
    Target("measured", "checkpoints/pretrained-step10.safetensors", LLC),
    Target("measured", "checkpoints/circuit.safetensors", ROBUSTNESS),
    *(Target("measured", f"results/{name}.json", REPORT) for name in ADDED),
    Target("measured", "results/robustness.json", ROBUSTNESS),
    Target("measured", "results/learning_coefficient.json", LLC),
    Target("finetune", "checkpoints/finetuned-resume.safetensors", FINETUNE),
    Target("finetune", "checkpoints/pretrained.safetensors", FINETUNE),
    Target("finetune", "metrics.jsonl", FINETUNE),
]


class Laboratory:
    """Folders as they were left, a place to damage copies of them, and what should come of it."""

    def __init__(self, place: Path):
        self.states = place / "states"
        self.begun = Path("runs")  # the same words for every copy, for a report tells its folder
        self.name = ""
        self.expected: dict[tuple[str, tuple[str, ...]], dict] = {}

    def copy(self, state: str) -> None:
        """A fresh copy of a run in that state, which is made once."""
        if not (self.states / state).exists():
            shutil.rmtree(self.begun, ignore_errors=True)
            if state in SAVES:
                stop_after(SAVES[state], *RUN)
            else:
                assert offpath(*RUN) == (0, "")
            self.name = only_folder(self.begun).name
            for words in (ROBUSTNESS, LLC) if state == "measured" else ():
                assert self.ended(words) == (0, "")
            shutil.copytree(self.begun, self.states / state)
        shutil.rmtree(self.begun)
        shutil.copytree(self.states / state, self.begun)

    def ended(self, words: tuple[str, ...]) -> tuple[int, str]:
        """Exit status and error stream of a command on the copy."""
        return offpath(*(str(self.begun / self.name) if w == "RUN" else w for w in words))

    def verdict(self, target: Target, damage: str, seed: int) -> tuple[str, str]:
        """`refused`, `harmless` or what went wrong, and the case in words."""
        self.harmless(target)  # learns what is expected
        self.copy(target.state)
        path = self.begun / self.name / target.file
        how = DAMAGES[damage](np.random.default_rng(seed), path)
        case = f"{target.state}, {target.file}, {damage} (seed {seed}): {how}; {target.words[0]}"
        before = _content(path)
        try:
            status, said = self.ended(target.words)
        except Exception as error:
            return f"{type(error).__name__}: {error}", case
        if status == 0 and not said:
            there, expected = left(self.begun / self.name), dict(self.harmless(target))
            if _content(path) == before:  # nobody wrote it anew
                there.pop(target.file, None)
                expected.pop(target.file, None)
            wrong = [n for n in there.keys() | expected.keys() if there.get(n) != expected.get(n)]
            return (f"silently other: {', '.join(wrong)}" if wrong else "harmless"), case
        one_line = said.startswith("offpath: ") and said.count("\n") == 1 and said.endswith("\n")
        if status == 2 and one_line and path.name in said:
            return "refused", case
        return f"status {status}, said {said!r}", case

    def harmless(self, target: Target) -> dict:
        """What the command leaves in an undamaged copy."""
        key = (target.state, target.words)
        if key not in self.expected:
            self.copy(target.state)
            assert self.ended(target.words) == (0, "")
            self.expected[key] = left(self.begun / self.name)
        return self.expected[key]


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory) -> Iterator[Laboratory]:
    with pytest.MonkeyPatch.context() as patch:
        place = tmp_path_factory.mktemp("damage")
        (place / "states").mkdir()
        patch.chdir(place)
        # What takes long and is the same in all, or never the same.
        patch.setattr("offpath.report.page._vega", lambda: "")
        patch.setattr("offpath.run.provenance.source_commit", lambda: None)
        ticks = count(0.0)
        patch.setattr("offpath.fit.stage.time", SimpleNamespace(perf_counter=lambda: next(ticks)))
        yield Laboratory(place)


def tried(laboratory: Laboratory, cases: Iterable[tuple[Target, str, int]]) -> Counter:
    """How often each kind of file was refused and was harmless; fails if anything else came."""
    counts, wrong = Counter(), []
    for target, damage, seed in cases:
        verdict, case = laboratory.verdict(target, damage, seed)
        counts[target.state, target.file, verdict] += 1
        if verdict not in ("refused", "harmless"):
            wrong.append(f"{case}\n    {verdict}")
    assert not wrong, f"{len(wrong)} of {sum(counts.values())}:\n" + "\n".join(wrong)
    return counts


def test_a_damaged_file_is_refused_in_one_line_or_harmless(laboratory: Laboratory):
    """Files of a finished run and of pre-training, with kinds of damage in turn."""
    kinds = cycle(DAMAGES)
    targets = [t for t in TARGETS if t.state in ("finished", "pretrain")]
    counts = tried(laboratory, ((t, next(kinds), seed) for seed, t in enumerate(targets)))
    refused = sum(n for (*_, verdict), n in counts.items() if verdict == "refused")
    assert refused > len(targets) / 2


@pytest.mark.slow
def test_every_file_with_every_damage_is_refused_in_one_line_or_harmless(
    laboratory: Laboratory, capsys
):
    """Those that depend on chance more often."""
    often = {"cut": 2, "flipped": 3, "retyped": 3, "zeroed": 2, "noise": 2}
    cases = [
        (target, damage, 1000 * number + again)
        for number, target in enumerate(TARGETS)
        for damage in DAMAGES
        for again in range(often.get(damage, 1))
    ]
    counts = tried(laboratory, cases)
    with capsys.disabled():
        print(f"\n{'state of the run':<18}{'file':<46}{'refused':>8}{'harmless':>9}")
        for state, file in dict.fromkeys((t.state, t.file) for t in TARGETS):
            both = [counts[state, file, verdict] for verdict in ("refused", "harmless")]
            print(f"{state:<18}{file:<46}{both[0]:>8}{both[1]:>9}")
        print(f"{len(cases)} cases")
    assert len(cases) >= 240


@pytest.mark.slow
@pytest.mark.parametrize(
    "number", [i for i, t in enumerate(TARGETS) if t.state != "measured" and t.words != EVALUATE]
)
def test_doing_what_the_lines_say_mends_the_run(laboratory: Laboratory, number: int):
    """What they name, or the file itself, is deleted, and the run ends as if nothing had been."""
    target = TARGETS[number]
    expected = dict(laboratory.harmless(Target("finished", "", RUN)))
    laboratory.copy(target.state)
    path = laboratory.begun / laboratory.name / target.file
    cut(np.random.default_rng(1), path)
    status, said = laboratory.ended(target.words)
    lines = 0
    while status == 2:
        lines += 1
        named = re.findall(r"delete (\S+/[^\s;]+)", said)
        (Path(named[0]) if named else path).unlink()
        status, said = laboratory.ended(RUN)
    assert 1 <= lines <= 4
    there = left(laboratory.begun / laboratory.name)
    in_any_order = [sorted(found.pop("metrics.jsonl")) for found in (there, expected)]
    assert in_any_order[0] == in_any_order[1]  # a stage that was trained again is logged last
    assert there == expected
