"""The section on phase changes: the loss of each true distance, and where it falls suddenly."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from offpath.networks import Network
from offpath.report.marks import Row
from offpath.report.parts import Chart, Figure, Logged, Section, Story, Table, text_table
from offpath.report.sections.training import LEAST_EXAMPLES, distance_loss_chart, label_keys
from offpath.report.words import listed, paragraph, sentence, significant
from offpath.results import LossCurve, Phases
from offpath.slices import label_title

EARLY_STEPS = 400  # the phase changes of WWZ24 all lie within
PARTS = 13  # points of a mark
HEADS = ("true distance", "onset", "end", "loss before", "loss after", "factor")
FEW = "too few examples"


def section(story: Story, phases: Phases) -> Section:
    """The curves of each network that learned something, its phase changes marked, and tables."""
    there = {curve.network for curve in phases.curves}
    networks = [network for network in story.networks if network.name in there]
    figures = []
    for changed in (False, True):  # interventions last: they may be many
        for verb in ("pretrain", "finetune"):
            own = [n for n in networks if n.made_by == verb and bool(n.intervention) == changed]
            figures += [_figure(story, phases, verb, own)] if own else []
    return Section(figures)


def _figure(story: Story, phases: Phases, verb: str, networks: Sequence[Network]) -> Figure:
    """Networks that are trained alike: charts, and below them a table each."""
    largest = story.run.configuration.graphs.max_vertices
    charts, tables, found = [], [], []
    for one in networks:
        curves = [curve for curve in phases.curves if curve.network == one.name]
        lines = [line for line in story.metrics if line.network == one.name]
        charts += _charts(lines, [*_marks(curves, largest)], largest, one)
        rows = [*_rows(curves, largest)]
        tables.append(text_table(f"Phase changes of the network “{one.title}”", HEADS, rows))
        found.append(sentence(f"{one.title}: {_found(curves, largest)}"))
    words = {"networks": listed([one.title for one in networks]), "found": paragraph(*found)}
    caption = story.caption(f"phases.{verb}", **words, least=LEAST_EXAMPLES)
    return Figure(*caption, charts=charts, tables=tables, legend=label_keys(largest))


def _charts(
    lines: Sequence[Logged], changes: Sequence[Row], largest: int, network: Network
) -> list[Chart]:
    """All steps on a logarithmic axis, as they are fitted; of pre-training the first ones too."""
    if not lines:
        return []
    early = [line for line in lines if line.step <= EARLY_STEPS]
    x = {"scale": {"domain": [lines[0].step, lines[-1].step]}}
    charts = [Chart(distance_loss_chart(lines, largest, x, changes), f"{network.title}: all steps")]
    if network.made_by == "pretrain" and 0 < len(early) < len(lines):
        near = [row for row in changes if row["step"] <= EARLY_STEPS]
        first = distance_loss_chart(early, largest, changes=near)
        charts.insert(0, Chart(first, f"{network.title}: the first {EARLY_STEPS} steps"))
    return charts


def _marks(curves: Sequence[LossCurve], largest: int) -> Iterator[Row]:
    """Each phase change as points of its fit, which is straight where both axes are logarithmic."""
    for number, curve in enumerate(curves):
        for one in curve.changes:
            name = {"series": label_title(curve.label, largest), "piece": f"{number} {one.onset}"}
            for part in (i / (PARTS - 1) for i in range(PARTS)):
                step = one.onset ** (1 - part) * one.end**part
                loss = one.loss_before ** (1 - part) * one.loss_after**part
                yield {**name, "step": step, "loss": loss}


def _found(curves: Sequence[LossCurve], largest: int) -> str:
    """What was found, in one sentence."""
    sudden = [
        f"{_name(curve, largest)} (steps {change.onset} to {change.end})"
        for curve in curves
        for change in curve.changes
    ]
    slow = [_name(curve, largest) for curve in curves if curve.fit and not curve.changes]
    few = [_name(curve, largest) for curve in curves if not curve.fit]
    parts = [
        f"the loss of {listed(sudden)} falls suddenly" if sudden else "",
        f"no phase change is detected for {listed(slow)}" if slow else "",
        f"{FEW} for {listed(few)}" if few else "",
    ]
    return "; ".join(filter(None, parts))


def _name(curve: LossCurve, largest: int) -> str:
    return "“no path”" if curve.label == largest else f"distance {curve.label}"


def _rows(curves: Sequence[LossCurve], largest: int) -> Iterator[list[str]]:
    """A row for each phase change, and one for each distance without."""
    for curve in curves:
        title = label_title(curve.label, largest)
        for change in curve.changes:
            losses = (change.loss_before, change.loss_after)
            numbers = [significant(number) for number in (*losses, losses[0] / losses[1])]
            yield [title, str(change.onset), str(change.end), *numbers]
        if not curve.changes:
            yield [title, "no phase change" if curve.fit else FEW, *["–"] * (len(HEADS) - 2)]


def onset_table(runs: Mapping[str, Phases], largest: int, network: str = "pretrained") -> Table:
    """The onset of the largest phase change of each distance, a column for each run by its name.

    A dash is no phase change. The last two columns: in how many runs there is one, and median and
    range of its onset.
    """
    heads = ("true distance", *runs, "found", "median onset")
    rows = []
    for label in range(1, largest + 1):
        onsets = [
            onset([c for c in phases.curves if (c.network, c.label) == (network, label)])
            for phases in runs.values()
        ]
        there = [one for one in onsets if one is not None]
        middle = f"{median(there):g} ({min(there)}–{max(there)})" if there else "–"
        texts = ["–" if one is None else str(one) for one in onsets]
        rows.append([label_title(label, largest), *texts, f"{len(there)} of {len(runs)}", middle])
    return text_table("Onset of the phase changes, by true distance", heads, rows)


def onset(curves: Sequence[LossCurve]) -> int | None:
    """The onset of the largest phase change of these curves."""
    found = [change for curve in curves for change in curve.changes]
    largest = max(found, key=lambda change: change.loss_before / change.loss_after, default=None)
    return largest and largest.onset
