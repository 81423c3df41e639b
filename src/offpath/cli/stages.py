"""The verbs of the command line: each calls a stage, and shows what it made.

A verb imports its stage when it runs, so that `offpath --help` answers at once.
"""

import sys
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console

from offpath.cli import arguments as options
from offpath.cli import session
from offpath.cli.progress import follow
from offpath.cli.tables import show_table
from offpath.errors import InputError
from offpath.networks import networks
from offpath.recipes import VARIANTS, recipe
from offpath.reporters import names
from offpath.run.folder import create_run
from offpath.sections import Checked, Graphs, Seed, within


def run_all(base: options.NewRun) -> None:
    """Run the whole experiment of a recipe, or resume it.

    For example: offpath run --recipe laptop --seed 1 --pretrain.steps 5000
    """
    run, compute = session.begin(base)
    from offpath.pipeline import experiment, is_done
    from offpath.report.terminal import run_view

    with session.holding(run, compute):
        if is_done(run):
            print(f"{run.folder} is done; only its report is made anew")
        follow(experiment(run, compute), run.configuration)
    Console().print(run_view(run))
    print(f"report: {run.report}")
    print(f"to draw graphs and ask these networks: offpath playground {run.quoted}")


class Examples(Checked):
    """Which examples of a distribution, and where to."""

    recipe: str = "laptop"
    """Recipe whose graph sizes are the defaults below."""
    seed: Seed = 0
    """Seed of the examples."""
    start: Annotated[int, within(0, 2**62)] = 0
    """Index of the first example; 10^12 is reached as quickly as 0."""
    count: Annotated[int, within(1, 10**8)] = 10
    """Number of examples."""
    purpose: Literal["training", "evaluation"] = "training"
    """Which stream; questions in small graphs recur in both."""
    out: Path | None = None
    """File to write instead of a table: .npz (numpy) or .parquet (needs the extra `data`)."""


def sample(
    graphs: Graphs,
    name: tyro.conf.Positional[str] = "pretraining",
    examples: Annotated[Examples, options.FLAT] = Examples(),  # noqa: B008, it cannot change
) -> None:
    """Show examples of a distribution, or write them to a file.

    For example: offpath sample test_e --count 100000 --out examples.parquet

    Args:
        name: pretraining, finetuning, test_a to test_e, with the recipe truth what is unaudited, or
            of the shift suite an axis and a level:
            size/8, distance/6, target_id/7, stratum/off_path, equal_distance/equal, reachable/no,
            density/2, family/tree; or two, as in size/8*density/2.
    """
    c = recipe(examples.recipe).model_copy(update={"graphs": graphs})  # which checks them
    from offpath.data import show
    from offpath.data.batches import draw
    from offpath.data.mixtures import shown_world

    if examples.out is not None:
        show.check_format(examples.out)
    where = shown_world(name, c)
    batch = draw(where, examples.seed, examples.start, examples.count, purpose=examples.purpose)
    if examples.out is not None:
        show.write_examples(batch, examples.out)
        print(f"wrote {examples.count} examples to {examples.out}")
        return
    known = names(c.reporters) if c.reporters else ()
    headers, rows, legend = show.example_table(batch, examples.start, known)
    show_table(headers, rows, f"{where.title}: {where.description}", legend, folds="edges")
    if len(rows) < examples.count:
        print(f"and {examples.count - len(rows)} more: --out writes them all to a file")


def pretrain(base: options.NewRun) -> None:
    """Pre-train on the distance from vertex 1 to vertex 2, in a new run folder.

    For example: offpath pretrain --model.layers 6
    """
    session.check_trains(base.configuration)
    run, compute = session.begin(base)
    from offpath.fit.stages import pretrain as stage

    with session.holding(run, compute):
        follow(stage(run, compute), run.configuration)
    print(f"pre-trained; next: `offpath finetune {run.quoted}`")


def finetune(
    folder: options.RunFolder,
    variant: Literal["as-written", "as-reproduced"] | None = None,
    machine: options.TrainingMachine = options.TRAINING_HERE,
) -> None:
    """Fine-tune a pre-trained run on small graphs, and its control from scratch.

    For example: offpath finetune runs/paper-0123abcd-seed0 --variant as-written

    Args:
        variant: The fine-tuning of WWZ24, in a run folder beside, unless the run's is the same.
    """
    given, compute = session.resume(folder, machine, join=True)
    trains = given.configuration.pretrain is not None
    if variant is not None or given.configuration.finetune is None:
        session.check_trains(given.configuration)
    from offpath.fit.checkpoints import require
    from offpath.fit.stages import copy_pretraining, finetuned_otherwise
    from offpath.fit.stages import finetune as stage
    from offpath.handcraft.circuits import set_circuit

    run = given
    if variant is not None:
        run = finetuned_otherwise(given, VARIANTS[variant]())
        if compute.rank == 0 and run != given:
            require(given, "pretrained")
            create_run(run.configuration, run.folder.parent)
        print(f"run folder: {run.folder}")
    with session.holding(run, compute):
        if compute.rank == 0:
            if run != given:
                copy_pretraining(given, run)
            if trains:
                require(run, "pretrained")
            set_circuit(run)
        ends = [n.name for n in networks(run.configuration) if n.made_by == "finetune"]
        if all(run.checkpoint(name).exists() for name in ends):
            print("fine-tuned already: nothing is changed")
        follow(stage(run, compute), run.configuration)
    print(f"fine-tuned; next: `offpath evaluate {run.quoted}`")


def evaluate(
    folder: options.RunFolder, worlds: tuple[str, ...] = (), machine: options.Machine = options.HERE
) -> None:
    """Measure every network of a run on every distribution.

    For example: offpath evaluate runs/laptop-0123abcd-seed0 --worlds size distance/4

    Args:
        worlds: Axes of the shift suite, levels, or pairs such as size*density: these alone are
            measured, and added to the others. By default everything is.
    """
    run, compute = session.resume(folder, machine)
    if worlds and run.configuration.reporters:
        raise InputError(
            f"--worlds is for runs that ask plain questions, and {run.folder} asks reporters; "
            "leave it out"
        )
    from offpath.generalize.shifts import measure_shifts
    from offpath.handcraft.circuits import set_circuit
    from offpath.pipeline import measure
    from offpath.report.terminal import run_view

    with session.holding(run, compute):
        set_circuit(run)
        stage = measure_shifts(run, compute, worlds) if worlds else measure(run, compute)
        follow(stage, run.configuration)
    Console().print(run_view(run))
    print(f"measured; next: `offpath report {run.quoted}`")


def forecast(base: options.FromRecipe) -> None:
    """Estimate what a recipe will cost here: operations, memory, time.

    For example: offpath forecast --recipe paper --threads 1
    """
    session.check_trains(base.configuration)
    from offpath.fit.forecast import forecast as estimate

    compute = session.compute_on(base.machine).at(base.configuration.precision)
    print("timing a few steps; on a busy machine the forecast is too long", file=sys.stderr)
    session.show_forecast(estimate(base.configuration, compute))


VERBS = (run_all, sample, pretrain, finetune, evaluate, forecast)
