import io
import re

import pytest
from rich.console import Console

from offpath.cli.progress import follow
from offpath.recipes import smoke


def record(step: int) -> dict:
    losses = {"1": 0.0123, "2": 1.5, "3": 2.5, "4": 3.5, "5": 12.25}
    return {"network": "pretrained", "step": step, "loss": 1.2345, "loss_by_label": losses}


def shown(width: int, terminal: bool) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal)
    follow((record(step) for step in range(2, 41, 2)), smoke(), console)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())  # type: ignore[attr-defined]
    return [line for line in re.split(r"[\r\n]+", text) if line.strip()]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_the_bar_shows_step_time_and_losses_whole_at_every_width(width: int):
    lines = shown(width, terminal=True)
    last = lines[-1]
    assert "40/40" in last
    assert re.search(r"\d\d:\d\d", last)
    assert "loss 1.2345" in last
    if width >= 80:
        assert "d1 0.01  d2 1.50" in last
        assert last.rstrip().endswith("none 12.25")
    assert max(map(len, lines)) <= width


def test_without_a_terminal_there_is_a_line_for_each_tenth_of_a_stage():
    lines = shown(80, terminal=False)
    assert len(lines) == 10
    assert "d4 3.50" in lines[-1]


def test_resuming_is_printed_with_what_was_dropped():
    console = Console(file=io.StringIO(), width=200)
    follow([{"network": "pretrained", "step": 8, "resumed": "nothing was lost"}], smoke(), console)
    assert "pre-trained: resumes from step 8 (nothing was lost)" in console.file.getvalue()  # type: ignore[attr-defined]
