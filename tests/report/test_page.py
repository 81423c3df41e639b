import re
from pathlib import Path

import pytest

from offpath.recipes import as_written, smoke
from offpath.report.curves import MOST_POINTS, distance_loss_chart, pooled
from offpath.report.findings import findings, headline
from offpath.report.page import page, write_report
from offpath.report.sections import sections
from offpath.report.story import story
from offpath.run.files import Record
from offpath.run.folder import Run, create_run, read_result, write_result
from tests.report.conftest import add_metrics, circuit_run

FIRST = ["answer", "matrix", "strata", "data", "training", "predictions", "study"]
SOLUTIONS = ["circuit", "robustness", "coefficient"]
FACTS = ["Model", "Training data", "Test data", "Metric", "Seeds", "Made by", "Draws"]


def scored(run: Run, predictor: str, low: float, high: float) -> Record:
    """The matrix with another interval for the accuracy of one predictor on every slice."""
    matrix = read_result(run, "matrix")
    for cell in matrix["cells"]:
        if cell["predictor"] == predictor:
            cell.update(accuracy_low=low, accuracy=(low + high) / 2, accuracy_high=high)
    return matrix


def line(step: int, losses: dict[str, float], counts: dict[str, int]) -> Record:
    return {
        "stage": "pretrain",
        "step": step,
        "loss": sum(losses.values()),
        "loss_by_label": losses,
        "count_by_label": counts,
        "learning_rate": 0.1,
    }


def test_a_finished_run_has_every_section_and_misses_nothing(run: Run):
    shown = sections(story(run))
    anchors = [section.anchor for section in shown]
    assert anchors == [*FIRST, *SOLUTIONS]
    assert all(section.figures and not section.missing for section in shown)


def test_every_chart_is_what_its_schema_allows(run: Run):
    """The page leaves this check out: it would take half of its time."""
    figures = [figure for section in sections(story(run)) for figure in section.figures]
    charts = [chart for figure in figures for _, _, chart in figure.charts]
    assert len(charts) > 20
    for chart in charts:
        chart.to_dict(validate=True)


def test_every_caption_says_where_its_figure_comes_from(run: Run):
    for section in sections(story(run)):
        for figure in section.figures:
            assert list(figure.facts) == FACTS
            assert all(figure.facts.values())
            assert figure.facts["Made by"] == f"offpath report {run.folder}"


def test_the_page_is_one_small_file_that_asks_nothing_of_a_network(run: Run):
    path = write_report(run)
    text = path.read_text()
    assert path == run.report
    assert path.stat().st_size < 3_000_000
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", text)
    assert "@import" not in text
    assert "default-src 'none'" in text


def test_the_same_results_give_the_same_page(run: Run):
    assert page(story(run)) == page(story(run))


def test_a_run_that_only_began_shows_its_training_and_names_the_commands_for_the_rest(
    tmp_path: Path,
):
    begun = create_run(smoke(), tmp_path)
    add_metrics(begun, "pretrain")
    shown = {section.anchor: section for section in sections(story(begun))}
    assert len(shown["training"].figures) == 2
    missing = {(m.part, m.command) for section in shown.values() for m in section.missing}
    assert missing == {
        ("fine-tuning", f"offpath finetune {begun.folder}"),
        ("the control without pre-training", f"offpath finetune {begun.folder}"),
        ("the evaluation sets", f"offpath evaluate {begun.folder}"),
        ("the test matrix", f"offpath evaluate {begun.folder}"),
        ("the predictions", f"offpath evaluate {begun.folder}"),
        ("the solution set by hand", f"offpath evaluate {begun.folder}"),
        ("how robust the solutions are", f"offpath robustness {begun.folder}"),
        ("the learning coefficient", f"offpath llc {begun.folder}"),
    }
    text = write_report(begun).read_text()
    assert (
        text.count('<p class="missing">') == len(missing) + 6
    )  # matrix four times; two in provenance


def test_a_run_killed_before_its_first_line_names_the_command_that_began_it(run: Run):
    run.metrics.unlink()
    gaps = {gap.part: gap.command for gap in sections(story(run))[4].missing}
    assert gaps["pre-training"] == "offpath run --recipe smoke"
    (run.folder / "provenance.json").unlink()
    gaps = {gap.part: gap.command for gap in sections(story(run))[4].missing}
    assert gaps["pre-training"] == "offpath pretrain --recipe smoke --seed 0"


def test_a_matrix_without_a_fine_tuned_model_still_makes_a_page(run: Run):
    matrix = read_result(run, "matrix")
    for part in ("predictors", "cells"):
        kept = [r for r in matrix[part] if r["predictor"] not in ("finetuned", "scratch")]
        matrix[part] = kept
    write_result(run, "matrix", matrix)
    answer = sections(story(run))[0]
    assert (answer.statement, list(answer.findings)) == ("", [])
    assert [gap.command for gap in answer.missing] == [f"offpath evaluate {run.folder}"]
    assert [key.title for key in answer.figures[0].legend] == ["pre-trained", "answer d(1,2)"]
    write_report(run)


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [(0.98, 0.99, "raised"), (0.0, 0.001, "lowered"), (0.0, 1.0, "no clear")],
)
def test_the_headline_follows_the_results(run: Run, low: float, high: float, word: str):
    text = headline(scored(run, "finetuned", low, high))
    others = {"raised", "lowered", "no clear"} - {word}
    assert word in text
    assert not any(other in text for other in others)


def test_a_verdict_says_level_where_intervals_overlap(run: Run):
    matrix = scored(run, "finetuned", 0.40, 0.50)
    for cell in matrix["cells"]:
        if cell["predictor"] == "scratch":
            cell.update(accuracy_low=0.49, accuracy=0.55, accuracy_high=0.6)
        if cell["predictor"] in ("pretrained", "distance_to_2"):
            cell.update(accuracy_low=0.51, accuracy=0.55, accuracy_high=0.6)
    verdicts = {finding.verdict for finding in findings(matrix)}
    assert verdicts == {"below pre-trained and answer d(1,2); level with from scratch"}


def test_markup_in_a_result_stays_text(run: Run):
    labels = read_result(run, "labels")
    labels["worlds"][0]["title"] = "</script><b>bold"
    write_result(run, "labels", labels)
    text = write_report(run).read_text()
    assert "</script><b>" not in text
    assert "&lt;/script&gt;&lt;b&gt;bold" in text  # on the page
    assert "\\u003c/script>\\u003cb>bold" in text  # in the description of a chart


def test_pooled_lines_weigh_each_loss_by_its_examples():
    lines = [line(step, {"1": float(step % 2)}, {"1": 1 + 2 * (step % 2)}) for step in range(800)]
    points = pooled(lines)
    assert len(points) == MOST_POINTS
    assert {point["loss_by_label"]["1"] for point in points} == {0.75}
    assert [point["step"] for point in points[:2]] == [1, 3]


def test_a_distance_without_examples_has_no_point():
    points = pooled(
        [line(1, {"1": 0.5, "2": 0.0}, {"1": 4, "2": 0}), line(2, {"1": 0.5}, {"1": 4})]
    )
    assert [list(point["loss_by_label"]) for point in points] == [["1"], ["1"]]


def test_a_rare_distance_gets_a_point_once_it_has_a_hundred_examples():
    lines = [line(step, {"1": 1.0, "2": float(step)}, {"1": 200, "2": 40}) for step in range(1, 7)]
    chart = distance_loss_chart(lines, "pretrain", max_vertices=5, last_step=6).to_dict()
    found = {(row["line"], row["step"]): row["loss"] for row in chart["data"]["values"]}
    assert [step for name, step in found if name == "1"] == [1, 2, 3, 4, 5, 6]
    assert {key: loss for key, loss in found.items() if key[0] == "2"} == {
        ("2", 3): 2.0,
        ("2", 6): 5.0,
    }


@pytest.mark.parametrize(
    ("accuracy", "share"), [(0.89, "only 89.0\xa0%"), (0.0, "none"), (0.99, None)]
)
def test_a_network_that_did_not_learn_its_first_task_is_told_before_all_else(
    run: Run, accuracy: float, share: str | None
):
    matrix = read_result(run, "matrix")
    for cell in matrix["cells"]:
        if (cell["predictor"], cell["world"], cell["by"]) == (
            "pretrained",
            "pretraining",
            "pooled",
        ):
            cell["accuracy"] = accuracy
    write_result(run, "matrix", matrix)
    warning = (
        f"This network did not learn its first task: {share} of its answers on the pre-training "
        "distribution are right, so the rest means little. "
    )
    answer = sections(story(run))[0]
    assert answer.statement == (warning if share else "") + headline(matrix)
    assert "first task" not in answer.text


def test_the_header_says_what_was_brought_from_elsewhere_and_how_it_was_tuned(tmp_path: Path):
    own = write_report(create_run(smoke(), tmp_path)).read_text()
    assert "offpath · smoke · seed 0</p>" in own
    assert "A transformer learned how far vertex 2 is" in own
    other = smoke().model_copy(update={"imported": "0123abcd" * 8, "finetune": as_written()})
    text = write_report(create_run(other, tmp_path)).read_text()
    kicker = "offpath · smoke · seed 0 · weights imported · the study’s fine-tuning, as written</p>"
    assert kicker in text
    assert "A transformer brought from elsewhere, which should know how far vertex 2 is" in text
    assert "A transformer learned" not in text


def test_a_control_that_has_not_begun_is_not_spoken_of(tmp_path: Path):
    begun = create_run(smoke(), tmp_path)
    add_metrics(begun, "finetune")
    (tuned,) = sections(story(begun))[4].figures
    assert (tuned.title, tuned.text) == ("Fine-tuning", "The loss on a logarithmic axis.")
    add_metrics(begun, "scratch")
    (both,) = sections(story(begun))[4].figures
    assert both.title == "Fine-tuning, and its control without pre-training"
    assert both.text.startswith("The same examples in the same order")


def test_a_note_of_a_circuit_becomes_a_sentence(run: Run):
    circuit = read_result(run, "circuit")
    circuit["note"] = "the circuit does not fit the run's architecture: width 48 instead of 16"
    write_result(run, "circuit", circuit)
    said = "The circuit does not fit the run’s architecture: width 48 instead of 16."
    assert sections(story(run))[-3].text.endswith(f" {said}")


def test_each_column_of_a_prediction_panel_sums_to_one(run: Run):
    chart = sections(story(run))[5].figures[0].charts[0][2].to_dict()
    sums: dict[tuple[str, str, str], float] = {}
    for row in chart["data"]["values"]:
        column = (row["predictor"], row["world"], row["truth"])
        sums[column] = sums.get(column, 0) + row["share"]
    assert len(sums) == 7 * 7 * 5
    assert list(sums.values()) == pytest.approx([1.0] * len(sums), abs=0.02)
    assert {truth for _, _, truth in sums} == {"1", "2", "3", "4", "no path"}


def test_a_run_of_a_circuit_alone_speaks_of_no_training(tmp_path: Path):
    run = circuit_run(smoke(), tmp_path)
    shown = sections(story(run))
    assert "training" not in [one.anchor for one in shown]
    gaps = [gap.part for one in shown for gap in one.missing]
    assert gaps == ["the learning coefficient"]
    assert shown[0].statement.startswith("The network set by hand answers 100.0\xa0% of test e")
    text = write_report(run).read_text()
    assert "Nothing was trained here: the weights of a transformer were set by hand" in text
    assert "fine-tuning; made by" not in text
    facts = [figure.facts for one in shown for figure in one.figures]
    assert not any("pre-training: target 2" in fact["Training data"] for fact in facts)


def test_a_circuit_alone_is_made_by_its_own_verb(tmp_path: Path):
    run = circuit_run(smoke(), tmp_path)
    run.result("circuit").unlink()
    gaps = [gap.command for gap in sections(story(run))[-3].missing]
    assert gaps == ["offpath circuit wide --recipe smoke --vertices 5"]
