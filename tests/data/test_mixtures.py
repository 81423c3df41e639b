"""The examples of interventions: what they change, and that they change nothing else."""

import networkx
import numpy as np
import pytest

from offpath.configs import InputError
from offpath.data.batches import DRAWN, Batch, draw
from offpath.data.contents import contents
from offpath.data.mixtures import other_ids, training_world
from offpath.plans import Data
from offpath.recipes import recipe
from offpath.slices import STRATA

C = recipe("laptop")
SMALL, LARGEST = C.graphs.finetune_vertices, C.graphs.max_vertices
STRATUM = {where.slice: index for index, where in enumerate(STRATA)}
CHANGES = {
    "off path": Data(off_path=0.2, unreachable=0.3),
    "replay": Data(replay=0.5, random_ids=1.0),
    "large": Data(large_graphs=True, off_path=0.5),
    "any": Data(any_target=True),
    "present": Data(random_ids=1.0, ids="present"),
    "other": Data(random_ids=1.0, ids="other"),
    "half renamed": Data(random_ids=0.5),
    "distinct": Data(distinct_graphs=100),
}
every_change = pytest.mark.parametrize("data", CHANGES.values(), ids=CHANGES)


def drawn(
    data: Data, count: int = 10_000, start: int = 0, threads: int = 1, seed: int = 0
) -> Batch:
    made = training_world("finetuning", C.graphs, C.training("finetune"), data)
    return draw(made, seed, start, count, threads=threads)


@every_change
def test_an_example_is_the_same_in_whatever_batch_and_thread(data: Data):
    whole, cut = drawn(data, 500), drawn(data, 300, start=200, threads=2)
    for one, other in zip(whole[:DRAWN], cut[:DRAWN], strict=True):
        assert np.array_equal(one[200:], other)


@every_change
def test_labels_and_strata_are_those_of_networkx(data: Data):
    batch = drawn(data, 300)
    for i, row in enumerate(batch.tokens.tolist()):
        graph = networkx.Graph([edge for edge in row[:-1] if edge[0]])
        graph.add_nodes_from([1, 2])
        hops = networkx.single_source_shortest_path_length(graph, 1)
        target = row[-1][0]
        assert batch.distance[i] == hops.get(target, LARGEST)
        assert batch.distance_to_2[i] == hops.get(2, LARGEST)
        assert batch.unseen_id[i] == (target > SMALL)
        if 2 in hops and target in hops and target != 2:
            to_2 = networkx.shortest_path_length(graph, target, 2) if target in graph else LARGEST
            on_path = hops[target] + to_2 == hops[2]
            assert (batch.stratum[i] == STRATUM["on_path"]) == on_path
            assert (batch.stratum[i] == STRATUM["off_path"]) == (not on_path)


def test_shares_of_questions_are_those_asked_for():
    stratum = drawn(CHANGES["off path"]).stratum
    shares = {name: (stratum == index).mean() for name, index in STRATUM.items()}
    assert shares["off_path"] == pytest.approx(0.2, abs=0.016)  # four standard deviations
    assert shares["unreachable"] == pytest.approx(0.3, abs=0.019)
    assert shares["absent"] == shares["off_path_cut"] == 0
    plain = drawn(Data()).stratum
    on_path = (plain == STRATUM["on_path"]).mean()
    assert shares["on_path"] == pytest.approx(0.5 * on_path, abs=0.02)


def test_what_is_not_changed_is_the_very_example_of_fine_tuning():
    plain, changed = drawn(Data()), drawn(Data(off_path=0.2))
    same = (plain.tokens == changed.tokens).all((1, 2))
    assert same.mean() == pytest.approx(0.8, abs=0.03)
    assert (changed.stratum[~same] == STRATUM["off_path"]).mean() > 0.98


def test_renaming_leaves_the_structure_alone():
    plain, renamed = drawn(Data()), drawn(Data(random_ids=1.0))
    for field in ("distance", "distance_to_2", "vertices", "stratum", "isolated"):
        assert np.array_equal(getattr(plain, field), getattr(renamed, field)), field
    assert np.array_equal(contents(plain).renamed, contents(renamed).renamed)
    ids = renamed.tokens[:, -1, 0][plain.tokens[:, -1, 0] > 2]
    counts = np.bincount(ids, minlength=LARGEST + 1)[3:]
    assert (np.abs(counts / counts.sum() - 1 / len(counts)) < 0.02).all()  # uniform on 3..8
    changed = (drawn(CHANGES["half renamed"]).tokens != plain.tokens).any((1, 2))
    assert 0.3 < changed.mean() < 0.5  # half, but for graphs whose renaming changes nothing


def test_ids_that_are_present_are_not_asked_for():
    batch = drawn(CHANGES["present"])
    assert batch.tokens[:, -1, 0].max() == SMALL
    assert set(np.unique(batch.tokens[:, :-1])) == set(range(LARGEST + 1))


def test_other_ids_are_one_set_for_each_seed():
    for seed in range(3):
        batch, ids = drawn(CHANGES["other"], seed=seed), other_ids(C.graphs, seed)
        assert set(np.unique(batch.tokens[:, :-1])) == {0, 1, 2, *ids}
        assert set(np.unique(batch.tokens[:, -1, 0])) == {2, *ids}
    assert len({tuple(other_ids(C.graphs, seed)) for seed in range(10)}) > 3


def test_large_graphs_ask_for_small_ids_alone():
    batch = drawn(CHANGES["large"])
    assert batch.vertices.max() == LARGEST
    assert batch.tokens[:, -1, 0].max() == SMALL


def test_few_graphs_come_again_and_again_with_every_question():
    batch = drawn(CHANGES["distinct"])
    found = contents(batch)
    assert len(np.unique(found.graph)) == 100
    assert len(np.unique(found.question)) > 150
    counts = np.unique(found.graph, return_counts=True)[1]
    assert counts.min() > 50  # of 100 expected for each


def test_more_graphs_than_there_are_is_an_error_that_counts_them():
    with pytest.raises(InputError, match=r"distinct_graphs must be at most 4\d\d here"):
        drawn(Data(distinct_graphs=5000), 1)
