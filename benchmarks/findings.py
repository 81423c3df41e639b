"""The values behind a finding: what every network of finished runs scores on each kind of question.

    python -m benchmarks.findings ids RUN ...          as `offpath sweep ids` prints it at its end
    python -m benchmarks.findings ids RUN ... --again RUN ...

Writes `benchmarks/results/findings/QUESTION.json`, from which `docs/generated.py` makes the page.
`--again` names runs with the same seeds and another number of threads, which moves rounding only.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import coherence, depth, inside, prediction, truth
from benchmarks.questions import Questions, questions, recalibrated
from offpath.compute import Compute
from offpath.configs import Configuration, differences
from offpath.data.batches import draw
from offpath.data.contents import contents
from offpath.data.mixtures import other_ids, training_world
from offpath.errors import InputError
from offpath.fit.checkpoints import load_model
from offpath.fit.native import answers as natively
from offpath.generalize.baselines import rules
from offpath.interpret.phases import curve
from offpath.networks import Network, networks
from offpath.run.files import Record, write_json
from offpath.run.folder import Run, open_run, sessions
from offpath.run.metrics import read_metrics
from offpath.sweep.presets import PRESETS

RESULTS = Path(__file__).parent / "results" / "findings"
VARIED = {"seed", "interventions", "model.layers", "graphs.pretrain_distance"}
"""Options in which the runs of a finding may differ."""
ASKED = {
    "ids": ("hard: on path",),
    "off-path": ("hard: o", "off path", "unreachable"),
    "pretraining": ("hard: on path, seen", "hard: on path, unseen", "hard: off path"),
    "forgetting": ("pre-training", "hard: trained", "hard: on path, unseen"),
}
"""How the kinds of question begin that a page needs."""
RELEARNED = (1.0, 0.3, 0.1)  # squared errors: below the last an answer rounds to the truth
HERE = Compute(torch.device("cpu"), threads=1)
DIGITS = 4


def main(words: Sequence[str] | None = None) -> None:
    """Read the runs and write the values."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("question", choices=PRESETS)
    parser.add_argument("runs", type=Path, nargs="+", help="folders of finished runs")
    parser.add_argument("--again", type=Path, nargs="*", default=[], help="with other threads")
    parser.add_argument("--out", type=Path, help="another file to write")
    given = parser.parse_args(words)
    try:
        runs, again = ([open_run(path) for path in paths] for paths in (given.runs, given.again))
        path = given.out or RESULTS / f"{given.question}.json"
        before = json.loads(path.read_text()) if path.exists() else {}
        found = {**head(given.question, runs), **collected(given.question, runs, before)}
        if again:
            found["again"] = repeated(given.question, again)
    except InputError as error:
        sys.exit(f"findings: {error}")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, rounded(found), indent=0)
    print(f"wrote {path}; next: python docs/generated.py; python docs/finding_figures.py")


def collected(question: str, runs: Sequence[Run], before: Record) -> Record:
    """What a page needs of the runs that answer its question; `before`: the last time."""
    if question in ASKED:
        return scores(question, runs)
    if question == "truth":
        return truth.collected(runs, before)
    others = {
        "depth": depth.collected,
        "prediction": prediction.collected,
        "inside": inside.collected,
        "coherence": coherence.collected,
    }
    return others[question](runs)


def repeated(question: str, runs: Sequence[Run]) -> Record:
    """The scores of runs that were computed with another number of threads."""
    seeds = sorted({run.configuration.seed for run in runs})
    made = {"threads": threads(runs), "seeds": seeds, **collected(question, runs, {})}
    return {key: value for key, value in made.items() if key not in ("overlap", "rows")}


def head(question: str, runs: Sequence[Run]) -> Record:
    """Which runs these are, and what they cost; an `InputError` where they do not go together."""
    base, first = PRESETS[question].base(), runs[0].configuration
    varied = VARIED | {"truth": truth.VARIED, "inside": inside.VARIED}.get(question, set())
    for run in runs:
        pairs = differences(first, run.configuration)
        if others := sorted({name for name, *_ in pairs} - varied):
            raise InputError(
                f"runs must differ in seed and interventions alone; {run.folder} differs from "
                f"{runs[0].folder} in {', '.join(others)}; leave one of them out"
            )
    changed = {name: here for name, _, here in differences(base, first)
               if name not in varied | {"recipe"}
               and not name.startswith("evaluate.")}  # fmt: skip
    seeds = sorted({run.configuration.seed for run in runs})
    options = [word for name, value in changed.items()
               for word in (f"--{name.replace('_', '-')}", str(value))]  # fmt: skip
    return {
        "question": question,
        "command": shlex.join(["offpath", "sweep", question, "--seeds", str(len(seeds)), *options]),
        "recipe": first.recipe,
        "options": changed,
        "max_vertices": first.graphs.max_vertices,
        "finetune_vertices": first.graphs.finetune_vertices,
        "specs": list(dict.fromkeys(s for run in runs for s in run.configuration.interventions)),
        "seeds": seeds,
        "runs": [run.configuration.run_name for run in runs],
        "threads": threads(runs),
        "machines": sorted({one["machine"] for run in runs for one in sessions(run)}),
        "commits": sorted({one["commit"] for run in runs for one in sessions(run)}),
        "seconds": sum(filter(None, map(seconds, runs))) or None,
    }


def threads(runs: Iterable[Run]) -> list[int]:
    """The numbers of threads that runs were computed with."""
    used = {there["threads"] for run in runs for one in sessions(run)
            for there in one.get("computed_on", [])}  # fmt: skip
    return sorted(used)


def seconds(run: Run) -> float | None:
    """How long a run took: its processes, as the record of its sweep has it; or its own training.

    What was copied from another run is left out.
    """
    path = run.folder.parent / "sweep.json"
    rows = json.loads(path.read_text())["runs"] if path.exists() else {}
    return rows.get(run.configuration.run_name, {}).get("seconds") or training_seconds(run)


def training_seconds(run: Run) -> float:
    """The time of all steps that a run has computed itself, from the speed in its metrics."""
    copied = {name for one in sessions(run) for name in one.get("copied", {})}
    trained = {one.name: one.training for one in networks(run.configuration) if one.training}
    total, steps = 0.0, dict.fromkeys(trained, 0)
    for line in read_metrics(run):
        name = line["network"]
        if name in trained and name not in copied:
            examples = (line["step"] - steps[name]) * trained[name].batch_examples
            total += examples / line["examples_per_second"]
            steps[name] = line["step"]
    return total


def scores(question: str, runs: Sequence[Run]) -> Record:
    """Accuracy of each network by kind of question and seed, and what else a verdict rests on."""
    c, every = runs[0].configuration, list(learners(runs))
    asked = questions(c)
    kinds = {kind: mask for kind, mask in asked.kinds.items() if kind.startswith(ASKED[question])}
    asked = asked._replace(kinds=kinds)
    found = [one for one in every
             if question == "pretraining" or not one[1].name.endswith("scratch")]  # fmt: skip
    names = list(dict.fromkeys(one.name for _, one in found))
    seeds = sorted({run.configuration.seed for run in runs})
    made = {(one.name, run.configuration.seed): _scored(run, one, asked) for run, one in found}
    first = [(run, one) for run, one in found if run.configuration.seed == seeds[0]]
    return {
        "networks": {name: next(one.title for _, one in found if one.name == name)
                     for name in names},
        "questions": {kind: int(mask.sum()) for kind, mask in asked.kinds.items()},
        "rules": {kind: best_rule(asked, kind) for kind in asked.kinds},
        "scores": {
            kind: {
                score: {name: [made.get((name, seed), {}).get(kind, {}).get(score)
                               for seed in seeds] for name in names}
                for score in ("accuracy", "recalibrated", "mse")
            }
            for kind in asked.kinds
        },
        "other_ids": [other_ids(c.graphs, seed) for seed in seeds],
        "overlap": {one.name: _overlap(run.configuration, one, asked) for run, one in first},
        "relearning": _relearning(every, seeds),
    }  # fmt: skip


def learners(runs: Sequence[Run]) -> Iterable[tuple[Run, Network]]:
    """Each trained network of each seed once, with the first run that has it."""
    known = set()
    for run in runs:
        c = run.configuration
        exact = [one.name for one in networks(c) if one.made_by == "handcraft"]
        for one in networks(c):
            if one.training and one.starts_from not in exact and (one.name, c.seed) not in known:
                known.add((one.name, c.seed))
                yield run, one


def best_rule(asked: Questions, kind: str) -> Record:
    """The trivial rule that is right most often on a kind of question."""
    mask = asked.kinds[kind]
    truth = asked.batch.distance[mask]
    right = {name: float((np.rint(answers[mask]) == truth).mean())
             for name, answers in asked.rules.items()}  # fmt: skip
    if not (asked.batch.stratum[mask] > 0).any():
        right.pop("distance_to_2")  # it is the truth there
    best = max(right, key=lambda name: right[name])
    return {"rule": rules(finetuned=True)[best].title, "accuracy": right[best]}


def _scored(run: Run, one: Network, asked: Questions) -> dict[str, dict[str, float | None]]:
    """The scores of a network on each kind of question."""
    model = load_model(run, one.name, HERE.device)
    answers = natively(model, asked.batch.tokens, HERE).astype(float)
    truth = asked.batch.distance.astype(np.int64)
    return {
        kind: {
            "accuracy": float((np.rint(answers[mask]) == truth[mask]).mean()),
            "recalibrated": recalibrated(answers[mask], truth[mask]),
            "mse": float(((answers[mask] - truth[mask]) ** 2).mean()),
        }
        for kind, mask in asked.kinds.items()
    }


def _overlap(c: Configuration, one: Network, asked: Questions) -> dict[str, float]:
    """Which share of each kind of question a network's own last training shows."""
    assert one.world is not None, "training needs a distribution"
    assert one.training is not None, "and options"
    source = training_world(one.world, c.graphs, one.training, one.data)
    seed = c.seed if one.seed is None else one.seed
    count = one.training.steps * one.training.batch_examples * one.training.candidates
    shown = np.unique(contents(draw(source, seed, 0, count)).question)
    there = np.isin(contents(asked.batch).question, shown)
    return {kind: float(there[mask].mean()) for kind, mask in asked.kinds.items()}


def _relearning(found: Sequence[tuple[Run, Network]], seeds: Sequence[int]) -> Record | None:
    """The step from which the loss of "no path" stays below each bound, in pre-training again."""
    pairs = [(run, one) for run, one in found if one.name.startswith("relearn")]
    if not pairs:
        return None
    made: dict[str, dict[int, list[int | None]]] = {}
    for run, one in pairs:
        c = run.configuration
        lines = [line for line in read_metrics(run) if line["network"] == one.name]
        learned = curve(lines, c.graphs.max_vertices)
        steps = [settled(learned.steps, learned.losses, bound) for bound in RELEARNED]
        made.setdefault(one.name, {})[c.seed] = steps
    return {
        "bounds": RELEARNED,
        "steps": pairs[0][1].training.steps if pairs[0][1].training else None,
        "rows": {name: [by_seed.get(seed) for seed in seeds] for name, by_seed in made.items()},
    }


def settled(steps: np.ndarray, losses: np.ndarray, bound: float) -> int | None:
    """The first step from which a loss stays below a bound; None if it does not end there.

    >>> settled(np.array([5, 10, 15, 20]), np.array([3.0, 0.5, 2.0, 0.4]), 1.0)
    20
    """
    above = np.flatnonzero(losses >= bound)
    first = above[-1] + 1 if len(above) else 0
    return int(steps[first]) if first < len(steps) else None


def rounded(thing: Any) -> Any:  # noqa: ANN401, whatever JSON holds
    """The same with every float rounded to `DIGITS` significant digits."""
    if isinstance(thing, float):
        return float(f"{thing:.{DIGITS}g}")
    if isinstance(thing, dict):
        return {key: rounded(value) for key, value in thing.items()}
    return [rounded(one) for one in thing] if isinstance(thing, list | tuple) else thing


if __name__ == "__main__":
    main()
