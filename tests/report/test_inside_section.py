"""The section on what networks do inside, from made-up results."""

from typing import Any

import pytest

from offpath.recipes import laptop
from offpath.report.page import page
from offpath.report.parts import Chart, Entry, Figure, Section, Table
from offpath.report.sections import section
from offpath.report.sections.inside import statement
from offpath.results import Inside
from tests.report.insides import STUDY, inside, without
from tests.report.stories import figure, rows, story_of

MOST_BYTES = 400_000  # that the section may add to the page of a laptop run
PROBES = "What a linear probe reads at the ends of each edge token, by layer"
PATCHING = "Which tokens carry the answer, by layer"
ABLATION = "What is lost without each head, by true distance"
FAR = "How far the question token looks, by layer"


@pytest.fixture(scope="module")
def shown() -> Section:
    return shown_of(inside())


def shown_of(result: Inside) -> Section:
    return section(story_of(result, configuration=laptop()), "inside")


def chart(one: Figure, title: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The rows of a map by their place, across and down."""
    spec = next(chart.chart for chart in one.charts if chart.title == title)
    x, y = (spec["layer"][0]["encoding"][side]["field"] for side in "xy")
    return {(row[x], row[y]): row for row in rows(spec)}


def values(cells: dict[tuple[Any, ...], dict[str, Any]], layers: Any, line: str) -> list[float]:
    return [cells[layer, line]["value"] for layer in layers]


def table(shown: Section, title: str) -> Table:
    return next(t for figure in shown.figures for t in figure.tables if t.title == title)


def lines(entry: Entry | None) -> list[str]:
    assert entry
    return [*entry.lines]


def charts(shown: Section) -> list[Chart]:
    return [chart for figure in shown.figures for chart in figure.charts]


def test_the_known_answer_and_the_control_stand_beside_the_first_network(shown: Section):
    titles = [chart.title for chart in figure(shown, PROBES).charts]
    assert titles[:6] == [
        "pre-trained: hops from 1", "pre-trained: hops from t",
        "handcrafted, the known answer: hops from 1", "handcrafted, the known answer: hops from t",
        "untrained, nothing learned: hops from 1", "untrained, nothing learned: hops from t",
    ]  # fmt: skip
    assert len(titles) == 8
    others = [chart.title for chart in figure(shown, "The same of the other networks").charts]
    assert others[::2] == ["from scratch: hops from 1", "handcrafted, fine-tuned: hops from 1"]


def test_a_search_is_a_diagonal_of_strong_cells(shown: Section):
    cells = chart(figure(shown, PROBES), "handcrafted, the known answer: hops from 1")
    assert [cells[hop, f"{hop} or {hop + 1}"]["value"] for hop in (1, 2, 3)] == [1, 1, 1]
    assert values(cells, range(4), "1 or 2") == [0.75, 1, 0.75, 0.667]
    assert cells[0, "4 or no path"]["value"] == 0.6


def test_a_number_that_is_read_has_a_line_of_its_own_below_the_bits(shown: Section):
    spec = figure(shown, PROBES).charts[0].chart
    assert spec["layer"][0]["encoding"]["y"]["scale"]["domain"][-1] == "R²"
    cells = chart(figure(shown, PROBES), "pre-trained: hops from 1")
    assert (cells[2, "R²"]["value"], cells[2, "R²"]["chance"]) == (0.25, 0)


def test_a_score_whose_interval_holds_chance_is_faint(shown: Section):
    cells = chart(figure(shown, PROBES), "untrained, nothing learned: hops from 1")
    assert not cells[1, "1 or 2"]["sure"]
    assert "sure" not in chart(figure(shown, PROBES), "pre-trained: hops from 1")[1, "1 or 2"]


def test_the_question_has_a_chart_for_each_number_with_all_networks_and_shuffled_labels(
    shown: Section,
):
    one = figure(shown, "What a linear probe reads on the question token, by layer")
    assert [chart.title for chart in one.charts] == [
        "d(1,t)", "d(1,2)", "number of edges", "number of vertices"]  # fmt: skip
    series = {row["series"] for row in rows(one.charts[0].chart)}
    assert series == {key.title for key in one.legend}
    assert "labels shuffled: the highest of all networks" in series
    shuffled = [
        row["r2"] for row in rows(one.charts[0].chart) if row["series"].startswith("labels")
    ]
    assert shuffled == [-0.01] * 4


def test_each_stratum_has_a_curve_and_the_scores_of_the_last_and_the_best_layer(shown: Section):
    one = figure(shown, "Is the true distance there, by stratum?")
    titles = ["trained: d(1,t)", "on path: d(1,t)", "off path: d(1,t)", "off path: d(1,2)"]
    assert [chart.title for chart in one.charts] == titles
    (table,) = one.tables
    assert [row.title for row in table.rows] == titles
    assert lines(table.rows[1].entries[0]) == ["0.25", "0.23–0.25", "best 0.25 (3)"]


def test_heads_have_names_entropies_and_shares_of_the_tokens_that_some_head_prefers(shown: Section):
    heads = table(shown, "Heads")
    assert heads.columns == [
        "network, layer.head", "does", "edge: shares an end\neven 20.0\xa0%",
        "entropy\nof edges", "entropy\nof the question"]  # fmt: skip
    assert len(heads.rows) == 4 * 3 * 2
    first = heads.rows[0]
    assert first.title == "pre-trained, 1.1"
    assert [lines(entry) for entry in first.entries[:2]] == [["–"], ["50.0\xa0%"]]
    circuit = next(row for row in heads.rows if row.title == "handcrafted, 1.1")
    assert [lines(entry) for entry in circuit.entries[:2]] == [
        ["collects\xa0at\xa0an\xa0end"], ["80.0\xa0%"]]  # fmt: skip
    assert circuit.entries[1]
    assert circuit.entries[1].share == pytest.approx(0.75), "of what is beyond an even share"


def test_patching_shows_the_distance_of_which_most_hops_are_told_apart(shown: Section):
    one = figure(shown, PATCHING)
    cells = chart(one, "handcrafted, the known answer")
    assert list(dict.fromkeys(line for _, line in cells)) == [
        "edited: hop 1", "edited: hop 2", "edited: hop 3", "1 edited: hop 2", "1 edited: hop 3",
        "3 edited: hop 1", "3 edited: hop 2", "other edges", "question"]  # fmt: skip
    assert "true distance 3" in one.text
    assert values(cells, (1, 2), "edited: hop 2") == [1, 0]
    assert values(cells, (1, 2), "1 edited: hop 2") == [-0.1, 0.2]


def test_a_distance_with_few_pairs_is_not_the_one_that_patching_shows():
    whole = inside(names=("circuit",))
    (one,) = whole.networks
    few = [p.model_copy(update={"pairs": 20}) if p.distance == 3 else p for p in one.patches]
    other = one.model_copy(update={"patches": few})
    shown = shown_of(whole.model_copy(update={"networks": [other]}))
    cells = chart(figure(shown, PATCHING), "handcrafted, the known answer")
    assert "true distance 4" in figure(shown, PATCHING).text
    assert {line for _, line in cells} == {"edited edge", "path edges", "other edges", "question"}


def test_patching_of_other_distances_is_a_table_with_intervals(shown: Section):
    one = figure(shown, "Which tokens carry the answer, for every distance")
    first = one.tables[0]
    assert first.columns == ["pre-trained", *(f"layer {layer}" for layer in range(4))]
    titles = [row.title for row in first.rows]
    assert titles[:5] == [
        "2: edited edge", "2: path edges", "2: other edges", "2: question", "3: edited: hop 1",
    ]  # fmt: skip
    assert lines(first.rows[0].entries[0]) == ["25 (20 to 30)"]


def test_a_head_that_is_missed_is_told_by_true_distance(shown: Section):
    cells = chart(figure(shown, ABLATION), "pre-trained")
    assert values(cells, ("2", "all"), "1.1") == [0.2, -0.01]
    assert cells["no path", "1.1"]["moved"] == pytest.approx(0.2)


def test_the_least_noticed_hop_of_each_length_is_drawn_and_the_hops_of_the_longest(shown: Section):
    one = figure(shown, FAR)
    lengths = chart(one, "handcrafted, the known answer: paths of each length")
    assert values(lengths, range(4), "4") == [0.5, 0.5, 0.5, 1]
    assert lengths[2, "4"]["hop"] == 2
    hops = chart(one, "handcrafted, the known answer: a path of 4 hops")
    assert [hops[2, str(hop)]["value"] for hop in (1, 2, 3, 4)] == [1, 0.5, 0.5, 1]


def test_the_law_of_each_network_stands_in_a_table(shown: Section):
    reach = table(shown, "How far networks look")
    row = next(row for row in reach.rows if row.title == "handcrafted, the known answer")
    assert [lines(entry) for entry in row.entries] == [
        ["both ends"], ["2.00", "(1.90–2.20)"], ["2, 2, 3, 3"], ["100.0\xa0%"]]  # fmt: skip
    row = next(row for row in reach.rows if row.title.startswith("untrained"))
    assert [lines(entry)[0] for entry in row.entries[:3]] == ["none", "–", "–, –, –, –"]


def test_measures_along_training_start_at_step_0(shown: Section):
    one = figure(shown, "What appears when, along training")
    assert [chart.title for chart in one.charts] == ["reads d(1,2)", "shares an end"]
    assert [row["step"] for row in rows(one.charts[0].chart)] == [0, 10, 100, 1000]
    (onsets,) = one.tables
    assert [lines(row.entries[0]) for row in onsets.rows] == [
        ["60", "from 0 to 0.900"], ["–", "from 0 to 0.900"]]  # fmt: skip


def test_a_rule_has_its_agreement_its_chance_and_what_is_above_it(shown: Section):
    rules = table(shown, "Agreement on errors")
    assert rules.columns[:2] == ["rule", "pre-trained"]
    assert [(row.title, row.note) for row in rules.rows] == [
        ("search of 3 hops from 1", "trained"), ("search of 3 hops from 1", "off path"),
        ("d(1,2)", "trained"), ("d(1,2)", "off path")]  # fmt: skip
    entry = rules.rows[0].entries[0]
    assert lines(entry) == ["55.0\xa0%", "chance 30.0\xa0%", "+15.0 to +35.0", "n 340"]
    assert entry
    assert entry.share == pytest.approx(0.25)
    assert lines(rules.rows[0].entries[1]) == ["–", "n 12"]


def test_the_statement_sets_the_first_network_beside_the_circuit_and_the_untrained_one():
    assert statement(inside(), {"pretrained": "pre-trained"}) == (
        "With each layer, the pre-trained network looks 1.00 hops farther (0.95–1.10): search from "
        "one end fits (the circuit, whose answer is known: 2.00 (1.90–2.20), search from both "
        "ends). On its edge tokens, probes tell k from k + 1 hops from vertex 1 with an AUROC of "
        "0.72 in the best layer, averaged over k, and hops from t with 0.69 (the circuit: 0.95 and "
        "0.88, the untrained network: 0.50 and 0.50)."
    )


def test_a_network_that_looks_no_farther_is_said_to():
    whole = inside(names=("pretrained",))
    reach = inside(names=("untrained",)).networks[0].reach
    one = whole.networks[0].model_copy(update={"reach": reach, "probes": []})
    assert statement(whole.model_copy(update={"networks": [one]}), {}) == (
        "In too few lengths does the pretrained network look farther with each layer: no law of "
        "search fits."
    )


def test_a_network_that_is_left_out_is_named_with_the_reason():
    whole = inside()
    bare = without("circuit", "its tokens are vertices")
    shown = shown_of(whole.model_copy(update={"networks": [*whole.networks[:3], bare]}))
    assert shown.text.endswith("Not measured: handcrafted (its tokens are vertices).")
    assert all("handcrafted" not in chart.title for chart in charts(shown))
    assert "the circuit" not in shown.statement


def test_a_result_of_one_network_without_measures_has_no_figures():
    fields = {"networks": [without("circuit", "x")], "along": [], "onsets": []}
    bare = inside().model_copy(update=fields)
    shown = shown_of(bare)
    assert not shown.figures
    assert not shown.statement


def test_the_section_adds_little_to_a_page():
    c = laptop()
    whole = inside(STUDY._replace(layers=c.model.layers, max_vertices=c.graphs.max_vertices))
    with_it, bare = (page(story_of(*some, configuration=c)) for some in ([whole], []))
    assert len(with_it.encode()) - len(bare.encode()) < MOST_BYTES


def test_a_result_of_the_size_of_the_study_has_every_layer_and_hop():
    shown = shown_of(inside(STUDY))
    cells = chart(figure(shown, PROBES), "pre-trained: hops from 1")
    assert len(cells) == 12 * 16
    assert len(chart(figure(shown, ABLATION), "pre-trained")) == 16 * 22


def test_dead_ends_near_1_are_above_and_those_near_2_below():
    shown = shown_of(inside(STUDY))
    one = figure(shown, "From which end? Cuts that leave a dead end near 1, or near 2")
    assert one.charts[0].title == "pre-trained: a path of 11 hops"
    down = one.charts[0].chart["layer"][0]["encoding"]["y"]["scale"]["domain"]
    assert (down[0], down[10], down[11], down[-1]) == (
        "1 from 1", "11 from 1", "11 from 2", "1 from 2"
    )  # fmt: skip
    cells = chart(one, one.charts[1].title)
    told = [cells[layer, "2 from 2"]["value"] for layer in ("0", "1", "2", "answer")]
    assert told == [0.5, 0.5, 1, 1]
