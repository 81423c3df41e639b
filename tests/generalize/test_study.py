import json
from pathlib import Path

import numpy as np
import pytest

from offpath.configs import Configuration, InputError, differences
from offpath.data.batches import draw
from offpath.data.worlds import world
from offpath.generalize.study import MIXTURE, PUBLISHED, study
from offpath.recipes import as_written, laptop, paper, smoke
from offpath.results import Matrix, Scores, Study, write_result
from offpath.run.folder import create_run
from offpath.slices import POOLED, STRATA
from tests.report.stories import changed, matrix

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
SHA = "0123abcd" * 8
NOTHING = matrix()


def compared(c: Configuration, folder: Path, found: Matrix = NOTHING) -> Study:
    """The comparison of a run of that configuration with that matrix."""
    run = create_run(c, folder)
    write_result(run, found)
    return study(run)


@pytest.fixture(scope="module")
def measured() -> Matrix:
    """The test matrix of a run of the laptop recipe."""
    record = json.loads((RESULTS / "laptop-seed0" / "matrix.json").read_text())
    return Matrix(**{name: record[name] for name in Matrix.model_fields})


def test_the_published_figures_are_those_of_wwz24():
    assert {quantity: (figure, again) for quantity, _, _, _, figure, again in PUBLISHED} == {
        "pretraining": ("0.001623", {"": "0.00195 ± 0.00008"}),
        "finetuning_before": ("0.5531", {"": "0.553 to 0.570"}),
        "finetuning_after": ("0.01472", {"as written": "0.18", "as reproduced": "0.0045"}),
        "test_a": ("0.1020", {"as written": "0.22", "as reproduced": "0.095"}),
        "test_b": ("0.1451", {"as written": "0.40", "as reproduced": "0.135"}),
        "test_c": ("61.44", {"as reproduced": "60.8"}),
        "test_d": ("47.06", {"as reproduced": "49.4"}),
        "test_e": ("72.87", {"as reproduced": "73.3"}),
    }


def test_what_the_published_figures_pool_is_what_the_generator_draws():
    names = [where.slice for where in STRATA]
    for name, shares in MIXTURE.items():
        batch = draw(world(name, paper().graphs), seed=0, start=0, count=20_000)
        for stratum, share in shares.items():
            drawn = np.mean(np.asarray(batch.stratum) == names.index(stratum))
            assert drawn == pytest.approx(share, abs=0.015), (name, stratum)


def test_the_figures_of_a_run_are_the_cells_of_its_matrix(measured: Matrix, tmp_path: Path):
    found = compared(laptop(), tmp_path, measured)
    places = [(q.quantity, q.predictor, q.world) for q in found.quantities]
    assert places == [(quantity, *place) for quantity, _, *place, _, _ in PUBLISHED]
    for quantity in found.quantities:
        parts = [((p.by, p.slice), p) for p in quantity.strata]
        for (by, name), part in [((POOLED.by, POOLED.slice), quantity.pooled), *parts]:
            place = (quantity.predictor, quantity.world, by, name)
            (cell,) = [c for c in measured.cells if (c.predictor, c.world, c.by, c.slice) == place]
            for field in Scores.model_fields:
                assert getattr(part, field) == getattr(cell, field)


def test_strata_hold_all_examples_and_all_error_once(measured: Matrix, tmp_path: Path):
    quantities = compared(laptop(), tmp_path, measured).quantities
    assert [len(quantity.strata) for quantity in quantities] == [1, 2, 2, 2, 3, 6, 6, 7]
    for quantity in quantities:
        assert sum(part.share_of_examples for part in quantity.strata) == pytest.approx(1)
        assert sum(part.share_of_error or 0 for part in quantity.strata) == pytest.approx(1)


def test_the_share_of_error_is_count_times_error_over_that_of_all(tmp_path: Path):
    found = compared(smoke(), tmp_path, matrix(finetuned=(1, 1, 1, 1, 1, 1, 0.5)))
    test_e = found.quantities[-1]
    assert test_e.pooled
    part = 900 * 12 * 0.25 / (test_e.pooled.count * test_e.pooled.mse)
    assert [p.share_of_error for p in test_e.strata] == pytest.approx([0] * 6 + [part])


def test_without_any_error_no_stratum_has_a_share_of_it(tmp_path: Path):
    found = compared(smoke(), tmp_path, matrix(finetuned=(1.0,) * 7))
    assert {part.share_of_error for part in found.quantities[-1].strata} == {None}


def test_vertex_ids_on_the_path_stay_together_where_a_matrix_does_not_split_them(
    measured: Matrix, tmp_path: Path
):
    cells = [cell for cell in measured.cells if cell.by != "vertex_id"]
    found = compared(laptop(), tmp_path, changed(measured, cells=cells))
    assert [part.slice for part in found.quantities[4].strata] == ["trained", "on_path"]


def test_a_quantity_that_was_not_measured_has_no_score(tmp_path: Path):
    found = compared(smoke(), tmp_path)
    assert all(q.pooled is None for q in found.quantities)
    assert [q.published for q in found.quantities] == [row[4] for row in PUBLISHED]


def test_the_configuration_of_wwz24_is_recognised_in_both_ways(tmp_path: Path):
    for way, finetune in (("as reproduced", paper().finetune), ("as written", as_written())):
        found = compared(paper().model_copy(update={"finetune": finetune}), tmp_path)
        assert (found.finetuned, found.differences) == (way, {})


def test_seed_evaluation_and_logging_are_no_differences(tmp_path: Path):
    often = {"log_every_steps": 1, "checkpoint_every_steps": 7}
    pretrain, finetune = paper().pretrain, paper().finetune
    assert pretrain
    assert finetune
    changes = {
        "seed": 5,
        "recipe": "mine",
        "evaluate": smoke().evaluate,
        "pretrain": pretrain.model_copy(update=often),
        "finetune": finetune.model_copy(update=often),
    }
    assert compared(paper().model_copy(update=changes), tmp_path).differences == {}


def test_options_that_differ_stand_beside_the_nearer_way_of_fine_tuning(tmp_path: Path):
    larger = paper().graphs.model_copy(update={"finetune_vertices": 8})
    slower = as_written().model_copy(update={"learning_rate": 2e-5})
    found = compared(paper().model_copy(update={"graphs": larger, "finetune": slower}), tmp_path)
    assert found.finetuned == "as written"
    assert found.differences == {
        "graphs.finetune_vertices": (8, 7),
        "finetune.learning_rate": (2e-5, 1e-5),
    }


def test_a_small_recipe_differs_in_all_parts(tmp_path: Path):
    parts = {option.split(".")[0] for option in compared(laptop(), tmp_path).differences}
    assert parts == {"graphs", "model", "pretrain", "finetune"}


def test_how_imported_weights_were_pre_trained_is_no_difference(tmp_path: Path):
    imported = laptop().model_copy(update={"imported": SHA, "model": paper().model})
    found = compared(imported, tmp_path)
    assert {option.split(".")[0] for option in found.differences} == {"graphs", "finetune"}
    assert found.imported == SHA


def test_differences_are_those_of_two_configurations_in_both_directions():
    one, other = laptop(), laptop().model_copy(update={"seed": 3, "imported": SHA})
    assert [str(found) for found in differences(one, other)] == [
        "seed 0, not 3",
        f"imported None, not {SHA}",
    ]
    assert [(d.here, d.there) for d in differences(other, one)] == [(3, 0), (SHA, None)]


def test_a_run_that_cannot_be_compared_is_refused_in_one_line(tmp_path: Path):
    alone = create_run(laptop().model_copy(update={"pretrain": None, "finetune": None}), tmp_path)
    with pytest.raises(InputError, match=r"must be a run that trains; .* of a circuit \(edge\)"):
        study(alone)
    run = create_run(laptop(), tmp_path)
    with pytest.raises(InputError, match=f"make it anew with `offpath evaluate {run.folder}`"):
        study(run)
