"""The page of several runs: dots, differences, scores, and where they come from."""

from pathlib import Path

import altair
import pytest

from offpath.comparison import Comparison
from offpath.generalize.groups import measured
from offpath.generalize.seeds import compare
from offpath.report.page import seeds_page
from offpath.report.parts import Figure, Section, story
from offpath.report.sections import seed_curves, seed_tables, seeds
from offpath.run.folder import Run
from offpath.slices import HARD_HEADLINE
from tests.report.conftest import add_metrics
from tests.report.stories import rows
from tests.seed_runs import seed_runs

FACTS = ["Model", "Training data", "Test data", "Metric", "n", "Seeds", "Made by", "Draws"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    return seed_runs(tmp_path_factory.mktemp("runs"), range(12))


@pytest.fixture(scope="module")
def comparison(runs: list[Run]) -> Comparison:
    return compare(measured(runs), against="all")


@pytest.fixture(scope="module")
def groups(runs: list[Run], tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    others = seed_runs(tmp_path_factory.mktemp("others"), range(3), {"finetune.steps": 7}, 0.05)
    return compare(measured([*runs[:3], *others], "finetune.steps"), against="all")


def known(runs: list[Run], comparison: Comparison) -> dict[str, object]:
    words = {"command": "offpath report", "seeds": "0", "alpha": 0.01, "trains": True}
    return {**words, "c": runs[0].configuration, "comparison": comparison}


@pytest.fixture(scope="module")
def shown(runs: list[Run], comparison: Comparison) -> list[Section]:
    return seeds.sections(comparison, known(runs, comparison))


def figures(sections: list[Section]) -> list[Figure]:
    return [figure for section in sections for figure in section.figures]


def test_every_chart_is_what_its_schema_allows_and_has_its_origin(shown: list[Section]):
    assert [len(figure.charts) for figure in figures(shown)] == [4, 0, 0]
    for figure in figures(shown):
        assert list(figure.facts) == FACTS
        assert all(figure.facts.values())
        for chart in figure.charts:
            altair.Chart.from_dict(chart.chart)


def test_there_is_a_dot_for_each_seed_of_each_network_and_a_line_at_the_best_rule(
    shown: list[Section], comparison: Comparison
):
    for where, chart in zip(HARD_HEADLINE, figures(shown)[0].charts, strict=True):
        assert chart.title == f"{where.title}, hard"
        drawn = rows(chart.chart)
        lines = [row["score"] for row in drawn if "seed" not in row]
        dots = {(row["series"], row["seed"]): row["score"] for row in drawn if "seed" in row}
        here = [row for row in comparison.scores if row.slice == where.slice]
        assert lines == [row.values[0] for row in here if row.rule]
        assert dots == {
            (row.title, seed): value
            for row in here
            if not row.rule
            for seed, value in zip(row.seeds, row.values, strict=True)
        }


def test_groups_have_a_shape_of_their_own_and_stand_below_each_other(
    runs: list[Run], groups: Comparison, shown: list[Section]
):
    figure = figures(seeds.sections(groups, known(runs, groups)))[0]
    assert [key[::2] for key in figure.legend[-2:]] == [
        ("finetune.steps 20", "circle"),
        ("finetune.steps 7", "square"),
    ]
    several, single = (one.charts[0].chart for one in (figure, figures(shown)[0]))
    assert all("yOffset" in layer["encoding"] for layer in several["layer"][1:])
    assert all("yOffset" not in layer["encoding"] for layer in single["layer"])
    assert {row["group"] for row in rows(several) if "seed" in row} == {*groups.groups}


def test_the_statement_names_what_is_shown_and_counts_what_is_not(
    shown: list[Section], groups: Comparison
):
    for words in ("higher than pre-trained", "higher than best rule",
                  "lower than handcrafted, fine-tuned"):  # fmt: skip
        assert f"Fine-tuned is {words} for " in shown[0].statement
    assert "“off path, hard”" in shown[0].statement
    assert shown[0].statement.endswith("No difference is shown in 3 of 16 comparisons.")
    assert seeds.statement(groups) == "No difference is shown in 36 of 36 comparisons."


def test_the_table_of_differences_has_their_numbers_and_verdicts(
    shown: list[Section], comparison: Comparison
):
    tables = figures(shown)[1].tables
    texts = [[e.lines[0] for e in row.entries if e] for table in tables for row in table.rows]
    assert [text[-1] for text in texts] == [one.verdict for one in comparison.differences]
    assert [row.title for row in tables[0].rows] == [
        "pre-trained", "from scratch", "best rule", "handcrafted, fine-tuned"
    ]  # fmt: skip
    assert texts[0] == ["+88.2", "86.7 to 89.9", "0.00049", "0.0078", "higher"]
    assert tables[0].columns[2] == "95.8 % interval"


def test_the_scores_are_given_for_each_seed_unless_there_are_too_many(comparison: Comparison):
    (table,) = seed_tables.score_tables(comparison, HARD_HEADLINE[0])
    assert [*table.columns[1:7]] == ["mean", "min", "median", "max", "above rule", "seed 0"]
    assert len(table.columns) == 6 + 12
    (short,) = seed_tables.score_tables(comparison, HARD_HEADLINE[0], most_seeds=11)
    assert len(short.columns) == 6
    assert short.rows[-1].title == "best rule: best constant"


def test_the_page_lists_its_runs_and_is_the_same_each_time(runs: list[Run], comparison: Comparison):
    text = seeds_page(runs, comparison, Path("seeds.html"))
    assert seeds_page(runs, comparison, Path("seeds.html")) == text
    for run in comparison.runs:
        assert f"<code>{run.run}</code>" in text
    assert comparison.examples_sha256 in text
    for row in comparison.predictors:
        assert f": light-dark({row.colour[0]}, {row.colour[1]});" in text
    assert "12 runs: where does the skill still hold?</title>" in text
    assert "default-src 'none'" in text


def test_other_scores_have_their_own_axis_and_numbers(runs: list[Run]):
    made = compare(measured(runs), score="mse", against="all")
    figure = figures(seeds.sections(made, known(runs, made)))[0]
    x = figure.charts[0].chart["layer"][-1]["encoding"]["x"]
    assert x["title"] == "mean squared error"
    assert "domain" not in x["scale"]
    assert figure.facts["Metric"] == "mean squared error"
    (table, *_) = seed_tables.score_tables(made, HARD_HEADLINE[0])
    assert table.rows[3].entries[0] == seeds.Entry(["0"])


def test_the_headline_has_mean_range_rule_and_verdict_of_each_slice(comparison: Comparison):
    table = seeds.headline(comparison)
    assert table
    for where, row in zip(HARD_HEADLINE, table.rows, strict=True):
        rows = {
            one.predictor: one for one in comparison.of(where.by, where.slice, comparison.groups[0])
        }
        own, rule = rows["finetuned"], rows["best_rule"]
        bar, above, verdict = row.entries
        assert bar
        assert above
        assert verdict
        assert (bar.share, bar.tick) == (own.mean, rule.mean)
        assert own.above_rule
        assert above.lines == [f"{own.above_rule[0]} of 12"]
        (difference,) = (
            one
            for one in comparison.differences
            if (one.by, one.slice) == where[:2] and one.second[1] == "best_rule"
        )
        assert verdict.lines == [difference.verdict, f"Holm p {difference.adjusted_p:.2g}"]


def test_scores_that_are_no_shares_have_no_bars(runs: list[Run]):
    assert seeds.headline(compare(measured(runs), score="mse")) is None


def test_the_training_of_each_run_is_a_line_of_its_own(runs: list[Run], comparison: Comparison):
    stories = [story(run) for run in runs[:3]]
    assert seed_curves.section(stories, known(runs, comparison)).figures == []
    for run in runs[:2]:
        add_metrics(run, "finetuned")
    shown = seed_curves.section([story(run) for run in runs[:3]], known(runs, comparison))
    ((chart,),) = (figure.charts for figure in shown.figures)
    altair.Chart.from_dict(chart.chart)
    assert {row["line"] for row in rows(chart.chart)} == {"seed 0", "seed 1"}
    assert chart.title == "fine-tuned"


def test_runs_in_folders_of_one_name_keep_a_line_each(tmp_path: Path):
    (one,), (other,) = seed_runs(tmp_path / "a", range(1)), seed_runs(tmp_path / "b", range(1))
    for run in (one, other):
        add_metrics(run, "finetuned")
    given = known([one, other], compare(measured([one])))
    figure = seed_curves.section([story(one), story(other)], given).figures[0]
    names = {row["line"] for row in rows(figure.charts[0].chart)}
    assert names == {str(one.folder), str(other.folder)}


def test_the_command_of_a_page_has_the_options_that_it_was_made_with(
    runs: list[Run], comparison: Comparison
):
    text = seeds_page(runs, comparison, Path("x.html"), " --score mse")
    assert "seed11 --score mse --out x.html" in text


def test_runs_of_different_models_share_no_section_on_the_model(tmp_path: Path):
    runs = seed_runs(tmp_path / "a", range(2))
    others = seed_runs(tmp_path / "b", range(2), {"model.layers": 3})
    alike = seeds_page(runs, compare(measured(runs)), Path("x.html"))
    different = seeds_page(
        [*runs, *others], compare(measured([*runs, *others], "model.layers")), Path("x.html")
    )
    assert '<section id="model">' in alike
    assert '<section id="model">' not in different
