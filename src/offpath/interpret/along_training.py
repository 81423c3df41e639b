"""Localised curvatures of the networks of a run, and whether they are learning coefficients.

In: checkpoints of a run. Out: `results/learning_coefficient.json`. All are measured on the loss of
pre-training, on the same examples, over the same grid of localisations and step sizes.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import product

import torch
from torch import Tensor
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from offpath.compute import Compute
from offpath.configs import Configuration
from offpath.data.batches import Batch, frozen
from offpath.data.mixtures import shown_world
from offpath.errors import InputError
from offpath.fit.checkpoints import Tensors, load_model
from offpath.fit.transformer import Transformer, rectangle
from offpath.interpret.judging import Estimate
from offpath.interpret.learning_coefficient import (
    Loss,
    largest_curvature,
    localised_curvature,
    losses_at_start,
)
from offpath.interpret.options import GridSampling, check_same, check_seed
from offpath.interpret.plateaus import finding, finite, plateau, point, unsampled_point, verdict
from offpath.networks import network
from offpath.results import LearningCoefficients, Point, Sweep, Trace, read_result, write_result
from offpath.run.files import Record
from offpath.run.folder import Run, holds_run

MOST_IN_A_TRACE = 50


@holds_run
def measure_learning_coefficients(
    run: Run, compute: Compute, sampling: GridSampling, names: Sequence[str], seed: int
) -> Iterator[Record]:
    """Measure the grid at checkpoints of a run, for the pre-training loss of all of them.

    Writes `results/learning_coefficient.json` after each estimate and yields a record. What the
    file holds already is kept; with other sampling or another seed it must be moved away.
    """
    check_seed(seed)
    models = {name: load_model(run, name, compute.device) for name in names}
    for name, model in models.items():
        if (head := model.architecture.head) != "regression":
            raise InputError(
                f"{name} has a head of labels ({head}), whose answers have no slope to follow: "
                "choose networks that answer by regression"
            )
    data = shown_world("pretraining", run.configuration)
    batch, sha256 = frozen(data, seed, sampling.examples, compute.threads)
    result = _result(run, LearningCoefficients(
        examples=sampling.examples, sampling=sampling.model_dump(mode="json"), seed=seed,
        world=data.name, examples_sha256=sha256, sweeps=[], traces=[], finding=""
    ))  # fmt: skip
    cells = list(product(sorted(sampling.localisations, reverse=True), sampling.step_shares))
    for number, (name, cell) in enumerate(product(models, cells), start=1):
        sweep = _sweep(result, name) or _begin(run, models[name], batch, name, sampling)
        if cell not in {(p.localisation, p.step_share) for p in sweep.points}:
            loss, start = transformer_loss(models[name], batch), _weights(models[name])
            options = sampling.cell(sweep.largest_curvature or 0.0, *cell)
            made, traces = unsampled_point(options, cell[1]), []
            if made is None:
                estimate = localised_curvature(loss, start, options, seed)
                made = point(estimate, options, cell[1])
                traces = _traces(name, *cell, estimate)
            result = _with(result, _judged(sweep, [*sweep.points, made]), traces)
            write_result(run, result)
        yield {"stage": "llc", "step": number, "of": len(models) * len(cells), "checkpoint": name}


def transformer_loss(model: Transformer, batch: Batch) -> Loss:
    """The squared error of a transformer on the examples of a batch, under given parameters.

    All chains run as one: each step costs few large operations, and can be derived twice.
    """
    device = model.readout.weight.device
    tokens = torch.from_numpy(batch.tokens).to(device).long()
    labels = torch.from_numpy(batch.labels).to(device)

    def answers(parameters: Tensors, questions: Tensor) -> Tensor:
        return functional_call(model, parameters, rectangle(questions))

    def loss(parameters: Tensors, chosen: Tensor) -> Tensor:
        chosen = chosen.to(device)
        with sdpa_kernel(SDPBackend.MATH):  # the others have no rule for many chains
            return (vmap(answers)(parameters, tokens[chosen]) - labels[chosen]).square()

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


def _sweep(result: LearningCoefficients, name: str) -> Sweep | None:
    return next((sweep for sweep in result.sweeps if sweep.checkpoint == name), None)


def _weights(model: Transformer) -> Tensors:
    return dict(model.named_parameters())


def _begin(run: Run, model: Transformer, batch: Batch, name: str, sampling: GridSampling) -> Sweep:
    """The sweep of a checkpoint before its first point: its loss and its largest curvature."""
    loss, start = transformer_loss(model, batch), _weights(model)
    baseline = losses_at_start(loss, start, sampling.examples).mean()
    curvature = finite(largest_curvature(loss, start, sampling.examples))
    network_name, step = _place(run.configuration, name)
    return Sweep(checkpoint=name, network=network_name, step=step,
                 baseline_loss=finite(baseline.item()), largest_curvature=curvature, points=[],
                 plateau=None, verdict="")  # fmt: skip


def _judged(sweep: Sweep, points: Sequence[Point]) -> Sweep:
    """The sweep with these points, judged anew."""
    points = sorted(points, key=lambda p: (p.localisation, p.step_share))
    found = plateau(points)
    return sweep.model_copy(update={"points": points, "plateau": found,
                                    "verdict": verdict(points, found)})  # fmt: skip


def _with(result: LearningCoefficients, sweep: Sweep, traces: list[Trace]) -> LearningCoefficients:
    """The result with that sweep in place of the one of the same checkpoint."""
    others = {one.checkpoint: one for one in result.sweeps}
    sweeps = list({**others, sweep.checkpoint: sweep}.values())
    return result.model_copy(update={"sweeps": sweeps, "traces": [*result.traces, *traces],
                                     "finding": finding(sweeps)})  # fmt: skip


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


def _traces(name: str, localisation: float, step_share: float, estimate: Estimate) -> list[Trace]:
    every = math.ceil(estimate.losses.shape[1] / MOST_IN_A_TRACE)
    traces = enumerate(estimate.losses[:, ::every], start=1)
    return [Trace(checkpoint=name, localisation=localisation, step_share=step_share, chain=chain,
                  losses=list(map(finite, losses))) for chain, losses in traces]  # fmt: skip
