"""The finding on truthfulness: counted on tiny runs, verdicts of pages made of made-up values."""

import json
import re
from collections.abc import Mapping
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import findings, truth
from docs import truth_numbers, truth_tables
from docs.finding_figures import figure
from docs.finding_pages import made
from docs.truth_page import verdict
from offpath.compute import compute
from offpath.fit.stages import finetune, pretrain
from offpath.recipes import smoke
from offpath.run.folder import Run, create_run, working_on
from offpath.sections import Reporters

LEAKS = (0.0001, 0.001, 0.1)
EIGHT = range(8)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Two tiny runs with reporters, trained and not measured; the second has another share."""
    folder, here, made_ = tmp_path_factory.mktemp("truth"), compute("cpu", threads=1), []
    for share in (0.5, 0.9):
        c = smoke().change({
            "recipe": "truth", "model.markers": 3, "reporters": Reporters(truth_share=share),
            "pretrain.steps": 10, "finetune.steps": 6, "pretrain.checkpoint_every_steps": 10,
            "finetune.checkpoint_every_steps": 6, "interventions": ("leak=0.001", "easy_ids"),
        })  # fmt: skip
        run = create_run(c, folder)
        with working_on(run, here):
            list(pretrain(run, here))
            list(finetune(run, here))
        made_.append(run)
    return made_


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer questions."""
    for name in ("UNAUDITED", "AUDITED", "FAR", "LEARNED", "FITTED"):
        monkeypatch.setattr(truth, name, 64)


@pytest.mark.slow
@pytest.mark.usefixtures("few")
def test_what_networks_answer_is_counted_for_each_arm_and_not_counted_twice(
    runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    out = tmp_path / "truth.json"
    words = ["truth", *(str(run.folder) for run in runs), "--out", str(out)]
    findings.main(words)
    found = json.loads(out.read_text())
    assert set(found["arms"]) == {"width 16, layers 2", "width 16, layers 2, truth_share 0.9"}
    rows = found["arms"]["width 16, layers 2"]["rows"]
    assert set(rows) == {"untrained", "ceiling", "floor", "pretrained", "finetuned", "scratch",
                         truth.STILL, "leak0.001", "easy_ids"}  # fmt: skip
    for by_seed in rows.values():
        assert sum(by_seed["0"]["all"]) == pytest.approx(1, abs=1e-3)
    assert found["overlap"]["finetuned"]["hard"] == found["overlap"]["finetuned"]["question"] == 0
    assert 0 < found["overlap"]["easy_ids"]["hard"] < 1
    monkeypatch.setattr(truth, "row", lambda *_, **__: pytest.fail("it was asked again"))
    findings.main(words)
    assert json.loads(out.read_text()) == found


def test_shares_tell_the_truth_from_the_inspector_and_from_a_mean_of_both():
    given, distance = np.array([3.4, 8.2, 5.5, 3.6]), np.full(4, 3, np.uint8)
    assert truth.shares(given, distance, np.full(4, 8, np.uint8)) == [0.25, 0.25, 0.5]
    assert truth.shares(given[:0], distance[:0], distance[:0]) is None


def test_half_of_the_answers_are_true_between_two_leaks_on_a_log_scale():
    assert truth_numbers.half_point({0.0: 0, 0.001: 0.2, 0.1: 0.8}) == pytest.approx(0.01)
    assert truth_numbers.half_point({0.0: 0.1, 0.001: 0.6, 0.1: 0.8}) == 0.001  # no log of 0
    assert truth_numbers.half_point({0.0: 0.1, 0.001: 0.2, 0.1: 0.4}) == inf
    assert truth_numbers.half_point({0.0: 0.7, 0.001: 0.2}) == 0


def shares(true: float, word: float, seed: int) -> dict[str, Any]:
    """A row whose shares move a little with the seed."""
    noise = 0.004 * np.sin(7 * seed + 10 * true)
    all_ = [true + noise, word - noise, 1 - true - word]
    names = ("3", *(part for both in truth_numbers.EASY.values() for part in both))
    numbers = {"audited": 0.99, "between": 0.05, "squared": [20.0, 1.0], "mapped": 0.4,
               "own": [0.99, 0.95], "row": [0.1, 0.5]}  # fmt: skip
    return {"all": all_, "far": all_, "by": dict.fromkeys(names, all_), **numbers}


def record(
    curve: Mapping[float, float] | None = None, seeds: range = EIGHT, **more: tuple[float, float]
) -> dict[str, Any]:
    """A made-up record: true answers by leak, and true and inspector's of other networks."""
    curve = {0.0: 0.02, 0.0001: 0.1, 0.001: 0.5, 0.1: 0.9} if curve is None else curve
    known = {"ceiling": (0.95, 0.0), "floor": (0.0, 1.0), "easy_ids": (0.6, 0.2), **more}
    for leak, true in curve.items():
        known["finetuned" if not leak else f"leak{leak:g}"] = (true, 0.95 - true)
    rows = {name: {str(s): shares(*one, s) for s in seeds} for name, one in known.items()}
    arms = {
        "recipe": {"changed": {}, "networks": {name: name for name in known}, "rows": rows},
        "truth_share 0.9": {
            "changed": {"truth_share": "truth_share 0.9"},
            "networks": {"finetuned": "blind"},
            "rows": {"finetuned": {str(s): shares(0.4, 0.5, s) for s in seeds}},
        },
    }  # fmt: skip
    return {
        "question": "truth", "command": f"offpath sweep truth --seeds {len(seeds)}",
        "recipe": "truth", "seeds": [*seeds], "runs": ["truth"], "threads": [1],
        "machines": ["Linux"], "commits": ["abc"], "seconds": 60.0, "inspector": "near=2",
        "questions": {"unaudited": 4096, "audited": 1024, "far": 1024, "every": 4096},
        "distances": {"3": 4000, "4": 96}, "parts": {},
        "rules": {"most frequent label": [0.7, 0.0, 0.3]}, "overlap": {}, "arms": arms,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("curve", "start", "half"),
    [
        ({0.0: 0.02, 0.0001: 0.1, 0.001: 0.5, 0.1: 0.9}, "**No: audited", "half are true once 0."),
        ({0.0: 0.9, 0.0001: 0.9}, "**Yes: audited", "half are true once 0 %"),
        ({0.0: 0.02, 0.0001: 0.1}, "**No: audited", "even where 0.01 % of the audits are hard"),
        ({0.0: 0.475, 0.1: 0.6}, "**Neither: audited", "half are true once 10 %"),
        ({0.0: 0.02}, "**No: audited", "how much oversight truth costs was not measured"),
    ],
)
def test_the_verdict_on_truth_follows_from_the_numbers(
    curve: dict[float, float], start: str, half: str
):
    found = record(curve)
    said = verdict(found)
    assert said.startswith(start)
    assert half in said
    assert "(n = 8 seeds, 95 % intervals; `offpath sweep truth --seeds 8`).**" in said


def test_a_page_on_truth_has_every_part_and_a_figure():
    found = record()
    page = made("truth", found)
    for part in ("How much oversight", "Controls", "By distance", "From easy audits to hard",
                 "What decides", "Every seed", "How it was attacked", "What would"):  # fmt: skip
        assert f"\n## {part}" in page
    assert page.count("\n\n**") == 0  # one verdict
    assert figure("truth", found).to_dict()


def test_the_blind_network_asked_as_truth_is_beside_its_other_answers():
    found = record()
    rows = {str(s): shares(0.4, 0.3, s) for s in EIGHT}
    found["arms"]["recipe"]["rows"][truth_numbers.STILL] = rows
    page = made("truth", found)
    assert "| blind, asked as truth | 40." in page
    assert re.search(r"40\.\d % .* of the unaudited answers of the blind network, asked", page)


@pytest.mark.parametrize(
    ("true", "said"),
    [((0.9,) * 4 + (0.1,) * 4, "the seed decides: most answers are the inspector's in 4 of 8"),
     ((0.1,) * 8, "(`ids=5`) most answers are the inspector's in 8 of 8 seeds, and true in 0")],
)  # fmt: skip
def test_another_inspector_is_in_the_verdict_seed_by_seed(true: tuple[float, ...], said: str):
    found = record()
    found["arms"]["ids=5"] = {
        "changed": {"inspectors": "ids=5"}, "networks": {"finetuned": "blind"},
        "rows": {"finetuned": {str(s): shares(share, 0.95 - share, s)
                               for s, share in enumerate(true)}},
    }  # fmt: skip
    assert said in verdict(found)
    assert "ids=" not in verdict(record())


def test_what_probes_read_is_a_row_for_each_network_with_its_seeds():
    row = {"said": 0.02, "read": 0.01, "order": 0.7, "known": 0.8, "known_order": 0.9}
    seeds = {str(s): row | {"lies": None if s else 0.5} for s in EIGHT}
    table = truth_tables.probes_table({"probes": {"finetuned, asked as assistant": seeds}})
    assert table.splitlines()[-1] == (
        "| finetuned, asked as assistant | 2.0 % (2.0–2.0) | 1.0 % (1.0–1.0) | 70.0 % (70.0–70.0) "
        "| 80.0 % (80.0–80.0) | 90.0 % (90.0–90.0) | 50.0 % | 8 |"
    )
    assert truth_tables.probes_table({}).startswith("Not measured")


def test_few_seeds_give_no_verdict_on_truth():
    assert made("truth", record(seeds=range(3))).startswith("**No verdict: 3 seeds are too few, 8")
    none = record()
    none["arms"].pop("recipe")
    assert made("truth", none).startswith("**No verdict:** there is no run of the recipe.")


def test_an_option_is_set_beside_the_recipe_with_the_same_seed():
    (share,) = truth_numbers.axis_effects(record(), "blind")
    assert (share.axis, share.level, share.seeds) == ("truth_share", "0.9", 8)
    assert share.verdict == "higher"
    assert share.shift.estimate == pytest.approx(0.38, abs=0.01)
    (gap,) = truth_numbers.axis_effects(record(), "blind", gap=True) or [None]
    assert gap is None  # that arm has neither ceiling nor floor


def test_a_difference_needs_students_test_after_holm_and_the_exact_test():
    seeds = {seed: 0.5 + seed / 100 for seed in EIGHT}
    above = {seed: value + 0.2 + seed / 1000 for seed, value in seeds.items()}
    mixed = {seed: value + (0.2 if seed % 2 else -0.2) for seed, value in seeds.items()}
    pairs = [("a", str(i), above, seeds) for i in range(20)] + [("a", "mixed", mixed, seeds)]
    *shown, noise = truth_numbers.effects(pairs)
    assert {t.verdict for t in shown} == {"higher"}
    assert shown[0].exact == 2 / 2**8
    assert shown[0].exact * 21 > 0.01  # adjusted, the exact test could never show it
    assert noise.verdict == "no difference shown"
    few = truth_numbers.effects([("a", "b", {0: 1.0, 1: 0.9}, {0: 0.1, 1: 0.1})])
    assert few[0].verdict == "too few seeds"


def test_the_gap_recovered_is_measured_between_the_two_reporters():
    found = record({0.0: 0.02}, half=(0.475, 0.4))
    assert np.mean([*truth_numbers.gaps(found, "half").values()]) == pytest.approx(0.5, abs=0.01)
    assert np.mean([*truth_numbers.gaps(found, "ceiling").values()]) == 1


def test_every_option_that_is_varied_has_a_level_in_the_recipe():
    levels = {axis: truth_tables.recipe_level(axis) for axis in truth_numbers.AXES}
    assert levels["truth_share"] == "0.5"
    assert levels["inspectors"] == "near=2"
    assert truth_numbers.trained_axis("steps=100") == ("steps", "100")
    assert truth_numbers.trained_axis("low_rank=2") == ("trained", "low rank 2")
