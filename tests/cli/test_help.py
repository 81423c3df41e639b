import re
import subprocess
import sys

import pytest

from offpath.cli.main import VERBS
from offpath.reporters import RULES, meaning
from tests.cli.command import offpath


def test_help_loads_nothing_heavy_and_names_every_verb():
    said = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "offpath", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    for name, verb in VERBS.items():
        assert f"  {name:<12}{(verb.__doc__ or '').splitlines()[0]}" in said.stdout
    heavy = {"torch", "numba", "altair", "safetensors", "scipy"}
    loaded = {line.split("|")[-1].strip() for line in said.stderr.splitlines()}
    assert not heavy & loaded


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_each_verb_explains_every_option(verb: str, capsys):
    assert offpath(verb, "--help") == 0
    said = capsys.readouterr().out
    assert (VERBS[verb].__doc__ or "").splitlines()[0].split(",")[0] in " ".join(said.split())
    assert f"For example: offpath {verb} " in said
    if verb in ("run", "pretrain", "forecast"):
        assert "--pretrain.learning-rate FLOAT" in said
        assert "Peak learning rate." in said


def test_no_words_print_the_help_and_the_version_is_the_packages(capsys):
    assert offpath() == 0
    assert "usage: offpath VERB" in capsys.readouterr().out
    assert offpath("--version") == 0
    assert capsys.readouterr().out == "offpath 0.2.0\n"


def test_there_are_at_most_102_options_over_all_verbs(capsys):
    for verb in VERBS:
        assert offpath(verb, "--help") == 0
    options = set(re.findall(r"(?<!\S)--[a-z][\w.-]*", capsys.readouterr().out))
    assert len(options) <= 102, sorted(options)


def test_reporters_have_three_options_more_which_name_every_rule(capsys):
    options = []
    for name in ("laptop", "truth"):
        assert offpath("run", "--recipe", name, "--help") == 0
        said = capsys.readouterr().out
        options.append(set(re.findall(r"(?<!\S)--[a-z][\w.-]*", said)))
    more = {f"--reporters.{name}" for name in ("truth-share", "inspectors", "first")}
    assert options[1] - options[0] == more
    for name, rule in RULES.items():
        assert name in said
        assert "{" not in meaning(f"{name}=4" if rule.numbers else name)


def test_only_options_that_can_be_given_are_in_the_help(capsys):
    assert offpath("run", "--help") == 0
    said = capsys.readouterr().out
    for hidden in ("--circuit", "--imported", "--model.tokens", "--model.head-size", "none}"):
        assert hidden not in said
