"""The section on the data: true distances of the evaluation sets, drawn and exact."""

from offpath.report.marks import DISTANCES, Frame, axis, bars, name_axis
from offpath.report.parts import Chart, Figure, Key, Section, Story, colour
from offpath.results import Labels, LabelWorld
from offpath.slices import label_title

DRAWN = Key("drawn", colour("bar"), "square")
EXACT = Key("exact probability", colour("ink"))
WORDS = {
    "true distance": "label",
    "drawn": "drawn",
    "share": "share .3%",
    "exact probability": "exact .3%",
}


def section(story: Story, labels: Labels) -> Section:
    """How far the targets of every distribution lie from vertex 1."""
    figure = Figure(
        *story.caption("data.distances", count=len(labels.worlds)),
        charts=[_chart(world, labels.max_vertices) for world in labels.worlds],
        legend=[DRAWN, EXACT],
        layout="grid",
    )
    return Section([figure])


def _chart(world: LabelWorld, max_vertices: int) -> Chart:
    rows = [
        {
            "series": DRAWN.title,
            "label": label_title(label.label, max_vertices),
            "share": label.count / world.examples,
            "drawn": f"{label.count} of {world.examples}",
            "exact": label.exact,
        }
        for label in world.labels
    ]
    name = f"Share of each true distance in {world.title}, with exact probabilities"
    x, y = name_axis("label", **DISTANCES), axis("share", format="~%", tickCount=4)
    chart = bars(rows, [DRAWN], Frame(name, 130, x, y, WORDS), tick="exact")
    return Chart(chart, world.title, world.description)
