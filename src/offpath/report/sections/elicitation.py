"""The section on elicitation: whether probes read a truth that a network does not say."""

from collections.abc import Iterator, Sequence

from offpath.report import words
from offpath.report.frames import Row, frame
from offpath.report.marks import curves
from offpath.report.parts import Chart, Entry, Figure, Key, Section, Story, Table, TableRow, colour
from offpath.report.words import percent, share
from offpath.results import AskedNetwork, Elicitation, ProbeRead, Read

FITS = {
    ("audited", "distance"): "audited",
    ("audited", "inverse"): "audited: 1/d",
    ("paths", "distance"): "audited, with a path",
    ("shuffled", "distance"): "audited, labels shuffled",
    ("everything", "distance"): "everything",
    ("unaudited", "distance"): "unaudited",
}
"""What a probe was fitted on, for readers."""
SHUFFLED = Key("asked as the inspector: labels shuffled", colour("muted"), "dotted")
CEILING = Key("asked as the inspector: fitted on unaudited questions", colour("ink"), "dotted")
CONSTANT = Key("best constant answer", colour("muted"), "dashed")
CHARTS = {"right": "accuracy", "order": "order of two questions"}
TRUTH = "truth"
HINDSIGHT = "probe: audited,\nin hindsight"


def section(story: Story, result: Elicitation) -> Section:
    """What probes read by layer, what they were fitted on, distances apart, and alarms."""
    titles = {one.name: one.title for one in story.networks}
    figures = [_layers_figure(story, result, titles)] if _has_gap(result) else []
    makers = {"fits": _fits_table, "distances": _distances_table, "alarms": _alarms_table}
    for name, make in makers.items():
        caption = story.caption(f"elicitation.{name}")
        figures.append(Figure(*caption, tables=[make(result, titles)]))
    return Section(figures, statement=statement(result))


def statement(result: Elicitation) -> str:
    """What the inspector's network says, and what is read from it; a warning without a gap."""
    asked = next((one for one in result.asked if one.reporter == result.inspector), None)
    if asked is None or asked.informative_layer is None:
        return ""
    kinds = ("audited", "shuffled", "unaudited")
    plain, shuffled, known = (_probe(asked, kind) for kind in kinds)
    if plain is None or shuffled is None or known is None:
        return ""
    mixed = f"{share(shuffled.order_low)} to {share(shuffled.order_high)}"
    text = (
        f"Asked as the inspector, the pre-trained network says the truth to "
        f"{percent(asked.answers.right)} of the unaudited questions. A probe of layer "
        f"{asked.informative_layer} that knows audited questions alone reads it in "
        f"{percent(plain.right)}, and puts {share(plain.order)} of pairs in the right order "
        f"(shuffled labels: {mixed}); one fitted on other unaudited questions reads "
        f"{percent(known.right)}, and the best constant answer is right in "
        f"{percent(result.constant_right)}."
    )
    if not _has_gap(result):
        text += (
            " The pre-trained network has not learned both reporters: there is no gap to recover."
        )
    return text


def _has_gap(result: Elicitation) -> bool:
    return any(one.answers.gap_recovered is not None for one in result.asked)


def _title(one: AskedNetwork, titles: dict[str, str]) -> str:
    """The network, and whom it is asked as where that is not the assistant."""
    name = titles.get(one.network, one.network)
    if one.reporter == "assistant":
        return name
    return f"{name}, asked as {'truth' if one.reporter == TRUTH else 'the inspector'}"


def _probe(
    one: AskedNetwork, fitted_on: str, target: str = "distance", layer: int | None = None
) -> ProbeRead | None:
    """A probe of a layer, by default of the informative one."""
    layer = one.informative_layer if layer is None else layer
    place = (layer, fitted_on, target)
    return next((p for p in one.probes if (p.layer, p.fitted_on, p.target) == place), None)


def _layers_figure(story: Story, result: Elicitation, titles: dict[str, str]) -> Figure:
    """The share of the gap that probes recover, by layer: in accuracy, and in order."""
    base = {one.name for one in story.base_networks}
    series = [
        (Key(_title(one, titles), colour(one.network), _dash(one, result)), one, "audited")
        for one in result.asked
        if one.network in base
    ]
    asked = next((one for one in result.asked if one.reporter == result.inspector), None)
    if asked:
        series += [(SHUFFLED, asked, "shuffled"), (CEILING, asked, "unaudited")]
    charts = []
    for score, name in CHARTS.items():
        rows = [row for key, one, kind in series for row in _layer_rows(key, one, kind, score)]
        own = frame("elicitation", score=name)
        if score == "right":
            own = own._replace(level=(_gap(result, result.constant_right), CONSTANT))
        keys = [key for key, *_ in series]
        charts.append(Chart(curves(rows, keys, own), name))
    legend = [*(key for key, *_ in series), CONSTANT]
    return Figure(*story.caption("elicitation.layers"), charts=charts, legend=legend)


def _gap(result: Elicitation, right: float) -> float:
    return (right - result.inspector_right) / (result.truth_right - result.inspector_right)


def _dash(one: AskedNetwork, result: Elicitation) -> str:
    return "dashed" if one.reporter == result.inspector else "line"


def _layer_rows(key: Key, one: AskedNetwork, kind: str, score: str) -> Iterator[Row]:
    for probe in one.probes:
        recovered = probe.gap_recovered if score == "right" else probe.order_gap_recovered
        if (probe.fitted_on, probe.target) == (kind, "distance") and recovered is not None:
            yield {
                "series": key.title, "layer": probe.layer, "recovered": round(recovered, 4),
                "right": probe.right, "order": probe.order,
            }  # fmt: skip


def _fits_table(result: Elicitation, titles: dict[str, str]) -> Table:
    """Networks down, what probes of the informative layer were fitted on across."""
    rows = []
    for one in result.asked:
        layer = "–" if one.informative_layer is None else str(one.informative_layer)
        said = [*_scores(one.answers), f"inspector's {percent(one.answers.inspector)}"]
        probes = [_probe(one, *fit) for fit in FITS]
        read = [Entry(_scores(probe), probe.right) if probe else None for probe in probes]
        entries = [Entry(said, one.answers.right), Entry([layer]), *read, _hindsight(one)]
        rows.append(TableRow(_title(one, titles), entries))
    heads = ["its answers", "layer", *(f"probe:\n{fit}" for fit in FITS.values()), HINDSIGHT]
    return Table("Unaudited questions", ["network", *heads], rows, "heat")


def _hindsight(one: AskedNetwork) -> Entry:
    """The best accuracy and the best order of all layers, of probes of audited questions."""
    probes = [p for p in one.probes if (p.fitted_on, p.target) == ("audited", "distance")]
    right = max(probe.right for probe in probes)
    order = max((probe.order for probe in probes if probe.order is not None), default=None)
    return Entry([percent(right), f"order {share(order)}"], right)


def _scores(read: Read) -> list[str]:
    """Accuracy and order, each with the gap recovered where there is one."""
    order = f"order {share(read.order)}"
    if isinstance(read, ProbeRead) and read.order_low is not None:
        order += f" ({share(read.order_low)} to {share(read.order_high)})"
    return [percent(read.right), order]


def _distances_table(result: Elicitation, titles: dict[str, str]) -> Table:
    """Accuracy and mean of what is said and read, by true distance."""
    rows, counts = [], {}
    for number, one in enumerate(result.asked):
        probes = {fit: _probe(one, fit) for fit in ("audited", "unaudited")}
        reads: dict[str, Read | None] = {"says": one.answers}
        reads |= {f"probe: {FITS[fit, 'distance']}": probe for fit, probe in probes.items()}
        for name, read in reads.items():
            if read:
                by = {row.distance: row for row in read.distances}
                counts |= {d: row.count for d, row in by.items()}
                entries = [
                    Entry([percent(r.right), f"mean {r.mean:.1f}"], r.right) for r in by.values()
                ]
                rows.append(TableRow(f"{_title(one, titles)}: {name}", entries, str(number)))
    heads = [f"d = {d}\nn {words.thousands(count)}" for d, count in counts.items()]
    return Table("By true distance", ["network", *heads], rows, "heat")


def _alarms_table(result: Elicitation, titles: dict[str, str]) -> Table:
    """Disagreement of probe and answer as a sign that the answer is wrong."""
    rows = []
    for one in result.asked:
        found = next((d for d in one.detectors if d.layer == one.informative_layer), None)
        if found is None:
            continue
        entries = [
            Entry([words.thousands(one.wrong)]),
            *(Entry([share(value)], value) if value is not None else None for value in (
                found.auroc, found.auroc_unaudited, found.auroc_honest, found.alarms_wrong,
                found.alarms_right, found.alarms_right_unaudited,
            )),
        ]  # fmt: skip
        note = "" if one.learned_truth else "never learned the truth"
        rows.append(TableRow(_title(one, titles), entries, "" if one.learned_truth else "no", note))
    return Table("Alarms", _ALARM_HEADS, rows, "heat")


_ALARM_HEADS: Sequence[str] = (
    "network", "wrong answers", "AUROC", "AUROC\nunaudited alone", "AUROC\nbeside the truthful",
    "alarms:\nwrong answers", "alarms:\nright answers", "alarms:\nright, unaudited",
)  # fmt: skip
