"""Where the spread comes from: 5 pre-trainings x 5 orders of fine-tuning x 2 thread counts.

    python benchmarks/variance.py --runs-folder runs/variance      all of it, 30 to 40 minutes
    python benchmarks/variance.py --threads 1 --seed 3             one part, to share the work out

Writes `benchmarks/results/variance.json` once all parts are there: for each run the accuracy of the
fine-tuned network on test e, by slice and by target vertex. A part that is there is not made again.
"""

import argparse
from pathlib import Path

import numpy as np

from offpath.compute import Compute, compute
from offpath.data.batches import frozen
from offpath.data.worlds import world
from offpath.fit.checkpoints import load_model
from offpath.fit.stage import train_network
from offpath.fit.stages import copy_pretraining, pretrain
from offpath.fit.transformer import predict
from offpath.generalize.evaluate import slices
from offpath.networks import network
from offpath.recipes import laptop
from offpath.run.files import Record, write_json
from offpath.run.folder import Run, create_run, working_on
from offpath.slices import ANY_TARGET, HARD_HEADLINE, HEADLINE

SEEDS, THREADS, ORDERS = range(5), (1, 2), range(100, 105)
RESULTS = Path(__file__).parent / "results" / "variance.json"
SLICES = (*HEADLINE, *HARD_HEADLINE)


def main() -> None:
    """Make the parts that are asked for, and the result once there are all."""
    parser = argparse.ArgumentParser(description="Where the spread over runs comes from.")
    parser.add_argument("--runs-folder", type=Path, default=Path("runs/variance"))
    parser.add_argument("--threads", type=int, choices=THREADS, nargs="*", default=THREADS)
    parser.add_argument("--seed", type=int, choices=SEEDS, nargs="*", default=[*SEEDS])
    asked = parser.parse_args()
    for threads in asked.threads:
        folder = asked.runs_folder / f"threads-{threads}"
        for seed in asked.seed:
            run = create_run(laptop().change({"seed": seed}), folder)
            here = compute("cpu", threads)
            list(pretrain(run, here))
            for order in ORDERS:
                _finetuned(run, order, here)
                print(f"threads {threads}, seed {seed}, order {order}", flush=True)
    rows = [row for t in THREADS for s in SEEDS for row in _rows(asked.runs_folder, t, s)]
    if len(rows) == len(THREADS) * len(SEEDS) * len(ORDERS):
        command = "python benchmarks/variance.py"
        write_json(RESULTS, {"command": command, "world": ANY_TARGET, "runs": rows})
        print(f"wrote {RESULTS}")


def _finetuned(base: Run, order: int, here: Compute) -> None:
    """The run whose fine-tuning draws its examples from another seed, fine-tuned."""
    run = create_run(base.configuration.change({"finetune_seed": order}), base.folder.parent)
    one = network(run.configuration, "finetuned")
    assert one is not None
    with working_on(run, here):
        copy_pretraining(base, run)
    list(train_network(run, here, one))


def _rows(runs_folder: Path, threads: int, seed: int) -> list[Record]:
    """The scores of each order of fine-tuning that is there."""
    rows = []
    for order in ORDERS:
        c = laptop().change({"seed": seed, "finetune_seed": order})
        run = Run(runs_folder / f"threads-{threads}" / c.run_name, c)
        if run.checkpoint("finetuned").exists():
            place = {"seed": seed, "threads": threads, "order": order}
            rows.append({**place, "slices": _scores(run, compute("cpu", threads))})
    return rows


def _scores(run: Run, here: Compute) -> Record:
    """By slice: right answers and questions, of all targets and of each."""
    c = run.configuration
    batch, _ = frozen(world(ANY_TARGET, c.graphs), c.evaluate.seed, c.evaluate.examples)
    answers = predict(load_model(run, "finetuned", here.device), batch.tokens)
    right, targets = np.rint(answers) == batch.distance, batch.tokens[:, -1, 0]
    group_of, members = slices(batch, c.graphs.finetune_vertices)
    scores = {}
    for where in SLICES:
        chosen = members[where.by, where.slice][group_of]
        of_target = {
            str(t): [
                int(right[chosen & (targets == t)].sum()),
                int((chosen & (targets == t)).sum()),
            ]
            for t in np.unique(targets[chosen])
        }
        whole = [int(right[chosen].sum()), int(chosen.sum())]
        scores[f"{where.by}: {where.slice}"] = {"all": whole, "targets": of_target}
    return scores


if __name__ == "__main__":
    main()
