"""Charts of the learning coefficient: pure functions from records to Altair charts.

In: the points, sweeps and traces of `results/learning_coefficient.json`. What is not finite has no
place on an axis and is left out.
"""

from collections.abc import Sequence

import altair as alt

from offpath.report.cells import finite, grouped, written
from offpath.report.charts import POWER_WORDS, POWERS, boxed, colour, layers, row_chart, thinned
from offpath.run.files import Record

TITLES = {
    "circuit": "set by hand",
    "untrained": "untrained",
    "pretrained": "pre-trained",
    "finetuned": "fine-tuned",
    "scratch": "from scratch",
}
MOST_LOSSES = 80  # points of one chain: what a small panel can show


def path_chart(points: Sequence[Record], x: alt.X) -> alt.LayerChart:
    """The coefficient of each snapshot over the steps: hollow where it is not to be trusted."""
    rows = [{"step": p["step"], **row} for p in points for row in estimate_rows([p])]
    return boxed(_estimates(rows, x), "Learning coefficient over the steps of pre-training", 190)


def sweep_chart(sweep: Record) -> alt.LayerChart:
    """The coefficient by step size of the sampler, the plateau shaded."""
    rows = [{"size": p["step_size"], **r} for p in sweep["points"] for r in estimate_rows([p])]
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
    name = f"Learning coefficient of {network_title(sweep['checkpoint'])} by step size"
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
    span = estimate_span(rows)
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


def estimate_rows(points: Sequence[Record]) -> list[Record]:
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
                "said": estimate_text(point),
                "trust": trust_text(point),
            }
        )
    return rows


def estimate_span(rows: Sequence[Record]) -> tuple[float, float] | None:
    """The axis that shows the trusted estimates; None if it would show all the others too.

    A start that is no minimum has an estimate of minus thousands, beside which nothing is seen.
    """
    trusted = [row for row in rows if row["trusted"]]
    if not trusted:
        return None
    low, high = min(0.0, *(r["low"] for r in trusted)), 1.3 * max(r["high"] for r in trusted)
    return (low, high) if any(not low <= row["estimate"] <= high for row in rows) else None


def estimate_text(point: Record) -> str:
    """An estimate with its standard error."""
    if finite(point["estimate"]) is None:
        return "not finite"
    return f"{written(point['estimate'])} ± {written(point['error'])}"


def trust_text(point: Record) -> str:
    """Whether an estimate passed its checks, and if not, why."""
    return "yes" if point["trusted"] else f"no: {'; '.join(point['reasons']) or 'no reason given'}"


def network_title(checkpoint: str) -> str:
    """A network as a reader knows it: `pretrain-step100` is a snapshot of pre-training."""
    stage, _, step = checkpoint.partition("-step")
    if step.isdigit():
        return f"{stage}, step {grouped(int(step))}"
    return TITLES.get(checkpoint, checkpoint)
