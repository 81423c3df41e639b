"""The section on the data: true distances of the evaluation sets, drawn and exact."""

import altair as alt

from offpath.report.marks import DISTANCES, Axis, Frame, bars
from offpath.report.parts import Chart, Figure, Key, Section, Story, colour
from offpath.results import Labels, LabelWorld
from offpath.slices import label_title

DRAWN = Key("drawn", colour("bar"), "square")


def section(story: Story) -> Section:
    """How far the targets of every distribution lie from vertex 1."""
    labels = story.get(Labels)
    anchor, title = "data", "The data"
    if labels is None:
        return Section(anchor, title, missing=story.missing(Labels))
    figure = Figure(
        f"True distances of the {len(labels.worlds)} distributions",
        "Bars: share of the frozen evaluation set. Ticks: the exact probability, computed in "
        f"fractions. “No path” carries the label {labels.max_vertices}.",
        story.facts("none", "frozen evaluation sets", "share of examples", Labels, training="none"),
        charts=[
            Chart(_chart(world, labels.max_vertices), world.title, world.description)
            for world in labels.worlds
        ],
        legend=[DRAWN, Key("exact probability", colour("ink"))],
        layout="grid",
    )
    text = "How far the target lies from vertex 1, in training and in every test."
    return Section(anchor, title, text, [figure])


def _chart(world: LabelWorld, max_vertices: int) -> alt.LayerChart:
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
    frame = Frame(
        f"Share of each true distance in {world.title}, with exact probabilities",
        130,
        Axis("label", kind="N", axis=DISTANCES),
        Axis("share", axis={"format": "~%", "tickCount": 4}),
        {
            "true distance": "label",
            "drawn": "drawn",
            "share": "share .3%",
            "exact probability": "exact .3%",
        },
    )
    return bars(rows, [DRAWN], frame, tick="exact")
