"""The section on the learning coefficient: how degenerate the loss is around each solution.

Out: the estimates along training and elsewhere, and everything that speaks for or against them. An
estimate that is not finite has no place on an axis and is left out.
"""

from collections.abc import Sequence

import altair as alt

from offpath.networks import network
from offpath.report.marks import (
    IN_LINE,
    LOG_AXIS,
    Axis,
    Frame,
    Row,
    curves,
    intervals,
    log_step_axis,
    thinned,
)
from offpath.report.parts import Chart, Figure, Key, Section, Story, colour, text_table
from offpath.report.sections.training import distance_loss_chart, label_keys
from offpath.report.words import sentence, setting, significant, thousands
from offpath.results import LearningCoefficients, Point, Sweep, Trace

ESTIMATE = Key("trusted", colour("estimate"), "circle")
TRUST = (ESTIMATE, Key("not trusted", colour("estimate"), "ring"))
WARNING = "no plateau: do not trust"
MOST_LOSSES = 80  # points of one chain: what a small panel can show
Rows = list[Row]


def section(story: Story) -> Section:
    """The learning coefficient along pre-training and of single networks, and which to trust."""
    result = story.get(LearningCoefficients)
    anchor, title = "coefficient", "The learning coefficient"
    if result is None:
        return Section(anchor, title, missing=story.missing(LearningCoefficients))
    path = [p for p in result.points if _on_path(p)]
    single = [p for p in result.points if not _on_path(p) or p.checkpoint == p.network]
    figures = [
        *([_path_figure(story, result, path)] if _rows(story, path) else ()),
        *([_single_figure(story, result, single)] if single else ()),
        *([_sweep_figure(story, result)] if result.sweeps else ()),
        *([_trace_figure(story, result)] if result.traces else ()),
    ]
    text = (
        "The local learning coefficient of singular learning theory measures how fast the loss "
        "rises around a solution: the lower, the more directions leave the loss as it is. It is "
        "estimated by sampling weights near the solution (stochastic gradient Langevin dynamics), "
        "which can fail; an estimate that did not pass its checks is marked as not trusted."
    )
    return Section(anchor, title, text, figures)


def _on_path(point: Point) -> bool:
    """Whether a point is a snapshot of pre-training that has a place on an axis of steps."""
    return point.network == "pretrained" and bool(point.step)


def network_title(story: Story, checkpoint: str) -> str:
    """A network as a reader knows it: `pretrained-step100` is a snapshot of pre-training."""
    name, _, step = checkpoint.partition("-step")
    known = network(story.run.configuration, name)
    title = known.title if known else name
    return f"{title}, step {thousands(int(step))}" if step.isdigit() else title


def _path_figure(story: Story, result: LearningCoefficients, path: Sequence[Point]) -> Figure:
    largest = story.run.configuration.graphs.max_vertices
    lines = [line for line in story.metrics if line.network == "pretrained"]
    steps = [*(line.step for line in lines), *(point.step or 0 for point in path)]
    x = log_step_axis(min(steps), max(steps))
    rows = _rows(story, path)
    unseen = len(path) - len(rows)
    left = f" {unseen} estimates are not finite and left out." if unseen else ""
    if span := estimate_span(rows):
        beyond = sum(not span[0] <= row["estimate"] <= span[1] for row in rows)
        left += f" {beyond} that are not trusted lie beyond the axis, and are drawn at its edge."
    charts = [Chart(distance_loss_chart(lines, largest, x), "Loss by true distance")]
    name = "Learning coefficient over the steps of pre-training"
    chart = _estimates(rows, Frame(name, 190, x, _estimate_axis(rows)))
    return Figure(
        "Along pre-training",
        "Above, the loss by true distance, a sudden fall of which is a phase change; below, the "
        "learning coefficient of snapshots from the same steps, with standard errors. Both share "
        f"one logarithmic axis.{left}",
        _facts(story, result, "MSE by true distance; learning coefficient")
        | {"Draws": "metrics.jsonl, results/learning_coefficient.json"},
        charts=[*(charts if lines else ()), Chart(chart, "Learning coefficient")],
        legend=[*(label_keys(largest) if lines else ()), *TRUST],
    )


def _single_figure(story: Story, result: LearningCoefficients, points: Sequence[Point]) -> Figure:
    rows = [
        (
            network_title(story, point.checkpoint),
            significant(point.baseline_loss),
            estimate_text(point),
            ", ".join(significant(chain) for chain in point.chains) or "–",
            trust_text(point),
        )
        for point in points
    ]
    heads = ("network", "its loss", "learning coefficient", "chain by chain", "trusted")
    return Figure(
        "Single networks",
        "Estimate ± standard error, and the reasons where it is not trusted.",
        _facts(story, result, "learning coefficient"),
        tables=[text_table("Learning coefficients", heads, rows)],
    )


def _sweep_figure(story: Story, result: LearningCoefficients) -> Figure:
    shown = [sweep for sweep in result.sweeps if _rows(story, sweep.points)]
    return Figure(
        "Does the estimate depend on the sampler?",
        "An estimate means something only where it does not change with the step size of the "
        "sampler: that plateau is shaded.",
        _facts(story, result, "learning coefficient"),
        charts=[_sweep_chart(story, sweep) for sweep in shown],
        legend=TRUST,
        layout="grid",
    )


def _sweep_chart(story: Story, sweep: Sweep) -> Chart:
    """The coefficient by step size of the sampler, the plateau shaded."""
    rows, title = _rows(story, sweep.points), network_title(story, sweep.checkpoint)
    scale = {"type": "log", "nice": False, "padding": 10}
    x = Axis("size", "step size of the sampler", scale=scale, axis=LOG_AXIS)
    name = f"Learning coefficient of {title} by step size"
    frame = Frame(name, 170, x, _estimate_axis(rows), band=sweep.plateau)
    verdict = sweep.verdict
    if sweep.plateau is None and "no plateau" not in verdict:
        verdict = f"{WARNING}; {verdict}"
    return Chart(_estimates(rows, frame), title, sentence(verdict))


def _trace_figure(story: Story, result: LearningCoefficients) -> Figure:
    groups: dict[tuple[str, float], list[Trace]] = {}
    for trace in result.traces:
        if any(loss is not None for loss in trace.losses):
            groups.setdefault((trace.checkpoint, trace.step_size), []).append(trace)
    chosen = {(point.checkpoint, point.step_size) for point in result.points}
    groups = {place: traces for place, traces in groups.items() if place in chosen} or groups
    return Figure(
        "The chains of the sampler",
        "Loss along each chain: level lines that lie together have settled; one that still climbs, "
        "or ends early, has not. Chains of other step sizes are in the file.",
        _facts(story, result, "loss on the batches of the sampler"),
        charts=[
            Chart(_trace_chart(traces), network_title(story, name), f"step size {setting(size)}")
            for (name, size), traces in groups.items()
        ],
        layout="grid",
    )


def _trace_chart(traces: Sequence[Trace]) -> alt.LayerChart:
    """The loss along each chain of the sampler."""
    rows = [
        {
            "series": ESTIMATE.title,
            "line": str(trace.chain),
            "place": place / max(1, len(trace.losses) - 1),
            "loss": loss,
        }
        for trace in traces
        for place, loss in thinned(list(enumerate(trace.losses)), MOST_LOSSES)
        if loss is not None
    ]
    percents = {"tickCount": 3, "format": "~%", "labelFlush": True}
    x = Axis("place", "share of the chain", scale={"nice": False}, axis=percents)
    y = Axis("loss", scale={"zero": False}, axis={"tickCount": 3, "format": ".3~g"})
    frame = Frame(f"Loss along {len(traces)} chains", 100, x, y, {"chain": "line"})
    return curves(rows, [ESTIMATE], frame, width=1)


def _estimates(rows: Rows, frame: Frame) -> alt.LayerChart:
    words = {"network": "network", "estimate": "text", "trusted": "trust"}
    return intervals(rows, [ESTIMATE], frame._replace(words=words), joined=True)


def _rows(story: Story, points: Sequence[Point]) -> Rows:
    """The estimates that are finite, with the ends of their error bars and their words."""
    return [
        {
            "series": ESTIMATE.title,
            "network": network_title(story, point.checkpoint),
            "step": point.step,
            "size": point.step_size,
            "estimate": point.estimate,
            "low": point.estimate - (point.error or 0.0),
            "high": point.estimate + (point.error or 0.0),
            "hollow": not point.trusted,
            "text": estimate_text(point),
            "trust": trust_text(point),
        }
        for point in points
        if point.estimate is not None
    ]


def _estimate_axis(rows: Rows) -> Axis:
    span = estimate_span(rows)
    scale = {"domain": list(span), "clamp": True} if span else {"zero": False}
    look = {"tickCount": 4, "format": ".4~r", **IN_LINE}
    return Axis("estimate", "learning coefficient", scale=scale, axis=look)


def estimate_span(rows: Rows) -> tuple[float, float] | None:
    """The axis that shows the trusted estimates; None if it would show all the others too.

    A start that is no minimum has an estimate of minus thousands, beside which nothing is seen.
    """
    trusted = [row for row in rows if not row["hollow"]]
    if not trusted:
        return None
    low, high = min(0.0, *(r["low"] for r in trusted)), 1.3 * max(r["high"] for r in trusted)
    return (low, high) if any(not low <= row["estimate"] <= high for row in rows) else None


def estimate_text(point: Point) -> str:
    """An estimate with its standard error."""
    if point.estimate is None:
        return "not finite"
    return f"{significant(point.estimate)} ± {significant(point.error)}"


def trust_text(point: Point) -> str:
    """Whether an estimate passed its checks, and if not, why."""
    return "yes" if point.trusted else f"no: {'; '.join(point.reasons) or 'no reason given'}"


def _facts(story: Story, result: LearningCoefficients, metric: str) -> dict[str, str]:
    return story.facts(
        "snapshots of pre-training and the networks named",
        f"{thousands(result.examples)} examples of pre-training",
        metric,
        LearningCoefficients,
    )
