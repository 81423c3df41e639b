"""The metrics of a run."""

import pytest

from offpath.configs import InputError
from offpath.run.folder import Run
from offpath.run.metrics import append_metrics, read_metrics, rewind_metrics


def lines(*steps: int, network: str = "pretrained") -> list[dict]:
    return [{"network": network, "step": step, "loss": 1.0} for step in steps]


def test_metrics_resume_after_the_checkpoint_they_are_rewound_to(run: Run):
    for record in [*lines(2, 4, 6), *lines(2, network="finetuned")]:
        append_metrics(run, record)
    said = rewind_metrics(run, "pretrained", 4)
    assert said == "lines of metrics to log again: 1 after step 4"
    assert read_metrics(run) == [*lines(2, 4), *lines(2, network="finetuned")]
    assert rewind_metrics(run, "pretrained", 4) is None


def test_a_line_cut_short_by_a_kill_is_dropped_and_named(run: Run):
    append_metrics(run, lines(2)[0])
    with open(run.metrics, "a") as file:
        file.write('{"network": "pretr')
    assert read_metrics(run) == lines(2)
    assert "1 that was cut short" in (rewind_metrics(run, "pretrained", 2) or "")
    assert run.metrics.read_bytes().endswith(b"}\n")


def test_a_damaged_line_of_metrics_is_named(run: Run):
    append_metrics(run, {"network": "pretrained", "step": 1, "loss": 0.1})
    good = run.metrics.read_text()
    plain = '{"network": "pretrained", "step": 1, "loss": 0.1}'
    changed = good.strip().replace("0.1", "0.2")
    for bad in ('{"net', "5", plain, changed, "", "[" * 10**5, "\0\0\0\0"):
        run.metrics.write_text(f"{good}{bad}\n{good}")
        with pytest.raises(InputError, match=r"damaged in line 2 .*delete that line"):
            read_metrics(run)


def test_what_is_kept_of_the_metrics_stays_as_it_was_written(run: Run):
    append_metrics(run, lines(2)[0])
    first = run.metrics.read_bytes().replace(b": ", b" :  ")  # the same, written otherwise
    run.metrics.write_bytes(first)
    append_metrics(run, lines(4)[0])
    rewind_metrics(run, "pretrained", 2)
    assert run.metrics.read_bytes() == first


def test_lines_missing_before_the_last_checkpoint_are_named(run: Run):
    append_metrics(run, lines(2)[0])
    with pytest.raises(
        InputError, match=r"lacks lines of pretrained up to step 4.*pretrained-resume"
    ):
        rewind_metrics(run, "pretrained", 4)
    run.checkpoint("pretrained").write_bytes(b"")
    with pytest.raises(InputError, match=r"ends at step 2, not 20; .*delete .*pretrained.safet"):
        read_metrics(run)
