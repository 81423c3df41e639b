"""The section on robustness: does a network keep the exact solution, and find it again?

Out: what fine-tuning, noise and retraining do to it.
"""

from collections.abc import Sequence
from itertools import product
from math import ceil, floor, inf, log10
from statistics import median

from offpath.networks import network
from offpath.report import parts, words
from offpath.report.frames import Frame, frame
from offpath.report.marks import curves, intervals, thinned
from offpath.report.parts import Chart, Figure, Key, Section, Story, Table, colour, text_table
from offpath.report.sections.matrix import accuracy_row, strata_chart
from offpath.report.words import percent, percent_interval, setting
from offpath.results import Cell, Graded, Matrix, Retention, Robustness
from offpath.slices import ANY_TARGET, SPLIT_STRATA, Slice

NOT_FINITE = 1e30  # stands for a loss that is not finite
LIMITS = (1e-3, 1e-1)  # losses below which a network counts as back, where the file has none
ENDINGS = ("recovered", "partly", "lost")
"""Colours of how a perturbed network ended: below the first loss, below the second, above both."""
BEFORE = Key("before retraining", colour("lost"), "square")
AFTER = Key("after retraining", colour("recovered"), "circle")
EXACT = Key("before any noise", colour("circuit"), "dotted")
MOST_STEPS = 80  # points of one thin line
CIRCUIT, STARTED, TRAINED = "circuit", "circuit-finetuned", "finetuned"
"""The exact solution; the network that starts there; the one that is trained all the way."""
START = Key("starts at the exact solution", colour(STARTED))
TRAIN = Key("trained network, after its fine-tuning", colour(TRAINED), "dashed")
CHANGED = {"below": "fell for", "above": "rose for", "level with": "did not change clearly for"}
DATA = {"finetuning": "fine-tuning", "pretraining": "pre-training"}
OVER_STEPS = {"minimum": "minimum", "area": "mean over the steps", "end": "end"}
"""Fields of `results.OverSteps`, for readers."""
Cells = dict[Slice, Cell]


def section(story: Story, result: Robustness) -> Section:
    """What becomes of the exact solution under fine-tuning, noise and retraining."""
    figures, text, statement = [], "", ""
    if result.retention:
        figures += _retention_figures(story, result.retention)
        statement, text = _retention_sentences(story, result.retention[0])
    figures += [_perturbed_figure(story, result)] if result.perturbed else []
    figures += [_basin_figure(story, result)] if result.graded else []
    return Section(figures, text, statement=statement)


def _endings(result: Robustness) -> dict[float, Key]:
    """How a perturbed network may end: the loss below which it does, and a key."""
    limits = sorted({row.below for row in result.recovered})[:2] or LIMITS
    titles = [*(f"below {setting(limit)}" for limit in limits), f"not below {setting(limits[-1])}"]
    colours = (*ENDINGS[: len(limits)], ENDINGS[-1])
    looks = zip([*limits, inf], titles, colours, strict=True)
    return {limit: Key(title, colour(name)) for limit, title, name in looks}


def _perturbed_figure(story: Story, result: Robustness) -> Figure:
    endings, perturbed = _endings(result), result.perturbed
    known = {
        "choices": len({one.choice for one in perturbed}),
        "harmless": len({one.choice for one in perturbed if one.loss_perturbed < min(endings)}),
        "back": setting(min(endings)),
        "diverged": sum(one.loss_after >= NOT_FINITE for one in perturbed),
    }
    return Figure(
        *story.caption("robustness.perturbed", **known),
        charts=[_perturbed_chart(result, r, endings) for r in sorted({p.rate for p in perturbed})],
        tables=[_recovered_table(result, list(endings)[:-1])] if result.recovered else (),
        legend=[key._replace(title=f"ends {key.title}") for key in endings.values()],
    )


def _perturbed_chart(result: Robustness, rate: float, endings: dict[float, Key]) -> Chart:
    """Loss over the steps of retraining at one rate: a thin line for each choice of a matrix."""
    rows, losses = [], [result.exact_loss]
    for one in result.perturbed:
        curve = [{"step": step, "loss": loss} for step, loss in one.curve if _drawn(loss)]
        losses += [point["loss"] for point in curve]
        if one.rate == rate:
            end = next(key.title for limit, key in endings.items() if one.loss_after < limit)
            row = {"series": end, "line": one.choice, "matrix": one.matrix}
            rows += [{**row, **point} for point in thinned(curve, MOST_STEPS)]
    powers = [log10(loss) for loss in losses if loss > 0]
    y = {"scale": {"domain": [10.0 ** floor(min(powers)), 10.0 ** ceil(max(powers))]}}
    own = _with_exact(frame("perturbed", y=y, rate=setting(rate)), result)
    return Chart(curves(rows, list(endings.values()), own), f"learning rate {setting(rate)}")


def _recovered_table(result: Robustness, limits: Sequence[float]) -> Table:
    """The share that came back, by learning rate and by what counts as back."""
    table: dict[float, list[str]] = {}
    for row in sorted(result.recovered, key=lambda row: (row.rate, row.below)):
        texts = table.setdefault(row.rate, [setting(row.rate), str(row.count)])
        if row.below in limits:
            texts.append(f"{percent(row.share)} ({percent_interval(row.low, row.high)})")
    heads = ["learning rate", "choices", *(f"ends below {setting(limit)}" for limit in limits)]
    return text_table("Share that came back", heads, list(table.values()))


def _basin_figure(story: Story, result: Robustness) -> Figure:
    losses = [loss for one in result.graded for loss in (one.loss_perturbed, one.loss_after)]
    lost = sum(not _drawn(loss) for loss in losses)
    kinds = dict.fromkeys(one.relative_to for one in result.graded)
    charts = [_basin_chart(result, [g for g in result.graded if g.relative_to == k]) for k in kinds]
    caption = story.caption("robustness.basin", lost=lost)
    return Figure(*caption, charts=charts, legend=[BEFORE, AFTER])


def _basin_chart(result: Robustness, graded: Sequence[Graded]) -> Chart:
    """Loss before and after retraining by relative noise, both logarithmic; lines are medians."""
    rows, medians = [], []
    noises = sorted({one.noise for one in graded})
    for key, noise in product((BEFORE, AFTER), noises):
        at, ends = {"series": key.title, "noise": noise}, [g for g in graded if g.noise == noise]
        losses = [(g.draw, g.loss_perturbed if key is BEFORE else g.loss_after) for g in ends]
        points = [{**at, "draw": draw, "loss": loss} for draw, loss in losses if _drawn(loss)]
        medians += [{**at, "loss": median(row["loss"] for row in points)}] if points else []
        rows += points
    whole = "each weight" if graded[0].relative_to == "weight" else "the whole tensor"
    own = _with_exact(frame("basin", {"axis": {"values": noises}}, whole=whole), result)
    chart = curves(medians, [BEFORE, AFTER], own, rows)
    return Chart(chart, f"relative to {whole}", f"learning rate {setting(graded[0].rate)}")


def _with_exact(own: Frame, result: Robustness) -> Frame:
    return own._replace(level=(result.exact_loss, EXACT)) if result.exact_loss else own


def _drawn(loss: float) -> bool:
    """Whether a loss has a place on a logarithmic axis."""
    return 0 < loss < NOT_FINITE


def _retention_figures(story: Story, retentions: Sequence[Retention]) -> list[Figure]:
    """Accuracy along fine-tuning, before and after it, and at other learning rates."""
    own, trained = retentions[0], _trained_cells(story)
    first = [_path_figure(story, own, trained), _ends_figure(story, own, trained)]
    return [*first, _rates_figure(story, retentions)]


def _retention_sentences(story: Story, retention: Retention) -> list[str]:
    """What fine-tuning did to the exact solution, and where that ends beside the trained network.

    Empty, where there is nothing to compare with.
    """
    last, beside = max(retention.steps), {level: f"{level} it for" for level in words.LEVELS}
    start, end, trained = _cells(retention, 0), _cells(retention, last), _trained_cells(story)
    known = {
        "steps": words.thousands(last),
        "change": "; ".join(words.comparisons(start, end, CHANGED, ("below", "above"))),
        "beside": "; ".join(words.comparisons(trained, end, beside, ())),
    }
    names = ("retention_change", "retention_beside")
    return [words.paragraph(*words.sentences(name, known)) for name in names]


def _cells(retention: Retention, step: int) -> Cells:
    """The strata of test e after so many steps."""
    cells = {(c.by, c.slice): c for c in retention.cells if (c.world, c.step) == (ANY_TARGET, step)}
    return {s: cells[s[:2]] for s in SPLIT_STRATA if s[:2] in cells}


def _trained_cells(story: Story) -> Cells:
    """The same of the network that was trained all the way."""
    matrix = story.get(Matrix)
    return {s: c for s in SPLIT_STRATA if matrix and (c := matrix.cell(TRAINED, ANY_TARGET, s))}


def _path_figure(story: Story, retention: Retention, trained: Cells) -> Figure:
    ends = {"domain": [0, max(retention.steps)]}
    steps = {"scale": ends, "axis": {"values": retention.steps}}
    path, charts = {step: _cells(retention, step) for step in retention.steps}, []
    for where, start in path[0].items():
        rows = [{"step": s, **accuracy_row(START.title, where, c[where])} for s, c in path.items()]
        level = (trained[where].accuracy, TRAIN) if where in trained else None
        own = frame("retention", steps, title=where.title)._replace(level=level)
        count = f"n {words.thousands(start.count)}"
        charts.append(Chart(intervals(rows, [START], own), where.title, count))
    losses = [{"series": START.title, "step": s, "loss": x} for s, x in retention.losses if x > 0]
    if losses:
        chart = curves(losses, [START], frame("retention_loss", steps))
        charts.append(Chart(chart, "loss in fine-tuning", "on the training examples"))
    keys = [START, TRAIN] if trained else [START]
    return Figure(*story.caption("robustness.retention"), charts=charts, legend=keys)


def _ends_figure(story: Story, retention: Retention, trained: Cells) -> Figure:
    ends = (_cells(retention, 0), _cells(retention, max(retention.steps)), trained)
    keys, rows = [], []
    for name, cells, shape in zip((CIRCUIT, STARTED, TRAINED), ends, parts.SHAPES, strict=False):
        known = network(story.run.configuration, name)
        if known and cells:
            keys.append(Key(known.title, colour(name), shape))
            rows += [accuracy_row(known.title, where, cell) for where, cell in cells.items()]
    chart = strata_chart(rows, keys)
    return Figure(*story.caption("robustness.ends"), charts=[chart], legend=keys)


def _rates_figure(story: Story, retentions: Sequence[Retention]) -> Figure:
    rows, same = [], []
    for one in retentions:
        title = [DATA.get(one.finetuned_on, one.finetuned_on), setting(one.rate)]
        over = [one.over_steps(where) for where in SPLIT_STRATA]
        for score, name in OVER_STEPS.items():
            shares = [percent(getattr(o, score)) if o else "–" for o in over]
            rows.append([*title, name, *shares])
        if one.answer_share is not None and one.repeats_itself(SPLIT_STRATA):
            row = f"fine-tuned on {title[0]} at {title[1]} answers {one.answer} to "
            same.append(f"{row}{percent(one.answer_share)} of the questions")
    if retentions[0].constants:
        constants = [retentions[0].constant(where) for where in SPLIT_STRATA]
        shares = [f"{percent(c.accuracy)} (answer {c.label})" if c else "–" for c in constants]
        rows.append(["none: a constant answer", "–", "the most frequent distance", *shares])
    heads = ["fine-tuned on", "learning rate", "score", *(where.title for where in SPLIT_STRATA)]
    table = text_table("Accuracy by stratum", heads, rows)
    return Figure(*story.caption("robustness.rates", same="; ".join(same)), tables=[table])
