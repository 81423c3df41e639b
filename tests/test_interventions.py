"""The words of interventions, and the plans that they make."""

from offpath import interventions
from offpath.recipes import recipe

C = recipe("laptop")


def plan(spec: str) -> interventions.Plan:
    return interventions.plan(spec, C, C.training("finetune"))


def test_steps_and_rate_change_themselves_alone_and_warm_up_is_no_longer_than_training():
    base = C.training("finetune")
    assert plan("steps=2400").training == base.model_copy(update={"steps": 2400})
    assert plan("steps=3").training == base.model_copy(update={"steps": 3, "warmup_steps": 3})
    assert plan("rate=3e-4").training == base.model_copy(update={"learning_rate": 3e-4})
    assert interventions.title("steps=2400+rate=0.0003") == "2,400 steps + rate 0.0003"
