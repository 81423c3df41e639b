"""What a run need not train, because a run beside it has: networks are copied with their metrics.

Runs with interventions share most of their networks. A network is the same one where all that it
and those it starts from depend on is equal; what rounding adds is that of the run that trained it.
"""

from collections.abc import Iterator

import torch

from offpath.configs import Configuration, InputError
from offpath.fit.checkpoints import load_model, save_model
from offpath.networks import Network, network, networks
from offpath.run.files import Record
from offpath.run.folder import Run, open_run
from offpath.run.metrics import append_metrics, flush_metrics, read_metrics, rewind_metrics
from offpath.run.provenance import note_copied


def copy_trained(run: Run) -> Iterator[Record]:
    """Copy every network that a run beside this one has trained; yields a record for each."""
    c = run.configuration
    if not c.interventions:
        return
    for other in _runs_beside(run):
        for one in networks(c):
            if one.training and not run.checkpoint(one.name).exists() and _trained(one, c, other):
                copy_network(other, run, one)
                yield {"network": one.name, "step": one.training.steps,
                       "copied": str(other.folder)}  # fmt: skip


def copy_network(source: Run, run: Run, one: Network) -> None:
    """Copy the weights of a network, also those kept along its training, and its metrics."""
    lines = [line for line in read_metrics(source) if line["network"] == one.name]
    rewind_metrics(run, one.name, 0)
    for line in lines:
        append_metrics(run, line)
    if run.metrics.exists():  # imported weights have none
        flush_metrics(run)
    kept = sorted(path.stem for path in source.folder.glob(f"checkpoints/{one.name}-step*"))
    start = one.starts_from if one.starts_from else one.name
    made = [] if run.checkpoint(start).exists() else [start]
    for name in (*kept, *made, one.name):  # the last says that all is there
        save_model(run, name, load_model(source, name, torch.device("cpu")))
    note_copied(run.folder, one.name, source.folder.name)


def _runs_beside(run: Run) -> Iterator[Run]:
    """Runs in the same folder that train the same kind of network on the same kind of graphs."""
    c = run.configuration
    for path in sorted(run.folder.resolve().parent.glob("*/config.json")):
        try:
            other = open_run(path.parent)
        except InputError:  # of an older version, or damaged: no help, and no harm
            continue
        o = other.configuration
        alike = ("graphs", "model", "reporters", "precision", "seed")
        same = all(getattr(o, option) == getattr(c, option) for option in alike)
        if same and o != c and not (o.imported or c.imported):
            yield other


def _trained(one: Network, c: Configuration, other: Run) -> bool:
    """Whether another run has trained the very network, from the very start."""
    same = network(other.configuration, one.name)
    if same is None or same._replace(colour=one.colour) != one:
        return False
    if one.training is None:
        return True
    if not other.checkpoint(one.name).exists():
        return False
    start = network(c, one.starts_from or "")
    return start is not None and _trained(start, c, other)
