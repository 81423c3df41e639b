"""The section on the task: real examples, drawn, and what changes from one to the next."""

from pathlib import Path

from offpath.recipes import smoke
from offpath.report.parts import Section, Story, story
from offpath.report.sections import section
from offpath.results import Examples
from tests.report.conftest import circuit_run, shown_sections, with_result
from tests.report.stories import changed, rows, story_of


def test_the_question_is_drawn_for_pre_training_fine_tuning_and_the_test(
    contents: dict[str, Section],
):
    (figure,) = contents["task"].figures
    assert [chart.title for chart in figure.charts] == ["Pre-training", "Fine-tuning", "Test e"]
    assert [chart.text.split(" d(1,2)")[0] for chart in figure.charts] == [
        "How far is vertex 2 from vertex 1? Answer: 2, along 1–3–2.",
        "How far is vertex 3 from vertex 1? Answer: 1, along 1–3.",
        "How far is vertex 4 from vertex 1? Answer: 2, along 1–3–4.",
    ]
    assert figure.charts[1].text.endswith(
        "d(1,2): 2. Stratum: on path. Example 1\u202f001 of the set, 5 vertices."
    )
    assert "the first of each stratum" in figure.text


def test_a_drawing_marks_start_target_the_path_and_the_vertices_that_lead_to_2(
    contents: dict[str, Section],
):
    drawn = rows(contents["task"].figures[0].charts[2].chart)
    series = {row["vertex"]: row["series"] for row in drawn if "vertex" in row}
    on_path = "on a shortest path from 1 to 2"
    assert series == {
        "1": "vertex 1", "2": on_path, "3": on_path, "4": "target", "5": "other vertices",
    }  # fmt: skip
    assert {r["vertex"]: r["role"] for r in drawn if r.get("role")} == {"1": "start", "4": "target"}
    edges = [row for row in drawn if "x2" in row]
    assert [row.get("marked", False) for row in edges] == [True, False, True]  # the last one twice


def test_what_changes_is_computed_from_the_configuration(contents: dict[str, Section]):
    (first, then), (second, other) = contents["task"].terms
    assert (first, second) == ("From pre-training to fine-tuning", "From fine-tuning to test e")
    assert "graphs have 3 to 4 vertices instead of 3 to 5" in then
    assert "any of the vertices 2 to 5" in other
    assert other.endswith("Fine-tuning never asked for vertex 5.")


def test_fine_tuning_on_graphs_of_every_size_leaves_no_vertex_out(finished: Story):
    graphs = smoke().graphs.model_copy(update={"finetune_vertices": 5})
    examples = finished.get(Examples)
    assert examples
    shown = story_of(examples, configuration=smoke().model_copy(update={"graphs": graphs}))
    (_, text) = section(shown, "task").terms[1]
    assert text.endswith("graphs have 3 to 5 vertices again.")


def test_a_question_without_a_path_has_none_in_its_words(finished: Story):
    examples = finished.get(Examples)
    assert examples
    cut = examples.worlds[-1].examples[2].model_copy(update={"path": [], "distance": 5})
    last = examples.worlds[-1].model_copy(update={"examples": [cut]})
    shown = with_result(finished, changed(examples, worlds=[*examples.worlds[:-1], last]))
    text = shown_sections(shown)["task"].figures[0].charts[2].text
    assert "Answer: no path. d(1,2): 2." in text


def test_a_run_that_trains_nothing_shows_the_test_alone(tmp_path: Path):
    shown = shown_sections(story(circuit_run(tmp_path)))["task"]
    assert [chart.title for chart in shown.figures[0].charts] == ["Test e"]
    assert shown.terms == []
    assert shown.figures[0].title == "What the test asks"
