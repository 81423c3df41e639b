import pytest
import torch
from torch.optim import SGD, Adagrad, Adam, RMSprop

from offpath.compute import Compute
from offpath.fit import parallel
from offpath.fit.checkpoints import load_progress, new_model, save_progress
from offpath.fit.muon import Muon
from offpath.fit.optimizer import learning_rate, make_optimizer, state_tensors
from offpath.fit.transformer import Transformer
from offpath.recipes import laptop, paper
from offpath.run.folder import Run


def test_the_laptops_rate_warms_up_holds_and_falls_to_one_percent():
    training = laptop().training("pretrain")
    rates = [learning_rate(training, step) for step in (1, 50, 100, 1500, 2250, 3000)]
    assert rates == pytest.approx([2e-5, 1e-3, 2e-3, 2e-3, 2e-3 * 0.505, 2e-5])


def test_the_cosine_ends_at_nothing():
    training = laptop().training("finetune")
    rates = [learning_rate(training, step) for step in (10, 305, 600)]
    assert rates == pytest.approx([1e-3, 5e-4, 0.0], abs=1e-12)


def test_the_study_drops_its_rate_after_6400_steps_and_keeps_it_in_fine_tuning():
    assert learning_rate(paper().training("pretrain"), 6400) == 5e-4
    assert learning_rate(paper().training("pretrain"), 6401) == pytest.approx(1e-4)
    assert {learning_rate(paper().training("finetune"), step) for step in (1, 80, 160)} == {1e-4}


@pytest.mark.parametrize(
    ("name", "kind"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("muon", Muon)]
)
def test_the_optimizer_is_the_one_named_with_its_options(name: str, kind: type):
    training = laptop().training("finetune").model_copy(update={"optimizer": name})
    optimizer = make_optimizer(torch.nn.Linear(2, 1), training)
    assert type(optimizer) is kind
    assert optimizer.defaults["betas"] == (0.9, 0.98)
    assert optimizer.defaults["weight_decay"] == 1e-5


OPTIMIZERS = {
    "Adam": lambda model: Adam(model.parameters()),
    "SGD": lambda model: SGD(model.parameters(), lr=0.1),  # no state at all
    "momentum": lambda model: SGD(model.parameters(), lr=0.1, momentum=0.9),
    "RMSprop": lambda model: RMSprop(model.parameters(), centered=True, momentum=0.5),
    "Adagrad": lambda model: Adagrad(model.parameters()),  # with a state before the first step
    "one group per parameter": lambda model: Adam(
        [{"params": [p]} for p in model.parameters()][::-1]
    ),
    "Muon": lambda model: Muon(model, lr=0.1, betas=(0.9, 0.99), weight_decay=0.1),
}


@pytest.fixture(params=OPTIMIZERS.values(), ids=list(OPTIMIZERS))
def optimizer_of(request):
    return request.param


def step(model: Transformer, optimizer: torch.optim.Optimizer) -> None:
    """A step that leaves the embedding alone: it has no gradient, and perhaps no state."""
    optimizer.zero_grad()
    torch.stack([(p**2).sum() for p in [*model.parameters()][1:]]).sum().backward()
    optimizer.step()


def test_progress_is_saved_and_resumed_with_every_optimizer(run: Run, optimizer_of):
    model, other = new_model(run.configuration), new_model(run.configuration)
    optimizer, empty = optimizer_of(model), optimizer_of(other)
    step(model, optimizer)
    save_progress(run, "pretrain", 1, model, optimizer)
    assert load_progress(run, "pretrain", other, empty) == 1
    for m, o in ((model, optimizer), (other, empty)):
        step(m, o)
    pairs = zip(model.parameters(), other.parameters(), strict=True)
    assert all(torch.equal(one, two) for one, two in pairs)


def test_all_processes_get_the_optimizer_state_of_the_first(run: Run, optimizer_of, monkeypatch):
    first, second = new_model(run.configuration), new_model(run.configuration)
    optimizer, empty = optimizer_of(first), optimizer_of(second)
    step(first, optimizer)
    sent: list[bytes] = []  # in place of a broadcast

    def broadcast(content: bytes, compute: Compute) -> bytes:
        if compute.rank == 0:
            sent.append(content)
        return sent[0]

    monkeypatch.setattr(parallel, "_bytes_from_first", broadcast)
    for rank, pair in enumerate([(first, optimizer), (second, empty)]):
        parallel.share_optimizer_state(*pair, Compute(torch.device("cpu"), 1, rank=rank, ranks=2))
    expected, received = state_tensors(first, optimizer), state_tensors(second, empty)
    assert expected.keys() == received.keys()
    assert all(torch.equal(expected[name], received[name]) for name in expected)
