"""Seconds of one training step: this transformer beside torch's encoder on the padded rectangle.

    python benchmarks/training_step.py [--rounds 15] > benchmarks/results/training_step.json

The same weights, batch and optimizer, in turns in the same run; the figures are medians.
"""

import argparse
import json
import platform
import time
from collections.abc import Iterator
from itertools import count
from statistics import median

import numpy as np
import torch
from torch import nn
from torch.nn.functional import embedding

from offpath.compute import Compute, compute
from offpath.configs import Configuration, Training
from offpath.data.batches import draw, stream
from offpath.data.worlds import World, worlds
from offpath.fit.checkpoints import new_model
from offpath.fit.loop import train
from offpath.fit.optimizer import make_optimizer
from offpath.fit.transformer import Transformer
from offpath.recipes import laptop, paper


def main() -> None:
    """Measure both recipes' pre-training and fine-tuning and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    machine = compute("cpu")
    rows = []
    for recipe, examples in ((laptop, 512), (paper, 1024)):
        for world in ("pretraining", "finetuning"):
            rows.append(_compare(recipe(), world, examples, rounds))
    about = f"{platform.machine()}, torch {torch.__version__}, {machine.threads} threads"
    print(json.dumps({"machine": about, "rows": rows}, indent=1))


def _compare(c: Configuration, name: str, examples: int, rounds: int) -> dict:
    world = worlds(c.graphs)[name]
    training = c.training("pretrain").model_copy(
        update={"batch_examples": examples, "steps": 10**6}
    )
    model = new_model(c)
    machine = compute("cpu")
    batches = stream(world, 0, examples, threads=machine.threads)
    ours = train(model, make_optimizer(model, training), training, batches, 0, machine)
    theirs = torch_steps(c, world, training, machine)
    pairs = [(_seconds(ours), _seconds(theirs)) for _ in range(rounds + 2)][2:]
    return {
        "recipe": c.recipe,
        "world": name,
        "batch_examples": examples,
        "seconds": median(a for a, _ in pairs),
        "torch_seconds": median(b for _, b in pairs),
        "ratio": median(b / a for a, b in pairs),
        "rounds": [{"ours": a, "torch": b} for a, b in pairs],
    }


def torch_steps(
    c: Configuration, world: World, training: Training, machine: Compute
) -> Iterator[int]:
    """Training as one would write it: nn.TransformerEncoder on fully padded batches."""
    model = new_model(c).to(machine.device)
    encoder = torch_encoder(model)
    optimizer = make_optimizer(model, training)
    for step in count():
        batch = draw(world, 0, step * training.batch_examples, training.batch_examples)
        labels = torch.from_numpy(batch.distance).to(machine.device)
        optimizer.zero_grad()
        with machine.arithmetic():
            with machine.autocast():
                answers = torch_answers(model, encoder, batch.tokens)
            (answers - labels).square().mean().backward()
        nn.utils.clip_grad_norm_(model.parameters(), training.clip_norm or torch.inf)
        optimizer.step()
        yield step


def torch_encoder(model: Transformer) -> nn.TransformerEncoder:
    """Torch's own encoder with the very parameters of a model's layers."""
    a = model.architecture
    layer = nn.TransformerEncoderLayer(
        a.width, a.heads, a.feed_forward, 0.0, batch_first=True, norm_first=a.norm == "pre"
    )
    encoder = nn.TransformerEncoder(layer, a.layers, enable_nested_tensor=False)
    shared = model.get_submodule("layers").state_dict(keep_vars=True)
    encoder.layers.load_state_dict(shared, assign=True)
    return encoder


def torch_answers(
    model: Transformer, encoder: nn.TransformerEncoder, tokens: np.ndarray
) -> torch.Tensor:
    """A model's answers by torch's encoder: the padded rectangle, all tokens in all layers."""
    padded = torch.from_numpy(tokens).to(model.readout.weight.device).long()
    x = embedding(padded, model.embedding.weight).flatten(2)
    x = encoder(x, src_key_padding_mask=padded[:, :, 1] == 0)
    return model.readout(model.final_norm(x[:, -1])).squeeze(1)


def _seconds(steps: Iterator[object]) -> float:
    began = time.perf_counter()
    next(steps)
    return round(time.perf_counter() - began, 5)


if __name__ == "__main__":
    main()
