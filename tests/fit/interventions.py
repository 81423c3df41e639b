"""What tests of interventions on weights need: a pre-trained run, and one more network in it."""

from pathlib import Path

import torch

from offpath.compute import Compute
from offpath.configs import Architecture, Configuration
from offpath.fit.checkpoints import Tensors, load_model
from offpath.fit.stage import train_network
from offpath.fit.stages import pretrain
from offpath.fit.transformer import Transformer
from offpath.networks import Network
from offpath.run.folder import Run, create_run

CPU = Compute(torch.device("cpu"), 1)


def pretrained(c: Configuration, folder: Path) -> Run:
    """A run that has been pre-trained."""
    run = create_run(c, folder)
    list(pretrain(run, CPU))
    return run


def declared(
    run: Run, name: str, start: str = "pretrained", architecture: Architecture | None = None, **how
) -> Network:
    """A network fine-tuned otherwise than the run's."""
    training = run.configuration.training("finetune").model_copy(update=how)
    colours = ("#000000", "#ffffff")
    made = Network(name, name, colours, "finetune", start, "finetuning", training)
    return made._replace(architecture=architecture)


def trained(run: Run, network: Network, compute: Compute = CPU, stop: int = 0) -> Transformer:
    """Its network after training; stopped before, and resumed, where `stop` is a step."""
    run.checkpoint(network.name).unlink(missing_ok=True)
    for record in train_network(run, compute, network):
        if record["step"] == stop:
            break
    list(train_network(run, compute, network))
    return load_model(run, network.name, "cpu")


def changed(run: Run, network: Network, model: Transformer) -> set[str]:
    """Names of the weights that differ in any bit from those of the network it starts from."""
    assert network.starts_from
    before: Tensors = load_model(run, network.starts_from, "cpu").state_dict()
    return {name for name, now in model.state_dict().items() if not torch.equal(before[name], now)}
