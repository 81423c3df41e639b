"""The verb that looks into networks."""

import shutil
from pathlib import Path

import pytest

from offpath.cli.inside import verdict
from offpath.results import Head, Inside, InsideNetwork, Reach, read_result
from offpath.run.folder import Run, open_run
from tests.cli.command import MACHINE, offpath


def test_a_verdict_on_each_network_and_the_next_command_are_printed(finished: Path, capsys):
    assert offpath("inside", str(finished), *MACHINE) == 0
    said = capsys.readouterr().out
    for title in ("untrained", "pre-trained", "handcrafted", "handcrafted, fine-tuned"):
        assert f"\n{title}: accuracy " in said
    assert f"next: `offpath report '{finished}'`" in said


@pytest.mark.parametrize("option", ["--checkpoint", "--checkpoints"])
def test_checkpoints_are_added_to_the_file(finished: Path, capsys, option: str):
    run = open_run(finished)
    shutil.copy(run.checkpoint("pretrained"), run.checkpoint("pretrained-step1"))
    assert offpath("inside", str(finished), option, "pretrained-step1", *MACHINE) == 0
    said = capsys.readouterr().out
    assert "pretrained-step1: accuracy" in said
    assert "handcrafted: accuracy" not in said
    names = [one.checkpoint for one in read_result(run, Inside).networks]
    assert names[-1] == "pretrained-step1"
    assert len(names) == 7


def test_an_unknown_checkpoint_is_one_line_with_the_nearest(finished: Path, capsys):
    assert offpath("inside", str(finished), "--checkpoint", "pretraned", *MACHINE) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "--checkpoints must be one of circuit, " in said
    assert "did you mean pretrained?" in said


def test_a_run_with_reporters_is_refused_in_one_line(asked_run: Run, capsys):
    assert offpath("inside", str(asked_run.folder), *MACHINE) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "to have what networks do inside" in said


def test_a_circuit_of_a_run_of_its_own_is_looked_into(there: Path, capsys):
    assert offpath("circuit", "wide", "--vertices", "4", "--recipe", "smoke") == 0
    (folder,) = (there / "runs").iterdir()
    assert offpath("inside", str(folder), *MACHINE) == 0
    assert "handcrafted: accuracy 100.0%" in capsys.readouterr().out


def network(**known) -> InsideNetwork:
    """A network of which nothing else is known."""
    lists = ("probes", "heads", "patches", "ablations", "notices", "cuts", "rules", "left_out")
    rest = {"checkpoint": "pretrained", "mse": 1, "right": 0.5, "reach": None}
    return InsideNetwork(**{**{name: [] for name in lists}, **rest, **known})


def test_a_verdict_says_law_hops_and_the_heads_that_have_names():
    reach = Reach(layers=[1, 2], hops_per_layer=2.04, hops_low=1.9, hops_high=2.2, law="both ends")
    heads = [
        Head(layer=n, head=1, shares=[], edge_entropy=1, question_entropy=1, names=names)
        for n, names in enumerate([["first, second", "reads 1"], []], start=1)
    ]
    assert verdict(network(reach=reach, heads=heads)) == (
        "accuracy 50.0%; search: both ends, 2 hops per layer (1.9 to 2.2); "
        "heads 1.1 first, second + reads 1"
    )
    none = Reach(layers=[], hops_per_layer=None, hops_low=None, hops_high=None, law="none")
    assert verdict(network(reach=none, heads=heads[1:])) == (
        "accuracy 50.0%; no law of search fits; no head named"
    )
    assert verdict(network()) == "accuracy 50.0%; reach not measured"
