"""The section on the learning coefficient: how degenerate the loss is around each solution.

In: `results/learning_coefficient.json`, and the losses of pre-training. Out: the estimates along
training and elsewhere, and all that says whether an estimate may be trusted.
"""

from collections.abc import Sequence

from offpath.report.cells import finite, grouped, setting, written
from offpath.report.charts import colour, label_colours, steps_axis
from offpath.report.coefficient_charts import (
    estimate_rows,
    estimate_span,
    estimate_text,
    network_title,
    path_chart,
    sweep_chart,
    trace_chart,
    trust_text,
)
from offpath.report.curves import distance_loss_chart
from offpath.report.story import Figure, Key, PlainTable, Section, Story
from offpath.run.files import Record

TRUST = (
    Key("trusted", colour("estimate"), "circle"),
    Key("not trusted", colour("estimate"), "ring"),
)


def coefficient(told: Story) -> Section:
    """The learning coefficient along pre-training and of single networks, and whom to trust."""
    found = told.results.get("learning_coefficient")
    anchor, title = "coefficient", "The learning coefficient"
    if found is None:
        return Section(anchor, title, missing=told.missing("learning_coefficient"))
    path = [point for point in found["points"] if on_path(point)]
    named = [p for p in found["points"] if not on_path(p) or "-step" not in p["checkpoint"]]
    drawn = any(finite(point["estimate"]) is not None for point in path)
    figures = [
        *([_path_figure(told, found, path)] if drawn else ()),
        *([_single_figure(told, found, named)] if named else ()),
        *([_sweep_figure(told, found)] if found["sweeps"] else ()),
        *([_trace_figure(told, found)] if found["traces"] else ()),
    ]
    text = (
        "The local learning coefficient of singular learning theory measures how fast the loss "
        "rises around a solution: the lower, the more directions leave the loss as it is. It is "
        "estimated by sampling weights near the solution (stochastic gradient Langevin dynamics), "
        "which can fail; what did not pass its checks is marked as not trusted."
    )
    return Section(anchor, title, text, figures)


def on_path(point: Record) -> bool:
    """Whether a point is a snapshot of pre-training that has a place on an axis of steps."""
    return point["stage"] == "pretrain" and (finite(point["step"]) or 0) > 0


def _path_figure(told: Story, found: Record, path: Sequence[Record]) -> Figure:
    largest = told.run.configuration.graphs.max_vertices
    lines = [line["step"] for line in told.metrics if line["stage"] == "pretrain"]
    steps = [*lines, *(point["step"] for point in path)]
    first, last = int(min(steps)), int(max(steps))
    x = steps_axis(first, last)
    losses = distance_loss_chart(told.metrics, "pretrain", largest, last, x)
    unseen = sum(finite(point["estimate"]) is None for point in path)
    left = f" {unseen} estimates are not finite and left out." if unseen else ""
    rows = estimate_rows(path)
    if span := estimate_span(rows):
        beyond = sum(not span[0] <= row["estimate"] <= span[1] for row in rows)
        left += f" {beyond} that are not trusted lie beyond the axis, and are drawn at its edge."
    return Figure(
        "Along pre-training",
        "Above, the loss by true distance, a sudden fall of which is a phase change; below, the "
        "learning coefficient of snapshots from the same steps, with standard errors. Both share "
        f"one logarithmic axis.{left}",
        _facts(told, found, "MSE by true distance; learning coefficient")
        | {"Draws": "metrics.jsonl, results/learning_coefficient.json"},
        charts=[
            *([("Loss by true distance", "", losses)] if lines else ()),
            ("Learning coefficient", "", path_chart(path, x)),
        ],
        legend=[
            *(Key(title, ink) for title, ink in label_colours(largest).items() if lines),
            *TRUST,
        ],
    )


def _single_figure(told: Story, found: Record, named: Sequence[Record]) -> Figure:
    rows = [
        (
            network_title(point["checkpoint"]),
            written(point["baseline_loss"]),
            estimate_text(point),
            ", ".join(written(chain) for chain in point["chains"]) or "–",
            trust_text(point),
        )
        for point in named
    ]
    columns = ("network", "its loss", "learning coefficient", "chain by chain", "trusted")
    return Figure(
        "Single networks",
        "Estimate ± standard error, and the reasons where it is not to be trusted.",
        _facts(told, found, "learning coefficient"),
        lists=[PlainTable("Learning coefficients", columns, rows)],
    )


def _sweep_figure(told: Story, found: Record) -> Figure:
    charts = [
        (network_title(sweep["checkpoint"]), _verdict(sweep), sweep_chart(sweep))
        for sweep in found["sweeps"]
        if estimate_rows(sweep["points"])
    ]
    return Figure(
        "Does the estimate depend on the sampler?",
        "An estimate means something only where it does not change with the step size of the "
        "sampler: that plateau is shaded.",
        _facts(told, found, "learning coefficient"),
        charts=charts,
        legend=TRUST,
        layout="grid",
    )


def _trace_figure(told: Story, found: Record) -> Figure:
    groups: dict[tuple[str, int | float], list[Record]] = {}
    for trace in found["traces"]:
        if any(finite(loss) is not None for loss in trace["losses"]):
            groups.setdefault((trace["checkpoint"], trace["step_size"]), []).append(trace)
    chosen = {(point["checkpoint"], point["step_size"]) for point in found["points"]}
    groups = {key: traces for key, traces in groups.items() if key in chosen} or groups
    return Figure(
        "The chains of the sampler",
        "Loss along each chain: level lines that lie together have settled; one that still climbs, "
        "or ends early, has not. Chains of other step sizes are in the file.",
        _facts(told, found, "loss on the batches of the sampler"),
        charts=[
            (network_title(name), f"step size {setting(size)}", trace_chart(traces))
            for (name, size), traces in groups.items()
        ],
        layout="grid",
    )


def _facts(told: Story, found: Record, metric: str) -> dict[str, str]:
    return told.facts(
        "snapshots of pre-training and the networks named",
        told.tuned_on,
        f"{grouped(found['examples'])} examples of pre-training",
        metric,
        "results/learning_coefficient.json",
    )


def _verdict(sweep: Record) -> str:
    """What a sweep says; never without a warning where there is no plateau."""
    said, warning = sweep["verdict"], "no plateau: do not trust"
    if sweep["plateau"] is None and "no plateau" not in said:
        said = f"{warning}; {said}"
    return f"{said[:1].upper()}{said[1:]}."
