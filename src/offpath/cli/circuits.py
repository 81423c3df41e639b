"""The verbs of networks set by hand: make one, try it, disturb it, measure its basin.

A verb imports its stage when it runs, so that `offpath --help` answers at once.
"""

import json
import sys

from offpath.cli.arguments import ByHand, Disturbed, Sampled, Verification, parse
from offpath.cli.session import compute_on, go_on, show_progress
from offpath.configs import InputError
from offpath.run.files import Record, write_file
from offpath.run.folder import create_run, working_on

MOST_VERTICES_WIDE = 20  # of a wide circuit whose evaluation takes minutes


def circuit(words: list[str]) -> None:
    """Set the weights of a network by hand, in a run folder of its own.

    For example: offpath circuit wide --vertices 8
    """
    arguments = parse("circuit", circuit, words, ByHand)
    from offpath.handcraft.circuits import circuit_configuration, set_circuit
    from offpath.recipes import recipe

    base = recipe(arguments.recipe)
    vertices = base.graphs.max_vertices if arguments.vertices is None else arguments.vertices
    configuration = circuit_configuration(arguments.circuit, base, vertices)
    begun = create_run(configuration, arguments.runs_folder)
    with working_on(begun):
        set_circuit(begun)
    if arguments.circuit == "wide" and vertices > MOST_VERTICES_WIDE:
        print("cost grows with the fifth power of the vertices: evaluating this one takes hours")
    print(f"set by hand; go on with `offpath evaluate {begun.folder}`")


def verify(words: list[str]) -> None:
    """Try a circuit on every small graph, on graphs of every kind, and with weights deleted.

    For example: offpath verify edge --out edge.json
    """
    arguments = parse("verify", verify, words, Verification)
    machine = compute_on(arguments.machine)
    from rich.console import Console

    from offpath.handcraft.verify import PLANS, as_line, summary
    from offpath.handcraft.verify import verify as try_circuit
    from offpath.recipes import recipe

    largest = arguments.vertices
    largest = PLANS[arguments.circuit].largest if largest is None else largest
    checks = try_circuit(
        arguments.circuit,
        recipe("paper").model,
        machine,
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
        told = {"circuit": arguments.circuit, "seed": arguments.seed, "checks": records}
        write_file(arguments.out, json.dumps(told, indent=1, allow_nan=False).encode() + b"\n")
        print(f"wrote {arguments.out}")
    if any(record.get("wrong") for record in records):
        sys.exit(1)


def robustness(words: list[str]) -> None:
    """Disturb the network set by hand, retrain it, and fine-tune it: what is left of it?

    For example: offpath robustness runs/laptop-0123abcd-seed0 --steps 300
    """
    arguments, begun, machine = go_on("robustness", robustness, words, Disturbed)
    from offpath.handcraft.circuits import set_circuit
    from offpath.interpret.robustness import measure_robustness

    with working_on(begun):
        set_circuit(begun)
        show_progress(begun, measure_robustness(begun, machine, arguments.options))
    print(f"measured; go on with `offpath report {begun.folder}`")


def llc(words: list[str]) -> None:
    """Estimate the local learning coefficient of a run's networks, along its training.

    For example: offpath llc runs/laptop-0123abcd-seed0 --threads 1
    """
    arguments, begun, machine = go_on("llc", llc, words, Sampled)
    from offpath.handcraft.circuits import set_circuit
    from offpath.interpret.along_training import checkpoints_along, measure_learning_coefficients

    with working_on(begun):
        set_circuit(begun)
        known = checkpoints_along(begun)
        names = arguments.checkpoints or known
        for name in (*names, *arguments.sweep):
            if not begun.checkpoint(name).exists():
                raise InputError(f"checkpoints must be among {', '.join(known)}; got {name!r}")
        swept = arguments.sweep or [name for name in ("pretrained", "circuit") if name in names]
        records = measure_learning_coefficients(
            begun, machine, arguments.options, names, swept, arguments.seed
        )
        show_progress(begun, records)
    print(f"measured; go on with `offpath report {begun.folder}`")
