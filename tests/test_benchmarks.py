"""The scripts of the benchmarks run, on small networks and for a moment; no time is judged."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from benchmarks import graphs, scaling, step, tables
from benchmarks.turns import WAYS as STEPS
from docs.speed_tables import FIELDS
from offpath.fit.native import native_library

FOLDER = Path(__file__).parents[1] / "benchmarks"
MOMENT = ["--recipes", "smoke", "--threads", "1", "--rounds", "2", "--seconds", "0.01"]
needs_compiler = pytest.mark.skipif(native_library()[0] is None, reason="no C++ compiler")
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


@needs_compiler
def test_a_step_is_measured_in_every_way_and_its_parts_add_up(tmp_path: Path, capsys):
    out = tmp_path / "new" / "step.json"
    step.main([*MOMENT, "--out", str(out)])
    result = json.loads(out.read_text())
    assert [row["world"] for row in result["rows"]] == ["pretraining", "finetuning"]
    for row in result["rows"]:
        assert row["threads"] == 1
        assert row["operations_per_example"] > 0
        assert tuple(row["examples_per_second"]) == STEPS
        for rate in row["examples_per_second"].values():
            assert len(rate["rounds"]) == 2
            assert min(rate["rounds"]) <= rate["median"] <= max(rate["rounds"])
        for shares in row["shares"].values():
            assert min(shares.values()) >= 0
            assert sum(shares.values()) == pytest.approx(1, abs=1e-3)
    assert result["native_speed_up"] == []  # of two threads nothing is known
    shown = capsys.readouterr().out
    assert all(table(result).title in shown for table in tables.TABLES["step"][:4])


@needs_compiler
def test_scaling_covers_every_arrangement_size_and_way(tmp_path: Path, capsys):
    out = tmp_path / "scaling.json"
    scaling.main([*MOMENT, "--base", "smoke", "--out", str(out)])
    result = json.loads(out.read_text())
    arranged = {(row["way"], row["arrangement"]) for row in result["arrangements"]}
    assert arranged == {(way, name) for way in STEPS for name in ("one thread", "two processes")}
    sizes = [(row["changed"], row["size"]) for row in result["sizes"]]
    assert sizes == [(what, size) for what, all_ in scaling.SMOKE_SIZES.items() for size in all_]
    assert all(tuple(row["examples_per_second"]) == STEPS for row in result["sizes"])
    untrained, *trained = [row["peak_bytes"] for row in result["memory"]]
    assert len(trained) == len(STEPS)
    assert 2**24 < untrained < min(trained)
    shown = capsys.readouterr().out
    assert all(table(result).title in shown for table in tables.TABLES["scaling"])


def test_drawing_is_measured_on_every_distribution(capsys):
    graphs.main(["--rounds", "1", "--seconds", "0.001"])
    result = json.loads(capsys.readouterr().out)
    (table,) = (table(result) for table in tables.TABLES["graphs"])
    assert len(table.rows) == 14
    assert all(len(row) == len(table.headers) for row in table.rows)


@pytest.mark.browser
def test_the_playground_is_timed_with_networks_of_both_kinds(tmp_path: Path, capsys):
    pytest.importorskip("playwright")
    from benchmarks import playground

    out = tmp_path / "playground.json"
    playground.main(["--recipes", "smoke", "--rounds", "2", "--questions", "3", "--out", str(out)])
    result = json.loads(out.read_text())
    assert [row["network"] for row in result["rows"]] == ["trained", "handcrafted"]
    for row in result["rows"]:
        assert [*row["milliseconds"]] == ["decode", "first", "answer", "trace", "removals"]
        for found in row["milliseconds"].values():
            assert len(found["rounds"]) == 2
            assert min(found["rounds"]) <= found["median"] <= max(found["rounds"])
    (table,) = (table(result) for table in tables.TABLES["playground"])
    assert table.title in capsys.readouterr().out


def test_every_record_says_how_it_was_measured_and_its_raw_file_exists():
    records = tomllib.loads((FOLDER / "records.toml").read_text())["record"]
    assert records
    for record in records:
        assert tuple(record) == FIELDS
        assert all(record.values())
        assert (FOLDER / record["raw"]).exists(), record["raw"]
    metrics = [record["metric"] for record in records]
    assert len(set(metrics)) == len(metrics)
