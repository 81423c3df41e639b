import pytest

from offpath.configs import Configuration, InputError, configuration_from_json, differences
from offpath.recipes import RECIPES, laptop, recipe


def changed(**sections: dict) -> Configuration:
    """The laptop recipe with some options changed, checked anew."""
    options = laptop().model_dump()
    for section, values in sections.items():
        options[section] |= values
    return Configuration.model_validate(options)


FAULTS = [
    ({"graphs": {"max_vertices": 65}}, "graphs.max_vertices must be 3 to 64; got 65"),
    ({"graphs": {"max_vertices": 2}}, "graphs.max_vertices must be 3 to 64; got 2"),
    (
        {"graphs": {"finetune_vertices": 9}},
        "graphs.finetune_vertices must be 3 to graphs.max_vertices (8), for fine-tuning graphs "
        "are no larger than others; got 9",
    ),
    ({"graphs": {"balance_distance": 1}}, "graphs.balance_distance must be 2 to 64; got 1"),
    ({"model": {"width": 31}}, "model.width must be even"),
    (
        {"model": {"heads": 3}},
        "model.heads must divide model.width (32); got 3: choose one of 1, 2, 4, 8, 16, 32",
    ),
    ({"model": {"layers": 0}}, "model.layers must be 1 to 65536; got 0"),
    ({"pretrain": {"batch_examples": 0}}, "pretrain.batch_examples must be 1 to 16777216; got 0"),
    ({"pretrain": {"learning_rate": -1.0}}, "pretrain.learning_rate must be above 0"),
    ({"finetune": {"warmup_steps": 601}}, "finetune.warmup_steps must be 0 to 600; got 601"),
    ({"finetune": {"beta2": 1.0}}, "finetune.beta2 must be at least 0 and below 1; got 1.0"),
    ({"finetune": {"clip_norm": 0.0}}, "finetune.clip_norm must be above 0, or None"),
    ({"finetune": {"decay_from": 1.5}}, "finetune.decay_from must be 0 to 1; got 1.5"),
    (
        {"pretrain": {"checkpoint_every_steps": 7}},
        "pretrain.checkpoint_every_steps must be a multiple of pretrain.log_every_steps (5)",
    ),
    ({"finetune": {"rank": 33}}, "finetune.rank must be 1 to 32; got 33"),
    (
        {"finetune": {"rank": 2, "optimizer": "muon"}},
        "finetune.rank must be None where the optimizer is muon; got 2",
    ),
    (
        {"model": {"head": "ordinal"}, "finetune": {"classification": 1.0}},
        "finetune.classification must be 0.0 where the head is ordinal; got 1.0",
    ),
    (
        {"graphs": {"finetune_vertices": 8}, "finetune": {"unseen_ids": "average"}},
        "finetune.unseen_ids must be train where fine-tuning asks for all ids; got average",
    ),
    ({"evaluate": {"examples": 0}}, "evaluate.examples must be 1 to 1048576; got 0"),
]


@pytest.mark.parametrize(("change", "message"), FAULTS)
def test_a_fault_is_named_with_what_is_allowed_and_what_was_given(change: dict, message: str):
    with pytest.raises(InputError) as error:
        changed(**change)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_all_faults_are_named_at_once():
    with pytest.raises(InputError) as error:
        changed(graphs={"max_vertices": 99}, model={"width": 31}, pretrain={"steps": 0})
    for name in ("graphs.max_vertices", "model.width", "pretrain.steps"):
        assert name in str(error.value)


def test_an_option_that_does_not_exist_is_refused():
    text = laptop().model_dump_json().replace('"heads"', '"haeds"')
    with pytest.raises(InputError, match=r"c\.json .* model\.(haeds|heads)"):
        configuration_from_json(text, "c.json")


@pytest.mark.parametrize("name", RECIPES)
def test_a_configuration_survives_its_json(name: str):
    one = recipe(name)
    assert configuration_from_json(one.model_dump_json(), "c.json") == one


def test_the_fingerprint_changes_with_any_option_but_not_with_recipe_name_and_seed():
    base = laptop()
    assert base.model_copy(update={"recipe": "mine", "seed": 4}).fingerprint() == base.fingerprint()
    assert changed(finetune={"steps": 601}).fingerprint() != base.fingerprint()
    assert base.run_name == f"laptop-{base.fingerprint()}-seed0"


def test_an_unknown_recipe_is_named_with_the_known_ones():
    with pytest.raises(
        InputError,
        match="recipe must be one of smoke, laptop, truth, paper, paper-fast; got 'lap'; did you",
    ):
        recipe("lap")


def test_later_options_are_known_and_written_only_where_they_are_not_at_their_default():
    base, written = laptop(), laptop().model_dump_json()
    for name in ("trains", "rank", "pull", "unseen_ids", "head", "looped"):
        assert f'"{name}"' not in written
    one = base.change({"finetune.rank": 2, "model.looped": True})
    assert '"rank":2' in one.model_dump_json()
    assert configuration_from_json(one.model_dump_json(), "c.json") == one
    assert one.fingerprint() != base.fingerprint()
    assert one.change({"finetune.rank": None, "model.looped": False}).run_name == base.run_name
    assert differences(base, one) == [("model.looped", False, True), ("finetune.rank", None, 2)]


WRONG_CHANGES = [
    ({"pretrain.step": 9}, "there is no option 'pretrain.step'; did you mean pretrain.steps?"),
    ({"learning_rate": 1}, "there is no option 'learning_rate'"),
    ({"pretrain.steps": "many"}, "pretrain.steps: input should be a valid integer"),
    ({"pretrain.steps": 0}, "pretrain.steps must be 1 to 100000000; got 0"),
    ({"model.norm": "none"}, "model.norm must be pre or post, for networks that are trained"),
    ({"model.tokens": "vertices"}, "model.tokens must be edges, for networks that are trained"),
]


@pytest.mark.parametrize(("change", "message"), WRONG_CHANGES)
def test_a_change_that_makes_no_sense_is_one_line(change: dict, message: str):
    with pytest.raises(InputError) as error:
        laptop().change(change)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_options_are_changed_by_the_names_of_the_command_line():
    c = laptop().change({"pretrain.steps": 200, "seed": 3, "finetune": None})
    assert (c.training("pretrain").steps, c.seed, c.finetune) == (200, 3, None)
    assert c.change({"pretrain.steps": 3000}) == laptop().change({"seed": 3, "finetune": None})


def test_a_copy_with_an_unknown_option_is_refused():
    with pytest.raises(InputError, match="learning_rate: extra inputs are not permitted; got 1"):
        laptop().model_copy(update={"learning_rate": 1})


def test_precision_changes_the_name_of_a_run_and_float32_does_not():
    assert laptop().change({"precision": "bfloat16"}).run_name != laptop().run_name
    assert laptop().change({"precision": "float32"}).run_name == laptop().run_name
