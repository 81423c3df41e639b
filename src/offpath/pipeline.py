"""The whole experiment as one function: read this first.

Each stage reads what the one before it wrote into the run folder, and is done or resumed when the
same folder is given again; that is why the command line, this function and a notebook make the same
calls.
"""

from collections.abc import Iterator
from hashlib import sha256

from offpath.compute import Compute, leave
from offpath.fit.finetune import finetune
from offpath.fit.pretrain import pretrain
from offpath.generalize.matrix import RESULTS, checkpoints, measure_matrix
from offpath.handcraft.circuits import set_circuit
from offpath.report.page import write_report
from offpath.runs import Record, Run, write_file


def experiment(run: Run, compute: Compute) -> Iterator[Record]:
    """Run all stages, yielding a record for each logged step; nothing happens until it is consumed.

    Draw graphs and pre-train on the distance from vertex 1 to 2; fine-tune on vertices of shortest
    paths of small graphs, and, as a control, do the same without pre-training; set the weights of
    one more network by hand, which solves the task exactly; measure every checkpoint on every
    distribution; write the report.
    """
    if run.configuration.circuit is None:
        yield from pretrain(run, compute)
        yield from finetune(run, compute)
    leave()
    if compute.rank:  # it has helped to train; the rest is for the first process
        return
    set_circuit(run)
    if not is_done(run):
        yield from measure_matrix(run, compute)
    write_report(run)
    mark_done(run)


def is_done(run: Run) -> bool:
    """Whether every stage has ended, and all that it made is still there."""
    made = [
        *map(run.checkpoint, checkpoints(run.configuration)),
        *map(run.result, (*RESULTS, "circuit")),
        run.done,
    ]
    return all(path.exists() for path in made)


def mark_done(run: Run) -> None:
    """Write the file `done`: the SHA-256 of each checkpoint, by which two runs can be compared."""
    digests = [
        f"{sha256(run.checkpoint(name).read_bytes()).hexdigest()}  {run.checkpoint(name).name}\n"
        for name in checkpoints(run.configuration)
    ]
    write_file(run.done, "".join(digests).encode())
