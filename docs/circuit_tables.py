"""Tables about the handcrafted networks, from the raw files in `benchmarks/results/`."""

from statistics import median

from docs.raw import RESULTS, markdown, record, records, result
from offpath.report.sections.robustness import OVER_STEPS
from offpath.results import CircuitResult, LearningCoefficients, Point, Robustness, Sweep
from offpath.run.files import Record
from offpath.slices import OFF_PATH, SPLIT_STRATA

CIRCUITS = {
    "wide": "wide: the form of WWZ24",
    "doubling": "doubling: logarithmic depth",
    "edge": "edge: the architecture that is trained",
}
RUNS = {"edge, `laptop`": "laptop-seed0", "wide, 8 vertices": "wide-8"}
FILE = f"{LearningCoefficients.file}.json"
RETENTION = {"`laptop`": "laptop-seed0", "`paper`": "edge-15"}


def verify_table() -> str:
    """Each circuit and precision: questions and errors."""
    rows = []
    for name, title in CIRCUITS.items():
        checks = record(f"verify-{name}")["checks"]
        for precision in ("float32", "float64"):
            asked = [c for c in checks if c["precision"] == precision and "wrong" in c]
            questions = sum(c["questions"] for c in asked)
            mse = sum(c["mse"] * c["questions"] for c in asked) / questions
            worst = max(c["largest_error"] for c in asked)
            largest = max(c["vertices"] for c in asked)
            rows.append([title, str(largest), precision, f"{questions:,}",
                         str(sum(c["wrong"] for c in asked)), f"{mse:.1e}", f"{worst:.1e}",
                         f"{0.5 - worst:.4f}"])  # fmt: skip
    head = ["circuit", "largest graph", "precision", "questions", "wrong answers", "MSE",
            "largest error", "margin to a wrong rounding"]  # fmt: skip
    return markdown(head, rows)


def deletions_table() -> str:
    """Of 200 deletions of one non-zero weight: noticed, moving no answer, or within rounding."""
    rows = []
    for name, title in CIRCUITS.items():
        (c,) = (c for c in record(f"verify-{name}")["checks"] if "deletions" in c)
        share = f"{100 * c['detected'] / c['deletions']:.1f} % "
        share += f"({100 * c['low']:.0f}–{100 * c['high']:.0f})"
        left = c["deletions"] - c["detected"] - c["no_effect"]
        rows.append([title, str(c["vertices"]), f"{c['questions']:,}", str(c["deletions"]),
                     share, str(c["no_effect"]), str(left)])  # fmt: skip
    head = ["circuit", "vertices", "questions", "deletions", "an answer goes wrong",
            "no answer moves by 0.001", "answers move, none goes wrong"]  # fmt: skip
    return markdown(head, rows)


def tolerance_table() -> str:
    """Largest error of the edge circuit by tolerance, recipe and precision."""
    measured = {(r["recipe"], r["precision"], r["tolerance"]): r for r in records("edge-tolerance")}
    columns = [(r, p) for r in ("laptop", "paper") for p in ("float32", "float64")]
    rows = []
    for tolerance in sorted({place[2] for place in measured}, reverse=True):
        cells = [measured[recipe, precision, tolerance] for recipe, precision in columns]
        rows.append([f"{tolerance:.0e}", *map(_largest, cells)])
    return markdown(["tolerance", *(f"`{r}`, {p}" for r, p in columns)], rows)


def _largest(row: Record) -> str:
    wrong = f", {row['wrong']} wrong" if row["wrong"] else ""
    return f"{row['largest_error']:.1e}{wrong}"


def sizes_table() -> str:
    """MSE by number of vertices, with constants that scale and with those of WWZ24."""
    ours, theirs = {}, {}
    for size in result("wide-8", CircuitResult).sizes:
        constants = ours if size.constants == "of n and tolerance" else theirs
        constants[size.vertices] = size
    rows = [
        [str(n), f"{size.mse:.1e}", f"{theirs[n].mse:.2g}", f"{100 * theirs[n].accuracy:.0f} %"]
        for n, size in sorted(ours.items())
    ]
    head = ["vertices", "constants of n and tolerance: MSE", "those of WWZ24: MSE", "accuracy"]
    return markdown(head, rows)


def recovered_table() -> str:
    """The share of perturbed networks that come back, by learning rate and bound."""
    rows = []
    for title, run in RUNS.items():
        robustness = result(run, Robustness)
        for rate in dict.fromkeys(r.rate for r in robustness.recovered):
            own = [r for r in robustness.recovered if r.rate == rate]
            perturbed = [p for p in robustness.perturbed if p.rate == rate]
            before = [p.loss_perturbed for p in perturbed]
            harmless = sum(loss < 1e-3 for loss in before)
            shares = [f"{100 * r.share:.0f} % ({100 * r.low:.0f}–{100 * r.high:.0f})" for r in own]
            rows.append([title, f"{rate:.0e}", str(own[0].count), str(harmless), _spread(before),
                         _spread([p.loss_after for p in perturbed]), *shares])  # fmt: skip
    head = ["circuit", "learning rate", "choices", "harmless", "loss when perturbed (range)",
            "after retraining", "below 1e-3", "below 1e-1"]  # fmt: skip
    return markdown(head, rows)


def basin_table() -> str:
    """Losses before and after retraining, by size and kind of noise."""
    rows = []
    for title, run in RUNS.items():
        graded = result(run, Robustness).graded
        for kind, words in {"weight": "each weight", "tensor": "its tensor"}.items():
            for noise in dict.fromkeys(g.noise for g in graded):
                own = [g for g in graded if (g.relative_to, g.noise) == (kind, noise)]
                rows.append([title, words, f"{noise:g}", _spread([g.loss_perturbed for g in own]),
                             _spread([g.loss_after for g in own])])  # fmt: skip
    head = ["circuit", "noise relative to", "size", "loss: median (range)", "after retraining"]
    return markdown(head, rows)


def retention_table() -> str:
    """Accuracy on test e while the exact solution is fine-tuned: minimum, mean over steps, end."""
    rows = []
    for title, run in RETENTION.items():
        retentions = result(run, Robustness).retention
        for row in retentions:
            data = row.finetuned_on.replace("tuning", "-tuning").replace("training", "-training")
            over = [row.over_steps(where) for where in SPLIT_STRATA]
            for score, name in OVER_STEPS.items():
                shares = [f"{100 * getattr(o, score):.1f} %" if o else "–" for o in over]
                rows.append([title, data, f"{row.rate:.0e}", str(max(row.steps)), name, *shares])
        constants = [retentions[0].constant(where) for where in SPLIT_STRATA]
        if any(constants):
            shares = [f"{100 * c.accuracy:.1f} % (answer {c.label})" if c else "–"
                      for c in constants]  # fmt: skip
            rows.append([title, "none: a constant answer", "–", "–", "end", *shares])
    head = ["recipe", "fine-tuned on", "learning rate", "steps", "score"]
    return markdown([*head, *(where.title for where in SPLIT_STRATA)], rows)


def retention_sentence() -> str:
    """What fine-tuning leaves of the exact solution off the path, over all seeds measured."""
    runs = sorted(path.parent.name for path in RESULTS.glob("laptop-seed*/robustness.json"))
    seeds, where = [result(run, Robustness).retention for run in runs], OFF_PATH[0]
    parts = []
    for words, rate in {"the recipe's learning rate": 1e-3, "a hundredth of it": 1e-5}.items():
        own = [next(r for r in s if (r.rate, r.finetuned_on) == (rate, "finetuning"))
               for s in seeds]  # fmt: skip
        over = [one for r in own if (one := r.over_steps(where))]
        least, mean, end = (_range([100 * o[i] for o in over]) for i in range(3))
        parts.append(f"at {words} to {least}, with {mean} as the mean over the steps and {end} at "
                     "the end")  # fmt: skip
    constant = seeds[0][0].constant(where)
    assert constant is not None
    count = "one seed" if len(seeds) == 1 else f"{len(seeds)} seeds"
    return (
        "Fine-tuned as the trained network is, `edge` does not keep its solution: off the path its "
        f"accuracy of 100 % falls {' and '.join(parts)} ({count}; a constant answer has "
        f"{100 * constant.accuracy:.0f} %). All strata and rates: [docs/results.md]"
        "(docs/results.md#retention-the-exact-solution-fine-tuned)."
    )


def _range(shares: list[float]) -> str:
    low, high = f"{min(shares):.0f}", f"{max(shares):.0f}"
    return f"{low} %" if low == high else f"{low} to {high} %"


def coefficient_table() -> str:
    """Whether each checkpoint has a learning coefficient, and the verdict that says why."""
    rows = [
        [f"{title}: {s.checkpoint}", _number(s.baseline_loss), _number(s.largest_curvature),
         _coefficient(s), s.verdict]
        for title, found in _coefficients() for s in found.sweeps
    ]  # fmt: skip
    head = ["checkpoint", "loss", "largest curvature", "learning coefficient", "verdict"]
    return markdown(head, rows)


def coefficient_sentence() -> str:
    """The finding of each run."""
    return "\n".join(f"- {title}: {found.finding}." for title, found in _coefficients())


def sweep_table() -> str:
    """Localised curvature by localisation and step size."""
    rows = []
    for title, found in _coefficients():
        for s in found.sweeps:
            for gamma in sorted({p.localisation for p in s.points}, reverse=True):
                own = [p for p in s.points if p.localisation == gamma]
                cells = "; ".join(f"{p.step_share:.3g}: {_curvature(p)}" for p in own)
                reasons = dict.fromkeys(r for p in own for r in p.reasons)
                rows.append([f"{title}: {s.checkpoint}", f"{gamma:.3g}", cells,
                             "; ".join(reasons) or "passed"])  # fmt: skip
    head = ["checkpoint", "gamma", "share of the largest step: localised curvature ± error",
            "checks of the sampler"]  # fmt: skip
    return markdown(head, rows)


def _coefficients() -> list[tuple[str, LearningCoefficients]]:
    """Of each seed of the recipe that was measured."""
    folders = sorted(path.parent.name for path in RESULTS.glob("laptop-seed*/" + FILE))
    return [(f"seed {name.removeprefix('laptop-seed')}", result(name, LearningCoefficients))
            for name in folders]  # fmt: skip


def _coefficient(s: Sweep) -> str:
    return f"{s.plateau.coefficient:.3g} ± {s.plateau.error:.2g}" if s.plateau else "none"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _curvature(p: Point) -> str:
    if p.localised_curvature is None:
        return "–"
    failed = "" if p.passed else " (failed a check)"
    return f"{p.localised_curvature:.3g} ± {p.error:.2g}{failed}"


def _spread(values: list[float]) -> str:
    return f"{median(values):.2g} ({min(values):.2g}–{max(values):.2g})"


TABLES = {
    "verify": verify_table,
    "deletions": deletions_table,
    "tolerance": tolerance_table,
    "sizes": sizes_table,
    "recovered": recovered_table,
    "basin": basin_table,
    "retention": retention_table,
    "retention sentence": retention_sentence,
    "coefficients": coefficient_table,
    "coefficient sentence": coefficient_sentence,
    "sweeps": sweep_table,
}
"""Each table by its marker."""
