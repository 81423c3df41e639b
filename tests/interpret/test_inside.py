"""The stage that looks into networks, on a run that has learned nothing."""

import shutil
from pathlib import Path

import pytest
import torch

from offpath.compute import Compute
from offpath.configs import Configuration, InputError
from offpath.fit.checkpoints import new_model, save_model
from offpath.handcraft.circuits import circuit_configuration, make, set_circuit
from offpath.interpret.inside import measure_inside
from offpath.networks import networks
from offpath.pipeline import made
from offpath.recipes import smoke
from offpath.results import Inside, read_result, results_of
from offpath.run.folder import Run, create_run, discard_results
from tests.reporting import asking

CPU = Compute(torch.device("cpu"), 1)
BASE = ["untrained", "pretrained", "finetuned", "scratch", "circuit", "circuit-finetuned"]


@pytest.fixture(scope="module")
def looked(tiny: Configuration, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with untrained networks, circuits, and an intervention, looked into."""
    torch.set_num_threads(1)
    c = tiny.model_copy(update={"interventions": ("random_ids",)})
    run = create_run(c, tmp_path_factory.mktemp("looked"))
    exact = make("edge", c.graphs.max_vertices, c.model)
    for one in networks(c):
        save_model(run, one.name, exact if "circuit" in one.name else new_model(c))
    records = list(measure_inside(run, CPU))
    assert [record["step"] for record in records] == [*range(1, len(records) + 1)]
    assert [record.get("checkpoint") for record in records][:6] == BASE
    return run


@pytest.fixture
def again(looked: Run, tmp_path: Path) -> Run:
    """A copy of it."""
    folder = shutil.copytree(looked.folder, tmp_path / looked.folder.name)
    return Run(folder, looked.configuration)


def test_every_network_but_those_of_interventions_is_looked_into(looked: Run):
    assert [one.checkpoint for one in read_result(looked, Inside).networks] == BASE


def test_the_file_is_small(looked: Run):
    assert looked.result("inside").stat().st_size < 2e6


def test_the_exact_circuit_is_right_and_new_weights_are_not(looked: Run):
    known = {one.checkpoint: one for one in read_result(looked, Inside).networks}
    assert known["circuit"].right == 1
    assert known["circuit"].mse < 0.01 < known["untrained"].mse


def test_the_same_numbers_come_out_again_and_with_two_threads(again: Run):
    before = again.result("inside").read_bytes()
    list(measure_inside(again, Compute(torch.device("cpu"), 2)))
    assert again.result("inside").read_bytes() == before


def test_other_checkpoints_stand_beside_what_was_measured(again: Run):
    before = read_result(again, Inside)
    list(measure_inside(again, CPU, ["untrained", "random_ids"]))
    after = read_result(again, Inside)
    assert {one.checkpoint for one in after.networks} == {*BASE, "random_ids"}
    assert len(after.networks) == 7
    assert {one.checkpoint: one for one in before.networks}.items() <= {
        one.checkpoint: one for one in after.networks
    }.items()
    assert (after.along, after.onsets) == (before.along, before.onsets)


def test_a_checkpoint_that_is_not_there_is_named(again: Run):
    with pytest.raises(InputError, match="has no checkpoint 'pretrained-step7' yet"):
        list(measure_inside(again, CPU, ["pretrained-step7"]))


def test_what_a_stopped_run_has_is_looked_into(tiny: Configuration, tmp_path: Path):
    run = create_run(tiny, tmp_path)
    for name in ("untrained", "pretrained-step4"):
        save_model(run, name, new_model(tiny))
    list(measure_inside(run, CPU))
    made = read_result(run, Inside)
    assert [one.checkpoint for one in made.networks] == ["untrained"]
    assert made.along == []


def test_a_run_without_any_network_says_how_to_make_one(run: Run):
    with pytest.raises(InputError, match="has no checkpoint 'untrained' yet; make it with"):
        list(measure_inside(run, CPU))


def test_fine_tuning_again_removes_the_result(again: Run):
    discard_results(again, networks(again.configuration)[2])
    assert not again.result("inside").exists()


def test_plain_runs_have_this_result_and_runs_with_reporters_do_not(tmp_path: Path):
    assert Inside in made(smoke())
    assert Inside not in made(asking())
    assert Inside not in results_of(asking())
    with pytest.raises(InputError, match="asks reporters"):
        list(measure_inside(create_run(asking(), tmp_path), CPU))


def test_a_circuit_with_vertex_tokens_says_what_is_left_out(tmp_path: Path, tiny: Configuration):
    run = create_run(circuit_configuration("doubling", tiny, 4), tmp_path)
    set_circuit(run)
    list(measure_inside(run, CPU))
    (one,) = read_result(run, Inside).networks
    assert (one.checkpoint, one.right) == ("circuit", 1)
    assert one.left_out
