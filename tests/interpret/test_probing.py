from itertools import pairwise

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
ENDS = RANDOM.normal(size=(2, C.model.width))


@pytest.fixture(scope="module")
def parts() -> Parts:
    return parted(questions(draw(world("test_e", C.graphs), 0, 0, 2000, "evaluation")))


@pytest.fixture(scope="module")
def circuit(parts: Parts) -> list[ProbedTarget]:
    return probed(make("edge", 8, C.model), parts)


@pytest.fixture(scope="module")
def untrained(parts: Parts) -> list[ProbedTarget]:
    few = np.arange(600)
    return probed(new_model(C), (parts[0].where(few), parts[1].where(few)))


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
    assert {row.layer - lag for row in known} >= ({0, 1, 2} if stratum else {0, 1, 2, 3})
    assert min(row.score for row in known) > 0.999
    assert min(row.low for row in known) > 0.999
    later = [row for row in rows if row.bit == row.layer - lag + 1]
    assert max(row.score for row in later) < 0.97  # what the other end gives away
    if stratum is None:
        unknown = [row.score for row in rows if row.bit >= row.layer - lag + 2 and row.count > 500]
        assert len(unknown) >= 3
        assert 0.4 < min(unknown) <= max(unknown) < 0.6


def test_the_circuits_last_layer_knows_the_answer_and_its_embedding_does_not(circuit):
    scores = [row.score for row in pick(circuit, "to_target")]
    assert len(scores) == LAYERS + 1
    assert scores[0] < 0.05
    assert scores[-1] > 0.999
    assert pick(circuit, "to_target", stratum="off_path")[-1].score > 0.99


def test_the_circuits_question_knows_of_2_no_more_than_its_answer_says(circuit, parts):
    """d(1,2) is to some degree told by d(1,t) and t."""
    reach = [part.where(part.batch.distance_to_2 < 8) for part in parts]
    x, y = (
        [np.eye(17)[p.batch.distance] + np.eye(17)[8 + p.targets] for p in reach],
        [p.batch.distance_to_2.astype(float) for p in reach],
    )
    known = r_squared(fit_probe(x[0], y[0][:, None])(x[1])[:, 0], y[1])
    last = pick(circuit, "to_2")[-1]
    assert known is not None
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
        if row.count > 500:
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
        for target in set(expected.truth) - {"vertices"}:  # tokens do not show all vertices
            np.testing.assert_array_equal(found.truth[target], expected.truth[target])


def test_a_signal_that_is_put_in_is_read_exactly_and_noise_is_not(parts):
    fitted, tested = (edge_tokens(new_model(C), probing._different(part)) for part in parts)
    noisy = []
    for half in (fitted, tested):
        noise = RANDOM.normal(size=half.streams[:2].shape)
        noise[1] += half.truth["from_target"] @ ENDS * 10
        noisy.append(half._replace(streams=noise))
    halves = noisy[0], noisy[1]
    rows = list(probing._read("edge", halves, probing._edge_tasks(halves)))
    numbers = pick(rows, "from_target")
    assert abs(numbers[0].score) < 0.02
    assert numbers[1].score > 0.999


def test_an_edge_that_is_repeated_counts_once(parts):
    made = probing._different(parts[0])
    different = [len({tuple(e) for e in example[:-1] if e[1]}) for example in made.batch.tokens]
    assert some_edges(made).sum(1).tolist() == different
    assert made.edges.sum() > sum(different)


def test_the_tokens_used_come_from_all_graphs_alike(parts, monkeypatch):
    made = probing._different(parts[0])
    monkeypatch.setattr(probing, "MOST_TOKENS", 1000)
    chosen = some_edges(made)
    assert chosen.sum() == 1000
    first, second = (half.sum() for half in np.array_split(chosen, 2))
    assert abs(first - second) < 50


def test_of_vertex_tokens_the_answer_alone_is_read(parts):
    rows = probed(make("wide", 8, C.model), tuple(part.where(np.arange(500)) for part in parts))
    assert {row.token for row in rows} == {"question"}
    scores = [row.score for row in pick(rows, "to_target")]
    assert len(scores) == 9
    assert scores[0] < 0.05
    assert scores[-1] > 0.999
    assert all(low < high + 1e-6 for low, high in pairwise(scores))


def test_scores_of_resamples_are_those_of_the_examples_drawn():
    graph = np.sort(RANDOM.integers(12, size=80))
    read, truth = RANDOM.normal(size=80).round(1), RANDOM.integers(3, size=80)
    drawn = resampled(12)
    assert (drawn[:, 0] == 1).all()
    assert (drawn.sum(0) == 12).all()
    numbers, pairs = r2s(read, truth, graph, drawn), aurocs(read, truth > 0, graph, drawn)
    for column in (0, 1, 100):
        again = np.repeat(np.arange(80), drawn[graph, column].astype(int))
        x, y = read[again], truth[again]
        assert numbers[column] == pytest.approx(r_squared(x, y.astype(float)))
        assert pairs[column] == pytest.approx(concordance(x, (y > 0).astype(int)))


def test_resamples_without_two_kinds_are_left_out_of_the_interval():
    scores = aurocs(np.arange(4.0), np.arange(4) > 2, np.arange(4), resampled(4))
    assert np.isnan(scores).any()
    assert interval(scores) == (1, 1)
