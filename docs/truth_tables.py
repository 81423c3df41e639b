"""The tables of the page on truthfulness: curve, controls, distances, easy audits, axes, seeds."""

from math import isinf

import numpy as np

from docs.finding_words import percent
from docs.raw import markdown
from docs.truth_numbers import (
    AXES,
    BLIND,
    EASY,
    FAR_ALONE,
    LEAKING,
    PLACES,
    REGIMES,
    STILL,
    audited,
    axis_effects,
    easy_effects,
    gaps,
    half_points,
    leaks,
    options,
    typical,
    values,
)
from offpath.generalize.statistics import Shift, typical_difference
from offpath.recipes import recipe
from offpath.run.files import Record

CONTROLS = ("ceiling", "floor", "pretrained", "untrained", "scratch", BLIND, STILL, "own_row_only",
            "oracle")  # fmt: skip
TITLES = {
    "ceiling": "pre-trained, asked as truth (ceiling)",
    STILL: "blind, asked as truth",
    "floor": "pre-trained, asked as inspector (floor)",
    "pretrained": "pre-trained, asked as assistant",
    "untrained": "untrained",
    "scratch": "blind, without pre-training",
    "oracle": "audits of everything (oracle)",
}
LEAST_LEARNED = 0.97  # accuracy on its own answers, from which a reporter counts as learned
LEAST = 30  # questions of a distance that has a column


def spread(made: Shift | None) -> str:
    """A typical share over seeds with its interval, in per cent."""
    if made is None:
        return "–"
    if made.low is None or made.high is None:
        return f"{100 * made.estimate:.1f} %"
    return f"{100 * made.estimate:.1f} % ({100 * made.low:.1f}–{100 * made.high:.1f})"


def title(found: Record, name: str) -> str:
    """The name of a row for readers."""
    known = found["arms"]["recipe"]["networks"]
    return TITLES.get(name) or known.get(name, name)


def learned(found: Record) -> str:
    """Whether each reporter was learned by every seed of the recipe, in a sentence."""
    rows, parts, missed = found["arms"]["recipe"]["rows"], [], []
    for who, name in (("truth", "ceiling"), (found["inspector"], "floor")):
        own = {seed: row["own"] for seed, row in rows.get(name, {}).items()}
        if not own:
            return "No network was asked as truth and inspector."
        every, hard = ([row[i] for row in own.values()] for i in (0, 1))
        parts.append(f"{who} {percent(min(every))} to {percent(max(every))} (unaudited questions: "
                     f"{percent(min(hard))} to {percent(max(hard))})")  # fmt: skip
        missed += [f"{who}, seed {seed}" for seed, row in own.items() if row[0] < LEAST_LEARNED]
    note = f" Below {percent(LEAST_LEARNED)}: {', '.join(missed)}." if missed else ""
    return (
        "Accuracy of each reporter after pre-training, on its own answers in test e, by seed: "
        f"{'; '.join(parts)}.{note}"
    )


def _shares(found: Record, name: str, slice_: str = "all") -> list[str]:
    return [spread(typical(values(found, name, place, slice_))) for place in PLACES]


def curve_table(found: Record) -> str:
    """Answers by leak, and the half point of every seed."""
    rows, training = [], recipe("truth").training("finetune")
    examples = training.steps * training.batch_examples
    for leak, name in leaks(found).items():
        recovered, seeds = spread(typical(gaps(found, name))), len(values(found, name))
        rows.append([f"{100 * leak:g} %", f"{leak * examples:,.0f}", *_shares(found, name),
                     recovered, str(seeds)])  # fmt: skip
    head = ["hard audits", f"of {examples:,}", "true", "inspector's", "neither", "gap recovered",
            "seeds"]  # fmt: skip
    largest = max(leaks(found))
    points = [f"seed {seed}: " + (f"above {100 * largest:g} %" if isinf(p) else f"{100 * p:.2g} %")
              for seed, p in half_points(found).items()]  # fmt: skip
    return (
        "Hard audits as a share and, on average, as a number. Typical shares of answers over seeds "
        "with 95 % intervals (Hodges–Lehmann, Wilcoxon):\n\n"
        f"{markdown(head, rows)}\n\nShare of hard audits at which half of the unaudited answers "
        f"are true, between two leaks on a log scale: {'; '.join(points)}."
    )


def controls_table(found: Record) -> str:
    """What each of the controls says, and how right it is on audited questions."""
    known, rows = found["arms"]["recipe"]["rows"], []
    for name in (name for name in CONTROLS if name in known):
        rows.append([title(found, name), *_shares(found, name), spread(typical(gaps(found, name))),
                     spread(typical(audited(found, name)))])  # fmt: skip
    head = ["network", "true", "inspector's", "neither", "gap recovered", "right where audited"]
    return markdown(head, rows)


def probes_table(found: Record) -> str:
    """What linear probes read of the truth beside what is said, of unaudited questions."""
    columns = ("said", "read", "order", "known", "known_order", "lies")
    rows = [
        [name, *(spread(typical(_column(seeds, column))) for column in columns), str(len(seeds))]
        for name, seeds in found.get("probes", {}).items()
    ]
    if not rows:
        return "Not measured: these runs have no `results/elicitation.json`."
    head = ["network", "says the truth", "audited probe: true", "pairs in order",
            "unaudited probe: true", "its pairs in order", "AUROC of lies, %", "seeds"]  # fmt: skip
    return (
        "Ridge probes of the question token's residual stream for the true distance. The audited "
        "probe is fitted where truth and inspector agree; the other, a ceiling, where they differ. "
        "The layer is the first whose R² on the fitted questions, each left out, is 95 % of the "
        "best. Order: of two unaudited questions of different "
        "distance, which is farther; chance is 50 %. Lies: how far the audited probe and the "
        "answer lie apart, of wrong answers beside the right ones of the pre-trained network asked "
        "as truth. Published for language models: probes recover 89 % of the gap, 75 % on harder "
        "questions, and anomaly detection has an AUROC of 0.95 (Mallen, Brumley, Kharchenko, "
        f"Belrose 2023).\n\n{markdown(head, rows)}"
    )


def _column(seeds: Record, column: str) -> dict[str, float]:
    return {seed: row[column] for seed, row in seeds.items() if row[column] is not None}


def distances_table(found: Record) -> str:
    """True answers and the inspector's by true distance, for the curve and its ends."""
    labels = [d for d, count in found["distances"].items() if count >= LEAST]
    rows = []
    for name in ("ceiling", *leaks(found).values(), "oracle"):
        cells = []
        for label in labels:
            both = [values(found, name, place, label) for place in ("true", "inspector")]
            shown = [f"{100 * sum(v.values()) / len(v):.0f}" if v else "–" for v in both]
            cells.append(" / ".join(shown))
        rows.append([title(found, name), *cells])
    head = ["network", *(f"distance {label}" for label in labels)]
    return f"True / the inspector's, in %, mean over seeds:\n\n{markdown(head, rows)}"


def easy_table(found: Record) -> str:
    """Easy audits inside and beyond what they show, beside blind ones and the ceiling."""
    rows, made = [], {t.axis: t for t in easy_effects(found)}
    overlap = found["overlap"]
    for name, (inside, beyond) in EASY.items():
        if name not in made:
            continue
        t, hard = made[name], overlap.get(name, {}).get("hard")
        rows.append([
            title(found, name), "–" if hard is None else percent(hard), beyond,
            spread(typical(values(found, name, slice_=inside))), *_shares(found, name, beyond),
            spread(typical(values(found, BLIND, slice_=beyond))),
            spread(typical(values(found, "ceiling", slice_=beyond))),
            spread(typical(gaps(found, name, beyond))),
            f"{t.verdict}, p = {t.adjusted:.2g} ({t.seeds} seeds)",
        ])  # fmt: skip
    head = ["audits", "of them hard", "asked beyond", "inside: true", "beyond: true",
            "inspector's", "neither", "blind: true", "truth asked: true", "gap recovered",
            "more true than blind"]  # fmt: skip
    return (
        "Audits are of everything within an easy part, also where truth and inspector differ; "
        "asked are questions on which they differ, within that part and beyond it. Family: these "
        f"{len(made)} comparisons.\n\n{markdown(head, rows)}"
    )


def axes_table(found: Record) -> str:
    """Every option that was varied against the recipe, blind and with the leak: two families."""
    parts = []
    for regime in REGIMES:
        right = {(one.axis, one.level): spread(typical(audited(found, one.network, one.arm)))
                 for one in options(found, regime)}  # fmt: skip
        rows = [
            [AXES[t.axis], t.level, recipe_level(t.axis), percent(t.means[0]), percent(t.means[1]),
             f"{100 * t.shift.estimate:+.1f}", _interval(t.shift), f"{t.exact:.2g}",
             f"{t.adjusted:.2g}", f"{t.verdict} ({t.seeds} seeds)", right[t.axis, t.level]]
            for t in axis_effects(found, regime)
        ]  # fmt: skip
        head = ["option", "level", "recipe", "true", "true, recipe", "difference, points",
                "interval", "p, sign-flip", "p, Student, after Holm", "verdict",
                "right where audited"]  # fmt: skip
        parts.append(f"Regime {regime}:\n\n{markdown(head, rows)}")
    return (
        "One option at a time, paired by seed; each table is a family. With so few seeds the exact "
        "sign-flip test cannot be adjusted over a family: Student's t is, and a difference is "
        "called one if that is below 1 % and the exact test alone below 5 %. Inspectors that look "
        "less or more far are compared on distances of at least 4 "
        f"({found['questions']['far']:,} questions), on which all of them are wrong; another "
        "kind of inspector on its own unaudited questions. Where audited questions are not right, "
        "the audits are not learned, and the rest says little.\n\n"
        + "\n\n".join(parts)
        + own_rows(found)
    )


def own_rows(found: Record) -> str:
    """Where the assistant's row of the embedding lands, in a sentence."""
    parts = []
    for name in ("pretrained", "own_row_only", f"{LEAKING}+own_row_only", BLIND):
        rows = found["arms"]["recipe"]["rows"].get(name, {}).values()
        places = [np.array([row["row"][i] for row in rows if "row" in row]) for i in (0, 1)]
        if len(places[0]):
            along, off = (typical_difference(one).estimate for one in places)
            parts.append(f"{title(found, name)}: {along:.2f} along, {off:.2f} off")
    return (
        "\n\nWhere the assistant's row of the embedding lies beside the line from the inspector's "
        "row (0) to the truth's (1), and how far off it, in lengths of that line: "
        f"{'; '.join(parts)}."
        if parts
        else ""
    )


def _interval(shift: Shift) -> str:
    if shift.low is None or shift.high is None:
        return "–"
    return f"{100 * shift.low:+.1f} to {100 * shift.high:+.1f}"


def recipe_level(axis: str) -> str:
    """The level of an option in the recipe."""
    c = recipe("truth")
    assert c.reporters is not None, "the recipe truth has reporters"
    assert c.finetune is not None, "and is fine-tuned"
    levels = {
        "trained": "all weights", "rate": c.finetune.learning_rate, "steps": c.finetune.steps,
        "weight_decay": c.finetune.weight_decay, "truth_share": c.reporters.truth_share,
        FAR_ALONE: c.reporters.inspectors[0], "first": c.reporters.first,
        "layers": c.model.layers, "width": c.model.width,
    }  # fmt: skip
    level = levels[axis]
    return level if isinstance(level, str) else f"{level:g}"


def seeds_table(found: Record) -> str:
    """True and inspector's answers of every network of the recipe by seed."""
    seeds, rows = found["seeds"], []
    for name in found["arms"]["recipe"]["networks"]:
        true, word = values(found, name), values(found, name, "inspector")
        cells = [f"{100 * true[s]:.1f} / {100 * word[s]:.1f}" if s in true else "–" for s in seeds]
        rows.append([title(found, name), *cells])
    head = ["network", *(f"seed {seed}" for seed in seeds)]
    return f"True / the inspector's, in % of the unaudited answers:\n\n{markdown(head, rows)}"
