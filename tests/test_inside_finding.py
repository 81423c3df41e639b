"""What networks do inside, over seeds: values collected from runs, verdicts of made-up values."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import inside
from docs.finding_figures import figure
from docs.finding_pages import made
from docs.inside_page import spans
from offpath.errors import InputError
from offpath.fit.checkpoints import new_model
from offpath.handcraft.circuits import make
from offpath.recipes import laptop
from offpath.results import Cut
from offpath.run.folder import create_run
from tests.test_findings import TEN, head


def found(near_1: float, near_2: float, within: float, beyond: float, seeds: range = TEN) -> Any:
    """Made-up networks: how often dead ends, and paths of 2 and 3 layers' networks, are told."""
    random = np.random.default_rng(1)

    def row(layers: int, vertices: int) -> dict[str, Any]:
        one, both = spans(layers)
        level = dict.fromkeys(one, within) | dict.fromkeys(both, beyond)
        lengths = {str(d): level.get(d, 1.0 if d <= layers else 0.5) + random.normal(0, 0.004)
                   for d in range(1, vertices - 3)}  # fmt: skip
        ends = {str(layer): [near_1 + random.normal(0, 0.01), near_2 + random.normal(0, 0.01)]
                for layer in (1, 2, 3)}  # fmt: skip
        reach = {"layers": [1, 2, 3], "hops_per_layer": 1.5, "law": "none"}
        bits = {f"{side} {k}": 0.9 for side in ("from_source", "from_target") for k in (1, 2)}
        rule = {"rule": "answer d(1,2)", "questions": "off_path", "errors": 99, "agreement": 0.9,
                "chance": 0.5, "low": 0.3}  # fmt: skip
        return {"right": 0.99, "reach": reach, "ends": ends, "bits": bits, "heads": {"even": 2},
                "numbers": {"to_target, off_path": 0.2, "to_2, off_path": 0.9}, "rules": [rule],
                "lengths": lengths}  # fmt: skip

    arms = {}
    for layers, vertices in ((5, 8), (2, 15), (3, 15)):
        own = {str(seed): row(layers, vertices) for seed in seeds}
        arms[f"{layers} layers, {vertices} vertices"] = {
            "layers": layers, "vertices": vertices, "networks": {"pretrained": own},
            "onsets": {str(seed): {"late": 90.0 + seed, "early": 9.0} for seed in seeds},
        }  # fmt: skip
    return head("inside", {"arms": arms, "measures": {}}, seeds)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((0.8, 0.78, 0.8, 0.5), "**From both ends. As predicted of networks of 2 and 3 layers in "
         "larger graphs, paths are told that search from one end cannot span, and none that is "
         "too long for both.** "),
        ((0.8, 0.5, 0.5, 0.5), "**From vertex 1. The prediction, a hop a layer from each end, did "
         "not hold.** "),
        ((0.5, 0.8, 0.8, 0.6), "**From the target. As predicted of networks of 2 and 3 layers in "
         "larger graphs, paths are told that search from one end cannot span; of those too long "
         "for both, 10."),
        ((0.5, 0.5, 0.5, 0.5), "**No search is shown. The prediction"),
    ],
)  # fmt: skip
def test_the_verdict_follows_from_dead_ends_and_from_the_lengths_told(values: Any, words: str):
    page = made("inside", found(*values))
    assert page.startswith(words)
    assert "| early | 9 | 9–9 | 10 of 10 |" in page
    assert "in every seed: early, late." in page
    assert figure("inside", found(*values)).to_dict()


def test_few_seeds_are_no_verdict():
    page = made("inside", found(0.8, 0.8, 0.8, 0.5, seeds=range(4)))
    assert page.startswith("**No verdict:** 4 seeds are too few.")


def test_lengths_of_two_layers_are_1_hop_from_either_end_and_the_one_between():
    assert [[*span] for span in spans(2)] == [[3], [4, 5]]
    assert [[*span] for span in spans(3)] == [[4, 5], [6, 7]]


def test_dead_ends_count_on_paths_longer_than_the_layer_within_its_hops():
    rows = [Cut(distance=d, end=end, layer=2, pairs=9, told=[end / 4] * d)
            for d in (2, 3, 4) for end in (1, 2)]  # fmt: skip
    rows[-1] = rows[-1].model_copy(update={"told": [1.0, 0.0, 9.0, 9.0]})  # too deep for 2 layers
    assert inside.ends(rows, 2) == [0.25, 0.5]
    assert inside.ends(rows, 4) is None


def test_the_circuit_tells_every_length_and_new_weights_none(monkeypatch):
    monkeypatch.setattr(inside, "PAIRS", 30)
    assert set(inside.lengths(make("edge", 8, laptop().model)).values()) == {1.0}
    told = inside.lengths(new_model(laptop()))
    assert all(0.3 < told[d] < 0.7 for d in (3, 4))


def test_a_run_that_was_not_looked_into_is_named(tmp_path: Path):
    run = create_run(laptop(), tmp_path)
    with pytest.raises(InputError, match=r"has no inside\.json; give `offpath inside "):
        inside.collected([run])
