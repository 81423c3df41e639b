"""What is measured where there is a GPU runs on a CPU too."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

WAYS = {"offpath", "torch's encoder, padded", "offpath, compiled"}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_every_precision_is_measured_beside_torchs_encoder(device: str, tmp_path: Path):
    # A process of its own: torch.compile cannot trace the shape checks that are on in tests.
    words = ["--recipe", "smoke", "--batch-examples", "64", "--rounds", "2", "--device", device]
    command = [sys.executable, "-m", "benchmarks.precision", *words]
    own_cache = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=own_cache)
    rows = json.loads(said.stdout)["rows"]
    assert {row["way"] for row in rows if row["precision"] == "bfloat16"} == WAYS
    assert all(row["examples_per_second"] > 0 and len(row["seconds"]) == 2 for row in rows)
