import subprocess
import sys
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from torch import nn

from offpath.compute import Compute
from offpath.configs import InputError
from offpath.data.batches import draw, stream
from offpath.data.tokens import encode
from offpath.data.worlds import world
from offpath.fit import native
from offpath.fit.classes import Outputs, add_classes, losses
from offpath.fit.loop import train
from offpath.fit.native import answers, check_native, native_library, native_step
from offpath.fit.optimizer import make_optimizer
from offpath.fit.transformer import Transformer, predict, rectangle
from offpath.recipes import laptop, paper, smoke

CPU = Compute(torch.device("cpu"), 1, step="native")
needs_compiler = pytest.mark.skipif(native_library()[0] is None, reason="no C++ compiler")
SHAPES = [
    (smoke, {}),
    (laptop, {"norm": "post", "final_norm": False}),
    (laptop, {"width": 40, "heads": 5, "feed_forward": 72}),
    (paper, {"layers": 3}),
    (paper, {"layers": 3, "norm": "pre"}),
    (smoke, {"layers": 1, "heads": 1}),
]


def random_model(recipe, update) -> Transformer:
    """Weights whose norms, too, are no longer those of a new network."""
    c = recipe()
    torch.manual_seed(0)
    model = Transformer(c.model.model_copy(update=update), c.graphs.max_vertices)
    for p in model.parameters():
        if p.ndim == 1:
            nn.init.normal_(p, p.mean().item(), 0.1)
    return model


def gradients_of(model: Transformer) -> list[torch.Tensor]:
    return [p.grad.clone() for p in model.parameters() if p.grad is not None]


def exact(model: Transformer, batch, entropy: float = 0.0):
    """Answers and gradients by torch in float64, on the padded rectangle, nothing merged."""
    double = Transformer(model.architecture, model.max_vertices)
    if entropy:
        add_classes(double)
    double.load_state_dict(model.state_dict())
    double.double()
    outputs = Outputs(double)(*rectangle(torch.from_numpy(batch.tokens).long()))
    _, loss = losses(outputs, torch.from_numpy(batch.distance).long(), entropy)
    (loss / len(batch.tokens)).backward()
    return outputs[:, 0].detach(), gradients_of(double)


def natively(model: Transformer, batch, compute: Compute = CPU, entropy: float = 0.0):
    step = native_step(model, compute)
    assert step
    scale = 1 / len(batch.tokens)
    labels = torch.from_numpy(batch.distance).float()
    answers = step.set_gradients(batch.tokens, labels, scale, scale * entropy)
    return answers, gradients_of(model), step


@needs_compiler
@pytest.mark.parametrize("entropy", [0.0, 0.7])
@pytest.mark.parametrize(("recipe", "update"), SHAPES)
def test_answers_and_gradients_are_those_of_autograd(recipe, update, entropy):
    model = random_model(recipe, update)
    if entropy:
        add_classes(model)
        nn.init.normal_(model.readout.weight)
    batch = draw(world("test_e", recipe().graphs), 0, 0, 100)
    answers, gradients, _ = natively(model, batch, entropy=entropy)
    true_answers, true_gradients = exact(model, batch, entropy)
    assert (answers - true_answers).abs().max() < 1e-5 * true_answers.abs().max()
    for gradient, true in zip(gradients, true_gradients, strict=True):
        assert (gradient - true).norm() <= 1e-5 * true.norm() + 1e-9


@needs_compiler
def test_an_edge_that_is_repeated_counts_as_often_as_it_occurs():
    model = random_model(smoke, {})
    tokens = encode([(1, 2), (1, 3), (1, 3), (1, 3), (2, 3)], 2, 5)
    batch = draw(world("pretraining", smoke().graphs), 0, 0, 1)._replace(tokens=tokens)
    answers, gradients, _ = natively(model, batch)
    true_answers, true_gradients = exact(model, batch)
    once, _ = exact(model, batch._replace(tokens=encode([(1, 2), (1, 3), (2, 3)], 2, 5)))
    assert answers.numpy() == pytest.approx(true_answers.numpy(), rel=1e-5)
    assert abs(once - true_answers) > 1e-3
    for gradient, true in zip(gradients, true_gradients, strict=True):
        assert (gradient - true).norm() <= 1e-5 * true.norm() + 1e-9


@needs_compiler
def test_one_step_takes_examples_of_any_number_of_tokens():
    model = random_model(laptop, {})
    step = native_step(model, CPU)
    assert step
    for name in ("density/3", "test_e", "family/two_cliques"):
        batch = draw(world(name, laptop().graphs), 0, 0, 100)
        labels = torch.from_numpy(batch.distance).float()
        answers = step.set_gradients(batch.tokens, labels, 1 / 100)
        true_answers, true_gradients = exact(model, batch)
        assert answers.numpy() == pytest.approx(true_answers.numpy(), rel=1e-5, abs=1e-5)
        for gradient, true in zip(gradients_of(model), true_gradients, strict=True):
            # One activation may round to the other side of 0, where the slope of ReLU jumps.
            assert (gradient - true).norm() <= 1e-3 * true.norm()


@needs_compiler
def test_answers_depend_neither_on_the_batch_nor_on_padding_nor_on_the_order_of_edges():
    model = random_model(laptop, {})
    batch = draw(world("test_e", laptop().graphs), 0, 0, 70)
    together, _, step = natively(model, batch)
    other = np.concatenate([batch.tokens[:, -2::-1], batch.tokens[:, -1:]], axis=1)
    reordered = step.set_gradients(other, torch.zeros(70), 1.0)
    alone = [step.set_gradients(row[None], torch.zeros(1), 1.0).item() for row in batch.tokens]
    assert reordered.numpy() == pytest.approx(together.numpy(), rel=1e-5, abs=1e-5)
    assert alone == together.tolist()


@needs_compiler
@pytest.mark.parametrize("examples", [1, 2, 3, 33, 101])
def test_equal_thread_counts_give_equal_bits_and_others_the_same_up_to_rounding(examples: int):
    model = random_model(smoke, {})
    batch = draw(world("pretraining", smoke().graphs), 0, 0, examples)
    _, one, _ = natively(model, batch)
    _, three, _ = natively(model, batch, replace(CPU, threads=3))
    _, again, _ = natively(model, batch, replace(CPU, threads=3))
    for a, b, c in zip(one, three, again, strict=True):
        assert torch.equal(b, c)
        assert (a - b).norm() <= 1e-5 * a.norm() + 1e-9


@needs_compiler
@pytest.mark.parametrize("threads", [1, 3])
def test_answers_alone_are_those_of_predict(threads: int):
    model = random_model(paper, {"layers": 2, "norm": "pre"})
    batch = draw(world("test_e", paper().graphs), 0, 0, 300)
    compute = replace(CPU, threads=threads, precision="bfloat16", ranks=2)
    natively = answers(model, batch.tokens, compute)
    assert natively.dtype == np.float32
    assert natively == pytest.approx(predict(model, batch.tokens), rel=1e-5, abs=1e-5)
    assert all(p.grad is None or not p.grad.any() for p in model.parameters())
    by_torch = answers(model, batch.tokens, replace(compute, step="torch"))
    assert np.array_equal(by_torch, predict(model, batch.tokens))


@needs_compiler
def test_torch_has_its_threads_again_when_training_ends_or_is_closed():
    c, before = smoke(), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        for taken in (3, c.training("pretrain").steps + 1):
            model = Transformer(c.model, c.graphs.max_vertices)
            batches = stream(world("pretraining", c.graphs), 0, 64)
            made = make_optimizer(model, c.training("pretrain"))
            steps = train(model, made, c.training("pretrain"), batches, 0, CPU)
            during = [torch.get_num_threads() for _ in islice(steps, taken)]
            steps.close()  # pyright: ignore
            assert set(during) == {1}
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@needs_compiler
@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_both_steps_train_alike(optimizer: str):
    c = smoke()
    training = c.training("pretrain").model_copy(update={"optimizer": optimizer})
    losses = {}
    for kind in ("torch", "native"):
        torch.manual_seed(0)
        model = Transformer(c.model, c.graphs.max_vertices)
        batches = stream(world("pretraining", c.graphs), 0, training.batch_examples)
        made = make_optimizer(model, training)
        steps = train(model, made, training, batches, 0, replace(CPU, step=kind))
        losses[kind] = [step.squared_errors.mean().item() for step in steps]
    assert len(losses["torch"]) == training.steps
    assert losses["native"] == pytest.approx(losses["torch"], rel=1e-3)


@pytest.mark.parametrize(
    ("update", "compute", "fault"),
    [
        (
            {"width": 20, "heads": 1},
            CPU,
            "sizes must be multiples of 8; got width 20, head size 20",
        ),
        ({"heads": 4}, CPU, "sizes must be multiples of 8; got head size 4"),
        ({"head_size": 8}, CPU, "it is not for handcrafted networks"),
        ({"norm": "none"}, CPU, "it is not for handcrafted networks"),
        ({}, replace(CPU, precision="bfloat16"), "it is for float32 on a CPU"),
    ],
)
def test_what_the_native_step_cannot_do_is_refused_or_left_to_torch(update, compute, fault):
    model = random_model(smoke, update)
    assert native_step(model, compute) is None
    check_native(model.architecture, replace(compute, step="auto"))
    with pytest.raises(InputError, match=f"native step cannot be used: {fault}.*--step auto"):
        check_native(model.architecture, compute)


def test_networks_with_hooks_or_in_double_precision_are_left_to_torch():
    hooked = random_model(smoke, {})
    hooked.get_submodule("layers.0").register_forward_hook(lambda *_: None)
    assert native_step(hooked, CPU) is None
    assert native_step(random_model(smoke, {}).double(), CPU) is None


@needs_compiler
def test_weights_that_are_no_number_give_answers_or_gradients_that_are_none():
    batch = draw(world("pretraining", smoke().graphs), 0, 0, 64)
    for name, _ in random_model(smoke, {}).named_parameters():
        model = random_model(smoke, {})
        model.get_parameter(name).data.fill_(torch.nan)
        answers, gradients, _ = natively(model, batch)
        assert not all(torch.isfinite(t).all() for t in (answers, *gradients)), name


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    native_library.cache_clear()
    yield tmp_path / "offpath"
    native_library.cache_clear()


def test_without_a_compiler_torch_is_used_in_silence(empty_cache, monkeypatch):
    monkeypatch.setenv("PATH", str(empty_cache))
    model = random_model(smoke, {})
    assert native_step(model, replace(CPU, step="auto")) is None
    with pytest.raises(
        InputError, match=r"there is no C\+\+ compiler \(c\+\+, g\+\+, clang\+\+\); ch"
    ):
        check_native(model.architecture, CPU)


def test_a_compiler_that_fails_is_quoted(empty_cache, monkeypatch):
    compiler = empty_cache.parent / "broken"
    compiler.write_text('#!/bin/sh\necho "no header $1" >&2; exit 1\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", f"{compiler} -some")
    with pytest.raises(InputError, match="failed: no header -some; choose --step auto"):
        check_native(smoke().model, CPU)


def load_elsewhere() -> None:
    """Load the library in a process of its own."""
    command = "from offpath.fit.native import native_library; assert native_library()[0]"
    subprocess.run([sys.executable, "-c", command], check=True)


@needs_compiler
def test_a_library_is_built_once_for_all_processes_and_again_if_it_is_damaged(empty_cache):
    load_elsewhere()
    (path,) = empty_cache.iterdir()
    made = path.stat()
    load_elsewhere()
    assert [p.stat().st_mtime_ns for p in empty_cache.iterdir()] == [made.st_mtime_ns]
    path.write_bytes(b"half a library")
    load_elsewhere()
    assert [p.stat().st_size for p in empty_cache.iterdir()] == [made.st_size]


@needs_compiler
def test_another_source_is_another_library(empty_cache, monkeypatch, tmp_path):
    assert native_library()[0]
    changed = tmp_path / "native.cpp"
    changed.write_text(native.SOURCE.read_text() + "// changed\n")
    monkeypatch.setattr(native, "SOURCE", changed)
    native_library.cache_clear()
    assert native_library()[0]
    assert len(list(empty_cache.iterdir())) == 2


def test_the_source_has_at_most_400_lines_of_code():
    lines = [line.strip() for line in native.SOURCE.read_text().splitlines()]
    assert sum(bool(line) and not line.startswith("//") for line in lines) <= 400
