from shutil import copytree

import numpy as np
import pytest
import torch

from offpath.compute import Compute
from offpath.configs import InputError
from offpath.data.batches import frozen
from offpath.data.worlds import world
from offpath.fit.checkpoints import load_model, new_model, save_model
from offpath.handcraft.circuits import circuit_configuration, make
from offpath.interpret.options import Robustness
from offpath.interpret.retention import interventions
from offpath.interpret.robustness import loss, matrices, measure_robustness, retraining
from offpath.recipes import paper_fast, smoke
from offpath.results import Robustness as Result
from offpath.results import read_result, write_result
from offpath.run.folder import Run, create_run
from offpath.slices import STRATA

CPU = Compute(torch.device("cpu"), 1)
FEW = Robustness(choices=3, rates=(1e-6, 1e-3), steps=4, batch_examples=16, examples=64,
                 noises=(0.01, 1.0), draws=1, retention_rates=(1e-5,),
                 retention_examples=50)  # fmt: skip


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> Run:
    """A run whose architecture has room for the circuit, with a network beside it, measured."""
    base = smoke()
    c = circuit_configuration("edge", base, 5)
    finetune = c.training("finetune").model_copy(update={"steps": 5, "batch_examples": 32})
    evaluate = c.evaluate.model_copy(update={"examples": 200, "bootstrap_resamples": 40})
    c = c.model_copy(update={"pretrain": base.pretrain, "finetune": finetune, "evaluate": evaluate})
    run = create_run(c, tmp_path_factory.mktemp("runs"))
    save_model(run, "circuit", make("edge", 5, c.model))
    save_model(run, "pretrained", new_model(c))
    records = list(measure_robustness(run, CPU, FEW))
    counts = {"perturbed": 6, "graded": 4, "retention": 3}
    assert records == [
        {"stage": "robustness", "part": part, "step": step, "of": count}
        for part, count in counts.items()
        for step in range(1, count + 1)
    ]
    assert not run.checkpoint("circuit-finetuned").exists()  # fine-tuning makes it, by its stage
    return run


def result(run: Run) -> Result:
    return read_result(run, Result)


def test_every_choice_is_retrained_at_every_rate_from_the_same_weights(measured: Run):
    exact, rows = result(measured).exact_loss, result(measured).perturbed
    assert exact < 1e-4
    choices = [(row.choice, row.rate) for row in rows]
    assert choices == [(choice, rate) for choice in range(3) for rate in (1e-6, 1e-3)]
    for row, other in zip(rows[::2], rows[1::2], strict=True):
        assert row.matrix == other.matrix
        assert row.loss_perturbed == other.loss_perturbed == row.curve[0][1] > 100 * exact
        assert row.curve[-1] == (4, row.loss_after)
        assert row.loss_after != other.loss_after


def test_the_share_that_recovers_is_counted(measured: Run):
    shares = result(measured).recovered
    for share in shares:
        after = [r.loss_after for r in result(measured).perturbed if r.rate == share.rate]
        assert share.count == len(after) == 3
        assert share.share == sum(value < share.below for value in after) / 3
    assert [(s.rate, s.below) for s in shares] == [
        (rate, below) for rate in (1e-6, 1e-3) for below in (1e-3, 1e-1)
    ]


def test_more_noise_is_a_larger_loss(measured: Run):
    for relative_to in ("weight", "tensor"):
        rows = [row for row in result(measured).graded if row.relative_to == relative_to]
        small, large = (row.loss_perturbed for row in rows)
        assert small < large


def test_fine_tuning_starts_at_the_exact_solution_at_every_rate(measured: Run):
    rows, rate = (
        result(measured).retention,
        measured.configuration.training("finetune").learning_rate,
    )
    assert [(row.finetuned_on, row.rate) for row in rows] == [
        ("finetuning", rate),
        ("finetuning", 1e-5),
        ("pretraining", rate),
    ]
    for row in rows:
        assert row.steps == [0, 1, 2, 3, 4, 5]
        assert row.examples == 50
        first = [cell for cell in row.cells if cell.step == 0]
        assert all(cell.accuracy == 1 for cell in first)
        assert {cell.world for cell in first} == {"test_e"}
        assert {cell.by for cell in first} == {"pooled", "stratum", "vertex_id", "label"}
        worlds = {cell.world for cell in row.cells if cell.step == 5}
        assert len(worlds) == (7 if row is rows[0] else 1)
        assert row.cells[0].mse != row.cells[-1].mse
        pooled = {c.step: c.count for c in row.cells if (c.by, c.world) == ("pooled", "test_e")
                  and c.slice == "all"}  # fmt: skip
        assert pooled == {0: 50, 1: 50, 2: 50, 3: 50, 4: 50, 5: 200}


def test_constant_answers_are_scored_on_the_strata_of_the_last_step(measured: Run):
    row, c = result(measured).retention[0], measured.configuration
    batch, _ = frozen(world("test_e", c.graphs), c.evaluate.seed, c.evaluate.examples)
    of = dict(enumerate(stratum.slice for stratum in STRATA))
    for one in row.constants:
        chosen = np.array([of[s] == one.slice.split(",")[0] for s in batch.stratum.tolist()])
        if one.by == "stratum":
            hits = batch.distance[chosen]
            best = max(np.bincount(hits)) / len(hits)
            assert one.accuracy == pytest.approx(best)
            assert one.accuracy == pytest.approx((hits == one.label).mean())
            assert one.repeated == pytest.approx((hits == row.answer).mean())
    assert len(row.constants) > 3
    assert row.answer_share is not None
    assert 0 < row.answer_share <= 1


def test_retention_alone_is_measured_and_the_rest_may_follow(measured: Run, tmp_path):
    run = Run(copytree(measured.folder, tmp_path / "copy"), measured.configuration)
    run.result("robustness").unlink()
    alone = Robustness(parts=("retention",), retention_rates=(1e-5,), retention_examples=50)
    assert {r["part"] for r in measure_robustness(run, CPU, alone)} == {"retention"}
    assert result(run).perturbed == result(run).graded == []
    assert result(run).retention == result(measured).retention
    assert {r["part"] for r in measure_robustness(run, CPU, FEW)} == {"perturbed", "graded"}
    assert result(run) == result(measured)


def test_options_without_effect_on_the_chosen_parts_are_refused():
    with pytest.raises(InputError) as error:
        Robustness(parts=("retention",), choices=3, steps=4)
    assert str(error.value) == (
        "choices has no effect without the part perturbed; "
        "steps has no effect without the part perturbed or graded"
    )
    with pytest.raises(InputError, match="parts must be some of perturbed, graded, retention; got"):
        Robustness(parts=())


def test_a_learning_rate_given_twice_is_fine_tuned_at_once(measured: Run):
    c = measured.configuration
    rate = c.training("finetune").learning_rate
    tries = interventions(c, FEW.model_copy(update={"retention_rates": (1e-5, rate, 1e-5)}))
    rates = [one.training.learning_rate for one in tries if one.training]
    assert rates == [rate, 1e-5, rate]
    assert [one.world for one in tries] == ["finetuning", "finetuning", "pretraining"]


def test_a_part_that_is_there_is_not_measured_again(measured: Run):
    path = measured.result("robustness")
    before = path.read_bytes()
    assert list(measure_robustness(measured, CPU, FEW)) == []
    write_result(measured, result(measured).model_copy(update={"graded": []}))
    assert {r["part"] for r in measure_robustness(measured, CPU, FEW)} == {"graded"}
    assert path.read_bytes() == before


def test_other_options_do_not_overwrite_what_was_measured(measured: Run):
    before = measured.result("robustness").read_bytes()
    with pytest.raises(InputError, match=r"other options \(steps 4, not 5\); give the same, or"):
        next(measure_robustness(measured, CPU, FEW.model_copy(update={"steps": 5})))
    assert measured.result("robustness").read_bytes() == before


def test_a_circuit_without_training_is_not_fine_tuned(tmp_path):
    c = circuit_configuration("doubling", smoke(), 5)
    run = create_run(c, tmp_path)
    save_model(run, "circuit", make("doubling", 5, c.model))
    least = FEW.model_copy(update={"choices": 1, "rates": (1e-3,), "noises": (1.0,)})
    assert {r["part"] for r in measure_robustness(run, CPU, least)} == {"perturbed", "graded"}
    assert result(run).retention == []


def test_matrices_are_views_and_none_is_empty(measured: Run):
    model = load_model(measured, "circuit", CPU.device)
    views = matrices(model)
    assert all(matrix.any() for matrix in views.values())
    size = views["layer 1, head 2, query"].zero_().shape[0]
    weight = model.get_parameter("layers.0.self_attn.in_proj_weight")
    assert not weight[size : 2 * size].any()


def test_a_loss_that_is_not_finite_is_a_very_large_one(measured: Run):
    batch, _ = frozen(world("pretraining", measured.configuration.graphs), 0, 10)
    model = load_model(measured, "circuit", CPU.device)
    with torch.no_grad():
        model.readout.bias.fill_(torch.nan)
    assert loss(model, batch) == 1e30


def test_all_faults_of_the_options_are_named_at_once():
    with pytest.raises(InputError) as error:
        Robustness(choices=0, rates=(), noise_rate=100)
    assert str(error.value) == (
        "choices must be 1 to 10000; got 0; rates must hold at least one number; "
        "noise_rate must be 1e-12 to 10; got 100.0"
    )


def test_a_perturbed_network_retrains_by_adam_on_the_plain_distribution():
    training = retraining(paper_fast().training("pretrain"), 1e-4, Robustness())
    assert (training.optimizer, training.beta1, training.beta2) == ("adam", 0.9, 0.999)
    assert (training.classification, training.candidates) == (0.0, 1)
