"""Made-up results about the network set by hand, its robustness, and learning coefficients."""

import numpy as np

from offpath.report.cells import STRATA
from offpath.run.files import Record

MATRICES = ("embedding.weight", "layers.0.linear1.weight", "layers.1.attention.out.weight")
STEPS = (0, 10, 30, 100, 300, 600)
AFTER = (0.99, 0.97, 0.72, 0.41, 0.3, 0.22, 0.18)  # right answers after fine-tuning, by stratum


def circuit(kind: str = "edge", max_vertices: int = 5) -> Record:
    """Two frontiers that meet on a path of 8 vertices with a few chords."""
    edges = [[1, 3], [3, 4], [2, 4], [4, 6], [5, 6], [5, 8], [7, 8], [1, 7]]
    angles = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    layers = [  # reached from vertex 1, reached from the target 5, known
        ([1], [5], "d > 0"),
        ([1, 3, 7], [5, 6, 8], "d > 1"),
        ([1, 3, 4, 7, 8], [4, 5, 6, 7, 8], "d <= 3"),
        ([1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 3, 4, 5, 6, 7, 8], "d = 3"),
    ]

    def levels(reached: list[int]) -> list[float]:
        noise = np.random.default_rng(len(reached)).normal(0, 0.003, 8)
        return [float((v in reached) + e) for v, e in enumerate(noise, start=1)]

    return {
        "circuit": kind,
        "title": "set by hand",
        "width": 32,
        "layers": 5,
        "heads": 2,
        "feed_forward": 128,
        "norm": "pre",
        "own_architecture": kind == "edge",
        "note": "" if kind == "edge" else "One token a vertex, and no layer norm",
        "graph": {
            "vertices": 8,
            "edges": edges,
            "target": 5,
            "distance": 3,
            "positions": [
                [float(0.5 + 0.5 * np.sin(a)), float(0.5 + 0.5 * np.cos(a))] for a in angles
            ],
        },
        "states": [
            {
                "layer": layer,
                "from_source": levels(source),
                "from_target": levels(target) if kind == "edge" else [0.0] * 8,
                "said": said,
            }
            for layer, (source, target, said) in enumerate(layers)
        ],
        "answer": 3.0003,
        "directions": [
            {"index": i, "name": name, "group": group}
            for i, (group, name) in enumerate(
                [("endpoint", f"first endpoint is {v}") for v in range(1, max_vertices + 1)]
                + [("endpoint", f"second endpoint is {v}") for v in range(1, max_vertices + 1)]
                + [("frontier", f"hop {h} has arrived") for h in range(max_vertices)]
                + [("answer", "distance so far")]
            )
        ],
        "sizes": [
            {
                "vertices": n,
                "constants": constants,
                "mse": mse,
                "largest_error": 30 * mse**0.5,
                "right": float(mse < 0.1),
            }
            for n in (5, 8, 12, 15)
            for constants, mse in (
                ("of n and tolerance", 1e-11),
                ("the study's", 1e-12 * 10.0 ** (2 * (n - 5))),
            )
        ]
        if kind == "wide"
        else [],
    }


def robustness(worlds: list[str], kept: bool = True) -> Record:
    """Half of the choices recover at the larger rates; fine-tuning forgets off the path."""
    random = np.random.default_rng(5)
    rates = (1e-5, 1e-4, 1e-3)
    perturbed = []
    for rate in rates:
        for choice in range(20):
            fast = 3 * random.random() * (rate / 1e-4) ** 0.5
            curve = [
                {"step": s, "loss": float(9 * np.exp(-fast * s / 100) + 1e-9 * (1 + choice))}
                for s in range(0, 601, 20)
            ]
            perturbed.append(
                {
                    "choice": choice,
                    "matrix": MATRICES[choice % 3],
                    "rate": rate,
                    "loss_perturbed": curve[0]["loss"],
                    "loss_after": curve[-1]["loss"],
                    "curve": curve,
                }
            )
    perturbed[3].update(loss_after=None)
    perturbed[3]["curve"][-1]["loss"] = None
    return {
        "checkpoint": "circuit",
        "world": "pretraining",
        "examples": 4096,
        "batch_examples": 256,
        "steps": 600,
        "exact_loss": 1.2e-9,
        "perturbed": perturbed,
        "recovered": [
            _recovered(perturbed, rate, below) for rate in rates for below in (1e-3, 0.1)
        ],
        "graded": [
            {
                "relative_to": kind,
                "noise": noise,
                "draw": draw,
                "rate": 1e-3,
                "loss_perturbed": float(20 * noise**2 * np.exp(random.normal())),
                "loss_after": float(2e-9 + 3 * noise**5 * np.exp(random.normal())),
            }
            for kind in ("weight", "tensor")
            for noise in (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
            for draw in range(4)
        ],
        "lines": [
            {
                "to": to,
                "title": title,
                "matched": matched,
                "points": [
                    {
                        "share": s / 20,
                        "loss": float(
                            1e-9 + height * (1e-3 if matched else 1) * np.sin(np.pi * s / 21) ** 2
                        ),
                    }
                    for s in range(21)
                ],
            }
            for to, title, height in (("pretrained", "pre-trained", 9), ("finetuned", "tuned", 14))
            for matched in (False, True)
        ],
        "kept": _kept(worlds) if kept else None,
        "kept_otherwise": [_kept(worlds) | {"rate": 1e-6}] if kept else [],
    }


def _recovered(perturbed: list[Record], rate: float, below: float) -> Record:
    ends = [one["loss_after"] for one in perturbed if one["rate"] == rate]
    share = sum(end is not None and end < below for end in ends) / len(ends)
    return {
        "rate": rate,
        "count": len(ends),
        "below": below,
        "share": share,
        "low": max(0.0, share - 0.17),
        "high": min(1.0, share + 0.19),
    }


def _kept(worlds: list[str]) -> Record:
    cells = []
    for step in STEPS:
        for where, after in zip(STRATA, AFTER, strict=True):
            skill = 1 - (1 - after) * step / STEPS[-1]
            cells.append(_kept_cell("test_e", step, where.by, where.slice, skill))
        cells.append(_kept_cell("test_e", step, "pooled", "all", 1 - 0.6 * step / STEPS[-1]))
    for world in worlds:
        if world != "test_e":
            cells.append(_kept_cell(world, STEPS[-1], "pooled", "all", 0.77))
    losses = [{"step": s, "loss": 1e-3 / (1 + s)} for s in range(10, STEPS[-1] + 1, 10)]
    told = {"rate": 1e-3, "tuned_on": "finetuning", "world": "test_e"}
    return {**told, "steps": list(STEPS), "cells": cells, "losses": losses}


def _kept_cell(world: str, step: int, by: str, part: str, skill: float) -> Record:
    mse = 12 * (1 - skill) ** 2 + 1e-9
    return {
        "predictor": "circuit",
        "step": step,
        "world": world,
        "by": by,
        "slice": part,
        "count": 900,
        "mse": mse,
        "mse_low": mse * 0.9,
        "mse_high": mse * 1.1,
        "accuracy": skill,
        "accuracy_low": max(0.0, skill - 0.02),
        "accuracy_high": min(1.0, skill + 0.01),
        "r2": 1 - mse / 6,
    }


def coefficient(steps: int) -> Record:
    """Coefficients that grow along training, two of which are not to be trusted."""
    random = np.random.default_rng(6)
    path = [max(1, steps // 2**k) for k in range(5, 0, -1)]
    points = [
        _point(f"pretrain-step{step}", "pretrain", step, 12 * (1 + np.log(step)))
        for step in sorted(set(path))
    ]
    points += [
        _point("circuit", "circuit", None, 21.5),
        _point("pretrained", "pretrain", steps, 88.1),
        _point("finetuned", "finetune", 400, 93.0),
    ]
    points[0].update(trusted=False, reasons=["the chains disagree", "the loss still rises"])
    points[-1].update(trusted=False, estimate=None, error=None, reasons=["a chain diverged"])
    return {
        "examples": 8192,
        "sampling": {"chains": 4, "draws": 200},
        "points": points,
        "sweeps": [
            {
                "checkpoint": "pretrained",
                "points": [_size(1e-7 * 3**k, 88 + 20 * abs(k - 3) ** 2, k != 6) for k in range(7)],
                "plateau": [1e-7 * 9, 1e-7 * 81],
                "estimate": 88.0,
                "verdict": "plateau from step size 9e-07 to 8.1e-06: 88 ± 9",
            },
            {
                "checkpoint": "circuit",
                "points": [_size(1e-7 * 3**k, 4.0**k, False) for k in range(7)],
                "plateau": None,
                "estimate": None,
                "verdict": "no plateau: do not trust",
            },
        ],
        "traces": [
            {
                "checkpoint": name,
                "step_size": 1e-6,
                "chain": chain,
                "losses": [
                    float(0.01 + 0.02 * (1 - np.exp(-i / 20)) + 0.001 * random.normal())
                    for i in range(200)
                ],
            }
            for name in ("pretrained", "circuit")
            for chain in range(4)
        ],
    }


def _point(name: str, stage: str, step: int | None, estimate: float) -> Record:
    return {
        "checkpoint": name,
        "stage": stage,
        "step": step,
        "baseline_loss": 0.01,
        "estimate": estimate,
        "error": 0.06 * estimate,
        "chains": [estimate * (1 + e) for e in (-0.05, 0.02, 0.01, 0.02)],
        "agreement": 1.02,
        "slope": 0.0,
        "slope_error": 0.01,
        "step_size": 1e-6,
        "trusted": True,
        "reasons": [],
    }


def _size(size: float, estimate: float, trusted: bool) -> Record:
    reasons = [] if trusted else ["the chains disagree"]
    error = 0.1 * estimate
    record = {"step_size": size, "estimate": estimate, "error": error}
    return {**record, "trusted": trusted, "reasons": reasons}
