"""The shift suite as it is declared: what moves, what is held, what is refused."""

from collections import Counter, defaultdict
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import chisquare

from offpath.configs import Graphs, InputError
from offpath.data.batches import draw
from offpath.data.families import FAMILIES
from offpath.data.questions import CUT, OFF_PATH, ON_PATH, Question, Shift
from offpath.data.shifts import Axis, axes, chosen_worlds
from offpath.data.worlds import world, worlds
from offpath.recipes import laptop, paper, smoke

LAPTOP, WWZ24 = laptop().graphs, paper().graphs
RECIPES = {"smoke": smoke().graphs, "laptop": LAPTOP, "paper": WWZ24}
SIZES = [(3, 3), (4, 3), (5, 5), (6, 4), (15, 7), (64, 3), (64, 30)]


def shifts(axis: Axis) -> dict[str, Shift]:
    return {level.name: level.world.shift for level in axis.levels if level.world.shift}


def marginal(shift: Shift, *fields: str) -> dict[tuple[object, ...], Fraction]:
    """The shares of the values of some fields of the questions."""
    shares: dict[tuple[object, ...], Fraction] = defaultdict(Fraction)
    for question, share in shift.questions:
        shares[tuple(getattr(question, field) for field in fields)] += share
    return dict(shares)


def alike(axis: Axis, *fields: str) -> bool:
    """Whether all levels that ask for distances have the same shares of these fields."""
    tables = [marginal(shift, *fields) for shift in shifts(axis).values() if shift.questions]
    return all(table == tables[0] for table in tables)


def fixed(axis: Axis, *fields: str) -> bool:
    """Whether all levels have the same values of these fields."""
    return len({tuple(getattr(s, field) for field in fields) for s in shifts(axis).values()}) == 1


@pytest.mark.parametrize("graphs", RECIPES.values(), ids=RECIPES)
def test_each_axis_moves_one_thing_and_holds_the_rest(graphs: Graphs):
    known = axes(graphs)
    for name in ("size", "density", "target_id", "family"):
        if name in known:
            assert alike(known[name], "stratum", "distance", "distance_to_2"), name
    assert fixed(known["size"], "family", "target_ids")
    assert all(s.pairs == s.vertices for s in shifts(known["size"]).values())
    assert fixed(known["target_id"], "family", "vertices", "pairs")
    assert fixed(known["family"], "vertices", "target_ids")
    if "density" in known:
        assert fixed(known["density"], "family", "vertices", "target_ids")
    for name in ("distance", "stratum", "equal_distance", "reachable"):
        assert fixed(known[name], "family", "vertices", "pairs", "target_ids"), name
    for name in ("stratum", "equal_distance", "reachable"):
        assert alike(known[name], "distance"), name
    assert alike(known["equal_distance"], "stratum")
    on, off, cut = shifts(known["stratum"]).values()
    assert marginal(on, "distance", "distance_to_2") == marginal(off, "distance", "distance_to_2")
    assert [set(marginal(s, "stratum")) for s in (on, off, cut)] == [
        {(ON_PATH,)}, {(OFF_PATH,)}, {(CUT,)}
    ]  # fmt: skip
    for level, shift in shifts(known["distance"]).items():
        assert set(marginal(shift, "distance")) == {(int(level),)}
        both = {(ON_PATH,): Fraction(1, 2), (OFF_PATH,): Fraction(1, 2)}
        last = int(level) == graphs.max_vertices - 1
        assert marginal(shift, "stratum") == ({(OFF_PATH,): Fraction(1)} if last else both)


def test_the_levels_of_the_laptop_are_those_that_are_written_down():
    known = {name: [level.name for level in axis.levels] for name, axis in axes(LAPTOP).items()}
    assert known == {
        "size": ["5", "6", "7", "8"],
        "density": ["0.5", "0.75", "1", "1.5", "2", "2.5", "3"],
        "family": ["pairs", *FAMILIES],
        "distance": ["1", "2", "3", "4", "5", "6", "7"],
        "target_id": ["3", "4", "5", "6", "7", "8"],
        "stratum": ["on_path", "off_path", "off_path_cut"],
        "equal_distance": ["other", "equal"],
        "reachable": ["yes", "no"],
    }
    titles = [level.title for level in axes(LAPTOP)["target_id"].levels]
    assert titles[2:4] == ["t = 5, asked in fine-tuning", "t = 6, never shown in fine-tuning"]


def test_where_they_can_be_questions_are_hard():
    for name, axis in axes(WWZ24).items():
        for level, shift in shifts(axis).items():
            for question, _ in shift.questions:
                if name not in ("distance", "density", "family"):
                    assert (question.distance or 0) >= 3, (name, level)
                if question.stratum == OFF_PATH and level != "equal":
                    assert question.distance != question.distance_to_2, (name, level)


@pytest.mark.parametrize("name", ["size/8", "stratum/off_path", "family/grid"])
def test_questions_and_target_ids_have_their_shares(name: str):
    distribution = world(name, LAPTOP)
    assert distribution.shift is not None
    batch, no_path = draw(distribution, 7, 0, 8000), LAPTOP.max_vertices
    drawn = Counter(zip(batch.distance.tolist(), batch.distance_to_2.tolist(), strict=True))
    expected: dict[tuple[int, int], float] = defaultdict(float)
    for question, share in distribution.shift.questions:
        place = question.distance or no_path, question.distance_to_2 or no_path
        expected[place] += 8000 * float(share)
    assert drawn.keys() == expected.keys()
    assert chisquare([drawn[k] for k in expected], list(expected.values())).pvalue > 1e-4
    ids = np.bincount(batch.tokens[:, -1, 0])[3:]
    assert len(ids) == 3
    assert chisquare(ids).pvalue > 1e-4


def test_an_unseen_target_id_takes_one_of_the_seen_ids_with_equal_probability():
    batch = draw(world("target_id/8", LAPTOP), 8, 0, 3000)
    assert set(batch.tokens[:, -1, 0].tolist()) == {8}
    present = [set(row.ravel().tolist()) - {0, 1, 2, 8} for row in batch.tokens[:, :-1]]
    assert set.union(*present) == {3, 4, 5}
    assert max(map(len, present)) == 2
    assert chisquare(list(Counter(v for ids in present for v in ids).values())).pvalue > 1e-4


@pytest.mark.parametrize(("largest", "small"), SIZES)
def test_every_size_of_graphs_has_a_suite(largest: int, small: int):
    graphs = Graphs(max_vertices=largest, finetune_vertices=small, balance_distance=3)
    known = axes(graphs)
    for name, axis in known.items():
        names = [level.name for level in axis.levels]
        assert axis.name == name
        assert axis.base in names
        assert 2 <= len(set(names)) == len(names)
        for shift in shifts(axis).values():
            assert shift.most_edges < 255
            assert sum(share for _, share in shift.questions) in (0, 1)
    levels = [level.world for axis in known.values() for level in axis.levels]
    assert not levels or world(levels[-1].name, graphs) == levels[-1]
    numbers = {one.number for one in [*worlds(graphs).values(), *levels]}
    assert len(numbers) == len(levels) + len(worlds(graphs))
    assert all(2 * number + 1 < 2**32 for number in numbers)


def test_two_axes_are_combined_by_making_both_changes():
    [pair] = chosen_worlds(["size*density"], LAPTOP)
    by_name = shifts(pair)
    assert (by_name["8*2"].vertices, by_name["8*2"].pairs) == (8, 16)
    assert "5*0.5" not in by_name  # two pairs hold no path of four edges
    assert alike(pair, "stratum", "distance", "distance_to_2")
    assert pair.base == "5*1"
    [one, size] = chosen_worlds(["size/7*target_id/8", "size"], LAPTOP)
    assert [level.world.name for level in one.levels] == ["size/7*target_id/8"]
    assert size == axes(LAPTOP)["size"]


def test_every_pair_of_axes_can_be_drawn_where_it_has_levels():
    names = list(axes(LAPTOP))
    for first, second in pairwise(names):
        [pair] = chosen_worlds([f"{first}*{second}"], LAPTOP)
        batch = draw(pair.levels[-1].world, 9, 0, 20)
        assert (batch.vertices == shifts(pair)[pair.levels[-1].name].vertices).all()


SEVEN = LAPTOP.model_copy(update={"max_vertices": 7})
REFUSED = {
    "distance/9": "distance in graphs of at most 7 vertices must be one of 1, .*, 6; got '9'",
    "size/3*distance/5": "size in graphs of at most 7 vertices must be one of 5, 6, 7; got '3'",
    "size/5*distance/5": "no graph fits size/5.distance/5; choose one of size/5.distance/2, ",
    "stratum*reachable": "stratum and reachable move the same thing; choose another pair",
    "sise": r"a shift must be one of size, .*; got 'sise'; did you mean size\?",
    "size*size": "a shift moves one axis, or two different ones as in size.density; got",
    "size*density*family": "a shift moves one axis, or two different ones",
    "size/": "size/ is several worlds; choose one of size/5, size/6, size/7",
    "size": "size is several worlds; choose one of size/5, size/6, size/7",
    "size*family": "size.family is several worlds; .* and [0-9]+ more",
    "test_f": "world must be one of pretraining, .*, size/5, .*, family/pairs.*; got 'test_f'",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_graph_fits_is_refused_in_one_line(name: str):
    severally = name in ("size/", "size", "size*family", "test_f")
    with pytest.raises(InputError, match=REFUSED[name]) as refused:
        world(name, SEVEN) if severally else chosen_worlds([name], SEVEN)
    assert "\n" not in str(refused.value)


def test_a_branch_takes_one_more_vertex_than_a_path():
    assert not Question(ON_PATH, 3, 4).beside
    assert not Question(OFF_PATH, 4, 3).beside
    for question in (Question(OFF_PATH, 3, 4), Question(OFF_PATH, 3, 3), Question(CUT, 3, None)):
        assert question.beside
