"""The section on the learning coefficient: is there one, or only curvature set by localisation?

Only a plateau gives a coefficient. Without one its numbers are localised curvatures, shown beside
the gamma of each; those that are not finite or were not sampled have no place on an axis.
"""

from collections.abc import Sequence

from offpath.networks import network
from offpath.report.frames import Row, frame
from offpath.report.marks import curves, intervals, thinned
from offpath.report.parts import SHAPES, Chart, Figure, Key, Section, Story, colour, text_table
from offpath.report.sections.training import distance_loss_chart, label_keys
from offpath.report.words import sentence, setting, significant, thousands
from offpath.results import LearningCoefficients, Plateau, Point, Sweep, Trace

CURVATURE = Key("localised curvature", colour("estimate"), "circle")
FAILED = Key("the sampler failed a check", colour("estimate"), "ring")
COEFFICIENT = Key("learning coefficient", colour("estimate"), "circle")
MOST_LOSSES = 80  # points of one chain: what a small panel can show


def section(story: Story, result: LearningCoefficients) -> Section:
    """The finding, the verdict of each checkpoint, its grid and its chains."""
    figures = [_verdict_figure(story, result.sweeps)] if result.sweeps else []
    if charted := [sweep for sweep in result.sweeps if _rows(sweep)]:
        figures.append(_grid_figure(story, charted))
    path = [(s.step, s.plateau) for s in result.sweeps if s.network == "pretrained" and s.step]
    plateaus = [(step, plateau) for step, plateau in path if plateau]
    if len(plateaus) > 1 and all(sweep.plateau for sweep in result.sweeps):
        figures.append(_path_figure(story, plateaus))
    if any(loss is not None for trace in result.traces for loss in trace.losses):
        figures.append(_trace_figure(story, result))
    return Section(figures, sentence(result.finding))


def _verdict_figure(story: Story, sweeps: Sequence[Sweep]) -> Figure:
    """Each checkpoint with its coefficient, or the words why it has none."""
    heads = ("network", "its loss", "learning coefficient", "verdict")
    rows = [(_title(story, s.checkpoint), significant(s.baseline_loss), _coefficient(s.plateau),
             sentence(s.verdict)) for s in sweeps]  # fmt: skip
    return Figure(*story.caption("coefficient.verdicts"),
                  tables=[text_table("Verdicts", heads, rows)])  # fmt: skip


def _coefficient(plateau: Plateau | None) -> str:
    if plateau is None:
        return "none"
    return f"{significant(plateau.coefficient)} ± {significant(plateau.error)}"


def _grid_figure(story: Story, sweeps: Sequence[Sweep]) -> Figure:
    """Localised curvature by localisation, a line for each step size, beside a table of reasons."""
    charts, tables, keys = [], [], _share_keys(sweeps)
    for sweep in sweeps:
        title = _title(story, sweep.checkpoint)
        band = sweep.plateau.localisations if sweep.plateau else None
        own = frame("curvatures", title=title)._replace(band=band)
        charts.append(Chart(intervals(_rows(sweep), keys, own), title, sentence(sweep.verdict)))
    for sweep in sweeps:
        heads = ("gamma", "step size", "localised curvature", "chain by chain", "checks")
        rows = [(setting(p.localisation), f"{p.step_size:.2g}", *_words(p)) for p in sweep.points]
        tables.append(text_table(_title(story, sweep.checkpoint), heads, rows))
    caption = story.caption("coefficient.grid")
    return Figure(*caption, charts=charts, tables=tables, legend=[*keys, FAILED])


def _path_figure(story: Story, path: Sequence[tuple[int, Plateau]]) -> Figure:
    """Coefficients over the losses of the same steps; there only if each point has a plateau."""
    largest = story.run.configuration.graphs.max_vertices
    lines = [line for line in story.metrics if line.network == "pretrained"]
    steps = [*(line.step for line in lines), *(step for step, _ in path)]
    ends = [min(steps) / 1.06, 1.06 * max(*steps, min(steps) + 1)]  # marks at the ends stay inside
    x = {"scale": {"domain": ends}}
    rows = [_row(COEFFICIENT, p.coefficient, p.error, step=step, text=_coefficient(p))
            for step, p in path]  # fmt: skip
    charts = [Chart(intervals(rows, [COEFFICIENT], frame("coefficients", x)), COEFFICIENT.title)]
    if lines:
        charts.insert(0, Chart(distance_loss_chart(lines, largest, x), "Loss by true distance"))
    keys = [*(label_keys(largest) if lines else ()), COEFFICIENT]
    return Figure(*story.caption("coefficient.path"), charts=charts, legend=keys)


def _trace_figure(story: Story, result: LearningCoefficients) -> Figure:
    """The chains of the weakest pull that was sampled, where they are slowest to settle."""
    charts = []
    for sweep in result.sweeps:
        own = [t for t in result.traces if t.checkpoint == sweep.checkpoint and any(t.losses)]
        groups: dict[tuple[float, float], list[Trace]] = {}
        for trace in own:
            groups.setdefault((trace.localisation, trace.step_share), []).append(trace)
        if groups:
            charts.append(_trace_chart(story, groups[min(groups)]))
    return Figure(*story.caption("coefficient.chains"), charts=charts)


def _trace_chart(story: Story, traces: Sequence[Trace]) -> Chart:
    """The loss along each chain of the sampler."""
    rows = [
        {"series": CURVATURE.title, "line": str(trace.chain), "loss": loss}
        | {"place": i / max(1, len(trace.losses) - 1)}
        for trace in traces
        for i, loss in thinned(list(enumerate(trace.losses)), MOST_LOSSES)
        if loss is not None
    ]
    chart = curves(rows, [CURVATURE], frame("chains", count=len(traces)))
    gamma, share = setting(traces[0].localisation), setting(traces[0].step_share)
    text = f"gamma = {gamma}, {share} of the largest step"
    return Chart(chart, _title(story, traces[0].checkpoint), text)


def _share_keys(sweeps: Sequence[Sweep]) -> list[Key]:
    shares = sorted({point.step_share for sweep in sweeps for point in sweep.points})
    return [Key(_share(share), colour("estimate"), SHAPES[i % len(SHAPES)])
            for i, share in enumerate(shares)]  # fmt: skip


def _share(share: float) -> str:
    return f"{setting(share)} of the largest step"


def _rows(sweep: Sweep) -> list[Row]:
    """The localised curvatures that are finite, with error bars and words."""
    return [
        _row(Key(_share(p.step_share), ""), p.localised_curvature, p.error or 0.0,
             localisation=p.localisation, hollow=not p.passed, text=_words(p)[0],
             checks=_words(p)[2])
        for p in sweep.points if p.localised_curvature is not None
    ]  # fmt: skip


def _row(key: Key, value: float, error: float, **others: object) -> Row:
    ends = {"low": value - error, "high": value + error}
    return {"series": key.title, "estimate": value, **ends, **others}


def _title(story: Story, checkpoint: str) -> str:
    """A network as a reader knows it: `pretrained-step100` is a snapshot of pre-training."""
    name, _, step = checkpoint.partition("-step")
    known = network(story.run.configuration, name)
    title = known.title if known else name
    return f"{title}, step {thousands(int(step))}" if step.isdigit() else title


def _words(point: Point) -> tuple[str, str, str]:
    """A localised curvature with its error; each chain's; whether the sampler passed its checks."""
    value, error = point.localised_curvature, point.error
    curvature = "–" if value is None else f"{significant(value)} ± {significant(error)}"
    chains = ", ".join(map(significant, point.chains)) or "–"
    checks = "passed" if point.passed else "; ".join(point.reasons)
    return curvature, chains, checks
