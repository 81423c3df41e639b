"""Groups of runs, values by seed, and differences with their verdicts."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from offpath.comparison import BEST_RULE, ONE_SEED, Comparison, Difference
from offpath.errors import InputError
from offpath.generalize.groups import SCORES, check_format, measured, write_scores
from offpath.generalize.seeds import compare
from offpath.generalize.statistics import holm, sign_flip_p, typical_difference
from offpath.results import Matrix, read_result, write_result
from offpath.run.folder import Run
from offpath.slices import ANY_TARGET, HARD, HARD_HEADLINE
from tests.report.stories import changed
from tests.seed_runs import seed_runs

SEEN, UNSEEN = HARD[1:3]


@pytest.fixture(scope="module")
def twelve(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    return seed_runs(tmp_path_factory.mktemp("runs"), range(12))


@pytest.fixture(scope="module")
def made(twelve: list[Run]) -> Comparison:
    return compare(measured(twelve), against="all")


def accuracies(runs: Sequence[Run], name: str) -> np.ndarray:
    cells = [read_result(run, Matrix).cell(name, ANY_TARGET, SEEN) for run in runs]
    return np.array([cell.accuracy for cell in cells if cell])


def difference(made: Comparison, second: str) -> Difference:
    return next(d for d in made.differences if d.second[1] == second and d.slice == SEEN.slice)


def with_accuracies(run: Run, name: str, accuracy: float) -> None:
    """Give a network one accuracy on every slice."""
    matrix = read_result(run, Matrix)
    cells = [
        changed(cell, accuracy=accuracy) if cell.predictor == name else cell
        for cell in matrix.cells
    ]
    write_result(run, changed(matrix, cells=cells))


def test_the_scores_of_a_network_are_those_of_its_matrices(made: Comparison, twelve: list[Run]):
    (row,) = [one for one in made.scores if (one.predictor, one.slice) == ("finetuned", SEEN.slice)]
    values = accuracies(twelve, "finetuned")
    assert (row.seeds, row.values) == ([*range(12)], values.tolist())
    assert (row.lowest, row.highest) == (min(values), max(values))
    assert row.mean == pytest.approx(sum(values) / 12)
    assert row.median == pytest.approx(sorted(values)[5] / 2 + sorted(values)[6] / 2)


def test_the_best_rule_is_the_one_with_the_highest_accuracy_on_the_slice(made: Comparison):
    rules = {row.slice: row.rule for row in made.scores if row.predictor == BEST_RULE}
    names = ("constant", "constant", "distance_to_2", "distance_to_2")
    assert rules == {where.slice: name for where, name in zip(HARD_HEADLINE, names, strict=True)}
    above = {row.slice: row.above_rule for row in made.scores if row.predictor == "pretrained"}
    assert [(one or (None,))[0] for one in above.values()] == [0, 0, 0, 12]


def test_no_network_is_compared_with_a_rule_that_is_a_search(tmp_path: Path):
    runs = seed_runs(tmp_path, range(2))
    for run in runs:
        matrix = read_result(run, Matrix)
        predictors = [
            changed(row, trivial=row.predictor == "distance_to_2") for row in matrix.predictors
        ]
        write_result(run, changed(matrix, predictors=predictors))
    rules = [row.rule for row in compare(measured(runs)).scores if row.predictor == BEST_RULE]
    assert rules == ["distance_to_2"] * 4


def test_a_difference_is_paired_by_seed_and_has_exact_statistics(
    made: Comparison, twelve: list[Run]
):
    one = difference(made, "scratch")
    by_seed = accuracies(twelve, "finetuned") - accuracies(twelve, "scratch")
    assert one.differences == by_seed.tolist()
    assert one.p == sign_flip_p(by_seed) == 2 / 2**12
    assert (one.estimate, one.low, one.high, one.level) == typical_difference(by_seed)
    assert (one.first_title, one.second_title) == ("fine-tuned", "from scratch")


def test_holm_adjusts_every_difference_that_is_given_as_one_family(made: Comparison):
    assert len(made.differences) == 16
    p = np.array([one.p for one in made.differences])
    assert [one.adjusted_p for one in made.differences] == holm(p).tolist()


def test_higher_and_lower_need_an_adjusted_p_below_a_hundredth(made: Comparison):
    for one in made.differences:
        if one.adjusted_p < 0.01:
            assert one.verdict == ("higher" if one.estimate > 0 else "lower")
            assert one.seeds_for_power is None
        else:
            assert one.verdict == "no difference shown (12 seeds)"
    verdicts = {one.verdict for one in made.differences}
    assert verdicts == {"higher", "lower", "no difference shown (12 seeds)"}


def test_with_too_few_seeds_for_the_family_a_line_says_what_makes_a_verdict_possible(
    twelve: list[Run],
):
    ten = measured(twelve[:10])
    made = compare(ten, against="all")
    assert min(one.adjusted_p for one in made.differences) == pytest.approx(16 * 2 / 2**10)
    assert {one.verdict for one in made.differences} == {"no difference shown (10 seeds)"}
    (note,) = made.notes
    assert "with 16 comparisons and 10 seeds no adjusted p is below 0.031" in note
    assert "12 seeds make it possible, or fewer comparisons (--against)" in note
    few = compare(ten, against="scratch")
    assert (len(few.differences), few.notes) == (4, [])
    assert difference(few, "scratch").verdict == "higher"


def test_one_seed_shows_a_table_and_no_verdict(twelve: list[Run]):
    one = compare(measured(twelve[:1]))
    assert one.scores
    assert (one.differences, one.notes) == ([], [ONE_SEED])


def test_groups_are_named_by_an_option_and_compared_with_the_first(tmp_path: Path):
    runs = seed_runs(tmp_path, range(4)) + seed_runs(tmp_path, range(6), {"finetune.steps": 9}, 0.1)
    made = compare(measured(runs, "finetune.steps"), against="groups")
    assert made.groups == ["finetune.steps 20", "finetune.steps 9"]
    assert len(made.differences) == 4
    one = made.differences[1]
    assert (one.first_title, one.second_title) == (
        "fine-tuned, finetune.steps 9",
        "finetune.steps 20",
    )
    assert (one.slice, one.seeds) == (UNSEEN.slice, [0, 1, 2, 3])
    assert one.estimate == pytest.approx(0.1, abs=0.001)
    assert any("without a partner are left out (4, 5)" in note for note in made.notes)


def test_groups_without_common_seeds_are_not_compared(tmp_path: Path):
    runs = seed_runs(tmp_path, [0, 1]) + seed_runs(tmp_path, [2, 3], {"finetune.steps": 9})
    made = compare(measured(runs, "finetune.steps"), against="groups")
    assert made.differences == []
    assert "too few are left to compare" in made.notes[0]


def test_runs_that_differ_in_other_options_are_refused_with_their_names(tmp_path: Path):
    options = {"finetune.steps": 9, "model.layers": 3}
    runs = seed_runs(tmp_path, [0, 1]) + seed_runs(tmp_path, [0], options)
    with pytest.raises(
        InputError, match=r"in finetune\.steps, model\.layers besides the seed; .*--by"
    ):
        measured(runs)
    with pytest.raises(
        InputError, match=r"in model\.layers besides the seed and finetune\.steps; leave some"
    ):
        measured(runs, "finetune.steps")


def test_a_field_that_is_no_option_is_refused_with_the_nearest(twelve: list[Run]):
    with pytest.raises(InputError, match=r"got 'finetune.stps'; did you mean finetune.steps\?"):
        measured(twelve, "finetune.stps")
    with pytest.raises(InputError, match="--by must not be seed"):
        measured(twelve, "seed")


def test_a_seed_that_is_there_twice_is_refused(tmp_path: Path, twelve: list[Run]):
    with pytest.raises(InputError, match=r"2 runs of smoke-.* have seed 3; name each run once"):
        measured([*twelve, *seed_runs(tmp_path, [3])])


def test_runs_measured_on_other_examples_are_refused(tmp_path: Path):
    runs = seed_runs(tmp_path, [0, 1]) + seed_runs(tmp_path, [2], sha256="cd" * 32)
    with pytest.raises(InputError, match=r"seed1 and .*seed2 .* examples of test e .*abababab…"):
        compare(measured(runs))


def test_an_unknown_distribution_and_a_missing_score_are_refused(twelve: list[Run]):
    with pytest.raises(InputError, match="--world must be one of test_e; got 'test_a'"):
        compare(measured(twelve), "test_a")
    with pytest.raises(InputError, match="no auroc on test e; measure them again"):
        compare(measured(twelve), score="auroc")


def test_of_squared_errors_the_lowest_rule_is_the_best(twelve: list[Run]):
    made = compare(measured(twelve), score="mse", against="all")
    (row,) = [r for r in made.scores if (r.predictor, r.slice) == (BEST_RULE, SEEN.slice)]
    assert row.rule == "constant"
    assert difference(made, "scratch").estimate < 0


def test_seeds_that_fall_into_two_groups_are_named(tmp_path: Path):
    runs = seed_runs(tmp_path, range(10))
    for run in runs:
        high = run.configuration.seed % 2
        with_accuracies(run, "scratch", 0.1 + 0.7 * high + 0.001 * run.configuration.seed)
    notes = [note for note in compare(measured(runs)).notes if "two groups" in note]
    assert len(notes) == 4
    assert all(note.startswith("from scratch on ") for note in notes)


def test_the_long_table_has_every_score_of_every_cell(twelve: list[Run], tmp_path: Path):
    runs, paths = measured(twelve[:2]), [tmp_path / "x.csv", tmp_path / "x.parquet"]
    for path in paths:
        assert write_scores(runs, path) == 2 * 7 * 4
    with open(paths[0], newline="") as file:
        rows = [*csv.DictReader(file)]
    table = pyarrow.parquet.read_table(paths[1]).to_pylist()
    columns = ["group", "seed", "network", "world", "by", "slice", *SCORES]
    assert [*rows[0]] == [*table[0]] == columns
    for row, record in zip(rows, table, strict=True):
        assert row == {n: "" if v is None else str(v) for n, v in record.items()}
    cell = runs[1].matrix.cell("finetuned", ANY_TARGET, UNSEEN)
    (found,) = [r for r in table if (r["seed"], r["network"], r["slice"])
                == (1, "finetuned", UNSEEN.slice)]  # fmt: skip
    assert cell
    assert {name: found[name] for name in SCORES} == {name: getattr(cell, name) for name in SCORES}


def test_a_file_of_another_kind_is_refused(tmp_path: Path, monkeypatch):
    with pytest.raises(
        InputError, match=r"--out must end in \.csv, \.parquet, \.json; got .*x.txt"
    ):
        check_format(tmp_path / "x.txt")
    monkeypatch.setattr("offpath.run.extras.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"writing .parquet .* needs the extra `data`"):
        check_format(tmp_path / "x.parquet")
