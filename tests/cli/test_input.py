import re
from pathlib import Path

import pytest

from tests.cli.command import offpath

# What the user types, and what the one line says.
WRONG = {
    "unknown verb": (["runn"], "the verb must be one of run, sample, .*; got 'runn'"),
    "unknown recipe": (
        ["run", "--recipe", "lap"],
        "recipe must be one of smoke, laptop, truth, paper, paper-fast",
    ),
    "unknown verb, near one": (["finetun", "RUN"], r"; did you mean finetune\?; see"),
    "unknown field": (
        ["run", "--pretrain.step", "9"],
        r"--pretrain.step is no option of `offpath run`; did you mean --pretrain.steps\?.*--help",
    ),
    "unknown recipe, near one": (["circuit", "edge", "--recipe", "papr"], r"did you mean paper\?"),
    "unknown world, near one": (["sample", "pretrainin"], r"did you mean pretraining\?"),
    "renamed option": (
        ["run", "--examples-at-once", "9"],
        "--examples-at-once is now --micro-batch",
    ),
    "renamed option of robustness": (
        ["robustness", "RUN", "--kept-rates", "1"],
        "--kept-rates is now --retention-rates",
    ),
    "option that became a verb": (
        ["run", "--circuit", "edge"],
        "is now the verb `offpath circuit`",
    ),
    "option of handcrafted networks": (["run", "--model.tokens", "edges"], "is no option of"),
    "network that cannot be trained": (
        ["run", "--model.norm", "none"],
        "model.norm must be pre or post, for networks that are trained; got none",
    ),
    "option given twice": (["sample", "--seed", "1", "--seed=2"], "--seed must be given once"),
    "option given in two spellings": (
        ["run", "--runs-folder", "a", "--runs_folder", "b"],
        "--runs-folder must be given once",
    ),
    "empty folder": (["run", "--runs-folder", ""], "--runs-folder must not be empty"),
    "empty file": (["sample", "--out="], "--out must not be empty"),
    "empty run": (["report", ""], "an argument must not be empty"),
    "no such configuration": (["run", "--config", "no"], "no could not be read .*config.json"),
    "a configuration that is none": (["run", "--config", "file"], "file was changed or damaged"),
    "recipe and configuration": (["run", "--config", "file", "--recipe", "smoke"], "not both"),
    "no folder to list": (["list", "nowhere"], "FOLDER must be .*there is no folder nowhere"),
    "output to a folder": (["verify", "edge", "--out", "."], r"\. is a folder; name a file in it"),
    "output to the root": (["verify", "edge", "--out", "/"], "/ is a folder; name a file in it"),
    "comparison to a folder": (["compare", "--study", ".", "--out", "/"], "/ is a folder"),
    "export to a folder": (["export", ".", "--out", "/"], "RUN must be a run folder"),
    "examples to a folder": (["sample", "--out", "/"], "--out must end in .npz or .parquet; got /"),
    "examples to nowhere": (
        ["sample", "--out", "no/x.npz"],
        "there is no folder no; make it first",
    ),
    "no number": (["run", "--seed", "x"], r"Error parsing --seed: invalid literal.*--help"),
    "negative seed": (["run", "--seed", "-1"], "seed must be 0 to 9223372036854775807; got -1"),
    "n above 64": (
        ["run", "--graphs.max-vertices", "65"],
        "graphs.max_vertices must be 3 to 64; got 65",
    ),
    "limit above the largest graph": (
        ["run", "--graphs.finetune-vertices", "9"],
        r"graphs.finetune_vertices must be 3 to graphs.max_vertices \(8\).*got 9",
    ),
    "batch 0": (
        ["pretrain", "--pretrain.batch-examples", "0"],
        "pretrain.batch_examples must be 1 to 16777216; got 0",
    ),
    "heads": (
        ["forecast", "--model.heads", "3"],
        "model.heads must divide model.width.*choose one of",
    ),
    "option of another verb": (
        ["forecast", "--runs-folder", "here"],
        r"--runs-folder is no option of `offpath forecast`.*offpath forecast --help",
    ),
    "negative rate": (
        ["run", "--finetune.learning-rate", "-0.1"],
        "finetune.learning_rate must be above 0 and at most 10; got -0.1",
    ),
    "unknown norm": (["run", "--model.norm", "mid"], "--model.norm must be one of pre, post; got"),
    "threads": (["run", "--recipe", "smoke", "--threads", "0"], "threads must be 1 to 1024; got 0"),
    "no such world": (["sample", "test_f"], "world must be one of pretraining.*; got 'test_f'"),
    "no examples": (["sample", "--count", "0"], "count must be 1 to 100000000; got 0"),
    "beyond all examples": (
        ["sample", "--start", "18446744073709551616"],
        "start must be 0 to 4611686018427387904; got 18446744073709551616",
    ),
    "two recipes": (
        ["run", "--recipe", "smoke", "--recipe=laptop"],
        "--recipe must be given once; it is there 2 times",
    ),
    "recipe without a name": (["run", "--recipe"], r"--recipe.*--help"),
    "not a number": (
        ["run", "--pretrain.learning-rate", "nan"],
        "pretrain.learning_rate must be above 0 and at most 10; got nan",
    ),
    "tf32 on a CPU": (
        ["run", "--recipe", "smoke", "--device", "cpu", "--precision", "tf32"],
        "precision tf32 needs a GPU; on cpu choose float32 or bfloat16",
    ),
    "unknown variant": (
        ["finetune", "RUN", "--variant", "as-published"],
        "--variant must be one of None, as-written, as-reproduced; got 'as-pub",
    ),
    "file type": (["sample", "--out", "x.csv"], r"--out must end in .npz or .parquet; got x.csv"),
    "folder is a file": (
        ["pretrain", "--recipe", "smoke", "--runs-folder", "file"],
        r"--runs-folder must be a folder that can be written to.*choose another",
    ),
    "not a run": (["evaluate", "."], r"RUN must be a run folder, .*offpath pretrain"),
    "unknown circuit": (["circuit", "deep"], "must be one of wide, doubling, edge; got 'deep'"),
    "circuit of a graph too large": (
        ["circuit", "wide", "--vertices", "65"],
        "vertices must be 3 to 64; got 65",
    ),
    "verified beyond its graphs": (
        ["verify", "edge", "--vertices", "16"],
        "vertices must be 2 to 15 for edge; got 16",
    ),
    "robustness without steps": (
        ["robustness", "RUN", "--steps", "0"],
        "steps must be 1 to 10000000; got 0",
    ),
    "coefficient without chains": (["llc", "RUN", "--chains", "0"], "chains must be 1 to 4096"),
    "compared as it was called before": (
        ["compare", "study", "RUN"],
        r"`offpath compare study RUN\.\.\.` is now `offpath compare --study RUN\.\.\.`",
    ),
    "compared without a word": (["compare"], "RUN must be given at least once, .*each run once"),
    "no run to compare": (
        ["compare", "--study"],
        "RUN must be given at least once, .*; name folders of finished runs",
    ),
    "compared run is none": (["compare", "--study", "."], "RUN must be a run folder, .*pretrain`"),
    "run that is none beside others": (["compare", ".", "file"], "RUN must be a run folder, "),
    "study with options of seeds": (
        ["compare", "--study", "RUN", "--score", "mse"],
        "--against and --questions do not go with --study",
    ),
    "unknown score": (["compare", ".", "--score", "f1"], "--score must be one of accuracy, .*'f1'"),
    "unknown comparison": (
        ["compare", ".", "--against", "rule"],
        "--against must be one of None, pretrained, .*groups, all; got 'rule'",
    ),
    "comparison to another kind of file": (
        ["compare", ".", "--out", "x.txt"],
        r"--out must end in \.csv, \.parquet, \.json; got x\.txt",
    ),
    "weights that are not there": (
        ["import", "nowhere.pth", "--heads", "2"],
        r"WEIGHTS must be a file that torch.save wrote, or a .safetensors; there is no nowhere.pth",
    ),
    "weights that are none": (
        ["import", "file", "--heads", "2"],
        "file is no file of weights, or a damaged one; give a state dict",
    ),
    "weights that are a folder": (
        ["import", ".", "--heads", "2"],
        r"WEIGHTS must be a file; \. is",
    ),
    "weights for no recipe": (
        ["import", "file", "--heads", "2", "--recipe", "lap"],
        "recipe must be one of smoke, laptop, truth, paper, paper-fast; got 'lap'",
    ),
    "an inspector who is never wrong": (
        ["run", "--recipe", "truth", "--reporters.inspectors", "near=7"],
        "near= must be a whole number from 1 to 6, so that it is wrong on some questions",
    ),
    "no rule of inspectors": (
        ["forecast", "--recipe", "truth", "--reporters.inspectors", "smal=4"],
        r"reporters.inspectors must be one of .*; got 'smal'; did you mean small\?",
    ),
    "a share of the truth": (
        ["pretrain", "--recipe", "truth", "--reporters.truth-share", "-1"],
        "reporters.truth_share must be 0 to 1; got -1.0",
    ),
    "an audit without reporters": (
        ["run", "--interventions", "leak=0.1"],
        "interventions: leak needs reporters, as in the recipe truth; got leak=0.1",
    ),
    "a plain word with reporters": (
        ["run", "--recipe", "truth", "--interventions", "random_ids"],
        "random_ids changes the examples of plain questions, and this run has reporters; choose",
    ),
    "what is unaudited, without audits": (["sample", "unaudited"], "world must be one of"),
    "weights without norm": (
        ["import", "file", "--norm", "none"],
        "--norm must be one of None, pre, post; got 'none'",
    ),
    "export of no run": (["export", ".", "--out", "x.pth"], "RUN must be a run folder, "),
    "export to nowhere": (["export", "."], r"--out PATH.*required.*--help"),
    "no folder given": (["report"], "RUN must be given at least once"),
}


@pytest.mark.parametrize(("words", "message"), WRONG.values(), ids=WRONG.keys())
def test_wrong_input_is_one_line_and_exit_status_2(there: Path, capsys, words, message):
    (there / "file").write_text("")
    assert offpath(*words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("offpath: ")
    assert said.err.count("\n") == 1
    assert re.search(message, said.err), said.err
    assert not (there / "runs").exists()
