import json
from pathlib import Path
from shutil import copytree

import pytest
import torch

from offpath.compute import Compute
from offpath.configs import InputError
from offpath.fit.checkpoints import load_model, new_model, save_model
from offpath.fit.transformer import Transformer
from offpath.handcraft.circuits import circuit_configuration, set_circuit
from offpath.handcraft.edge_circuit import edge_circuit, smallest_that_fits
from offpath.handcraft.line import between, matched
from offpath.handcraft.options import Robustness
from offpath.handcraft.robustness import loss, matrices, measure_robustness
from offpath.recipes import smoke
from offpath.runs import Run, create_run, read_result, write_result

CPU = Compute(torch.device("cpu"), 1)
FEW = Robustness(
    choices=3,
    rates=(1e-6, 1e-3),
    steps=4,
    batch_examples=16,
    examples=64,
    noises=(0.01, 1.0),
    draws=1,
    kept_rates=(1e-5,),
)


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> Run:
    """A run whose architecture has room for the circuit, with a network beside it, measured."""
    c = circuit_configuration("edge", smoke(), 5).model_copy(update={"circuit": None})
    finetune = c.finetune.model_copy(update={"steps": 5, "batch_examples": 32})
    evaluate = c.evaluate.model_copy(update={"examples": 200, "bootstrap_resamples": 40})
    c = c.model_copy(update={"finetune": finetune, "evaluate": evaluate})
    run = create_run(c, tmp_path_factory.mktemp("runs"))
    set_circuit(run)
    save_model(run, "pretrained", new_model(c))
    records = list(measure_robustness(run, CPU, FEW))
    assert [r["part"] for r in records] == (
        6 * ["perturbed"] + 4 * ["graded"] + 2 * ["lines"] + 3 * ["kept"]
    )
    return run


@pytest.fixture
def own(measured: Run, tmp_path: Path) -> Run:
    """A copy that a test may change."""
    return Run(Path(copytree(measured.folder, tmp_path / "own")), measured.configuration)


def test_every_choice_is_retrained_at_every_rate_from_the_same_weights(measured: Run):
    told = read_result(measured, "robustness")
    assert told["exact_loss"] < 1e-4
    choices = [(row["choice"], row["rate"]) for row in told["perturbed"]]
    assert choices == [(choice, rate) for choice in range(3) for rate in (1e-6, 1e-3)]
    for row, other in zip(told["perturbed"][::2], told["perturbed"][1::2], strict=True):
        assert row["matrix"] == other["matrix"]
        assert row["loss_perturbed"] == other["loss_perturbed"] == row["curve"][0]["loss"]
        assert row["loss_perturbed"] > 100 * told["exact_loss"]
        assert row["curve"][-1] == {"step": 4, "loss": row["loss_after"]}
        assert row["loss_after"] != other["loss_after"]


def test_the_share_that_recovers_is_counted(measured: Run):
    told = read_result(measured, "robustness")
    for share in told["recovered"]:
        after = [r["loss_after"] for r in told["perturbed"] if r["rate"] == share["rate"]]
        assert share["count"] == len(after) == 3
        assert share["share"] == sum(value < share["below"] for value in after) / 3
    assert [(s["rate"], s["below"]) for s in told["recovered"]] == [
        (1e-6, 1e-3),
        (1e-6, 1e-1),
        (1e-3, 1e-3),
        (1e-3, 1e-1),
    ]


def test_more_noise_is_a_larger_loss(measured: Run):
    graded = read_result(measured, "robustness")["graded"]
    for kind in ("weight", "tensor"):
        small, large = (row["loss_perturbed"] for row in graded if row["relative_to"] == kind)
        assert small < large


def test_lines_lead_from_the_circuit_to_the_network_with_and_without_matching(measured: Run):
    told = read_result(measured, "robustness")
    assert [(line["to"], line["matched"]) for line in told["lines"]] == [
        ("pretrained", False),
        ("pretrained", True),
    ]
    for line in told["lines"]:
        assert line["points"][0] == {"share": 0, "loss": told["exact_loss"]}
        assert len(line["points"]) == 21
    plain, matched = (line["points"] for line in told["lines"])
    assert plain[-1]["loss"] == pytest.approx(matched[-1]["loss"], rel=1e-4)
    assert plain[10]["loss"] != pytest.approx(matched[10]["loss"], rel=1e-4)


def test_fine_tuning_starts_at_the_exact_solution_at_every_rate(measured: Run):
    told = read_result(measured, "robustness")
    c = measured.configuration
    tries = [told["kept"], *told["kept_otherwise"]]
    assert [(t["tuned_on"], t["rate"]) for t in tries] == [
        ("finetuning", c.finetune.learning_rate),
        ("finetuning", 1e-5),
        ("pretraining", c.finetune.learning_rate),
    ]
    for one in tries:
        assert one["steps"] == [0, 1, 3, 5]
        first = [cell for cell in one["cells"] if cell["step"] == 0]
        assert all(cell["accuracy"] == 1 for cell in first)
        assert {cell["world"] for cell in first} == {"test_e"}
        worlds = {cell["world"] for cell in one["cells"] if cell["step"] == 5}
        assert len(worlds) == (7 if one is tries[0] else 1)
    model = load_model(measured, "circuit-finetuned", CPU.device)
    exact = load_model(measured, "circuit", CPU.device)
    assert not torch.equal(model.readout.weight, exact.readout.weight)


def test_a_part_that_is_there_is_not_measured_again(own: Run):
    path = own.result("robustness")
    before = path.read_bytes()
    assert list(measure_robustness(own, CPU, FEW)) == []
    told = read_result(own, "robustness")
    del told["lines"]
    write_result(own, "robustness", told)
    assert {r["part"] for r in measure_robustness(own, CPU, FEW)} == {"lines"}
    assert json.loads(path.read_bytes()) == json.loads(before)


def test_other_options_do_not_overwrite_what_was_measured(own: Run):
    before = own.result("robustness").read_bytes()
    with pytest.raises(InputError, match=r"other options \(steps 4, not 5\); give the same, or"):
        next(measure_robustness(own, CPU, FEW.model_copy(update={"steps": 5})))
    assert own.result("robustness").read_bytes() == before


def test_lines_are_drawn_again_once_there_is_another_network(own: Run):
    save_model(own, "finetuned", load_model(own, "pretrained", CPU.device))
    assert {r["part"] for r in measure_robustness(own, CPU, FEW)} == {"lines"}
    lines = read_result(own, "robustness")["lines"]
    assert [line["to"] for line in lines] == 2 * ["pretrained"] + 2 * ["finetuned"]


def test_a_circuit_in_float64_has_a_line_to_a_network_in_float32():
    exact = edge_circuit(smallest_that_fits(smoke().model, 26), 26, 1e-6, torch.float64)
    trained = Transformer(exact.architecture, 26)
    middle = between(exact, matched(exact, trained), 0.5)
    assert middle.readout.weight.dtype == torch.float64


def test_a_circuit_that_nobody_trains_is_not_fine_tuned(tmp_path):
    c = circuit_configuration("doubling", smoke(), 5)
    run = create_run(c, tmp_path)
    set_circuit(run)
    least = FEW.model_copy(update={"choices": 1, "rates": (1e-3,), "noises": (1.0,)})
    assert {r["part"] for r in measure_robustness(run, CPU, least)} == {"perturbed", "graded"}
    told = read_result(run, "robustness")
    assert told["kept"] is None
    assert told["lines"] == []


def test_matrices_are_views_and_none_is_empty(measured: Run):
    model = load_model(measured, "circuit", CPU.device)
    found = matrices(model)
    assert "layer 1, head 2, query" in found
    assert all(matrix.any() for matrix in found.values())
    found["layer 1, head 2, query"].zero_()
    size = model.encoder_layers[0].self_attn.head_dim
    assert not model.encoder_layers[0].self_attn.in_proj_weight[size : 2 * size].any()


def test_a_loss_that_is_not_finite_is_told_as_a_large_one(measured: Run):
    from offpath.data.batches import frozen
    from offpath.data.worlds import world

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
