"""Does a network keep the exact solution while it is fine-tuned? In figures, and in words.

In: `kept` of `results/robustness.json`, and the test matrix to compare with. All words are computed
from the cells: one accuracy counts as above another where their 95 % intervals do not overlap.
"""

from collections.abc import Sequence

from offpath.report.cells import ANY_TARGET, STRATA, Slice, finite, grouped, percent
from offpath.report.charts import colour
from offpath.report.figures import predictor_legend, strata_chart
from offpath.report.findings import BY_HAND, TUNED, listed, question, relation
from offpath.report.heat import world_table
from offpath.report.robustness_charts import kept_chart, kept_loss_chart, positive
from offpath.report.story import Figure, Key, Story
from offpath.run.files import Record

STARTED = "circuit_finetuned"
KEPT = {BY_HAND: "set by hand", STARTED: "set by hand, fine-tuned", TUNED: "trained, fine-tuned"}
NUMBERS = ("accuracy", "accuracy_low", "accuracy_high", "mse")


def kept_matrix(told: Story, kept: Record) -> Record:
    """A matrix of the circuit before and after fine-tuning, and of the fine-tuned network."""
    matrix = told.results.get("matrix", {"worlds": [], "cells": [], "predictors": []})
    last = max(kept["steps"])
    began = [c | {"predictor": BY_HAND} for c in kept["cells"] if c["step"] == 0]
    ended = [c | {"predictor": STARTED} for c in kept["cells"] if c["step"] == last]
    begun = {cell["world"] for cell in began}
    others = [
        cell
        for cell in matrix["cells"]
        if cell["predictor"] == TUNED
        or (cell["predictor"] == BY_HAND and cell["world"] not in begun)
    ]
    cells = [
        cell
        for cell in (*began, *ended, *others)
        if all(finite(cell[number]) is not None for number in NUMBERS)
    ]
    there = {cell["predictor"] for cell in cells}
    titles = {world["world"]: world["title"] for world in matrix["worlds"]}
    measured = {cell["world"] for cell in (*ended, *began)}
    names = [*(name for name in titles if name in measured), *sorted(measured - set(titles))]
    return {
        "predictors": [
            {"predictor": name, "title": title, "kind": "checkpoint"}
            for name, title in KEPT.items()
            if name in there
        ],
        "worlds": [
            {"world": name, "title": titles.get(name, name.replace("_", " "))} for name in names
        ],
        "cells": cells,
    }


def kept_sentence(kept: Record, steps: int) -> str:
    """What fine-tuning did to a network that started at the exact solution, as a sentence."""
    changes = _changes(kept, STARTED, BY_HAND)
    words = ("less often", "more often", "as often as before")
    clauses = [
        f"{word} for {_everything(parts)}"
        for word, relation_ in zip(words, ("below", "above", "level with"), strict=True)
        if (parts := changes[relation_])
    ]
    if not clauses:
        return ""
    return (
        f"After {grouped(steps)} steps of fine-tuning, the network that started at the exact "
        f"solution answers rightly {'; '.join(clauses)}."
    )


def beside_sentence(kept: Record) -> str:
    """Where that network ends above and below the one that was trained all the way."""
    beside = _changes(kept, STARTED, TUNED, shares=False)
    clauses = [f"{word} it for {_everything(parts)}" for word, parts in beside.items() if parts]
    if not clauses:
        return ""
    return (
        "Compared with the trained network after its fine-tuning, the one that started at the "
        f"exact solution ends {'; '.join(clauses)}."
    )


def _changes(kept: Record, one: str, other: str, shares: bool = True) -> dict[str, list[str]]:
    """Kinds of question where one network is above, below or level with another."""
    changes: dict[str, list[str]] = {"above": [], "below": [], "level with": []}
    for where in STRATA:
        after, before = (_kept_cell(kept, name, where) for name in (one, other))
        if after and before:
            level = relation(after, before)
            step = f" ({percent(before['accuracy'])} to {percent(after['accuracy'])})"
            told = shares and level != "level with"
            changes[level].append(question(where) + (step if told else ""))
    return changes


def _everything(parts: Sequence[str]) -> str:
    whole = len(parts) == len(STRATA) and not any("(" in part for part in parts)
    return "every kind of question" if whole else listed(parts)


def _kept_cell(kept: Record, predictor: str, where: Slice) -> Record | None:
    found = (c for c in kept["cells"] if c["world"] == ANY_TARGET and c["by"] == where.by)
    same = (c for c in found if c["slice"] == where.slice and c["predictor"] == predictor)
    return next(same, None)


def kept_figures(told: Story, found: Record, kept: Record) -> list[Figure]:
    """Accuracy over the steps of fine-tuning, and before and after beside the trained network."""
    steps, limit = found["kept"]["steps"], told.run.configuration.graphs.finetune_vertices
    cells = [
        c
        for c in found["kept"]["cells"]
        if c["world"] == ANY_TARGET and all(finite(c[number]) is not None for number in NUMBERS)
    ]
    facts = told.facts(
        "set by hand, before and after fine-tuning; trained and fine-tuned",
        f"fine-tuning: targets on a shortest path, graphs of 3 to {limit} vertices",
        "test e: any target",
        "accuracy",
        "results/robustness.json, results/matrix.json",
    )
    charts = []
    for where in STRATA:
        own = [c for c in cells if (c["by"], c["slice"]) == (where.by, where.slice)]
        if own:
            words = f"n {grouped(own[0]['count'])}"
            trained = _kept_cell(kept, TUNED, where)
            charts.append((where.title, words, kept_chart(own, where, trained, steps)))
    if any(positive(row["loss"]) for row in found["kept"]["losses"]):
        drawn = kept_loss_chart(found["kept"]["losses"], steps)
        charts.append(("loss in fine-tuning", "on the training examples", drawn))
    legend = [Key("starts at the exact solution", colour(STARTED))]
    if any(p["predictor"] == TUNED for p in kept["predictors"]):
        legend.append(Key("trained network, after its fine-tuning", colour(TUNED), "dashed"))
    path = Figure(
        "Does a network that starts at the exact solution keep it?",
        "Right answers on test e over the steps of fine-tuning, by kind of question, with 95 % "
        "intervals (Wilson). Later steps stand closer together.",
        facts,
        charts=charts,
        legend=legend,
        layout="grid",
    )
    return [path, _before_after_figure(kept, facts)]


def _before_after_figure(kept: Record, facts: dict[str, str]) -> Figure:
    return Figure(
        "Before and after, beside the trained network",
        "The same on test e by kind of question; below, all examples of every distribution.",
        facts | {"Test data": "test e: any target; in the table all distributions"},
        charts=[("", "", strata_chart(kept, ANY_TARGET, STRATA, list(KEPT)))],
        tables=[world_table(kept)],
        legend=predictor_legend(kept, list(KEPT)),
    )
