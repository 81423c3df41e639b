"""The learning coefficient of the networks of a run: set by hand, trained, and along training.

In: checkpoints of a run. Out: `results/learning_coefficient.json`, whose fields
`docs/run-folder.md` explains. All are measured on the loss of pre-training, on the same examples.
"""

import math
import re
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from offpath.compute import Compute
from offpath.configs import InputError
from offpath.data.batches import Batch, frozen
from offpath.data.tokens import pack
from offpath.data.worlds import world
from offpath.fit.checkpoints import Tensors, load_model
from offpath.fit.transformer import Transformer, to_device
from offpath.interpret.learning_coefficient import (
    Estimate,
    Loss,
    estimate_learning_coefficient,
    find_plateau,
    finite,
    with_step_size,
)
from offpath.interpret.options import Sampling
from offpath.run.files import Record
from offpath.run.folder import Run, read_result, write_result

RESULT = "learning_coefficient"
SWEEP_FACTORS = (1 / 4, 1 / 2, 1, 2, 4)
"""Step sizes of a sweep, as multiples of the one chosen."""
MOST_IN_A_TRACE = 200


def checkpoints_along(run: Run) -> list[str]:
    """The checkpoints of a run that there are: along pre-training, its end, and the circuit."""
    snapshots = run.folder.glob("checkpoints/pretrain-step*.safetensors")
    told = [path.stem.removeprefix("pretrain-step") for path in snapshots]
    steps = sorted(int(step) for step in told if step.isdecimal())
    names = ["untrained", *(f"pretrain-step{step}" for step in steps), "pretrained", "circuit"]
    return [name for name in names if run.checkpoint(name).exists()]


def measure_learning_coefficients(
    run: Run,
    compute: Compute,
    sampling: Sampling,
    names: Sequence[str],
    sweep_names: Sequence[str],
    seed: int,
    factors: Sequence[int | float] = SWEEP_FACTORS,
) -> Iterator[Record]:
    """Estimate the coefficient at checkpoints of a run, for the pre-training loss of all of them.

    Writes `results/learning_coefficient.json` after each estimate and yields a record. What the
    file holds already is kept; with other sampling or another seed it must be moved away.
    """
    if not 0 <= seed < 2**63:
        raise InputError(f"seed must be 0 to {2**63 - 1}; got {seed}")
    wanted = [(name, sampling) for name in names]
    wanted += [(n, with_step_size(sampling, sampling.step_size * f)) for n in sweep_names
               for f in sorted(factors)]  # fmt: skip
    wanted = list({(name, one.step_size): (name, one) for name, one in wanted}.values())
    models = {name: load_model(run, name, compute.device) for name, _ in wanted}
    data = world("pretraining", run.configuration.graphs)
    batch, sha256 = frozen(data, seed, sampling.examples, compute.threads)
    head = {"examples": sampling.examples, "sampling": sampling.model_dump(), "seed": seed,
            "world": data.name, "examples_sha256": sha256}  # fmt: skip
    known = _known(run, head)
    for number, (name, one) in enumerate(wanted, start=1):
        if (name, one.step_size) not in known:
            loss, start = transformer_loss(models[name], batch), models[name].named_parameters()
            found = estimate_learning_coefficient(loss, dict(start), one, seed)
            known[name, one.step_size] = (_point(run, name, found), _traces(name, found))
            write_result(run, RESULT, {**head, **_result(known, sampling.step_size)})
        yield {"stage": "llc", "step": number, "of": len(wanted), "checkpoint": name}


def transformer_loss(model: Transformer, batch: Batch) -> Loss:
    """The squared error of a transformer on the examples of a batch, under given parameters."""
    device = model.readout.weight.device

    def loss(parameters: Tensors, chosen: Tensor) -> Tensor:
        of_chain = {name: tensor.unbind() for name, tensor in parameters.items()}
        errors = []
        for chain, index in enumerate(chosen.cpu().numpy()):
            packed = pack(batch.tokens[index])
            weights = {name: tensors[chain] for name, tensors in of_chain.items()}
            answers = functional_call(model, weights, to_device(packed, device))
            back = torch.from_numpy(np.argsort(packed.order)).to(device)
            labels = torch.from_numpy(batch.distance[index]).to(device)
            errors.append((answers[back] - labels).square())
        return torch.stack(errors)

    return loss


def _known(run: Run, head: Record) -> dict[tuple[str, float], tuple[Record, list[Record]]]:
    """Points and traces of the result file, by checkpoint and step size.

    An `InputError` if other options made them: nothing that took long is overwritten.
    """
    if not run.result(RESULT).exists():
        return {}
    there = read_result(run, RESULT)
    for key, value in head.items():
        if there.get(key) != value:
            raise InputError(
                f"{run.result(RESULT)} was measured with other options ({key} "
                f"{there.get(key)}, not {value}); give the same, or move it away"
            )
    points = [*there["points"], *({"checkpoint": s["checkpoint"], **p}
                                  for s in there["sweeps"] for p in s["points"])]  # fmt: skip
    keys = {(p["checkpoint"], p["step_size"]): p for p in points}
    return {
        key: (p, [t for t in there["traces"] if (t["checkpoint"], t["step_size"]) == key])
        for key, p in keys.items()
    }


def _result(known: dict, step_size: float) -> Record:
    """What the file says: points at the step size chosen, sweeps where others were tried too."""
    points = [p for p, _ in known.values()]
    sweeps = []
    for name in dict.fromkeys(p["checkpoint"] for p in points if p["step_size"] != step_size):
        swept = sorted((p for p in points if p["checkpoint"] == name), key=lambda p: p["step_size"])
        sweeps.append({"checkpoint": name, "points": swept, **find_plateau(swept)})
    return {
        "points": [p for p in points if p["step_size"] == step_size],
        "sweeps": sweeps,
        "traces": [trace for _, traces in known.values() for trace in traces],
    }


def _point(run: Run, name: str, found: Estimate) -> Record:
    """An estimate with the place of its checkpoint in the run: stage, and steps done."""
    c = run.configuration
    places = {
        "untrained": ("pretrain", 0),
        "pretrained": ("pretrain", c.pretrain.steps),
        "finetuned": ("finetune", c.finetune.steps),
        "scratch": ("scratch", c.finetune.steps),
    }
    if c.imported:
        del places["pretrained"]  # after how many steps is not known
    snapshot = re.fullmatch(r"(\w+)-step(\d+)", name)
    inside = (snapshot[1], int(snapshot[2])) if snapshot else (name, None)
    stage, step = places.get(name, inside)
    return {"checkpoint": name, "stage": stage, "step": step, **found.record()}


def _traces(name: str, found: Estimate) -> list[Record]:
    every = math.ceil(found.losses.shape[1] / MOST_IN_A_TRACE)
    return [
        {"checkpoint": name, "step_size": found.step_size, "chain": chain,
         "losses": [finite(loss) for loss in losses[::every]]}
        for chain, losses in enumerate(found.losses, start=1)
    ]  # fmt: skip
