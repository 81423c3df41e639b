from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from offpath.data.batches import draw, frozen, stream
from offpath.data.worlds import worlds
from offpath.generalize.neighbours import finetuning_questions, nearest_answers
from offpath.generalize.overlap import overlap, training_sets
from offpath.recipes import smoke

C = smoke().change({"graphs.max_vertices": 7})
SETS = {name: frozen(world, 0, 500)[0] for name, world in worlds(C.graphs).items()}
ROWS, NEW = overlap(SETS, C)


def keys(batch) -> list[tuple]:
    """Each question as what it holds: its edges in order, and the target."""
    tokens = batch.tokens.tolist()
    return [(tuple(sorted(map(tuple, row[:-1]))), row[-1][0]) for row in tokens]


def test_the_shares_are_those_found_by_comparing_every_question():
    for one in training_sets(C):
        shown = set(keys(draw(worlds(C.graphs)[one.world], one.seed, 0, one.examples)))
        graphs = {frozenset(edges) - {(0, 0)} for edges, _ in shown}
        for name, batch in SETS.items():
            (row,) = (r for r in ROWS if (r.world, r.training_world) == (name, one.world))
            asked = keys(batch)
            assert row.question == pytest.approx(np.mean([key in shown for key in asked]))
            found = np.mean([frozenset(edges) - {(0, 0)} in graphs for edges, _ in asked])
            assert row.graph == pytest.approx(found)
            assert row.distinct == len(shown)
            assert row.renamed is not None
            assert row.renamed >= row.question * np.mean(batch.vertices <= 7) - 1e-9


def test_a_question_is_new_if_no_training_set_holds_it():
    shown = set()
    for one in training_sets(C):
        shown |= set(keys(draw(worlds(C.graphs)[one.world], one.seed, 0, one.examples)))
    for name, batch in SETS.items():
        assert NEW[name].tolist() == [key not in shown for key in keys(batch)]


def test_chosen_candidates_are_the_training_set_that_training_sees():
    c = C.change({"pretrain.candidates": 3})
    training = c.training("pretrain")
    source = replace(worlds(c.graphs)["pretraining"], candidates=3)
    batches = islice(stream(source, c.seed, training.batch_examples), training.steps)
    seen = [key for batch in batches for key in keys(batch)]
    (known,) = (one for one in training_sets(c) if one.world == "pretraining")
    assert [key for batch in known.batches(1) for key in keys(batch)] == seen


def test_held_out_graphs_make_new_questions_in_small_graphs():
    held = C.change({"graphs.held_out_share": 0.3})
    rows, new = overlap(SETS, held)
    assert new["finetuning"].mean() > 0.1 > NEW["finetuning"].mean()
    assert {row.graph for row in rows} != {row.graph for row in ROWS}


def test_the_nearest_question_is_the_one_that_differs_in_the_fewest_edges():
    known = finetuning_questions(C)
    assert known is not None
    (training,) = (one for one in training_sets(C) if one.world == "finetuning")
    drawn = draw(worlds(C.graphs)["finetuning"], training.seed, 0, training.examples)
    shown = dict(zip(keys(drawn), drawn.distance.tolist(), strict=True))
    assert len(known.distance) == len(shown)
    batch = SETS["test_e"]
    answers = nearest_answers(batch, known)
    for (edges, target), answer in zip(keys(batch), answers.tolist(), strict=True):
        apart = {key: (key[1] != target, len(({*key[0]} ^ {*edges}) - {(0, 0)})) for key in shown}
        least = min(apart.values())
        assert answer in {shown[key] for key, value in apart.items() if value == least}


def test_an_imported_network_has_no_known_pretraining_set():
    sets = training_sets(C.model_copy(update={"imported": "0" * 64}))
    assert [one.world for one in sets] == ["finetuning"]
