import pytest
import torch

from offpath.fit.optimizer import learning_rate, make_optimizer
from offpath.recipes import laptop, paper


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
    ("name", "kind"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)]
)
def test_the_optimizer_is_the_one_named_with_its_options(name: str, kind: type):
    training = laptop().training("finetune").model_copy(update={"optimizer": name})
    optimizer = make_optimizer(torch.nn.Linear(2, 1), training)
    assert type(optimizer) is kind
    assert optimizer.defaults["betas"] == (0.9, 0.98)
    assert optimizer.defaults["weight_decay"] == 1e-5
