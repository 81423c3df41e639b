"""Charts of the result files: pure functions from records to Altair charts.

A predictor is named by the matrix and drawn in its own colour and shape in every chart.
"""

import textwrap
from collections.abc import Sequence
from typing import TypeVar

import altair as alt

from offpath.report.cells import Slice, cell, label_title, percent_interval
from offpath.report.charts import Rows, boxed, colour, layers, row_chart
from offpath.report.story import Key
from offpath.run.files import Record

SHAPES = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down")
GROUPS = alt.Scale(paddingInner=0.35, paddingOuter=0.15)  # air between kinds of question
LONGEST_LINE = 18  # letters beside a panel of predictions
Axis = TypeVar("Axis", alt.X, alt.Y)


def strata_chart(
    matrix: Record, world: str, slices: Sequence[Slice], predictors: Sequence[str]
) -> alt.LayerChart:
    """Accuracy of each predictor on each slice: a dot in its 95 % interval, one band a slice."""
    predictors = list(predictor_titles(matrix, predictors))
    base = _accuracy_base(matrix, world, slices, predictors).encode(
        y=alt.Y(
            "slice:N",
            sort=None,
            scale=GROUPS,
            title=None,
            axis=alt.Axis(labelLimit=140, domain=False),
        ),
        yOffset=alt.YOffset("predictor:N", sort=None),
    )
    chart = layers(
        base.mark_rule(strokeWidth=2.5).encode(x=_accuracy("low", alt.X), x2=alt.X2("high:Q")),
        base.mark_point(filled=True, size=70, opacity=1).encode(
            x=_accuracy("accuracy", alt.X), shape=_shape(matrix, predictors)
        ),
    )
    title = _title(matrix, world)
    name = f"Accuracy of {len(predictors)} predictors on {len(slices)} kinds of question of {title}"
    return boxed(chart, name, height=18 * len(slices) * len(predictors))


def distance_chart(
    matrix: Record, world: str, slices: Sequence[Slice], predictors: Sequence[str]
) -> alt.LayerChart:
    """Accuracy of each predictor by true distance, with 95 % intervals; "no path" is last."""
    predictors = list(predictor_titles(matrix, predictors))
    base = _accuracy_base(matrix, world, slices, predictors).encode(
        x=alt.X("slice:N", sort=None, scale=GROUPS, title="true distance", axis=_distance_axis()),
        xOffset=alt.XOffset("predictor:N", sort=None),
    )
    chart = layers(
        base.mark_rule(strokeWidth=2).encode(y=_accuracy("low", alt.Y), y2=alt.Y2("high:Q")),
        base.mark_point(filled=True, size=55, opacity=1).encode(
            y=_accuracy("accuracy", alt.Y), shape=_shape(matrix, predictors)
        ),
    )
    return boxed(
        chart, f"Accuracy of {len(predictors)} predictors on {world} by true distance", 280
    )


def label_chart(world: Record, max_vertices: int) -> alt.LayerChart:
    """How often each true distance occurs in an evaluation set, beside its exact probability."""
    rows = [
        {
            "label": label_title(found["label"], max_vertices),
            "share": found["count"] / world["examples"],
            "drawn": f"{found['count']} of {world['examples']}",
            "exact": found["exact"],
        }
        for found in world["labels"]
    ]
    base = row_chart(rows).encode(
        x=alt.X("label:N", sort=None, title=None, axis=_distance_axis()),
        tooltip=[
            alt.Tooltip("label:N", title="true distance"),
            alt.Tooltip("drawn:N"),
            alt.Tooltip("share:Q", format=".3%"),
            alt.Tooltip("exact:Q", title="exact probability", format=".3%"),
        ],
    )
    share = alt.Y("share:Q", title=None, axis=alt.Axis(format="~%", tickCount=4))
    chart = layers(
        base.mark_bar(fill=colour("bar")).encode(y=share),
        base.mark_tick(thickness=2, color=colour("ink")).encode(y="exact:Q"),
    )
    name = f"Share of each true distance in {world['title']}, with exact probabilities"
    return boxed(chart, name, height=130)


def prediction_chart(
    predictions: Record, matrix: Record, predictors: Sequence[str]
) -> alt.FacetChart:
    """What each predictor says for each true distance on each distribution, as a grid of panels.

    Each column of a panel sums to 1; shares below 0.2 %, too faint to be seen, are left out.
    """
    rows = [_wrapped(title) for title in predictor_titles(matrix, predictors).values()]
    columns = [world["title"] for world in matrix["worlds"]]
    header = alt.Header(title=None, labelFontSize=12, labelFontWeight="bold", labelPadding=4)
    beside = header.copy()
    beside.labelExpr = "split(datum.label, '\\n')"
    largest = matrix["max_vertices"]
    x = alt.X(
        title="true distance",
        scale=alt.Scale(domain=[0.4, largest + 0.6], nice=False),
        axis=_sparse_axis(
            largest, words=f"datum.value == {largest} ? ['no', 'path'] : datum.label"
        ),
    )
    y = alt.Y(
        title="prediction",
        scale=alt.Scale(domain=[predictions["lowest"], predictions["highest"]], nice=False),
        axis=_sparse_axis(largest),
    )
    return (
        layers(_density(x, y), _diagonal(x, y, largest))
        .properties(width=124, height=124)
        .facet(
            data=alt.Data(values=Rows(_prediction_rows(predictions, matrix, predictors))),
            row=alt.Row("predictor:N", sort=rows, header=beside),
            column=alt.Column("world:N", sort=columns, header=header),
            spacing=10,
        )
        .properties(description="Two-dimensional histograms of true distance by predicted value")
    )


def _wrapped(title: str) -> str:
    """A title in lines that are no longer than a panel is high."""
    return "\n".join(textwrap.wrap(title, LONGEST_LINE))


def _density(x: alt.X, y: alt.Y) -> alt.Chart:
    """Bins of predictions, the stronger the larger their share of their true distance."""
    strength = alt.Scale(type="sqrt", domain=[0, 1], range=[0, 1])
    return (
        alt.Chart()
        .mark_rect(fill=colour("density"), aria=False)  # thousands: the chart's own words must do
        .encode(
            x=x.field("left").type("quantitative"),
            x2=alt.X2("right:Q"),
            y=y.field("low").type("quantitative"),
            y2=alt.Y2("high:Q"),
            opacity=alt.Opacity("share:Q", legend=None, scale=strength),
            tooltip=[
                alt.Tooltip("truth:N", title="true distance"),
                alt.Tooltip("low:Q", title="prediction from"),
                alt.Tooltip("high:Q", title="to"),
                alt.Tooltip("share:Q", title="share of column", format=".1%"),
                alt.Tooltip("count:Q", title="examples"),
            ],
        )
    )


def _diagonal(x: alt.X, y: alt.Y, largest: int) -> alt.Chart:
    """Where the prediction is the true distance."""
    ends = alt.Data(values=[{"at": 0.5}, {"at": largest + 0.5}])
    return (
        alt.Chart(ends)
        .mark_line(strokeWidth=1, strokeDash=[3, 2], color=colour("muted"), aria=False)
        .encode(x=x.field("at").type("quantitative"), y=y.field("at").type("quantitative"))
    )


def _accuracy_base(
    matrix: Record, world: str, slices: Sequence[Slice], predictors: Sequence[str]
) -> alt.Chart:
    """A chart that knows every accuracy, its interval, its words and its predictor's colour."""
    titles = predictor_titles(matrix, predictors)
    rows = [
        {
            "predictor": title,
            "slice": where.title,
            **{end: found[end] for end in ("accuracy", "count")},
            "low": found["accuracy_low"],
            "high": found["accuracy_high"],
            "interval": percent_interval(found["accuracy_low"], found["accuracy_high"]) + " %",
        }
        for where in slices
        for name, title in titles.items()
        if (found := cell(matrix, name, world, where))
    ]
    scale = alt.Scale(domain=list(titles.values()), range=[colour(name) for name in titles])
    return row_chart(rows).encode(
        color=alt.Color("predictor:N", scale=scale, legend=None),
        tooltip=[
            alt.Tooltip("predictor:N"),
            alt.Tooltip("slice:N", title="questions"),
            alt.Tooltip("accuracy:Q", format=".1%"),
            alt.Tooltip("interval:N", title="95 % interval"),
            alt.Tooltip("count:Q", title="examples"),
        ],
    )


def _prediction_rows(
    predictions: Record, matrix: Record, predictors: Sequence[str]
) -> list[Record]:
    """One row for each bin that can be seen: its edges and its share of its true distance."""
    titles, width = predictor_titles(matrix, predictors), predictions["bin_width"]
    worlds = {world["world"]: world["title"] for world in matrix["worlds"]}
    rows = []
    for panel in (c for c in predictions["cells"] if c["predictor"] in titles):
        totals: dict[int, int] = {}
        for found in panel["counts"]:
            totals[found["label"]] = totals.get(found["label"], 0) + found["count"]
        for found in panel["counts"]:
            label, low = found["label"], predictions["lowest"] + found["bin"] * width
            row = {
                "predictor": _wrapped(titles[panel["predictor"]]),
                "world": worlds[panel["world"]],
                "truth": label_title(label, matrix["max_vertices"]),
                "left": label - 0.5,
                "right": label + 0.5,
                "low": low,
                "high": low + width,
                "share": round(found["count"] / totals[label], 4),
                "count": found["count"],
            }
            rows += [row] if row["share"] >= 0.002 else []
    return rows


def _accuracy(field: str, axis: type[Axis]) -> Axis:
    """Accuracy from 0 to 1 along x or y, written in per cent."""
    return axis(
        f"{field}:Q",
        title="accuracy",
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(format="~%", tickCount=6),
    )


def _shape(matrix: Record, predictors: Sequence[str]) -> alt.Shape:
    """A shape of its own for each predictor: colour is never the only difference."""
    titles = list(predictor_titles(matrix, predictors).values())
    shapes = list(SHAPES[: len(titles)])
    return alt.Shape("predictor:N", scale=alt.Scale(domain=titles, range=shapes), legend=None)


def _distance_axis() -> alt.Axis:
    """True distances, with "no path" on two lines."""
    return alt.Axis(
        labelAngle=0, labelExpr="split(datum.label, ' ')", labelOverlap="parity", ticks=False
    )


def _sparse_axis(largest: int, words: str = "datum.label") -> alt.Axis:
    """Few true distances, so that "no path" has room beside them."""
    step = 2 if largest < 10 else 4
    marks = [*range(1, largest - step // 2, step), largest]
    return alt.Axis(values=marks, labelExpr=words, labelOverlap=False)


def predictor_titles(matrix: Record, predictors: Sequence[str]) -> dict[str, str]:
    """Titles by name of those of the predictors that the matrix has, in the order asked for."""
    known = {row["predictor"]: row["title"] for row in matrix["predictors"]}
    return {name: known[name] for name in predictors if name in known}


def predictor_legend(matrix: Record, predictors: Sequence[str]) -> list[Key]:
    """Colour and shape of those predictors that the matrix has."""
    titles = predictor_titles(matrix, predictors)
    marks = zip(titles.items(), SHAPES, strict=False)
    return [Key(title, colour(name), shape) for (name, title), shape in marks]


def _title(matrix: Record, world: str) -> str:
    return next((row["title"] for row in matrix["worlds"] if row["world"] == world), world)
