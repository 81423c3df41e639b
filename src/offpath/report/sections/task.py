"""The section on the task: one real example of each distribution that a run is about, drawn."""

from offpath.report.frames import Row, frame
from offpath.report.marks import edge_rows, graph
from offpath.report.parts import Chart, Figure, Key, Section, Story, colour
from offpath.report.words import asset, filled, thousands
from offpath.results import Example, Examples
from offpath.slices import ANY_TARGET, STRATA, label_title

SHOWN = {"pretraining": "trained", "finetuning": "on_path", ANY_TARGET: "off_path"}
"""The distributions that are drawn, and the stratum that shows best what is new in each."""
ROLES = {
    "start": Key("vertex 1", colour("from_source"), "circle"),
    "target": Key("target", colour("from_target"), "circle"),
    "path": Key("on a shortest path from 1 to 2", colour("from_both"), "circle"),
    "": Key("other vertices", colour("unreached"), "circle"),
}
MARKED = Key("a shortest path to the target", colour("ink"))


def section(story: Story, examples: Examples) -> Section:
    """The question, drawn three times, and what changes from one time to the next."""
    c = story.run.configuration
    worlds = [("pretraining", c.pretrain), ("finetuning", c.finetune), (ANY_TARGET, True)]
    shown = [name for name, there in worlds if there and (story.trains or name == ANY_TARGET)]
    charts = [
        _chart(story, examples, name, example)
        for name in shown
        if (example := examples.example(name, SHOWN[name]))
    ]
    changes = asset("captions")["task_changes"] if len(shown) > 2 else {}
    terms = [(title, filled(text, {"c": c})) for title, text in changes.items()]
    legend = [*ROLES.values(), MARKED]
    return Section([Figure(*story.caption("task.examples"), charts=charts, legend=legend)],
                   terms=terms)  # fmt: skip


def _chart(story: Story, examples: Examples, world: str, example: Example) -> Chart:
    """The graph of an example, its question and the answer."""
    largest = story.run.configuration.graphs.max_vertices
    title = next(one.title for one in examples.worlds if one.world == world)
    question = f"How far is vertex {example.target} from vertex 1?"
    stratum = next(where.title for where in STRATA if where.slice == example.stratum)
    answer, to_2 = (label_title(d, largest) for d in (example.distance, example.distance_to_2))
    path = f", along {'–'.join(map(str, example.path))}" if example.path else ""
    words = (
        f"{question} Answer: {answer}{path}. d(1,2): {to_2}. Stratum: {stratum}. "
        f"Example {thousands(example.index)} of the set, {example.vertices} vertices."
    )
    drawn = graph(_vertices(example), edge_rows(example, example.path), [*ROLES.values()],
                  frame("example", title=title, question=question, answer=answer))  # fmt: skip
    return Chart(drawn, f"{title[:1].upper()}{title[1:]}", words)


def _vertices(example: Example) -> list[Row]:
    """For each vertex its place, its part in the question, and whether it is on the path to 2."""
    rows = []
    for vertex, (x, y) in enumerate(example.positions, start=1):
        other = "path" if vertex in example.path_to_2 else ""
        role = {1: "start", example.target: "target"}.get(vertex, other)
        ink = colour("on_vertex" if role else "ink")
        rows.append({
            "x": x, "y": y, "vertex": str(vertex), "series": ROLES[role].title, "ink": ink,
            "role": role if role in ("start", "target") else "",
        })  # fmt: skip
    return rows
