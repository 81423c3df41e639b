"""Made-up results about the handcrafted network, its robustness, and learning coefficients."""

import numpy as np

from offpath.results import (
    CircuitResult,
    Direction,
    DrawnGraph,
    Graded,
    LearningCoefficients,
    Perturbed,
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
    """Coefficients that grow along training, two of which are not trusted."""
    random = np.random.default_rng(6)
    path = sorted({max(1, steps // 2**k) for k in range(5, 0, -1)})
    snapshots = [(f"pretrained-step{step}", step, 12 * (1 + float(np.log(step)))) for step in path]
    points = [point(name, "pretrained", step, estimate) for name, step, estimate in snapshots]
    points[0] = points[0].model_copy(
        update={"trusted": False, "reasons": ["the chains disagree", "the loss still rises"]}
    )
    last = point("finetuned", "finetuned", 400, None, reasons=["a chain diverged"])
    points += [
        point("circuit", "circuit", None, 21.5),
        point("pretrained", "pretrained", steps, 88.1),
    ]
    plateau = [point("pretrained", "pretrained", steps, 88 + 20.0 * abs(k - 3) ** 2,
                     1e-7 * 3**k, ["a chain diverged"] * (k == 6)) for k in range(7)]  # fmt: skip
    rising = [point("circuit", "circuit", None, 4.0**k, 1e-7 * 3**k, ["the chains disagree"])
              for k in range(7)]  # fmt: skip
    return LearningCoefficients(
        examples=8192,
        sampling={"chains": 4, "draws": 200},
        seed=0,
        world="pretraining",
        examples_sha256="ab" * 32,
        points=[*points, last],
        sweeps=[
            Sweep(
                checkpoint="pretrained",
                points=plateau,
                plateau=(9e-7, 8.1e-6),
                estimate=88.0,
                error=9.0,
                verdict="plateau from step size 9e-07 to 8.1e-06: 88 ± 9",
            ),
            Sweep(
                checkpoint="circuit",
                points=rising,
                plateau=None,
                estimate=None,
                error=None,
                verdict="no plateau: do not trust",
            ),
        ],
        traces=[
            Trace(
                checkpoint=name,
                step_size=1e-6,
                chain=chain,
                losses=[
                    float(0.01 + 0.02 * (1 - np.exp(-i / 20)) + 0.001 * random.normal())
                    for i in range(200)
                ],
            )
            for name in ("pretrained", "circuit")
            for chain in range(4)
        ],
    )


def point(
    name: str,
    network: str,
    step: int | None,
    estimate: float | None,
    step_size: float = 1e-6,
    reasons: list[str] | None = None,
) -> Point:
    """An estimate; not trusted if there are reasons."""
    finite = 0.0 if estimate is None else estimate
    return Point(
        checkpoint=name,
        network=network,
        step=step,
        step_size=step_size,
        baseline_loss=0.01,
        estimate=estimate,
        error=None if estimate is None else 0.06 * estimate,
        agreement=1.02,
        slope=0.0,
        slope_error=0.01,
        chains=[finite * (1 + e) for e in (-0.05, 0.02, 0.01, 0.02)],
        trusted=not reasons,
        reasons=reasons or [],
    )
