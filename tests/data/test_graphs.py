import numpy as np
import pytest

from offpath.data.graphs import BLOCKS, add_edge, below, frontier_layers, philox_words

# Known answers of Philox4x32-10, from the kat_vectors file of Random123 (Salmon et al. 2011):
# counter, key, output.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_philox_gives_its_published_known_answers(counter, key, expected):
    words = np.empty(2, np.uint64)
    seed = np.uint64(key[0] | key[1] << 32)
    index = np.uint64(counter[1] | counter[2] << 32)
    philox_words(seed, np.uint64(counter[3]), index, np.uint64(counter[0]), words)
    assert words.view(np.uint32).tolist() == list(expected)


def test_blocks_made_together_equal_blocks_made_alone():
    together, alone = np.empty(2 * BLOCKS, np.uint64), np.empty(2, np.uint64)
    philox_words(7, 3, 10**12, 5, together)
    for block in range(BLOCKS):
        philox_words(7, 3, 10**12, 5 + block, alone)
        assert together[2 * block : 2 * block + 2].tolist() == alone.tolist()


@pytest.mark.parametrize("limit", [1, 13, 64, 2016, 2**20])
def test_whole_numbers_fill_their_range_evenly_and_never_leave_it(limit: int):
    words, state = np.empty(2 * BLOCKS, np.uint64), np.array([1, 2, 3, 0, 2 * BLOCKS])
    drawn = np.array([below((words, state), limit) for _ in range(20_000)])
    assert 0 <= drawn.min() <= drawn.max() < limit
    eighths = np.bincount(drawn * 8 // limit, minlength=8) if limit >= 64 else np.bincount(drawn)
    expected = 20_000 / len(eighths)
    assert np.abs(eighths - expected).max() < 5 * expected**0.5


def test_the_longest_possible_path_is_measured():
    adjacency, layers = np.zeros(64, np.uint64), np.zeros(65, np.uint64)
    row = np.zeros((65, 2), np.uint8)
    for vertex in range(63):
        assert add_edge(vertex, vertex + 1, vertex, row, adjacency) == vertex + 1
    for target in range(64):
        mask = np.uint64(1 << target)
        assert frontier_layers(adjacency, 0, mask, 99, layers) == target
        assert layers[: target + 1].tolist() == [1 << vertex for vertex in range(target + 1)]
    assert frontier_layers(adjacency, 0, np.uint64(0), 99, layers) == 99  # visits every layer
    assert row[:63].tolist() == [[v, v + 1] for v in range(1, 64)]
