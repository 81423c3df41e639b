"""The section on the network set by hand: how it finds the distance, and how exact it is.

In: `results/circuit.json`. Out: its states layer by layer on one graph, its error by size of the
graph, and what the coordinates of its residual stream mean.
"""

from collections.abc import Sequence

import altair as alt

from offpath.report.cells import finite, label_title, percent, written
from offpath.report.charts import boxed, colour, layers, log_loss, row_chart
from offpath.report.findings import circuit_headline
from offpath.report.story import Figure, Key, PlainTable, Section, Story
from offpath.run.files import Record

STATES = {
    (True, False): ("reached from 1", "from_source"),
    (False, True): ("reached from the target", "from_target"),
    (True, True): ("reached from both", "from_both"),
    (False, False): ("not reached", "unreached"),
}
"""Whether a vertex is reached from vertex 1 and from the target: the words, and the colour."""

REACHED = 0.5  # an activation above this says yes
CONSTANTS = (("circuit", "circle"), ("study", "square"))
"""Colour and shape of the ways to choose the constants of a circuit, in the order of the file."""


def handcrafted(told: Story) -> Section:
    """What the circuit does, how exact it is, and what it is made of."""
    circuit = told.results.get("circuit")
    anchor, title = "circuit", "The solution set by hand"
    if circuit is None:
        return Section(anchor, title, missing=told.missing("circuit"))
    figures = [_states_figure(told, circuit)]
    figures += [_sizes_figure(told, circuit)] if circuit["sizes"] else []
    figures += [_directions_figure(told, circuit)] if circuit["directions"] else []
    text = (
        "These weights were written down, not trained: the distance is computed by a search "
        f"whose every step can be read. {_architecture(told, circuit)}"
    )
    matrix = None if told.by_hand else told.results.get("matrix")  # its answer says it already
    statement = circuit_headline(matrix) if matrix else ""
    return Section(anchor, title, text, figures, statement=statement)


def states_chart(circuit: Record, state: Record) -> alt.LayerChart:
    """The graph, its vertices coloured by what one layer knows of them."""
    graph = circuit["graph"]
    places = [(finite(x) or 0.0, finite(y) or 0.0) for x, y in graph["positions"]]
    span = alt.Scale(domain=[-0.12, 1.12], nice=False)
    tall = alt.Scale(domain=[-0.24, 1.24], nice=False)  # with room for words beyond a vertex
    x, y = alt.X("x:Q", scale=span, axis=None), alt.Y("y:Q", scale=tall, axis=None)
    ends = [
        {
            "x": places[a - 1][0],
            "y": places[a - 1][1],
            "x2": places[b - 1][0],
            "y2": places[b - 1][1],
        }
        for a, b in graph["edges"]
    ]
    rows = [
        {"x": place[0], "y": place[1], **row}
        for place, row in zip(places, _vertex_rows(circuit, state), strict=True)
    ]
    titles, names = zip(*STATES.values(), strict=True)
    fill = alt.Scale(domain=titles, range=[colour(name) for name in names])
    on_fill = [colour("ink" if name == "unreached" else "on_vertex") for name in names]
    words = alt.Scale(domain=titles, range=on_fill)
    marked = [row for row in rows if row["role"]]
    chart = layers(
        row_chart(ends)
        .mark_rule(color=colour("edge"), strokeWidth=1.6, aria=False)
        .encode(x=x, y=y, x2=alt.X2("x2:Q"), y2=alt.Y2("y2:Q")),
        row_chart(rows)
        .mark_circle(size=440, opacity=1)
        .encode(x=x, y=y, color=alt.Color("state:N", scale=fill, legend=None), tooltip=_tooltip()),
        row_chart(marked)
        .mark_point(size=760, strokeWidth=2, color=colour("ink"), filled=False, aria=False)
        .encode(x=x, y=y),
        row_chart(rows)
        .mark_text(fontSize=12, fontWeight="bold", aria=False)
        .encode(
            x=x,
            y=y,
            text=alt.Text("vertex:N"),
            color=alt.Color("state:N", scale=words, legend=None),
        ),
        *(
            row_chart([row])
            .mark_text(
                dy=-22 if row["y"] > 0.5 else 23, fontSize=11, color=colour("muted"), aria=False
            )
            .encode(x=x, y=y, text=alt.Text("role:N"))
            for row in marked
        ),
    ).resolve_scale(color="independent")
    name = f"Layer {state['layer']} of the network set by hand: {reached(circuit, state)}"
    return boxed(chart, name, height=230)


def reached(circuit: Record, state: Record) -> str:
    """Which vertices a layer has reached, as a sentence."""
    rows, target = _vertex_rows(circuit, state), circuit["graph"]["target"]
    said = []
    for start, end in (("1", "from_source"), (str(target), "from_target")):
        found = [row["vertex"] for row in rows if row[end] is not None and row[end] > REACHED]
        said += [f"from {start}: {', '.join(found)}"] if found else []
    return f"Reached {'; '.join(said)}." if said else "Nothing is reached yet."


def sizes_chart(sizes: Sequence[Record]) -> alt.Chart:
    """Error on a logarithmic axis by number of vertices, one line for each choice of constants."""
    rows = [
        {
            "constants": row["constants"],
            "vertices": row["vertices"],
            "loss": row["mse"],
            "largest": written(row["largest_error"]),
            "right": row["right"],
        }
        for row in sizes
        if (finite(row["mse"]) or 0) > 0
    ]
    kinds = _kinds(sizes)
    marks = CONSTANTS[: len(kinds)]
    colours = alt.Scale(domain=kinds, range=[colour(name) for name, _ in marks])
    shapes = alt.Scale(domain=kinds, range=[shape for _, shape in marks])
    vertices = sorted({row["vertices"] for row in sizes})
    chart = (
        row_chart(rows)
        .mark_line(strokeWidth=1.5, point=alt.OverlayMarkDef(size=60, filled=True))
        .encode(
            x=alt.X(
                "vertices:Q",
                title="vertices of the largest graph",
                scale=alt.Scale(zero=False, nice=False),
                axis=alt.Axis(values=vertices, format="d"),
            ),
            y=log_loss(),
            color=alt.Color("constants:N", scale=colours, legend=None),
            shape=alt.Shape("constants:N", scale=shapes, legend=None),
            tooltip=[
                alt.Tooltip("constants:N"),
                alt.Tooltip("vertices:Q"),
                alt.Tooltip("loss:Q", title="MSE", format=".2e"),
                alt.Tooltip("largest:N", title="largest error"),
                alt.Tooltip("right:Q", title="right answers", format=".1%"),
            ],
        )
    )
    return boxed(chart, "Error of the network set by hand by number of vertices", height=260)


def _states_figure(told: Story, circuit: Record) -> Figure:
    graph = circuit["graph"]
    rows = [row for state in circuit["states"] for row in _vertex_rows(circuit, state)]
    seen = {row["state"] for row in rows}
    largest = told.run.configuration.graphs.max_vertices
    truth = label_title(graph["distance"], largest)
    answer = finite(circuit["answer"])
    said = "nothing finite" if answer is None else f"{answer:.4f}".replace("-", "−")
    return Figure(
        "The search, layer by layer",
        f"One graph, and the question how far vertex {graph['target']} is from vertex 1. The "
        f"colours are the network’s own activations. The truth is {truth}; the network says "
        f"{said}.",
        _facts(
            told, circuit, f"one graph of {graph['vertices']} vertices", "activations above 0.5"
        ),
        charts=[
            (
                f"Layer {state['layer']}",
                " ".join(filter(None, [_sentence(state["said"]), reached(circuit, state)])),
                states_chart(circuit, state),
            )
            for state in circuit["states"]
        ],
        legend=[
            Key(title, colour(name), "circle") for title, name in STATES.values() if title in seen
        ],
        layout="grid",
    )


def _sizes_figure(told: Story, circuit: Record) -> Figure:
    kinds, sizes = _kinds(circuit["sizes"]), circuit["sizes"]
    table = PlainTable(
        "Error by number of vertices",
        ("vertices", "constants", "MSE", "largest error", "right answers"),
        [
            (
                str(row["vertices"]),
                row["constants"],
                written(row["mse"]),
                written(row["largest_error"]),
                "–" if finite(row["right"]) is None else percent(row["right"]),
            )
            for row in sizes
        ],
    )
    return Figure(
        "How exact it is in larger graphs",
        "The same construction for graphs of every size, with constants that follow from the size "
        "and the wanted tolerance, and with those of the study, which do not. An error of exactly "
        "0 has no place on the axis; the table has it.",
        _facts(told, circuit, "random graphs of each size, target 2", "MSE"),
        charts=[("", "", sizes_chart(sizes))],
        lists=[table],
        legend=[
            Key(title, colour(name), shape)
            for title, (name, shape) in zip(kinds, CONSTANTS, strict=False)
        ],
    )


def _directions_figure(told: Story, circuit: Record) -> Figure:
    groups: dict[str, list[str]] = {}
    for row in circuit["directions"]:
        groups.setdefault(row["group"], []).append(f"{row['index']} {row['name']}")
    table = PlainTable("Directions", ("group", "coordinate and meaning"), list(groups.items()))
    return Figure(
        "What each coordinate of the residual stream means",
        "A trained network chooses directions that have to be searched for; here each has a name.",
        _facts(told, circuit, "none", "none: the construction itself"),
        lists=[table],
    )


def _facts(told: Story, circuit: Record, tested: str, metric: str) -> dict[str, str]:
    model = (
        f"set by hand ({circuit['circuit']}): {circuit['layers']} layers, width "
        f"{circuit['width']}, {circuit['heads']} heads, {circuit['feed_forward']} hidden units"
    )
    return told.facts(model, "none: weights set by hand", tested, metric, "results/circuit.json")


def _architecture(told: Story, circuit: Record) -> str:
    """Whether these weights could have been found by training this run's own network."""
    same = circuit["own_architecture"] and not told.by_hand
    own = "It lies within the very architecture that this run trains." if same else ""
    note = circuit["note"]
    return " ".join(filter(None, [own, _sentence(note[:1].upper() + note[1:])]))


def _sentence(text: str) -> str:
    """A text with typographic apostrophes and a full stop, or nothing."""
    text = text.replace("'", "’")
    return text if not text or text[-1] in ".!?" else f"{text}."


def _vertex_rows(circuit: Record, state: Record) -> list[Record]:
    """For each vertex its two activations, what they say, and its part in the question."""
    roles = {1: "start", circuit["graph"]["target"]: "target"}
    pairs = zip(state["from_source"], state["from_target"], strict=True)
    rows = []
    for vertex, (source, target) in enumerate(pairs, start=1):
        values = {"from_source": finite(source), "from_target": finite(target)}
        says = ((values["from_source"] or 0) > REACHED, (values["from_target"] or 0) > REACHED)
        role = roles.get(vertex, "")
        rows.append({"vertex": str(vertex), "role": role, "state": STATES[says][0], **values})
    return rows


def _kinds(sizes: Sequence[Record]) -> list[str]:
    return list(dict.fromkeys(row["constants"] for row in sizes))


def _tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("vertex:N"),
        alt.Tooltip("state:N"),
        alt.Tooltip("from_source:Q", title="activation: from 1", format=".4f"),
        alt.Tooltip("from_target:Q", title="from the target", format=".4f"),
    ]
