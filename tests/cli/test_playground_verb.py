"""The verb `playground`: where the page goes, what it holds, and that nothing else is served."""

import json
import re
import signal
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import pytest

from offpath.data.batches import frozen
from offpath.data.worlds import worlds
from offpath.fit.checkpoints import new_model, save_model
from offpath.recipes import smoke
from offpath.report import playground
from offpath.run.folder import Run, create_run
from tests.cli.command import offpath


def pretrained_run(folder: Path, seed: int = 0) -> Run:
    """A run whose pre-trained network was never trained."""
    c = smoke().change({"seed": seed})
    run = create_run(c, folder)
    save_model(run, "pretrained", new_model(c))
    return run


def test_the_page_of_one_run_lies_in_its_folder_and_holds_the_frozen_examples(
    tmp_path: Path, capsys
):
    run = pretrained_run(tmp_path)
    assert offpath("playground", str(run.folder)) == 0
    said = capsys.readouterr().out
    assert re.fullmatch(rf"playground: {run.folder}/playground\.html \(\d\.\d MB\)\n", said)
    found = re.search(r'id="payload">(.*?)</script>', run.playground.read_text(), re.DOTALL)
    assert found
    shown = {one["world"]: one for one in json.loads(found[1])["examples"]}
    known = worlds(run.configuration.graphs)
    assert list(shown) == list(known)
    for name, world in known.items():
        batch, _ = frozen(world, run.configuration.evaluate.seed, 100)
        assert (shown[name]["title"], shown[name]["description"]) == (
            world.title, world.description,
        )  # fmt: skip
        assert len(shown[name]["questions"]) == 100
        for question, vertices, tokens in zip(
            shown[name]["questions"], batch.vertices, batch.tokens, strict=True
        ):
            assert question["vertices"] == vertices
            assert question["edges"] == tokens[:-1][tokens[:-1, 1] > 0].tolist()
            assert question["target"] == tokens[-1, 0]
    assert np.unique([len(q["edges"]) for q in shown["test_e"]["questions"]]).size > 1


def test_the_terminal_says_what_was_left_out_and_why(tmp_path: Path, capsys, monkeypatch):
    run = pretrained_run(tmp_path)
    monkeypatch.setattr(playground, "MOST_WEIGHT_BYTES", 1000)
    assert offpath("playground", str(run.folder)) == 0
    left_out = capsys.readouterr().out.splitlines()[1:]
    assert left_out == ["left out: pre-trained: its weights take 0 MB, more than 0 MB"]


def test_several_runs_need_a_file(tmp_path: Path, capsys):
    folders = [str(pretrained_run(tmp_path, seed).folder) for seed in range(2)]
    assert offpath("playground", *folders) == 2
    assert "give --out FILE.html" in capsys.readouterr().err
    assert offpath("playground", *folders, "--out", "x.pdf") == 2
    assert "give --out FILE.html; got x.pdf" in capsys.readouterr().err
    assert offpath("playground", *folders, "--out", str(tmp_path / "no" / "x.html")) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert offpath("playground", *folders, "--out", str(tmp_path / "x.html")) == 0
    assert (tmp_path / "x.html").stat().st_size > 1000


def test_the_page_alone_is_served_until_ctrl_c(tmp_path: Path):
    (tmp_path / "secret").write_text("not for others")
    code = (  # what a shell starts in the background ignores Ctrl-C, and so do its children
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from offpath.cli.serve import serve; serve('<p>page ä'.encode())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout
            address = re.fullmatch(
                r"serving it on http://127\.0\.0\.1:(\d+) until Ctrl-C\n", server.stdout.readline()
            )
            assert address
            port = int(address[1])
            status, page, kind = asked(port, "/")
            assert (status, page) == (200, "<p>page ä".encode())
            assert kind == "text/html; charset=utf-8"
            for path in ("/secret", "/../secret", "//secret", f"/{tmp_path}/secret", "/%2e/secret"):
                status, page, _ = asked(port, path)
                assert status == 404
                assert b"not for others" not in page
        finally:
            server.send_signal(signal.SIGINT)
        assert server.wait(20) == 0


def asked(port: int, path: str) -> tuple[int, bytes, str | None]:
    """Status, content and type of what lies at a path."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path)
    answer = connection.getresponse()
    found = answer.status, answer.read(), answer.headers["Content-Type"]
    connection.close()
    return found


@pytest.mark.parametrize("words", [(), ("--serve",)])
def test_a_run_without_networks_says_how_to_get_one(tmp_path: Path, words, capsys):
    run = create_run(smoke(), tmp_path)
    assert offpath("playground", str(run.folder), *words) == 2
    said = capsys.readouterr().err
    assert "has no network to ask yet" in said
    assert said.count("\n") == 1
