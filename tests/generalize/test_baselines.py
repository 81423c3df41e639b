import networkx as nx
import numpy as np
import pytest

from offpath.data.batches import Batch, draw
from offpath.data.worlds import worlds
from offpath.generalize.baselines import BEYOND, NEVER, Known, constant, distance_to_2, hops, rules
from offpath.generalize.neighbours import finetuning_questions
from offpath.recipes import laptop, smoke

WORLD = worlds(laptop().graphs)["test_e"]
BATCH, OTHER = draw(WORLD, 0, 0, 2000), draw(WORLD, 0, 5000, 4000)
KNOWN = Known(OTHER, None)
ANSWERS = {name: rule.answers(BATCH, KNOWN) for name, rule in rules(finetuned=False).items()}


def right(answers: np.ndarray, batch: Batch = BATCH) -> np.ndarray:
    return answers == batch.distance


def found_by_search(batch: Batch, i: int, radius: int, *, both: bool) -> int:
    """What a search of that radius knows about one example, by networkx."""
    target, limit = int(batch.tokens[i, -1, 0]), 2 * radius if both else radius
    graph = nx.Graph([edge for edge in batch.tokens[i, :-1].tolist() if edge[1]])
    graph.add_nodes_from([1, target])
    if nx.has_path(graph, 1, target):
        distance = int(nx.shortest_path_length(graph, 1, target))
        return distance if distance <= limit else BEYOND
    reach = [max(nx.single_source_shortest_path_length(graph, v).values()) for v in (1, target)]
    ended = any(hops < radius for hops in (reach if both else reach[:1]))
    return NEVER if ended else BEYOND


@pytest.mark.parametrize(
    ("radius", "both"), [(1, False), (2, False), (3, False), (1, True), (2, True)]
)
def test_a_search_finds_what_networkx_finds_within_its_radius(radius: int, both: bool):
    found = hops(BATCH, radius, both=both).tolist()
    assert found == [found_by_search(BATCH, i, radius, both=both) for i in range(2000)]


def test_a_wider_search_is_right_at_least_where_a_narrower_one_finds_the_target():
    for radius in (1, 2, 3):
        near = BATCH.distance <= radius
        assert right(ANSWERS[f"hops_{radius}"])[near].all()
    assert right(ANSWERS["hops_3"]).mean() > right(ANSWERS["hops_1"]).mean()


@pytest.mark.parametrize("stratum", range(6))
def test_the_most_frequent_label_is_the_best_constant_label_of_a_stratum(stratum: int):
    here = BATCH.stratum == stratum
    of_others = OTHER.distance[OTHER.stratum == stratum]
    (answer,) = np.unique(ANSWERS["most_frequent"][here])
    assert answer == np.bincount(of_others).argmax()


@pytest.mark.parametrize("name", ["edges", "degree", "hops_1", "both_1"])
def test_a_rule_that_sees_more_is_right_more_often_on_what_it_was_fitted_to(name: str):
    here, there = Known(BATCH, None), rules(finetuned=False)
    fitted = right(there[name].answers(BATCH, here)).mean()
    assert fitted > right(there["most_frequent"].answers(BATCH, here)).mean()


def test_no_trivial_rule_is_right_on_a_long_path_but_by_guessing():
    far = (BATCH.distance >= 4) & (BATCH.distance < 8) & (BATCH.stratum > 0)
    for name, rule in rules(finetuned=False).items():
        if rule.trivial and name != "distance_to_2":
            assert len(np.unique(ANSWERS[name][far])) <= 6
            assert right(ANSWERS[name])[far].mean() < 0.3


def test_the_best_constant_explains_nothing_and_no_constant_beats_it():
    alone = Known(BATCH, None)
    best = ((constant(BATCH, alone) - BATCH.distance) ** 2).mean()
    grid = [((c - BATCH.distance.astype(float)) ** 2).mean() for c in np.linspace(0, 8, 161)]
    assert best <= min(grid)


def test_answering_the_distance_to_2_is_right_exactly_where_the_distances_agree():
    agree = BATCH.distance == BATCH.distance_to_2
    assert (right(distance_to_2(BATCH)) == agree).all()


def test_every_rule_answers_every_example():
    known = Known(OTHER, finetuning_questions(laptop().change({"finetune.steps": 10})))
    for rule in rules(finetuned=True).values():
        assert rule.answers(BATCH, known).shape == (2000,)


def test_rules_answer_large_graphs_too():
    world = worlds(smoke().change({"graphs.max_vertices": 64}).graphs)["test_e"]
    batch, other = draw(world, 0, 0, 60), draw(world, 0, 60, 200)
    for rule in rules(finetuned=False).values():
        assert np.isfinite(rule.answers(batch, Known(other, None))).all()
