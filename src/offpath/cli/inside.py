"""The verb that looks into networks; it imports its stage when it runs."""

from typing import Annotated

import tyro

from offpath.cli.arguments import HERE, Machine, RunFolder
from offpath.cli.progress import follow
from offpath.cli.session import check_checkpoints, holding, resume
from offpath.networks import network
from offpath.results import Inside, InsideNetwork, Reach, check_kind, read_result

MOST_HEADS = 4  # named in a line


def inside(
    folder: RunFolder,
    checkpoints: Annotated[tuple[str, ...], tyro.conf.arg(aliases=["--checkpoint"])] = (),
    machine: Machine = HERE,
) -> None:
    """Look into the networks of a run: probes, attention, patching, reach, and rules.

    For example: offpath inside runs/laptop-0123abcd-seed0 --checkpoints finetuned-step20

    Args:
        checkpoints: Checkpoints to look into, added to what was measured; none: all networks but
            those of interventions.
    """
    run, compute = resume(folder, machine)
    check_kind(run, Inside)
    from offpath.handcraft.circuits import set_circuit
    from offpath.interpret.inside import measure_inside

    with holding(run, compute):
        set_circuit(run)
        check_checkpoints(run, checkpoints)
        follow(measure_inside(run, compute, checkpoints), run.configuration)
        result = read_result(run, Inside)
    for one in result.networks:
        if not checkpoints or one.checkpoint in checkpoints:
            known = network(run.configuration, one.checkpoint)
            print(f"{known.title if known else one.checkpoint}: {verdict(one)}")
    print(f"measured; next: `offpath report {run.quoted}`")


def verdict(one: InsideNetwork) -> str:
    """What was found in a network, in a few words."""
    names = {f"{h.layer}.{h.head}": [n for n in h.names if "even" not in n] for h in one.heads}
    named = [f"{head} {' + '.join(names)}" for head, names in names.items() if names]
    more = f" and {len(named) - MOST_HEADS} more" if len(named) > MOST_HEADS else ""
    heads = f"heads {'; '.join(named[:MOST_HEADS])}{more}" if named else "no head named"
    parts = [_reach(one.reach), *([heads] if one.heads else [])]
    return f"accuracy {one.right:.1%}; {'; '.join(parts)}"


def _reach(reach: Reach | None) -> str:
    """The law of search, and the hops per layer."""
    if reach is None:
        return "reach not measured"
    law = "no law of search fits" if reach.law == "none" else f"search: {reach.law}"
    if reach.hops_per_layer is None:
        return law
    ends = (reach.hops_low, reach.hops_high)
    interval = "" if None in ends else " ({:.2g} to {:.2g})".format(*ends)
    return f"{law}, {reach.hops_per_layer:.2g} hops per layer{interval}"


VERBS = (inside,)
