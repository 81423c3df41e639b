"""The localised curvature of a loss at a point, by stochastic-gradient Langevin dynamics.

In: the loss of each example as a function of parameters, and a point w*. Out: n beta (mean loss
over draws around w* - loss at w*) under a pull gamma to w*, with its error and what speaks against
the chains. Where neither gamma nor step size changes it (`plateaus.py`), it is the local learning
coefficient: d/2 at a regular minimum of d parameters, less where it is degenerate. Costs a gradient
per chain and step. Lau, Furman, Wang, Murfet, Wei 2023 (arXiv 2308.12108); Welling, Teh 2011.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from offpath.configs import InputError
from offpath.fit.checkpoints import Tensors
from offpath.interpret.judging import Estimate, judge
from offpath.interpret.options import Sampling, check_seed

Loss = Callable[[Tensors, Tensor], Tensor]
"""Loss of each chosen example, (chain, example), under parameters whose first axis is the chain.

The loss is taken as given, as a negative log-likelihood: a squared error means noise of variance
1/2. For another variance v, multiply the inverse temperature by 1 / (2 v).
"""

RUNAWAY = 1e30  # a loss above it has no way back
CHUNK_EXAMPLES = 512
CURVATURE_EXAMPLES = 512
CURVATURE_PRODUCTS = 30  # of the Hessian with a vector
BLOCK_NUMBERS = 2**13  # drawn at once for a chain: small problems would spend their time on calls


def localised_curvature(loss: Loss, start: Tensors, sampling: Sampling, seed: int) -> Estimate:
    """The localised curvature of `loss` at `start`, for one step size and one localisation.

    Chain k draws from generators of its own, made from (seed, k, step size, localisation): the same
    seed gives the same numbers, and neighbours in a grid are independent.

    >>> where = {"w": torch.zeros(4, dtype=torch.float64)}
    >>> quadratic = lambda at, chosen: at["w"].square().sum(1, keepdim=True).expand(chosen.shape)
    >>> few = Sampling(examples=1000, batch_examples=1, chains=50, step_size=1e-4, localisation=1)
    >>> round(localised_curvature(quadratic, where, few, seed=0).localised_curvature, 1)
    2.0
    """
    check_seed(seed)
    if not start:
        raise InputError("start must hold at least 1 tensor; got 0")
    at_start = losses_at_start(loss, start, sampling.examples)
    excess = _walk(loss, start, at_start, sampling, seed)
    return judge(excess, float(at_start.mean()), sampling)


def largest_curvature(loss: Loss, start: Tensors, examples: int) -> float:
    """The largest absolute curvature of the loss at `start`, by power iteration.

    It bounds the steps that are stable. The Hessian is that of the first few hundred examples; a
    loss that is flatter at w* than around it, like w^4, needs a number from elsewhere.

    >>> ellipse = lambda at, chosen: (at["w"] ** 2 * torch.tensor([1.0, 4.0])).sum(1)[:, None]
    >>> round(largest_curvature(ellipse, {"w": torch.zeros(2)}, examples=1), 3)
    8.0
    """
    chosen = torch.arange(min(examples, CURVATURE_EXAMPLES))[None]
    at = {name: tensor.detach()[None].requires_grad_() for name, tensor in start.items()}
    tensors = list(at.values())
    gradients = torch.autograd.grad(loss(at, chosen).mean(), tensors, create_graph=True)
    generator = torch.Generator().manual_seed(0)
    product = [torch.randn(g.shape, dtype=g.dtype, generator=generator).to(g) for g in gradients]
    for _ in range(CURVATURE_PRODUCTS):
        length = _length(product)
        if not 0 < length < math.inf:
            break
        vector = [part / length for part in product]
        product = list(torch.autograd.grad(gradients, tensors, vector, retain_graph=True))
    return _length(product)


def _length(parts: Sequence[Tensor]) -> float:
    return math.sqrt(sum(float(part.detach().double().square().sum()) for part in parts))


@torch.no_grad()
def losses_at_start(loss: Loss, start: Tensors, examples: int) -> Float64[Tensor, " example"]:
    """The loss of each of the first examples at `start`."""
    one_chain = {name: tensor.detach()[None] for name, tensor in start.items()}
    pieces = []
    for chosen in torch.arange(examples)[None].split(CHUNK_EXAMPLES, dim=1):
        piece = loss(one_chain, chosen)
        if piece.shape != chosen.shape:
            raise InputError("loss must return one number for each chain and example, of shape "
                             f"{tuple(chosen.shape)}; got shape {tuple(piece.shape)}")  # fmt: skip
        pieces.append(piece[0].double().cpu())
    return torch.cat(pieces)


def _walk(
    loss: Loss, start: Tensors, at_start: Tensor, sampling: Sampling, seed: int
) -> Float64[np.ndarray, "chain draw"]:
    """Loss above that of w* on the same batch, at each draw; NaN from where a chain runs off.

    Compared on the same batch, the noise of the batch at w* cancels; the mean is the same.
    """
    s = sampling
    centre = torch.cat([tensor.detach().flatten() for tensor in start.values()])
    sizes = [tensor.numel() for tensor in start.values()]
    weights = centre.repeat(s.chains, 1)  # (chain, parameter)
    excess = torch.full((s.burn_in_steps + s.draws, s.chains), torch.nan, dtype=torch.float64)
    for step, (chosen, noise) in zip(range(len(excess)), _chances(s, seed, centre), strict=False):
        weights.requires_grad_()
        pieces = zip(start.items(), weights.split(sizes, dim=1), strict=True)
        losses = loss({n: p.reshape(s.chains, *t.shape) for (n, t), p in pieces}, chosen)
        (gradient,) = torch.autograd.grad(losses.mean(1).sum(), weights)
        excess[step] = (losses.detach().double().cpu() - at_start[chosen]).mean(1)
        if not (excess[step].abs() < RUNAWAY).all():
            excess[step:] = torch.nan
            break
        weights = weights.detach()
        drift = s.weight * gradient + s.localisation * (weights - centre)
        weights = weights - s.step_size / 2 * drift + math.sqrt(s.step_size) * noise.to(centre)
    return excess[s.burn_in_steps :].T.numpy()


def _chances(s: Sampling, seed: int, like: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """For every step the examples, (chain, example), and normal noise, (chain, parameter)."""
    bits = [int(np.float64(x).view(np.uint64)) for x in (s.step_size, s.localisation)]
    keys = [np.random.SeedSequence([seed, chain, *bits]) for chain in range(s.chains)]
    sources = [torch.Generator().manual_seed(int(k.generate_state(1, np.uint64)[0])) for k in keys]
    block = max(1, BLOCK_NUMBERS // max(len(like), s.batch_examples))  # whatever the steps
    shape = (block, s.batch_examples)
    while True:
        examples = [torch.randint(s.examples, shape, generator=g) for g in sources]
        noise = [torch.randn(block, len(like), dtype=like.dtype, generator=g) for g in sources]
        yield from zip(torch.stack(examples, 1), torch.stack(noise, 1), strict=True)
