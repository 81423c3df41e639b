"""Charts of training: pure functions from the lines of `metrics.jsonl` to Altair charts."""

from collections.abc import Iterator, Mapping, Sequence

import altair as alt

from offpath.report.cells import label_title
from offpath.report.charts import boxed, colour, label_colours, log_loss, row_chart
from offpath.run.files import Record

MOST_POINTS = 400  # of one line: what a screen can show, and what keeps the page small
LEAST_EXAMPLES = 100  # behind a point of one true distance: fewer show noise, not learning


def loss_chart(metrics: Sequence[Record], stages: Mapping[str, str]) -> alt.Chart:
    """Training loss over the steps, on a logarithmic axis, one line for each stage and title."""
    rows = [
        {"line": title, "step": point["step"], "loss": point["loss"]}
        for stage, title in stages.items()
        for point in pooled([m for m in metrics if m["stage"] == stage])
    ]
    return _lines(rows, {title: colour(stage) for stage, title in stages.items()}, "training loss")


def learning_rate_chart(metrics: Sequence[Record], stage: str) -> alt.Chart:
    """The learning rate over the steps of one stage: a panel to stand beneath its loss."""
    rows = [
        {"line": stage, "step": point["step"], "rate": point["learning_rate"]}
        for point in pooled([m for m in metrics if m["stage"] == stage])
    ]
    rate = alt.Y(
        "rate:Q",
        title="learning rate",
        axis=alt.Axis(tickCount=2, format="~g", minExtent=48, maxExtent=48),
    )
    return _lines(rows, {stage: colour("muted")}, "learning rate", y=rate)


def distance_loss_chart(
    metrics: Sequence[Record],
    stage: str,
    max_vertices: int,
    last_step: int,
    x: alt.X | None = None,
) -> alt.Chart:
    """Training loss of each true distance, on a logarithmic axis, up to a step."""
    begun = [m for m in metrics if m["stage"] == stage and m["step"] <= last_step]
    points = pooled(begun)
    rows = [
        {"line": label_title(label, max_vertices), "step": step, "loss": loss}
        for label in range(1, max_vertices + 1)
        for step, loss in _steady(points, str(label))
    ]
    name = f"training loss by true distance up to step {last_step}"
    return _lines(rows, label_colours(max_vertices), name, x=x)


def pooled(metrics: Sequence[Record]) -> list[Record]:
    """At most `MOST_POINTS` lines of metrics: each is the mean over equally many logged lines.

    A loss by label is weighted by its number of examples; step and learning rate are the last ones.
    """
    size = -(-len(metrics) // MOST_POINTS)
    return [_mean(metrics[start : start + size]) for start in range(0, len(metrics), size or 1)]


def _steady(points: Sequence[Record], label: str) -> Iterator[tuple[int, float]]:
    """(step, loss) of one true distance, over as many lines as give `LEAST_EXAMPLES` examples."""
    total, count = 0.0, 0
    for point in points:
        added = point["count_by_label"].get(label, 0)
        if added:
            total, count = total + added * point["loss_by_label"][label], count + added
        if count >= LEAST_EXAMPLES:
            yield point["step"], total / count
            total, count = 0.0, 0


def _mean(metrics: Sequence[Record]) -> Record:
    sums: dict[str, float] = {}
    counts: dict[str, int] = {}
    for line in metrics:
        for label, loss in line["loss_by_label"].items():
            counts[label] = counts.get(label, 0) + line["count_by_label"][label]
            sums[label] = sums.get(label, 0.0) + loss * line["count_by_label"][label]
    return {
        "step": metrics[-1]["step"],
        "learning_rate": metrics[-1]["learning_rate"],
        "loss": sum(line["loss"] for line in metrics) / len(metrics),
        "loss_by_label": {label: sums[label] / counts[label] for label in sums if counts[label]},
        "count_by_label": counts,
    }


def _lines(
    rows: list[Record],
    colours: Mapping[str, str],
    name: str,
    x: alt.X | None = None,
    y: alt.Y | None = None,
) -> alt.Chart:
    """Lines over the steps: losses above 0 on a logarithmic axis, unless `x`, `y` say otherwise."""
    rows = [row for row in rows if row.get("loss", 1) > 0]
    steps = alt.X("step:Q", title="step", scale=alt.Scale(nice=False), axis=alt.Axis(tickCount=8))
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    chart = (
        row_chart(rows)
        .mark_line(strokeWidth=1.5, strokeJoin="round", interpolate="linear")
        .encode(
            x=x or steps, y=y or log_loss(), color=alt.Color("line:N", scale=scale, legend=None)
        )
    )
    return boxed(chart, name, height=90 if y else 300)
