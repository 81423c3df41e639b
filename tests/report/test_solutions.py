"""The sections on the network set by hand, robustness, and the learning coefficient."""

from pathlib import Path
from typing import Any

import pytest

from offpath.recipes import smoke
from offpath.report.cells import STRATA, setting, written
from offpath.report.coefficient import coefficient
from offpath.report.handcrafted import handcrafted
from offpath.report.kept import kept_matrix, kept_sentence
from offpath.report.page import write_report
from offpath.report.robustness import robustness
from offpath.report.story import Figure, Section, story
from offpath.run.files import Record
from offpath.run.folder import Run, read_result, write_result
from tests.report.conftest import circuit_run

SECTIONS = {"circuit": handcrafted, "robustness": robustness, "coefficient": coefficient}


def section(run: Run, anchor: str) -> Section:
    return SECTIONS[anchor](story(run))


def figure(run: Run, anchor: str, title: str) -> Figure:
    return next(one for one in section(run, anchor).figures if one.title == title)


def rows(chart: Any) -> list[Record]:
    """Every row that a chart draws, in any of its layers."""
    drawn = chart.to_dict()
    parts = [drawn, *drawn.get("layer", ())]
    found = [row for part in parts for row in part.get("data", {}).get("values", ())]
    return [row for place, row in enumerate(found) if row not in found[:place]]


def changed(run: Run, name: str, change: Any) -> None:
    result = read_result(run, name)
    change(result)
    write_result(run, name, result)


@pytest.mark.parametrize(
    ("name", "anchor", "verb"),
    [
        ("circuit", "circuit", "evaluate"),
        ("robustness", "robustness", "robustness"),
        ("learning_coefficient", "coefficient", "llc"),
    ],
)
def test_a_missing_result_is_named_with_its_command(run: Run, name: str, anchor: str, verb: str):
    run.result(name).unlink()
    shown = section(run, anchor)
    assert not shown.figures
    assert [gap.command for gap in shown.missing] == [f"offpath {verb} {run.folder}"]


def test_a_vertex_has_the_colour_of_what_is_above_one_half(run: Run):
    def change(circuit: Record) -> None:
        state = circuit["states"][1]
        state["from_source"][:4] = [0.51, 0.49, 0.0, 0.9]
        state["from_target"][:4] = [0.49, 0.51, 0.0, 0.9]

    changed(run, "circuit", change)
    title, text, chart = figure(run, "circuit", "The search, layer by layer").charts[1]
    states = {row["vertex"]: row["state"] for row in rows(chart) if "state" in row}
    assert [states[vertex] for vertex in "1234"] == [
        "reached from 1",
        "reached from the target",
        "not reached",
        "reached from both",
    ]
    assert (title, text.split(".")[0]) == ("Layer 1", "d > 1")
    assert "from 1: 1, 4, 7; from 5: 2, 4, 5, 6, 8" in text


def test_the_graph_has_its_edges_and_marks_the_question(run: Run):
    graph = read_result(run, "circuit")["graph"]
    drawn = rows(figure(run, "circuit", "The search, layer by layer").charts[0][2])
    places = [tuple(place) for place in graph["positions"]]
    edges = [((row["x"], row["y"]), (row["x2"], row["y2"])) for row in drawn if "x2" in row]
    assert edges == [(places[a - 1], places[b - 1]) for a, b in graph["edges"]]
    assert {row["vertex"]: row["role"] for row in drawn if row.get("role")} == {
        "1": "start",
        "5": "target",
    }


def test_every_direction_of_the_residual_stream_is_named(run: Run):
    table = figure(run, "circuit", "What each coordinate of the residual stream means").lists[0]
    found = [name for _, names in table.rows for name in names]
    expected = read_result(run, "circuit")["directions"]
    assert found == [f"{row['index']} {row['name']}" for row in expected]


def test_errors_by_size_are_those_of_the_file(tmp_path: Path):
    run = circuit_run(smoke(), tmp_path)
    changed(run, "circuit", lambda circuit: circuit["sizes"][0].update(mse=0.0))
    shown = figure(run, "circuit", "How exact it is in larger graphs")
    sizes = read_result(run, "circuit")["sizes"]
    drawn = {(r["constants"], r["vertices"]): r["loss"] for r in rows(shown.charts[0][2])}
    assert drawn == {(r["constants"], r["vertices"]): r["mse"] for r in sizes[1:]}
    assert [row[2] for row in shown.lists[0].rows] == [written(r["mse"]) for r in sizes]


def test_each_kind_of_question_has_its_path_with_intervals(run: Run):
    charts = figure(run, "robustness", "Does a network that starts at the exact solution keep it?")
    cells = read_result(run, "robustness")["kept"]["cells"]
    for where, (title, _, chart) in zip(STRATA, charts.charts, strict=False):
        own = [c for c in cells if (c["by"], c["slice"]) == (where.by, where.slice)]
        drawn = [row for row in rows(chart) if "step" in row]
        assert title == where.title
        assert [(r["step"], r["accuracy"], r["low"], r["high"]) for r in drawn] == [
            (c["step"], c["accuracy"], c["accuracy_low"], c["accuracy_high"]) for c in own
        ]
    losses = {row["step"]: row["loss"] for row in rows(charts.charts[-1][2])}
    assert losses == {
        p["step"]: p["loss"] for p in read_result(run, "robustness")["kept"]["losses"]
    }


def test_before_and_after_stand_beside_the_trained_network(run: Run):
    kept = read_result(run, "robustness")["kept"]
    last = {c["slice"]: c["accuracy"] for c in kept["cells"] if c["step"] == 600}
    trained = {
        (c["by"], c["slice"]): c["accuracy"]
        for c in read_result(run, "matrix")["cells"]
        if (c["predictor"], c["world"]) == ("finetuned", "test_e")
    }
    chart = figure(run, "robustness", "Before and after, beside the trained network").charts[0][2]
    drawn = {(r["predictor"], r["slice"]): r["accuracy"] for r in rows(chart)}
    for where in STRATA:
        assert drawn["set by hand", where.title] == 1.0
        assert drawn["set by hand, fine-tuned", where.title] == last[where.slice]
        assert drawn["trained, fine-tuned", where.title] == trained[where.by, where.slice]


def test_an_estimate_far_below_the_others_does_not_flatten_them(run: Run):
    text = figure(run, "coefficient", "Along pre-training").text
    assert "beyond the axis" not in text

    def change(result: Record) -> None:
        result["points"][1].update(estimate=-9000.0, trusted=False)

    changed(run, "learning_coefficient", change)
    shown = figure(run, "coefficient", "Along pre-training")
    assert "1 that are not trusted lie beyond the axis" in shown.text
    scale = shown.charts[1][2].to_dict()["layer"][0]["encoding"]["y"]["scale"]
    assert scale["clamp"]
    assert scale["domain"][0] >= -1000


def test_choices_that_did_no_harm_are_told(run: Run):
    title = "One matrix replaced, then retrained"
    assert "left the loss below" not in figure(run, "robustness", title).text
    changed(run, "robustness", lambda r: r["perturbed"][0].update(loss_perturbed=1e-5))
    assert "In 1 of the choices the noise alone" in figure(run, "robustness", title).text


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.0, 0.1, "less often for every kind of question"),
        (0.9, 1.0, "as often as before for every kind of question"),
    ],
)
def test_the_sentence_on_what_is_kept_follows_the_cells(
    run: Run, low: float, high: float, said: str
):
    def change(result: Record) -> None:
        for cell in result["kept"]["cells"]:
            if cell["step"] == 600:
                cell.update(accuracy_low=low, accuracy=(low + high) / 2, accuracy_high=high)

    changed(run, "robustness", change)
    kept = kept_matrix(story(run), read_result(run, "robustness")["kept"])
    sentence = kept_sentence(kept, 600)
    assert sentence.startswith("After 600 steps")
    assert said.replace(" for every kind of question", "") in sentence
    assert sentence.count(" to ") == (7 if low == 0 else 0)
    assert section(run, "robustness").statement == sentence


def test_a_perturbed_network_has_a_line_in_the_panel_of_its_rate(run: Run):
    found = read_result(run, "robustness")
    shown = figure(run, "robustness", "One matrix replaced, then retrained")
    rates = [1e-5, 1e-4, 1e-3]
    assert [title for title, _, _ in shown.charts] == [f"learning rate {setting(r)}" for r in rates]
    for rate, (_, _, chart) in zip(rates, shown.charts, strict=True):
        drawn = [row for row in rows(chart) if "choice" in row]
        for one in (p for p in found["perturbed"] if p["rate"] == rate):
            line = [row for row in drawn if row["choice"] == one["choice"]]
            curve = [(p["step"], p["loss"]) for p in one["curve"] if p["loss"] is not None]
            assert [(row["step"], row["loss"]) for row in line] == curve
            after = one["loss_after"]
            ends = "not below 0.1" if after is None or after >= 0.1 else "below 0.1"
            assert {row["end"] for row in line} == {
                "below 0.001" if after is not None and after < 1e-3 else ends
            }
    assert "1 ended at a loss that is not finite" in shown.text


def test_the_share_that_came_back_stands_with_its_interval(run: Run):
    def change(result: Record) -> None:
        result["recovered"][0].update(share=0.05, low=0.00888, high=0.2361)

    changed(run, "robustness", change)
    table = figure(run, "robustness", "One matrix replaced, then retrained").lists[0]
    assert list(table.rows[0])[:3] == ["1e−5", "20", "5.0\xa0% (0.9–23.6)"]


def test_the_basin_has_every_draw_and_its_median(run: Run):
    def change(result: Record) -> None:
        result["graded"] = result["graded"][:3]
        for one, after in zip(result["graded"], (1e-5, 3e-5, None), strict=True):
            one.update(loss_perturbed=2.0, loss_after=after)

    changed(run, "robustness", change)
    shown = figure(run, "robustness", "How wide the basin is")
    drawn = [r for r in rows(shown.charts[0][2]) if r.get("when") == "after retraining"]
    assert [row["loss"] for row in drawn if "draw" in row] == [1e-5, 3e-5]
    assert [row["loss"] for row in drawn if "draw" not in row] == [pytest.approx(2e-5)]
    assert "1 losses are not finite, or 0" in shown.text


def test_straight_lines_are_told_apart_by_matching(run: Run):
    drawn = rows(figure(run, "robustness", "What lies between the solutions").charts[0][2])
    for line in read_result(run, "robustness")["lines"]:
        words = "matched" if line["matched"] else "as they are"
        own = [r for r in drawn if (r["to"], r["neurons"]) == (line["to"], words)]
        assert [(r["share"], r["loss"]) for r in own] == [
            (p["share"], p["loss"]) for p in line["points"]
        ]


def test_coefficients_stand_over_the_losses_of_the_same_steps(run: Run):
    shown = figure(run, "coefficient", "Along pre-training")
    above, below = (chart.to_dict() for _, _, chart in shown.charts)
    x = above["encoding"]["x"]
    assert all(layer["encoding"]["x"] == x for layer in below["layer"])
    points = read_result(run, "learning_coefficient")["points"]
    drawn = {r["checkpoint"]: r for r in rows(shown.charts[1][2])}
    path = {p["checkpoint"]: p for p in points if p["stage"] == "pretrain"}
    assert set(drawn) == set(path)
    for name, point in path.items():
        row = drawn[name]
        assert (row["step"], row["estimate"]) == (point["step"], point["estimate"])
        assert row["high"] - row["estimate"] == pytest.approx(point["error"])
        assert row["trusted"] == point["trusted"]


def test_single_networks_say_why_they_are_not_trusted(run: Run):
    table = figure(run, "coefficient", "Single networks").lists[0]
    assert [row[0] for row in table.rows] == ["set by hand", "pre-trained", "fine-tuned"]
    assert table.rows[0][2] == "21.5 ± 1.29"
    assert table.rows[2][2:] == ("not finite", table.rows[2][3], "no: a chain diverged")


def test_a_sweep_without_a_plateau_warns(run: Run):
    charts = figure(run, "coefficient", "Does the estimate depend on the sampler?").charts
    bands = [[row for row in rows(chart) if "until" in row] for _, _, chart in charts]
    assert [len(band) for band in bands] == [1, 0]
    assert (bands[0][0]["size"], bands[0][0]["until"]) == (9e-7, 8.1e-6)
    assert charts[1][1] == "No plateau: do not trust."


def _nothing(value: Any) -> Any:
    """The same record with null for every fraction in it."""
    if isinstance(value, dict):
        return {key: _nothing(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_nothing(inner) for inner in value]
    return None if isinstance(value, float) else value


def test_null_instead_of_measured_numbers_does_not_break_the_page(run: Run):
    robust = read_result(run, "robustness")
    for one in robust["perturbed"]:
        one.update(dict.fromkeys(("loss_perturbed", "loss_after")), curve=_nothing(one["curve"]))
    for one in robust["graded"]:
        one.update(loss_perturbed=None, loss_after=None)
    for line in robust["lines"]:
        line["points"] = [{**point, "loss": None} for point in line["points"]]
    robust["kept"]["cells"] = _nothing(robust["kept"]["cells"])
    robust["kept"]["losses"] = _nothing(robust["kept"]["losses"])
    robust.update(exact_loss=None, recovered=[{**r, "share": None} for r in robust["recovered"]])
    write_result(run, "robustness", robust)
    estimates = read_result(run, "learning_coefficient")
    for point in (*estimates["points"], *(p for s in estimates["sweeps"] for p in s["points"])):
        point.update(estimate=None, error=None)
    estimates["traces"] = [{**t, "losses": [None, None]} for t in estimates["traces"]]
    write_result(run, "learning_coefficient", estimates)
    circuit = read_result(run, "circuit")
    write_result(run, "circuit", {**circuit, "answer": None, "states": _nothing(circuit["states"])})
    text = write_report(run).read_text()
    for anchor in SECTIONS:  # no chart is left without anything to draw
        assert all(rows(c) for one in section(run, anchor).figures for _, _, c in one.charts)
    assert "Nothing is reached yet." in text
    assert "the network says nothing finite" in text
    assert "NaN" not in text.split('id="specifications">')[1].split("</script>")[0]


def test_a_circuit_that_errs_is_told_where(run: Run):
    def change(matrix: Record) -> None:
        for cell in matrix["cells"]:
            if (cell["predictor"], cell["world"]) == ("circuit", "test_e"):
                cell["accuracy"] = 0.5 if cell["slice"] == "absent" else 0.99

    changed(run, "matrix", change)
    said = section(run, "circuit").statement
    assert "answers 99.0\xa0% of test e" in said
    assert "least often right for targets that the graph does not have (50.0\xa0%)" in said
