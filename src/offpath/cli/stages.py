"""The verbs of the command line: each reads its arguments, calls a stage, and shows what it made.

A verb imports its stage when it runs, so that `offpath --help` answers at once.
"""

import json
import sys

from rich.console import Console

from offpath.cli import arguments as options
from offpath.cli.parse import base_configuration, parse
from offpath.cli.session import (
    begin,
    check_trains,
    compute_on,
    holding,
    resume,
    show_forecast,
    show_matrix,
    show_progress,
)
from offpath.cli.tables import show_table
from offpath.errors import InputError, outside
from offpath.run.files import check_writable, write_file
from offpath.run.folder import create_run, open_run, working_on


def run_all(words: list[str]) -> None:
    """Run the whole experiment of a recipe, or resume it.

    For example: offpath run --recipe laptop --seed 1 --pretrain.steps 5000
    """
    run, compute = begin(run_all, words)
    from offpath.pipeline import experiment, is_done

    with holding(run, compute):
        if is_done(run):
            print(f"{run.folder} is done; only its report is made anew")
        show_progress(run, experiment(run, compute))
    show_matrix(run)
    print(f"report: {run.report}")


def sample(words: list[str]) -> None:
    """Show examples of a distribution, or write them to a file.

    For example: offpath sample test_e --count 100000 --out examples.parquet
    """
    base = base_configuration(words)
    a = parse(sample, words, options.SampleOptions(graphs=base.graphs))
    base.model_copy(update={"graphs": a.graphs, "seed": a.seed})  # checks them
    for name, least, most in (("start", 0, 2**62), ("count", 1, 10**8)):
        for fault in outside(name, getattr(a, name), least, most):
            raise InputError(fault)
    from offpath.data.batches import draw
    from offpath.data.show import HEADERS, LEGEND, check_format, example_rows, write_examples
    from offpath.data.worlds import world

    if a.out is not None:
        check_format(a.out)
    where = world(a.world, a.graphs)
    batch = draw(where, a.seed, a.start, a.count, purpose=a.purpose)
    if a.out is not None:
        write_examples(batch, a.out)
        print(f"wrote {a.count} examples to {a.out}")
        return
    rows = example_rows(batch, a.start)
    show_table(HEADERS, rows, f"{where.title}: {where.description}", LEGEND, folds="edges")
    if len(rows) < a.count:
        print(f"and {a.count - len(rows)} more: --out writes them all to a file")


def pretrain(words: list[str]) -> None:
    """Pre-train on the distance from vertex 1 to vertex 2, in a new run folder.

    For example: offpath pretrain --model.layers 6
    """
    run, compute = begin(pretrain, words, trains=True)
    from offpath.fit.stages import pretrain as stage

    with holding(run, compute):
        show_progress(run, stage(run, compute))
    print(f"pre-trained; next: `offpath finetune {run.quoted}`")


def finetune(words: list[str]) -> None:
    """Fine-tune a pre-trained run on small graphs, and its control from scratch.

    For example: offpath finetune runs/paper-0123abcd-seed0 --variant as-written
    """
    arguments, given, compute = resume(finetune, words, options.FinetuneOptions)
    check_trains(given.configuration)
    from offpath.fit.checkpoints import require
    from offpath.fit.stages import copy_pretraining, finetuned_otherwise
    from offpath.fit.stages import finetune as stage
    from offpath.handcraft.circuits import set_circuit
    from offpath.recipes import VARIANTS

    run = given
    if arguments.variant is not None:
        run = finetuned_otherwise(given, VARIANTS[arguments.variant]())
        if compute.rank == 0 and run != given:
            require(given, "pretrained")
            create_run(run.configuration, run.folder.parent)
        print(f"run folder: {run.folder}")
    with holding(run, compute):
        if compute.rank == 0:
            if run != given:
                copy_pretraining(given, run)
            require(run, "pretrained")
            set_circuit(run)
        if run.checkpoint("finetuned").exists() and run.checkpoint("scratch").exists():
            print("fine-tuned already: nothing is changed")
        show_progress(run, stage(run, compute))
    print(f"fine-tuned; next: `offpath evaluate {run.quoted}`")


def evaluate(words: list[str]) -> None:
    """Measure every network of a run on every distribution.

    For example: offpath evaluate runs/laptop-0123abcd-seed0 --threads 1
    """
    _, run, compute = resume(evaluate, words, options.MeasureOptions)
    from offpath.generalize.matrix import measure_matrix
    from offpath.handcraft.circuits import set_circuit

    with working_on(run, compute):
        set_circuit(run)
        show_progress(run, measure_matrix(run, compute))
    show_matrix(run)
    print(f"measured; next: `offpath report {run.quoted}`")


def report(words: list[str]) -> None:
    """Write the report of a run, one offline page, from its result files.

    For example: offpath report runs/laptop-0123abcd-seed0
    """
    run = open_run(parse(report, words, options.FolderOptions).run)
    from offpath.report.page import write_report

    print(f"report: {write_report(run)}")


def compare(words: list[str]) -> None:
    """Set runs beside the published figures of WWZ24, pooled and by stratum.

    For example: offpath compare study runs/laptop-0123abcd-seed0 --out study.json
    """
    arguments = parse(compare, words, options.CompareOptions)
    folders = [folder.resolve() for folder in arguments.runs]
    if not folders or len({*folders}) < len(folders):
        raise InputError(
            "RUN must be given at least once, and each run once; name folders of finished runs"
        )
    if arguments.out is not None:
        check_writable(arguments.out)
    from offpath.report.terminal import study_view
    from offpath.results import Study, read_result

    runs = [open_run(folder) for folder in arguments.runs]
    if circuits := [str(run.folder) for run in runs if run.configuration.pretrain is None]:
        raise InputError(
            f"RUN must be a run that trains; {', '.join(circuits)}: its network is handcrafted; "
            "`offpath report RUN` shows its scores"
        )
    studies = [(run, read_result(run, Study)) for run in runs]
    Console(highlight=False).print(study_view(studies))
    if arguments.out is not None:
        records = [
            {"run": run.configuration.run_name, "folder": str(run.folder), **study.model_dump()}
            for run, study in studies
        ]
        text = json.dumps({"runs": records}, indent=1, allow_nan=False)
        write_file(arguments.out, text.encode() + b"\n")
        print(f"wrote {arguments.out}")


def forecast(words: list[str]) -> None:
    """Estimate what a recipe will cost here: operations, memory, time.

    For example: offpath forecast --recipe paper --threads 1
    """
    default = options.RecipeOptions(configuration=base_configuration(words))
    arguments = parse(forecast, words, default)
    check_trains(arguments.configuration)
    from offpath.fit.forecast import forecast as estimate

    compute = compute_on(arguments.machine).at(arguments.configuration.precision)
    print("timing a few steps; on a busy machine the forecast is too long", file=sys.stderr)
    show_forecast(estimate(arguments.configuration, compute))
