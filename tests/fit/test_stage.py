from pathlib import Path

import pytest
import torch

from offpath.compute import Compute
from offpath.configs import Configuration, InputError
from offpath.fit.checkpoints import load_model, save_progress
from offpath.fit.stages import (
    copy_pretraining,
    finetune,
    finetuned_otherwise,
    pretrain,
    snapshot_steps,
)
from offpath.handcraft.circuits import set_circuit
from offpath.run.folder import Run, create_run, open_run
from offpath.run.metrics import read_metrics

CPU = Compute(torch.device("cpu"), 1)
WHOLE = ("untrained", "pretrained", "finetuned", "scratch", "circuit-finetuned")


def weights(run: Run) -> list[bytes]:
    return [run.checkpoint(name).read_bytes() for name in WHOLE if run.checkpoint(name).exists()]


def losses(run: Run) -> list[tuple]:
    return [(r["network"], r["step"], r["loss"], r["loss_by_label"]) for r in read_metrics(run)]


@pytest.fixture(scope="module")
def undisturbed(tiny: Configuration, tmp_path_factory) -> Run:
    """A run that was never stopped."""
    run = create_run(tiny, tmp_path_factory.mktemp("undisturbed"))
    set_circuit(run)
    for stage in (pretrain, finetune):
        list(stage(run, CPU))
    return run


@pytest.mark.parametrize("stop_after", [2, 9])
def test_a_stage_stopped_anywhere_ends_bit_identical(undisturbed: Run, tmp_path, stop_after: int):
    run = create_run(undisturbed.configuration, tmp_path)
    set_circuit(run)
    for stage in (pretrain, finetune):
        for number, _ in enumerate(stage(run, CPU), start=1):
            if number == stop_after:
                break
        list(stage(run, CPU))
    assert weights(run) == weights(undisturbed)
    assert losses(run) == losses(undisturbed)


def test_another_seed_of_fine_tuning_leaves_pre_training_as_it_was(undisturbed: Run, tmp_path):
    run = create_run(undisturbed.configuration.change({"finetune_seed": 7}), tmp_path)
    set_circuit(run)
    for stage in (pretrain, finetune):
        list(stage(run, CPU))
    for name in WHOLE:
        mine, theirs = (load_model(one, name, CPU.device) for one in (run, undisturbed))
        pairs = zip(mine.parameters(), theirs.parameters(), strict=True)
        same = all(torch.equal(*pair) for pair in pairs)
        assert same == (name in ("untrained", "pretrained")), name


def test_a_stage_that_is_done_does_nothing(undisturbed: Run):
    before = weights(undisturbed)
    assert list(pretrain(undisturbed, CPU)) == []
    assert weights(undisturbed) == before
    assert not list(undisturbed.folder.glob("checkpoints/*resume*"))


def test_training_anew_discards_what_was_measured_before_and_ends_in_the_same_weights(run: Run):
    set_circuit(run)
    for _ in (*pretrain(run, CPU), *finetune(run, CPU)):
        pass
    before = weights(run)
    run.checkpoint("finetuned").unlink()
    run.result("matrix").write_text("{}")
    run.done.write_text("")
    list(finetune(run, CPU))
    assert not run.result("matrix").exists()
    assert not run.done.exists()
    assert weights(run) == before


def test_the_first_record_of_a_resumed_stage_says_where_it_resumes(run: Run):
    for number, _ in enumerate(pretrain(run, CPU), start=1):
        if number == 5:  # steps 2, 4 (checkpoint), 6, 8 (checkpoint), 10
            break
    first = next(pretrain(run, CPU))
    assert first["step"] == 8
    assert "1 after step 8" in first["resumed"]


@pytest.mark.filterwarnings("ignore:overflow")
def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_checkpoint(
    tiny: Configuration, tmp_path
):
    hot = tiny.training("pretrain").model_copy(update={"learning_rate": 10.0, "clip_norm": None})
    run = create_run(tiny.model_copy(update={"pretrain": hot}), tmp_path)

    def poisoned(*arguments) -> None:
        save_progress(*arguments)
        with torch.no_grad():
            arguments[3].readout.weight.fill_(torch.inf)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("offpath.fit.stage.save_progress", poisoned)
        with pytest.raises(
            InputError, match=r"training pretrained stopped: at step 6 .*lower pretrain.learn"
        ):
            list(pretrain(run, CPU))
    assert next(pretrain(run, CPU))["step"] == 4


def test_the_weights_along_pre_training_are_kept(run: Run):
    folder = run.folder / "checkpoints"
    seen = {}
    for record in pretrain(run, CPU):
        for path in folder.glob("pretrained-step*"):
            seen.setdefault(path.stem, record["step"])
    steps = snapshot_steps(run.configuration.training("pretrain").steps)
    assert sorted(seen) == sorted(f"pretrained-step{step}" for step in steps)
    assert len(steps) > 5
    assert 20 not in steps
    assert all(0 <= seen[f"pretrained-step{s}"] - s <= 2 for s in steps)  # logged every 2 steps
    first, last = (
        load_model(run, f"pretrained-step{s}", CPU.device) for s in (steps[0], steps[-1])
    )
    assert not torch.equal(first.readout.weight, last.readout.weight)


def test_fine_tuning_keeps_what_does_not_depend_on_it(run: Run):
    list(pretrain(run, CPU))
    set_circuit(run)
    for name in ("matrix", "robustness", "learning_coefficient"):
        run.result(name).write_text("{}")
    list(finetune(run, CPU))
    assert not run.result("matrix").exists()
    assert run.result("robustness").exists()
    assert run.result("learning_coefficient").exists()


def finetuned_gently(run: Run) -> Run:
    gentle = run.configuration.training("finetune").model_copy(update={"learning_rate": 1e-5})
    other = create_run(finetuned_otherwise(run, gentle).configuration, run.folder.parent)
    copy_pretraining(run, other)
    return other


def test_another_way_of_fine_tuning_goes_into_a_run_beside_with_all_of_pre_training(run: Run):
    list(pretrain(run, CPU))
    other = finetuned_gently(run)
    assert losses(other) == losses(run)
    for path in run.folder.glob("checkpoints/*"):
        one, two = (load_model(r, path.stem, CPU.device).state_dict() for r in (run, other))
        assert all(torch.equal(tensor, two[name]) for name, tensor in one.items())
    before = len(losses(run))
    for one in (run, other):
        set_circuit(one)
        list(finetune(one, CPU))
    one, two = (load_model(r, "finetuned", CPU.device).readout.weight for r in (run, other))
    assert not torch.equal(one, two)
    assert losses(other)[:before] == losses(run)[:before]
    assert finetuned_otherwise(run, run.configuration.training("finetune")) == run
    after = weights(other)
    copy_pretraining(run, other)
    assert weights(other) == after


def test_the_run_beside_lies_beside_also_if_the_run_is_where_one_stands(run: Run, monkeypatch):
    gentle = run.configuration.training("finetune").model_copy(update={"learning_rate": 1e-5})
    monkeypatch.chdir(run.folder)
    other = finetuned_otherwise(open_run(Path()), gentle)
    assert other.folder.parent == run.folder.parent.resolve()


def test_a_copy_of_pre_training_that_was_killed_is_made_whole(run: Run):
    list(pretrain(run, CPU))
    other = finetuned_gently(run)
    expected = losses(other)
    other.checkpoint("pretrained").unlink()  # the last that is written
    assert losses(finetuned_gently(run)) == expected
    assert other.checkpoint("pretrained").exists()


def test_a_damaged_progress_file_is_named_and_can_be_deleted(run: Run):
    for number, _ in enumerate(pretrain(run, CPU), start=1):
        if number == 3:
            break
    path = run.checkpoint("pretrained-resume")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match=r"pretrained-resume.safetensors is damaged.*delete it"):
        list(pretrain(run, CPU))
    path.unlink()
    assert [r["step"] for r in pretrain(run, CPU)][-1] == 20


def test_each_line_of_metrics_has_what_the_run_folder_page_promises(undisturbed: Run):
    fields = {"network", "step", "loss", "loss_by_label", "count_by_label", "gradient_norm"}
    fields |= {"learning_rate", "examples_per_second"}
    records = read_metrics(undisturbed)
    assert all(set(r) == fields for r in records)
    assert [r["step"] for r in records if r["network"] == "pretrained"] == list(range(2, 21, 2))
