import re
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from offpath.configs import InputError
from offpath.recipes import smoke
from offpath.report.parts import Entry, Story, Table, TableRow
from offpath.report.sections.matrix import slice_table, world_table
from offpath.report.sections.study import mixture_sentence
from offpath.report.terminal import View, accuracy_entry, error_entry, fold, run_view, study_view
from offpath.results import Matrix, Study
from offpath.run.folder import Run, create_run, open_run
from offpath.slices import ANY_TARGET, SPLIT_STRATA
from tests.report.conftest import with_scores
from tests.report.stories import changed

WIDTHS = (40, 60, 80, 120)


def printed_as_it_is(contents: RenderableType, columns: int) -> str:
    """What a terminal of that many columns would show."""
    console = Console(width=columns, highlight=False)
    with console.capture() as capture:
        console.print(contents)
    return capture.get()


def printed(contents: RenderableType, columns: int = 80) -> str:
    """The same with plain spaces for no-break ones."""
    return printed_as_it_is(contents, columns).replace("\N{NO-BREAK SPACE}", " ")


def by_world(matrix: Matrix) -> View:
    return View(world_table(matrix, error_entry))


def by_stratum(matrix: Matrix) -> View:
    return View(slice_table(matrix, ANY_TARGET, SPLIT_STRATA, accuracy_entry))


@pytest.fixture
def matrix(finished: Story) -> Matrix:
    matrix = finished.get(Matrix)
    assert matrix
    return matrix


@pytest.fixture
def study(finished: Story) -> Study:
    study = finished.get(Study)
    assert study
    return study


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("view", [by_world, by_stratum])
def test_no_terminal_is_too_narrow_for_the_data(view, columns: int, matrix: Matrix):
    text = printed(view(matrix), columns)
    assert max(map(len, text.splitlines())) <= columns
    assert "…" not in text
    numbers = r"\d+\.\d+ %|\d+\.\d+"
    whole = printed(view(matrix), 400)
    assert sorted(re.findall(numbers, text)) == sorted(re.findall(numbers, whole))


@pytest.mark.parametrize("columns", WIDTHS)
def test_the_comparison_loses_nothing_on_a_narrow_terminal(run: Run, study: Study, columns: int):
    text, whole = (printed(study_view([(run, study)]), width) for width in (columns, 400))
    assert max(map(len, text.splitlines())) <= columns
    numbers = r"\d+\.\d+"
    assert sorted(re.findall(numbers, text)) == sorted(re.findall(numbers, whole))


def test_the_widest_numbers_still_fit_beside_each_other_in_80_columns(matrix: Matrix):
    scores = {"mse": 0.00123, "mse_low": 0.00122, "mse_high": 0.00124, "accuracy": 1.0}
    names = tuple(row.predictor for row in matrix.predictors)
    text = printed(by_world(with_scores(matrix, names, **scores)))
    assert text.count("0.00122–") == 7 * len(names)
    assert text.count("untrained") == 1


def test_a_long_title_continues_in_the_next_line(matrix: Matrix):
    rows = [*matrix.predictors]
    rows[-1] = rows[-1].model_copy(update={"title": "handcrafted (6 layers, width 48)"})
    other = changed(matrix, predictors=rows)
    for view in (by_world, by_stratum):
        first = [line[:13].strip() for line in printed(view(other)).splitlines()]
        assert first[first.index("handcrafted", first.index("best constant")) :][:3] == [
            "handcrafted",
            "(6 layers,",
            "width 48)",
        ]


def test_rules_stand_below_the_circuit_and_trained_networks(matrix: Matrix):
    lines = printed(by_world(matrix), 120).splitlines()
    order = [
        *("untrained", "pre-trained", "fine-tuned", "from scratch"),
        *("handcrafted,", "fine-tuned", "handcrafted", "best constant", "answer d(1,2)"),
    ]
    rows = [line[:13].strip() for line in lines]
    assert [row for row in rows if row in order] == order


def test_a_cell_shows_accuracy_error_and_its_interval(matrix: Matrix):
    cells = [
        cell.model_copy(
            update={"accuracy": 0.98765, "mse": 0.01234, "mse_low": 0.0111, "mse_high": 0.0222}
        )
        for cell in matrix.cells
        if (cell.predictor, cell.world, cell.by) == ("finetuned", "test_b", "pooled")
    ]
    text = printed(by_world(changed(matrix, cells=cells)), 120)
    assert [text.count(number) for number in ("98.8 %", "0.0123", "0.0111–0.0222")] == [1] * 3
    assert len(re.findall("– |–$", text, re.MULTILINE)) == 7 * len(matrix.predictors) - 1


def test_strata_are_those_of_test_e_with_their_counts(matrix: Matrix):
    cells = [cell.model_copy(update={"count": 77}) for cell in matrix.cells]
    cells = [
        cell.model_copy(update={"count": 4321, "accuracy": 0.12345})
        if (cell.world, cell.slice) == ("test_e", "on_path, unseen")
        else cell
        for cell in cells
    ]
    text = printed(by_stratum(changed(matrix, cells=cells)), 120)
    assert "n 4\N{NARROW NO-BREAK SPACE}321" in text
    assert text.count("n 77") == 6
    assert text.count("12.3 %") == len(matrix.predictors)


def test_a_run_without_a_matrix_names_the_command_that_makes_it(tmp_path: Path):
    with pytest.raises(InputError, match="make it anew with `offpath evaluate"):
        run_view(create_run(smoke(), tmp_path))


def test_the_tables_of_a_run_name_it_and_their_numbers(run: Run):
    text = printed(run_view(run))
    name = run.configuration.run_name
    for title in ("accuracy over all", "accuracy on test e", "the same on hard questions"):
        assert f"{name}: {title}" in text
    assert "One seed cannot show what the method does" in text


def runs_of(tmp_path: Path, study: Study, count: int) -> list[tuple[Run, Study]]:
    seeds = [smoke().model_copy(update={"seed": seed}) for seed in range(count)]
    return [(create_run(configuration, tmp_path), study) for configuration in seeds]


@pytest.mark.parametrize("runs", [1, 2, 3])
def test_all_runs_stand_beside_the_published_figures(tmp_path: Path, study: Study, runs: int):
    text = printed(study_view(runs_of(tmp_path, study, runs)))
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    assert text.count("0.0045 as reproduced") == text.count("72.87") == 1
    assert text.count("on path, unseen") == 2 * runs
    assert text.count("The same configuration as smoke-") == runs - 1
    assert mixture_sentence(study).split(";")[0].split()[-3] in text


def test_the_widest_scores_still_fit_into_80_columns(run: Run, study: Study):
    scores = {"mse": 1.234e-5, "mse_low": 1.234e-5, "mse_high": 1.235e-5, "accuracy": 1.0}
    scores |= {"accuracy_low": 0.999, "accuracy_high": 1.0, "r2": -123.4}
    quantities = [
        quantity.model_copy(
            update={
                "pooled": quantity.pooled and quantity.pooled.model_copy(update=scores),
                "strata": [part.model_copy(update=scores) for part in quantity.strata],
            }
        )
        for quantity in study.quantities
    ]
    text = printed(study_view([(run, changed(study, quantities=quantities))]))
    assert max(map(len, text.splitlines())) <= 80
    strata = sum(len(quantity.strata) for quantity in quantities)
    assert text.count("1.23e−5 1.23e−5–1.24e−5 100.0 99.9–100.0 −123") == 8 + strata


def test_a_quantity_that_was_not_measured_is_a_dash(run: Run, study: Study):
    quantities = [
        quantity.model_copy(update={"pooled": None, "strata": []})
        if quantity.predictor == "finetuned"
        else quantity
        for quantity in study.quantities
    ]
    text = printed(study_view([(run, changed(study, quantities=quantities))]))
    assert len(re.findall(r"^test [a-e] .* –$", text, re.MULTILINE)) == 5


@pytest.mark.parametrize("columns", range(60, 121, 10))
def test_a_percentage_never_begins_a_line_without_its_number(run: Run, study: Study, columns: int):
    lines = printed_as_it_is(study_view([(run, study)]), columns).splitlines()
    assert not [line for line in lines if re.match(r" *% (of|in) ", line)]
    assert max(map(len, lines)) <= columns


def test_an_interval_stays_on_one_line_where_the_runs_fit(tmp_path: Path, study: Study):
    pooled = study.quantities[-1].pooled
    assert pooled
    whole = f"{pooled.mse_low:#.3g}–{pooled.mse_high:#.3g}"

    def first_table(count: int, columns: int) -> str:
        return printed(study_view(runs_of(tmp_path, study, count)), columns).split("WWZ24, vert")[0]

    assert first_table(1, 80).count(whole) == 1
    assert first_table(2, 90).count(whole) == 2
    assert first_table(2, 72).count(whole) == 0


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("laptop-a6e9c2c6-seed0", ["laptop-", "a6e9c2c6-", "seed0"]),
        ("runs/a_b", ["runs/a_b"]),
        ("averylongrecipename-seed1", ["averylongr", "ecipename-", "seed1"]),
        ("--", ["--"]),
        ("on path, unseen", ["on path,", "unseen"]),
        ("  trained", ["  trained"]),
    ],
)
def test_a_long_name_folds_behind_its_signs(name: str, lines: list[str]):
    assert fold(name, 10).splitlines() == lines


def test_the_columns_that_do_not_fit_follow_below():
    columns = ["", "first", "second", "third"]
    row = TableRow("a row", [Entry(["1.25"]), None, Entry(["0.5–0.75"])])
    lines = printed(View(Table("table", columns, [row])), 14).splitlines()
    ends = [line.split()[-1] for line in lines if line.strip() and line[0] in " a"]
    assert ends == ["first", "1.25", "second", "–", "third", "0.5–0.75"]


def test_runs_of_one_name_are_distinguished_by_their_folders(tmp_path: Path, study: Study):
    folders = [create_run(smoke(), tmp_path / part).folder for part in ("one", "other")]
    text = printed(study_view([(open_run(folder), study) for folder in folders]))
    assert all(str(folder) in text.replace("\n", "").replace(" ", "") for folder in folders)
