"""The weights that are part of the repository."""

import json
from pathlib import Path

import numpy as np

from offpath.data.batches import draw
from offpath.data.worlds import world
from offpath.fit.exchange.interop import import_weights
from offpath.fit.transformer import parameter_count, predict
from offpath.recipes import paper_fast

WEIGHTS = Path(__file__).parents[3] / "weights"


def test_the_published_weights_are_imported_and_know_the_distance(tmp_path: Path):
    (path,) = WEIGHTS.glob("*.safetensors")
    assert path.stat().st_size < 3e6
    made = import_weights(path, paper_fast(), heads=None, norm=None, runs_folder=tmp_path)
    assert parameter_count(made.model) == 550_433
    fresh = draw(world("pretraining", paper_fast().graphs), 2, 0, 2000, "evaluation")
    errors = (predict(made.model, fresh.tokens) - fresh.distance.astype(float)) ** 2
    assert np.sort(errors)[:-5].mean() < 0.001, "but for the worst 5 of 2000"


def test_the_published_weights_carry_their_provenance():
    (path,) = WEIGHTS.glob("*.safetensors")
    record = json.loads(path.with_suffix(".json").read_text())
    assert record["config"]["recipe"] == "paper-fast"
    assert record["sessions"][0]["steps_by"] == {"pretrained": "native"}
