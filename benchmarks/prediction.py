"""What might tell before a test how a network will do in it, for every network of finished runs.

In: runs. Out: a row for each fine-tuned network and seed: its accuracy on each stratum, and what
can be known without the right answers of that stratum. Costs a second for each network.

- `loss`: the mean loss of the last tenth of its training. It sees training examples alone.
- `sharpness`: by how much the squared error on new fine-tuning questions rises when each weight is
  multiplied by 1 + 0.05 times a normal number. Rescalings that change no answer (of the units of a
  ReLU, of queries and keys, of values and outputs) change it by rounding alone, for the noise
  scales with each weight. It sees fine-tuning questions and their answers.
- `agreement`: the share of fine-tuning questions on which its answer is that of the rule “search
  two hops, then guess”. It sees these questions, not their answers.
- `disagreement`, by stratum: the share of its questions on which two seeds of the same arm answer
  unlike each other. It sees the questions of the stratum, and other networks.
- `rule`, by stratum: the share of its questions on which the answer is that of the same rule.
- `copies`, by stratum: the share on which the answer is d(1,2).
"""

from collections.abc import Sequence
from copy import deepcopy
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Int64

from benchmarks.leave_one_out import judged
from benchmarks.questions import Questions, questions
from offpath.compute import Compute
from offpath.data.batches import Batch, draw
from offpath.data.worlds import world
from offpath.fit.checkpoints import load_model
from offpath.fit.native import answers as natively
from offpath.fit.transformer import Transformer
from offpath.generalize.baselines import Known, fitted, hops
from offpath.networks import Network, networks
from offpath.run.files import Record
from offpath.run.folder import Run
from offpath.run.metrics import read_metrics

STRATA = ("hard: on path, seen", "hard: on path, unseen", "hard: off path", "hard: off path, cut")
EXAMPLES = 2048  # of fine-tuning, behind loss, sharpness and agreement
NOISE, DRAWS = 0.05, 8
HERE = Compute(torch.device("cpu"), threads=1)
Rounded = Int64[np.ndarray, " example"]


def collected(runs: Sequence[Run]) -> Record:
    """A row for each network and seed."""
    c = runs[0].configuration
    asked = questions(c)
    strata = [kind for kind in STRATA if kind in asked.kinds]
    inside = draw(world("finetuning", c.graphs), c.evaluate.seed, 0, EXAMPLES, "evaluation")
    two_hops = fitted(partial(hops, radius=2))
    behind = [
        Known(draw(world(name, c.graphs), c.evaluate.seed, 2**24, 2**16, "evaluation"), None)
        for name in ("finetuning", "test_e")
    ]
    guessed = [two_hops(b, k) for b, k in zip((inside, asked.batch), behind, strict=True)]
    known = {(one.name, run.configuration.seed): (run, one) for run, one in tested(runs)}
    answers = {key: _answers(run, one.name, asked.batch) for key, (run, one) in known.items()}
    rows = []
    for (name, seed), (run, one) in known.items():
        peers = [a for (other, s), a in answers.items() if other == name and s != seed]
        here = {"arm": name, "seed": seed, "loss": _loss(run, one)}
        here |= _inside(load_model(run, one.name, HERE.device), inside, guessed[0])
        own = answers[name, seed]
        here["strata"] = {kind: _outside(own, peers, asked, guessed[1], kind) for kind in strata}
        rows.append(here)
    settings = {"noise": NOISE, "draws": DRAWS, "examples": EXAMPLES}
    counts = {kind: int(asked.kinds[kind].sum()) for kind in strata}
    titles = {one.name: one.title for _, one in known.values()}
    made = {"networks": titles, "settings": settings, "questions": counts}
    return {**made, "strata": judged(rows, strata), "rows": rows}


def tested(runs: Sequence[Run]) -> list[tuple[Run, Network]]:
    """Each network that fine-tuning ends in, of each seed once; not the handcrafted one."""
    found: dict[tuple[str, int], tuple[Run, Network]] = {}
    for run in runs:
        for one in networks(run.configuration):
            exact = one.starts_from == "circuit" or one.world == "pretraining"
            if one.made_by == "finetune" and not exact:
                found.setdefault((one.name, run.configuration.seed), (run, one))
    return [*found.values()]


def _answers(run: Run, name: str, batch: Batch) -> Rounded:
    model = load_model(run, name, HERE.device)
    return np.rint(natively(model, batch.tokens, HERE)).clip(-1, 100).astype(np.int64)


def _loss(run: Run, one: Network) -> float:
    """The mean loss of the last tenth of training."""
    lines = [line["loss"] for line in read_metrics(run) if line["network"] == one.name]
    return float(np.mean(lines[-max(1, len(lines) // 10) :]))


def _inside(
    model: Transformer, batch: Batch, guessed: Float[np.ndarray, " example"]
) -> dict[str, float]:
    """What fine-tuning questions show."""
    given = np.rint(natively(model, batch.tokens, HERE))
    return {"sharpness": sharpness(model, batch), "agreement": float((given == guessed).mean())}


def sharpness(model: Transformer, batch: Batch, noise: float = NOISE, draws: int = DRAWS) -> float:
    """The mean rise of the squared error when every weight has relative noise."""
    before, rises = _error(model, batch), []
    for number in range(draws):
        generator = torch.Generator().manual_seed(number)
        noisy = deepcopy(model)
        with torch.no_grad():
            for weights in noisy.parameters():
                drawn = torch.randn(weights.shape, generator=generator, dtype=weights.dtype)
                weights.mul_(1 + noise * drawn)
        rises.append(_error(noisy, batch) - before)
    return float(np.mean(rises))


def _error(model: Transformer, batch: Batch) -> float:
    answers = natively(model, batch.tokens, HERE).astype(float)
    return float(((answers - batch.distance) ** 2).mean())


def _outside(
    own: Rounded,
    peers: Sequence[Rounded],
    asked: Questions,
    guessed: Float[np.ndarray, " example"],
    kind: str,
) -> dict[str, float | None]:
    """Accuracy on a stratum, and what its questions show without their answers."""
    mask = asked.kinds[kind]
    apart = [float((own[mask] != other[mask]).mean()) for other in peers]
    return {
        "accuracy": float((own[mask] == asked.batch.distance[mask]).mean()),
        "disagreement": float(np.mean(apart)) if apart else None,
        "rule": float((own[mask] == guessed[mask]).mean()),
        "copies": float((own[mask] == asked.batch.distance_to_2[mask]).mean()),
    }
