import networkx
import numpy as np
import pytest

from offpath.data.batches import draw
from offpath.data.invariances import INVARIANCES
from offpath.data.worlds import world
from offpath.fit.transformer import Transformer, predict
from offpath.generalize.baselines import Known, rules
from offpath.recipes import laptop

GRAPHS = laptop().graphs
BATCH = draw(world("test_e", GRAPHS), 0, 0, 300)
every = pytest.mark.parametrize("name", INVARIANCES)


@every
def test_the_true_answers_stay(name: str):
    batch = INVARIANCES[name].change(BATCH, 1)
    assert batch.tokens.dtype == np.uint8
    assert batch.no_path == GRAPHS.max_vertices
    for i, row in enumerate(batch.tokens.tolist()):
        graph = networkx.Graph([edge for edge in row[:-1] if edge[1]])
        graph.add_nodes_from(range(1, GRAPHS.max_vertices + 1))
        hops = networkx.single_source_shortest_path_length(graph, 1)
        assert hops.get(row[-1][0], GRAPHS.max_vertices) == BATCH.distance[i]
        assert hops.get(2, GRAPHS.max_vertices) == BATCH.distance_to_2[i]
    assert (batch.tokens[:, -1] == BATCH.tokens[:, -1]).all()


@every
def test_something_changes_and_the_seed_says_what(name: str):
    change = INVARIANCES[name].change
    one, again, other = change(BATCH, 1), change(BATCH, 1), change(BATCH, 2)
    assert one.tokens.tobytes() != BATCH.tokens.tobytes()
    assert one.tokens.tobytes() == again.tokens.tobytes()
    random = name in ("edge_order", "one_edge_twice")
    assert (one.tokens.tobytes() != other.tokens.tobytes()) == random
    few = change(BATCH.take(slice(7)), 1)
    assert few.tokens.tobytes() == one.tokens[:7].tobytes()


def test_what_is_given_twice_is_counted():
    once, all_twice = (
        INVARIANCES[n].change(BATCH, 0).token_counts for n in ("one_edge_twice", "every_edge_twice")
    )
    edges = BATCH.token_counts - 1
    assert (once == edges + (edges > 0) + 1).all()
    assert (all_twice == 2 * edges + 1).all()


@pytest.mark.parametrize("name", ["edge_order", "more_padding"])
def test_a_set_of_tokens_is_answered_the_same(name: str):
    model = Transformer(laptop().model, GRAPHS.max_vertices)
    before = predict(model, BATCH.tokens)
    after = predict(model, INVARIANCES[name].change(BATCH, 3).tokens)
    assert np.abs(before - after).max() < 1e-5


@pytest.mark.parametrize("name", ["edge_order", "more_padding", "swapped_ends"])
def test_rules_answer_the_same(name: str):
    changed = INVARIANCES[name].change(BATCH, 3)
    known = Known(BATCH, None)
    for rule in rules(finetuned=False).values():
        assert (rule.answers(BATCH, known) == rule.answers(changed, known)).all()
