"""The network that a training starts from, and what of it may change.

In: a run and the declaration of a network. Out: its model before the first step: the weights of
another network, with a head, rows of vertex ids or an architecture of its own.
"""

import torch

from offpath.configs import Configuration, InputError, Training, training_faults
from offpath.fit.checkpoints import load_model, new_model
from offpath.fit.classes import add_classes
from offpath.fit.heads import with_head
from offpath.fit.limits import limit, renew_unseen_rows
from offpath.fit.transformer import Transformer
from offpath.networks import Network, network
from offpath.run.folder import Run


def start_model(run: Run, declared: Network, device: torch.device) -> Transformer:
    """The model that a network's training starts from, still free to change everywhere."""
    assert declared.starts_from is not None, "training starts from a network"
    assert declared.training is not None, "a network without training is not trained"
    c, a, training = run.configuration, declared.architecture, declared.training
    model = load_model(run, declared.starts_from, device)
    here = model.architecture
    if a is not None and a != here:
        first = network(c, declared.starts_from)
        if a.model_copy(update={"head": here.head}) == here:
            model = with_head(model, a)
        elif first is not None and first.made_by == "new weights":
            model = new_model(c, a).to(device)
        else:
            raise InputError(
                f"{declared.name} cannot start from {declared.starts_from}, whose layers are of "
                "another shape: start it from a network of the same, or from new weights"
            )
    if faults := list(training_faults(declared.name, training, model.architecture, c.graphs)):
        raise InputError("; ".join(faults))
    if training.unseen_ids in ("reset", "average"):
        renew_unseen_rows(model, training, c.graphs, new_model(c, model.architecture))
    return model


def make_ready(model: Transformer, training: Training, c: Configuration) -> None:
    """Give the model what training needs beside its weights, and hold what is not to change."""
    if training.classification:
        add_classes(model)
    limit(model, training, c.graphs, c.seed)
