import numpy as np
import pytest

from offpath.compute import compute
from offpath.errors import InputError
from offpath.fit.checkpoints import new_model, save_model
from offpath.fit.transformer import Transformer
from offpath.handcraft.circuits import make
from offpath.interpret import along as module
from offpath.interpret.along import MEASURES, Data, along, checkpoints, draw_data, measures, onsets
from offpath.interpret.attention import keys
from offpath.interpret.questions import Questions
from offpath.recipes import laptop
from offpath.results import AlongStep

C = laptop()


@pytest.fixture(scope="module")
def asked() -> Data:
    whole, some = draw_data(C.graphs), np.arange(200)
    return Data(whole.fitted.where(some), whole.tested.where(some), whole.asked.take(slice(1000)))


def numbers(model: Transformer, asked: Data) -> dict[str, float]:
    return {name: value for name, value in measures(model, asked).items() if value is not None}


def test_of_the_circuit_every_measure_is_as_built(asked):
    found = numbers(make("edge", 8, C.model), asked)
    assert list(found) == list(MEASURES)
    assert {value for name, value in found.items() if name.startswith("right")} == {1}
    assert found["d(1,2) at the end"] == pytest.approx(1, abs=0.01)
    assert found["neighbours"] == pytest.approx(1, abs=1e-3)
    # The question looks alike at itself and at the edges that hold t, here 2.
    real = asked.tested.batch.tokens[:, :, 1] != 0
    at_2 = keys(asked.tested)["touches 2"][:, -1].sum(1)
    share, even, most = ((at_2 / (at_2 + 1)).mean(), (at_2 / real.sum(1)).mean(), (at_2 > 0).mean())
    assert found["question to 2"] == pytest.approx((share - even) / (most - even), abs=1e-3)


def test_an_untrained_network_has_even_heads_and_is_hardly_ever_right(asked):
    found = numbers(new_model(C), asked)
    sharp = ("sharpest head", "sharpest head of the question", "neighbours", "question to 1")
    assert all(found[name] < 0.25 for name in sharp)
    assert sum(value > 0.5 for name, value in found.items() if name.startswith("right")) <= 1
    assert all(0.2 < found[name] < 0.7 for name in ("d(1,2) at the end", "d(1,v)", "d(2,v)"))


def test_the_order_of_edges_and_of_questions_changes_nothing(asked):
    turned = asked._replace(fitted=mixed(asked.fitted), tested=mixed(asked.tested))
    model = make("edge", 8, C.model)
    one, two = ([*numbers(model, part).values()] for part in (asked, turned))
    np.testing.assert_allclose(one, two, atol=2e-3)


def mixed(q: Questions) -> Questions:
    """The same in another order, and edges too."""
    q = q.where(np.random.default_rng(0).permutation(len(q.targets)))
    tokens = np.concatenate([q.batch.tokens[:, -2::-1], q.batch.tokens[:, -1:]], axis=1)
    return q._replace(batch=q.batch._replace(tokens=tokens))


def test_measures_are_those_of_all_checkpoints_that_training_kept(run, monkeypatch):
    monkeypatch.setattr(module, "QUESTIONS", 300)
    first, last = new_model(run.configuration), make("edge", 5, run.configuration.model)
    for name in ("untrained", "pretrained-step16", "pretrained-step4"):
        save_model(run, name, first)
    for name in ("pretrained", "finetuned"):
        save_model(run, name, last)
    assert [*checkpoints(run)] == [
        ("pretrained", 0, "untrained"), ("pretrained", 4, "pretrained-step4"),
        ("pretrained", 16, "pretrained-step16"), ("pretrained", 20, "pretrained"),
    ]  # fmt: skip
    made = along(run, compute(threads=1))
    assert [one.step for one in made] == [0, 4, 16, 20]
    assert made[0].measures == made[1].measures != made[-1].measures
    assert made[-1].measures["right at 2"] == 1
    assert made[-1].measures["right at 5"] is None  # graphs of 5 vertices have no such distance
    found = {one.measure: one for one in onsets(made)}
    assert list(found) == list(MEASURES)
    assert 16 < (found["right at 2"].step or 0) < 20
    assert found["right at 5"].step is None


def test_training_that_kept_nothing_has_no_measures(run):
    assert along(run, compute(threads=1)) == []


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ([0.0, 1.0, 1.0], 10**0.5 - 1),  # half-way from log 1 to log 10
        ([0.0, 0.0, 1.0], 10**1.5 - 1),
        ([1.0, 0.75, 0.0], 10 ** (1 + 1 / 3) - 1),  # falls: a third of the way from 0.75 to 0
        ([0.0, 1.0, 0.4, 0.6, 0.9], 10**2.25 - 1),  # the crossing that lasts, of 0.45
        ([0.3, 0.9, 0.35], None),  # comes back
        ([0.2, None, 0.9], 10**1 - 1),  # not measured there
        ([None, 0.1, 0.9], None),
    ],
)
def test_an_onset_is_half_of_the_way_for_good(values, step):
    made = [
        AlongStep(network="pretrained", step=10**power - 1, measures={"d(1,v)": value})
        for power, value in enumerate(values)
    ]
    (found,) = onsets(made)
    assert (found.first, found.last) == (values[0], values[-1])
    assert found.step == (None if step is None else pytest.approx(step))


def test_networks_have_onsets_of_their_own():
    rows = [("pretrained", 0, 0.0), ("pretrained", 9, 1.0), ("finetuned", 0, 1.0),
            ("finetuned", 9, 1.0)]  # fmt: skip
    made = [AlongStep(network=name, step=step, measures={"x": value}) for name, step, value in rows]
    assert [(one.network, one.step is None) for one in onsets(made)] == [
        ("pretrained", False), ("finetuned", True)
    ]  # fmt: skip


def test_networks_over_vertex_tokens_are_refused(asked):
    with pytest.raises(InputError, match="leave it out"):
        measures(make("doubling", 8, C.model), asked)
