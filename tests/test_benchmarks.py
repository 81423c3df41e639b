"""What is measured where there is a GPU runs on a CPU too."""

import shutil

import pytest

from benchmarks.precision import measure
from offpath.compute import compute
from offpath.recipes import smoke


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # torch.compile
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_every_precision_is_measured_beside_torchs_encoder(device: str):
    compiled = shutil.which("g++") is not None
    rows = measure(smoke(), compute(device, 1), rounds=2, compiled=compiled)
    ways = {row["way"] for row in rows if row["precision"] == "bfloat16"}
    assert ways == {
        "offpath",
        "torch's encoder, padded",
        *(["offpath, compiled"] if compiled else []),
    }
    assert all(row["examples_per_second"] > 0 and len(row["seconds"]) == 2 for row in rows)
