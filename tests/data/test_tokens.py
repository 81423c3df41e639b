from collections import Counter

import numpy as np
import pytest

from offpath.data.batches import draw
from offpath.data.tokens import encode, pack
from offpath.data.worlds import worlds
from offpath.recipes import laptop


@pytest.mark.parametrize("groups", [1, 4, 6, 65])
def test_packing_keeps_each_token_with_its_number_and_the_question_last(groups: int):
    batch = draw(worlds(laptop().graphs)["test_e"], 0, 0, 300)
    packed = pack(batch.tokens, groups)
    start = position = 0
    for examples, length in packed.groups:
        for _ in range(examples):
            here = slice(start, start + length)
            original = batch.tokens[packed.order[position]]
            expected = Counter(map(tuple, original[original[:, 1] > 0].tolist()))
            tokens, times = packed.tokens[here].tolist(), packed.times[here].tolist()
            found = {tuple(a): n for a, n in zip(tokens, times, strict=True) if n}
            assert found == expected
            assert len(found) == sum(n > 0 for n in times)  # each token is there once
            assert all(a == [0, 0] for a, n in zip(tokens, times, strict=True) if not n)
            assert (tokens[-1], times[-1]) == (original[-1].tolist(), 1)
            start, position = start + length, position + 1
    assert start == len(packed.tokens) == len(packed.times)
    assert position == 300
    assert sorted(packed.order) == list(range(300))


def test_a_group_for_each_length_leaves_no_padding():
    packed = pack(draw(worlds(laptop().graphs)["test_e"], 0, 0, 300).tokens)
    assert packed.times.all()
    assert [length for _, length in packed.groups] == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_packing_leaves_the_share_of_padding_that_its_docstring_says():
    for limit, share, whole in ((8, 0.15, 0.83), (15, 0.14, 0.92)):
        graphs = laptop().graphs.model_copy(update={"max_vertices": limit, "balance_distance": 5})
        batch = draw(worlds(graphs)["pretraining"], 0, 0, 4096)
        real = len(pack(batch.tokens).tokens)
        assert len(pack(batch.tokens, 6).tokens) / real - 1 == pytest.approx(share, abs=0.03)
        assert batch.tokens[:, :, 0].size / real - 1 == pytest.approx(whole, abs=0.03)


def test_more_groups_than_examples_are_no_error():
    assert pack(np.zeros((1, 4, 2), np.uint8)).groups == ((1, 1),)


@pytest.mark.parametrize("edge", [(1, 5), (0, 1)])
def test_a_vertex_that_does_not_exist_is_named_in_the_error(edge: tuple[int, int]):
    with pytest.raises(ValueError, match=r"a vertex must be 1 to 4; got [05]"):
        encode([edge], 2, max_vertices=4)


@pytest.mark.parametrize("target", [0, 5])
def test_a_target_outside_the_graph_is_named_in_the_error(target: int):
    with pytest.raises(ValueError, match=rf"^target must be 2 to 4; got {target}$"):
        encode([(1, 2)], target, max_vertices=4)


def test_the_source_is_no_target():
    line = "target must be 2 to 4; got 1: the distance from 1 to itself is 0, and no question"
    with pytest.raises(ValueError, match=f"^{line}$"):
        encode([(1, 2)], 1, max_vertices=4)


def test_more_edges_than_fit_are_named_in_the_error():
    with pytest.raises(ValueError, match=r"at most 4 edges fit, .*; got 5"):
        encode([(1, 2)] * 5, 2, max_vertices=4)
