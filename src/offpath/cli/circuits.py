"""The verbs of handcrafted networks: make one, verify it, perturb it, measure its basin.

A verb imports its stage when it runs, so that `offpath --help` answers at once.
"""

import sys
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from offpath import recipes, results
from offpath.cli.arguments import FLAT, HERE, RUNS, Machine, RunFolder, RunsFolder
from offpath.cli.progress import follow
from offpath.cli.session import check_checkpoints, compute_on, holding, resume, write_record
from offpath.configs import Circuit
from offpath.errors import InputError
from offpath.interpret.options import GridSampling, Robustness
from offpath.results import LearningCoefficients, check_kind, read_result
from offpath.run.files import Record, check_writable
from offpath.run.folder import create_run, working_on

MOST_VERTICES_WIDE = 20  # of a wide circuit whose evaluation takes minutes


def circuit(
    circuit: tyro.conf.Positional[Circuit],
    vertices: int | None = None,
    recipe: str = "laptop",
    runs_folder: RunsFolder = RUNS,
) -> None:
    """Handcraft the weights of a network, in a run folder of its own.

    For example: offpath circuit wide --vertices 8

    Args:
        circuit: wide: of WWZ24, n layers; doubling: 2 ceil(log2 n) layers; edge: as those trained.
        vertices: Vertices of the largest graph; None takes the recipe's.
        recipe: Recipe whose evaluation, and for edge whose architecture, the circuit gets.
    """
    from offpath.handcraft.circuits import circuit_configuration, set_circuit

    base = recipes.recipe(recipe)
    vertices = base.graphs.max_vertices if vertices is None else vertices
    run = create_run(circuit_configuration(circuit, base, vertices), runs_folder)
    with working_on(run):
        set_circuit(run)
    if circuit == "wide" and vertices > MOST_VERTICES_WIDE:
        print("cost grows with the fifth power of the vertices: evaluating this one takes hours")
    verb = "finetune" if run.configuration.finetune else "evaluate"
    print(f"handcrafted; next: `offpath {verb} {run.quoted}`")


def verify(
    circuit: tyro.conf.Positional[Circuit],
    vertices: int | None = None,
    deletions: int = 200,
    seed: int = 0,
    out: Path | None = None,
    machine: Machine = HERE,
) -> None:
    """Try a circuit on every small graph, on graphs of every kind, and with weights deleted.

    For example: offpath verify edge --out edge.json

    Args:
        circuit: wide, doubling or edge; edge is tried in the architecture of the recipe paper.
        vertices: Vertices of the largest graphs; None: 64, and 15 for edge.
        deletions: Single weights to delete, one at a time.
        seed: Seed of the random graphs and of the weights to delete.
        out: File to write all records to, as JSON.
    """
    if out is not None:
        check_writable(out)
    compute = compute_on(machine)
    from offpath.handcraft.verify import PLANS, as_line, summary
    from offpath.handcraft.verify import verify as try_circuit

    largest = PLANS[circuit].largest if vertices is None else vertices
    model = recipes.paper().model
    checks = try_circuit(circuit, model, compute, largest=largest, deletions=deletions, seed=seed)
    records: list[Record] = []
    console = Console(highlight=False, soft_wrap=True)
    for record in checks:
        records.append(record)
        console.print(as_line(record))
    console.print(summary(records))
    if out is not None:
        write_record(out, {"circuit": circuit, "seed": seed, "checks": records})
    if any(record.get("wrong") for record in records):
        sys.exit(1)


def robustness(
    folder: RunFolder,
    options: Annotated[Robustness, FLAT] = Robustness(),  # noqa: B008, it cannot change
    machine: Machine = HERE,
) -> None:
    """Perturb the handcrafted network, retrain it, and fine-tune it: what is left of it?

    For example: offpath robustness runs/laptop-0123abcd-seed0 --steps 300
    """
    run, compute = resume(folder, machine)
    check_kind(run, results.Robustness)
    if not run.configuration.finetune and options.retention_rates != Robustness().retention_rates:
        raise InputError("--retention-rates has no effect on a circuit that is not fine-tuned")
    if not run.configuration.finetune and options.parts == ("retention",):
        raise InputError("--parts retention needs a circuit that is fine-tuned: edge; this run has "
                         f"{run.configuration.circuit}")  # fmt: skip
    from offpath.handcraft.circuits import set_circuit
    from offpath.interpret.robustness import measure_robustness

    with holding(run, compute):
        set_circuit(run)
        follow(measure_robustness(run, compute, options), run.configuration)
    print(f"measured; next: `offpath report {run.quoted}`")


def llc(
    folder: RunFolder,
    checkpoints: tuple[str, ...] = (),
    seed: int = 0,
    options: Annotated[GridSampling, FLAT] = GridSampling(),  # noqa: B008, it cannot change
    machine: Machine = HERE,
) -> None:
    """Estimate the local learning coefficient of a run's networks, where the grid has a plateau.

    For example: offpath llc runs/laptop-0123abcd-seed0 --checkpoints pretrained --threads 1

    Args:
        checkpoints: Checkpoints to measure, minutes each; none: end of pre-training, and circuit.
        seed: Seed of the examples and of the chains.
    """
    run, compute = resume(folder, machine)
    check_kind(run, LearningCoefficients)
    from offpath.handcraft.circuits import set_circuit
    from offpath.interpret.along_training import measure_learning_coefficients

    with holding(run, compute):
        set_circuit(run)
        known = check_checkpoints(run, checkpoints)
        names = checkpoints or [name for name in ("pretrained", "circuit") if name in known]
        records = measure_learning_coefficients(run, compute, options, names, seed)
        follow(records, run.configuration)
        result = read_result(run, LearningCoefficients)
    for sweep in result.sweeps:
        print(f"{sweep.checkpoint}: {sweep.verdict}")
    print(f"{result.finding}; next: `offpath report {run.quoted}`")


VERBS = (circuit, verify, robustness, llc)
