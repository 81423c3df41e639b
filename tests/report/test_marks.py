"""What charts draw of many points."""

import pytest

from offpath.report.marks import thinned


@pytest.mark.parametrize(
    ("count", "most", "chosen"),
    [(7, 3, [0, 3, 6]), (3, 3, [0, 1, 2]), (2, 5, [0, 1]), (1, 5, [0]), (0, 5, [])],
)
def test_thinned_points_keep_the_first_and_the_last(count: int, most: int, chosen: list[int]):
    assert thinned(range(count), most) == chosen
