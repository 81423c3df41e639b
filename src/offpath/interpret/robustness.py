"""How robust solutions are: perturb, measure, retrain, measure.

In: a run with a network that is set by hand, and perhaps trained ones. Out:
`results/robustness.json`, whose fields `docs/run-folder.md` explains: one matrix replaced by noise,
as in the study; noise of every size on all weights; the line to the trained networks; and what
fine-tuning leaves of an exact solution (`kept.py`). Every part is written once it is done, and a
run that was stopped goes on with the next.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from offpath.compute import Compute
from offpath.configs import InputError, Training
from offpath.data.batches import Batch, frozen, stream
from offpath.data.worlds import World, world
from offpath.fit.checkpoints import load_model
from offpath.fit.loop import train
from offpath.fit.optimizer import make_optimizer
from offpath.fit.transformer import Transformer, predict
from offpath.generalize.evaluate import wilson
from offpath.interpret.interpolation import between, matched
from offpath.interpret.options import Robustness
from offpath.interpret.retention import COMPARED, measure_kept
from offpath.run.files import Record
from offpath.run.folder import Run, read_result, write_result

BOUNDS = (1e-3, 1e-1)
"""A network has recovered if its loss is below."""
CURVE_POINTS = 20
LINE_POINTS = 21
EMPTY = {"perturbed": [], "recovered": [], "graded": [], "lines": [], "kept": None}
LARGEST_LOSS = 1e30  # what a loss that is not finite is told as


class Setting(NamedTuple):
    """What all measurements of a run have in common."""

    run: Run
    compute: Compute
    options: Robustness
    world: World
    batch: Batch
    """The frozen examples on which losses are measured."""


def measure_robustness(run: Run, compute: Compute, options: Robustness) -> Iterator[Record]:
    """Measure all, and yield a record each time one more network has been retrained."""
    where = world("pretraining", run.configuration.graphs)
    batch, _ = frozen(where, run.configuration.evaluate.seed, options.examples, compute.threads)
    setting = Setting(run, compute, options, where, batch)
    circuit = load_model(run, "circuit", compute.device)
    told = _begun(run, options) or {
        "options": _as_json(options),
        "checkpoint": "circuit",
        "world": where.name,
        "examples": options.examples,
        "batch_examples": options.batch_examples,
        "steps": options.steps,
        "exact_loss": loss(circuit, batch),
    }
    parts: list[tuple[str, Callable[[], Iterator[Record]]]] = [
        ("perturbed", lambda: _perturbed(setting, circuit)),
        ("graded", lambda: _graded(setting, circuit)),
        ("lines", lambda: _lines(setting, circuit)),
        ("kept", lambda: measure_kept(run, compute, options)),
    ]
    for name, measure in parts:
        if name in told:
            continue
        rows, count = [], _count(name, options)
        for row in measure():
            rows.append(row)
            step = len(rows)
            yield {"stage": "robustness", "part": name, "step": step, "of": max(count, step)}
        told[name] = rows if name != "kept" else None
        if name == "perturbed":
            told["recovered"] = _recovered(rows, options)
        if name == "kept" and rows:
            told |= {"kept": rows[0], "kept_otherwise": rows[1:]}
        write_result(run, "robustness", {**EMPTY, **told})


def loss(model: Transformer, batch: Batch) -> float:
    """Mean squared error; one that is not finite is told as a very large one."""
    errors = (predict(model, batch.tokens).astype(float) - batch.distance) ** 2
    return min(float(np.nan_to_num(errors.mean(), nan=LARGEST_LOSS)), LARGEST_LOSS)


def _begun(run: Run, options: Robustness) -> Record | None:
    """The parts that are there already, if they were measured with the same options."""
    if not run.result("robustness").exists():
        return None
    told = read_result(run, "robustness")
    before, now = told.get("options", {}), _as_json(options)
    if before != now:
        differing = [k for k in now if before.get(k) != now[k]]
        other = ", ".join(f"{k} {before.get(k)}, not {now[k]}" for k in differing)
        raise InputError(
            f"{run.result('robustness')} was measured with other options ({other}); give the same, "
            "or move it away"
        )
    there = [name for name in COMPARED if run.checkpoint(name).exists()]
    if {line["to"] for line in told.get("lines", ())} != set(there):  # trained since
        told.pop("lines", None)
    return {k: v for k, v in told.items() if k != "run" and (k not in EMPTY or v)}


def _as_json(options: Robustness) -> Record:
    return options.model_dump(mode="json")


def _count(part: str, options: Robustness) -> int:
    """How many networks a part retrains, for whoever waits."""
    return {
        "perturbed": options.choices * len(options.rates),
        "graded": 2 * len(options.noises) * options.draws,
        "lines": 2 * len(COMPARED),
        "kept": len(options.kept_rates) + 2,
    }[part]


def _perturbed(setting: Setting, circuit: Transformer) -> Iterator[Record]:
    """One matrix, chosen at random, replaced by standard normal noise; retrained at each rate."""
    options = setting.options
    names = list(matrices(circuit))
    for choice in range(options.choices):
        generator = torch.Generator().manual_seed(2**20 * (options.seed + 1) + choice)
        name = names[int(torch.randint(len(names), (), generator=generator))]
        noisy = deepcopy(circuit)
        with torch.no_grad():
            part = matrices(noisy)[name]
            part.copy_(torch.randn(part.shape, generator=generator, dtype=part.dtype))
        before = loss(noisy, setting.batch)
        for rate in options.rates:
            curve = list(_retrained(setting, deepcopy(noisy), rate, choice))
            yield {
                "choice": choice,
                "matrix": name,
                "rate": rate,
                "loss_perturbed": before,
                "loss_after": curve[-1]["loss"],
                "curve": [{"step": 0, "loss": before}, *curve],
            }


def matrices(model: Transformer) -> dict[str, Tensor]:
    """Views of all weight matrices by name; attention's maps apart, by head.

    Matrices that are 0 throughout are left out: those of layers that a circuit does not use.
    """
    found = {"embedding": model.embedding.weight.data}
    for number, layer in enumerate(model.layers, start=1):
        attention = layer.self_attn
        heads, size = attention.heads, attention.head_size
        split = attention.in_proj_weight.data.view(3, heads, size, -1)
        for kind, name in enumerate(("query", "key", "value")):
            for head in range(heads):
                found[f"layer {number}, head {head + 1}, {name}"] = split[kind, head]
        found[f"layer {number}, heads' output"] = attention.out_proj.weight.data
        found[f"layer {number}, hidden units"] = layer.linear1.weight.data
        found[f"layer {number}, feed-forward output"] = layer.linear2.weight.data
    found["read-out"] = model.readout.weight.data
    return {name: matrix for name, matrix in found.items() if matrix.any()}


def _graded(setting: Setting, circuit: Transformer) -> Iterator[Record]:
    """Noise of every size on all weights, relative to each weight or to its whole tensor."""
    options = setting.options
    for kind in ("weight", "tensor"):
        for noise in options.noises:
            for draw in range(options.draws):
                generator = torch.Generator().manual_seed(2**30 * (options.seed + 1) + draw)
                noisy = deepcopy(circuit)
                with torch.no_grad():
                    for p in noisy.parameters():
                        scale = p.abs() if kind == "weight" else p.square().mean().sqrt()
                        p += noise * scale * torch.randn(p.shape, generator=generator).to(p)
                before = loss(noisy, setting.batch)
                curve = list(_retrained(setting, noisy, options.noise_rate, draw))
                yield {
                    "relative_to": kind,
                    "noise": noise,
                    "draw": draw,
                    "rate": options.noise_rate,
                    "loss_perturbed": before,
                    "loss_after": curve[-1]["loss"],
                }


def _retrained(setting: Setting, model: Transformer, rate: float, number: int) -> Iterator[Record]:
    """Losses on the frozen examples while a network is retrained, at steps ever farther apart."""
    options = setting.options
    training = retraining(setting.run.configuration.pretrain, rate, options)
    seed = 1 + options.seed + number  # examples of its own, not those of training
    batches = stream(setting.world, seed, options.batch_examples, threads=1)
    ratio = options.steps ** (1 / max(1, CURVE_POINTS - 1))
    points = {max(1, round(ratio**i)) for i in range(CURVE_POINTS)} | {options.steps}
    for step in train(model, make_optimizer(model, training), training, batches):
        if step.step in points:
            yield {"step": step.step, "loss": loss(model, setting.batch)}


def retraining(base: Training, rate: float, options: Robustness) -> Training:
    """Adam at a constant rate, without decay or clipping, as in the study."""
    return base.model_copy(
        update={
            "batch_examples": options.batch_examples,
            "steps": options.steps,
            "optimizer": "adam",
            "learning_rate": rate,
            "warmup_steps": 0,
            "decay_from": 1.0,
            "final_share": 1.0,
            "weight_decay": 0.0,
            "clip_norm": None,
        }
    )


def _recovered(rows: list[Record], options: Robustness) -> list[Record]:
    """For each rate and bound the share of networks below it after retraining."""
    shares = []
    for rate in options.rates:
        after = [row["loss_after"] for row in rows if row["rate"] == rate]
        for bound in BOUNDS:
            hits = sum(value < bound for value in after)
            low, high = wilson(hits, len(after))
            share = {"share": hits / len(after), "low": low, "high": high}
            shares.append({"rate": rate, "count": len(after), "below": bound, **share})
    return shares


def _lines(setting: Setting, circuit: Transformer) -> Iterator[Record]:
    """Losses between the circuit and each trained network of the same architecture."""
    run, device = setting.run, setting.compute.device
    if circuit.architecture != run.configuration.model or run.configuration.circuit:
        return
    for name, title in COMPARED.items():
        if not run.checkpoint(name).exists():  # not trained yet: there is no line to it
            continue
        trained = load_model(run, name, device)
        for is_matched in (False, True):
            end = matched(circuit, trained) if is_matched else trained
            shares = np.linspace(0, 1, LINE_POINTS).tolist()
            points = [
                {"share": share, "loss": loss(between(circuit, end, share), setting.batch)}
                for share in shares
            ]
            yield {"to": name, "title": title, "matched": is_matched, "points": points}
