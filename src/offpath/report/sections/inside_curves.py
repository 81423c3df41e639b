"""Curves of what networks do inside: by layer, and along training."""

from collections.abc import Sequence

from offpath.report import words
from offpath.report.frames import Row, frame
from offpath.report.marks import curves
from offpath.report.parts import Chart, Key, Story, colour
from offpath.report.sections.inside_parts import Looked
from offpath.results import Inside, ProbedTarget
from offpath.slices import STRATA

NUMBERS = {
    "to_target": "d(1,t)", "to_2": "d(1,2)", "edges": "number of edges",
    "vertices": "number of vertices",
}  # fmt: skip
SHUFFLED = Key("labels shuffled: the highest of all networks", colour("muted"), "dotted")
STRATUM_TITLES = {where.slice: where.title for where in STRATA}


def question_probes(networks: Sequence[Looked]) -> list[Chart]:
    """A chart for each number that the question token may hold."""
    made = {title: _number_rows(networks, target, None) for target, title in NUMBERS.items()}
    return _curve_charts(networks, made)


def strata_probes(networks: Sequence[Looked]) -> list[Chart]:
    """A chart for each stratum: the true distance in it, or what is read in its place."""
    made = {
        title: _number_rows(networks, *place) for place, title in strata_titles(networks).items()
    }
    return _curve_charts(networks, made)


def strata_titles(networks: Sequence[Looked]) -> dict[tuple[str, str], str]:
    """Numbers that were read in one stratum alone, and the title of each."""
    probes = [p for one in networks for p in one.inside.probes]
    there = {(p.target, p.stratum) for p in probes if p.token == "question"}
    return {
        (target, name): f"{title}: {number}"
        for target, number in NUMBERS.items()
        for name, title in STRATUM_TITLES.items()
        if (target, name) in there
    }


def _curve_charts(networks: Sequence[Looked], made: dict[str, list[Row]]) -> list[Chart]:
    keys = [*(one.key for one in networks), SHUFFLED]
    return [
        Chart(curves(rows, keys, frame("inside_r2", title=title)), title)
        for title, rows in made.items()
        if rows
    ]


def numbers_read(one: Looked, target: str, stratum: str | None) -> list[ProbedTarget]:
    """The probes of the question token for a number, by layer."""
    place = ("question", target, stratum)
    return [
        p for p in one.inside.probes if (p.token, p.target, p.stratum) == place and p.bit is None
    ]


def _number_rows(networks: Sequence[Looked], target: str, stratum: str | None) -> list[Row]:
    """A curve of each network, and the highest of probes of shuffled labels."""
    rows, shuffled = [], {}
    for one in networks:
        for probe in numbers_read(one, target, stratum):
            rows.append({"series": one.title, "layer": probe.layer, "r2": round(probe.score, 3)})
            shuffled.setdefault(probe.layer, []).append(round(probe.shuffled, 3))
    for layer, scores in sorted(shuffled.items()):
        rows.append({"series": SHUFFLED.title, "layer": layer, "r2": max(scores)})
    return rows


def along_training(story: Story, result: Inside) -> tuple[list[Chart], list[Key]]:
    """A chart for each measure: its value at each checkpoint; and the networks."""
    titles = {one.name: one.title for one in story.networks}
    names = dict.fromkeys(step.network for step in result.along)
    keys = [Key(titles.get(name, name), colour(name)) for name in names]
    steps = sorted({step.step for step in result.along})
    first, last = next((step for step in steps if step), 1), max(steps, default=1)
    powers = [10**power for power in range(1, len(str(last)))]
    x = {"scale": {"constant": first / 2, "domain": [0, last]}, "axis": {"values": [0, *powers]}}
    charts = []
    for measure, meaning in result.measures.items():
        rows = [
            {"series": titles.get(s.network, s.network), "step": s.step, "value": round(value, 4)}
            for s in result.along
            if (value := s.measures.get(measure)) is not None
        ]
        if rows:
            made = frame("inside_along", x, {"field": "value"}, title=measure)
            charts.append(Chart(curves(rows, keys, made), measure, words.sentence(meaning)))
    return charts, keys
