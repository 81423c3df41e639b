"""The section on the learning coefficient: how degenerate the loss is around each solution.

In: `results/learning_coefficient.json`, and the losses of pre-training. Out: the estimates along
training and elsewhere, and all that says whether an estimate may be trusted.
"""

from collections.abc import Sequence

import altair as alt

from offpath.report.cells import finite, grouped, setting, written
from offpath.report.charts import (
    POWER_WORDS,
    POWERS,
    boxed,
    colour,
    label_colours,
    layers,
    row_chart,
    steps_axis,
    thinned,
)
from offpath.report.curves import distance_loss_chart
from offpath.report.story import Figure, Key, PlainTable, Section, Story
from offpath.runs import Record

TITLES = {
    "circuit": "set by hand",
    "untrained": "untrained",
    "pretrained": "pre-trained",
    "finetuned": "fine-tuned",
    "scratch": "from scratch",
}
TRUST = (
    Key("trusted", colour("estimate"), "circle"),
    Key("not trusted", colour("estimate"), "ring"),
)
MOST_LOSSES = 80  # points of one chain: what a small panel can show


def coefficient(told: Story) -> Section:
    """The learning coefficient along pre-training and of single networks, and whom to trust."""
    found = told.results.get("learning_coefficient")
    anchor, title = "coefficient", "The learning coefficient"
    if found is None:
        return Section(anchor, title, missing=told.missing("learning_coefficient"))
    path = [point for point in found["points"] if on_path(point)]
    named = [p for p in found["points"] if not on_path(p) or "-step" not in p["checkpoint"]]
    drawn = any(finite(point["estimate"]) is not None for point in path)
    figures = [
        *([_path_figure(told, found, path)] if drawn else ()),
        *([_single_figure(told, found, named)] if named else ()),
        *([_sweep_figure(told, found)] if found["sweeps"] else ()),
        *([_trace_figure(told, found)] if found["traces"] else ()),
    ]
    text = (
        "The local learning coefficient of singular learning theory measures how fast the loss "
        "rises around a solution: the lower, the more directions leave the loss as it is. It is "
        "estimated by sampling weights near the solution (stochastic gradient Langevin dynamics), "
        "which can fail; what did not pass its checks is marked as not trusted."
    )
    return Section(anchor, title, text, figures)


def on_path(point: Record) -> bool:
    """Whether a point is a snapshot of pre-training that has a place on an axis of steps."""
    return point["stage"] == "pretrain" and (finite(point["step"]) or 0) > 0


def path_chart(points: Sequence[Record], x: alt.X) -> alt.LayerChart:
    """The coefficient of each snapshot over the steps: hollow where it is not to be trusted."""
    rows = [{"step": p["step"], **row} for p in points for row in _estimate_rows([p])]
    return boxed(_estimates(rows, x), "Learning coefficient over the steps of pre-training", 190)


def sweep_chart(sweep: Record) -> alt.LayerChart:
    """The coefficient by step size of the sampler, the plateau shaded."""
    rows = [{"size": p["step_size"], **r} for p in sweep["points"] for r in _estimate_rows([p])]
    x = alt.X(
        "size:Q",
        title="step size of the sampler",
        scale=alt.Scale(type="log", nice=False, padding=10),
        axis=alt.Axis(labelExpr=POWER_WORDS, values=POWERS),
    )
    plateau = sweep["plateau"]
    shaded = (
        row_chart([{"size": plateau[0], "until": plateau[1]}])
        .mark_rect(color=colour("estimate"), opacity=0.14, aria=False)
        .encode(x=x, x2=alt.X2("until:Q"))
        if plateau
        else None
    )
    name = f"Learning coefficient of {_title(sweep['checkpoint'])} by step size"
    return boxed(_estimates(rows, x, below=shaded), name, 170)


def trace_chart(traces: Sequence[Record]) -> alt.Chart:
    """The loss along each chain of the sampler."""
    rows = [
        {
            "chain": str(trace["chain"]),
            "place": place / max(1, len(trace["losses"]) - 1),
            "loss": loss,
        }
        for trace in traces
        for place, loss in thinned(list(enumerate(trace["losses"])), MOST_LOSSES)
        if finite(loss) is not None
    ]
    chart = (
        row_chart(rows)
        .mark_line(strokeWidth=1, opacity=0.7, color=colour("estimate"), clip=True)
        .encode(
            x=alt.X(
                "place:Q",
                title="share of the chain",
                scale=alt.Scale(nice=False),
                axis=alt.Axis(tickCount=3, format="~%", labelFlush=True),
            ),
            y=alt.Y(
                "loss:Q",
                title=None,
                scale=alt.Scale(zero=False),
                axis=alt.Axis(tickCount=3, format=".3~g"),
            ),
            detail=alt.Detail("chain:N"),
            tooltip=["chain:N"],
        )
    )
    return boxed(chart, f"Loss along {len(traces)} chains", 100)


def _estimates(rows: Sequence[Record], x: alt.X, below: alt.Chart | None = None) -> alt.LayerChart:
    """Marks with error bars, joined by a faint line: filled if trusted, hollow if not."""
    span = _span(rows)
    y = alt.Y(
        title="learning coefficient",
        scale=alt.Scale(domain=list(span), clamp=True) if span else alt.Scale(zero=False),
        axis=alt.Axis(tickCount=4, format=".4~r", minExtent=48, maxExtent=48),
    )
    middle, low = (y.field(name).type("quantitative") for name in ("estimate", "low"))
    base = row_chart(rows).encode(x=x)
    ink = colour("estimate")
    words = [
        alt.Tooltip("checkpoint:N"),
        alt.Tooltip("said:N", title="estimate"),
        alt.Tooltip("trust:N", title="trusted"),
    ]
    filled = alt.condition("datum.trusted", alt.value(ink), alt.value(colour("paper")))
    return layers(
        below,
        base.mark_line(color=ink, strokeWidth=1, opacity=0.35, aria=False).encode(y=middle),
        base.mark_rule(color=ink, strokeWidth=1.5).encode(y=low, y2=alt.Y2("high:Q")),
        base.mark_point(stroke=ink, strokeWidth=1.6, size=46, opacity=1).encode(
            y=middle, fill=filled, tooltip=words
        ),
    )


def _span(rows: Sequence[Record]) -> tuple[float, float] | None:
    """The axis that shows the trusted estimates; None if it would show all the others too.

    A start that is no minimum has an estimate of minus thousands, beside which nothing is seen.
    """
    trusted = [row for row in rows if row["trusted"]]
    if not trusted:
        return None
    low, high = min(0.0, *(r["low"] for r in trusted)), 1.3 * max(r["high"] for r in trusted)
    return (low, high) if any(not low <= row["estimate"] <= high for row in rows) else None


def _estimate_rows(points: Sequence[Record]) -> list[Record]:
    """The estimates that are finite, with the ends of their error bars and their words."""
    rows = []
    for point in points:
        estimate, error = finite(point["estimate"]), finite(point["error"])
        if estimate is None:
            continue
        rows.append(
            {
                "checkpoint": point.get("checkpoint", ""),
                "estimate": estimate,
                "low": estimate - (error or 0.0),
                "high": estimate + (error or 0.0),
                "trusted": bool(point["trusted"]),
                "said": _said(point),
                "trust": _trust(point),
            }
        )
    return rows


def _path_figure(told: Story, found: Record, path: Sequence[Record]) -> Figure:
    largest = told.run.configuration.graphs.max_vertices
    lines = [line["step"] for line in told.metrics if line["stage"] == "pretrain"]
    steps = [*lines, *(point["step"] for point in path)]
    first, last = int(min(steps)), int(max(steps))
    x = steps_axis(first, last)
    losses = distance_loss_chart(told.metrics, "pretrain", largest, last, x)
    unseen = sum(finite(point["estimate"]) is None for point in path)
    left = f" {unseen} estimates are not finite and left out." if unseen else ""
    rows = _estimate_rows(path)
    if span := _span(rows):
        beyond = sum(not span[0] <= row["estimate"] <= span[1] for row in rows)
        left += f" {beyond} that are not trusted lie beyond the axis, and are drawn at its edge."
    return Figure(
        "Along pre-training",
        "Above, the loss by true distance, a sudden fall of which is a phase change; below, the "
        "learning coefficient of snapshots from the same steps, with standard errors. Both share "
        f"one logarithmic axis.{left}",
        _facts(told, found, "MSE by true distance; learning coefficient")
        | {"Draws": "metrics.jsonl, results/learning_coefficient.json"},
        charts=[
            *([("Loss by true distance", "", losses)] if lines else ()),
            ("Learning coefficient", "", path_chart(path, x)),
        ],
        legend=[
            *(Key(title, ink) for title, ink in label_colours(largest).items() if lines),
            *TRUST,
        ],
    )


def _single_figure(told: Story, found: Record, named: Sequence[Record]) -> Figure:
    rows = [
        (
            _title(point["checkpoint"]),
            written(point["baseline_loss"]),
            _said(point),
            ", ".join(written(chain) for chain in point["chains"]) or "–",
            _trust(point),
        )
        for point in named
    ]
    columns = ("network", "its loss", "learning coefficient", "chain by chain", "trusted")
    return Figure(
        "Single networks",
        "Estimate ± standard error, and the reasons where it is not to be trusted.",
        _facts(told, found, "learning coefficient"),
        lists=[PlainTable("Learning coefficients", columns, rows)],
    )


def _sweep_figure(told: Story, found: Record) -> Figure:
    charts = [
        (_title(sweep["checkpoint"]), _verdict(sweep), sweep_chart(sweep))
        for sweep in found["sweeps"]
        if _estimate_rows(sweep["points"])
    ]
    return Figure(
        "Does the estimate depend on the sampler?",
        "An estimate means something only where it does not change with the step size of the "
        "sampler: that plateau is shaded.",
        _facts(told, found, "learning coefficient"),
        charts=charts,
        legend=TRUST,
        layout="grid",
    )


def _trace_figure(told: Story, found: Record) -> Figure:
    groups: dict[tuple[str, int | float], list[Record]] = {}
    for trace in found["traces"]:
        if any(finite(loss) is not None for loss in trace["losses"]):
            groups.setdefault((trace["checkpoint"], trace["step_size"]), []).append(trace)
    chosen = {(point["checkpoint"], point["step_size"]) for point in found["points"]}
    groups = {key: traces for key, traces in groups.items() if key in chosen} or groups
    return Figure(
        "The chains of the sampler",
        "Loss along each chain: level lines that lie together have settled; one that still climbs, "
        "or ends early, has not. Chains of other step sizes are in the file.",
        _facts(told, found, "loss on the batches of the sampler"),
        charts=[
            (_title(name), f"step size {setting(size)}", trace_chart(traces))
            for (name, size), traces in groups.items()
        ],
        layout="grid",
    )


def _facts(told: Story, found: Record, metric: str) -> dict[str, str]:
    return told.facts(
        "snapshots of pre-training and the networks named",
        told.tuned_on,
        f"{grouped(found['examples'])} examples of pre-training",
        metric,
        "results/learning_coefficient.json",
    )


def _verdict(sweep: Record) -> str:
    """What a sweep says; never without a warning where there is no plateau."""
    said, warning = sweep["verdict"], "no plateau: do not trust"
    if sweep["plateau"] is None and "no plateau" not in said:
        said = f"{warning}; {said}"
    return f"{said[:1].upper()}{said[1:]}."


def _said(point: Record) -> str:
    if finite(point["estimate"]) is None:
        return "not finite"
    return f"{written(point['estimate'])} ± {written(point['error'])}"


def _trust(point: Record) -> str:
    return "yes" if point["trusted"] else f"no: {'; '.join(point['reasons']) or 'no reason given'}"


def _title(checkpoint: str) -> str:
    """A network as a reader knows it: `pretrain-step100` is a snapshot of pre-training."""
    stage, _, step = checkpoint.partition("-step")
    if step.isdigit():
        return f"{stage}, step {grouped(int(step))}"
    return TITLES.get(checkpoint, checkpoint)
