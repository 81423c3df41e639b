"""The reference for a training step: torch's own encoder on the padded rectangle.

As one would write it first: every batch is drawn when it is needed, padded to one length, and all
tokens pass through all layers of `nn.TransformerEncoder`.
"""

from collections.abc import Iterator
from itertools import count

import numpy as np
import torch
from torch import nn
from torch.nn.functional import embedding

from offpath.compute import Compute
from offpath.configs import Configuration, Training
from offpath.data.batches import draw
from offpath.data.worlds import World
from offpath.fit.checkpoints import new_model
from offpath.fit.optimizer import make_optimizer
from offpath.fit.transformer import Transformer


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
