import io

import pytest
from rich.console import Console
from rich.table import Table

from offpath.configs import InputError
from offpath.report.tables import matrix_table, strata_table
from offpath.run.folder import Run, read_result, write_result


def printed(table: Table, columns: int) -> str:
    """What a terminal of that many columns would show."""
    console = Console(file=io.StringIO(), width=columns)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().replace("\N{NO-BREAK SPACE}", " ")


@pytest.fixture(params=[matrix_table, strata_table])
def table(request: pytest.FixtureRequest, run: Run) -> Table:
    return request.param(run)


@pytest.mark.parametrize("columns", [80, 120])
def test_a_table_loses_nothing_on_a_narrow_terminal(table: Table, columns: int):
    def words(text: str) -> list[str]:
        return sorted(text.split("\n", 3)[-1].split())

    assert "…" not in printed(table, columns)
    assert words(printed(table, columns)) == words(printed(table, 400))


def test_the_widest_numbers_still_fit_into_80_columns(run: Run):
    matrix = read_result(run, "matrix")
    for cell in matrix["cells"]:
        cell.update(mse=0.00123, mse_low=0.00122, mse_high=0.00124, accuracy=1.0)
    write_result(run, "matrix", matrix)
    assert printed(matrix_table(run), 80).count("0.00122–") == 7 * 7


def test_a_long_title_goes_on_in_the_next_line(run: Run):
    matrix = read_result(run, "matrix")
    matrix["predictors"][-1]["title"] = "set by hand (6 layers, width 48)"
    write_result(run, "matrix", matrix)
    for table in (matrix_table(run), strata_table(run)):
        begun = [line[:14].strip() for line in printed(table, 80).splitlines()]
        assert begun[begun.index("set by hand") :][:3] == ["set by hand", "(6 layers,", "width 48)"]


def test_rules_stand_below_the_circuit_and_checkpoints(run: Run):
    rows = [line.split("  ")[0].strip() for line in printed(matrix_table(run), 120).splitlines()]
    order = [
        "untrained",
        "pre-trained",
        "fine-tuned",
        "from scratch",
        "set by hand",
        "best constant",
        "answer d(1,2)",
    ]
    assert [row for row in rows if row in order] == order


def test_a_cell_shows_accuracy_error_and_its_interval(run: Run):
    matrix = read_result(run, "matrix")
    matrix["cells"] = [
        cell | {"accuracy": 0.98765, "mse": 0.01234, "mse_low": 0.0111, "mse_high": 0.0222}
        for cell in matrix["cells"]
        if (cell["predictor"], cell["world"], cell["by"]) == ("finetuned", "test_b", "pooled")
    ]
    write_result(run, "matrix", matrix)
    text = printed(matrix_table(run), 120)
    assert [text.count(number) for number in ("98.8 %", "0.0123", "0.0111–", "0.0222")] == [1] * 4
    assert text.count("–\n") + text.count("– ") > 7 * 6  # the empty cells


def test_strata_are_those_of_test_e_with_their_counts(run: Run):
    matrix = read_result(run, "matrix")
    for cell in matrix["cells"]:
        cell["count"] = 77
        if cell["world"] == "test_e" and cell["slice"] == "on_path, unseen":
            cell.update(count=4321, accuracy=0.12345)
    write_result(run, "matrix", matrix)
    text = printed(strata_table(run), 120)
    assert "n 4\N{NARROW NO-BREAK SPACE}321" in text
    assert text.count("n 77") == 6
    assert text.count("12.3 %") == 7  # one for each predictor


def test_a_run_without_a_matrix_is_told_how_to_make_it(run: Run):
    run.result("matrix").unlink()
    with pytest.raises(InputError, match="make it anew with `offpath evaluate"):
        matrix_table(run)
