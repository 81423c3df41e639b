import pytest
import torch
from torch import Tensor

from offpath.compute import Compute, compute
from offpath.configs import Training
from offpath.data.batches import stream
from offpath.data.worlds import worlds
from offpath.fit.checkpoints import new_model
from offpath.fit.loop import train
from offpath.fit.muon import newton_schulz
from offpath.fit.optimizer import make_optimizer
from offpath.fit.stages import pretrain
from offpath.fit.transformer import Transformer
from offpath.recipes import smoke
from offpath.run.folder import create_run

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
SHAPES = [(5, 64, 64), (3, 64, 256), (3, 256, 64), (2, 20, 16), (1, 8, 12), (2, 1, 7)]
HIDDEN = ("in_proj_weight", "out_proj.weight", "linear1.weight", "linear2.weight")


def published(matrix: Tensor) -> Tensor:
    """The iteration of Jordan et al. for one matrix, as its text has it."""
    x = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x.T if matrix.shape[0] > matrix.shape[1] else x


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def muon(**options: float) -> Training:
    return smoke().training("pretrain").model_copy(update={"optimizer": "muon", **options})


def model_with_gradients(dtype: torch.dtype = torch.float32) -> Transformer:
    model = new_model(smoke()).to(dtype)
    for number, p in enumerate(model.parameters()):
        p.grad = 1e-3 * normal(*p.shape, seed=number).to(dtype)
    return model


def changes(model: Transformer, training: Training, steps: int = 1) -> dict[str, Tensor]:
    """What steps on the same gradient add to each weight."""
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = make_optimizer(model, training)
    for _ in range(steps):
        optimizer.step()
    return {name: p.detach() - before[name] for name, p in model.named_parameters()}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("device", DEVICES)
def test_all_matrices_at_once_give_what_the_published_iteration_gives_each(
    shape: tuple[int, int, int], dtype: torch.dtype, device: str
):
    matrices = normal(*shape).to(device, dtype)
    expected = torch.stack([published(matrix.double()) for matrix in matrices])
    result = newton_schulz(matrices)
    assert result.dtype == dtype
    assert (result - expected).abs().max() < {torch.float32: 1e-4, torch.float64: 1e-10}[dtype]


@pytest.mark.parametrize("shape", [(4, 64, 64), (4, 64, 256)])
def test_matrices_of_low_rank_are_as_the_published_iteration_has_them(shape: tuple[int, int, int]):
    count, rows, columns = shape
    matrices = normal(count, rows, 3) @ normal(count, 3, columns, seed=1)
    expected = torch.stack([published(matrix) for matrix in matrices])
    assert (newton_schulz(matrices.float()) - expected).abs().max() < 1e-3


@pytest.mark.parametrize("columns", [64, 128, 256])
def test_singular_values_above_1_600_of_the_norm_become_068_to_121(columns: int):
    values = torch.logspace(0, -2.3, 64, dtype=torch.float64)
    assert values[-1] > values.norm() / 600
    left, _ = torch.linalg.qr(normal(64, 64))
    right, _ = torch.linalg.qr(normal(columns, 64, seed=1))
    result = newton_schulz(((left * values) @ right.T).float()[None])[0].double()
    found, expected = torch.linalg.svdvals(result), published(values.diag()).diag()
    assert torch.allclose(found, expected.sort(descending=True).values, atol=1e-3)
    assert 0.68 < found.min() < 0.69
    assert 1.19 < found.max() < 1.21


def test_singular_vectors_stay():
    matrix = normal(16, 64)
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    inner = left.T @ newton_schulz(matrix[None])[0] @ right.T
    assert (inner - inner.diagonal().diag()).abs().max() < 1e-10
    assert inner.diagonal().min() > 0.68


@pytest.mark.parametrize("shape", SHAPES)
def test_a_transposed_matrix_gives_the_transposed_result(shape: tuple[int, int, int]):
    matrices = normal(*shape)
    assert torch.allclose(newton_schulz(matrices.mT), newton_schulz(matrices).mT, atol=1e-10)


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_the_size_of_a_gradient_does_not_matter(scale: float):
    matrices = normal(3, 8, 8)
    assert torch.allclose(newton_schulz(scale * matrices), newton_schulz(matrices), atol=1e-4)


def test_a_matrix_without_gradient_is_not_changed():
    assert torch.equal(newton_schulz(torch.zeros(2, 4, 16)), torch.zeros(2, 4, 16))


def test_entries_of_an_update_have_a_root_mean_square_near_the_learning_rate():
    for name, change in changes(model_with_gradients(), muon(learning_rate=0.01)).items():
        if change.ndim == 2 and name.startswith("layers."):
            assert 0.007 < change.square().mean().sqrt() < 0.012, name


def test_hidden_weights_change_as_momentum_nesterov_and_the_iteration_have_it():
    model, rate, beta, decay = model_with_gradients(torch.float64), 0.01, 0.8, 0.1
    expected = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = make_optimizer(model, muon(learning_rate=rate, beta1=beta, weight_decay=decay))
    means = {name: torch.zeros_like(p) for name, p in expected.items()}
    for step in range(3):
        for name, p in model.named_parameters():
            p.grad = normal(*p.shape, seed=step)
            means[name] = beta * means[name] + (1 - beta) * p.grad
            if not name.endswith(HIDDEN):
                continue
            parts = (beta * means[name] + (1 - beta) * p.grad).chunk(3 if "in_proj" in name else 1)
            update = torch.cat([published(part) * max(part.shape) ** 0.5 for part in parts])
            expected[name] = expected[name] * (1 - rate * decay) - rate * update
        optimizer.step()
    for name, p in model.named_parameters():
        assert (name.endswith(HIDDEN)) == ("momentum_buffer" in optimizer.state[p]), name
        if name.endswith(HIDDEN):
            assert torch.allclose(p, expected[name], rtol=0, atol=1e-7), name


@pytest.mark.parametrize("changed", [0, 1, 2])
def test_queries_keys_and_values_are_changed_without_regard_to_each_other(changed: int):
    name = "layers.0.self_attn.in_proj_weight"
    one = changes(model_with_gradients(), muon())[name].chunk(3)
    other = model_with_gradients()
    gradient = other.get_parameter(name).grad
    assert gradient is not None
    gradient.chunk(3)[changed].copy_(normal(16, 16, seed=99))
    two = changes(other, muon())[name].chunk(3)
    equal = [torch.allclose(a, b, rtol=0, atol=1e-6) for a, b in zip(one, two, strict=True)]
    assert equal == [part != changed for part in range(3)]


def test_all_other_weights_change_as_by_adamw():
    options = {"learning_rate": 0.01, "weight_decay": 0.1}
    one = changes(model_with_gradients(), muon(**options), steps=3)
    adamw = muon(**options).model_copy(update={"optimizer": "adamw"})
    two = changes(model_with_gradients(), adamw, steps=3)
    others = [name for name in one if not name.endswith(HIDDEN)]
    assert len(one) - len(others) == 4 * smoke().model.layers
    assert {"readout.weight", "layers.0.norm1.weight", "layers.1.linear1.bias"} < set(others)
    for name in others:
        assert torch.allclose(one[name], two[name], rtol=1e-6, atol=1e-9), name


@pytest.mark.parametrize("device", DEVICES)
def test_the_loss_falls(device: str):
    c, machine = smoke(), compute(device, 1)
    training, model = muon(steps=40), new_model(c).to(device)
    batches = stream(worlds(c.graphs)["pretraining"], 0, training.batch_examples)
    steps = train(model, make_optimizer(model, training), training, batches, 0, machine)
    losses = [step.squared_errors.mean().item() for step in steps]
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])


def test_a_killed_run_resumes_bit_by_bit(tiny, tmp_path):
    c = tiny.change({"pretrain.optimizer": "muon"})
    machine = Compute(torch.device("cpu"), 1)
    runs = [create_run(c, tmp_path / name) for name in ("one", "two")]
    for _ in pretrain(runs[0], machine):
        pass
    for _, _record in zip(range(5), pretrain(runs[1], machine), strict=False):
        pass  # 10 of 20 steps, the last checkpoint at step 8
    assert runs[1].checkpoint("pretrained-resume").exists()
    resumed = [record["step"] for record in pretrain(runs[1], machine)]
    assert resumed == [8, *range(10, 21, 2)]
    one, two = (run.checkpoint("pretrained").read_bytes() for run in runs)
    assert one == two
