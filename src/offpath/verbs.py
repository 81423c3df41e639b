"""The verbs of the command line: each reads its arguments, calls a stage, and shows what it made.

A verb imports its stage when it runs, so that `offpath --help` answers at once.
"""

import json
import sys

from offpath.arguments import (
    Chosen,
    Comparison,
    Folder,
    Sample,
    Tuned,
    check_sample,
    named_recipe,
    parse,
)
from offpath.begin import (
    begin,
    check_trains,
    compute_on,
    go_on,
    holding,
    show_matrix,
    show_progress,
)
from offpath.runs import create_run, open_run, working_on, write_file
from offpath.verbs_circuits import circuit, llc, robustness, verify
from offpath.verbs_weights import export_weights, import_weights


def run(words: list[str]) -> None:
    """Run the whole experiment of a recipe, or go on with it.

    For example: offpath run --recipe laptop --seed 1 --pretrain.steps 5000
    """
    begun, machine = begin("run", run, words)
    from offpath.pipeline import experiment, is_done

    with holding(begun, machine):
        if is_done(begun):
            print(f"{begun.folder} is done; only its report is made anew")
        show_progress(begun, experiment(begun, machine))
    show_matrix(begun)
    print(f"report: {begun.report}")


def sample(words: list[str]) -> None:
    """Show examples of a distribution, or write them to a file.

    For example: offpath sample test_e --count 100000 --out examples.parquet
    """
    default = Sample(graphs=named_recipe(words).graphs)
    arguments = parse("sample", sample, words, default)
    check_sample(arguments)
    from rich.console import Console

    from offpath.data.show import show_examples, write_examples

    if arguments.out is None:
        show_examples(_draw(arguments), _world(arguments), arguments.start, Console())
    else:
        write_examples(_draw(arguments), arguments.out)
        print(f"wrote {arguments.count} examples to {arguments.out}")


def pretrain(words: list[str]) -> None:
    """Pre-train on the distance from vertex 1 to vertex 2, in a new run folder.

    For example: offpath pretrain --model.layers 6
    """
    begun, machine = begin("pretrain", pretrain, words, trains=True)
    from offpath.fit.pretrain import pretrain as stage

    with holding(begun, machine):
        show_progress(begun, stage(begun, machine))
    print(f"pre-trained; go on with `offpath finetune {begun.folder}`")


def finetune(words: list[str]) -> None:
    """Fine-tune a pre-trained run on small graphs, and its control from scratch.

    For example: offpath finetune runs/paper-0123abcd-seed0 --variant as-written
    """
    arguments, begun, machine = go_on("finetune", finetune, words, Tuned)
    check_trains(begun.configuration)
    from offpath.fit.checkpoints import require
    from offpath.fit.finetune import copy_pretraining, tuned_otherwise
    from offpath.fit.finetune import finetune as stage
    from offpath.recipes import VARIANTS

    given = begun
    if arguments.variant is not None:
        begun = tuned_otherwise(given, VARIANTS[arguments.variant]())
        if machine.rank == 0 and begun != given:
            require(given, "pretrained")
            create_run(begun.configuration, begun.folder.parent)
        print(f"run folder: {begun.folder}")
    with holding(begun, machine):
        if machine.rank == 0 and begun != given:
            copy_pretraining(given, begun)
        if begun.checkpoint("finetuned").exists() and begun.checkpoint("scratch").exists():
            print("fine-tuned already: nothing is changed")
        show_progress(begun, stage(begun, machine))
    print(f"fine-tuned; go on with `offpath evaluate {begun.folder}`")


def evaluate(words: list[str]) -> None:
    """Measure every checkpoint of a run on every distribution.

    For example: offpath evaluate runs/laptop-0123abcd-seed0 --threads 1
    """
    _, begun, machine = go_on("evaluate", evaluate, words)
    from offpath.generalize.matrix import measure_matrix
    from offpath.handcraft.circuits import set_circuit

    with working_on(begun):
        set_circuit(begun)
        show_progress(begun, measure_matrix(begun, machine))
    show_matrix(begun)
    print(f"measured; go on with `offpath report {begun.folder}`")


def report(words: list[str]) -> None:
    """Write the report of a run, one offline page, from its result files.

    For example: offpath report runs/laptop-0123abcd-seed0
    """
    begun = open_run(parse("report", report, words, Folder).run)
    from offpath.report.page import write_report

    with working_on(begun):
        print(f"report: {write_report(begun)}")


def compare(words: list[str]) -> None:
    """Set runs beside the study's published figures, pooled and by stratum.

    For example: offpath compare study runs/laptop-0123abcd-seed0 --out study.json
    """
    arguments = parse("compare", compare, words, Comparison)
    from rich.console import Console

    from offpath.report.study import comparison
    from offpath.report.study_tables import study_view

    compared = comparison([open_run(folder) for folder in arguments.runs])
    if arguments.out is not None:
        text = json.dumps(compared, indent=1, allow_nan=False)
        write_file(arguments.out, text.encode() + b"\n")
    Console(highlight=False).print(study_view(compared))
    if arguments.out is not None:
        print(f"wrote {arguments.out}")


def forecast(words: list[str]) -> None:
    """Tell what a recipe will cost here: operations, memory, time.

    For example: offpath forecast --recipe paper --threads 1
    """
    arguments = parse("forecast", forecast, words, Chosen(configuration=named_recipe(words)))
    check_trains(arguments.configuration)
    from rich.console import Console

    from offpath.fit.forecast import forecast as measure
    from offpath.fit.forecast import forecast_table

    machine = compute_on(arguments.machine)
    print("timing a few steps; on a busy machine the forecast is too long", file=sys.stderr)
    Console().print(forecast_table(measure(arguments.configuration, machine)))


VERBS = {
    "run": run,
    "sample": sample,
    "pretrain": pretrain,
    "finetune": finetune,
    "evaluate": evaluate,
    "report": report,
    "compare": compare,
    "import": import_weights,
    "export": export_weights,
    "forecast": forecast,
    "circuit": circuit,
    "verify": verify,
    "robustness": robustness,
    "llc": llc,
}


def _world(arguments: Sample):
    from offpath.data.worlds import world

    return world(arguments.world, arguments.graphs)


def _draw(arguments: Sample):
    from offpath.data.batches import draw

    a = arguments
    return draw(_world(a), a.seed, a.start, a.count, purpose=a.purpose)
