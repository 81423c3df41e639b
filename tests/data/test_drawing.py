"""Places of vertices in a drawing."""

import numpy as np
import pytest

from offpath.data.batches import draw
from offpath.data.drawing import places
from offpath.data.worlds import world
from offpath.recipes import paper


def test_all_vertices_of_random_graphs_have_a_place_of_their_own_inside_the_box():
    batch = draw(world("test_e", paper().graphs), seed=0, start=0, count=200)
    for tokens, vertices in zip(batch.tokens, batch.vertices.tolist(), strict=True):
        edges = [(a, b) for a, b in tokens[:-1].tolist() if b]
        drawn = np.array(places(edges, vertices))
        assert drawn.shape == (vertices, 2)
        assert ((drawn >= 0) & (drawn <= 1)).all()
        apart = np.abs(drawn[:, None] - drawn[None]).max(2) + np.eye(vertices)
        assert apart.min() > 0.03, (edges, drawn)


def test_components_do_not_overlap_and_that_of_vertex_1_comes_first():
    drawn = places([(2, 4), (4, 5), (2, 5), (1, 3)], vertices=6)
    across = [x for x, _ in drawn]
    assert max(across[0], across[2]) < min(across[1], across[3], across[4])
    assert max(across[:5]) < across[5] == 1


@pytest.mark.parametrize("edges", [[], [(1, 2)], [(2, 3), (1, 2)]])
def test_small_graphs_are_drawn_too(edges: list[tuple[int, int]]):
    drawn = places(edges, vertices=3)
    assert len({*drawn}) == 3
    if len(edges) == 2:  # a path is a line, not the tremble of its layout
        assert {x for x, _ in drawn} == {0.5}
