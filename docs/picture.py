"""The pictures of the pages: the set-up, accuracy by stratum, directions of the edge circuit.

python docs/picture.py        writes docs/set-up.svg, docs/where-it-holds.svg, docs/directions.svg
"""

import sys
from pathlib import Path

import altair as alt

sys.path.insert(0, str(Path(__file__).parents[1]))

from docs import setup
from docs.network_tables import PICTURED, best_rule, matrices
from offpath.handcraft.edge_circuit import directions
from offpath.recipes import paper
from offpath.slices import ANY_TARGET, STRATA

Picture = alt.LayerChart | alt.HConcatChart | alt.FacetChart
INK = "#3a3a3a"
GROUPS = {
    "name": "vertex id of the end, one in 15",
    "state": "what is known of the end",
    "norm": "keeps layer norm harmless",
    "answer": "what the question collects",
    "unused": "unused",
}
GROUP_COLOURS = ["#cfe0f1", "#f6d9a8", "#dcdcdc", "#bfe3c6", "#f5f5f5"]
POSITIONS = {1: (0, 1), 3: (1.2, 1.6), 6: (2.4, 1.6), 2: (3.6, 1), 4: (1.2, 0.4),
             5: (2.3, 0.4), 7: (3.1, 0.4), 8: (3.9, 0.4)}  # fmt: skip


def main() -> None:
    """Write the pictures."""
    save(set_up(), "set-up")
    save(accuracies(), "where-it-holds")
    save(edge_directions(), "directions")


def set_up() -> Picture:
    """One graph with every target in the colour of its stratum, and the graph without path to 2."""
    title = alt.TitleParams(
        "How far is vertex t from vertex 1? One question for each t",
        subtitle=[
            "A target's colour is its stratum, the text beside it the right answer. "
            "Pre-training asks for t = 2 only,",
            "fine-tuning for targets on the path in small graphs only. "
            "The tests ask for every target in graphs of every size.",
        ],
        anchor="start",
        offset=14,
    )
    panels = [
        _panel(False, "a graph of 7 vertices: it has no vertex 8"),
        _panel(True, "the same without the edge 2–6: 2 is cut off"),
    ]
    return alt.hconcat(*panels, spacing=36).properties(title=title)


def _panel(cut: bool, words: str) -> Picture:
    """The graph of `docs/setup.py`, drawn."""
    graph = setup.graph(cut)
    edges = [
        {"x": POSITIONS[a][0], "y": POSITIONS[a][1], "x2": POSITIONS[b][0], "y2": POSITIONS[b][1]}
        for a, b in graph.edges
    ]
    vertices = [
        {
            "x": x,
            "y": y,
            "id": str(v),
            "stratum": "vertex 1" if v == 1 else setup.stratum(graph, v).title,
            "answer": "" if v == 1 else setup.answer(graph, v),
            "words_y": y - 0.32 if y <= 1 else y + 0.32,
            "absent": v > setup.VERTICES,
        }
        for v, (x, y) in POSITIONS.items()
    ]
    titles = ["vertex 1", *(where.title for where in STRATA)]
    colour = alt.Color(
        "stratum:N",
        scale=alt.Scale(domain=titles, range=[INK, *(where.colour[0] for where in STRATA)]),
        legend=alt.Legend(title=None, orient="bottom", symbolType="circle", columns=7),
    )
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[-0.3, 4.3], nice=False))
    y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[0, 2.05], nice=False))
    lines = alt.Chart(alt.Data(values=edges)).mark_rule(color="#9a9a9a", strokeWidth=2)
    base = alt.Chart(alt.Data(values=vertices)).encode(x=x, y=y)
    dash = alt.condition("datum.absent", alt.value([4, 3]), alt.value([1, 0]))
    circles = base.mark_point(size=760, filled=False, fill="white", strokeWidth=3.5, opacity=1)
    ids = base.mark_text(fontSize=14, fontWeight="bold", color=INK).encode(text="id:N")
    answers = base.mark_text(fontSize=11, color="#6a6a6a").encode(
        y=alt.Y("words_y:Q", axis=None), text="answer:N"
    )
    layers = [
        lines.encode(x=x, y=y, x2="x2:Q", y2="y2:Q"),
        circles.encode(color=colour, strokeDash=dash),
        ids,
        answers,
    ]
    title = alt.TitleParams(words, fontSize=12, fontWeight="normal", anchor="middle")
    return alt.layer(*layers).properties(width=400, height=170, title=title)


def accuracies() -> Picture:
    """Accuracy of every trained network and seed, and of the best trivial rule, by slice."""
    shown = [
        (row.title, row.colour[0], matrix, row.predictor)
        for matrix in matrices()
        for row in matrix.predictors
        if row.kind == "trained" and row.predictor != "untrained"
    ]
    colours = {title: colour for title, colour, _, _ in shown}
    rows = [
        {"stratum": title, "network": network, "accuracy": cell.accuracy}
        for network, _, matrix, predictor in shown
        for title, where in PICTURED.items()
        if (cell := matrix.cell(predictor, ANY_TARGET, where))
    ]
    rules = [{"stratum": title, "rule": best_rule(w)} for title, w in PICTURED.items()]
    y = alt.Y("stratum:N", sort=list(PICTURED), title=None, axis=alt.Axis(labelPadding=12))
    percent = alt.Axis(format="%", values=[0, 0.25, 0.5, 0.75, 1], grid=True)
    x = alt.X("accuracy:Q", title=None, scale=alt.Scale(domain=[0, 1]), axis=percent)
    colour = alt.Color(
        "network:N",
        sort=list(colours),
        scale=alt.Scale(domain=list(colours), range=list(colours.values())),
        legend=alt.Legend(title=None, orient="top"),
    )
    base = alt.Chart(alt.Data(values=rows))
    dots = base.mark_point(filled=True, size=26, opacity=0.6).encode(
        x=x, y=y, yOffset=alt.YOffset("network:N", sort=list(colours)), color=colour
    )
    ticks = (
        alt.Chart(alt.Data(values=rules))
        .mark_tick(color=INK, thickness=2.5, size=44)
        .encode(x=alt.X("rule:Q", title=None), y=y)
    )
    title = alt.TitleParams(
        "Where does the skill hold? Accuracy, recipe laptop, one dot for each of ten seeds",
        subtitle=[
            "test e: any target, 3 to 8 vertices; fine-tuned on the path, 3 to 5 vertices.",
            "Black bar: the best trivial rule. Hard: distance 3 or more, and not d(1,2).",
        ],
        anchor="start",
    )
    return (ticks + dots).properties(width=620, height=54 * len(PICTURED), title=title)


def edge_directions() -> Picture:
    """The 64 directions of the edge circuit in the recipe paper: a column for each half."""
    named = directions(paper().model, 15)
    rows = [
        {"row": i % 32, "half": i // 32, "text": f"{i}  {name}", "group": GROUPS[group]}
        for i, (name, group) in enumerate(named)
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y("row:O", axis=None),
        x=alt.X("half:O", axis=None, scale=alt.Scale(paddingInner=0.02)),
    )
    boxes = base.mark_rect(stroke="white", strokeWidth=1.5).encode(
        color=alt.Color(
            "group:N",
            scale=alt.Scale(domain=list(GROUPS.values()), range=GROUP_COLOURS),
            legend=alt.Legend(title=None, orient="bottom", symbolType="square", columns=3),
        )
    )
    words = base.mark_text(align="left", dx=-150, fontSize=12, color="#1c1c1c").encode(
        text="text:N"
    )
    title = alt.TitleParams(
        "The residual stream of the edge circuit: 64 directions, 15 vertices",
        subtitle="left: the half of a token's first end; right: that of its second",
        anchor="start",
    )
    return (boxes + words).properties(width=640, height={"step": 18}, title=title)


def save(picture: Picture, name: str) -> None:
    """Write a picture in the style that all share."""
    styled = (
        picture.configure(background="white", padding=14, font="Helvetica, Arial, sans-serif")
        .configure_axis(
            labelColor=INK, gridColor="#e6e6e6", domain=False, ticks=False, labelFontSize=12
        )
        .configure_view(stroke=None)
        .configure_legend(labelColor=INK, labelFontSize=12, labelLimit=320)
        .configure_title(color=INK, subtitleColor="#6a6a6a", fontSize=14, subtitleFontSize=12)
    )
    styled.save(Path(__file__).parent / f"{name}.svg")


if __name__ == "__main__":
    main()
