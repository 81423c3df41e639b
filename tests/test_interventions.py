"""The words of interventions, and the plans that they make."""

import pytest

from offpath import interventions
from offpath.configs import InputError
from offpath.interventions import REQUIREMENTS
from offpath.networks import networks
from offpath.plans import Coherence, Plan
from offpath.recipes import recipe

C = recipe("laptop")


def plan(spec: str) -> Plan:
    return interventions.plan(spec, C, C.training("finetune"))


def test_steps_and_rate_change_themselves_alone_and_warm_up_is_no_longer_than_training():
    base = C.training("finetune")
    assert plan("steps=2400").training == base.model_copy(update={"steps": 2400})
    assert plan("steps=3").training == base.model_copy(update={"steps": 3, "warmup_steps": 3})
    assert plan("rate=3e-4").training == base.model_copy(update={"learning_rate": 3e-4})
    assert interventions.title("steps=2400+rate=0.0003") == "2,400 steps + rate 0.0003"


@pytest.mark.parametrize("requires", REQUIREMENTS)
def test_a_requirement_is_all_that_its_word_changes(requires):
    made = plan(requires)
    assert made == Plan(C.training("finetune"), coherence=Coherence(requires))


def test_words_on_coherence_change_it_in_any_order():
    wanted = Coherence("lipschitz", shuffled=True, audit=0.01, sizes="small")
    for spec in ("lipschitz+shuffled+audit=0.01+small_b", "small_b+audit=0.01+shuffled+lipschitz"):
        assert plan(spec).coherence == wanted
    assert plan("audit+bellman").coherence == Coherence("bellman", audit=1.0)
    assert (
        interventions.title("bellman+audit=0+large_b") == "Bellman + 0 % audited + in large graphs"
    )


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ("shuffled", "shuffled needs one of components, .* beside it, as in bellman.shuffled; got"),
        ("audit=0.1+random_ids", "audit needs one of components, .*, bellman beside it"),
        ("small_b", "small_b needs one of components"),
        ("large_b+steps=9", "large_b needs one of components"),
        ("bellman+lipschitz", "lipschitz and bellman exclude each other; got bellman.lipschitz"),
        ("bellman+small_b+large_b", "small_b and large_b exclude each other"),
        ("bellman+relearn", "relearn and bellman exclude each other"),
        ("bellman+audit=1.5", "audit= must be a number from 0 to 1; got 1.5"),
        ("bellman+shuffled=1", "shuffled takes no number; got shuffled=1"),
        ("bellman+classification", "head must be regression .*; got classification and 0.0"),
        ("steps", "steps= must be a whole number from 1 to 1e.08; got none"),
        ("rate=0", "rate= must be a number from 1e-09 to 10; got 0"),
    ],
)
def test_what_means_nothing_is_refused_in_one_line(spec: str, fault: str):
    with pytest.raises(InputError, match=fault) as caught:
        C.change({"interventions": (spec,)})
    assert "\n" not in str(caught.value)


def test_coherence_is_refused_where_it_cannot_be_asked_for():
    with pytest.raises(InputError, match=r"finetune.classification 0; got regression and 0.5"):
        C.change({"interventions": ("bellman",), "finetune.classification": 0.5})
    with pytest.raises(InputError, match=r"large_b needs graphs.finetune_vertices below.*\(8\).*8"):
        C.change({"interventions": ("bellman+large_b",), "graphs.finetune_vertices": 8})


def test_coherent_networks_start_from_pre_training_and_have_no_control_from_scratch():
    specs = ("bellman", "bellman_unanchored+audit=0.1+random_ids", "components+steps=9")
    rows = {one.name: one for one in networks(C.change({"interventions": specs}))}
    made = [one for one in rows.values() if one.intervention]
    assert [one.intervention for one in made] == list(specs)
    assert all(one.starts_from == "pretrained" for one in made)
    assert rows["bellman_unanchored+audit0.1+random_ids"].coherence == Coherence(
        "bellman_unanchored", audit=0.1
    )
