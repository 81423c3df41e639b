"""The section on the learning coefficient: how degenerate the loss is around each solution.

An estimate that is not finite has no place on an axis and is left out.
"""

from collections.abc import Sequence

from offpath.networks import network
from offpath.report.marks import Frame, Row, curves, frame, intervals, thinned
from offpath.report.parts import Chart, Figure, Key, Section, Spec, Story, colour, text_table
from offpath.report.sections.training import distance_loss_chart, label_keys
from offpath.report.words import sentence, setting, significant, thousands
from offpath.results import LearningCoefficients, Point, Sweep, Trace

LOOKS = {"trusted": "circle", "not trusted": "ring"}
TRUST = [Key(title, colour("estimate"), shape) for title, shape in LOOKS.items()]
MOST_LOSSES = 80  # points of one chain: what a small panel can show
Span = tuple[float, float] | None


def section(story: Story, result: LearningCoefficients) -> Section:
    """The learning coefficient along pre-training and of single networks, and which to trust."""
    path = [p for p in result.points if p.network == "pretrained" and p.step]
    single = [p for p in result.points if p not in path or "-step" not in p.checkpoint]
    figures = [_path_figure(story, path)] if _rows(story, path) else []
    figures += [_single_figure(story, single)] if single else []
    figures += [_sweep_figure(story, result.sweeps)] if result.sweeps else []
    figures += [_trace_figure(story, result)] if result.traces else []
    return Section(figures)


def _path_figure(story: Story, path: Sequence[Point]) -> Figure:
    largest = story.run.configuration.graphs.max_vertices
    lines = [line for line in story.metrics if line.network == "pretrained"]
    steps = [*(line.step for line in lines), *(point.step or 0 for point in path)]
    ends = [min(steps) / 1.06, 1.06 * max(*steps, min(steps) + 1)]  # marks at the ends stay inside
    x, rows = {"scale": {"domain": ends}}, _rows(story, path)
    span = _span(rows)
    beyond = sum(not span[0] <= row["estimate"] <= span[1] for row in rows) if span else 0
    caption = story.caption("coefficient.path", unseen=len(path) - len(rows), beyond=beyond)
    charts = [Chart(_chart(rows, frame("estimates", x)), "Learning coefficient")]
    if lines:
        charts.insert(0, Chart(distance_loss_chart(lines, largest, x), "Loss by true distance"))
    keys = [*(label_keys(largest) if lines else ()), *TRUST]
    return Figure(*caption, charts=charts, legend=keys)


def _single_figure(story: Story, points: Sequence[Point]) -> Figure:
    heads = ("network", "its loss", "learning coefficient", "chain by chain", "trusted")
    rows = []
    for point in points:
        title, chains = _title(story, point.checkpoint), ", ".join(map(significant, point.chains))
        estimate, trust = _words(point)
        rows.append((title, significant(point.baseline_loss), estimate, chains or "–", trust))
    table = text_table("Learning coefficients", heads, rows)
    return Figure(*story.caption("coefficient.single"), tables=[table])


def _sweep_figure(story: Story, sweeps: Sequence[Sweep]) -> Figure:
    charts = []
    for sweep in sweeps:
        if rows := _rows(story, sweep.points, "step_size"):
            title = _title(story, sweep.checkpoint)
            own = frame("sweep", title=title)._replace(band=sweep.plateau)
            charts.append(Chart(_chart(rows, own), title, sentence(sweep.verdict)))
    return Figure(*story.caption("coefficient.sweep"), charts=charts, legend=TRUST)


def _trace_figure(story: Story, result: LearningCoefficients) -> Figure:
    groups: dict[tuple[str, float], list[Trace]] = {}
    for trace in result.traces:
        if any(loss is not None for loss in trace.losses):
            groups.setdefault((trace.checkpoint, trace.step_size), []).append(trace)
    own = {(point.checkpoint, point.step_size) for point in result.points} & set(groups)
    charts = [_trace_chart(story, t) for place, t in groups.items() if place in own or not own]
    return Figure(*story.caption("coefficient.chains"), charts=charts)


def _trace_chart(story: Story, traces: Sequence[Trace]) -> Chart:
    """The loss along each chain of the sampler."""
    rows = [
        {"series": TRUST[0].title, "line": str(trace.chain), "loss": loss}
        | {"place": i / max(1, len(trace.losses) - 1)}
        for trace in traces
        for i, loss in thinned(list(enumerate(trace.losses)), MOST_LOSSES)
        if loss is not None
    ]
    title, size = _title(story, traces[0].checkpoint), setting(traces[0].step_size)
    return Chart(
        curves(rows, TRUST[:1], frame("chains", count=len(traces))), title, f"step size {size}"
    )


def _rows(story: Story, points: Sequence[Point], by: str = "step") -> list[Row]:
    """The estimates that are finite by a field of theirs, with error bars and words."""
    rows = []
    for p in points:
        if p.estimate is not None:
            (text, trust), error = _words(p), p.error or 0.0
            row = {"series": TRUST[0].title, by: getattr(p, by), "hollow": not p.trusted}
            ends = {"low": p.estimate - error, "high": p.estimate + error}
            words = {"network": _title(story, p.checkpoint), "text": text, "trust": trust}
            rows.append({**row, "estimate": p.estimate, **ends, **words})
    return rows


def _span(rows: Sequence[Row]) -> Span:
    """The axis that shows the trusted estimates; None if it would show all the others too.

    A start that is no minimum has an estimate of minus thousands, beside which nothing is seen.
    """
    trusted = [row for row in rows if not row["hollow"]]
    if not trusted:
        return None
    low, high = min(0.0, *(r["low"] for r in trusted)), 1.3 * max(r["high"] for r in trusted)
    return (low, high) if any(not low <= row["estimate"] <= high for row in rows) else None


def _chart(rows: Sequence[Row], own: Frame) -> Spec:
    """Estimates with error bars: filled if trusted, hollow if not."""
    span = _span(rows)
    scale = {"domain": list(span), "clamp": True} if span else {"zero": False}
    return intervals(rows, TRUST[:1], own._replace(y={**own.y, "scale": scale}))


def _title(story: Story, checkpoint: str) -> str:
    """A network as a reader knows it: `pretrained-step100` is a snapshot of pre-training."""
    name, _, step = checkpoint.partition("-step")
    known = network(story.run.configuration, name)
    title = known.title if known else name
    return f"{title}, step {thousands(int(step))}" if step.isdigit() else title


def _words(point: Point) -> tuple[str, str]:
    """An estimate with its standard error; whether it passed its checks, and if not, why."""
    estimate = f"{significant(point.estimate)} ± {significant(point.error)}"
    trust = f"no: {'; '.join(point.reasons) or 'no reason given'}"
    return "not finite" if point.estimate is None else estimate, "yes" if point.trusted else trust
