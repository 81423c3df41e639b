"""Made-up results about the handcrafted network, its robustness, and learning coefficients."""

from collections.abc import Sequence

import numpy as np

from offpath.results import (
    CircuitResult,
    Direction,
    DrawnGraph,
    Graded,
    LearningCoefficients,
    Perturbed,
    Plateau,
    Point,
    Recovered,
    Retention,
    Robustness,
    SizeError,
    State,
    StepCell,
    Sweep,
    Trace,
)
from offpath.slices import POOLED, SPLIT_STRATA, Slice
from tests.report.stories import scores

MATRICES = ("embedding.weight", "layers.0.linear1.weight", "layers.1.attention.out.weight")
STEPS = [0, 10, 30, 100, 300, 600]
AFTER = (0.99, 0.97, 0.72, 0.41, 0.3, 0.22, 0.18)  # accuracy after fine-tuning, by stratum
RATES = (1e-5, 1e-4, 1e-3)
LIMITS = (1e-3, 0.1)
NOT_FINITE = 1e30


def circuit(kind: str = "edge", max_vertices: int = 5) -> CircuitResult:
    """Two frontiers that meet on a path of 8 vertices with a few chords."""
    angles = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    layers = [  # reached from vertex 1, reached from the target 5, known
        ([1], [5], "d > 0"),
        ([1, 3, 7], [5, 6, 8], "d > 1"),
        ([1, 3, 4, 7, 8], [4, 5, 6, 7, 8], "d <= 3"),
        ([1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 3, 4, 5, 6, 7, 8], "d = 3"),
    ]
    edge = kind == "edge"
    ends = [("endpoint", f"{end} endpoint is {v}") for end in ("first", "second")
            for v in range(1, max_vertices + 1)]  # fmt: skip
    hops = [("frontier", f"hop {h} has arrived") for h in range(max_vertices)]
    names = [*ends, *hops, ("answer", "distance so far")]
    return CircuitResult(
        circuit=kind,
        width=32,
        layers=5,
        heads=2,
        feed_forward=128,
        norm="pre",
        own_architecture=edge,
        note="" if edge else "one token per vertex, and no layer norm",
        graph=DrawnGraph(
            vertices=8,
            edges=[(1, 3), (3, 4), (2, 4), (4, 6), (5, 6), (5, 8), (7, 8), (1, 7)],
            target=5,
            distance=3,
            positions=[(float(0.5 + np.sin(a) / 2), float(0.5 + np.cos(a) / 2)) for a in angles],
        ),
        states=[
            State(
                layer=layer,
                from_source=_activations(source),
                from_target=_activations(target) if edge else [0.0] * 8,
                text=text,
            )
            for layer, (source, target, text) in enumerate(layers)
        ],
        answer=3.0003,
        directions=[Direction(index=i, name=n, group=g) for i, (g, n) in enumerate(names)],
        sizes=[] if edge else _sizes(),
    )


def _activations(reached: list[int]) -> list[float]:
    noise = np.random.default_rng(len(reached)).normal(0, 0.003, 8)
    return [float((v in reached) + e) for v, e in enumerate(noise, start=1)]


def _sizes() -> list[SizeError]:
    """Errors that stay small with the circuit's own constants, and grow with those of WWZ24."""
    return [
        SizeError(
            vertices=n,
            constants=constants,
            mse=mse,
            largest_error=30 * mse**0.5,
            accuracy=float(mse < 0.1),
        )
        for n in (5, 8, 12, 15)
        for constants, mse in (
            ("of n and tolerance", 1e-11),
            ("of WWZ24", 1e-12 * 10.0 ** (2 * (n - 5))),
        )
    ]


def robustness(worlds: list[str], retention: bool = True) -> Robustness:
    """Half of the choices recover at the larger rates; fine-tuning forgets off the path."""
    random = np.random.default_rng(5)
    perturbed = [_perturbed(random, choice, rate) for rate in RATES for choice in range(20)]
    return Robustness(
        options={"steps": 600, "batch_examples": 256, "examples": 4096},
        world="pretraining",
        exact_loss=1.2e-9,
        perturbed=perturbed,
        recovered=[_recovered(perturbed, rate, below) for rate in RATES for below in LIMITS],
        graded=[
            Graded(
                relative_to=kind,
                noise=noise,
                draw=draw,
                rate=1e-3,
                loss_perturbed=float(20 * noise**2 * np.exp(random.normal())),
                loss_after=float(2e-9 + 3 * noise**5 * np.exp(random.normal())),
            )
            for kind in ("weight", "tensor")
            for noise in (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
            for draw in range(4)
        ],
        retention=[_retention(1e-3, worlds), _retention(1e-6, [])] if retention else [],
    )


def _perturbed(random: np.random.Generator, choice: int, rate: float) -> Perturbed:
    """A curve that falls, the faster the larger the rate; one of them diverges."""
    fast = 3 * random.random() * (rate / 1e-4) ** 0.5
    losses = [float(9 * np.exp(-fast * s / 100) + 1e-9 * (1 + choice)) for s in range(0, 601, 20)]
    if (choice, rate) == (3, RATES[0]):
        losses[-1] = NOT_FINITE
    return Perturbed(
        choice=choice,
        matrix=MATRICES[choice % 3],
        rate=rate,
        loss_perturbed=losses[0],
        loss_after=losses[-1],
        curve=list(zip(range(0, 601, 20), losses, strict=True)),
    )


def _recovered(perturbed: list[Perturbed], rate: float, below: float) -> Recovered:
    ends = [one.loss_after for one in perturbed if one.rate == rate]
    share = sum(end < below for end in ends) / len(ends)
    low, high = max(0.0, share - 0.17), min(1.0, share + 0.19)
    return Recovered(rate=rate, count=len(ends), below=below, share=share, low=low, high=high)


def _retention(rate: float, worlds: list[str]) -> Retention:
    """Accuracy falls linearly over the steps, on other distributions to 77 %."""
    cells = []
    for step in STEPS:
        for where, after in zip(SPLIT_STRATA, AFTER, strict=True):
            cells.append(_cell("test_e", step, where, 1 - (1 - after) * step / STEPS[-1]))
        cells.append(_cell("test_e", step, POOLED, 1 - 0.6 * step / STEPS[-1]))
    cells += [_cell(world, STEPS[-1], POOLED, 0.77) for world in worlds if world != "test_e"]
    return Retention(
        rate=rate,
        finetuned_on="finetuning",
        world="test_e",
        steps=STEPS,
        cells=cells,
        losses=[(step, 1e-3 / (1 + step)) for step in range(10, STEPS[-1] + 1, 10)],
    )


def _cell(world: str, step: int, where: Slice, accuracy: float) -> StepCell:
    place = {"world": world, "by": where.by, "slice": where.slice}
    mse = 12 * (1 - accuracy) ** 2 + 1e-9
    return StepCell(predictor="circuit", step=step, **place, **scores(900, mse, accuracy))


def coefficient(steps: int) -> LearningCoefficients:
    """A plateau at the end of pre-training; none at the circuit, nor where no chain was sampled."""
    random = np.random.default_rng(6)
    level = [curvature(gamma, share, 88.0 if gamma < 1e4 else 40.0)
             for gamma in GAMMAS for share in SHARES]  # fmt: skip
    rising = [curvature(gamma, share, 4000 / gamma**0.4, ["chains disagree"] * (gamma == 1e5))
              for gamma in GAMMAS for share in SHARES]  # fmt: skip
    nothing = [curvature(10, share, None, ["not sampled"]) for share in SHARES]
    traces = [
        Trace(checkpoint=name, localisation=gamma, step_share=0.125, chain=chain,
              losses=[float(0.01 + 0.02 * (1 - np.exp(-i / 5)) + 0.001 * random.normal())
                      for i in range(50)])
        for name in ("pretrained", "circuit") for gamma in (10, 1e5) for chain in range(4)
    ]  # fmt: skip
    plateau = Plateau(localisations=(10, 1e3), step_shares=(0.03125, 0.125), coefficient=88.0,
                      error=4.4)  # fmt: skip
    return LearningCoefficients(
        examples=8192,
        sampling={"chains": 4, "draws": 200},
        seed=0,
        world="pretraining",
        examples_sha256="ab" * 32,
        sweeps=[
            sweep("pretrained", "pretrained", steps, level, plateau),
            sweep("circuit", "circuit", None, rising),
            sweep("finetuned", "finetuned", 400, nothing),
        ],
        traces=traces,
        finding="no plateau over localisation at 2 of 3 checkpoints (circuit, finetuned)",
    )


GAMMAS, SHARES = (10, 1e3, 1e5), (0.03125, 0.125)


def sweep(
    name: str, network: str, step: int | None, points: list[Point], plateau: Plateau | None = None
) -> Sweep:
    """A checkpoint whose plateau is as given."""
    verdict = "plateau from gamma = 10 to 1e+03" if plateau else "no plateau over localisation"
    return Sweep(checkpoint=name, network=network, step=step, baseline_loss=0.01,
                 largest_curvature=60.0, points=points, plateau=plateau,
                 verdict=verdict)  # fmt: skip


def curvature(
    gamma: float, share: float, estimate: float | None, reasons: Sequence[str] = ()
) -> Point:
    """A localised curvature; the sampler failed if there are reasons."""
    chains: list[float | None] = []
    if estimate is not None:
        chains = [estimate * (1 + e) for e in (-0.05, 0.02, 0.01, 0.02)]
    return Point(
        localisation=gamma,
        step_share=share,
        step_size=1e-4 * share,
        localised_curvature=estimate,
        error=None if estimate is None else 0.05 * estimate,
        agreement=1.02,
        slope=0.0,
        slope_error=0.01,
        chains=chains,
        passed=not reasons,
        reasons=list(reasons),
    )
