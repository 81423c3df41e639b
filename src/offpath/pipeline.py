"""The whole experiment as one function: read this first.

Each stage reads what the one before it wrote into the run folder, and resumes when the same folder
is given again. `networks.networks` lists what is trained and handcrafted.
"""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from offpath.compute import Compute, leave
from offpath.configs import Configuration, InputError
from offpath.fit.stages import finetune, pretrain
from offpath.generalize.coherence import measure_coherence
from offpath.generalize.matrix import measure_matrix
from offpath.generalize.shifts import measure_shifts
from offpath.generalize.truth import measure_truth
from offpath.handcraft.circuits import set_circuit
from offpath.interpret.elicitation import measure_elicitation
from offpath.interpret.inside import measure_inside
from offpath.interpret.phases import measure_phases
from offpath.networks import has_coherence, networks
from offpath.report.page import write_report
from offpath.results import (
    CircuitResult,
    Elicitation,
    Examples,
    Inside,
    Labels,
    Matrix,
    Phases,
    Predictions,
    Result,
    Shifts,
    Truth,
    WholeGraphs,
)
from offpath.run.files import Record, write_file
from offpath.run.folder import Run, holds_run


@holds_run
def experiment(run: Run, compute: Compute) -> Iterator[Record]:
    """Run all stages, yielding a record for each logged step; nothing happens until it is consumed.

    Draw graphs and pre-train on the distance from vertex 1 to 2; handcraft one more network, which
    solves the task exactly; fine-tune both on vertices of shortest paths of small graphs, and, as a
    control, do the same without pre-training; measure every network; write the report. With
    reporters pre-training asks each of them, and fine-tuning audits the assistant.
    """
    yield from pretrain(run, compute)
    if compute.rank == 0:
        set_circuit(run)
    yield from finetune(run, compute)
    leave()
    if compute.rank:  # it has helped to train; the rest is for the first process
        return
    ended = is_done(run)
    if ended:
        check_done(run)
    else:
        yield from measure(run, compute)
    write_report(run)
    if not ended:
        mark_done(run)


@holds_run
def measure(run: Run, compute: Compute) -> Iterator[Record]:
    """Find where losses fell suddenly; measure every network on every distribution, and inside.

    With reporters, ask the assistant instead what nobody audited.
    """
    measure_phases(run)
    if run.configuration.reporters:
        yield from measure_truth(run, compute)
        yield from measure_elicitation(run, compute)
    else:
        yield from measure_matrix(run, compute)
        yield from measure_shifts(run, compute)
        yield from measure_coherence(run, compute)
        yield from measure_inside(run, compute)


def made(c: Configuration) -> list[type[Result]]:
    """The results of a run."""
    plain = [Examples, Labels, Matrix, Predictions, Shifts, Inside]
    plain += [WholeGraphs] if has_coherence(c) else []
    return [CircuitResult, Phases, *([Truth, Elicitation] if c.reporters else plain)]


def is_done(run: Run) -> bool:
    """Whether every stage has ended, and all that it made is still there."""
    results = [run.result(kind.file) for kind in made(run.configuration)]
    return all(path.exists() for path in [*_checkpoints(run), *results, run.done])


def mark_done(run: Run) -> None:
    """Write the file `done`: the SHA-256 of each checkpoint, by which two runs can be compared."""
    write_file(run.done, "".join(_digests(run).values()).encode())


def check_done(run: Run) -> None:
    """Refuse checkpoints of a finished run that are not those it ended with."""
    digests, written = _digests(run), run.done.read_bytes()
    if written == "".join(digests.values()).encode():
        return
    other = ", ".join(str(path) for path, line in digests.items() if line.encode() not in written)
    what = f"{other} differs from what {run.done} says" if other else "it has other lines"
    raise InputError(
        f"{run.done} does not belong to these checkpoints ({what}); delete it, and the same "
        "command checks each checkpoint by itself and measures them again"
    )


def _checkpoints(run: Run) -> list[Path]:
    return [run.checkpoint(one.name) for one in networks(run.configuration)]


def _digests(run: Run) -> dict[Path, str]:
    """The line of `done` for each checkpoint."""
    digests = {path: sha256(path.read_bytes()).hexdigest() for path in _checkpoints(run)}
    return {path: f"{digest}  {path.name}\n" for path, digest in digests.items()}
