"""The section on WWZ24, and the sentences that page and terminal share."""

from collections.abc import Mapping
from typing import Any

import pytest

from offpath.generalize.study import PUBLISHED
from offpath.recipes import laptop
from offpath.report.sections import section
from offpath.report.sections.study import hidden_sentences, mixture_sentence, origin_sentences
from offpath.results import Study
from offpath.slices import OFF_PATH, ON_PATH, SEEN, TRAINED, UNSEEN, Slice
from tests.report.stories import changed, figure, rows, story_of, study

ABSENT = OFF_PATH[-1]
PUBLISHED_FIGURE = "Published, this run, and re-measured"
STRATA_FIGURE = "What the pooled figures are made of"
NO_BREAK = "\N{NO-BREAK SPACE}"
DIFFERENT = {
    "graphs.max_vertices": (5, 15),
    "model.norm": ("pre", "post"),
    "finetune.learning_rate": (2e-5, 1e-5),
}
SHARES = "75.0 % of the fine-tuning data, 81.2 % of test a and 68.8 % of test b."


def without(one: Study, *quantities: str) -> Study:
    """The same, but these quantities were not measured."""
    gone = [changed(q, pooled=None, strata=[]) for q in one.quantities if q.quantity in quantities]
    rest = [q for q in one.quantities if q.quantity not in quantities]
    order = [name for name, *_ in PUBLISHED]
    return changed(one, quantities=sorted(gone + rest, key=lambda q: order.index(q.quantity)))


def test_the_page_sets_a_run_beside_the_published_figures():
    shown = section(story_of(study(differences=DIFFERENT)), "study")
    figures, options = figure(shown, PUBLISHED_FIGURE).tables
    row = figures.rows[3]
    texts = [" ".join(entry.lines) for entry in row.entries if entry]
    assert (row.title, texts) == (
        "test a",
        ["0.1020", "1.00 (0.900–1.10)", f"0.22{NO_BREAK}as{NO_BREAK}written / "
         f"0.095{NO_BREAK}as{NO_BREAK}reproduced"],
    )  # fmt: skip
    assert [row.title for row in options.rows] == ["graphs", "model", "finetune"]
    entry = options.rows[0].entries[0]
    assert entry
    assert list(entry.lines) == ["graphs.max_vertices 5, not 15"]


def test_the_first_paragraph_introduces_wwz24():
    assert section(story_of(study()), "study").text.startswith(
        "WWZ24 is Wang, Westover, Zhao (2024): "
    )


def test_a_quantity_has_a_row_of_its_strata_and_dashes_elsewhere():
    (table,) = figure(section(story_of(study()), "study"), STRATA_FIGURE).tables
    assert [row.title for row in table.rows] == [title for _, title, *_ in PUBLISHED]
    assert [entry is None for entry in table.rows[0].entries] == [False] + [True] * 6
    entry = table.rows[0].entries[0]
    assert entry
    assert list(entry.lines[-2:]) == [f"ex. 100.0{NO_BREAK}%", f"err. 100.0{NO_BREAK}%"]


def test_bars_run_from_nothing_to_all():
    chart = figure(section(story_of(study({ABSENT: 9.0})), "study"), STRATA_FIGURE).charts[0].chart
    ends: dict[tuple[str, str], float] = {}
    for row in rows(chart):
        bar = (row["quantity"], row["measure"])
        assert row["left"] == pytest.approx(ends.get(bar, 0.0))
        ends[bar] = row["right"]
    assert len(ends) == 2 * 8
    assert list(ends.values()) == pytest.approx([1.0] * 16)


def test_vertex_ids_on_the_path_stay_together_where_they_are_not_known():
    one = study()
    whole = one.quantities[3]
    parts = [changed(part, by="stratum", slice="on_path") for part in whole.strata[1:]]
    joined = changed(whole, strata=[whole.strata[0], *parts])
    quantities = [joined if q.quantity == joined.quantity else q for q in one.quantities]
    shown = section(story_of(changed(one, quantities=quantities)), "study")
    (table,) = figure(shown, STRATA_FIGURE).tables
    assert table.columns[:3] == ["figure", "trained", ON_PATH.title]
    assert [entry is None for entry in table.rows[3].entries][:3] == [False, False, True]


def test_without_any_error_no_stratum_has_a_share_of_it():
    strata = dict.fromkeys((TRAINED, SEEN, UNSEEN, *OFF_PATH), 0.0)
    (text,) = hidden_sentences(study(strata))
    assert text.startswith("On-path scores mix two tasks, though vertex 2,")
    assert section(story_of(study(strata)), "study").figures


def test_a_quantity_that_was_not_measured_is_a_dash():
    some = without(study(), "test_e", "finetuning_after")
    shown = section(story_of(some), "study")
    entries = [row.entries[1] for row in figure(shown, PUBLISHED_FIGURE).tables[0].rows]
    assert [entry is None for entry in entries] == [False] * 2 + [True] + [False] * 4 + [True]
    assert "the fine-tuning data" not in hidden_sentences(some)[0]
    none = without(study(), *(name for name, *_ in PUBLISHED))
    assert [one.title for one in section(story_of(none), "study").figures] == [PUBLISHED_FIGURE]
    assert hidden_sentences(none) == []


def test_a_run_that_trains_nothing_has_no_such_section():
    alone = laptop().model_copy(update={"pretrain": None, "finetune": None})
    assert not section(story_of(configuration=alone), "study").title


def brightness(colour: str) -> float:
    """The relative luminance of #rrggbb, 0 to 1; after WCAG 2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("mode", [0, 1])
def test_strata_that_touch_in_the_bars_differ_in_lightness(mode: int):
    trained, on_path = (brightness(where.colour[mode]) for where in (TRAINED, SEEN))
    assert (trained + 0.05) / (on_path + 0.05) > 2


def named(**fields: Any) -> str:
    return " ".join(origin_sentences(study(**fields), named=True))


@pytest.mark.parametrize("way", ["as written", "as reproduced"])
def test_the_configuration_of_wwz24_is_recognised(way: str):
    assert named(finetuned=way) == (
        "The same as in WWZ24: graphs, model and pre-training. "
        f"Fine-tuning is that of WWZ24, {way}."
    )


def test_options_that_differ_are_named_beside_the_nearer_way_of_fine_tuning():
    assert named(differences=DIFFERENT, finetuned="as written") == (
        "The same as in WWZ24: pre-training. Not the same as in WWZ24: graphs and model "
        "(graphs.max_vertices 5, not 15, model.norm pre, not post). Fine-tuning is neither way of "
        "WWZ24; compared with the nearer one, as written: finetune.learning_rate 2e−5, not 1e−5. "
        "Other graphs make other distributions: the figures of this run are not the quantities of "
        "WWZ24, and cannot be compared with the published ones one by one."
    )
    counted = " ".join(origin_sentences(study(differences=DIFFERENT), named=False))
    assert "graphs and model (2 options differ)" in counted
    assert "as reproduced: 1 option differs." in counted


def test_how_imported_weights_were_made_is_not_known():
    first, second, *_ = origin_sentences(study(imported="0123abcd" * 8), named=False)
    assert first == (
        "The weights are imported (SHA-256 0123abcd…); how they were pre-trained is not known here."
    )
    assert second == "The same as in WWZ24: graphs and model."


def test_the_mixture_of_the_published_figures_is_given_in_shares():
    text = mixture_sentence(study()).replace(NO_BREAK, " ")
    assert "vertex 2 is the target in 73.6 % of the fine-tuning data, 80.1 % of test a and" in text
    assert text.endswith("12.8 % and 27.5 % of test d and 42.8 % and 19.7 % of test e.")


def hidden(errors: Mapping[Slice, float], detailed: bool = True) -> list[str]:
    """What the figures hide of a run whose squared errors are 1 but in these strata."""
    return [s.replace(NO_BREAK, " ") for s in hidden_sentences(study(errors), detailed)]


def test_an_on_path_score_is_diluted_only_where_target_2_lowers_its_error():
    diluted, _ = hidden({TRAINED: 0.2}, detailed=False)
    assert diluted == (
        "On-path scores are diluted: vertex 2, the target of pre-training, is the target in "
        f"{SHARES}"
    )
    worse, _ = hidden({TRAINED: 5.0}, detailed=False)
    assert worse == (
        "On-path scores mix two tasks, and vertex 2, the target of pre-training, raises the error: "
        f"it is the target in {SHARES}"
    )
    level, _ = hidden({}, detailed=False)
    assert level == (
        "On-path scores mix two tasks, though vertex 2, the target of pre-training, leaves the "
        f"error as it is: it is the target in {SHARES}"
    )


def test_on_path_scores_that_differ_in_kind_get_a_sentence_each():
    better, worse, _ = hidden({TRAINED: 2.0, UNSEEN: 9.0})
    assert worse == (
        "Some on-path scores mix two tasks, and vertex 2, the target of pre-training, raises the "
        "error: it is the target in 75.0 % of the fine-tuning data (MSE 1.00 without it, 1.75 with "
        "it) and 81.2 % of test a (MSE 1.00 without it, 1.81 with it)."
    )
    assert better == (
        "Some on-path scores are diluted: vertex 2, the target of pre-training, is the target in "
        "68.8 % of test b (MSE 4.20 without it, 2.69 with it)."
    )


def test_off_path_scores_are_confounded_where_the_error_is_of_questions_never_shown():
    _, confounded = hidden({ABSENT: 9.0})
    most = "from targets that the graph does not have, which are 25.0 % of the examples"
    assert confounded == (
        "Off-path scores are confounded: questions that fine-tuning never shows carry 89.6 % of "
        f"the squared error of test c on 68.8 % of its examples (75.0 % {most}), 89.6 % of the "
        f"squared error of test d on 68.8 % of its examples (75.0 % {most}) and 91.7 % of the "
        f"squared error of test e on 75.0 % of its examples (75.0 % {most})."
    )


def test_off_path_scores_are_not_confounded_where_the_error_is_of_questions_shown():
    _, mixed = hidden({TRAINED: 99.0}, detailed=False)
    assert mixed == (
        "Off-path scores mix shown questions with those that fine-tuning never shows, which carry "
        "only 2.7 % of the squared error of test c on 68.8 % of its examples, 3.5 % of the squared "
        "error of test d on 68.8 % of its examples and 5.7 % of the squared error of test e on "
        "75.0 % of its examples."
    )
    assert any("confounded" in one for one in hidden({TRAINED: 1.01}))  # more than a half
