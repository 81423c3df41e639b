"""The section on robustness: does a network keep the exact solution, and find it again?

In: `results/robustness.json`, and the test matrix to compare with. Out: first what fine-tuning does
to the exact solution, then what noise and retraining do, then what lies between the solutions.
"""

from collections.abc import Sequence

from offpath.report.cells import (
    ANY_TARGET,
    STRATA,
    finite,
    grouped,
    percent,
    percent_interval,
    setting,
    written,
)
from offpath.report.charts import colour
from offpath.report.kept import KEPT, beside_sentence, kept_figures, kept_matrix, kept_sentence
from offpath.report.robustness_charts import (
    BEFORE_AFTER,
    basin_chart,
    endings,
    perturbed_chart,
    positive,
    straight_chart,
)
from offpath.report.story import Figure, Key, PlainTable, Section, Story
from offpath.run.files import Record

SHARES = ("share", "low", "high")


def robustness(told: Story) -> Section:
    """What becomes of the exact solution under fine-tuning, noise and retraining."""
    found = told.results.get("robustness")
    anchor, title = "robustness", "How robust the solutions are"
    if found is None:
        return Section(anchor, title, missing=told.missing("robustness"))
    kept = kept_matrix(told, found["kept"]) if found["kept"] else None
    figures = [
        *(kept_figures(told, found, kept) if kept else ()),
        *([_otherwise_figure(told, found)] if found.get("kept_otherwise") else ()),
        *([_perturbed_figure(told, found)] if found["perturbed"] else ()),
        *([_basin_figure(told, found)] if any(map(_drawn, found["graded"])) else ()),
        *([_straight_figure(told, found)] if any(map(_drawn, found["lines"])) else ()),
    ]
    text = (
        "Does training stay at the exact solution once it is there, and does it come back when "
        "the weights are disturbed?"
    )
    statement = kept_sentence(kept, max(found["kept"]["steps"])) if kept else ""
    text = " ".join(filter(None, [text, beside_sentence(kept) if kept else ""]))
    return Section(anchor, title, text, figures, statement=statement)


def _otherwise_figure(told: Story, found: Record) -> Figure:
    """The exact solution tuned at other rates, and on the first task: right answers at the end."""
    rows = []
    for one in (found["kept"], *found["kept_otherwise"]):
        last = max(one["steps"])
        cells = {
            (c["by"], c["slice"]): c["accuracy"]
            for c in one["cells"]
            if c["step"] == last and c["world"] == ANY_TARGET and finite(c["accuracy"]) is not None
        }
        shares = [cells.get((where.by, where.slice)) for where in STRATA]
        texts = ["–" if share is None else percent(share) for share in shares]
        rows.append(
            [
                one["tuned_on"].replace("tuning", "-tuning").replace("training", "-training"),
                setting(one["rate"]),
            ]
        )
        rows[-1] += texts
    facts = _facts(told, found, "accuracy") | {"Test data": "test e: any target"}
    return Figure(
        "How gently would one have to tune?",
        "The same start, tuned at other learning rates, and on the pre-training distribution, "
        "where the circuit makes no error either: right answers on test e after "
        f"{grouped(max(found['kept']['steps']))} steps.",
        facts | {"Training data": "as the table says"},
        lists=[
            PlainTable(
                "Right answers by kind of question",
                ["tuned on", "learning rate", *(where.title for where in STRATA)],
                rows,
            )
        ],
    )


def _perturbed_figure(told: Story, found: Record) -> Figure:
    perturbed, limits = found["perturbed"], _limits(found)
    exact = finite(found["exact_loss"])
    rates = sorted({one["rate"] for one in perturbed if _drawn(one)})
    choices = len({one["choice"] for one in perturbed})
    diverged = sum(finite(one["loss_after"]) is None for one in perturbed)
    text = (
        f"One weight matrix, chosen at random, is replaced by noise of standard deviation 1, and "
        f"all weights are trained again: {choices} choices, each a line, at every learning rate. "
        f"The dotted line is the loss before ({written(exact)}). The table says how many came "
        "back, with 95 % intervals (Wilson)."
    )
    harmless = {
        one["choice"]
        for one in perturbed
        if (loss := finite(one["loss_perturbed"])) is not None and loss < limits[0]
    }
    if harmless:
        text += (
            f" In {len(harmless)} of the choices the noise alone left the loss below "
            f"{setting(limits[0])}: they had nothing to come back from, and count all the same."
        )
    if diverged:
        text += f" {diverged} ended at a loss that is not finite."
    return Figure(
        "One matrix replaced, then retrained",
        text,
        _facts(told, found, "MSE"),
        charts=[
            (f"learning rate {setting(rate)}", "", perturbed_chart(perturbed, limits, exact, rate))
            for rate in rates
        ],
        lists=[_recovered_table(found, limits)] if found["recovered"] else (),
        legend=[Key(f"ends {words}", colour(name)) for words, name in endings(limits).items()],
        layout="grid",
    )


def _drawn(one: Record) -> bool:
    """Whether any loss of a curve, a line or a draw has a place on a logarithmic axis."""
    points = [*one.get("curve", ()), *one.get("points", ())]
    losses = [*(point["loss"] for point in points), *(one.get(field) for field in BEFORE_AFTER)]
    return any(map(positive, losses))


def _recovered_table(found: Record, limits: Sequence[int | float]) -> PlainTable:
    """The share that came back, by learning rate and by what counts as back."""
    rows = []
    for rate in sorted({row["rate"] for row in found["recovered"]}):
        own = {row["below"]: row for row in found["recovered"] if row["rate"] == rate}
        shares = [
            f"{percent(row['share'])} ({percent_interval(row['low'], row['high'])})"
            if (row := own.get(limit)) and all(finite(row[k]) is not None for k in SHARES)
            else "–"
            for limit in limits
        ]
        rows.append([setting(rate), str(next(iter(own.values()))["count"]), *shares])
    columns = ["learning rate", "choices", *(f"ends below {setting(limit)}" for limit in limits)]
    return PlainTable("Share that came back", columns, rows)


def _limits(found: Record) -> list[int | float]:
    """What counts as having come back, the strictest first."""
    return sorted({row["below"] for row in found["recovered"]})[:2] or [1e-3, 1e-1]


def _basin_figure(told: Story, found: Record) -> Figure:
    graded, exact = found["graded"], finite(found["exact_loss"])
    kinds = list(dict.fromkeys(one["relative_to"] for one in graded))
    lost = sum(not positive(one[field]) for one in graded for field in BEFORE_AFTER)
    left = f" {lost} losses are not finite, or 0, and have no place here." if lost else ""
    return Figure(
        "How wide the basin is",
        "Noise on all weights at once, relative to each weight (what is 0 stays 0) or to the root "
        "mean square of its whole tensor: each draw is a mark, before and after "
        f"{grouped(found['steps'])} steps of retraining; lines join the medians. The dotted line "
        f"is the loss without noise ({written(exact)}).{left}",
        _facts(told, found, "MSE"),
        charts=[
            (
                f"relative to {'each weight' if kind == 'weight' else 'the whole tensor'}",
                f"learning rate {setting(graded[0]['rate'])}",
                basin_chart([one for one in graded if one["relative_to"] == kind], exact),
            )
            for kind in kinds
        ],
        legend=[Key(title, colour(name), shape) for title, name, shape in BEFORE_AFTER.values()],
    )


def _straight_figure(told: Story, found: Record) -> Figure:
    titles = {line["to"]: line["title"] for line in found["lines"]}
    colours = {name: colour(name) for name in titles}
    kinds = {bool(line["matched"]) for line in found["lines"]}
    legend = [Key(f"to {title}", colours[name]) for name, title in titles.items()]
    legend += [Key("neurons matched first", colour("muted"))] if True in kinds else []
    legend += [Key("neurons as they are", colour("muted"), "dashed")] if False in kinds else []
    return Figure(
        "What lies between the solutions",
        "The weights on the straight line from the network set by hand to trained ones. A wall "
        "between them means different solutions; but the order of hidden units means nothing, so "
        "the line is also drawn after the units of one network are matched to those of the other.",
        _facts(told, found, "MSE") | {"Training data": told.tuned_on},
        charts=[("", "", straight_chart(found["lines"], colours))],
        legend=legend,
    )


def _facts(told: Story, found: Record, metric: str) -> dict[str, str]:
    worlds = told.results.get("matrix", {"worlds": []})["worlds"]
    titles = {world["world"]: world["title"] for world in worlds}
    world = titles.get(found["world"], found["world"])
    return told.facts(
        str(KEPT.get(found["checkpoint"], found["checkpoint"])),
        f"{world}: {grouped(found['steps'])} steps of {grouped(found['batch_examples'])} examples",
        f"{world}, {grouped(found['examples'])} examples",
        metric,
        "results/robustness.json",
    )
