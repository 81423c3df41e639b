"""The learning coefficient of the networks of a run: handcrafted, trained, and along training.

In: checkpoints of a run. Out: `results/learning_coefficient.json`. All are measured on the loss of
pre-training, on the same examples.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from offpath.compute import Compute
from offpath.configs import Configuration
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
)
from offpath.interpret.options import Sampling, check_same, check_seed
from offpath.networks import network
from offpath.results import LearningCoefficients, Point, Trace, read_result, write_result
from offpath.run.files import Record
from offpath.run.folder import Run, holds_run

SWEEP_FACTORS = (1 / 4, 1 / 2, 1, 2, 4)
"""Step sizes of a sweep, as multiples of the one chosen."""
MOST_IN_A_TRACE = 200


def checkpoints_along(run: Run) -> list[str]:
    """The checkpoints of a run that there are: along pre-training, its end, and the circuit."""
    paths = run.folder.glob("checkpoints/pretrained-step*.safetensors")
    steps = [path.stem.removeprefix("pretrained-step") for path in paths]
    snapshots = [f"pretrained-step{k}" for k in sorted(map(int, filter(str.isdecimal, steps)))]
    names = ["untrained", *snapshots, "pretrained", "circuit"]
    return [name for name in names if run.checkpoint(name).exists()]


@holds_run
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
    check_seed(seed)
    sizes = [sampling.step_size * factor for factor in sorted(factors)]
    wanted = dict.fromkeys([*product(names, [sampling.step_size]), *product(sweep_names, sizes)])
    models = {name: load_model(run, name, compute.device) for name, _ in wanted}
    data = world("pretraining", run.configuration.graphs)
    batch, sha256 = frozen(data, seed, sampling.examples, compute.threads)
    result = _result(run, LearningCoefficients(
        examples=sampling.examples, sampling=sampling.model_dump(), seed=seed, world=data.name,
        examples_sha256=sha256, points=[], sweeps=[], traces=[]
    ))  # fmt: skip
    for number, (name, step_size) in enumerate(wanted, start=1):
        if (name, step_size) not in _points(result):
            loss, start = transformer_loss(models[name], batch), models[name].named_parameters()
            options = sampling.model_copy(update={"step_size": step_size})
            estimate = estimate_learning_coefficient(loss, dict(start), options, seed)
            point = estimate.point(name, *_place(run.configuration, name))
            result = _with(result, point, _traces(point, estimate), sampling.step_size)
            write_result(run, result)
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


def _result(run: Run, empty: LearningCoefficients) -> LearningCoefficients:
    """The result file, if the same options made it; `empty` where there is none."""
    path = run.result(LearningCoefficients.file)
    if not path.exists():
        return empty
    result = read_result(run, LearningCoefficients)
    check_same(path, *({**one.sampling, "seed": one.seed} for one in (result, empty)))
    check_same(path, result.model_dump(), empty.model_dump(include={"world", "examples_sha256"}))
    return result


def _points(result: LearningCoefficients) -> dict[tuple[str, float], Point]:
    swept = (point for one in result.sweeps for point in one.points)
    return {(point.checkpoint, point.step_size): point for point in (*result.points, *swept)}


def _with(
    result: LearningCoefficients, point: Point, traces: list[Trace], step_size: float
) -> LearningCoefficients:
    """One more point: among those of the step size chosen, and in sweeps where there are others."""
    points = [*_points(result).values(), point]
    names = dict.fromkeys(p.checkpoint for p in points if p.step_size != step_size)
    sweeps = [sweep([p for p in points if p.checkpoint == name]) for name in names]
    points = [p for p in points if p.step_size == step_size]
    return result.model_copy(update={"points": points, "sweeps": sweeps,
                                     "traces": [*result.traces, *traces]})  # fmt: skip


def _place(c: Configuration, checkpoint: str) -> tuple[str, int | None]:
    """The network on whose training a checkpoint lies, and the steps done; None: not known."""
    if checkpoint == "untrained":
        return "pretrained", 0
    name, _, step = checkpoint.partition("-step")
    if step.isdecimal():
        return name, int(step)
    one = network(c, checkpoint)
    if one is None or one.training is None or (c.imported and checkpoint == "pretrained"):
        return checkpoint, None
    return checkpoint, one.training.steps


def _traces(point: Point, estimate: Estimate) -> list[Trace]:
    every = math.ceil(estimate.losses.shape[1] / MOST_IN_A_TRACE)
    traces = enumerate(estimate.losses[:, ::every], start=1)
    return [Trace(checkpoint=point.checkpoint, step_size=point.step_size, chain=chain,
                  losses=list(map(finite, losses))) for chain, losses in traces]  # fmt: skip
