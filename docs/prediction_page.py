"""The page on prediction: can a test's result be known before it?"""

from collections.abc import Iterator
from statistics import mean

from benchmarks.leave_one_out import ASKED, BEFORE, MODELS
from docs.finding_verdicts import Compared, Contrast, Values, decided
from docs.raw import markdown
from offpath.run.files import Record

MEANS = ("the stratum's mean", "the arm's mean")
SEES = {
    "loss": "loss at the end of fine-tuning (training examples)",
    "sharpness": "rise of the error with relative noise on the weights (fine-tuning questions)",
    "agreement": "agreement with “search two hops, then guess” on fine-tuning questions",
    "disagreement": "disagreement between seeds of the arm (the test's questions)",
    "rule": "agreement with the same rule (the test's questions)",
    "copies": "share of answers that are d(1,2) (the test's questions)",
}


def body(found: Record) -> list[str]:
    """Everything but the cost."""
    families = {
        f"{model}, against {beside}": error_verdicts(found, model, beside)
        for model in MODELS
        for beside in MEANS
    }
    return [
        verdict(found),
        "![Rank correlation of each predictor with accuracy, by stratum](prediction.svg)",
        f"## Design\n\n{design(found)}",
        f"## Errors\n\n{errors_table(found)}",
        *(
            f"{words[0].upper()}{words[1:]}:\n\n{verdicts_table(rows)}"
            for words, rows in families.items()
            if rows
        ),
        f"## Rank correlations\n\n{correlations_table(found)}",
        f"## Every seed\n\nMean absolute error in points:\n\n{seeds_table(found)}",
        f"## How it was attacked\n\n{attacks(found)}",
    ]


def error_verdicts(found: Record, model: str, beside: str) -> list[Compared]:
    """By stratum, the error of a model against that of a mean."""
    return decided([*_pairs(found, model, beside)])


def _pairs(found: Record, model: str, beside: str) -> Iterator[tuple[Contrast, Values, Values]]:
    for stratum, made in found["strata"].items():
        if made["seeds"]:
            sides = [dict(zip(made["seeds"], made["errors"][words], strict=True))
                     for words in (model, beside)]  # fmt: skip
            yield Contrast(model, beside, stratum), sides[0], sides[1]


def verdict(found: Record) -> str:
    """In how many strata each model beats the two means."""
    parts, counts = [], {}
    for model in MODELS:
        families = {beside: error_verdicts(found, model, beside) for beside in MEANS}
        if any(not rows or any(t.verdict == "too few seeds" for t in rows)
               for rows in families.values()):  # fmt: skip
            return "**No verdict:** too few seeds."
        counts[model] = [sum(t.verdict == "lower" for t in rows) for rows in families.values()]
        of = len(next(iter(families.values())))
        parts.append(f"{model}: than the stratum's mean in {counts[model][0]} of {of} strata, than "
                     f"the arm's mean in {counts[model][1]}")  # fmt: skip
    words = [_yes(*counts[model]) for model in MODELS]
    return (
        f"**Before the test's questions are known: {words[0]}. With its questions: {words[1]}; "
        f"with a rule that is right in most of them: {words[2]}.** A linear prediction has a "
        f"smaller error, {'; '.join(parts)}."
    )


def _yes(above_stratum: int, above_arm: int) -> str:
    if above_arm:
        return "yes"
    return "better than one mean for all arms, not than each arm's own" if above_stratum else "no"


def design(found: Record) -> str:
    """Networks, predictors and what each of them sees."""
    rows = [[f"`{name}`", SEES[name]] for name in (*BEFORE, *ASKED)]
    networks = max(made.get("networks", 0) for made in found["strata"].values())
    noise, draws = found["settings"]["noise"], found["settings"]["draws"]
    return (
        f"{networks} networks: {len(found['networks'])} ways of fine-tuning, "
        f"{len(found['seeds'])} seeds. What is predicted is the accuracy on hard questions of a "
        "stratum. Each prediction is linear and fitted on the other seeds; none sees a right "
        "answer of the stratum. The rule, though, is itself right in most of these questions.\n\n"
        f"{markdown(['predictor', 'what it is (what it sees)'], rows)}\n\n"
        f"Noise: each weight times 1 + {noise:g} times a normal number, {draws} draws."
    )


def errors_table(found: Record) -> str:
    """The mean absolute error of each model and mean by stratum."""
    names = [*MODELS, *MEANS]
    rows = [
        [stratum, *(f"{100 * mean(made['errors'][name]):.1f}" for name in names)]
        for stratum, made in found["strata"].items() if made["seeds"]
    ]  # fmt: skip
    return (
        f"Mean absolute error in points, seeds left out:\n\n{markdown(['stratum', *names], rows)}"
    )


def verdicts_table(rows: list[Compared]) -> str:
    """A family of errors with its verdicts."""
    head = ["stratum", "difference of errors, points", "interval", "p after Holm", "verdict"]
    return markdown(head, [
        [t.contrast.kind, f"{100 * t.estimate:+.2f}",
         "–" if t.low is None or t.high is None else f"{100 * t.low:+.2f} to {100 * t.high:+.2f}",
         f"{t.adjusted:.2g}", f"{t.verdict} ({t.seeds} seeds)"]
        for t in rows
    ])  # fmt: skip


def correlations_table(found: Record) -> str:
    """Spearman's correlations with intervals."""
    rows = []
    for stratum, made in found["strata"].items():
        for name, one in made["correlations"].items():
            rows.append([stratum, f"`{name}`", *(
                f"{r:+.2f} ({low:+.2f} to {high:+.2f})" for r, low, high in
                (one["all"], one["within"]))])  # fmt: skip
    head = ["stratum", "predictor", "all networks", "within arms"]
    return f"Spearman, 95 % intervals that resample seeds:\n\n{markdown(head, rows)}"


def seeds_table(found: Record) -> str:
    """Errors of the two models by seed."""
    rows = []
    for stratum, made in found["strata"].items():
        for name in MODELS:
            if made["seeds"]:
                errors = [f"{100 * one:.1f}" for one in made["errors"][name]]
                rows.append([stratum, name, *errors])
    return markdown(["stratum", "model", *(f"seed {seed}" for seed in found["seeds"])], rows)


def attacks(found: Record) -> str:
    """What was done to overturn it, and what was not."""
    return "\n".join([
        "- Seeds are left out whole: no prediction is fitted on another network of the same seed.",
        "- Two baselines: one mean for all networks, and one for each arm, which knows the arm.",
        "- Sharpness cannot be moved by rescaling weights without changing answers; a test shows "
        "it.",
        "- Correlations are also given within arms, where differences between arms are gone.",
        "- Not done: arms left out whole, networks of other sizes, other noise.",
    ])  # fmt: skip
