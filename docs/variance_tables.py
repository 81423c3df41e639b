"""The table on where the spread over runs comes from, from `benchmarks/results/variance.json`."""

from functools import cache

import numpy as np

from docs.raw import markdown, record
from offpath.generalize.statistics import id_variance, sampling_variance, variance_components
from offpath.run.files import Record
from offpath.slices import HARD, OFF_PATH, SEEN, UNSEEN, Slice

SLICES = {
    "on path, seen": SEEN,
    "on path, unseen": UNSEEN,
    "off path": OFF_PATH[0],
    "unreachable": OFF_PATH[2],
    "on path, seen, hard": HARD[1],
    "on path, unseen, hard": HARD[2],
    "off path, hard": HARD[3],
}
SOURCES = {
    "pretraining": "seed of pre-training",
    "rounding": "rounding (thread count)",
    "order": "order of fine-tuning",
    "residual": "several of these at once",
    "sampling": "sampling of questions",
    "ids": "choice of vertex ids",
}


@cache
def runs() -> list[Record]:
    """The scores of every run of the design."""
    return record("variance")["runs"]


def values(where: Slice) -> np.ndarray:
    """Accuracy by seed of pre-training, thread count, and order of fine-tuning."""
    axes = [sorted({run[name] for run in runs()}) for name in ("seed", "threads", "order")]
    made = np.full([len(axis) for axis in axes], np.nan)
    for run in runs():
        place = tuple(axis.index(run[name]) for axis, name in
                      zip(axes, ("seed", "threads", "order"), strict=True))  # fmt: skip
        right, count = run["slices"][f"{where.by}: {where.slice}"]["all"]
        made[place] = right / count
    assert np.isfinite(made).all()
    return made


def deviations(where: Slice) -> dict[str, float]:
    """The standard deviation that each source makes, in percentage points."""
    by_source = {name: one.variance for name, one in variance_components(values(where)).items()}
    scores = [run["slices"][f"{where.by}: {where.slice}"] for run in runs()]
    by_source["sampling"] = np.mean(
        [sampling_variance(right / count, count) for right, count in (s["all"] for s in scores)]
    )
    of_ids = [[right / count for right, count in s["targets"].values()] for s in scores]
    several = [np.array(shares) for shares in of_ids if len(shares) > 1]
    by_source["ids"] = np.mean([id_variance(shares) for shares in several]) if several else 0.0
    return {name: 100 * float(np.sqrt(variance)) for name, variance in by_source.items()}


def variance_table() -> str:
    """For each slice mean, range, and the standard deviation from each source."""
    rows = []
    for title, where in SLICES.items():
        made, by_source = values(where), deviations(where)
        spread = f"{100 * made.mean():.1f} % ({100 * made.min():.1f}–{100 * made.max():.1f})"
        rows.append([title, spread, *(f"{by_source[name]:.1f}" for name in SOURCES)])
    return markdown(["slice of test e", "accuracy: mean (range)", *SOURCES.values()], rows)


def shares() -> str:
    """How far one source alone moves the accuracy on unseen ids, as a clause."""
    made, by_source = values(UNSEEN), deviations(UNSEEN)
    apart = 100 * np.abs(made[:, 0] - made[:, 1])
    return (
        "the number of CPU threads, which changes nothing but rounding, moves it by up to "
        f"{apart.max():.0f} points (standard deviations: rounding {by_source['rounding']:.0f}, "
        f"seed of pre-training {by_source['pretraining']:.0f}, order of fine-tuning "
        f"{by_source['order']:.0f}, sampling of questions {by_source['sampling']:.1f})"
    )
