"""The section on the handcrafted network: how it finds the distance, and how exact it is."""

from collections.abc import Sequence

import altair as alt

from offpath.report.marks import Axis, Frame, Row, curves, graph, loss_axis
from offpath.report.parts import Chart, Figure, Key, Section, Story, colour, text_table
from offpath.report.words import circuit_sentences, paragraph, percent, sentence, significant
from offpath.results import CircuitResult, Matrix, State
from offpath.slices import label_title

STATES = {
    (True, False): Key("reached from 1", colour("from_source"), "circle"),
    (False, True): Key("reached from the target", colour("from_target"), "circle"),
    (True, True): Key("reached from both", colour("from_both"), "circle"),
    (False, False): Key("not reached", colour("unreached"), "circle"),
}
"""Whether a vertex is reached from vertex 1 and from the target, and how it is drawn."""
REACHED = 0.5  # an activation above this means yes


def section(story: Story) -> Section:
    """What the circuit does, how exact it is, and what it is made of."""
    circuit = story.get(CircuitResult)
    anchor, title = "circuit", "The handcrafted solution"
    if circuit is None:
        return Section(anchor, title, missing=story.missing(CircuitResult))
    figures = [_states_figure(story, circuit)]
    figures += [_sizes_figure(story, circuit)] if circuit.sizes else []
    figures += [_directions_figure(story, circuit)] if circuit.directions else []
    own = circuit.own_architecture and story.trains
    text = paragraph(
        "These weights were written down, not trained: they compute the distance by a search of "
        "which every step can be read.",
        "They fit the architecture that this run trains." if own else "",
        sentence(circuit.note),
    )
    matrix = story.get(Matrix) if story.trains else None  # else the answer in short has it already
    return Section(anchor, title, text, figures, statement=circuit_sentences(matrix))


def reached(circuit: CircuitResult, state: State) -> str:
    """Which vertices a layer has reached, as a sentence."""
    ends = ((1, state.from_source), (circuit.graph.target, state.from_target))
    parts = [
        f"from {end}: {', '.join(str(v) for v, a in enumerate(levels, 1) if a > REACHED)}"
        for end, levels in ends
        if max(levels) > REACHED
    ]
    return f"Reached {'; '.join(parts)}." if parts else "Nothing is reached yet."


def _states_figure(story: Story, circuit: CircuitResult) -> Figure:
    drawn = circuit.graph
    truth = label_title(drawn.distance, story.run.configuration.graphs.max_vertices)
    answer = f"{circuit.answer:.4f}".replace("-", "−")
    rows = [_vertices(circuit, state) for state in circuit.states]
    there = {row["series"] for one in rows for row in one}
    charts = []
    for state, vertices in zip(circuit.states, rows, strict=True):
        text = paragraph(state.text and f"{state.text}.", reached(circuit, state))
        charts.append(Chart(_graph(circuit, state, vertices), f"Layer {state.layer}", text))
    return Figure(
        "The search, layer by layer",
        f"One graph, and the question how far vertex {drawn.target} is from vertex 1. The "
        f"colours are the network’s own activations. The true distance is {truth}; the network "
        f"predicts {answer}.",
        _facts(story, circuit, f"one graph of {drawn.vertices} vertices", "activations above 0.5"),
        charts=charts,
        legend=[key for key in STATES.values() if key.title in there],
        layout="grid",
    )


def _graph(circuit: CircuitResult, state: State, vertices: Sequence[Row]) -> alt.LayerChart:
    """The graph, its vertices coloured by what one layer knows of them."""
    edges = []
    for a, b in circuit.graph.edges:
        (x, y), (x2, y2) = circuit.graph.positions[a - 1], circuit.graph.positions[b - 1]
        edges.append({"x": x, "y": y, "x2": x2, "y2": y2})
    levels = {"activation: from 1": "from_source .4f", "from the target": "from_target .4f"}
    words = {"vertex": "vertex", "state": "series", **levels}
    name = f"Layer {state.layer} of the handcrafted network: {reached(circuit, state)}"
    frame = Frame(name, 230, Axis("x"), Axis("y"), words)
    return graph(vertices, edges, list(STATES.values()), frame)


def _vertices(circuit: CircuitResult, state: State) -> list[Row]:
    """For each vertex its place, two activations, what they mean, and its part in the question."""
    roles = {1: "start", circuit.graph.target: "target"}
    levels = zip(state.from_source, state.from_target, circuit.graph.positions, strict=True)
    rows = []
    for vertex, (source, target, (x, y)) in enumerate(levels, start=1):
        known = (source > REACHED, target > REACHED)
        row = {"x": x, "y": y, "vertex": str(vertex), "role": roles.get(vertex, "")}
        ink = colour("on_vertex" if any(known) else "ink")
        activations = {"from_source": source, "from_target": target}
        rows.append({**row, "series": STATES[known].title, "ink": ink, **activations})
    return rows


def _sizes_figure(story: Story, circuit: CircuitResult) -> Figure:
    texts, rows = [], []
    for row in circuit.sizes:
        mse, largest = significant(row.mse), significant(row.largest_error)
        texts.append((str(row.vertices), row.constants, mse, largest, percent(row.accuracy)))
        words = {"largest": largest, "accuracy": row.accuracy}
        point = {"series": row.constants, "vertices": row.vertices, "loss": row.mse, **words}
        rows += [point] if row.mse > 0 else []
    kinds = dict.fromkeys(row.constants for row in circuit.sizes)
    marks = (("circuit", "circle"), ("study", "square"))
    keys = [Key(kind, colour(n), shape) for kind, (n, shape) in zip(kinds, marks, strict=False)]
    ticks = {"values": sorted({row.vertices for row in circuit.sizes}), "format": "d"}
    frame = Frame(
        "Error of the handcrafted network by number of vertices",
        260,
        Axis("vertices", "vertices of the largest graph", scale={"zero": False}, axis=ticks),
        loss_axis(),
        {
            "constants": "series",
            "vertices": "vertices",
            "MSE": "loss .2e",
            "largest error": "largest",
            "accuracy": "accuracy .1%",
        },
    )
    heads = ("vertices", "constants", "MSE", "largest error", "accuracy")
    return Figure(
        "How exact it is in larger graphs",
        "The same construction for graphs of every size, with constants that follow from the size "
        "and the wanted tolerance, and with those of WWZ24, which do not. An error of exactly "
        "0 has no place on the axis; the table has it.",
        _facts(story, circuit, "random graphs of each size, target 2", "MSE"),
        charts=[Chart(curves(rows, keys, frame, points=rows))],
        tables=[text_table("Error by number of vertices", heads, texts)],
        legend=keys,
    )


def _directions_figure(story: Story, circuit: CircuitResult) -> Figure:
    groups: dict[str, list[str]] = {}
    for row in circuit.directions:
        groups.setdefault(row.group, []).append(f"{row.index} {row.name}")
    heads = ("group", "coordinate and meaning")
    return Figure(
        "What each coordinate of the residual stream means",
        "A trained network chooses directions that have to be searched for; here each has a name.",
        _facts(story, circuit, "none", "none: the construction itself"),
        tables=[text_table("Directions", heads, list(groups.items()))],
    )


def _facts(story: Story, circuit: CircuitResult, test_data: str, metric: str) -> dict[str, str]:
    model = (
        f"handcrafted ({circuit.circuit}): {circuit.layers} layers, width {circuit.width}, "
        f"{circuit.heads} heads, {circuit.feed_forward} hidden units"
    )
    training = "none: handcrafted weights"
    return story.facts(model, test_data, metric, CircuitResult, training=training)
