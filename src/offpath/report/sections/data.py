"""The section on the data: true distances of the evaluation sets, drawn and exact."""

from offpath.report.frames import frame
from offpath.report.marks import bars
from offpath.report.parts import Chart, Figure, Key, Section, Story, colour
from offpath.results import Labels, LabelWorld
from offpath.slices import label_title

DRAWN = Key("drawn", colour("bar"), "square")
EXACT = Key("exact probability", colour("ink"))


def section(story: Story, labels: Labels) -> Section:
    """How far the targets of every distribution lie from vertex 1."""
    charts = [_chart(world, labels.max_vertices) for world in labels.worlds]
    caption = story.caption("data.distances")
    return Section([Figure(*caption, charts=charts, legend=[DRAWN, EXACT])])


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
    chart = bars(rows, [DRAWN], frame("labels", title=world.title), tick="exact")
    return Chart(chart, world.title, world.description)
