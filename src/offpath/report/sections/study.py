"""The section that sets a run beside WWZ24: its figures, pooled as published, and by stratum."""

from offpath.report import parts, study_words
from offpath.report.marks import bars, frame
from offpath.report.parts import Chart, Entry, Figure, Key, Section, Spec, Story, Table, TableRow
from offpath.report.study_words import hidden_sentences, stratum
from offpath.report.words import NO_BREAK, error_interval, percent, significant
from offpath.results import Study, StudyQuantity, StudyStratum
from offpath.slices import ON_PATH, SPLIT_STRATA, Slice

BAND = 46  # height of the two bars of a quantity and the air around them


def section(story: Story, study: Study) -> Section:
    """The run beside WWZ24."""
    figures = [_published_figure(story, study)]
    if any(quantity.pooled for quantity in study.quantities):
        figures.append(_strata_figure(story, study))
    origin = " ".join(study_words.origin_sentences(study, named=False))
    statement = " ".join(hidden_sentences(study, detailed=False))
    return Section(figures, f"WWZ24 is {study.source}. {origin}", statement=statement)


def _published_figure(story: Story, study: Study) -> Figure:
    title, rows = "Published, measured here and re-measured", map(_published_row, study.quantities)
    heads = ("mean squared error", "published", "this run and its interval", "re-measured")
    tables = [Table(title, heads, list(rows), "narrow")]
    options: dict[str, list[str]] = {}
    for option, values in study.differences.items():
        text = study_words.difference(option, *values)
        options.setdefault(option.split(".")[0], []).append(text)
    if options:
        heads = ("part", "options of this run, not those of WWZ24")
        title = "Where the configuration differs"
        tables.append(parts.text_table(title, heads, list(options.items())))
    mixture = study_words.mixture_sentence(study)
    return Figure(*story.caption("study.published", mixture=mixture), tables=tables)


def _published_row(quantity: StudyQuantity) -> TableRow:
    """A figure as published, measured, and re-measured; a line breaks between two ways alone."""
    own, ways = quantity.pooled, quantity.remeasured.items()
    error = Entry([significant(own.mse), f"({error_interval(own)})"]) if own else None
    again = " / ".join(f"{score} {way}".strip().replace(" ", NO_BREAK) for way, score in ways)
    return TableRow(quantity.title, [Entry([quantity.published]), error, Entry([again])])


def _strata_figure(story: Story, study: Study) -> Figure:
    there = {stratum(part) for quantity in study.quantities for part in quantity.strata}
    slices = [where for where in (SPLIT_STRATA[0], ON_PATH, *SPLIT_STRATA[1:]) if where in there]
    keys = [Key(where.title, parts.colour(f"slice-{where.slice}"), "square") for where in slices]
    return Figure(
        *story.caption("study.strata", hidden=" ".join(hidden_sentences(study))),
        charts=[Chart(_strata_chart(study, keys))],
        tables=[_strata_table(study, slices)],
        legend=keys,
    )


def _strata_chart(study: Study, keys: list[Key]) -> Spec:
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
    count = len({row["quantity"] for row in rows})
    tall = frame("study", count=count)._replace(height=BAND * count)
    return bars(rows, keys, tall, beside="measure")


def _strata_table(study: Study, slices: list[Slice]) -> Table:
    """Quantities down, strata across."""
    rows = []
    for quantity in study.quantities:
        entries = {stratum(part): _stratum_entry(part) for part in quantity.strata}
        rows += [TableRow(quantity.title, [entries.get(s) for s in slices])] if entries else []
    columns = ["figure", *(where.title for where in slices)]
    return Table("The figures by stratum", columns, rows, "heat")


def _stratum_entry(part: StudyStratum) -> Entry | None:
    error = [] if part.share_of_error is None else [f"err. {percent(part.share_of_error)}"]
    return parts.score_entry(part, f"ex. {percent(part.share_of_examples)}", *error)
