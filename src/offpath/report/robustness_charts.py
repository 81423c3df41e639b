"""Charts of what disturbing a network does: pure functions from records to Altair charts.

In: the parts of `results/robustness.json`. What is not finite has no place on an axis and is left
out here, and the captions count it.
"""

from collections.abc import Mapping, Sequence
from statistics import median

import altair as alt

from offpath.report.cells import Slice, finite, percent_interval, setting
from offpath.report.charts import boxed, colour, layers, log_loss, row_chart, thinned
from offpath.run.files import Record

ENDS = ("recovered", "partly", "lost")
"""Colours of how a perturbed network ended: below the first loss, below the second, above both."""

MOST_STEPS = 80  # points of one thin line
BEFORE_AFTER = {
    "loss_perturbed": ("before retraining", "lost", "square"),
    "loss_after": ("after retraining", "recovered", "circle"),
}


def kept_chart(
    cells: Sequence[Record], where: Slice, trained: Record | None, steps: Sequence[int]
) -> alt.LayerChart:
    """Accuracy on one kind of question over the steps, with 95 % intervals.

    The dashed line is the trained network after the same fine-tuning.
    """
    rows = [
        {
            "step": found["step"],
            "accuracy": found["accuracy"],
            "low": found["accuracy_low"],
            "high": found["accuracy_high"],
            "interval": percent_interval(found["accuracy_low"], found["accuracy_high"]) + " %",
            "count": found["count"],
        }
        for found in sorted(cells, key=lambda found: found["step"])
    ]
    y = alt.Scale(domain=[0, 1])
    percents = alt.Axis(format="~%", tickCount=3, minExtent=48, maxExtent=48)
    base = row_chart(rows).encode(x=_few_steps(steps))
    ink = colour("circuit_finetuned")
    chart = layers(
        row_chart([{"accuracy": trained["accuracy"]}])
        .mark_rule(color=colour("finetuned"), strokeDash=[5, 3], strokeWidth=1.5)
        .encode(y=alt.Y("accuracy:Q", scale=y, title=None, axis=percents))
        if trained
        else None,
        base.mark_rule(color=ink, strokeWidth=2).encode(
            y=alt.Y("low:Q", scale=y, title=None, axis=percents), y2=alt.Y2("high:Q")
        ),
        base.mark_line(
            color=ink,
            strokeWidth=1.5,
            point=alt.OverlayMarkDef(size=36, filled=True, color=ink, opacity=1),
        ).encode(
            y=alt.Y("accuracy:Q", scale=y, title=None, axis=percents),
            tooltip=[
                alt.Tooltip("step:Q"),
                alt.Tooltip("accuracy:Q", format=".1%"),
                alt.Tooltip("interval:N", title="95 % interval"),
                alt.Tooltip("count:Q", title="examples"),
            ],
        ),
    )
    return boxed(chart, f"Accuracy on {where.title} by step of fine-tuning", height=110)


def kept_loss_chart(losses: Sequence[Record], steps: Sequence[int]) -> alt.Chart:
    """Loss on the fine-tuning examples over the same steps."""
    rows = [{"step": row["step"], "loss": row["loss"]} for row in losses if positive(row["loss"])]
    chart = (
        row_chart(rows)
        .mark_line(color=colour("circuit_finetuned"), strokeWidth=1.5)
        .encode(x=_few_steps(steps), y=log_loss(within=[r["loss"] for r in rows]).title(None))
    )
    return boxed(chart, "Loss on the fine-tuning examples by step", height=110)


def perturbed_chart(
    perturbed: Sequence[Record],
    limits: Sequence[int | float],
    exact: int | float | None,
    rate: int | float,
) -> alt.LayerChart:
    """Loss over the steps of retraining at one rate: a thin line for each choice of a matrix."""
    rows = [
        {
            "choice": one["choice"],
            "matrix": one["matrix"],
            "step": point["step"],
            "loss": point["loss"],
            "end": ending(one["loss_after"], limits),
        }
        for one in perturbed
        if one["rate"] == rate
        for point in thinned([p for p in one["curve"] if positive(p["loss"])], MOST_STEPS)
    ]
    ends = endings(limits)
    scale = alt.Scale(domain=list(ends), range=[colour(name) for name in ends.values()])
    everything = [p["loss"] for one in perturbed for p in one["curve"] if positive(p["loss"])]
    y = log_loss(within=[*everything, exact])
    lines = (
        row_chart(rows)
        .mark_line(strokeWidth=1.1, opacity=0.75)
        .encode(
            x=alt.X("step:Q", scale=alt.Scale(nice=False), axis=alt.Axis(tickCount=4)),
            y=y,
            color=alt.Color("end:N", scale=scale, legend=None),
            detail=alt.Detail("choice:N"),
            tooltip=[alt.Tooltip("matrix:N"), alt.Tooltip("end:N", title="ends")],
        )
    )
    chart = layers(_level(exact, y), lines)
    return boxed(chart, f"Loss while retraining at the rate {setting(rate)}", height=230)


def basin_chart(graded: Sequence[Record], exact: int | float | None) -> alt.LayerChart:
    """Loss before and after retraining by relative noise, both logarithmic; lines are medians."""
    rows = [
        {"noise": one["noise"], "draw": one["draw"], "loss": one[field], "when": title}
        for field, (title, _, _) in BEFORE_AFTER.items()
        for one in graded
        if positive(one[field]) and positive(one["noise"])
    ]
    groups: dict[tuple[str, float], list[int | float]] = {}
    for row in rows:
        groups.setdefault((row["when"], row["noise"]), []).append(row["loss"])
    middles = [
        {"when": when, "noise": noise, "loss": median(losses)}
        for (when, noise), losses in sorted(groups.items())
    ]
    titles, names, marks = zip(*BEFORE_AFTER.values(), strict=True)
    scale = alt.Scale(domain=titles, range=[colour(name) for name in names])
    x = alt.X(
        "noise:Q",
        title="relative noise on all weights",
        scale=alt.Scale(type="log", nice=False, padding=12),
        axis=alt.Axis(values=sorted({row["noise"] for row in rows}), format="~g"),
    )
    y = log_loss(within=[*(row["loss"] for row in rows), exact])
    shared = {"x": x, "y": y, "color": alt.Color("when:N", scale=scale, legend=None)}
    chart = layers(
        _level(exact, y),
        row_chart(middles).mark_line(strokeWidth=1.5).encode(**shared),
        row_chart(rows)
        .mark_point(filled=True, size=42, opacity=0.8)
        .encode(
            **shared,
            shape=alt.Shape("when:N", scale=alt.Scale(domain=titles, range=marks), legend=None),
            tooltip=[
                alt.Tooltip("when:N", title=" "),
                alt.Tooltip("noise:Q", format="~g"),
                alt.Tooltip("draw:Q"),
                alt.Tooltip("loss:Q", format=".3g"),
            ],
        ),
    )
    return boxed(chart, "Loss before and after retraining by relative noise", height=300)


def straight_chart(lines: Sequence[Record], colours: Mapping[str, str]) -> alt.Chart:
    """Loss on the straight line between two networks; dashed where neurons are not matched."""
    rows = [
        {
            "to": line["to"],
            "title": line["title"],
            "neurons": "matched" if line["matched"] else "as they are",
            "share": point["share"],
            "loss": point["loss"],
        }
        for line in lines
        for point in line["points"]
        if positive(point["loss"])
    ]
    dashes = alt.Scale(domain=["matched", "as they are"], range=[[1, 0], [5, 3]])
    chart = (
        row_chart(rows)
        .mark_line(strokeWidth=1.8)
        .encode(
            x=alt.X(
                "share:Q",
                title="share of the way to the trained network",
                axis=alt.Axis(format="~%", tickCount=5, labelFlush=True),
            ),
            y=log_loss(within=[row["loss"] for row in rows]),
            color=alt.Color(
                "to:N",
                scale=alt.Scale(domain=list(colours), range=list(colours.values())),
                legend=None,
            ),
            strokeDash=alt.StrokeDash("neurons:N", scale=dashes, legend=None),
            tooltip=["title:N", "neurons:N", alt.Tooltip("share:Q", format=".0%"), "loss:Q"],
        )
    )
    return boxed(chart, "Loss along straight lines between networks", height=280)


def positive(value: object) -> bool:
    """Whether a value is a number that has a place on a logarithmic axis."""
    return (finite(value) or 0.0) > 0


def ending(loss: object, limits: Sequence[int | float]) -> str:
    """How a perturbed network ended, in words: below which of the limits."""
    number = finite(loss)
    below = [limit for limit in limits if number is not None and number < limit]
    return f"below {setting(below[0])}" if below else f"not below {setting(limits[-1])}"


def endings(limits: Sequence[int | float]) -> dict[str, str]:
    """Every ending and its colour, the best first; `limits` ascend."""
    words = [f"below {setting(limit)}" for limit in limits] + [f"not below {setting(limits[-1])}"]
    return dict(zip(words, (*ENDS[: len(limits)], ENDS[-1]), strict=True))


def _level(exact: int | float | None, y: alt.Y) -> alt.Chart | None:
    """The loss of the network before anything was done to it."""
    if not positive(exact):
        return None
    return (
        row_chart([{"loss": exact}])
        .mark_rule(strokeDash=[2, 3], strokeWidth=1.5, color=colour("circuit"))
        .encode(y=y)
    )


def _few_steps(steps: Sequence[int]) -> alt.X:
    """Steps from 0, the later ones closer together."""
    return alt.X(
        "step:Q",
        title=None,
        scale=alt.Scale(type="symlog", constant=10, domain=[0, max(steps)], nice=False),
        axis=alt.Axis(values=list(steps), labelOverlap="greedy", format="d", grid=False),
    )
