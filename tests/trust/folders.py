"""Run folders for trying what may happen to them: a short run, what it leaves, how to read it."""

import contextlib
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from offpath.cli.main import main
from offpath.fit.checkpoints import save_progress

CPU = ("--device", "cpu", "--threads", "1")
SHORT = (  # much of its time is spent in writing: 5 checkpoints to go on from, 5 that stay
    *("--recipe", "smoke", "--pretrain.steps", "12", "--pretrain.warmup-steps", "1"),
    *("--pretrain.log-every-steps", "1", "--pretrain.checkpoint-every-steps", "3"),
    *("--finetune.steps", "4", "--finetune.warmup-steps", "1"),
    *("--finetune.log-every-steps", "1", "--finetune.checkpoint-every-steps", "2"),
    *("--pretrain.batch-examples", "16", "--finetune.batch-examples", "16"),
    *("--evaluate.examples", "64", "--evaluate.bootstrap-resamples", "40", *CPU),
)
UNTIMED = ("network", "step", "loss", "loss_by_label", "count_by_label", "gradient_norm")


def offpath(*words: str) -> tuple[int, str]:
    """Exit status and error stream of one command."""
    told = io.StringIO()
    with contextlib.redirect_stderr(told), contextlib.redirect_stdout(io.StringIO()):
        try:
            main(words)
        except SystemExit as stop:
            return int(stop.code or 0), told.getvalue()
    raise AssertionError("the command line always exits")


def left(folder: Path) -> dict[str, Any]:
    """All that a run leaves but what tells of the time: two runs are alike if this is equal."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_dir() or name in (".lock", "provenance.json"):
            continue
        content = path.read_bytes()
        if name == "metrics.jsonl":
            lines = [json.loads(line) for line in content.split(b"\n")[:-1]]  # the whole ones
            found[name] = [[line[key] for key in UNTIMED] for line in lines]
        elif name == "report.html":
            found[name] = re.sub(rb'<section id="provenance".*', b"", content, flags=re.DOTALL)
        else:
            found[name] = content
    return found


def stop_after(checkpoints: int, *words: str) -> None:
    """A command that is interrupted after so many checkpoints to go on from."""
    left_to_save = iter(range(checkpoints - 1, -1, -1))

    def save(*arguments) -> None:
        save_progress(*arguments)
        if next(left_to_save) == 0:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("offpath.fit.stage.save_progress", save)
        assert offpath(*words)[0] == 130


def only_folder(runs: Path) -> Path:
    """The one run folder below another."""
    (folder,) = runs.iterdir()
    return folder
