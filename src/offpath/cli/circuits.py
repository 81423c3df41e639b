"""The verbs of handcrafted networks: make one, verify it, perturb it, measure its basin.

A verb imports its stage when it runs, so that `offpath --help` answers at once.
"""

import json
import sys

from rich.console import Console

from offpath.cli import arguments as options
from offpath.cli.parse import parse
from offpath.cli.session import compute_on, resume, show_progress
from offpath.errors import InputError, choice_fault
from offpath.run.files import Record, check_writable, write_file
from offpath.run.folder import create_run, working_on

MOST_VERTICES_WIDE = 20  # of a wide circuit whose evaluation takes minutes


def circuit(words: list[str]) -> None:
    """Handcraft the weights of a network, in a run folder of its own.

    For example: offpath circuit wide --vertices 8
    """
    arguments = parse(circuit, words, options.CircuitOptions)
    from offpath.handcraft.circuits import circuit_configuration, set_circuit
    from offpath.recipes import recipe

    base = recipe(arguments.recipe)
    vertices = base.graphs.max_vertices if arguments.vertices is None else arguments.vertices
    configuration = circuit_configuration(arguments.circuit, base, vertices)
    run = create_run(configuration, arguments.runs_folder)
    with working_on(run):
        set_circuit(run)
    if arguments.circuit == "wide" and vertices > MOST_VERTICES_WIDE:
        print("cost grows with the fifth power of the vertices: evaluating this one takes hours")
    print(f"handcrafted; next: `offpath evaluate {run.quoted}`")


def verify(words: list[str]) -> None:
    """Try a circuit on every small graph, on graphs of every kind, and with weights deleted.

    For example: offpath verify edge --out edge.json
    """
    arguments = parse(verify, words, options.VerifyOptions)
    if arguments.out is not None:
        check_writable(arguments.out)
    compute = compute_on(arguments.machine)
    from offpath.handcraft.verify import PLANS, as_line, summary
    from offpath.handcraft.verify import verify as try_circuit
    from offpath.recipes import recipe

    largest = arguments.vertices
    largest = PLANS[arguments.circuit].largest if largest is None else largest
    checks = try_circuit(
        arguments.circuit,
        recipe("paper").model,
        compute,
        largest=largest,
        deletions=arguments.deletions,
        seed=arguments.seed,
    )
    records: list[Record] = []
    console = Console()
    for record in checks:
        records.append(record)
        console.print(as_line(record), soft_wrap=True, highlight=False)
    console.print(summary(records), soft_wrap=True, highlight=False)
    if arguments.out is not None:
        record = {"circuit": arguments.circuit, "seed": arguments.seed, "checks": records}
        write_file(arguments.out, json.dumps(record, indent=1, allow_nan=False).encode() + b"\n")
        print(f"wrote {arguments.out}")
    if any(record.get("wrong") for record in records):
        sys.exit(1)


def robustness(words: list[str]) -> None:
    """Perturb the handcrafted network, retrain it, and fine-tune it: what is left of it?

    For example: offpath robustness runs/laptop-0123abcd-seed0 --steps 300
    """
    a, run, compute = resume(robustness, words, options.RobustnessOptions)
    rates = a.options.retention_rates
    if run.configuration.finetune is None and rates != type(a.options)().retention_rates:
        raise InputError("--retention-rates has no effect on a circuit that is not fine-tuned")
    from offpath.handcraft.circuits import set_circuit
    from offpath.interpret.robustness import measure_robustness

    with working_on(run, compute):
        set_circuit(run)
        show_progress(run, measure_robustness(run, compute, a.options))
    print(f"measured; next: `offpath report {run.quoted}`")


def llc(words: list[str]) -> None:
    """Estimate the local learning coefficient of a run's networks, along its training.

    For example: offpath llc runs/laptop-0123abcd-seed0 --threads 1
    """
    a, run, compute = resume(llc, words, options.CoefficientOptions)
    from offpath.handcraft.circuits import set_circuit
    from offpath.interpret.along_training import checkpoints_along, measure_learning_coefficients

    with working_on(run, compute):
        set_circuit(run)
        names = a.checkpoints or checkpoints_along(run)
        known = sorted(path.stem for path in run.checkpoint("").parent.glob("*.safetensors"))
        known = [name for name in known if not name.endswith("-resume")]
        for option, given in (("--checkpoints", names), ("--sweep", a.sweep)):
            for name in (name for name in given if name not in known):
                raise InputError(choice_fault(option, name, known))
        swept = a.sweep or [name for name in ("pretrained", "circuit") if name in names]
        records = measure_learning_coefficients(run, compute, a.options, names, swept, a.seed)
        show_progress(run, records)
    print(f"measured; next: `offpath report {run.quoted}`")
