"""Rules of inspectors, what is wrong with a configuration of reporters, and the networks of one."""

import json
from hashlib import sha256

import pytest

from offpath.configs import Configuration, InputError, configuration_from_json
from offpath.networks import networks
from offpath.recipes import recipe

PLAIN = {
    "smoke": ("smoke-010fd07a-seed0", "d7c7f479490dbea0"),
    "laptop": ("laptop-a6e9c2c6-seed0", "e642e1221dafa84e"),
    "paper": ("paper-99838fd4-seed0", "b4f6c02929dac83c"),
    "paper-fast": ("paper-fast-876ceb0f-seed0", "fee58248395e1c83"),
}
"""Names of runs, and digests of their config.json, from before there were reporters."""
FAULTS = [
    ({"inspectors": ("near=7",)}, "reporters.inspectors: near= must be a whole number from 1 to 6, "
     "so that it is wrong on some questions; got near=7"),
    ({"inspectors": ("near=0",)}, "near= must be a whole number from 1 to 6"),
    ({"inspectors": ("near",)}, "from 1 to 6, so that it is wrong on some questions; got near"),
    ({"inspectors": ("near=two",)}, "; got near=two"),
    ({"inspectors": ("small=8",)}, "small= must be a whole number from 3 to 7, "),
    ({"inspectors": ("ids=8",)}, "ids= must be a whole number from 2 to 7, "),
    ({"inspectors": ("vertex_2=3",)}, "vertex_2 takes no number; got vertex_2=3"),
    ({"inspectors": ("naer=2",)}, "reporters.inspectors must be one of near, small, ids, vertex_2; "
     "got 'naer'; did you mean near?"),
    ({"inspectors": ()}, "reporters.inspectors must name 1 to 14 rules; got 0"),
    ({"inspectors": tuple(f"ids={k}" for k in range(15))}, "must name 1 to 14 rules; got 15"),
    ({"inspectors": ("near=2", "near=2")}, "must differ from each other; got near=2 near=2"),
    ({"truth_share": 1.5}, "reporters.truth_share must be 0 to 1; got 1.5"),
    ({"truth_share": -0.1}, "reporters.truth_share must be 0 to 1; got -0.1"),
]  # fmt: skip
WORDS = [
    ("truth", "off_path=0.3", "off_path=0.3 changes the examples of plain questions, and this run "
     "has reporters; choose leak, "),
    ("truth", "pretrain_any_target", "changes the examples of plain questions"),
    ("truth", "leak=2", "interventions: leak= must be a number from 0.0001 to 1; got 2"),
    ("truth", "leak", "interventions: leak= must be a number from 0.0001 to 1; got none"),
    ("truth", "leak=0.1+easy_ids", "leak and easy_ids exclude each other"),
    ("truth", "easy_path+oracle", "easy_path and oracle exclude each other"),
    *[("laptop", word, f"interventions: {word.split('=')[0]} needs reporters, as in the recipe "
       f"truth; got {word}") for word in ("leak=0.1", "easy_graphs", "easy_ids", "easy_path")],
    ("laptop", "own_row_only", "own_row_only needs reporters, as in the recipe truth"),
]  # fmt: skip


def test_recipes_without_reporters_keep_their_names_and_every_byte_of_their_files():
    for name, (run_name, digest) in PLAIN.items():
        c = recipe(name)
        assert c.run_name == run_name
        assert sha256(c.model_dump_json(indent=2).encode()).hexdigest()[:16] == digest


def faults(c: Configuration, **options: object) -> str:
    with pytest.raises(InputError) as error:
        c.change(options)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(("options", "message"), FAULTS)
def test_a_fault_of_reporters_is_one_line_with_what_is_allowed(options: dict, message: str):
    options = {f"reporters.{name}": value for name, value in options.items()}
    assert message in faults(recipe("truth"), **options)


@pytest.mark.parametrize(("name", "word", "message"), WORDS)
def test_a_word_that_means_nothing_there_is_refused(name: str, word: str, message: str):
    assert message in faults(recipe(name), interventions=(word,))


@pytest.mark.parametrize(
    ("spec", "rule", "small", "message"),
    [
        ("easy_graphs", "near=4", 5, "audits no question on which near=4 is wrong, for "
         "graphs.finetune_vertices is 5; choose another inspector"),
        ("easy_graphs", "small=5", 5, "audits no question on which small=5 is wrong"),
        ("easy_ids", "ids=6", 5, "audits no question on which ids=6 is wrong"),
        ("easy_graphs", "near=2", 8, "audits everything where graphs.finetune_vertices is "
         "graphs.max_vertices (8); choose a smaller one, or oracle"),
    ],
)  # fmt: skip
def test_easy_audits_without_a_question_to_carry_over_are_refused(spec, rule, small, message):
    options = {"reporters.inspectors": (rule,), "graphs.finetune_vertices": small}
    assert message in faults(recipe("truth"), **options, interventions=(spec,))


def test_reporters_need_both_trainings_and_no_choice_of_candidates():
    c = recipe("truth")
    assert "reporters need pretrain and finetune" in faults(c, finetune=None, interventions=())
    said = faults(c, **{"pretrain.candidates": 2})
    assert said == "pretrain.candidates must be 1 where reporters are asked; got 2"


def test_a_rule_without_a_number_to_choose_is_refused():
    options = {"graphs.max_vertices": 3, "graphs.finetune_vertices": 3, "interventions": ()}
    said = faults(recipe("truth"), **options, **{"reporters.inspectors": ("small=3",)})
    assert "small is never wrong where graphs.max_vertices is 3; choose another rule" in said


def test_the_network_has_a_marker_for_each_reporter_and_imported_weights_have_theirs():
    c = recipe("truth")
    both = c.change({"reporters.inspectors": ("near=2", "small=5")})
    assert (recipe("laptop").model.markers, c.model.markers, both.model.markers) == (1, 3, 4)
    assert configuration_from_json(both.model_dump_json(), "c.json") == both
    record = json.loads(c.model_dump_json()) | {"imported": "0" * 64}
    record["model"].pop("markers")
    wanted = "model.markers must be 3, one for each of truth, near=2, assistant; got 1, as the imp"
    with pytest.raises(InputError, match=wanted):
        configuration_from_json(json.dumps(record), "c.json")
    lone = recipe("laptop").model.model_copy(update={"markers": 2})
    said = faults(recipe("laptop"), model=lone)
    assert said == "model.markers must be 1 where there are no reporters; got 2"


@pytest.mark.parametrize("first", ["truth", "inspector"])
def test_pre_training_in_order_is_two_halves_of_which_the_first_asks_one_alone(first: str):
    c = recipe("truth").change({"reporters.first": first, "pretrain.steps": 150})
    half, rest = (one for one in networks(c) if one.made_by == "pretrain")
    assert (half.name, half.starts_from, half.data.asks) == ("pretrained-first", "untrained", first)
    assert (rest.name, rest.starts_from, rest.data.asks) == ("pretrained", half.name, None)
    assert half.training == rest.training
    assert half.training
    assert (half.training.steps, half.training.warmup_steps) == (75, 75)


def test_a_run_with_reporters_trains_on_audits_alone_and_has_no_control_from_scratch_for_each():
    names = [one.name for one in networks(recipe("truth"))]
    assert names[:5] == ["untrained", "pretrained", "finetuned", "scratch", "circuit"]
    assert names[5:] == [spec.replace("=", "") for spec in recipe("truth").interventions]
