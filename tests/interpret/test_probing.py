import numpy as np
import pytest

from offpath.data.batches import draw
from offpath.data.worlds import world
from offpath.fit.checkpoints import new_model
from offpath.generalize.scores import concordance
from offpath.handcraft.circuits import make
from offpath.interpret import probing
from offpath.interpret.probes import fit_probe, r_squared
from offpath.interpret.probing import edge_tokens, probed, question_tokens, some_edges
from offpath.interpret.questions import Questions, parted, questions
from offpath.interpret.resampled import aurocs, interval, r2s, resampled
from offpath.recipes import laptop
from offpath.results.inside import ProbedTarget

C = laptop()
LAYERS = C.model.layers
Parts = tuple[Questions, Questions]
RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def parts() -> Parts:
    return parted(questions(draw(world("test_e", C.graphs), 0, 0, 3200, "evaluation")))


@pytest.fixture(scope="module")
def circuit(parts: Parts) -> list[ProbedTarget]:
    return probed(make("edge", 8, C.model), parts)


@pytest.fixture(scope="module")
def untrained(parts: Parts) -> list[ProbedTarget]:
    return probed(new_model(C), tuple(part.where(np.arange(600)) for part in parts))


def pick(rows: list[ProbedTarget], target: str, **known) -> list[ProbedTarget]:
    """By layer; in all strata and of the number, unless told otherwise."""
    known = {"target": target, "stratum": None, "bit": None} | known
    return [row for row in rows if all(getattr(row, key) == x for key, x in known.items())]


def bits(rows: list[ProbedTarget], target: str, stratum: str | None = None):
    return [r for r in rows if (r.target, r.stratum) == (target, stratum) and r.bit is not None]


@pytest.mark.parametrize("stratum", [None, "trained"])
@pytest.mark.parametrize(("target", "lag"), [("from_source", 0), ("from_target", 1)])
def test_the_circuit_tells_after_each_layer_one_more_hop(circuit, target, lag, stratum):
    rows = [row for row in bits(circuit, target, stratum) if row.layer >= lag]
    known = [row for row in rows if row.bit == row.layer - lag]
    assert {row.layer - lag for row in known} >= {0, 1, 2, 3}
    assert min(row.score for row in known) > 0.999
    assert min(row.low for row in known) > 0.999
    later = [row for row in rows if row.bit == row.layer - lag + 1]
    assert max(row.score for row in later) < 0.97  # what the other end gives away
    if stratum is None:
        unknown = [row.score for row in rows if row.bit >= row.layer - lag + 2 and row.count > 900]
        assert len(unknown) >= 3
        assert 0.4 < min(unknown) <= max(unknown) < 0.6


def test_the_circuits_last_layer_knows_the_answer_and_its_embedding_does_not(circuit):
    scores = [row.score for row in pick(circuit, "to_target")]
    assert len(scores) == LAYERS + 1
    assert scores[0] < 0.05
    assert scores[-1] > 0.999
    for stratum in ("trained", "off_path"):
        assert pick(circuit, "to_target", stratum=stratum)[-1].score > 0.99


def test_the_circuits_question_knows_of_2_no_more_than_its_answer_says(circuit, parts):
    """d(1,2) is to some degree told by d(1,t) and t."""
    reach = [part.where(part.batch.distance_to_2 < 8) for part in parts]
    x, y = (
        [np.eye(17)[p.batch.distance] + np.eye(17)[8 + p.targets] for p in reach],
        [p.batch.distance_to_2.astype(float) for p in reach],
    )
    known = r_squared(fit_probe(x[0], y[0][:, None])(x[1])[:, 0], y[1])
    last = pick(circuit, "to_2")[-1]
    assert known < 0.25
    assert abs(last.score - known) < 0.1


def test_an_untrained_network_is_far_below_the_circuit(circuit, untrained):
    assert max(row.score for row in pick(untrained, "to_target")) < 0.6
    for target, lag in (("from_source", 0), ("from_target", 1)):
        known = [row for row in bits(untrained, target) if row.bit == row.layer - lag]
        assert {row.score < 0.9 for row in known if row.bit} == {True}
    assert pick(untrained, "from_source", bit=0)[0].score == 1  # vertex 1 is in the embedding


def test_shuffled_labels_are_not_read(circuit, untrained):
    for row in circuit + untrained:
        if row.count > 900:
            assert abs(row.shuffled - (0 if row.bit is None else 0.5)) < 0.06


def test_scores_lie_in_their_intervals(circuit):
    for row in circuit:
        assert row.low - 0.02 <= row.score <= row.high + 0.02
    narrow = pick(circuit, "from_source", bit=1)[2]
    wide = pick(circuit, "from_source", bit=3)[2]
    assert 0.005 < narrow.high - narrow.low < wide.high - wide.low < 0.2


def test_the_order_of_edges_and_other_examples_change_nothing(circuit, parts, monkeypatch):
    model = new_model(C)
    whole = {
        kind: kind(model, probing._different(parts[0])) for kind in (edge_tokens, question_tokens)
    }
    turned = []
    for part in parts:
        tokens = np.concatenate([part.batch.tokens[:, -2::-1], part.batch.tokens[:, -1:]], axis=1)
        made = part._replace(batch=part.batch._replace(tokens=tokens))
        turned.append(made.where(RANDOM.permutation(len(tokens))))
    monkeypatch.setattr("offpath.interpret.activations.MOST_HELD", 2**20)
    for kind, expected in whole.items():
        found = kind(model, probing._different(turned[0]))
        np.testing.assert_allclose(found.streams, expected.streams, atol=1e-5)
        for target, truth in expected.truth.items():
            np.testing.assert_array_equal(found.truth[target], truth)


def test_a_planted_signal_is_found(parts):
    """Half of one distance at the second end, and nothing else, is in the stream."""
