"""How robust the exact solution is: perturb, measure, retrain, measure.

In: a run with a handcrafted network. Out: `results/robustness.json`: one matrix replaced by noise,
as WWZ24 do; noise of every size on all weights; and what fine-tuning leaves of an exact solution
(`retention.py`). Every part is written once it is measured, and a run that was stopped resumes with
the next.
"""

from collections.abc import Iterator
from copy import deepcopy
from itertools import product
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from offpath import results
from offpath.compute import Compute
from offpath.configs import Training
from offpath.data.batches import Batch, frozen, stream
from offpath.data.worlds import World, world
from offpath.fit.checkpoints import load_model
from offpath.fit.loop import train
from offpath.fit.optimizer import make_optimizer
from offpath.fit.transformer import Transformer, predict
from offpath.generalize.intervals import wilson
from offpath.interpret.options import USES, Part, Robustness, check_same
from offpath.interpret.retention import bounded, interventions, measure_retention
from offpath.recipes import recipe
from offpath.run.files import Record
from offpath.run.folder import Run, holds_run

BOUNDS = (1e-3, 1e-1)
"""A network has recovered if its loss is below."""
CURVE_POINTS = 20
LARGEST_LOSS = 1e30  # stands for a loss that is not finite
RELATIVE_TO: tuple[Literal["weight", "tensor"], ...] = ("weight", "tensor")


class Setting(NamedTuple):
    """What all measurements of a run have in common."""

    run: Run
    compute: Compute
    options: Robustness
    world: World
    batch: Batch
    """The frozen examples on which losses are measured."""
    circuit: Transformer


@holds_run
def measure_robustness(run: Run, compute: Compute, options: Robustness) -> Iterator[Record]:
    """Measure every part that is not there yet, and yield a record after each network."""
    c = run.configuration
    where = world("pretraining", c.graphs)
    batch, _ = frozen(where, c.evaluate.seed, options.examples, compute.threads)
    circuit = load_model(run, "circuit", compute.device)
    setting = Setting(run, compute, options, where, batch, circuit)
    counts_and_rows = {
        "perturbed": (options.choices * len(options.rates), _perturb(setting)),
        "graded": (2 * len(options.noises) * options.draws, _add_noise(setting)),
        "retention": (len(interventions(c, options)), measure_retention(run, compute, options)),
    }
    result = _result(setting)
    for part, (count, rows) in counts_and_rows.items():
        if part not in options.parts or getattr(result, part):
            continue
        measured = []
        for step, row in enumerate(rows, start=1):
            measured.append(row)
            yield {"stage": "robustness", "part": part, "step": step, "of": count}
        result = result.model_copy(update={part: measured})
        recovered = _recovered(result.perturbed, options) if result.perturbed else []
        results.write_result(run, result.model_copy(update={"recovered": recovered}))


def loss(model: Transformer, batch: Batch) -> float:
    """Mean squared error; a very large number stands for one that is not finite."""
    errors = (predict(model, batch.tokens).astype(float) - batch.distance) ** 2
    return bounded(float(errors.mean()), LARGEST_LOSS)


def _result(setting: Setting) -> results.Robustness:
    """The parts that are there already, if they were measured with the same options."""
    run, options = setting.run, setting.options.model_dump(mode="json", exclude={"parts"})
    path = run.result(results.Robustness.file)
    if not path.exists():
        exact = loss(setting.circuit, setting.batch)
        return results.Robustness(options=options, world=setting.world.name, exact_loss=exact)
    result = results.read_result(run, results.Robustness)
    there: list[Part] = [part for part in USES if getattr(result, part)]
    used = setting.options.used(there) & setting.options.used(setting.options.parts)
    check_same(path, result.options, {name: options[name] for name in sorted(used)})
    others = setting.options.used(setting.options.parts) - setting.options.used(there)
    options = {**result.options, **{name: options[name] for name in others}}
    if there in ([], ["retention"]):  # nothing yet stands beside the loss, nor its examples
        exact = loss(setting.circuit, setting.batch)
        return result.model_copy(update={"options": options, "exact_loss": exact})
    return result.model_copy(update={"options": options})


def _perturb(setting: Setting) -> Iterator[results.Perturbed]:
    """One matrix, chosen at random, replaced by standard normal noise; retrained at each rate."""
    circuit, options = setting.circuit, setting.options
    names = list(matrices(circuit))
    for choice in range(options.choices):
        generator = torch.Generator().manual_seed(2**20 * (options.seed + 1) + choice)
        name = names[int(torch.randint(len(names), (), generator=generator))]
        noisy = deepcopy(circuit)
        matrix = matrices(noisy)[name]
        matrix.copy_(torch.randn(matrix.shape, generator=generator, dtype=matrix.dtype))
        before = loss(noisy, setting.batch)
        for rate in options.rates:
            curve = _retrain(setting, deepcopy(noisy), rate, choice)
            yield results.Perturbed(choice=choice, matrix=name, rate=rate, loss_perturbed=before,
                                    loss_after=curve[-1][1],
                                    curve=[(0, before), *curve])  # fmt: skip


def matrices(model: Transformer) -> dict[str, Tensor]:
    """Views of all weight matrices by name; attention's maps apart, by head.

    Matrices that are 0 throughout are left out: those of layers that a circuit does not use.
    """
    views = {"embedding": model.embedding.weight.data}
    for number, layer in enumerate(model.layers, start=1):
        attention = layer.self_attn
        maps = attention.in_proj_weight.data.chunk(3 * attention.heads)
        heads = product(("query", "key", "value"), range(1, attention.heads + 1))
        for (kind, head), rows in zip(heads, maps, strict=True):
            views[f"layer {number}, head {head}, {kind}"] = rows
        views[f"layer {number}, heads' output"] = attention.out_proj.weight.data
        views[f"layer {number}, hidden units"] = layer.linear1.weight.data
        views[f"layer {number}, feed-forward output"] = layer.linear2.weight.data
    views["read-out"] = model.readout.weight.data
    return {name: matrix for name, matrix in views.items() if matrix.any()}


def _add_noise(setting: Setting) -> Iterator[results.Graded]:
    """Noise of every size on all weights, relative to each weight or to its whole tensor."""
    options, rate = setting.options, setting.options.noise_rate
    for relative_to, noise, draw in product(RELATIVE_TO, options.noises, range(options.draws)):
        generator = torch.Generator().manual_seed(2**30 * (options.seed + 1) + draw)
        noisy = deepcopy(setting.circuit)
        for p in (parameter.data for parameter in noisy.parameters()):
            scale = p.abs() if relative_to == "weight" else p.square().mean().sqrt()
            p += noise * scale * torch.randn(p.shape, generator=generator).to(p)
        before = loss(noisy, setting.batch)
        after = _retrain(setting, noisy, rate, draw)[-1][1]
        yield results.Graded(relative_to=relative_to, noise=noise, draw=draw, rate=rate,
                             loss_perturbed=before, loss_after=after)  # fmt: skip


def _retrain(
    setting: Setting, model: Transformer, rate: float, number: int
) -> list[tuple[int, float]]:
    """Steps, ever farther apart, and the losses on the frozen examples while a network retrains."""
    c, options = setting.run.configuration, setting.options
    base = c.pretrain or recipe(c.recipe).pretrain
    assert base is not None, "every recipe pre-trains"
    training = retraining(base, rate, options)
    seed = 1 + options.seed + number  # examples of its own, not those of training
    batches = stream(setting.world, seed, options.batch_examples)
    ratio = options.steps ** (1 / (CURVE_POINTS - 1))
    points = {round(ratio**i) for i in range(CURVE_POINTS)} | {options.steps}
    steps = train(model, make_optimizer(model, training), training, batches)
    return [(s.step, loss(model, setting.batch)) for s in steps if s.step in points]


def retraining(base: Training, rate: float, options: Robustness) -> Training:
    """Adam at a constant rate, without decay or clipping, as in WWZ24."""
    betas = {"beta1": 0.9, "beta2": 0.999} if base.optimizer == "muon" else {}
    return base.model_copy(update={
        **betas,
        "learning_rate": rate, "warmup_steps": 0, "decay_from": 1.0, "final_share": 1.0,
        "batch_examples": options.batch_examples, "steps": options.steps, "optimizer": "adam",
        "weight_decay": 0.0, "clip_norm": None, "classification": 0.0, "candidates": 1,
    })  # fmt: skip


def _recovered(rows: list[results.Perturbed], options: Robustness) -> list[results.Recovered]:
    """For each rate and bound the share of networks below it after retraining."""
    shares = []
    for rate, bound in product(options.rates, BOUNDS):
        after = [row.loss_after for row in rows if row.rate == rate]
        hits, count = sum(value < bound for value in after), len(after)
        low, high = wilson(hits, count)
        shares.append(results.Recovered(rate=rate, count=count, below=bound, share=hits / count,
                                        low=low, high=high))  # fmt: skip
    return shares
