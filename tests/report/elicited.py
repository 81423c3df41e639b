"""A made-up elicitation: a truthful network, a liar whose probes see the order, and new weights."""

from typing import Any

from offpath.results import AskedNetwork, Detector, Elicitation, ProbeRead, Read, ReadDistance

LAYERS = 3
FITS = [("audited", "distance"), ("audited", "inverse")]
FITS += [(name, "distance") for name in ("paths", "shuffled", "everything", "unaudited")]


def elicitation(*, gap: bool = True) -> Elicitation:
    """Truth is right in all of the unaudited questions, the inspector in none; or neither is."""
    truth = 1.0 if gap else 0.0
    networks = [("pretrained", "truth", True, truth, 0.9), ("pretrained", "near=2", True, 0.0, 0.8),
                ("untrained", "assistant", False, 0.0, 0.5)]  # fmt: skip
    return Elicitation(
        max_vertices=8, inspector="near=2", fitted_audited=3072, fitted_unaudited=1024,
        audited=2048, unaudited=2048, truth_right=truth, inspector_right=0.0, shuffles=8,
        constant=3, constant_right=0.75,
        asked=[_asked(*network, gap=gap) for network in networks],
    )  # fmt: skip


def _asked(
    network: str, reporter: str, learned: bool, right: float, order: float, *, gap: bool
) -> AskedNetwork:
    probes = []
    for layer in range(LAYERS):
        for number, (fitted_on, target) in enumerate(FITS):
            fields: dict[str, Any] = _read(layer / 10 + number / 100, order, gap=gap)
            fields |= {"layer": layer, "fitted_on": fitted_on, "target": target, "penalty": 1e-3}
            fields |= {"left_out_r2": 0.9, "audited_r2": 0.9}
            if fitted_on == "shuffled":
                fields |= {"order_low": 0.3, "order_high": 0.7}
            probes.append(ProbeRead(**fields))
    detector: dict[str, Any] = {"auroc": 0.9, "auroc_unaudited": None, "auroc_honest": 0.1}
    detector |= {"threshold": 0.5, "alarms_wrong": 0.6, "alarms_right": 0.05}
    detector["alarms_right_unaudited"] = None
    return AskedNetwork(
        network=network, reporter=reporter, learned_truth=learned, audited=1.0,
        answers=Read(**_read(right, 0.5 + right / 2, gap=gap)), wrong=2048, informative_layer=1,
        probes=probes, detectors=[Detector(layer=layer, **detector) for layer in range(LAYERS)],
    )  # fmt: skip


def _read(right: float, order: float, *, gap: bool) -> dict[str, Any]:
    ends = {"right_low": max(0.0, right - 0.02), "right_high": min(1.0, right + 0.02)}
    gaps = {"gap_recovered": right if gap else None, "order_gap_recovered": 2 * order - 1}
    row = ReadDistance(distance=3, count=1536, right=right, inspector=0.1, mean=5.5)
    return {
        "right": right, **ends, "inspector": 0.1, "mse": 2.0, "balanced": right, "order": order,
        **gaps, "distances": [row, row.model_copy(update={"distance": 4, "count": 512})],
    }  # fmt: skip
