"""The section that sets a run beside WWZ24: its figures, pooled as published, and by stratum.

Its sentences are computed from `study.json`, for the terminal too.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from offpath.report import parts, words
from offpath.report.frames import frame
from offpath.report.marks import bars
from offpath.report.parts import Chart, Entry, Figure, Key, Section, Spec, Story, Table, TableRow
from offpath.report.words import listed, percent, sentences, significant
from offpath.results import Study, StudyQuantity, StudyStratum
from offpath.slices import ON_PATH, SEEN, SPLIT_STRATA, TRAINED, Slice

BAND = 46  # height of the two bars of a quantity and the air around them
PARTS = {"graphs": "graphs", "model": "model", "pretrain": "pre-training"}
ON_PATH_SCORES = ("finetuning_after", "test_a", "test_b")
OFF_PATH_SCORES = ("test_c", "test_d", "test_e")
SHOWN = (TRAINED, SEEN, ON_PATH)
"""Fine-tuning shows questions of these; vertex ids on the path are apart where they are known."""
MOST = 0.5
"""An error comes from some examples above this share of it, or above their share of the whole."""


def section(story: Story, study: Study) -> Section:
    """The run beside WWZ24."""
    figures = [_published_figure(story, study)]
    if any(quantity.pooled for quantity in study.quantities):
        figures.append(_strata_figure(story, study))
    origin = " ".join(origin_sentences(study, named=False))
    statement = " ".join(hidden_sentences(study, detailed=False))
    return Section(figures, f"WWZ24 is {study.source}. {origin}", statement=statement)


def _published_figure(story: Story, study: Study) -> Figure:
    title, rows = "Published, measured here and re-measured", map(_published_row, study.quantities)
    heads = ("mean squared error", "published", "this run and its interval", "re-measured")
    tables = [Table(title, heads, list(rows), "narrow")]
    options: dict[str, list[str]] = {}
    for option, values in study.differences.items():
        text = difference(option, *values)
        options.setdefault(option.split(".")[0], []).append(text)
    if options:
        heads = ("part", "options of this run, not those of WWZ24")
        title = "Where the configuration differs"
        tables.append(parts.text_table(title, heads, list(options.items())))
    mixture = mixture_sentence(study)
    return Figure(*story.caption("study.published", mixture=mixture), tables=tables)


def _published_row(quantity: StudyQuantity) -> TableRow:
    """A figure as published, measured, and re-measured; a line breaks between two ways alone."""
    own, ways = quantity.pooled, quantity.remeasured.items()
    error = Entry([significant(own.mse), f"({words.error_interval(own)})"]) if own else None
    again = " / ".join(f"{score} {way}".strip().replace(" ", words.NO_BREAK) for way, score in ways)
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


def origin_sentences(study: Study, named: bool) -> list[str]:
    """Which options are those of WWZ24, and, if `named`, each option that is not."""
    finetuning = {o: d for o, d in study.differences.items() if o.startswith("finetune.")}
    others = {o: d for o, d in study.differences.items() if o not in finetuning}
    differ = list(dict.fromkeys(option.split(".")[0] for option in others))
    own = [part for part in PARTS if part != "pretrain" or study.imported is None]
    known = {
        "imported": study.imported,
        "same": listed([PARTS[part] for part in own if part not in differ]),
        "others": listed([PARTS.get(part, part) for part in differ]),
        "options": _options(others, named),
        "finetuning": _options(finetuning, named),
        "way": study.finetuned,
        "graphs": "graphs" in differ,
    }
    return sentences("wwz24_origin", known)


def hidden_sentences(study: Study, detailed: bool = True) -> list[str]:
    """What the pooled figures hide: target 2 among the others, and questions never shown.

    If `detailed`, also by how much, and which stratum has most of the error.
    """
    return [
        *_sentences("wwz24_on_path", "on-path scores", _dilutions(study, detailed)),
        *_sentences("wwz24_off_path", "off-path scores", _confoundings(study, detailed)),
    ]


def mixture_sentence(study: Study) -> str:
    """What the published figures pool, in the distributions of WWZ24."""
    titles = {quantity.world: _data(quantity) for quantity in study.quantities}
    pools = {titles[world]: shares for world, shares in study.mixture.items()}
    two = [f"{percent(p['trained'])} of {data}" for data, p in pools.items() if "absent" not in p]
    never = [
        f"{percent(p['absent'])} and {percent(p['unreachable'])} of {data}"
        for data, p in pools.items()
        if "absent" in p
    ]
    return sentences("wwz24_mixture", {"two": listed(two), "never": listed(never)})[0]


def difference(option: str, here: object, there: object) -> str:
    """An option that is not that of WWZ24, its numbers without digits that mean nothing."""
    texts = [words.setting(v) if isinstance(v, float) else str(v) for v in (here, there)]
    return f"{option} {texts[0]}, not {texts[1]}"


def stratum(part: StudyStratum) -> Slice:
    """The slice that a part of a quantity is."""
    return next(s for s in (*SPLIT_STRATA, ON_PATH) if (s.by, s.slice) == (part.by, part.slice))


def _data(quantity: StudyQuantity) -> str:
    """The distribution of a quantity, in a sentence."""
    return "the fine-tuning data" if quantity.world == "finetuning" else quantity.title


def _dilutions(study: Study, detailed: bool) -> Iterator[tuple[str, str]]:
    """What target 2 does to each on-path score, by the digits that are shown, and its share."""
    for quantity in (q for q in study.quantities if q.quantity in ON_PATH_SCORES):
        rest = [part for part in quantity.strata if stratum(part) != TRAINED]
        share = sum(part.share_of_examples for part in quantity.strata if part not in rest)
        if quantity.pooled and share and rest:
            without = sum(part.count * part.mse for part in rest) / sum(part.count for part in rest)
            one, other = significant(without), significant(quantity.pooled.mse)
            effect = "lowers" if without > quantity.pooled.mse else "raises"
            numbers = f" (MSE {one} without it, {other} with it)" if detailed else ""
            text = f"{percent(share)} of {_data(quantity)}{numbers}"
            yield "leaves" if one == other else effect, text


def _confoundings(study: Study, detailed: bool) -> Iterator[tuple[str, str]]:
    """How much of off-path scores is of questions that fine-tuning never shows."""
    for quantity in (q for q in study.quantities if q.quantity in OFF_PATH_SCORES):
        never = [part for part in quantity.strata if stratum(part) not in SHOWN]
        examples = sum(part.share_of_examples for part in never)
        if error := sum(part.share_of_error or 0.0 for part in never):
            worst = max(quantity.strata, key=lambda part: part.share_of_error or 0.0)
            largest = (
                f" ({percent(worst.share_of_error or 0.0)} from {stratum(worst).phrase}, which are "
                f"{percent(worst.share_of_examples)} of the examples)"
            )
            yield (
                "most" if error > min(examples, MOST) else "less",
                f"{percent(error)} of the squared error of {_data(quantity)} on "
                f"{percent(examples)} of its examples{largest if detailed else ''}",
            )


def _sentences(name: str, scores: str, pairs: Iterable[tuple[str, str]]) -> list[str]:
    """A sentence for each way that occurs, about some of the scores where there are several."""
    ways: dict[str, list[str]] = {}
    for way, text in pairs:
        ways.setdefault(way, []).append(text)
    start = f"Some {scores}" if len(ways) > 1 else scores.capitalize()
    return sentences(name, {"scores": start} | {way: listed(ways[way]) for way in ways})


def _options(differences: Mapping[str, tuple[Any, Any]], named: bool) -> str:
    """The options that differ, or how many; nothing, if none does."""
    texts = [difference(option, *values) for option, values in differences.items()]
    count = f"{len(texts)} option{'s differ' if len(texts) > 1 else ' differs'}" if texts else ""
    return ", ".join(texts) if named else count
