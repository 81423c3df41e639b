"""The section on robustness: does a network keep the exact solution, and find it again?

First what fine-tuning does to the exact solution, then what noise and retraining do, then what lies
between the solutions.
"""

from collections.abc import Sequence
from statistics import median

from offpath.report.marks import Axis, Frame, curves, loss_axis, share_axis, thinned
from offpath.report.parts import Chart, Figure, Key, Section, Story, Table, colour, text_table
from offpath.report.sections import retention
from offpath.report.words import paragraph, percent, percent_interval, setting, significant
from offpath.results import Graded, Matrix, Robustness

NOT_FINITE = 1e30  # stands for a loss that is not finite
LIMITS = (1e-3, 1e-1)  # losses below which a network counts as back, where the file has none
ENDINGS = ("recovered", "partly", "lost")
"""Colours of how a perturbed network ended: below the first loss, below the second, above both."""
BEFORE = Key("before retraining", colour("lost"), "square")
AFTER = Key("after retraining", colour("recovered"), "circle")
EXACT = Key("before any noise", colour("circuit"), "dotted")
ALIGNED = {
    True: Key("after permutation alignment", colour("muted")),
    False: Key("without alignment", colour("muted"), "dashed"),
}
MOST_STEPS = 80  # points of one thin line


def section(story: Story) -> Section:
    """What becomes of the exact solution under fine-tuning, noise and retraining."""
    result = story.get(Robustness)
    anchor, title = "robustness", "How robust the solutions are"
    if result is None:
        return Section(anchor, title, missing=story.missing(Robustness))
    text = (
        "Does training stay at the exact solution once it is there, and does it come back when "
        "the weights are perturbed?"
    )
    figures, statement = [], ""
    if result.retention:
        figures += retention.figures(story, result.retention)
        statement = retention.change_sentence(result.retention[0])
        text = paragraph(text, retention.comparison_sentence(story, result.retention[0]))
    figures += [_perturbed_figure(story, result)] if result.perturbed else []
    figures += [_basin_figure(story, result)] if result.graded else []
    figures += [_interpolation_figure(story, result)] if result.interpolations else []
    return Section(anchor, title, text, figures, statement=statement)


def ending(loss: float, limits: Sequence[float]) -> str:
    """How a perturbed network ended, in words: below which of the limits.

    >>> ending(0.01, (1e-3, 1e-1)), ending(1e30, (1e-3, 1e-1))
    ('below 0.1', 'not below 0.1')
    """
    below = [limit for limit in limits if loss < limit]
    return f"below {setting(below[0])}" if below else f"not below {setting(limits[-1])}"


def _drawn(loss: float) -> bool:
    """Whether a loss has a place on a logarithmic axis."""
    return 0 < loss < NOT_FINITE


def _perturbed_figure(story: Story, result: Robustness) -> Figure:
    limits = sorted({row.below for row in result.recovered})[:2] or LIMITS
    choices = {one.choice for one in result.perturbed}
    harmless = {one.choice for one in result.perturbed if one.loss_perturbed < limits[0]}
    diverged = sum(one.loss_after >= NOT_FINITE for one in result.perturbed)
    text = (
        "One weight matrix, chosen at random, is replaced by noise of standard deviation 1, and "
        f"all weights are trained again: {len(choices)} choices, each a line, at every learning "
        f"rate. The dotted line is the loss before ({significant(result.exact_loss)}). The table "
        "gives the share that came back, with 95 % intervals (Wilson)."
    )
    if harmless:
        text += (
            f" In {len(harmless)} of the choices the noise alone left the loss below "
            f"{setting(limits[0])}: they had nothing to come back from, and count all the same."
        )
    if diverged:
        text += f" {diverged} ended at a loss that is not finite."
    titles = [ending(loss, limits) for loss in (0.0, *limits)]
    inks = (*ENDINGS[: len(limits)], ENDINGS[-1])
    keys = [Key(title, colour(ink)) for title, ink in zip(titles, inks, strict=True)]
    rates = sorted({one.rate for one in result.perturbed})
    return Figure(
        "One matrix replaced, then retrained",
        text,
        _facts(story, result),
        charts=[_perturbed_chart(result, rate, limits, keys) for rate in rates],
        tables=[_recovered_table(result, limits)] if result.recovered else (),
        legend=[key._replace(title=f"ends {key.title}") for key in keys],
        layout="grid",
    )


def _perturbed_chart(
    result: Robustness, rate: float, limits: Sequence[float], keys: Sequence[Key]
) -> Chart:
    """Loss over the steps of retraining at one rate: a thin line for each choice of a matrix."""
    rows = []
    for one in (p for p in result.perturbed if p.rate == rate):
        row = {"series": ending(one.loss_after, limits), "line": one.choice, "matrix": one.matrix}
        curve = thinned([point for point in one.curve if _drawn(point[1])], MOST_STEPS)
        rows += [{**row, "step": step, "loss": loss} for step, loss in curve]
    losses = [loss for one in result.perturbed for _, loss in one.curve if _drawn(loss)]
    frame = Frame(
        f"Loss while retraining at the rate {setting(rate)}",
        230,
        Axis("step", "step", scale={"nice": False}, axis={"tickCount": 4}),
        loss_axis([*losses, result.exact_loss]),
        {"matrix": "matrix", "ends": "series"},
        (result.exact_loss, EXACT) if result.exact_loss else None,
    )
    return Chart(curves(rows, keys, frame, width=1.1), f"learning rate {setting(rate)}")


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
    text = (
        "Noise on all weights at once, relative to each weight (what is 0 stays 0) or to the "
        "root mean square of its whole tensor: each draw is a mark, before and after "
        "retraining; lines join the medians. The dotted line is the loss without noise "
        f"({significant(result.exact_loss)})."
    )
    kinds = dict.fromkeys(one.relative_to for one in result.graded)
    return Figure(
        "How wide the basin is",
        text + (f" {lost} losses are not finite, or 0, and have no place here." if lost else ""),
        _facts(story, result),
        charts=[
            _basin_chart(result, [one for one in result.graded if one.relative_to == kind])
            for kind in kinds
        ],
        legend=[BEFORE, AFTER],
    )


def _basin_chart(result: Robustness, graded: Sequence[Graded]) -> Chart:
    """Loss before and after retraining by relative noise, both logarithmic; lines are medians."""
    rows, medians = [], []
    noises = sorted({one.noise for one in graded})
    for key in (BEFORE, AFTER):
        for noise in noises:
            losses = {}
            for one in (one for one in graded if one.noise == noise):
                losses[one.draw] = one.loss_perturbed if key is BEFORE else one.loss_after
            losses = {draw: loss for draw, loss in losses.items() if _drawn(loss)}
            place = {"series": key.title, "noise": noise}
            rows += [{**place, "draw": draw, "loss": loss} for draw, loss in losses.items()]
            medians += [{**place, "loss": median(losses.values())}] if losses else []
    scale = {"type": "log", "nice": False, "padding": 12}
    whole = "each weight" if graded[0].relative_to == "weight" else "the whole tensor"
    look = {"values": noises, "format": "~g"}
    frame = Frame(
        f"Loss before and after retraining by noise relative to {whole}",
        300,
        Axis("noise", "relative noise on all weights", scale=scale, axis=look),
        loss_axis([*(row["loss"] for row in rows), result.exact_loss]),
        {"when": "series", "noise": "noise ~g", "draw": "draw", "loss": "loss .3g"},
        (result.exact_loss, EXACT) if result.exact_loss else None,
    )
    chart = curves(medians, [BEFORE, AFTER], frame, points=rows)
    return Chart(chart, f"relative to {whole}", f"learning rate {setting(graded[0].rate)}")


def _interpolation_figure(story: Story, result: Robustness) -> Figure:
    titles = {one.to: one.title for one in result.interpolations}
    keys = [Key(f"to {title}", colour(name)) for name, title in titles.items()]
    rows = []
    for one in result.interpolations:
        look = ALIGNED[one.aligned]
        row = {"series": f"to {one.title}", "dash": look.shape, "neurons": look.title}
        points = (point for point in one.points if _drawn(point[1]))
        rows += [{**row, "share": share, "loss": loss} for share, loss in points]
    frame = Frame(
        "Loss on the linear interpolation between networks",
        280,
        share_axis("share", "share of the way to the trained network", 5, labelFlush=True),
        loss_axis([row["loss"] for row in rows]),
        {"network": "series", "neurons": "neurons", "share": "share .0%", "loss": "loss .3g"},
    )
    return Figure(
        "What lies between the solutions",
        "Mode connectivity: the loss on the linear interpolation from the weights of the "
        "handcrafted network to those of trained ones. A barrier between them means different "
        "solutions; but the order of hidden neurons means nothing, so the interpolation is also "
        "drawn after permutation alignment, which orders the neurons of one network like the most "
        "similar neurons of the other.",
        _facts(story, result) | {"Training data": story.training_data},
        charts=[Chart(curves(rows, keys, frame, width=1.8))],
        legend=[*keys, *ALIGNED.values()],
    )


def _facts(story: Story, result: Robustness) -> dict[str, str]:
    matrix = story.get(Matrix)
    titles = {row.world: row.title for row in matrix.worlds} if matrix else {}
    options = {**result.options, "world": titles.get(result.world, result.world)}
    test_data = "{world}, {examples} examples".format_map(options)
    training = "{world}: {steps} steps of {batch_examples} examples".format_map(options)
    return story.facts("handcrafted", test_data, "MSE", Robustness, training=training)
