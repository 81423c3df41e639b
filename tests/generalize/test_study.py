import json
from pathlib import Path

import numpy as np
import pytest
from offpath.generalize.published import MIXTURE, QUANTITIES

from offpath.configs import Configuration, InputError, differences
from offpath.data.batches import draw
from offpath.data.worlds import world
from offpath.generalize.study import compared, comparison
from offpath.recipes import as_written, laptop, paper, smoke
from offpath.report.study_words import hidden_sentences, origin_sentences
from offpath.run.files import Record
from offpath.run.folder import Run, open_run, read_result
from offpath.slices import STRATA
from tests.report.conftest import circuit_run

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
SHA = "0123abcd" * 8


def cell(matrix: Record, predictor: str, world: str, by: str, part: str) -> Record:
    place = (predictor, world, by, part)
    keys = ("predictor", "world", "by", "slice")
    return next(c for c in matrix["cells"] if tuple(c[key] for key in keys) == place)


def told(configuration: Configuration) -> Record:
    """The record of a run without any score."""
    return compared(configuration, {"cells": []})


def named(configuration: Configuration) -> str:
    return " ".join(origin_sentences(told(configuration), named=True))


def test_the_published_figures_are_those_of_the_study():
    assert {one.quantity: (one.published, *map(str, one.remeasured)) for one in QUANTITIES} == {
        "pretraining": ("0.001623", "0.00195 ± 0.00008"),
        "finetuning_before": ("0.5531", "0.553 to 0.570"),
        "finetuning_after": ("0.01472", "0.18 as written", "0.0045 as reproduced"),
        "test_a": ("0.1020", "0.22 as written", "0.095 as reproduced"),
        "test_b": ("0.1451", "0.40 as written", "0.135 as reproduced"),
        "test_c": ("61.44", "60.8 as reproduced"),
        "test_d": ("47.06", "49.4 as reproduced"),
        "test_e": ("72.87", "73.3 as reproduced"),
    }


def test_what_the_published_figures_pool_is_what_the_generator_draws():
    for name, shares in MIXTURE.items():
        batch = draw(world(name, paper().graphs), seed=0, start=0, count=20_000)
        for stratum, share in shares.items():
            drawn = np.mean(batch.stratum == [s.slice for s in STRATA].index(stratum))
            assert drawn == pytest.approx(share, abs=0.015), (name, stratum)


def test_the_figures_of_a_run_are_the_cells_of_its_matrix(run: Run):
    matrix = read_result(run, "matrix")
    (one,) = comparison([run])["runs"]
    places = {q.quantity: (q.predictor, q.world) for q in QUANTITIES}
    assert [quantity["quantity"] for quantity in one["quantities"]] == list(places)
    assert [places[name] for name in ("pretraining", "finetuning_before", "finetuning_after")] == [
        ("pretrained", "pretraining"),
        ("pretrained", "finetuning"),
        ("finetuned", "finetuning"),
    ]
    for quantity in one["quantities"]:
        place = places[quantity["quantity"]]
        for part in ({"by": "pooled", "slice": "all", **quantity}, *quantity["strata"]):
            found = cell(matrix, *place, part["by"], part["slice"])
            for field in ("count", "mse", "mse_low", "mse_high", "accuracy", "r2"):
                assert part[field] == found[field]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_strata_share_out_all_examples_and_all_error(seed: int):
    matrix = json.loads((RESULTS / f"laptop-seed{seed}" / "matrix.json").read_text())
    quantities = compared(laptop(), matrix)["quantities"]
    assert [len(quantity["strata"]) for quantity in quantities] == [1, 2, 2, 2, 3, 6, 6, 7]
    for quantity in quantities:
        for share in ("share_of_examples", "share_of_error"):
            assert sum(part[share] for part in quantity["strata"]) == pytest.approx(1)


def test_the_share_of_error_is_count_times_error_over_that_of_all(run: Run):
    matrix = read_result(run, "matrix")
    after = comparison([run])["runs"][0]["quantities"][2]["strata"]
    trained = cell(matrix, "finetuned", "finetuning", "stratum", "trained")
    pooled = cell(matrix, "finetuned", "finetuning", "pooled", "all")
    part = 768 * trained["mse"] / (1024 * pooled["mse"])
    assert [s["share_of_error"] for s in after] == pytest.approx([part, 1 - part])


def test_the_study_s_own_configuration_is_recognised_in_both_ways():
    reproduced = paper()
    written = paper().model_copy(update={"finetune": as_written()})
    assert told(reproduced)["differences"] == told(written)["differences"] == []
    study = "The study’s graphs, model and pre-training."
    assert named(reproduced) == f"{study} Fine-tuned as reproduced."
    assert named(written) == f"{study} Fine-tuned as written."


def test_seed_evaluation_and_logging_are_no_differences():
    often = {"log_every_steps": 1, "checkpoint_every_steps": 7}
    changes = {
        "seed": 5,
        "recipe": "mine",
        "evaluate": smoke().evaluate,
        "pretrain": paper().training("pretrain").model_copy(update=often),
        "finetune": paper().training("finetune").model_copy(update=often),
    }
    assert told(paper().model_copy(update=changes))["differences"] == []


def test_options_that_differ_are_named_beside_the_nearer_way_of_fine_tuning():
    larger = paper().graphs.model_copy(update={"finetune_vertices": 8})
    slower = as_written().model_copy(update={"learning_rate": 2e-5})
    one = paper().model_copy(update={"graphs": larger, "finetune": slower})
    assert told(one)["finetuned"] == "as written"
    assert told(one)["differences"] == [
        {"option": "graphs.finetune_vertices", "run": 8, "study": 7},
        {"option": "finetune.learning_rate", "run": 2e-5, "study": 1e-5},
    ]
    assert named(one) == (
        "The study’s model and pre-training. Not the study’s graphs: graphs.finetune_vertices 8, not 7."
        " Fine-tuned in neither way of the study; beside the nearer one, as written: "
        "finetune.learning_rate 2e−5, not 1e−5. Other graphs make other distributions: its figures "
        "are not the study’s quantities, and cannot be set beside the published ones one by one."
    )


def test_a_small_recipe_differs_in_all_parts():
    text = named(laptop())
    assert "Not the study’s graphs, model and pre-training: graphs.max_vertices 8, not 15," in text
    assert "the nearer one, as reproduced: finetune.batch_examples 512, not 1024," in text


def test_how_imported_weights_were_made_is_not_told_by_the_options():
    imported = laptop().model_copy(update={"imported": SHA, "model": paper().model})
    assert {d["option"].split(".")[0] for d in told(imported)["differences"]} == {
        "graphs",
        "finetune",
    }
    first, second, *_ = origin_sentences(told(imported), named=False)
    assert first == (
        "Weights imported (SHA-256 0123abcd…), how they were pre-trained is not known here."
    )
    assert second == "The study’s model."


def test_differences_are_those_of_two_configurations_in_both_directions():
    one, other = laptop(), laptop().model_copy(update={"seed": 3, "imported": SHA})
    assert [str(found) for found in differences(one, other)] == [
        "seed 0, not 3",
        f"imported None, not {SHA}",
    ]
    assert [(d.here, d.there) for d in differences(other, one)] == [(3, 0), (SHA, None)]


def hidden(run: Run, errors: dict[str, float], detailed: bool = True) -> list[str]:
    """What is said of a run whose squared errors are 1 but in those strata."""
    matrix = read_result(run, "matrix")
    for found in matrix["cells"]:
        found["mse"] = errors.get(found["slice"], 1.0)
    named = [c for c in matrix["cells"] if c["by"] in ("stratum", "name")]
    strata = [c for c in named if c["slice"] != "on_path"]
    for whole in (c for c in matrix["cells"] if c["by"] == "pooled"):
        place = ("predictor", "world")
        parts = [c for c in strata if all(c[key] == whole[key] for key in place)]
        total = sum(part["count"] for part in parts)
        whole["mse"] = sum(part["count"] * part["mse"] for part in parts) / total
    sentences = hidden_sentences(compared(run.configuration, matrix), detailed)
    return [one.replace("\N{NO-BREAK SPACE}", " ") for one in sentences]


ON_PATH_SHARES = "75.0 % of the fine-tuning data, 81.2 % of test a and 68.8 % of test b."


def test_an_on_path_score_is_diluted_only_where_target_2_lowers_its_error(run: Run):
    diluted, _ = hidden(run, {"trained": 0.2}, detailed=False)
    assert diluted == (
        "On-path scores are diluted: vertex 2, the target of pre-training, is asked for in "
        f"{ON_PATH_SHARES}"
    )
    worse, _ = hidden(run, {"trained": 5.0}, detailed=False)
    assert worse == (
        "On-path scores mix two tasks, and vertex 2, the target of pre-training, raises the error: "
        f"it is asked for in {ON_PATH_SHARES}"
    )
    level, _ = hidden(run, {}, detailed=False)
    assert level == (
        "On-path scores mix two tasks, though vertex 2, the target of pre-training, leaves the "
        f"error as it is: it is asked for in {ON_PATH_SHARES}"
    )


def test_on_path_scores_of_both_kinds_are_told_apart(run: Run):
    better, worse, _ = hidden(run, {"trained": 2.0, "on_path, unseen": 9.0})
    assert worse == (
        "Some on-path scores mix two tasks, and vertex 2, the target of pre-training, raises the "
        "error: it is asked for in 75.0 % of the fine-tuning data (MSE 1.00 without it, 1.75 with "
        "it) and 81.2 % of test a (MSE 1.00 without it, 1.81 with it)."
    )
    assert better == (
        "Some on-path scores are diluted: vertex 2, the target of pre-training, is asked for in "
        "68.8 % of test b (MSE 4.20 without it, 2.69 with it)."
    )


def test_off_path_scores_are_confounded_where_the_error_is_of_questions_never_shown(run: Run):
    _, confounded = hidden(run, {"absent": 9.0})
    most = "from targets that the graph does not have, which are 25.0 % of the examples"
    assert confounded == (
        "Off-path scores are confounded: questions that fine-tuning never shows carry 89.6 % of "
        f"the squared error of test c on 68.8 % of its examples (75.0 % {most}), 89.6 % of the "
        f"squared error of test d on 68.8 % of its examples (75.0 % {most}) and 91.7 % of the "
        f"squared error of test e on 75.0 % of its examples (75.0 % {most})."
    )


def test_off_path_scores_are_not_confounded_where_the_error_is_of_questions_shown(run: Run):
    _, mixed = hidden(run, {"trained": 99.0}, detailed=False)
    assert mixed == (
        "Off-path scores mix shown questions with those that fine-tuning never shows, which carry "
        "only 2.7 % of the squared error of test c on 68.8 % of its examples, 3.5 % of the squared "
        "error of test d on 68.8 % of its examples and 5.7 % of the squared error of test e on "
        "75.0 % of its examples."
    )
    assert any("confounded" in one for one in hidden(run, {"trained": 1.01}))  # more than a half


def test_the_record_is_json_as_it_is(run: Run):
    record = comparison([run])
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    after = record["quantities"][2]
    assert (after["published"], [found["mse"] for found in after["remeasured"]]) == (
        0.01472,
        [0.18, 0.0045],
    )
    assert record["quantities"][0]["remeasured"][0]["spread"] == 0.00008


def test_what_cannot_be_compared_is_refused_in_one_line(run: Run, tmp_path: Path):
    with pytest.raises(InputError, match="RUN must be given at least once; name the folder"):
        comparison([])
    with pytest.raises(InputError, match=f"each run once; got {run.folder} more than once"):
        comparison([run, Run(run.folder / "..", run.configuration), open_run(run.folder)])
    circuit = circuit_run(laptop(), tmp_path)
    with pytest.raises(InputError, match=r"must be a run that trains; .* of a circuit \(wide\)"):
        comparison([run, circuit])
    run.result("matrix").unlink()
    with pytest.raises(InputError, match=f"make it anew with `offpath evaluate {run.folder}`"):
        comparison([run])
