"""The learning coefficient of the networks of a run: handcrafted, trained, and along training.

In: checkpoints of a run. Out: `results/learning_coefficient.json`. All are measured on the loss of
pre-training, on the same examples.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from offpath.compute import Compute
from offpath.configs import Configuration, InputError
from offpath.data.batches import Batch, frozen
from offpath.data.tokens import pack
from offpath.data.worlds import world
from offpath.fit.checkpoints import Tensors, load_model
from offpath.fit.transformer import Transformer, to_device
from offpath.interpret.learning_coefficient import (
    Estimate,
    Loss,
    estimate_learning_coefficient,
    finite,
    sweep,
    with_step_size,
)
from offpath.interpret.options import Sampling, check_same
from offpath.networks import network
from offpath.results import LearningCoefficients, Point, Trace, read_result, write_result
from offpath.run.files import Record
from offpath.run.folder import Run

SWEEP_FACTORS = (1 / 4, 1 / 2, 1, 2, 4)
"""Step sizes of a sweep, as multiples of the one chosen."""
MOST_IN_A_TRACE = 200
Estimates = dict[tuple[str, float], tuple[Point, list[Trace]]]
"""By checkpoint and step size."""


def checkpoints_along(run: Run) -> list[str]:
    """The checkpoints of a run that there are: along pre-training, its end, and the circuit."""
    stems = [path.stem for path in run.folder.glob("checkpoints/pretrained-step*.safetensors")]
    steps = [stem.removeprefix("pretrained-step") for stem in stems]
    snapshots = [f"pretrained-step{k}" for k in sorted(int(k) for k in steps if k.isdecimal())]
    names = ["untrained", *snapshots, "pretrained", "circuit"]
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
    swept = [with_step_size(sampling, sampling.step_size * factor) for factor in sorted(factors)]
    wanted = [(name, sampling) for name in names]
    wanted += [(name, one) for name in sweep_names for one in swept]
    wanted = list({(name, one.step_size): (name, one) for name, one in wanted}.values())
    models = {name: load_model(run, name, compute.device) for name, _ in wanted}
    data = world("pretraining", run.configuration.graphs)
    batch, sha256 = frozen(data, seed, sampling.examples, compute.threads)
    empty = LearningCoefficients(
        examples=sampling.examples,
        sampling=sampling.model_dump(),
        seed=seed,
        world=data.name,
        examples_sha256=sha256,
        points=[],
        sweeps=[],
        traces=[],
    )
    known = _known(run, empty)
    for number, (name, one) in enumerate(wanted, start=1):
        if (name, one.step_size) not in known:
            loss, start = transformer_loss(models[name], batch), models[name].named_parameters()
            estimate = estimate_learning_coefficient(loss, dict(start), one, seed)
            point = estimate.point(name, *_place(run.configuration, name))
            known[name, one.step_size] = (point, _traces(name, estimate))
            write_result(run, _result(empty, known, sampling.step_size))
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


def _known(run: Run, empty: LearningCoefficients) -> Estimates:
    """What the result file holds; an `InputError` if other options made it."""
    path = run.result(LearningCoefficients.file)
    if not path.exists():
        return {}
    result = read_result(run, LearningCoefficients)
    check_same(
        path, {**result.sampling, "seed": result.seed}, {**empty.sampling, "seed": empty.seed}
    )
    check_same(path, {"examples_sha256": result.examples_sha256},
               {"examples_sha256": empty.examples_sha256})  # fmt: skip
    points = [*result.points, *(point for one in result.sweeps for point in one.points)]
    known: Estimates = {(p.checkpoint, p.step_size): (p, []) for p in points}
    for trace in result.traces:
        known[trace.checkpoint, trace.step_size][1].append(trace)
    return known


def _result(
    empty: LearningCoefficients, known: Estimates, step_size: float
) -> LearningCoefficients:
    """Points at the step size chosen, sweeps where others were tried too."""
    points = [point for point, _ in known.values()]
    swept = dict.fromkeys(p.checkpoint for p in points if p.step_size != step_size)
    return empty.model_copy(
        update={
            "points": [p for p in points if p.step_size == step_size],
            "sweeps": [sweep([p for p in points if p.checkpoint == name]) for name in swept],
            "traces": [trace for _, traces in known.values() for trace in traces],
        }
    )


def _place(c: Configuration, checkpoint: str) -> tuple[str, int | None]:
    """The network on whose training a checkpoint lies, and the steps done; None: not known."""
    if checkpoint == "untrained":
        return "pretrained", 0
    name, _, step = checkpoint.partition("-step")
    if step.isdecimal():
        return name, int(step)
    one = network(c, checkpoint)
    imported = c.imported and checkpoint == "pretrained"
    return checkpoint, None if imported or not (one and one.training) else one.training.steps


def _traces(name: str, estimate: Estimate) -> list[Trace]:
    every = math.ceil(estimate.losses.shape[1] / MOST_IN_A_TRACE)
    return [
        Trace(
            checkpoint=name,
            step_size=estimate.step_size,
            chain=chain,
            losses=[finite(loss) for loss in losses[::every]],
        )
        for chain, losses in enumerate(estimate.losses, start=1)
    ]
