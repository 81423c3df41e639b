import networkx
import numpy as np
import pytest

from offpath.data.distances import NO_PATH, distances
from tests.cases import CASES, Case


def tokens_of(edges) -> np.ndarray:
    return np.array([[*edges, (0, 0)]], np.uint8)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_distances_match_the_worked_cases(case: Case):
    expected = [NO_PATH if hops is None else hops for hops in case.hops]
    assert distances(tokens_of(case.edges), 1, case.vertices)[0].tolist() == expected


@pytest.mark.parametrize("vertices", [2, 15, 63, 64])
@pytest.mark.parametrize("seed", range(5))
def test_distances_match_networkx_up_to_64_vertices(vertices: int, seed: int):
    graph = networkx.gnm_random_graph(vertices, vertices, seed=seed)
    source = 1 + seed % vertices
    found = distances(tokens_of([(a + 1, b + 1) for a, b in graph.edges]), source, vertices)[0]
    truth = networkx.single_source_shortest_path_length(graph, source - 1)
    assert found.tolist() == [truth.get(v, NO_PATH) for v in range(vertices)]


def test_the_longest_possible_path_is_measured():
    line = tokens_of([(v, v + 1) for v in range(1, 64)])
    assert distances(line, 1, 64)[0].tolist() == list(range(64))


@pytest.mark.parametrize(("source", "vertices"), [(0, 5), (6, 5), (1, 65), (1, 0)])
def test_a_source_or_size_out_of_range_is_named_in_the_error(source: int, vertices: int):
    with pytest.raises(ValueError, match=r"must be .*1 to (5|64).*; got (0|6|65)"):
        distances(tokens_of([(1, 2)]), source, vertices)
