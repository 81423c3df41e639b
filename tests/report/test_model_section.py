"""The section on the model: parameters by part, the counting argument, formulas."""

from itertools import combinations_with_replacement, product
from xml.etree import ElementTree

import pytest

from offpath.configs import Architecture, Configuration
from offpath.fit.transformer import Transformer, parameter_count
from offpath.recipes import RECIPES, laptop, paper, recipe, smoke
from offpath.report.page import page
from offpath.report.parts import Section, Story, formula
from offpath.report.sections import section
from offpath.report.sections.model import memorising, parameters
from offpath.results import Overlap
from tests.report.conftest import with_result
from tests.report.stories import changed, rows, story_of

ARCHITECTURES = [
    *((name, {}) for name in RECIPES),
    ("laptop", {"norm": "post", "final_norm": False}),
    ("laptop", {"head_size": 24, "heads": 3}),
    ("paper", {"layers": 1, "width": 6, "heads": 3, "feed_forward": 5}),
    ("laptop", {"tokens": "vertices", "norm": "none"}),
]


@pytest.mark.parametrize(("name", "options"), ARCHITECTURES)
def test_the_parameters_by_part_are_those_of_the_network(name: str, options: dict):
    a = Architecture(**{**recipe(name).model.model_dump(), **options})
    model = Transformer(a, max_vertices=9)
    names = {
        "embedding": "embedding", "attention": "self_attn", "feed-forward": "linear",
        "layer norms": "norm", "read-out": "readout",
    }  # fmt: skip
    counts = parameters(a, max_vertices=9)
    assert sum(counts.values()) == parameter_count(model)
    for part, count in counts.items():
        own = [p.numel() for key, p in model.named_parameters() if names[part] in key]
        assert count == sum(own), part


def test_the_parameters_of_wwz24_are_550433():
    assert sum(parameters(paper().model, 15).values()) == 550_433


@pytest.mark.parametrize("vertices", [3, 4])
def test_the_inputs_are_all_that_drawing_can_give(vertices: int):
    graphs = laptop().graphs.model_copy(update={"max_vertices": vertices, "finetune_vertices": 3})
    drawn = set()
    for n in range(3, vertices + 1):  # every ordered pair of vertices, n times
        for pairs in combinations_with_replacement(product(range(n), repeat=2), n):
            drawn.add(tuple(sorted((min(p), max(p)) for p in pairs if p[0] != p[1])))
    assert memorising(laptop().model_copy(update={"graphs": graphs}), None)[0].questions == len(
        drawn
    )


def test_the_figures_of_wwz24_are_reproduced():
    everything, published, shown = memorising(paper(), None)
    assert f"{published.questions:.2e}" == "1.59e+18"
    assert f"{published.bits:.1e}" == "6.4e+18"
    assert f"{everything.questions:.2e}" == "4.73e+18"
    assert shown.questions == 9600 * 2**15


def test_questions_that_training_shows_are_different_ones_where_they_were_counted(finished: Story):
    counted = memorising(laptop(), finished.get(Overlap))[2]
    assert (counted.questions, counted.bits) == (900, 2700)
    drawn = memorising(laptop(), None)[2]
    assert drawn.questions == 3000 * 512
    imported = laptop().model_copy(update={"imported": "ab" * 32})
    assert len(memorising(imported, finished.get(Overlap))) == 2


def text_of(c: Configuration) -> str:
    return section(story_of(configuration=c), "model").figures[2].text


def test_where_all_answers_fit_into_the_weights_the_argument_is_given_up():
    start = (
        "The answers to all inputs take 4.8\xa0% of the bits of the weights: counting does not rule"
    )
    assert text_of(smoke()).startswith(start)
    assert "Those that" not in text_of(smoke())


def test_where_they_do_not_fit_it_is_said_what_that_leaves_open():
    text = text_of(laptop())
    assert text.startswith("The answers to all inputs take 44.5 times the bits of the weights: the")
    assert "Those that pre-training shows take 2.26 times the bits: it cannot hold these" in text
    assert "1.05e12 times the bits" in text_of(paper())


def test_answers_that_fit_although_all_do_not_are_left_to_other_evidence(finished: Story):
    overlap = finished.get(Overlap)
    assert overlap
    story = story_of(overlap, configuration=laptop())
    text = section(story, "model").figures[2].text
    assert "Those that pre-training shows take 0.1\xa0% of the bits: counting does not rule" in text


def test_four_tokens_are_drawn_as_two_halves_each(contents: dict[str, Section]):
    (chart,) = contents["model"].figures[0].charts
    halves = [(r["token"], r["part"], r["left"], r["right"]) for r in rows(chart.chart)]
    assert halves[:2] == [("edge 1–3", "vertex 1", 0, 8), ("edge 1–3", "vertex 3", 8, 16)]
    assert halves[-1] == ("question t = 2", "TARGET", 8, 16)
    assert len(halves) == 8


@pytest.mark.parametrize("name", RECIPES)
def test_formulas_are_well_formed_and_hold_the_numbers_of_the_run(name: str):
    c = recipe(name)
    made = section(story_of(configuration=c), "model").formulas
    texts = ["".join(ElementTree.fromstring(one.mathml).itertext()) for one in made]
    assert [one.split("(")[0].split("=")[0] for one in texts] == ["P", "R0", "aij", "L", "M"]
    assert f"if\xa0d≥{c.graphs.balance_distance}" in texts[0]
    assert c.pretrain
    assert f"L=1{c.pretrain.batch_examples}∑x" in texts[3]
    assert ("log" in texts[3]) == (c.pretrain.classification > 0)


def test_values_of_a_formula_are_escaped():
    known = {"vertices": "<script>", "balance": 5}
    assert "<mn>&lt;script&gt;</mn>" in formula("acceptance", known).mathml


def test_formulas_are_on_the_page_as_mathml_with_their_words(finished: Story):
    text = page(finished)
    assert text.count("<math ") == 5
    assert "<p>What the answer is: the vertices that k edges lead to" in text


def test_what_was_drawn_and_not_counted_is_not_called_different_questions(finished: Story):
    overlap = finished.get(Overlap)
    assert overlap
    uncounted = [row.model_copy(update={"distinct": None}) for row in overlap.rows]
    counted, other = (
        section(story, "model").figures[2]
        for story in (finished, with_result(finished, changed(overlap, rows=uncounted)))
    )
    assert "counted in the ledger of overlap" in counted.text
    assert counted.facts["Draws"] == "config.json, results/overlap.json"
    assert "is at most what it draws" in other.text
    assert other.facts["Draws"] == "config.json"


def test_imported_weights_have_neither_a_law_of_pre_training_nor_its_questions():
    own, other = (
        section(story_of(configuration=c), "model")
        for c in (smoke(), smoke().model_copy(update={"imported": "0123abcd" * 8}))
    )
    assert len(other.formulas) == len(own.formulas) - 2
    assert "What pre-training shows" not in other.figures[2].text
