"""The comparison with WWZ24: published figures, partition into strata, and configurations."""

import json
from pathlib import Path

import numpy as np
import pytest

from offpath.configs import Configuration, differences
from offpath.data.batches import draw
from offpath.data.worlds import world
from offpath.generalize.study import MIXTURE, PUBLISHED, study
from offpath.recipes import as_written, laptop, paper, smoke
from offpath.results import Matrix, Scores, Study
from offpath.slices import STRATA, Slice

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
SHA = "0123abcd" * 8


def matrix(folder: str) -> Matrix:
    """The test matrix in a folder of raw results."""
    record = json.loads((RESULTS / folder / "matrix.json").read_text())
    return Matrix(**{k: v for k, v in record.items() if k not in ("run", "format", "sha256")})


def compared(configuration: Configuration) -> Study:
    return study(configuration, matrix("laptop-seed0"))


def test_the_published_figures_are_those_of_wwz24():
    written, again = "as written", "as reproduced"
    assert {row[0]: row[4:] for row in PUBLISHED} == {
        "pretraining": ("0.001623", {"": "0.00195 ± 0.00008"}),
        "finetuning_before": ("0.5531", {"": "0.553 to 0.570"}),
        "finetuning_after": ("0.01472", {written: "0.18", again: "0.0045"}),
        "test_a": ("0.1020", {written: "0.22", again: "0.095"}),
        "test_b": ("0.1451", {written: "0.40", again: "0.135"}),
        "test_c": ("61.44", {again: "60.8"}),
        "test_d": ("47.06", {again: "49.4"}),
        "test_e": ("72.87", {again: "73.3"}),
    }


def test_what_the_published_figures_pool_is_what_the_generator_draws():
    names = [where.slice for where in STRATA]
    for name, shares in MIXTURE.items():
        batch = draw(world(name, paper().graphs), seed=0, start=0, count=20_000)
        for stratum, share in shares.items():
            drawn = np.mean(np.asarray(batch.stratum) == names.index(stratum))
            assert drawn == pytest.approx(share, abs=0.015), (name, stratum)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_figures_of_a_run_are_cells_of_its_matrix_that_share_out_all_examples_and_error(
    seed: int,
):
    cells = matrix(f"laptop-seed{seed}")
    quantities = study(laptop(), cells).quantities
    assert [len(quantity.strata) for quantity in quantities] == [1, 2, 2, 2, 3, 6, 6, 7]
    for quantity in quantities:
        place = (quantity.predictor, quantity.world)
        assert quantity.pooled is not None
        for part, where in [(quantity.pooled, ("pooled", "all"))] + [
            (part, (part.by, part.slice)) for part in quantity.strata
        ]:
            cell = cells.cell(*place, Slice(*where, "", ""))
            assert cell is not None
            for field in Scores.model_fields:
                assert getattr(part, field) == getattr(cell, field)
        assert sum(part.share_of_examples for part in quantity.strata) == pytest.approx(1, rel=1e-5)
        assert sum(part.share_of_error or 0 for part in quantity.strata) == pytest.approx(
            1, rel=1e-5
        )


def test_the_share_of_error_is_count_times_error_over_that_of_all():
    quantity = compared(laptop()).quantities[2]
    assert quantity.pooled is not None
    total = quantity.pooled.count * quantity.pooled.mse
    for part in quantity.strata:
        assert part.share_of_error == pytest.approx(part.count * part.mse / total)


def test_the_configuration_of_wwz24_has_no_differences_in_both_ways():
    written = paper().model_copy(update={"finetune": as_written()})
    for configuration, way in ((paper(), "as reproduced"), (written, "as written")):
        one = compared(configuration)
        assert (one.finetuned, one.differences) == (way, {})


def test_seed_evaluation_and_logging_are_no_differences():
    often = {"log_every_steps": 1, "checkpoint_every_steps": 7}
    changes = {
        "seed": 5,
        "recipe": "mine",
        "evaluate": smoke().evaluate,
        "pretrain": paper().training("pretrain").model_copy(update=often),
        "finetune": paper().training("finetune").model_copy(update=often),
    }
    assert compared(paper().model_copy(update=changes)).differences == {}


def test_options_that_differ_are_named_beside_the_nearer_way_of_fine_tuning():
    larger = paper().graphs.model_copy(update={"finetune_vertices": 8})
    slower = as_written().model_copy(update={"learning_rate": 2e-5})
    one = compared(paper().model_copy(update={"graphs": larger, "finetune": slower}))
    assert one.finetuned == "as written"
    assert one.differences == {
        "graphs.finetune_vertices": (8, 7),
        "finetune.learning_rate": (2e-5, 1e-5),
    }


def test_the_options_do_not_say_how_imported_weights_were_made():
    imported = compared(laptop().model_copy(update={"imported": SHA, "model": paper().model}))
    parts = {option.split(".")[0] for option in imported.differences}
    assert parts == {"graphs", "finetune"}


def test_differences_are_those_of_two_configurations_in_both_directions():
    one, other = laptop(), laptop().model_copy(update={"seed": 3, "imported": SHA})
    assert differences(one, other) == [("seed", 0, 3), ("imported", None, SHA)]
    assert differences(other, one) == [("seed", 3, 0), ("imported", SHA, None)]
