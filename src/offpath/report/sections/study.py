"""The section that sets a run beside WWZ24: its figures, pooled as published, and by stratum."""

import altair as alt

from offpath.report.marks import Axis, Frame, bars, share_axis
from offpath.report.parts import (
    Chart,
    Entry,
    Figure,
    Key,
    Section,
    Story,
    Table,
    TableRow,
    score_entry,
    slice_colour,
    text_table,
)
from offpath.report.study_words import (
    difference,
    hidden_sentences,
    mixture_sentence,
    origin_sentences,
    stratum,
)
from offpath.report.words import NO_BREAK, error_interval, percent, significant
from offpath.results import Scores, Study, StudyQuantity, StudyStratum
from offpath.slices import ON_PATH, SPLIT_STRATA, Slice

BAND = 46  # height of the two bars of a quantity and the air around them


def section(story: Story) -> Section:
    """The run beside WWZ24; nothing, if the run trains nothing."""
    anchor, title = "study", "Beside the figures of WWZ24"
    if not story.trains:
        return Section(anchor, title)
    study = story.get(Study)
    if study is None:
        return Section(anchor, title, missing=story.missing(Study))
    figures = [_published_figure(story, study)]
    if any(quantity.pooled for quantity in study.quantities):
        figures.append(_strata_figure(story, study))
    return Section(
        anchor,
        title,
        text=f"WWZ24 is {study.source}. {' '.join(origin_sentences(study, named=False))}",
        figures=figures,
        statement=" ".join(hidden_sentences(study, detailed=False)),
    )


def _published_figure(story: Story, study: Study) -> Figure:
    heads = ("mean squared error", "published", "this run and its interval", "re-measured")
    rows = [
        TableRow(q.title, [Entry([q.published]), _error(q.pooled), Entry([_remeasured(q)])])
        for q in study.quantities
    ]
    title = "Published, measured here and re-measured"
    tables = [Table(title, heads, rows, "narrow")]
    parts: dict[str, list[str]] = {}
    for option, values in study.differences.items():
        parts.setdefault(option.split(".")[0], []).append(difference(option, *values))
    if parts:
        heads = ("part", "options of this run, not those of WWZ24")
        tables.append(text_table("Where the configuration differs", heads, list(parts.items())))
    return Figure(
        "Published, this run, and re-measured",
        "Re-measured on the weights that WWZ24 published: as written is fine-tuning at the "
        "rate of the text, 1e−5, as reproduced at 1e−4, which comes near the published result. "
        f"All examples of a distribution are pooled. {mixture_sentence(study)}",
        _facts(story, "MSE"),
        tables=tables,
    )


def _error(scores: Scores | None) -> Entry | None:
    return Entry([significant(scores.mse), f"({error_interval(scores)})"]) if scores else None


def _remeasured(quantity: StudyQuantity) -> str:
    """What the published weights score again; a line breaks between two ways alone."""
    ways = (f"{score} {way}".strip() for way, score in quantity.remeasured.items())
    return " / ".join(text.replace(" ", NO_BREAK) for text in ways)


def _strata_figure(story: Story, study: Study) -> Figure:
    there = {stratum(part) for quantity in study.quantities for part in quantity.strata}
    slices = [where for where in (SPLIT_STRATA[0], ON_PATH, *SPLIT_STRATA[1:]) if where in there]
    keys = [Key(where.title, slice_colour(where), "square") for where in slices]
    return Figure(
        "What the pooled figures are made of",
        "For each figure the upper bar is its examples, the lower one its squared error, both "
        "by stratum; below, the scores of each stratum, with the accuracy large and as colour, "
        "and its share of the figure’s examples (ex.) and of its squared error (err.). "
        f"{' '.join(hidden_sentences(study))}",
        _facts(story, "share of examples and of squared error; accuracy, MSE, R²"),
        charts=[Chart(_strata_chart(study, keys))],
        tables=[_strata_table(study, slices)],
        legend=keys,
    )


def _strata_chart(study: Study, keys: list[Key]) -> alt.LayerChart:
    """Two stacked bars for each quantity: its examples, and its squared error, by stratum."""
    rows = []
    for quantity in study.quantities:
        examples = [part.share_of_examples for part in quantity.strata]
        errors = [part.share_of_error or 0.0 for part in quantity.strata]
        for measure, shares in (("examples", examples), ("squared error", errors)):
            left = 0.0
            for part, share in zip(quantity.strata, shares, strict=True):
                row = {"quantity": quantity.title.replace(", ", ",\n"), "measure": measure}
                ends = {"left": left, "right": left + share, "share": percent(share)}
                rows.append({**row, "series": stratum(part).title, **ends})
                left += share
    look = {"labelExpr": "split(datum.label, '\\n')", "domain": False, "labelLimit": 140}
    air = {"paddingInner": 0.3, "paddingOuter": 0.15}
    count = len({row["quantity"] for row in rows})
    frame = Frame(
        f"Shares of examples and of squared error by stratum in {count} figures of WWZ24",
        BAND * count,
        share_axis("left", "share", 5)._replace(until="right"),
        Axis("quantity", kind="N", scale=air, axis=look),
        {"figure": "quantity", "examples of": "series", "share of": "measure", "share": "share"},
    )
    return bars(rows, keys, frame, beside="measure")


def _strata_table(study: Study, slices: list[Slice]) -> Table:
    """Quantities down, strata across."""
    rows = []
    for quantity in study.quantities:
        parts = {stratum(part): part for part in quantity.strata}
        cells = [_stratum_entry(parts[where]) if where in parts else None for where in slices]
        rows += [TableRow(quantity.title, cells)] if parts else []
    columns = ["figure", *(where.title for where in slices)]
    return Table("The figures by stratum", columns, rows, "heat")


def _stratum_entry(part: StudyStratum) -> Entry | None:
    error = [] if part.share_of_error is None else [f"err. {percent(part.share_of_error)}"]
    return score_entry(part, f"ex. {percent(part.share_of_examples)}", *error)


def _facts(story: Story, metric: str) -> dict[str, str]:
    return story.facts(
        "pre-trained for the first two figures, fine-tuned for the others",
        "frozen evaluation sets: pre-training, fine-tuning, tests a to e",
        metric,
        Study,
    )
