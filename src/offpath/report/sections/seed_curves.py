"""Training of several runs beside each other: one thin line for each seed.

In: the stories of the runs. Out: a section of the page of several runs.
"""

from collections.abc import Mapping, Sequence

from offpath.report.marks import Row, curves, frame
from offpath.report.parts import Chart, Figure, Key, Section, Story, caption, colour
from offpath.report.sections.training import pooled

MOST_POINTS = 100  # of one line: many lines share a chart


def section(stories: Sequence[Story], known: Mapping[str, object]) -> Section:
    """A chart for each network that is trained."""
    trained = {n.name: n for story in stories for n in story.networks if n.training}
    charts = []
    for name, network in trained.items():
        rows = [row for story in stories for row in _rows(story, name, network.title)]
        if rows:
            own = frame("seed_losses", network=network.title, runs=len(stories))
            charts.append(
                Chart(curves(rows, [Key(network.title, colour(name))], own), network.title)
            )
    figures = [Figure(*caption("seed_curves.losses", known), charts=charts)] if charts else []
    return Section(figures, anchor="training", title="Training of every seed")


def _rows(story: Story, name: str, title: str) -> list[Row]:
    lines = [line for line in story.metrics if line.network == name]
    run = f"seed {story.run.configuration.seed}"
    return [
        {
            "series": title,
            "line": f"{story.run.folder.name}",
            "seed": run,
            "step": p.step,
            "loss": p.loss,
        }
        for p in pooled(lines, MOST_POINTS)
        if p.loss > 0
    ]
