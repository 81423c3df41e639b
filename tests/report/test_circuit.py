"""The section on the handcrafted network."""

from offpath.recipes import laptop
from offpath.report.sections import section
from offpath.report.words import significant
from offpath.results import Matrix
from tests.report.solutions import circuit
from tests.report.stories import changed, figure, matrix, rows, story_of

SEARCH = "The search, layer by layer"


def test_a_vertex_has_the_colour_of_what_is_above_one_half():
    result = circuit()
    first, second, *others = result.states
    source, target = [0.51, 0.49, 0.0, 0.9], [0.49, 0.51, 0.0, 0.9]
    levels = {
        "from_source": source + second.from_source[4:],
        "from_target": target + second.from_target[4:],
    }
    states = [first, changed(second, **levels), *others]
    shown = section(story_of(changed(result, states=states)), "circuit")
    chart, title, text = figure(shown, SEARCH).charts[1]
    drawn = {row["vertex"]: row["series"] for row in rows(chart) if "series" in row}
    assert [drawn[vertex] for vertex in "1234"] == [
        "reached from 1",
        "reached from the target",
        "not reached",
        "reached from both",
    ]
    assert (title, text.split(".")[0]) == ("Layer 1", "d > 1")
    assert "from 1: 1, 4, 7; from 5: 2, 4, 5, 6, 8" in text


def test_a_layer_that_has_reached_nothing_says_so():
    nothing = [
        changed(state, from_source=[0.0] * 8, from_target=[0.0] * 8) for state in circuit().states
    ]
    shown = section(story_of(changed(circuit(), states=nothing)), "circuit")
    assert all("Nothing is reached yet." in c.text for c in figure(shown, SEARCH).charts)


def test_the_graph_has_its_edges_and_marks_the_question():
    graph = circuit().graph
    drawn = rows(figure(section(story_of(circuit()), "circuit"), SEARCH).charts[0].chart)
    places = graph.positions
    edges = [((row["x"], row["y"]), (row["x2"], row["y2"])) for row in drawn if "x2" in row]
    assert edges == [(places[a - 1], places[b - 1]) for a, b in graph.edges]
    assert {row["vertex"]: row["role"] for row in drawn if row.get("role")} == {
        "1": "start",
        "5": "target",
    }


def test_the_answer_stands_beside_the_true_distance():
    text = figure(section(story_of(circuit()), "circuit"), SEARCH).text
    assert "The true distance is 3; the network predicts 3.0003." in text


def test_every_direction_of_the_residual_stream_is_named():
    title = "What each coordinate of the residual stream means"
    (table,) = figure(section(story_of(circuit()), "circuit"), title).tables
    lines = [line for row in table.rows for entry in row.entries if entry for line in entry.lines]
    assert lines == [f"{row.index} {row.name}" for row in circuit().directions]


def test_errors_by_size_are_those_of_the_file_and_zero_is_in_the_table_alone():
    result = circuit("wide")
    sizes = [changed(result.sizes[0], mse=0.0), *result.sizes[1:]]
    shown = section(story_of(changed(result, sizes=sizes)), "circuit")
    drawn = figure(shown, "How exact it is in larger graphs")
    points = {(r["series"], r["vertices"]): r["loss"] for r in rows(drawn.charts[0].chart)}
    assert points == {(row.constants, row.vertices): row.mse for row in sizes[1:]}
    entries = [row.entries[1] for row in drawn.tables[0].rows]
    assert [e.lines[0] for e in entries if e] == [significant(row.mse) for row in sizes]


def test_only_a_circuit_of_the_architecture_that_is_trained_is_said_to_fit_it():
    fits = "They fit the architecture that this run trains."
    assert fits in section(story_of(circuit(), configuration=laptop()), "circuit").text
    wide = section(story_of(circuit("wide"), configuration=laptop()), "circuit").text
    assert fits not in wide
    assert wide.endswith("One token per vertex, and no layer norm.")
    alone = laptop().model_copy(update={"pretrain": None, "finetune": None})
    assert fits not in section(story_of(circuit(), configuration=alone), "circuit").text


def test_the_statement_names_where_the_circuit_errs():
    def statement(found: Matrix) -> str:
        return section(story_of(circuit(), found), "circuit").statement.replace(
            "\N{NO-BREAK SPACE}", " "
        )

    errs = statement(matrix(circuit=(0.99,) * 6 + (0.5,)))
    assert "accuracy of 92.0 % on test e" in errs
    assert "lowest for targets that the graph does not have (50.0 %)" in errs
    assert "lowest" not in statement(matrix(circuit=(1.0,) * 7))
