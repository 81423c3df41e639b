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

TRUST = (
    Key("trusted", colour("estimate"), "circle"),
    Key("not trusted", colour("estimate"), "ring"),
)
MOST_LOSSES = 80  # points of one chain: what a small panel can show


def section(story: Story) -> Section:
    """The learning coefficient along pre-training and of single networks, and which to trust."""
    result = story.get(LearningCoefficients)
    anchor, title = "coefficient", "The learning coefficient"
    if result is None:
        return Section(anchor, title, missing=story.missing(LearningCoefficients))
    path = [p for p in result.points if p.network == "pretrained" and p.step]
    single = [p for p in result.points if p not in path or "-step" not in p.checkpoint]
    figures = [_path_figure(story, path)] if estimate_rows(story, path) else []
    figures += [_single_figure(story, single)] if single else []
    figures += [_sweep_figure(story, result.sweeps)] if result.sweeps else []
    figures += [_trace_figure(story, result)] if result.traces else []
    text = (
        "The local learning coefficient of singular learning theory measures how fast the loss "
        "rises around a solution: the lower, the more directions leave the loss as it is. It is "
        "estimated by sampling weights near the solution (stochastic gradient Langevin dynamics), "
        "which can fail; an estimate that did not pass its checks is marked as not trusted."
    )
    return Section(anchor, title, text, figures)


def network_title(story: Story, checkpoint: str) -> str:
    """A network as a reader knows it: `pretrained-step100` is a snapshot of pre-training."""
    name, _, step = checkpoint.partition("-step")
    known = network(story.run.configuration, name)
    title = known.title if known else name
    return f"{title}, step {thousands(int(step))}" if step.isdigit() else title


def estimate_rows(story: Story, points: Sequence[Point], by: str = "step") -> list[Row]:
    """The estimates that are finite by a field of theirs, with error bars and words."""
    return [
        {
            "series": TRUST[0].title,
            "network": network_title(story, point.checkpoint),
            by: getattr(point, by),
            "estimate": point.estimate,
            "low": point.estimate - (point.error or 0.0),
            "high": point.estimate + (point.error or 0.0),
            "hollow": not point.trusted,
            "text": _estimate(point),
            "trust": _trust(point),
        }
        for point in points
        if point.estimate is not None
    ]


def estimate_span(rows: Sequence[Row]) -> tuple[float, float] | None:
    """The axis that shows the trusted estimates; None if it would show all the others too.

    A start that is no minimum has an estimate of minus thousands, beside which nothing is seen.
    """
    trusted = [row for row in rows if not row["hollow"]]
    if not trusted:
        return None
    low, high = min(0.0, *(r["low"] for r in trusted)), 1.3 * max(r["high"] for r in trusted)
    return (low, high) if any(not low <= row["estimate"] <= high for row in rows) else None


def _path_figure(story: Story, path: Sequence[Point]) -> Figure:
    largest = story.run.configuration.graphs.max_vertices
    lines = [line for line in story.metrics if line.network == "pretrained"]
    steps = [*(line.step for line in lines), *(point.step or 0 for point in path)]
    x, rows = log_step_axis(min(steps), max(steps)), estimate_rows(story, path)
    text = (
        "Above, the loss by true distance, a sudden fall of which is a phase change; below, the "
        "learning coefficient of snapshots from the same steps, with standard errors. Both share "
        "one logarithmic axis of steps."
    )
    if unseen := len(path) - len(rows):
        text += f" {unseen} estimates are not finite and left out."
    if span := estimate_span(rows):
        beyond = sum(not span[0] <= row["estimate"] <= span[1] for row in rows)
        text += f" {beyond} estimates that are not trusted lie beyond the axis, drawn at its edge."
    chart = _chart("Learning coefficient over the steps of pre-training", 190, x, rows)
    charts = []
    if lines:
        charts.append(Chart(distance_loss_chart(lines, largest, x), "Loss by true distance"))
    return Figure(
        "Along pre-training",
        text,
        _facts(story, "MSE by true distance; learning coefficient")
        | {"Draws": "metrics.jsonl, results/learning_coefficient.json"},
        charts=[*charts, Chart(chart, "Learning coefficient")],
        legend=[*(label_keys(largest) if lines else ()), *TRUST],
    )


def _single_figure(story: Story, points: Sequence[Point]) -> Figure:
    heads = ("network", "its loss", "learning coefficient", "chain by chain", "trusted")
    rows = [
        (
            network_title(story, point.checkpoint),
            significant(point.baseline_loss),
            _estimate(point),
            ", ".join(map(significant, point.chains)) or "–",
            _trust(point),
        )
        for point in points
    ]
    return Figure(
        "Single networks",
        "Estimate ± standard error, and the reasons where it is not trusted.",
        _facts(story, "learning coefficient"),
        tables=[text_table("Learning coefficients", heads, rows)],
    )


def _sweep_figure(story: Story, sweeps: Sequence[Sweep]) -> Figure:
    return Figure(
        "Does the estimate depend on the sampler?",
        "An estimate means something only where it does not change with the step size of the "
        "sampler: that plateau is shaded.",
        _facts(story, "learning coefficient"),
        charts=[_sweep_chart(story, s) for s in sweeps if estimate_rows(story, s.points)],
        legend=TRUST,
        layout="grid",
    )


def _sweep_chart(story: Story, sweep: Sweep) -> Chart:
    """The coefficient by step size of the sampler, the plateau shaded."""
    rows = estimate_rows(story, sweep.points, "step_size")
    title = network_title(story, sweep.checkpoint)
    scale = {"type": "log", "nice": False, "padding": 10}
    x = Axis("step_size", "step size of the sampler", scale=scale, axis=LOG_AXIS)
    name = f"Learning coefficient of {title} by step size"
    return Chart(_chart(name, 170, x, rows, sweep.plateau), title, sentence(sweep.verdict))


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
        _facts(story, "loss on the batches of the sampler"),
        charts=[
            Chart(_trace_chart(traces), network_title(story, name), f"step size {setting(size)}")
            for (name, size), traces in groups.items()
        ],
        layout="grid",
    )


def _trace_chart(traces: Sequence[Trace]) -> alt.LayerChart:
    """The loss along each chain of the sampler."""
    rows = []
    for trace in traces:
        row, end = {"series": TRUST[0].title, "line": str(trace.chain)}, len(trace.losses) - 1
        points = thinned(list(enumerate(trace.losses)), MOST_LOSSES)
        rows += [{**row, "place": i / max(1, end), "loss": x} for i, x in points if x is not None]
    percents = {"tickCount": 3, "format": "~%", "labelFlush": True}
    x = Axis("place", "share of the chain", scale={"nice": False}, axis=percents)
    y = Axis("loss", scale={"zero": False}, axis={"tickCount": 3, "format": ".3~g"})
    frame = Frame(f"Loss along {len(traces)} chains", 100, x, y, {"chain": "line"})
    return curves(rows, TRUST[:1], frame, width=1.0)


def _chart(
    name: str, height: int, x: Axis, rows: Sequence[Row], band: tuple[float, float] | None = None
) -> alt.LayerChart:
    """Estimates with error bars: filled if trusted, hollow if not."""
    span = estimate_span(rows)
    scale = {"domain": list(span), "clamp": True} if span else {"zero": False}
    look = {"tickCount": 4, "format": ".4~r", **IN_LINE}
    y = Axis("estimate", "learning coefficient", scale=scale, axis=look)
    words = {"network": "network", "estimate": "text", "trusted": "trust"}
    return intervals(rows, TRUST[:1], Frame(name, height, x, y, words, band=band), joined=True)


def _estimate(point: Point) -> str:
    """An estimate with its standard error."""
    both = f"{significant(point.estimate)} ± {significant(point.error)}"
    return "not finite" if point.estimate is None else both


def _trust(point: Point) -> str:
    """Whether an estimate passed its checks, and if not, why."""
    return "yes" if point.trusted else f"no: {'; '.join(point.reasons) or 'no reason given'}"


def _facts(story: Story, metric: str) -> dict[str, str]:
    result = story.get(LearningCoefficients)
    examples = f"{thousands(result.examples)} examples of pre-training" if result else ""
    model = "snapshots of pre-training and the networks named"
    return story.facts(model, examples, metric, LearningCoefficients)
