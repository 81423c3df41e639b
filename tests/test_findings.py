"""Findings: what is collected from runs, verdicts of pages made of made-up values, predictions."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import coherence, depth, findings, leave_one_out, prediction, questions
from docs import coherence_page
from docs.finding_figures import figure
from docs.finding_pages import FINDINGS, made
from docs.finding_verdicts import RULE
from offpath.compute import compute
from offpath.configs import Configuration
from offpath.data.batches import draw
from offpath.data.worlds import world
from offpath.fit.checkpoints import new_model
from offpath.fit.stages import finetune, pretrain
from offpath.handcraft.circuits import set_circuit
from offpath.recipes import laptop, smoke
from offpath.run.folder import Run, create_run, working_on

SPECS = ("random_ids", "relearn")
TEN = range(10)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Two seeds with interventions, trained and not measured."""
    folder, here = tmp_path_factory.mktemp("findings"), compute("cpu", threads=1)
    made = []
    for seed in (0, 1):
        short = {"pretrain.steps": 20, "finetune.steps": 6, "pretrain.checkpoint_every_steps": 20,
                 "finetune.checkpoint_every_steps": 6}  # fmt: skip
        run = create_run(smoke().change({**short, "seed": seed, "interventions": SPECS}), folder)
        with working_on(run, here):
            list(pretrain(run, here))
            set_circuit(run)
            list(finetune(run, here))
        made.append(run)
    return made


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer questions and examples."""
    for module, name, number in ((questions, "CHUNK", 2**11), (questions, "CHUNKS", 1),
                                 (prediction, "EXAMPLES", 64), (prediction, "DRAWS", 1),
                                 (leave_one_out, "RESAMPLES", 5)):  # fmt: skip
        monkeypatch.setattr(module, name, number)


@pytest.mark.usefixtures("few")
def test_values_of_two_seeds_become_a_page_without_a_verdict(runs: list[Run], tmp_path: Path):
    out = tmp_path / "forgetting.json"
    findings.main(["forgetting", *(str(run.folder) for run in runs), "--out", str(out)])
    found = json.loads(out.read_text())
    assert found["seeds"] == [0, 1]
    assert set(found["networks"]) == {"pretrained", "finetuned", *SPECS}
    for by_score in found["scores"].values():
        assert all(len(row) == 2 for one in by_score.values() for row in one.values())
        assert all(None not in row for row in by_score["accuracy"].values())
    shares = found["scores"]["pre-training: no path"]["accuracy"]
    assert all(0 <= share <= 1 for row in shares.values() for share in row)
    assert set(found["relearning"]["rows"]) == {"relearn", "relearn-scratch"}
    assert str(tmp_path) not in out.read_text()
    page = made("forgetting", found)
    assert page.startswith("**No verdict:** 2 seeds are too few for 2 comparisons, which need 9.")
    assert "Not done: another number of threads" in page


@pytest.mark.usefixtures("few")
def test_predictors_are_collected_for_every_fine_tuned_network(runs: list[Run]):
    found = prediction.collected(runs)
    arms = {(row["arm"], row["seed"]) for row in found["rows"]}
    names = {"finetuned", "scratch", "random_ids", "random_ids-scratch"}
    assert arms == {(name, seed) for name in names for seed in (0, 1)}
    for row in found["rows"]:
        assert row["loss"] > 0
        assert 0 <= row["agreement"] <= 1


def test_runs_that_differ_in_more_than_seed_and_interventions_are_refused(runs: list[Run], capsys):
    longer = create_run(smoke().change({"finetune.steps": 30}), runs[0].folder.parent)
    with pytest.raises(SystemExit, match=r"differs from .* in .*finetune\.steps.*leave one"):
        findings.main(["ids", str(runs[0].folder), str(longer.folder)])


def test_a_loss_has_settled_where_it_stays_below_the_bound():
    steps, losses = np.arange(5, 30, 5), np.array([3.0, 0.5, 2.0, 0.4, 0.3])
    assert findings.settled(steps, losses, 1.0) == 20
    assert findings.settled(steps, losses, 0.1) is None
    assert findings.settled(steps, losses, 4.0) == 5


def test_questions_of_depth_have_one_size_and_as_many_of_each_distance(monkeypatch):
    monkeypatch.setattr(depth, "OF_EACH", 20)
    batch = depth.questions(smoke())
    assert np.unique(batch.distance, return_counts=True)[1].tolist() == [20] * 5
    assert set(batch.vertices.tolist()) == {5}


def test_a_rule_agrees_with_itself_and_with_a_constant_by_chance_alone():
    given = np.array([1, 2, 2, 3])
    both = dict(depth.agreements(given, {"own": given.astype(float), "two": np.full(4, 2.0)}))
    assert both["own"]["agreement"] == 1
    assert both["two"] == {"agreement": 0.5, "chance": 0.5}


def test_sharpness_does_not_see_rescaling_that_changes_no_answer():
    c = smoke()
    model = new_model(c)
    batch = draw(world("finetuning", c.graphs), 0, 0, 64)
    before = prediction.sharpness(model, batch, draws=2)
    with torch.no_grad():
        for layer in model.layers:
            for scale, units in ((8.0, slice(0, 9)), (0.25, slice(9, 20))):  # of the ReLU
                layer.linear1.weight[units] *= scale
                layer.linear1.bias[units] *= scale
                layer.linear2.weight[:, units] /= scale
            width = c.model.width
            layer.self_attn.in_proj_weight[:width] *= 4.0  # queries, and keys against them
            layer.self_attn.in_proj_bias[:width] *= 4.0
            layer.self_attn.in_proj_weight[width : 2 * width] /= 4.0
            layer.self_attn.in_proj_bias[width : 2 * width] /= 4.0
    assert prediction.sharpness(model, batch, draws=2) == pytest.approx(before, rel=1e-4)
    assert before != pytest.approx(prediction.sharpness(model, batch, noise=0.2, draws=2))


def rows(accuracy: Any) -> list[dict[str, Any]]:
    """Made-up networks of 4 arms and 10 seeds; `accuracy` maps noise and loss to the result."""
    random, found = np.random.default_rng(0), []
    for arm in range(4):
        for seed in TEN:
            loss, noise = float(10 ** random.uniform(-4, -1)), float(random.uniform(0.2, 0.8))
            here = {"accuracy": accuracy(loss, noise), "disagreement": 0.5, "rule": 0.5,
                    "copies": 0.0}  # fmt: skip
            found.append({"arm": f"arm {arm}", "seed": seed, "loss": loss, "sharpness": 1.0,
                          "agreement": 0.9, "strata": {"hard": here}})  # fmt: skip
    return found


def predicted(monkeypatch: pytest.MonkeyPatch, accuracy: Any) -> dict[str, Any]:
    monkeypatch.setattr(leave_one_out, "RESAMPLES", 20)
    return head("prediction", {
        "settings": {"noise": 0.05, "draws": 8, "examples": 2048}, "questions": {"hard": 1000},
        "strata": leave_one_out.judged(rows(accuracy), ["hard"]),
    })  # fmt: skip


def test_what_the_loss_decides_is_predicted_from_it(monkeypatch):
    found = predicted(monkeypatch, lambda loss, noise: -np.log10(loss) / 5)
    assert np.mean(found["strata"]["hard"]["errors"]["before its questions are known"]) < 0.01
    assert found["strata"]["hard"]["correlations"]["loss"]["all"][0] == pytest.approx(-1)
    page = made("prediction", found)
    assert page.startswith("**Before the test's questions are known: yes.")
    assert figure("prediction", found).to_dict()


def test_what_is_noise_is_hardly_predicted(monkeypatch):
    found = predicted(monkeypatch, lambda loss, noise: noise)
    assert made("prediction", found).startswith("**Before the test's questions are known: no.")


def head(question: str, more: Mapping[str, Any], seeds: range = TEN) -> dict[str, Any]:
    """A made-up record."""
    return {
        "question": question, "command": f"offpath sweep {question}", "recipe": "laptop",
        "options": {}, "max_vertices": 8, "finetune_vertices": 5, "specs": [], "seeds": [*seeds],
        "runs": ["laptop"], "threads": [1], "machines": ["Linux"], "commits": ["abc"],
        "seconds": 60.0, "networks": {"finetuned": "fine-tuned"}, **more,
    }  # fmt: skip


def scored(question: str, accuracies: Mapping[str, float], seeds: range = TEN) -> dict[str, Any]:
    """Made-up accuracies: a mean for each network, on every kind of question, and noise."""
    finding = FINDINGS[question]
    kinds = {c.kind for family in finding.families for c in family.contrasts} | {*finding.kinds}
    names = {n for family in finding.families for c in family.contrasts for n in c[:2]} - {RULE}
    random = np.random.default_rng(1)
    table = {
        kind: {
            score: {
                name: (accuracies.get(name, 0.4) + random.normal(0, 0.02, len(seeds))).tolist()
                for name in sorted(names)
            }
            for score in ("accuracy", "recalibrated", "mse")
        }
        for kind in sorted(kinds)
    }
    return head(question, {
        "networks": {name: name for name in sorted(names)},
        "questions": dict.fromkeys(kinds, 1000),
        "rules": {kind: {"rule": "search 2 hops from 1", "accuracy": 0.7} for kind in kinds},
        "scores": table, "other_ids": [[3, 6, 8]] * len(seeds), "overlap": {}, "relearning": None,
    }, seeds)  # fmt: skip


@pytest.mark.parametrize(
    ("accuracies", "start"),
    [
        ({"random_ids": 0.8}, "**Unseen ids: the ids, not size."),
        ({"large_graphs": 0.8}, "**Unseen ids: size."),
        ({"random_ids": 0.8, "large_graphs": 0.8}, "**Unseen ids: both, ids and size."),
        ({}, "**Unseen ids: neither ids nor size is shown."),
        ({"random_ids": 0.1}, "**Unseen ids: neither ids nor size is shown."),
    ],
)
def test_the_verdict_on_ids_follows_from_the_numbers(accuracies: dict[str, float], start: str):
    found = scored("ids", accuracies)
    assert made("ids", found).startswith(start)
    assert figure("ids", found).to_dict()


def test_with_few_seeds_there_is_no_verdict():
    page = made("ids", scored("ids", {"random_ids": 0.8}, range(5)))
    assert page.startswith("**No verdict:** 5 seeds are too few for 5 comparisons, which need 10.")


def test_the_verdict_off_the_path_names_what_raises_accuracy_and_what_is_above_the_rule():
    page = made("off-path", scored("off-path", {"off_path0.2": 0.6, "oracle": 0.95}))
    assert page.startswith(
        "**Higher than plain fine-tuning: off_path0.2 and oracle. Above the best trivial rule: "
        "oracle.**"
    )
    none = made("off-path", scored("off-path", {}))
    assert none.startswith("**No intervention is shown to raise the accuracy. None is shown to be")


def test_the_verdict_on_pretraining_counts_help_and_harm():
    page = made("pretraining", scored("pretraining", {"finetuned": 0.6, "oracle": 0.1}))
    assert page.startswith("**Of 20 comparisons with the same fine-tuning from untrained weights, ")
    kind = "hard on-path targets with vertex ids seen in fine-tuning"
    assert f"it helps in 4: plain fine-tuning ({kind})" in page
    assert f"it hurts in 4: oracle ({kind})" in page
    assert "Above the best trivial rule with every seed: none." in page
    assert "in 12 no difference is shown.**" in page


@pytest.mark.parametrize(("again", "word"), [(40, "**Masked, not erased:**"),
                                             (300, "**Not shown to be masked:**")])  # fmt: skip
def test_no_path_is_masked_if_it_comes_back_sooner_than_it_is_learned(again: int, word: str):
    found = scored("forgetting", {"pretrained": 0.9, "finetuned": 0.3})
    random = np.random.default_rng(2)
    found["relearning"] = {
        "bounds": [1.0, 0.3], "steps": 600,
        "rows": {name: (steps + random.integers(-20, 20, (10, 2))).tolist()
                 for name, steps in (("relearn", again), ("relearn-scratch", 300))},
    }  # fmt: skip
    page = made("forgetting", found)
    assert page.startswith("**Fine-tuning is worse at pre-training questions without a path and ")
    assert word in page
    assert page.count("| 0.3 | after fine-tuning | ") == 1


def depths(reach: int, seeds: range = TEN) -> dict[str, Any]:
    """Made-up networks that are right up to a number of hops for each layer beyond the first."""
    arms = {}
    for layers in (2, 3, 4):
        for shown in (None, 2 * (layers - 1)):
            last = reach * (layers - 1)
            table = {
                str(seed): {
                    "right": {
                        str(d): 0.97 if d <= last or d == 8 else 0.02 + seed / 1000
                        for d in range(1, 9)
                    },
                    "elsewhere": {str(d): 0.01 for d in range(1, 9)},
                    "median_answer": {str(d): float(min(d, last)) for d in range(1, 9)},
                    "rules": {
                        "no path": {"agreement": 0.1, "chance": 0.1},
                        "search 1 hops from 1": {"agreement": 0.8, "chance": 0.3},
                    },
                }
                for seed in seeds
            }
            arms[f"{layers} layers, {shown or 'every'}"] = {
                "layers": layers,
                "shown": shown,
                "bound": 2 * (layers - 1),
                "rows": table,
            }
    return head("depth", {"labels": [*range(1, 9)], "of_each": 500, "arms": arms}, seeds)


@pytest.mark.parametrize(("reach", "start"), [(2, "**The wall is at the bound.**"),
                                              (1, "**The wall is below the bound.**")])  # fmt: skip
def test_the_verdict_on_depth_says_where_accuracy_ends(reach: int, start: str):
    found = depths(reach)
    page = made("depth", found)
    assert page.startswith(start)
    assert "search 1 hops from 1 | 80.0 % | 30.0 %" in page
    assert figure("depth", found).to_dict()


def test_a_wall_with_few_seeds_is_no_verdict():
    assert made("depth", depths(2, range(4))).startswith("**No verdict: 4 seeds are too few.**")


def test_kinds_of_question_have_rules_that_are_no_truth(monkeypatch):
    monkeypatch.setattr(questions, "CHUNK", 2**12)
    monkeypatch.setattr(questions, "CHUNKS", 1)
    asked = questions.questions(tiny_laptop())
    assert findings.best_rule(asked, "hard: trained")["accuracy"] < 1
    for kind, mask in asked.kinds.items():
        assert mask.sum() >= questions.LEAST, kind
        if kind.startswith("hard"):
            assert (asked.batch.distance[mask] >= 3).all()


COHERENT = ("finetuned", "pretrained", "components", "lipschitz", "lipschitz+audit0", "bellman",
            "bellman+audit0", "bellman+shuffled", "bellman_unanchored",
            "bellman_unanchored+audit0")  # fmt: skip


def coherent(accuracies: Mapping[str, float], seeds: range = TEN) -> dict[str, Any]:
    """Made-up accuracies on whole graphs: a mean for each network, 0.1 by default, and noise."""
    random = np.random.default_rng(3)

    def table(of: Mapping[str, float]) -> dict[str, list[float]]:
        return {name: (of.get(name, 0.1) + random.normal(0, 0.01, len(seeds))).tolist()
                for name in COHERENT}  # fmt: skip

    return head("coherence", {
        "networks": {name: name for name in COHERENT},
        "finetune": {"steps": 400, "batch_examples": 256},
        "graphs": 100, "contents": 50, "judged": 90,
        "questions": dict.fromkeys(coherence_page.DRAWN, 1000),
        "rules": {kind: {"rule": "search 2 hops from 1", "accuracy": 0.8}
                  for kind in coherence_page.DRAWN},
        "scores": {kind: {"accuracy": table(accuracies)} for kind in coherence_page.DRAWN},
        "functions": {kind: table({}) for kind in coherence_page.KINDS},
        "requirements": {"bellman": table({})},
    }, seeds)  # fmt: skip


@pytest.mark.parametrize(
    ("accuracies", "words"),
    [
        ({"bellman_unanchored": 0.7, "lipschitz": 0.02},
         ["**Coherence that leaves the truth open carries", "and yet below the best trivial rule",
          "weaker coherence that makes it worse: lipschitz; weaker coherence that helps too: "
          "none.**",
          "interaction +60."]),
        ({"bellman_unanchored": 0.95, "lipschitz": 0.5},
         ["carries the audited truth", "and above the best trivial rule",
          "helps too: lipschitz.**"]),
        ({"bellman_unanchored": 0.7, "bellman_unanchored+audit0": 0.7},
         ["**That coherence carries the audited truth to hard questions is not shown"]),
        ({"bellman_unanchored": 0.3, "bellman_unanchored+audit0": 0.7},
         ["**Coherence that leaves the truth open works against the audited truth"]),
    ],
)  # fmt: skip
def test_the_verdict_on_coherence_follows_from_the_interaction(accuracies, words):
    found = coherent(accuracies)
    page = made("coherence", found)
    first = page.split("\n\n")[0]
    assert all(word in first for word in words), first
    assert figure("coherence", found).to_dict()


def test_the_interaction_is_the_double_difference_of_each_seed():
    found = coherent({"bellman": 0.6, "bellman+audit0": 0.3, "finetuned": 0.4})
    by = {name: np.array(row) for name, row in
          found["scores"][coherence_page.HARD]["accuracy"].items()}  # fmt: skip
    wanted = by["bellman"] - by["finetuned"] - by["bellman+audit0"] + by["pretrained"]
    made_of = coherence_page.interactions(found, coherence_page.HARD)
    (own,) = (t for t in made_of if t.contrast.first == "bellman")
    assert own.means[0] - own.means[1] == pytest.approx(wanted.mean())
    assert own.low is not None
    assert own.low <= np.median(wanted) <= (own.high or 0)


def test_with_few_seeds_or_networks_there_is_no_verdict_on_coherence():
    few = made("coherence", coherent({"bellman_unanchored": 0.9}, range(4)))
    assert few.startswith("**No verdict:** 4 seeds are too few for 3 comparisons")
    found = coherent({})
    for row in (*found["scores"].values(), *found["requirements"].values()):
        (row.get("accuracy") or row).pop("bellman_unanchored")
    found["networks"].pop("bellman_unanchored")
    assert made("coherence", found).startswith("**No verdict:**")


@pytest.mark.usefixtures("few")
def test_values_on_whole_graphs_are_those_of_networks_that_are_there(runs: list[Run], monkeypatch):
    monkeypatch.setattr(coherence, "LOOKED_THROUGH", 256)
    monkeypatch.setattr(coherence, "CALIBRATION", 512)
    first = runs[0].checkpoint("random_ids")
    hidden = first.rename(first.with_suffix(".hidden"))
    try:
        found = coherence.collected(runs)
    finally:
        hidden.rename(first)
    assert set(found["networks"]) == {"pretrained", "finetuned", *SPECS}
    for row in (*(one["accuracy"] for one in found["scores"].values()),
                *found["functions"].values(), *found["requirements"].values()):  # fmt: skip
        assert [value is None for value in row["random_ids"]] == [True, False]
        assert None not in row["finetuned"]
    for seed in (0, 1):
        shares = [row["finetuned"][seed] for row in found["functions"].values()]
        assert sum(filter(None, shares)) == pytest.approx(1)
    assert all(0 < rule["accuracy"] <= 1 for rule in found["rules"].values())
    page = made("coherence", {**head("coherence", {}, range(2)), **found})
    assert page.startswith("**No verdict:**")


def test_every_question_on_whole_graphs_is_the_example_that_is_drawn():
    c = laptop()
    graphs = coherence.asked(c, looked_through=256)
    every = coherence.every_question(graphs, c.graphs.finetune_vertices)
    drawn = draw(world("test_e", c.graphs), c.evaluate.seed, 0, 256, "evaluation")
    kept = coherence.is_held_out(coherence.adjacency_of(drawn.tokens))
    place = np.arange(kept.sum()) * 7 + drawn.tokens[kept, -1, 0] - 2
    asked, wanted = every.take(place).columns, drawn.take(kept).columns
    assert asked.keys() == wanted.keys()
    assert all(np.array_equal(asked[name], wanted[name]) for name in asked)


def tiny_laptop() -> Configuration:
    return laptop().change({"finetune.steps": 10})
