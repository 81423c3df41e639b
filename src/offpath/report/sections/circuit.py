"""The section on the handcrafted network: how it finds the distance, and how exact it is."""

from offpath.report.frames import Row, frame
from offpath.report.marks import curves, edge_rows, graph
from offpath.report.parts import Chart, Figure, Key, Section, Story, colour, text_table
from offpath.report.sections.matrix import circuit_statement
from offpath.report.words import paragraph, percent, significant
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


def section(story: Story, circuit: CircuitResult) -> Section:
    """What the circuit does, how exact it is, and what it is made of."""
    figures = [_states_figure(story, circuit)]
    figures += [_sizes_figure(story, circuit)] if circuit.sizes else []
    figures += [_directions_figure(story, circuit)] if circuit.directions else []
    matrix = story.get(Matrix) if story.trains else None  # else the answer in short has it already
    return Section(figures, statement=circuit_statement(matrix))


def _states_figure(story: Story, circuit: CircuitResult) -> Figure:
    layers = [(state, _vertices(circuit, state)) for state in circuit.states]
    series = {row["series"] for _, rows in layers for row in rows}
    truth = label_title(circuit.graph.distance, story.run.configuration.graphs.max_vertices)
    return Figure(
        *story.caption("circuit.states", truth=truth),
        charts=[_layer_chart(circuit, state, rows) for state, rows in layers],
        legend=[key for key in STATES.values() if key.title in series],
    )


def _vertices(circuit: CircuitResult, state: State) -> list[Row]:
    """For each vertex its place, two activations, what they mean, and its part in the question."""
    drawn, rows = circuit.graph, []
    roles = {1: "start", drawn.target: "target"}
    levels = zip(drawn.positions, state.from_source, state.from_target, strict=True)
    for vertex, ((x, y), source, target) in enumerate(levels, start=1):
        known = (source > REACHED, target > REACHED)
        place = {"x": x, "y": y, "vertex": str(vertex), "role": roles.get(vertex, "")}
        look = {"series": STATES[known].title, "ink": colour("on_vertex" if any(known) else "ink")}
        rows.append({**place, **look, "from_source": source, "from_target": target})
    return rows


def _layer_chart(circuit: CircuitResult, state: State, rows: list[Row]) -> Chart:
    """The graph, its vertices coloured by what one layer knows of them, and the same in words."""
    parts = [
        f"from {end}: {', '.join(there)}"
        for end, level in ((1, "from_source"), (circuit.graph.target, "from_target"))
        if (there := [row["vertex"] for row in rows if row[level] > REACHED])
    ]
    reached = f"Reached {'; '.join(parts)}." if parts else "Nothing is reached yet."
    own = frame("layer", layer=state.layer, reached=reached)
    chart = graph(rows, edge_rows(circuit.graph), list(STATES.values()), own)
    return Chart(chart, f"Layer {state.layer}", paragraph(state.text and f"{state.text}.", reached))


def _sizes_figure(story: Story, circuit: CircuitResult) -> Figure:
    texts, rows = [], []
    for size in circuit.sizes:
        mse, largest = significant(size.mse), significant(size.largest_error)
        texts.append((str(size.vertices), size.constants, mse, largest, percent(size.accuracy)))
        row = {"vertices": size.vertices, "series": size.constants, "loss": size.mse}
        rows += [{**row, "largest": largest, "accuracy": size.accuracy}] if size.mse > 0 else []
    constants = dict.fromkeys(size.constants for size in circuit.sizes)
    looks = zip(constants, ("circuit", "study"), ("circle", "square"), strict=False)
    keys = [Key(title, colour(name), shape) for title, name, shape in looks]
    ticks = sorted({size.vertices for size in circuit.sizes})
    own = frame("sizes", {"axis": {"values": ticks}})
    chart, table = curves(rows, keys, own, rows), text_table(own.name, list(own.words), texts)
    caption = story.caption("circuit.sizes")
    return Figure(*caption, charts=[Chart(chart)], tables=[table], legend=keys)


def _directions_figure(story: Story, circuit: CircuitResult) -> Figure:
    groups: dict[str, list[str]] = {}
    for row in circuit.directions:
        groups.setdefault(row.group, []).append(f"{row.index} {row.name}")
    table = text_table("Directions", ("group", "coordinate and meaning"), list(groups.items()))
    return Figure(*story.caption("circuit.directions"), tables=[table])
