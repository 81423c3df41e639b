"""The section on robustness: does a network keep the exact solution, and find it again?

First what fine-tuning does to the exact solution, then what noise and retraining do, then what lies
between the solutions.
"""

from collections.abc import Sequence
from statistics import median

from offpath.report.marks import (
    Axis,
    Frame,
    curves,
    loss_axis,
    share_axis,
    thinned,
)
from offpath.report.parts import Chart, Figure, Key, Section, Story, Table, colour, text_table
from offpath.report.sections.retention import (
    comparison_sentence,
    retention_figures,
    retention_sentence,
    trained_cells,
)
from offpath.report.words import (
    paragraph,
    percent,
    percent_interval,
    setting,
    significant,
)
from offpath.results import Graded, Matrix, Perturbed, Robustness

NOT_FINITE = 1e30  # stands for a loss that is not finite
LIMITS = (1e-3, 1e-1)  # losses below which a network counts as back, where the file has none
ENDINGS = ("recovered", "partly", "lost")
"""Colours of how a perturbed network ended: below the first loss, below the second, above both."""
BEFORE = Key("before retraining", colour("lost"), "square")
AFTER = Key("after retraining", colour("recovered"), "circle")
EXACT = Key("before anything was done", colour("circuit"), "dotted")
MOST_STEPS = 80  # points of one thin line


def section(story: Story) -> Section:
    """What becomes of the exact solution under fine-tuning, noise and retraining."""
    result = story.get(Robustness)
    anchor, title = "robustness", "How robust the solutions are"
    if result is None:
        return Section(anchor, title, missing=story.missing(Robustness))
    own = result.retention[0] if result.retention else None
    figures = [
        *(retention_figures(story, result.retention) if own else ()),
        *([_perturbed_figure(story, result)] if result.perturbed else ()),
        *([_basin_figure(story, result)] if result.graded else ()),
        *([_interpolation_figure(story, result)] if result.interpolations else ()),
    ]
    text = paragraph(
        "Does training stay at the exact solution once it is there, and does it come back when "
        "the weights are perturbed?",
        comparison_sentence(own, trained_cells(story)) if own else "",
    )
    return Section(anchor, title, text, figures, statement=retention_sentence(own) if own else "")


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
    text = paragraph(
        "One weight matrix, chosen at random, is replaced by noise of standard deviation 1, and "
        f"all weights are trained again: {len(choices)} choices, each a line, at every learning "
        f"rate. The dotted line is the loss before ({significant(result.exact_loss)}). The table "
        "gives the share that came back, with 95 % intervals (Wilson).",
        f"In {len(harmless)} of the choices the noise alone left the loss below "
        f"{setting(limits[0])}: they had nothing to come back from, and count all the same."
        if harmless
        else "",
        f"{diverged} ended at a loss that is not finite." if diverged else "",
    )
    titles = [ending(loss, limits) for loss in (0, *limits)]
    inks = (*ENDINGS[: len(limits)], ENDINGS[-1])
    keys = [Key(title, colour(ink)) for title, ink in zip(titles, inks, strict=True)]
    return Figure(
        "One matrix replaced, then retrained",
        text,
        _facts(story, result),
        charts=[_perturbed_chart(result, rate, limits, keys) for rate in _rates(result.perturbed)],
        tables=[_recovered_table(result, limits)] if result.recovered else (),
        legend=[key._replace(title=f"ends {key.title}") for key in keys],
        layout="grid",
    )


def _rates(perturbed: Sequence[Perturbed]) -> list[float]:
    return sorted({one.rate for one in perturbed})


def _perturbed_chart(
    result: Robustness, rate: float, limits: Sequence[float], keys: Sequence[Key]
) -> Chart:
    """Loss over the steps of retraining at one rate: a thin line for each choice of a matrix."""
    rows = [
        {
            "series": ending(one.loss_after, limits),
            "line": one.choice,
            "matrix": one.matrix,
            "step": step,
            "loss": loss,
        }
        for one in result.perturbed
        if one.rate == rate
        for step, loss in thinned([p for p in one.curve if _drawn(p[1])], MOST_STEPS)
    ]
    losses = [loss for one in result.perturbed for _, loss in one.curve if _drawn(loss)]
    frame = Frame(
        f"Loss while retraining at the rate {setting(rate)}",
        230,
        Axis("step", "step", scale={"nice": False}, axis={"tickCount": 4}),
        loss_axis([*losses, result.exact_loss]),
        {"matrix": "matrix", "ends": "series"},
        _exact(result),
    )
    return Chart(curves(rows, keys, frame, width=1.1), f"learning rate {setting(rate)}")


def _exact(result: Robustness) -> tuple[float, Key] | None:
    """The line at the loss of the circuit before anything was done to it."""
    return (result.exact_loss, EXACT) if _drawn(result.exact_loss) else None


def _recovered_table(result: Robustness, limits: Sequence[float]) -> Table:
    """The share that came back, by learning rate and by what counts as back."""
    rows = []
    for rate in sorted({row.rate for row in result.recovered}):
        own = {row.below: row for row in result.recovered if row.rate == rate}
        shares = [
            f"{percent(own[limit].share)} ({percent_interval(own[limit].low, own[limit].high)})"
            for limit in limits
        ]
        rows.append([setting(rate), str(own[limits[0]].count), *shares])
    heads = ["learning rate", "choices", *(f"ends below {setting(limit)}" for limit in limits)]
    return text_table("Share that came back", heads, rows)


def _basin_figure(story: Story, result: Robustness) -> Figure:
    losses = [loss for one in result.graded for loss in (one.loss_perturbed, one.loss_after)]
    lost = sum(not _drawn(loss) for loss in losses)
    return Figure(
        "How wide the basin is",
        paragraph(
            "Noise on all weights at once, relative to each weight (what is 0 stays 0) or to the "
            "root mean square of its whole tensor: each draw is a mark, before and after "
            "{steps} steps of retraining; lines join the medians. The dotted line is the loss "
            "without noise ({exact}).".format(
                **result.options, exact=significant(result.exact_loss)
            ),
            f"{lost} losses are not finite, or 0, and have no place here." if lost else "",
        ),
        _facts(story, result),
        charts=[
            _basin_chart(result, [one for one in result.graded if one.relative_to == kind])
            for kind in dict.fromkeys(one.relative_to for one in result.graded)
        ],
        legend=[BEFORE, AFTER],
    )


def _basin_chart(result: Robustness, graded: Sequence[Graded]) -> Chart:
    """Loss before and after retraining by relative noise, both logarithmic; lines are medians."""
    rows = [
        {"series": key.title, "noise": one.noise, "draw": one.draw, "loss": loss}
        for key, losses in (
            (BEFORE, [one.loss_perturbed for one in graded]),
            (AFTER, [one.loss_after for one in graded]),
        )
        for one, loss in zip(graded, losses, strict=True)
        if _drawn(loss)
    ]
    groups: dict[tuple[str, float], list[float]] = {}
    for row in rows:
        groups.setdefault((row["series"], row["noise"]), []).append(row["loss"])
    medians = [
        {"series": series, "noise": noise, "loss": median(losses)}
        for (series, noise), losses in sorted(groups.items())
    ]
    scale = {"type": "log", "nice": False, "padding": 12}
    look = {"values": sorted({one.noise for one in graded}), "format": "~g"}
    whole = "each weight" if graded[0].relative_to == "weight" else "the whole tensor"
    frame = Frame(
        f"Loss before and after retraining by noise relative to {whole}",
        300,
        Axis("noise", "relative noise on all weights", scale=scale, axis=look),
        loss_axis([*(row["loss"] for row in rows), result.exact_loss]),
        {"when": "series", "noise": "noise ~g", "draw": "draw", "loss": "loss .3g"},
        _exact(result),
    )
    chart = curves(medians, [BEFORE, AFTER], frame, points=rows)
    return Chart(chart, f"relative to {whole}", f"learning rate {setting(graded[0].rate)}")


def _interpolation_figure(story: Story, result: Robustness) -> Figure:
    titles = dict.fromkeys((one.to, one.title) for one in result.interpolations)
    keys = [Key(f"to {title}", colour(name)) for name, title in titles]
    dashes = {True: "line", False: "dashed"}
    words = {True: "after permutation alignment", False: "as they are"}
    rows = [
        {
            "series": f"to {one.title}",
            "dash": dashes[one.aligned],
            "neurons": words[one.aligned],
            "share": share,
            "loss": loss,
        }
        for one in result.interpolations
        for share, loss in one.points
        if _drawn(loss)
    ]
    there = {one.aligned for one in result.interpolations}
    look = [Key(words[k], colour("muted"), dashes[k]) for k in (True, False) if k in there]
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
        "solutions; but the order of hidden units means nothing, so the interpolation is also "
        "drawn after permutation alignment, which gives the units of one network the order of the "
        "units of the other that are most similar.",
        _facts(story, result) | {"Training data": story.training_data},
        charts=[Chart(curves(rows, keys, frame, width=1.8))],
        legend=[*keys, *look],
    )


def _facts(story: Story, result: Robustness) -> dict[str, str]:
    matrix = story.get(Matrix)
    titles = {row.world: row.title for row in matrix.worlds} if matrix else {}
    world = titles.get(result.world, result.world)
    return story.facts(
        "handcrafted",
        "{world}, {examples} examples".format(world=world, **result.options),
        "MSE",
        Robustness,
        training="{world}: {steps} steps of {batch_examples} examples".format(
            world=world, **result.options
        ),
    )
