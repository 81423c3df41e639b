import re
import shlex
from pathlib import Path

import altair
import markupsafe
import numpy as np
import pytest

from offpath.data.batches import draw
from offpath.data.worlds import worlds
from offpath.generalize.baselines import Known, rules
from offpath.generalize.evaluate import Compared, evaluate
from offpath.networks import networks
from offpath.recipes import as_written, laptop, smoke
from offpath.report.export import write_markdown
from offpath.report.page import page, page_colours, write_report
from offpath.report.parts import Logged, Section, Story, story
from offpath.report.sections import SECTIONS, answer, section, sections
from offpath.report.sections.training import MOST_POINTS, distance_loss_chart, pooled
from offpath.report.words import accuracy_interval, percent
from offpath.results import CircuitResult, Labels, Matrix
from offpath.run.folder import Run, create_run
from offpath.slices import HEADLINE, SPLIT_STRATA
from tests.report.conftest import add_metrics, circuit_run, shown_sections, with_result, with_scores
from tests.report.stories import changed

FIRST = [
    "answer", "task", "data", "model", "training", "phases", "finetuning", "matrix", "strata",
    "ledger", "shifts", "predictions", "study",
]  # fmt: skip
SOLUTIONS = ["circuit", "inside", "robustness", "coefficient"]
FACTS = ["Model", "Training data", "Test data", "Metric", "n", "Seeds", "Made by", "Draws"]
OTHERS = ["pretrained", "scratch", "distance_to_2"]


def accuracy(low: float, high: float) -> dict[str, float]:
    return {"accuracy_low": low, "accuracy": (low + high) / 2, "accuracy_high": high}


def matrix_of(finished: Story) -> Matrix:
    matrix = finished.get(Matrix)
    assert matrix
    return matrix


def line(step: int, losses: dict[str, float], counts: dict[str, int]) -> Logged:
    return Logged("pretrained", step, sum(losses.values()), 0.1, losses, counts)


def test_a_finished_run_has_every_section_and_misses_nothing(contents: dict[str, Section]):
    assert list(contents) == [*FIRST, *SOLUTIONS]
    assert all(section.figures for section in contents.values())


def test_every_chart_is_what_its_schema_allows(contents: dict[str, Section]):
    figures = [figure for section in contents.values() for figure in section.figures]
    charts = [chart.chart for figure in figures for chart in figure.charts]
    assert len(charts) > 20
    for chart in charts:
        altair.Chart.from_dict(chart)


def test_every_caption_gives_the_origin_of_its_figure(contents: dict[str, Section], run: Run):
    for one in contents.values():
        for figure in one.figures:
            assert [fact for fact in figure.facts if fact != "Detector"] == FACTS
            assert all(figure.facts.values())
            assert figure.facts["Made by"] == f"offpath report {run.quoted}"


def test_the_page_is_one_small_file_that_asks_nothing_of_a_network(run: Run):
    path = write_report(run)
    text = path.read_text()
    assert path == run.report
    assert path.stat().st_size < 3_000_000
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", text)
    assert "@import" not in text
    assert "default-src 'none'" in text


def test_the_same_results_give_the_same_page(run: Run, text: str):
    assert page(story(run)) == text


def test_networks_rules_and_strata_bring_their_colours_to_the_page(finished: Story, text: str):
    rows = {row.predictor: row.colour for row in matrix_of(finished).predictors}
    rows |= {f"slice-{where.slice}": where.colour for where in SPLIT_STRATA}
    for name, (light, dark) in rows.items():
        variable = re.sub("[^a-z0-9]+", "-", name)
        assert f"--{variable}: light-dark({light}, {dark});" in text


def test_a_run_that_only_began_shows_what_it_has_and_names_the_commands_for_the_rest(
    tmp_path: Path,
):
    started = create_run(smoke(), tmp_path / "my runs")
    add_metrics(started, "pretrained")
    contents = shown_sections(story(started))
    assert [*contents] == ["model", "training"]
    assert len(contents["training"].figures) == 1
    missing = {(gap.part, gap.command) for gap in story(started).gaps()}
    folder = shlex.quote(str(started.folder))
    assert folder.startswith("'")  # a path with a space can be pasted
    trainings = ("fine-tuned", "from scratch", "handcrafted, fine-tuned")
    assert missing == {
        *((f"the training of the network “{t}”", f"offpath finetune {folder}") for t in trainings),
        ("the phase changes", f"offpath evaluate {folder}"),
        ("the examples of the task", f"offpath evaluate {folder}"),
        ("the evaluation sets", f"offpath evaluate {folder}"),
        ("the test matrix", f"offpath evaluate {folder}"),
        ("the shift suite", f"offpath evaluate {folder}"),
        ("the predictions", f"offpath evaluate {folder}"),
        ("the ledger of overlap", f"offpath evaluate {folder}"),
        ("the comparison with WWZ24", f"offpath evaluate {folder}"),
        ("the handcrafted solution", f"offpath evaluate {folder}"),
        ("the robustness of the solutions", f"offpath robustness {folder}"),
        ("the learning coefficient", f"offpath llc {folder}"),
        ("what networks do inside", f"offpath inside {folder}"),
    }
    text = write_report(started).read_text()
    for part, command in missing:
        assert f"<li>{part}, made by <code>{markupsafe.escape(command)}</code></li>" in text


@pytest.mark.parametrize("anchor", [one for one in SECTIONS if one != "model"])
def test_a_section_whose_result_is_missing_is_not_there(run: Run, anchor: str):
    assert section(Story(run, (), {}), anchor).figures in ((), [])


def test_a_run_killed_before_its_first_line_names_the_command_that_began_it(tmp_path: Path):
    started = story(create_run(smoke(), tmp_path))
    command = started.untrained()[0].command
    assert command == "offpath pretrain --recipe smoke --seed 0"
    finished = Story(started.run, (), {}, ["offpath run --recipe smoke --seed 7"])
    assert finished.untrained()[0].command == "offpath run --recipe smoke --seed 7"


def test_a_matrix_without_a_fine_tuned_network_still_makes_a_page(finished: Story, run: Run):
    matrix = matrix_of(finished)
    rows, cells = (
        [row for row in part if row.predictor not in ("finetuned", "scratch")]
        for part in (matrix.predictors, matrix.cells)
    )
    other = with_result(finished, changed(matrix, predictors=rows, cells=cells))
    shown = section(other, "answer")
    assert (shown.statement, shown.headline) == ("", None)
    assert [key.title for key in shown.figures[0].legend] == ["pre-trained", "best trivial rule"]
    page(other)


@pytest.mark.parametrize(
    ("low", "high", "word"), [(0.01, 0.1, "above"), (-0.2, -0.1, "below"), (-0.1, 0.1, "Neither")]
)
def test_a_claim_follows_the_interval_of_the_difference(
    finished: Story, low: float, high: float, word: str
):
    matrix = with_scores(
        matrix_of(finished), ("finetuned",), above_rule_low=low, above_rule_high=high
    )
    text = " ".join(answer.claims(matrix))
    others = {"above", "below", "Neither"} - {word}
    assert word in text
    assert not any(other in text for other in others)


def test_a_coin_flip_network_is_said_to_be_above_no_rule(finished: Story):
    c = laptop().change({"evaluate.bootstrap_resamples": 40})
    world = worlds(c.graphs)["test_e"]
    batch, other = draw(world, 0, 0, 20_000), draw(world, 0, 20_000, 5_000)
    table = rules(finetuned=False)
    of_rules = {name: rule.answers(batch, Known(other, None)) for name, rule in table.items()}
    trivial = frozenset(name for name, rule in table.items() if rule.trivial)
    coin = np.random.default_rng(0)
    for flipped in (coin.integers(1, 9, 20_000), coin.choice([1, 2], 20_000)):
        flips = {"finetuned": flipped.astype(float)}
        compared = Compared(of_rules, trivial)
        cells = evaluate(flips, batch, "test_e", c, compared=compared)
        matrix = changed(matrix_of(finished), cells=cells)
        assert not any("above" in clause for clause in answer.claims(matrix))


def test_the_answer_says_how_many_seeds_there_are_and_how_to_get_more(finished: Story):
    statement = section(finished, "answer").statement
    assert statement.startswith("On hard questions, the fine-tuned network is ")
    assert "This is one seed" in statement
    assert statement.endswith("(offpath sweep smoke).")


def test_the_answer_gives_the_accuracy_of_the_headline_strata_with_intervals(finished: Story):
    statement = section(finished, "answer").statement
    for where in HEADLINE:
        cell = matrix_of(finished).cell("finetuned", "test_e", where)
        assert cell
        assert f"{percent(cell.accuracy)} [{accuracy_interval(cell)}] {where.title}" in statement


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.01, 0.1, "above the rule"), (-0.2, -0.1, "below the rule"), (-0.1, 0.1, "not decided")],
)
def test_the_headline_has_each_stratum_with_its_verdict(
    finished: Story, low: float, high: float, verdict: str
):
    matrix = with_scores(
        matrix_of(finished), ("finetuned",), above_rule_low=low, above_rule_high=high
    )
    table = answer.headline(matrix)
    assert table
    there = [where for where in SPLIT_STRATA if matrix.cell("finetuned", "test_e", where)]
    assert [row.note for row in table.rows] == [where.meaning for where in there]
    for where, row in zip(there, table.rows, strict=True):
        cell = matrix.cell("finetuned", "test_e", where)
        every, hard, words = row.entries
        assert cell
        assert every
        assert every.share == cell.accuracy
        assert cell.above_rule is not None
        assert every.tick == pytest.approx(cell.accuracy - cell.above_rule)
        assert (words.lines[0] if words else None) == (verdict if hard else None)


def test_the_answer_compares_every_network_trained_from_new_weights(contents: dict[str, Section]):
    titles = [key.title for key in contents["answer"].figures[0].legend]
    assert titles == ["fine-tuned", "pre-trained", "from scratch", "best trivial rule"]


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_a_network_that_did_not_learn_its_first_task_is_warned_of(finished: Story, share: float):
    matrix = with_scores(matrix_of(finished), ("pretrained",), **accuracy(share, share))
    words = "none" if share == 0 else "only 50.0\xa0%"
    warning = (
        f"This network did not learn its first task: {words} of its answers on the pre-training "
        "distribution are correct, so the rest means little. "
    )
    shown = section(with_result(finished, matrix), "answer")
    assert shown.statement.startswith(warning if share < 0.9 else "On hard questions, ")


def test_markup_in_a_result_stays_text(finished: Story):
    labels = finished.get(Labels)
    assert labels
    first = labels.worlds[0].model_copy(update={"title": "</script><b>bold"})
    worlds = [first, *labels.worlds[1:]]
    text = page(with_result(finished, changed(labels, worlds=worlds)))
    assert "</script><b>" not in text
    assert "&lt;/script&gt;&lt;b&gt;bold" in text  # on the page
    assert "\\u003c/script\\u003e\\u003cb\\u003ebold" in text  # in the description of a chart


MARKUP = "<img src=x onerror=alert(1)>"


def test_the_name_of_a_folder_cannot_become_markup(finished: Story, tmp_path: Path):
    run = create_run(finished.run.configuration, tmp_path / MARKUP)
    named = Story(
        run, finished.metrics, finished.results, [f"offpath run --runs-folder '{MARKUP}'"]
    )
    text = page(named)
    assert MARKUP not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text
    path = tmp_path / "report.md"
    write_markdown(MARKUP, sections(named), page_colours(named), path)
    assert MARKUP not in path.read_text()


def test_the_key_of_an_imported_file_cannot_become_markup(tmp_path: Path):
    other = smoke().model_copy(update={"imported": MARKUP})
    text = page(story(create_run(other, tmp_path)))
    assert MARKUP not in text


def test_pooled_lines_weigh_each_loss_by_its_examples():
    lines = [line(step, {"1": float(step % 2)}, {"1": 1 + 2 * (step % 2)}) for step in range(800)]
    points = pooled(lines)
    assert len(points) == MOST_POINTS
    assert {point.loss_by_label["1"] for point in points} == {0.75}
    assert [point.step for point in points[:2]] == [1, 3]


def test_a_distance_without_examples_has_no_point():
    points = pooled(
        [line(1, {"1": 0.5, "2": 0.0}, {"1": 4, "2": 0}), line(2, {"1": 0.5}, {"1": 4})]
    )
    assert [list(point.loss_by_label) for point in points] == [["1"], ["1"]]


def test_a_rare_distance_gets_a_point_once_it_has_a_hundred_examples():
    lines = [line(step, {"1": 1.0, "2": float(step)}, {"1": 200, "2": 40}) for step in range(1, 7)]
    rows = distance_loss_chart(lines, max_vertices=5)["data"]["values"]
    points = {(row["series"], row["step"]): row["loss"] for row in rows}
    assert [step for name, step in points if name == "1"] == [1, 2, 3, 4, 5, 6]
    assert {key: loss for key, loss in points.items() if key[0] == "2"} == {
        ("2", 3): 2.0,
        ("2", 6): 5.0,
    }


def test_the_header_names_what_was_imported_and_the_published_fine_tuning(tmp_path: Path):
    own = page(story(create_run(smoke(), tmp_path)))
    assert "offpath · smoke · seed 0</p>" in own
    assert "A transformer learned the distance from vertex 1 to vertex 2" in own
    other = smoke().model_copy(update={"imported": "0123abcd" * 8, "finetune": as_written()})
    text = page(story(create_run(other, tmp_path)))
    assert (
        "offpath · smoke · seed 0 · weights imported · fine-tuned as in WWZ24, as written" in text
    )
    assert "An imported transformer, which should give the distance" in text
    assert "A transformer learned" not in text


def test_imported_weights_have_no_curve_and_no_gap_of_pre_training(tmp_path: Path):
    run = create_run(smoke().model_copy(update={"imported": "0123abcd" * 8}), tmp_path)
    add_metrics(run, "finetuned")
    shown = shown_sections(story(run))
    assert "training" not in shown
    text = shown["finetuning"].text
    assert "were imported, not trained here (SHA-256 0123abcd0123…)" in text
    assert not any("“pre-trained”" in gap.part for gap in story(run).gaps())


def test_a_control_that_has_not_begun_is_not_mentioned(tmp_path: Path):
    started = create_run(smoke(), tmp_path)
    add_metrics(started, "finetuned")
    (alone,) = shown_sections(story(started))["finetuning"].figures
    assert (alone.title, alone.text) == ("Fine-tuning", "The loss on a logarithmic axis.")
    add_metrics(started, "scratch")
    (both,) = shown_sections(story(started))["finetuning"].figures
    assert both.title == "Fine-tuning, and its control without pre-training"
    assert both.text.startswith("The same examples in the same order")


def test_a_note_of_a_circuit_becomes_a_sentence(finished: Story):
    circuit = finished.get(CircuitResult)
    assert circuit
    note = "the circuit does not fit the run's architecture: width 48 instead of 16"
    other = with_result(finished, changed(circuit, note=note))
    text = "The circuit does not fit the run’s architecture: width 48 instead of 16."
    assert shown_sections(other)["circuit"].text.endswith(f" {text}")


def test_each_column_of_a_prediction_panel_sums_to_one(contents: dict[str, Section], run: Run):
    chart = contents["predictions"].figures[0].charts[0].chart
    sums: dict[tuple[str, str, str], float] = {}
    for row in chart["data"]["values"]:
        column = (row["row"], row["column"], row["truth"])
        sums[column] = sums.get(column, 0) + row["share"]
    assert len(sums) == (len(networks(run.configuration)) + 2) * 7 * 5
    assert list(sums.values()) == pytest.approx([1.0] * len(sums), abs=0.02)
    assert {truth for _, _, truth in sums} == {"1", "2", "3", "4", "no path"}


def test_a_run_of_a_circuit_alone_mentions_no_training(tmp_path: Path):
    run = circuit_run(tmp_path)
    contents = shown_sections(story(run))
    assert not {"model", "training", "phases", "finetuning", "study"} & set(contents)
    assert [gap.part for gap in story(run).gaps()] == [
        "the learning coefficient",
        "what networks do inside",
    ]
    start = "The handcrafted network has an accuracy of 100.0\xa0% on test e"
    assert contents["answer"].statement.startswith(start)
    text = write_report(run).read_text()
    assert "Nothing was trained here: the weights of a transformer are handcrafted" in text
    facts = [figure.facts for one in contents.values() for figure in one.figures]
    assert not any("target 2" in fact["Training data"] for fact in facts)
    assert {fact["Seeds"] for fact in facts} == {"0 for evaluation sets"}


def test_a_run_without_fine_tuning_answers_with_what_it_has(tmp_path: Path, finished: Story):
    run = create_run(smoke().model_copy(update={"finetune": None}), tmp_path)
    text = page(Story(run, finished.metrics, finished.results))
    assert "It is not fine-tuned in this run." in text
