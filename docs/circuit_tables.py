"""Tables about the handcrafted networks, from the raw files in `benchmarks/results/`."""

from statistics import median

from docs.raw import RESULTS, markdown, record, records, result
from offpath.report.sections.robustness import OVER_STEPS
from offpath.results import CircuitResult, LearningCoefficients, Point, Retention, Robustness
from offpath.run.files import Record
from offpath.slices import SPLIT_STRATA, distance_slice

CIRCUITS = {
    "wide": "wide: the form of WWZ24",
    "doubling": "doubling: logarithmic depth",
    "edge": "edge: the architecture that is trained",
}
RUNS = {"edge, `laptop`": "laptop-seed0", "wide, 8 vertices": "wide-8"}
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
    """What fine-tuning leaves of the exact solution, by true distance, over all seeds measured."""
    runs = sorted(path.parent.name for path in RESULTS.glob("laptop-seed*/robustness.json"))
    seeds = [result(run, Robustness).retention for run in runs]
    rates = {"the recipe's learning rate": 1e-3, "a hundredth of it": 1e-5}
    parts = []
    for words, rate in rates.items():
        own = [next(r for r in s if (r.rate, r.finetuned_on) == (rate, "finetuning"))
               for s in seeds]  # fmt: skip
        parts.append(f"At {words}: {'; '.join(_kept(own, d) for d in (1, 2, 3, 4, 5, 8))}.")
    count = "one seed" if len(seeds) == 1 else f"{len(seeds)} seeds"
    return (
        "Fine-tuned as the trained network is, `edge` starts with an accuracy of 100 % on test e. "
        f"Its lowest accuracy, the mean over the steps, and the one at the end ({count}), by true "
        f"distance. {' '.join(parts)}"
    )


def _kept(retentions: list[Retention], distance: int) -> str:
    """What is left for one distance: "keeps" only where the scores of several seeds agree."""
    where = distance_slice(distance, 8)
    over = [o for one in retentions if (o := one.over_steps(where))]
    least, mean, end = (_range([100 * values[i] for values in over]) for i in range(3))
    name = where.title if where.title == "no path" else f"distance {where.title}"
    if len(over) > 1 and all(o.agree for o in over):
        return f"{name}, keeps {end}"
    return f"{name}, {least}, {mean}, {end}"


def _range(shares: list[float]) -> str:
    low, high = f"{min(shares):.0f}", f"{max(shares):.0f}"
    return f"{low} %" if low == high else f"{low} to {high} %"


def coefficient_table() -> str:
    """The learning coefficient along training, at its end and at the circuit."""
    rows = [_point(p) for p in result("laptop-seed0", LearningCoefficients).points]
    wide = result("wide-8", LearningCoefficients).points
    rows += [["wide, localisation 1e6", *_point(p)[1:]] for p in wide]
    return markdown(["checkpoint", "loss", "coefficient ± error", "split R-hat", "trusted"], rows)


def sweep_table() -> str:
    """Estimates by step size, and the plateau if there is one."""
    sweeps = [(s.checkpoint, s) for s in result("laptop-seed0", LearningCoefficients).sweeps]
    wide = result("wide-8", LearningCoefficients).sweeps
    sweeps += [("wide, localisation 1e6", s) for s in wide]
    rows = []
    for title, sweep in sweeps:
        points = [
            f"{p.step_size:.2g}: {_estimate(p)}{'' if p.trusted else ' (not trusted)'}"
            for p in sweep.points
        ]
        rows.append([title, "; ".join(points), sweep.verdict])
    return markdown(["checkpoint", "step size: estimate", "verdict"], rows)


def _point(p: Point) -> list[str]:
    agreement = "–" if p.agreement is None else f"{p.agreement:.2f}"
    trusted = "yes" if p.trusted else "no: " + "; ".join(p.reasons)
    loss = "–" if p.baseline_loss is None else f"{p.baseline_loss:.3g}"
    return [p.checkpoint, loss, _estimate(p), agreement, trusted]


def _estimate(p: Point) -> str:
    return "–" if p.estimate is None else f"{p.estimate:.3g} ± {p.error:.2g}"


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
    "sweeps": sweep_table,
}
"""Each table by its marker."""
