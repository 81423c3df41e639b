from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from offpath.configs import InputError, Training
from offpath.data.batches import draw
from offpath.data.worlds import world
from offpath.fit.checkpoints import load_model
from offpath.fit.limits import LowRank, add_pull, limit, merged, weights_of
from offpath.fit.loop import train
from offpath.fit.native import native_library
from offpath.fit.optimizer import make_optimizer
from offpath.fit.start import make_ready, start_model
from offpath.fit.transformer import Transformer, parameter_count, predict
from offpath.run.folder import Run, working_on
from tests.fit.interventions import CPU, changed, declared, pretrained, trained

needs_compiler = pytest.mark.skipif(native_library()[0] is None, reason="no C++ compiler")
BOTH = ["torch", pytest.param("native", marks=needs_compiler)]
MATRICES = {
    f"layers.{k}.{name}.{end}"
    for k in range(2)
    for name, end in (
        ("self_attn", "in_proj_weight"),
        ("self_attn.out_proj", "weight"),
        ("linear1", "weight"),
        ("linear2", "weight"),
    )
}
DECAY = {"optimizer": "adamw", "weight_decay": 0.1}
EVERY = [
    {"trains": "last_block"},
    {"trains": "bias_and_norm", "optimizer": "muon"},
    {"rank": 2},
    {"pull": 0.5},
    {"unseen_ids": "freeze", **DECAY},
    {"unseen_ids": "reset"},
    {"unseen_ids": "average", "pull": 0.1, "optimizer": "muon"},
]


@pytest.fixture(scope="module")
def run(tiny, tmp_path_factory) -> Iterator[Run]:
    run = pretrained(tiny, tmp_path_factory.mktemp("runs"))
    with working_on(run):  # once: each time costs some calls of git
        yield run


def ready(run: Run, **how) -> tuple[Transformer, Training]:
    """The model before the first step, and how it is trained."""
    network = declared(run, "some", **how)
    assert network.training
    model = start_model(run, network, CPU.device)
    make_ready(model, network.training, run.configuration)
    return model, network.training


def gradient(p: torch.nn.Parameter) -> torch.Tensor:
    assert p.grad is not None
    return p.grad


def trained_of(model: Transformer) -> list[torch.nn.Parameter]:
    return [p for p in model.parameters() if p.requires_grad]


@pytest.fixture(scope="module")
def names(run) -> set[str]:
    return set(load_model(run, "pretrained", "cpu").state_dict())


@pytest.mark.parametrize("step", BOTH)
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_training_changes_the_weights_that_it_names_and_no_bit_of_others(
    run, names, step: str, optimizer: str
):
    last = {n for n in names if n.startswith(("layers.1.", "final_norm.", "readout."))}
    small = {n for n in names if n.endswith("bias") or "norm" in n}
    for trains, allowed in (("all", names), ("last_block", last), ("bias_and_norm", small)):
        network = declared(run, "some", trains=trains, optimizer=optimizer, weight_decay=0.1)
        model = trained(run, network, replace(CPU, step=step))
        assert changed(run, network, model) == allowed


def test_the_norm_of_the_gradient_is_that_of_the_weights_that_are_trained(run):
    c = run.configuration
    batch = draw(world("finetuning", c.graphs), 0, 0, 64)
    norms = {}
    for trains in ("all", "bias_and_norm"):
        model, training = ready(run, trains=trains)
        optimizer = make_optimizer(model, training)
        step = next(train(model, optimizer, training, [batch], 0, CPU))
        assert parameter_count(model) == sum(gradient(p).numel() for p in trained_of(model))
        norms[trains] = step.gradient_norm.item()
    assert 0 < norms["bias_and_norm"] < norms["all"]


@pytest.mark.parametrize("step", BOTH)
def test_a_low_rank_change_has_that_rank_in_each_matrix_and_is_none_elsewhere(run, step: str):
    network = declared(run, "low", rank=2, learning_rate=0.05)
    model = trained(run, network, replace(CPU, step=step))
    assert changed(run, network, model) == MATRICES
    before = load_model(run, "pretrained", "cpu").state_dict()
    for name in MATRICES:
        change = (model.state_dict()[name] - before[name]).double()
        for matrix in change.chunk(3) if "in_proj" in name else [change]:
            sizes = torch.linalg.svdvals(matrix)
            assert sizes[1] > 1e-4, "the rank is used"
            assert sizes[2] < 1e-5 * sizes[0]


@needs_compiler
@pytest.mark.parametrize("how", EVERY)
def test_both_steps_give_what_is_trained_the_same_gradient(run, how: dict):
    batch = draw(world("test_e", run.configuration.graphs), 0, 0, 64)
    gradients = []
    for step in ("torch", "native"):
        model, training = ready(run, **how)
        for p in trained_of(model):
            p.data += torch.randn(p.shape, generator=torch.Generator().manual_seed(p.numel())) / 9
        still = torch.optim.SGD(trained_of(model), 0.0)
        next(train(model, still, training, [batch], 0, replace(CPU, step=step)))
        gradients.append([gradient(p) for p in trained_of(model)])
    for a, b in zip(*gradients, strict=True):
        assert (a - b).norm() <= 1e-5 * a.norm() + 1e-6


@pytest.mark.parametrize("how", EVERY)
def test_training_that_was_stopped_ends_in_the_same_bits(run, how: dict):
    network = declared(run, "some", **how)
    whole, resumed = trained(run, network), trained(run, network, stop=4)
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_gradient_of_low_rank_factors_follows_from_that_of_the_matrix():
    weight = torch.randn(6, 5, dtype=torch.float64)
    factors = LowRank(weight, 2, 1, torch.Generator().manual_seed(0))
    torch.nn.init.normal_(factors.up)
    slope = torch.randn(6, 5, dtype=torch.float64)
    factors(weight).backward(slope)
    assert torch.allclose(gradient(factors.up), slope @ factors.down[0].T)
    assert torch.allclose(gradient(factors.down), factors.up[0].T @ slope)


def test_a_limited_network_answers_as_the_ordinary_one_that_is_saved(run):
    c = run.configuration
    training = c.training("finetune").model_copy(update={"rank": 3, "unseen_ids": "train"})
    model = load_model(run, "pretrained", "cpu")
    tokens = draw(world("test_e", c.graphs), 0, 0, 50).tokens
    before = predict(model, tokens)
    limit(model, training, c.graphs, 0)
    assert np.array_equal(predict(model, tokens), before), "B is zero at the start"
    for p in model.parameters():
        if p.requires_grad:
            torch.nn.init.normal_(p)
    plain = merged(model)
    assert np.array_equal(predict(plain, tokens), predict(model, tokens))
    assert not np.array_equal(predict(plain, tokens), before)
    assert [w.shape for w in weights_of(model)] == [p.shape for p in plain.parameters()]


def test_the_pull_is_the_gradient_of_half_the_squared_distance_from_the_start(run):
    model, _ = ready(run, pull=0.3, trains="last_block")
    trainable = trained_of(model)
    starts = [p.detach().clone() for p in trainable]
    for p in trainable:
        p.data += torch.randn_like(p)
    pairs = zip(trainable, starts, strict=True)
    distance = torch.stack([(p - start).square().sum() for p, start in pairs]).sum()
    true = torch.autograd.grad(0.3 / 2 * distance, trainable)
    for p in trainable:
        p.grad = torch.ones_like(p)
    add_pull(model, 0.3)
    for p, slope in zip(trainable, true, strict=True):
        assert torch.allclose(gradient(p), 1 + slope)


def test_a_strong_pull_ends_nearer_to_the_start(run):
    distances = []
    for pull in (0.0, 100.0):
        model = trained(run, declared(run, "pulled", pull=pull))
        before = load_model(run, "pretrained", "cpu")
        pairs = zip(model.parameters(), before.parameters(), strict=True)
        distances.append(sum((a - b).square().sum().item() for a, b in pairs))
    assert distances[1] < 0.5 * distances[0]


def test_rows_of_unseen_ids_are_held_reset_or_averaged(run):
    c = run.configuration  # 5 vertices, fine-tuned on 4: the row of id 5 is unseen
    before = load_model(run, "pretrained", "cpu").embedding.weight
    new = load_model(run, "untrained", "cpu").embedding.weight
    rows = {}
    for how in ("train", "freeze", "reset", "average"):
        network = declared(run, "rows", unseen_ids=how)
        model = start_model(run, network, CPU.device)
        rows[how] = model.embedding.weight.detach()
        assert torch.equal(rows[how][:5], before[:5])
        assert torch.equal(rows[how][6:], before[6:])
    assert c.graphs.finetune_vertices == 4
    assert torch.equal(rows["train"], before)
    assert torch.equal(rows["freeze"], before)
    assert torch.equal(rows["reset"][5], new[5])
    assert torch.allclose(rows["average"][5], (before[3] + before[4]) / 2)


@pytest.mark.parametrize("step", BOTH)
def test_plain_fine_tuning_moves_rows_of_unseen_ids_by_weight_decay_alone(run, step: str):
    before = load_model(run, "pretrained", "cpu").embedding.weight
    moved = {}
    for how in ("train", "freeze"):
        for decay in (0.0, 0.1):
            network = declared(run, "rows", unseen_ids=how, weight_decay=decay)
            after = trained(run, network, replace(CPU, step=step)).embedding.weight
            moved[how, decay] = not torch.equal(after[5], before[5])
            assert not torch.equal(after[4], before[4])
    assert moved == {
        ("train", 0.0): False, ("freeze", 0.0): False, ("train", 0.1): True, ("freeze", 0.1): False
    }  # fmt: skip


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"rank": 17}, "some.rank must be 1 to 16; got 17"),
        ({"rank": 2, "optimizer": "muon"}, "some.rank must be None where the optimizer is muon"),
        ({"rank": 2, "pull": 1.0}, "some.rank must be None where pull is above 0; got 2"),
        ({"rank": 2, "trains": "last_block"}, "some.rank must be None where trains is last_block"),
        (
            {"classification": 1.0, "trains": "bias_and_norm"},
            "some.classification must be 0.0 where trains is bias_and_norm; got 1.0",
        ),
        (
            {"unseen_ids": "freeze", "trains": "bias_and_norm"},
            "some.unseen_ids must be train where no row of an id changes; got freeze",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused_in_one_line(run, how: dict, message: str):
    with pytest.raises(InputError) as error:
        trained(run, declared(run, "some", **how))
    assert message in str(error.value)
    assert "\n" not in str(error.value)
