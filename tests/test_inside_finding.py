"""What networks do inside, over seeds: values collected from runs, verdicts of made-up values."""

from pathlib import Path
from typing import Any

import networkx
import numpy as np
import pytest

from benchmarks import inside
from docs.finding_figures import figure
from docs.finding_pages import made
from docs.inside_page import spans
from offpath.data.batches import draw
from offpath.data.worlds import world
from offpath.errors import InputError
from offpath.fit.checkpoints import new_model
from offpath.fit.transformer import Transformer
from offpath.handcraft.circuits import make
from offpath.recipes import laptop
from offpath.run.folder import create_run
from tests.test_findings import TEN, head


def found(early: tuple[float, float], far: tuple[float, float], seeds: range = TEN) -> Any:
    """Made-up networks: how often dead ends near 1 and 2 are told by 5, and by 3 layers."""
    random = np.random.default_rng(1)

    def noisy(share: float) -> float:
        return share + random.normal(0, 0.01)

    def row(layers: int, vertices: int) -> dict[str, Any]:
        lengths = {str(d): noisy(1.0 if d <= layers else 0.5) for d in range(1, vertices - 3)}
        reach = {"layers": [1, 2, None], "hops_per_layer": 1.5, "law": "none"}
        bits = {f"{side} {k}": 0.9 for side in ("from_source", "from_target") for k in (1, 2)}
        rules = [{"rule": "answer d(1,2)", "questions": where, "agreement": 0.9, "chance": chance,
                  "low": 0.0} for where, chance in (("off_path", 0.5), ("cut", 0.9))]  # fmt: skip
        numbers = {"to_target, off_path": noisy(0.2), "to_2, off_path": 0.9}
        decoys = {"1": noisy(far[0]), "2": noisy(far[1]), "decoy": noisy(0.5)}
        return {"right": 0.99, "reach": reach, "bits": bits, "heads": {"even": 2},
                "early": {str(layer): [noisy(share) for share in early] for layer in range(1, 6)},
                "far": decoys if vertices == 15 else None, "numbers": numbers,
                "rules": rules, "lengths": lengths}  # fmt: skip

    arms = {}
    for layers, vertices in ((5, 8), (2, 15), (3, 15)):
        onsets = {str(seed): {"late": 90.0 + seed, "early": 9.0, "loss of no path": 50.0}
                  for seed in seeds}  # fmt: skip
        networks = {name: {str(seed): row(layers, vertices) for seed in seeds}
                    for name in ("untrained", "pretrained")}  # fmt: skip
        arms[f"{layers} layers, {vertices} vertices"] = {
            "layers": layers, "vertices": vertices, "networks": networks, "onsets": onsets,
        }  # fmt: skip
    return head("inside", {"arms": arms}, seeds)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (((0.8, 0.7), (0.7, 0.7)), "**From both ends. As predicted, other networks see dead ends "
         "near either end of paths too long for them.** "),
        (((0.8, 0.5), (0.7, 0.5)), "**From vertex 1. The prediction, dead ends near either end in "
         "other networks, did not hold.** "),
        (((0.5, 0.8), (0.5, 0.7)), "**From the target. The prediction, "),
        (((0.5, 0.5), (0.5, 0.5)), "**No search is shown. The prediction, "),
    ],
)  # fmt: skip
def test_the_verdict_follows_from_dead_ends_near_either_end(values: Any, words: str):
    page = made("inside", found(*values))
    assert page.startswith(words)
    assert "| early | 9 | 9–9 | 10 of 10 |" in page
    assert "in some seed: no path; all others in none." in page
    assert "in every seed: early, late." in page
    assert "| cut |" not in page  # agreement is chance by construction
    assert "| 5 layers, 8 vertices | pre-trained | 1, 2, – |" in page
    assert figure("inside", found(*values)).to_dict()


def test_few_seeds_are_no_verdict():
    page = made("inside", found((0.8, 0.8), (0.8, 0.8), seeds=range(4)))
    assert page.startswith("**No verdict:** 4 seeds are too few.")


def test_one_end_spans_a_hop_more_than_layers_and_both_ends_twice_the_layers():
    assert [[*span] for span in spans(2)] == [[4], [5, 6]]
    assert [[*span] for span in spans(3)] == [[5, 6], [7, 8]]


def test_a_decoy_is_a_short_piece_of_the_other_path(monkeypatch):
    def pieces(_: object, tokens: np.ndarray) -> np.ndarray:
        """Answers more where some piece has two edges alone."""
        graphs = [networkx.Graph([(a, b) for a, b in one[:-1].tolist() if b]) for one in tokens]
        return np.array(
            [min(map(len, networkx.connected_components(g))) == 3 for g in graphs], float
        )

    monkeypatch.setattr(inside, "predict", pieces)
    monkeypatch.setattr(inside, "PAIRS", 3)
    model = Transformer(laptop().model.model_copy(update={"layers": 2}), 15)
    assert inside.far_dead_ends(model) == {"1": 1.0, "2": 1.0, "decoy": 1.0}


def test_dead_ends_in_graphs_of_8_vertices_are_read_in_the_layer_that_spans_the_path(monkeypatch):
    monkeypatch.setattr(inside, "EARLY_PAIRS", 30)
    others = draw(world("test_e", laptop().graphs), 0, 0, 300)
    told = inside.early_dead_ends(make("edge", 8, laptop().model), others)
    assert [told[layer] for layer in (2, 3)] == [[0.5, 0.5], [1.0, 1.0]]
    assert inside.far_dead_ends(new_model(laptop())) is None


def test_the_circuit_tells_every_length_and_new_weights_none(monkeypatch):
    monkeypatch.setattr(inside, "PAIRS", 30)
    assert set(inside.lengths(make("edge", 8, laptop().model)).values()) == {1.0}
    told = inside.lengths(new_model(laptop()))
    assert all(0.3 < told[d] < 0.7 for d in (3, 4))


def test_a_run_that_was_not_looked_into_is_named(tmp_path: Path):
    run = create_run(laptop(), tmp_path)
    with pytest.raises(InputError, match=r"has no inside\.json; give `offpath inside "):
        inside.collected([run])
