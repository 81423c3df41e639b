import re
from importlib.resources import files
from pathlib import Path

import pytest
from rich.console import Console

from offpath.generalize.published import QUANTITIES
from offpath.generalize.study import comparison
from offpath.recipes import smoke
from offpath.report.page import write_report
from offpath.report.sections import sections
from offpath.report.story import story
from offpath.report.study_tables import folded, study_view
from offpath.report.study_words import hidden_sentences, mixture_sentence
from offpath.run.files import Record
from offpath.run.folder import Run, open_run, read_result, write_result
from tests.generalize.test_study import cell
from tests.report.conftest import circuit_run, finished_run


def printed(record: Record, columns: int = 80) -> str:
    """What a terminal of that many columns would show, its no-break spaces plain ones."""
    return printed_as_it_is(record, columns).replace("\N{NO-BREAK SPACE}", " ")


def printed_as_it_is(record: Record, columns: int) -> str:
    console = Console(width=columns, highlight=False)
    with console.capture() as capture:
        console.print(study_view(record))
    return capture.get()


def test_names_on_the_path_stay_together_where_a_matrix_does_not_tell_them(run: Run):
    matrix = read_result(run, "matrix")
    matrix["cells"] = [c for c in matrix["cells"] if c["by"] != "name"]
    write_result(run, "matrix", matrix)
    (one,) = comparison([run])["runs"]
    kinds = [part["slice"] for part in one["quantities"][4]["strata"]]
    assert kinds == ["trained", "on_path"]
    assert "  on path " in printed(comparison([run]))
    write_report(run)


def test_without_any_error_no_stratum_has_a_share_of_it(run: Run):
    matrix = read_result(run, "matrix")
    for found in matrix["cells"]:
        found["mse"] = 0.0
    write_result(run, "matrix", matrix)
    (one,) = comparison([run])["runs"]
    assert {s["share_of_error"] for q in one["quantities"] for s in q["strata"]} == {None}
    (words,) = hidden_sentences(one)
    assert words.startswith("On-path scores mix two tasks, though vertex 2,")
    printed(comparison([run]))
    write_report(run)


def test_a_quantity_that_was_not_measured_is_a_dash(run: Run):
    matrix = read_result(run, "matrix")
    matrix["cells"] = [c for c in matrix["cells"] if c["predictor"] != "finetuned"]
    write_result(run, "matrix", matrix)
    (one,) = comparison([run])["runs"]
    assert [q["quantity"] for q in one["quantities"]] == ["pretraining", "finetuning_before"]
    assert len(re.findall(r"^test [a-e] .* – *$", printed(comparison([run])), re.MULTILINE)) == 5
    write_report(run)


@pytest.mark.parametrize("runs", [1, 2, 3])
def test_the_terminal_shows_everything_in_80_columns(tmp_path: Path, runs: int):
    shown = comparison(
        [finished_run(smoke().model_copy(update={"seed": s}), tmp_path) for s in range(runs)]
    )
    text = printed(shown)
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    assert text.count("0.0045 as reproduced") == text.count("72.87") == 1
    assert text.count("on path, unseen") == 2 * runs
    assert text.count("The same configuration as smoke-") == runs - 1
    assert mixture_sentence().split(";")[0].split()[-3] in text


def test_the_widest_scores_still_fit_into_80_columns(run: Run):
    matrix = read_result(run, "matrix")
    for found in matrix["cells"]:
        found.update(mse=1.234e-5, mse_low=1.234e-5, mse_high=1.235e-5, accuracy=1.0, r2=-123.4)
        found.update(accuracy_low=0.999, accuracy_high=1.0)
    write_result(run, "matrix", matrix)
    text = printed(comparison([run]))
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("1.23e-5 1.23e-5–1.24e-5 100.0 99.9–100.0 −123") == 8 + 29


def test_a_cell_shows_its_interval_and_a_run_its_folded_name(run: Run):
    text = printed(comparison([run]))
    found = cell(read_result(run, "matrix"), "finetuned", "test_e", "pooled", "all")
    row = next(line for line in text.splitlines() if line.startswith("test e"))
    assert row.split()[-1] == f"{found['mse']:#.3g}"
    assert text.splitlines()[1].split()[-1] == "smoke-"


@pytest.mark.parametrize("columns", range(60, 121, 10))
def test_a_percentage_never_begins_a_line_without_its_number(run: Run, columns: int):
    lines = printed_as_it_is(comparison([run]), columns).splitlines()
    assert not [line for line in lines if re.match(r" *% (of|in) ", line)]
    assert max(map(len, lines)) <= columns


def test_an_interval_stays_on_one_line_where_the_runs_fit(tmp_path: Path):
    runs = [finished_run(smoke().model_copy(update={"seed": s}), tmp_path) for s in range(2)]
    found = cell(read_result(runs[0], "matrix"), "finetuned", "test_e", "pooled", "all")
    whole = f"{found['mse_low']:#.3g}–{found['mse_high']:#.3g}"

    def first_table(count: int, columns: int) -> str:
        return printed(comparison(runs[:count]), columns).split("In the study’s own")[0]

    assert first_table(1, 80).count(whole) == 1
    assert first_table(2, 90).count(whole) == 2
    assert first_table(2, 72).count(whole) == 0
    assert max(map(len, first_table(2, 72).splitlines())) <= 72


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("laptop-a6e9c2c6-seed0", ["laptop-", "a6e9c2c6-", "seed0"]),
        ("runs/a_b", ["runs/a_b"]),
        ("averylongrecipename-seed1", ["averylong", "recipename-"[:9], "e-seed1"]),
        ("--", ["--"]),
    ],
)
def test_a_long_name_is_folded_behind_its_signs(name: str, lines: list[str]):
    assert folded(name, 10).replace("\n", "") == name
    assert all(len(line) <= 10 for line in folded(name, 10).splitlines())
    assert folded(name, 10).splitlines() == lines


def test_runs_of_one_name_are_told_apart_by_their_folders(tmp_path: Path):
    for part in ("one", "other"):
        (tmp_path / part).mkdir()
        finished_run(smoke(), tmp_path / part)
    folders = [next((tmp_path / part).iterdir()) for part in ("one", "other")]
    text = printed(comparison([open_run(folder) for folder in folders]))
    assert all(str(folder) in text.replace("\n", "").replace(" ", "") for folder in folders)


def test_the_report_sets_a_run_beside_the_study(run: Run):
    section = next(one for one in sections(story(run)) if one.anchor == "study")
    beside, strata = section.figures
    figures, options = beside.lists
    found = cell(read_result(run, "matrix"), "finetuned", "test_a", "pooled", "all")
    title, published, here, again = figures.rows[3]
    assert (title, published) == ("test a", "0.1020")
    ends = f"{found['mse_low']:#.3g}–{found['mse_high']:#.3g}"
    assert here == f'{found["mse"]:#.3g} <span class="whole">({ends})</span>'
    assert f"<td>{here}</td>" in write_report(run).read_text()
    assert again == "0.22\xa0as\xa0written / 0.095\xa0as\xa0reproduced"
    assert [name for name, _ in options.rows] == ["graphs", "model", "pretrain", "finetune"]
    assert "graphs.max_vertices 5, not 15" in options.rows[0][1]
    assert "On-path scores are diluted" in section.statement
    assert "Off-path scores are confounded" in section.statement
    assert [row.title for row in strata.tables[0].rows] == [one.title for one in QUANTITIES]
    assert strata.tables[0].rows[0].cells[1:] == [None] * 6


def test_bars_of_the_report_run_from_nothing_to_all(run: Run):
    section = next(one for one in sections(story(run)) if one.anchor == "study")
    chart = section.figures[1].charts[0][2].to_dict()
    assert chart["layer"][0]["encoding"]["x"]["scale"]["domain"] == [0, 1]
    rows = chart["data"]["values"]
    ends: dict[tuple[str, str], float] = {}
    for row in rows:
        bar = (row["quantity"], row["measure"])
        assert row["left"] == pytest.approx(ends.get(bar, 0.0))
        ends[bar] = row["right"]
    assert len(ends) == 2 * 8
    assert list(ends.values()) == pytest.approx([1.0] * 16)


def test_a_circuit_s_report_has_no_study_beside_it(tmp_path: Path):
    shown = sections(story(circuit_run(smoke(), tmp_path)))
    assert "study" not in [one.anchor for one in shown]


def brightness(colour: str) -> float:
    """The relative luminance of #rrggbb, 0 to 1; after WCAG 2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_kinds_that_touch_keep_their_order_of_lightness_in_light_and_dark():
    style = files("offpath.report").joinpath("assets/page.css").read_text()
    found = re.findall(r"--(stratum-[a-z-]+): light-dark\((#\w+), (#\w+)\)", style)
    modes = list(zip(*[map(brightness, pair) for _, *pair in found], strict=True))
    assert [name for name, *_ in found][:2] == ["stratum-trained", "stratum-on-path"]
    for trained, on_path, *_ in modes:
        assert (trained + 0.05) / (on_path + 0.05) > 2
