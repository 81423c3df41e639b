"""The section of the report that sets a run beside the study's eight published figures.

In: a run that trains, with its test matrix. Out: the figures side by side, what of the run's
configuration is not the study's, and by stratum what the pooled figures hide.
"""

import altair as alt
from markupsafe import Markup

from offpath.generalize.published import QUANTITIES, SOURCE
from offpath.generalize.study import ON_PATH, compared
from offpath.report.cells import STRATA, Slice, error_interval, percent, significant
from offpath.report.charts import boxed, colour, row_chart
from offpath.report.heat import HeatRow, HeatTable, heat_cell
from offpath.report.story import Figure, Key, PlainTable, Section, Story
from offpath.report.study_words import (
    difference,
    hidden_sentences,
    mixture_sentence,
    origin_sentences,
    stratum,
)
from offpath.run.files import Record

TITLES = {one.quantity: one.title for one in QUANTITIES}
MEASURES = {"examples": "share_of_examples", "squared error": "share_of_error"}
NO_BREAK = "\N{NO-BREAK SPACE}"
BAND = 46  # height of the two bars of a quantity and the air around them


def study(told: Story) -> Section:
    """The run beside the study; empty but for what is missing until there is a test matrix."""
    anchor, title = "study", "The study’s own figures"
    matrix = told.results.get("matrix")
    if matrix is None:
        return Section(anchor, title, missing=told.missing("matrix"))
    one = compared(told.run.configuration, matrix)
    figures = [_beside_figure(told, one)]
    if one["quantities"]:
        figures.append(_strata_figure(told, one))
    return Section(
        anchor,
        title,
        text=f"The study is {SOURCE}. {' '.join(origin_sentences(one, named=False))}",
        figures=figures,
        statement=" ".join(hidden_sentences(one, detailed=False)),
    )


def _beside_figure(told: Story, one: Record) -> Figure:
    measured = {quantity["quantity"]: quantity for quantity in one["quantities"]}
    rows = [
        [
            quantity.title,
            quantity.published,
            _error(measured.get(quantity.quantity)),
            " / ".join(str(found).replace(" ", NO_BREAK) for found in quantity.remeasured),
        ]
        for quantity in QUANTITIES
    ]
    columns = ("mean squared error", "published", "this run and its interval", "re-measured")
    lists = [PlainTable("Published, measured here and re-measured", columns, rows, narrow=True)]
    if one["differences"]:
        heads = ("part", "options of this run, not those of the study")
        lists.append(PlainTable("Where the configuration differs", heads, _differences(one)))
    return Figure(
        "Published, this run, and re-measured",
        "Re-measured on the weights that the study published: as written is fine-tuning at the "
        "rate of the text, 1e−5, as reproduced at 1e−4, which comes near the published result. "
        f"All examples of a distribution are pooled. {mixture_sentence()}",
        _facts(told, "MSE"),
        lists=lists,
    )


def _differences(one: Record) -> list[tuple[str, list[str]]]:
    """The options that differ, by part of the configuration."""
    parts: dict[str, list[str]] = {}
    for found in one["differences"]:
        parts.setdefault(found["option"].split(".")[0], []).append(difference(found))
    return list(parts.items())


def _error(found: Record | None) -> str:
    """An error and its interval, between which alone a line may break."""
    if found is None:
        return "–"
    whole = Markup('{} <span class="whole">({})</span>')
    return whole.format(significant(found["mse"]), error_interval(found))


def _strata_figure(told: Story, one: Record) -> Figure:
    kinds = _kinds(one)
    return Figure(
        "What the pooled figures are made of",
        "For each figure the upper bar is its examples, the lower one its squared error, both "
        "shared out by kind of question; below, the scores of each kind, with the share of right "
        "answers large and as colour, and its share of the figure’s examples (ex.) and of its "
        f"squared error (err.). {' '.join(hidden_sentences(one))}",
        _facts(told, "share of examples and of squared error; accuracy, MSE, R²"),
        charts=[("", "", _strata_chart(one, kinds))],
        tables=[_strata_table(one, kinds)],
        legend=[Key(kind.title, _colour(kind), "square") for kind in kinds],
        layout="stack",
    )


def _facts(told: Story, metric: str) -> dict[str, str]:
    return told.facts(
        "pre-trained for the first two figures, fine-tuned for the others",
        told.tuned_on,
        "frozen evaluation sets: pre-training, fine-tuning, tests a to e",
        metric,
        "results/matrix.json",
    )


def _kinds(one: Record) -> list[Slice]:
    """The strata that occur, from nearest to farthest."""
    there = {stratum(part) for quantity in one["quantities"] for part in quantity["strata"]}
    return [kind for kind in (STRATA[0], ON_PATH, *STRATA[1:]) if kind in there]


def _colour(kind: Slice) -> str:
    return colour(f"stratum-{kind.slice.replace(', ', '-')}")


def _strata_chart(one: Record, kinds: list[Slice]) -> alt.LayerChart:
    """Two stacked bars for each quantity: its examples, and its squared error, by stratum."""
    rows = []
    for quantity in one["quantities"]:
        for measure, field in MEASURES.items():
            left = 0.0
            for part in quantity["strata"]:
                share = part[field] or 0.0
                rows.append(
                    {
                        "quantity": TITLES[quantity["quantity"]].replace(", ", ",\n"),
                        "measure": measure,
                        "stratum": stratum(part).title,
                        "left": left,
                        "right": left + share,
                        "share": percent(share),
                    }
                )
                left += share
    base = row_chart(rows).encode(
        y=alt.Y(
            "quantity:N",
            sort=None,
            title=None,
            scale=alt.Scale(paddingInner=0.3, paddingOuter=0.15),
            axis=alt.Axis(labelExpr="split(datum.label, '\\n')", domain=False, labelLimit=140),
        ),
        yOffset=alt.YOffset("measure:N", sort=list(MEASURES), scale=alt.Scale(paddingInner=0.12)),
    )
    titles, colours = [kind.title for kind in kinds], [_colour(kind) for kind in kinds]
    bars = base.mark_bar(stroke=colour("paper"), strokeWidth=1).encode(
        x=alt.X(
            "left:Q",
            title="share",
            scale=alt.Scale(domain=[0, 1], nice=False),
            axis=alt.Axis(format="~%", tickCount=5),
        ),
        x2=alt.X2("right:Q"),
        color=alt.Color("stratum:N", scale=alt.Scale(domain=titles, range=colours), legend=None),
        tooltip=[
            alt.Tooltip("quantity:N", title="figure"),
            alt.Tooltip("stratum:N", title="questions"),
            alt.Tooltip("measure:N", title="share of"),
            alt.Tooltip("share:N"),
        ],
    )
    count = len(one["quantities"])
    name = f"Shares of examples and of squared error by stratum in {count} of the study’s figures"
    return boxed(alt.LayerChart(layer=[bars]), name, height=BAND * count)


def _strata_table(one: Record, kinds: list[Slice]) -> HeatTable:
    """Quantities down, strata across."""
    rows = []
    for quantity in one["quantities"]:
        parts = {stratum(part): part for part in quantity["strata"]}
        cells = [
            heat_cell(parts[kind], _weight(parts[kind])) if kind in parts else None
            for kind in kinds
        ]
        title = TITLES[quantity["quantity"]]
        rows.append(HeatRow(quantity["quantity"], title, "checkpoint", cells))
    return HeatTable("The study’s figures by stratum", [(k.title, "") for k in kinds], rows)


def _weight(part: Record) -> list[str]:
    error = part["share_of_error"]
    told = [] if error is None else [f"err. {percent(error)}"]
    return [f"ex. {percent(part['share_of_examples'])}", *told]
