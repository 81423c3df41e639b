"""Coherence as a loss: what has none, its gradient, and training on it by both steps."""

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest
import torch

from offpath.compute import Compute
from offpath.configs import InputError
from offpath.data.batches import draw
from offpath.data.distances import adjacency_of
from offpath.data.unlabelled import GRAPHS
from offpath.data.worlds import world
from offpath.fit.coherence import incoherence, required, shortfalls, unlabelled
from offpath.fit.loop import train
from offpath.fit.native import native_library
from offpath.fit.optimizer import make_optimizer
from offpath.fit.stage import train_network
from offpath.fit.transformer import Transformer, predict, rectangle
from offpath.interventions import REQUIREMENTS
from offpath.plans import Coherence
from offpath.recipes import laptop, smoke
from offpath.run.metrics import read_metrics
from tests.fit.interventions import declared, pretrained, trained

CPU = Compute(torch.device("cpu"), 1)
needs_compiler = pytest.mark.skipif(native_library()[0] is None, reason="no C++ compiler")
every_requirement = pytest.mark.parametrize("requires", REQUIREMENTS)


def hops(adjacency: np.ndarray) -> np.ndarray:
    """Distances from vertex 1 by Bellman and Ford; as many as vertices: no path."""
    no_path = adjacency.shape[1]
    found = np.full(adjacency.shape[:2], no_path)
    found[:, 0] = 0
    for _ in range(no_path):
        through = np.where(adjacency, found[:, None, :] + 1, no_path).min(2)
        found = np.minimum(found, through)
    return found


def loss_of(requires, f, adjacency) -> float:
    tensors = torch.as_tensor(f, dtype=torch.float64), torch.as_tensor(adjacency)
    return float(shortfalls(requires, *tensors).sum())


@pytest.fixture(scope="module")
def graphs() -> np.ndarray:
    return adjacency_of(draw(world("test_e", laptop().graphs), 0, 0, 300).tokens)


@every_requirement
def test_the_distances_have_no_loss(requires, graphs):
    assert loss_of(requires, hops(graphs), graphs) == 0


@every_requirement
def test_answers_that_are_nearly_the_distances_have_a_small_loss_and_noise_a_large_one(
    requires, graphs
):
    random = np.random.default_rng(0)
    near = hops(graphs) + 0.01 * random.normal(size=graphs.shape[:2])
    noise = random.uniform(0, 8, graphs.shape[:2])
    assert loss_of(requires, near, graphs) < 0.01 * loss_of(requires, noise, graphs)


def test_d12_for_every_vertex_is_coherent_for_weak_requirements_alone(graphs):
    true = hops(graphs)
    lie = np.repeat(true[:, 1:2], 8, axis=1)
    lie[:, 0] = 0
    assert loss_of("lipschitz_unanchored", lie, graphs) == 0
    joined = true[:, 1] < 8
    assert loss_of("components", lie[joined], graphs[joined]) == 0
    for requires in ("lipschitz", "bellman_unanchored", "bellman"):
        assert loss_of(requires, lie, graphs) > 1


def test_bellman_has_the_distances_as_its_only_zero_and_unanchored_has_others():
    pairs = list(combinations(range(4), 2))
    others = 0
    values = np.array(list(product(range(6), repeat=3)))
    f = np.concatenate([np.zeros((len(values), 1), int), values], axis=1)
    for chosen in product([False, True], repeat=len(pairs)):
        adjacency = np.zeros((1, 4, 4), bool)
        for (a, b), there in zip(pairs, chosen, strict=True):
            adjacency[:, a, b] = adjacency[:, b, a] = there
        every = torch.from_numpy(np.repeat(adjacency, len(f), axis=0))
        asked = adjacency[0].any(1)
        true = (f == hops(adjacency)[0])[:, asked].all(1)
        zero = {}
        for requires in ("bellman", "bellman_unanchored"):
            terms = int(required(requires, every[:1]).sum())
            squares = shortfalls(requires, torch.from_numpy(f).double(), every)
            zero[requires] = squares.view(len(f), terms).sum(1).numpy() == 0
        whole = true if asked[1:].any() else np.ones(len(f), bool)
        assert np.array_equal(zero["bellman"], whole)
        assert (zero["bellman_unanchored"] | ~whole).all()
        if required("bellman_unanchored", every[:1]).any():
            others += int((zero["bellman_unanchored"] & ~whole).sum())
    assert others > 0


def test_stronger_requirements_imply_weaker_ones(graphs):
    random, met = np.random.default_rng(1), {}
    f = np.where(random.random((300, 8)) < 0.1, random.integers(0, 9, (300, 8)), hops(graphs))
    f[:, 0] = 0
    for requires in REQUIREMENTS:
        met[requires] = np.array(
            [loss_of(requires, *one) == 0 for one in zip(f[:, None], graphs[:, None], strict=True)]
        )
    assert (met["bellman"] <= met["bellman_unanchored"]).all()
    assert (met["bellman"] <= met["components"]).all()
    assert (met["bellman"] <= met["lipschitz"]).all()
    assert (met["lipschitz"] <= met["lipschitz_unanchored"]).all()
    assert len({tuple(one) for one in met.values()}) == len(REQUIREMENTS), "all of them differ"


@every_requirement
def test_the_gradient_is_that_of_finite_differences(requires, graphs):
    random = np.random.default_rng(2)
    few = torch.from_numpy(graphs[:20])
    f = torch.from_numpy(random.uniform(0, 9, (20, 8))).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: shortfalls(requires, x, few).sum(), [f])


@every_requirement
def test_parts_and_gradients_of_processes_make_up_those_of_one(requires):
    c, answers = laptop(), torch.from_numpy(np.random.default_rng(3).uniform(0, 9, 7 * GRAPHS))
    coherence = Coherence(requires)
    whole = next(unlabelled(coherence, c.graphs, 5))
    loss, gradient = incoherence(whole, answers.float())
    parts = [next(unlabelled(coherence, c.graphs, 5, 0, rank, 5)) for rank in range(5)]
    assert np.array_equal(np.concatenate([part.tokens for part in parts]), whole.tokens)
    pieces = answers.float().split([len(part.tokens) for part in parts])
    made = [incoherence(*one) for one in zip(parts, pieces, strict=True)]
    assert sum(part.item() for part, _ in made) == pytest.approx(loss.item(), rel=1e-5)
    assert torch.allclose(torch.cat([own for _, own in made]), gradient)


def exact_gradients(model: Transformer, batch, graphs, examples: int):
    """The whole loss and its gradients by autograd alone, in float64."""
    double = Transformer(model.architecture, model.max_vertices)
    double.load_state_dict(model.state_dict())
    double.double()
    loss = torch.zeros((), dtype=torch.float64)
    if len(batch.tokens):
        given = double(*rectangle(torch.from_numpy(batch.tokens).long()))
        loss = (given - torch.from_numpy(batch.distance)).square().sum() / examples
    f = double(*rectangle(torch.from_numpy(graphs.tokens).long())).view(GRAPHS, -1)
    f = torch.cat([f.new_zeros(GRAPHS, 1), f], dim=1)
    part = shortfalls(graphs.requires, f, graphs.adjacency).mean()
    (loss + part).backward()
    return part.item(), [p.grad for p in double.parameters()]


HOW = [("torch", 37, 40), ("native", None, 40)]
HOW = [(requires, *how) for requires in REQUIREMENTS for how in HOW]
HOW += [("bellman_unanchored", "torch", None, 0), ("bellman_unanchored", "native", None, 0)]


@needs_compiler
@pytest.mark.parametrize(("requires", "step", "micro_batch", "kept"), HOW)
def test_both_steps_have_the_gradient_of_autograd(requires, step, micro_batch, kept: int):
    c = smoke()
    torch.manual_seed(0)
    model = Transformer(c.model, c.graphs.max_vertices)
    torch.nn.init.constant_(model.readout.bias, 4.3)  # some answers on each side of no path
    training = c.training("finetune").model_copy(update={"clip_norm": None})
    batch = draw(world("finetuning", c.graphs), 0, 0, kept)
    part, true = exact_gradients(
        model, batch, next(unlabelled(Coherence(requires), c.graphs, 0)), training.batch_examples
    )
    assert part > 1e-4
    before = predict(model, batch.tokens) if kept else np.zeros(0)
    compute = replace(CPU, step=step, micro_batch=micro_batch)
    graphs = unlabelled(Coherence(requires), c.graphs, 0)
    made = next(
        train(model, make_optimizer(model, training), training, [batch], 0, compute, graphs)
    )
    assert made.coherence is not None
    assert made.coherence.item() == pytest.approx(part, rel=1e-5)
    assert sorted(made.squared_errors.tolist()) == pytest.approx(
        sorted((before - batch.distance) ** 2), rel=1e-4
    )
    for p, gradient in zip(model.parameters(), true, strict=True):
        assert p.grad is not None
        assert gradient is not None
        assert (p.grad - gradient).norm() <= 1e-4 * gradient.norm() + 1e-7


@pytest.fixture(scope="module")
def run(tiny, tmp_path_factory):
    return pretrained(tiny, tmp_path_factory.mktemp("runs"))


def test_training_resumes_bit_for_bit_and_logs_both_parts_of_the_loss(run):
    logged = {}
    for audit in (1.0, 0.5, 0.0):
        one = declared(run, f"coherent{audit}", log_every_steps=1)
        one = one._replace(coherence=Coherence("bellman", audit=audit))
        whole = trained(run, one)
        assert one.training
        again = trained(run, one, stop=one.training.steps // 2)
        for name, weight in whole.state_dict().items():
            assert torch.equal(weight, again.state_dict()[name])
        logged[audit] = [line for line in read_metrics(run) if line["network"] == one.name]
    for lines in logged.values():
        assert [line["step"] for line in lines] == list(range(1, len(lines) + 1))
        for line in lines:
            counts, means = line["count_by_label"], line["loss_by_label"]
            squared = sum(counts[label] * means[label] for label in counts) / 64
            assert line["loss"] == pytest.approx(squared + line["coherence"])
    assert not any(line["count_by_label"] for line in logged[0.0])
    assert all(sum(line["count_by_label"].values()) == 64 for line in logged[1.0])


def test_more_processes_than_graphs_are_refused(run, monkeypatch):
    one = declared(run, "coherent")._replace(coherence=Coherence())
    monkeypatch.setattr("offpath.fit.stage.text_from_first", lambda text, _: text)
    with pytest.raises(InputError, match=r"48 graphs without labels in a step.*got 49 processes"):
        next(train_network(run, replace(CPU, ranks=49), one))
