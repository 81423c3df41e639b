"""The command line as tests call it: within this process."""

import pytest

from offpath.cli.main import main

MACHINE = ("--device", "cpu", "--threads", "1")
SMALL = [
    *("--recipe", "smoke", "--pretrain.steps", "4", "--pretrain.warmup-steps", "1"),
    *("--finetune.steps", "2", "--finetune.warmup-steps", "1", "--evaluate.examples", "64"),
    *("--evaluate.bootstrap-resamples", "40", *MACHINE),
]


def offpath(*words: str) -> int:
    """Run a verb, and return the exit status."""
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert isinstance(stop.value.code, int)
    return stop.value.code


def little_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a forecast time next to nothing."""
    for name, few in (("LARGEST_CALIBRATION", 64), ("CALIBRATION_ANSWERS", 64)):
        monkeypatch.setattr(f"offpath.fit.forecast.{name}", few)
    monkeypatch.setattr("offpath.fit.forecast.TIMED_SECONDS", 0.0)
