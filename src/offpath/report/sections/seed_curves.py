"""Training of several runs beside each other: one thin line for each seed.

In: the stories of the runs. Out: a section of the page of several runs.
"""

from collections.abc import Mapping, Sequence

from offpath.networks import Network
from offpath.report.frames import Row, frame
from offpath.report.marks import curves
from offpath.report.parts import Chart, Figure, Key, Section, Story, caption, colour
from offpath.report.sections.phases import onset_table
from offpath.report.sections.training import pooled
from offpath.results import Phases

MOST_POINTS = 100  # of one line: many lines share a chart


def section(stories: Sequence[Story], known: Mapping[str, object]) -> Section:
    """A chart for each network that is trained, and the onsets of phase changes."""
    trained = {n.name: n for story in stories for n in story.networks if n.training}
    named, charts = dict(zip(_names(stories), stories, strict=True)), []
    for name, network in trained.items():
        rows = [row for one, story in named.items() for row in _rows(one, story, network)]
        if rows:
            own = frame("seed_losses", network=network.title, runs=len(stories))
            charts.append(
                Chart(curves(rows, [Key(network.title, colour(name))], own), network.title)
            )
    figures = [Figure(*caption("seed_curves.losses", known), charts=charts)] if charts else []
    found = {n: phases for n, one in named.items() if (phases := one.get(Phases))}
    if any(curve.network == "pretrained" for one in found.values() for curve in one.curves):
        largest = stories[0].run.configuration.graphs.max_vertices
        table = onset_table(found, largest)
        figures.append(Figure(*caption("seed_curves.onsets", known), tables=[table]))
    return Section(figures, anchor="training", title="Training of every seed")


def _rows(name: str, story: Story, network: Network) -> list[Row]:
    lines = [line for line in story.metrics if line.network == network.name]
    return [
        {"series": network.title, "line": name, "step": point.step, "loss": point.loss}
        for point in pooled(lines, MOST_POINTS)
        if point.loss > 0
    ]


def _names(stories: Sequence[Story]) -> list[str]:
    """The seed of each run; where two have the same, their folders' names, or paths."""
    seeds = [f"seed {story.run.configuration.seed}" for story in stories]
    folders = [story.run.folder.name for story in stories]
    paths = [str(story.run.folder) for story in stories]
    return next(names for names in (seeds, folders, paths) if len({*names}) == len(names))
