"""The questions as sweeps: their configurations, and distances that pre-training leaves out."""

from pathlib import Path

import numpy as np
import pytest

from offpath.configs import differences
from offpath.data.batches import draw
from offpath.data.label_distribution import label_distribution
from offpath.data.worlds import world
from offpath.errors import InputError
from offpath.networks import networks
from offpath.recipes import laptop, smoke, truth
from offpath.sweep.presets import DEPTHS, PRESETS, bound
from offpath.sweep.tasks import sweep_runs

APART = ("depth", "truth", "coherence")
"""Questions whose networks are trained otherwise."""


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_has_different_configurations_of_its_recipe_that_train(name: str):
    preset = PRESETS[name]
    made = preset.configurations(preset.base())
    assert len({c.run_name for c in made}) == len(made)
    for c in made:
        assert c.recipe == preset.recipe
        names = [one.name for one in networks(c)]
        assert len(set(names)) == len(names)
        assert {"pretrained"} <= set(names)


def test_the_networks_that_all_questions_have_in_common_are_trained_alike():
    bases = [PRESETS[name].base() for name in PRESETS if name not in APART]
    assert {c.fingerprint() for c in bases} == {bases[0].fingerprint()}
    for stage in ("pretrain", "finetune", "graphs", "model"):
        assert getattr(bases[0], stage) == getattr(laptop(), stage)


def test_prediction_reads_networks_that_other_questions_have_made():
    ids, off_path, made = (
        {c.run_name for c in PRESETS[name].configurations(PRESETS[name].base())}
        for name in ("ids", "off-path", "prediction")
    )
    assert made < ids | off_path  # all but the heads


def test_what_may_decide_is_varied_one_option_at_a_time_and_needs_few_pre_trainings():
    base, row, *others = PRESETS["truth"].configurations(PRESETS["truth"].base())
    assert row.change({"interventions": base.interventions}) == base  # its pre-training is shared
    assert base.change({"interventions": truth().interventions}) == truth()
    assert base.interventions[: len(truth().interventions)] == truth().interventions
    for c in others:
        changed = {name for name, *_ in differences(base, c)} - {"interventions"}
        assert len(changed - {"model.feed_forward"}) == 1


def test_a_recipe_without_reporters_has_nothing_that_could_decide():
    with pytest.raises(InputError, match="reporters must be given, as in the recipe truth"):
        PRESETS["truth"].configurations(laptop())


def test_networks_that_are_looked_into_differ_in_depth_and_those_of_the_test_in_graphs_too():
    base = PRESETS["inside"].base()
    made = PRESETS["inside"].configurations(base)
    assert [(c.model.layers, c.graphs.max_vertices) for c in made] == [
        (3, 8), (5, 8), (8, 8), (11, 8), (2, 15), (3, 15)
    ]  # fmt: skip
    assert base in made


def test_interventions_of_ones_own_are_refused_beside_those_of_a_question():
    with pytest.raises(InputError, match="interventions must be left out: the preset sets them"):
        PRESETS["ids"].configurations(laptop().change({"interventions": ("oracle",)}))


def test_runs_of_a_question_are_made_one_configuration_after_the_other(tmp_path: Path):
    both = [smoke(), smoke().change({"interventions": ("oracle",)})]
    runs = sweep_runs(both, range(2), tmp_path, seed_by_seed=False)
    made = [(run.configuration.interventions, run.configuration.seed) for run in runs]
    assert made == [((), 0), ((), 1), (("oracle",), 0), (("oracle",), 1)]


def test_depths_are_trained_on_every_distance_and_on_those_within_the_bound():
    base = PRESETS["depth"].base()
    made = [(c.model.layers, c.graphs.pretrain_distance) for c in
            PRESETS["depth"].configurations(base)]  # fmt: skip
    assert made == [(2, None), (2, 2), (3, None), (3, 4), (4, None), (4, 6), (5, None)]
    assert all(c.finetune is None for c in PRESETS["depth"].configurations(base))
    assert [bound(layers) for layers in DEPTHS] == [2, 4, 6, 8]


def test_pretraining_shows_no_distance_beyond_the_one_that_is_given():
    graphs = laptop().graphs.model_copy(update={"pretrain_distance": 2})
    near = draw(world("pretraining", graphs), seed=0, start=0, count=4000)
    assert np.unique(near.distance).tolist() == [1, 2, 8]
    exact = label_distribution(world("pretraining", graphs))
    assert exact is not None
    shares = np.bincount(near.distance, minlength=9) / 4000
    assert shares == pytest.approx([float(p) for p in exact], abs=0.03)


def test_without_that_option_runs_keep_their_names():
    assert laptop().run_name == "laptop-a6e9c2c6-seed0"
    near = laptop().change({"graphs.pretrain_distance": 2})
    assert near.fingerprint() != laptop().fingerprint()
