"""The section on training: losses over the steps, by network and by true distance."""

from collections.abc import Iterator, Sequence

import altair as alt

from offpath.networks import Network
from offpath.report.marks import IN_LINE, STEPS, Axis, Frame, curves, label_keys, loss_axis
from offpath.report.parts import Chart, Figure, Key, Logged, Section, Story, colour
from offpath.report.words import listed
from offpath.slices import label_title

EARLY_STEPS = 400  # the phase changes of WWZ24 all lie within
MOST_POINTS = 400  # of one line: what a screen can show, and what keeps the page small
LEAST_EXAMPLES = 100  # behind a point of one true distance: fewer show noise, not learning


def section(story: Story) -> Section:
    """Losses of every network whose training has begun, and which have not; else nothing."""
    anchor, title, c = "training", "Training", story.run.configuration
    if not any(network.training for network in story.networks):
        return Section(anchor, title)
    logged = {line.network for line in story.metrics}
    active = [network for network in story.networks if network.name in logged]
    finetuned = [network for network in active if network.made_by == "finetune"]
    figures = [
        *(f for n in active if n.made_by == "pretrain" for f in _pretraining_figures(story, n)),
        *([_finetuning_figure(story, finetuned)] if finetuned else ()),
    ]
    text = (
        "Mean squared error on training examples, each of which is seen once. A line is averaged "
        f"down to at most {MOST_POINTS} points."
    )
    if c.imported:
        text += (
            " The pre-trained weights were imported, not trained here (SHA-256 "
            f"{c.imported[:12]}…), so there is no curve of pre-training."
        )
    return Section(anchor, title, text, figures, story.untrained())


def _pretraining_figures(story: Story, network: Network) -> list[Figure]:
    largest = story.run.configuration.graphs.max_vertices
    lines = [line for line in story.metrics if line.network == network.name]
    last = max(line.step for line in lines)
    data = f"pre-training: target 2, graphs of 3 to {largest} vertices"
    tested = "the training examples themselves"
    facts = story.facts(network.title, tested, "MSE", training=data)
    spans = [EARLY_STEPS, last] if last > EARLY_STEPS else [last]
    titles = {EARLY_STEPS: f"The first {EARLY_STEPS} steps", last: "All steps"}
    loss = Figure(
        "Pre-training",
        "The loss on a logarithmic axis, and beneath it the learning rate of the same steps.",
        facts,
        charts=[Chart(_loss_chart(lines, [network])), Chart(_rate_chart(lines))],
    )
    by_distance = Figure(
        "Pre-training by true distance",
        "A sudden drop of one line is a phase change: the network has learned to answer that "
        f"distance. Each point is the mean over at least {LEAST_EXAMPLES} examples, so that rare "
        "distances have few.",
        facts | {"Metric": "MSE over the examples of one true distance"},
        charts=[
            Chart(
                distance_loss_chart([m for m in lines if m.step <= until], largest), titles[until]
            )
            for until in spans
        ],
        legend=label_keys(largest),
    )
    return [loss, by_distance]


def _finetuning_figure(story: Story, trained: Sequence[Network]) -> Figure:
    limit = story.run.configuration.graphs.finetune_vertices
    title, text = "Fine-tuning", "The loss on a logarithmic axis."
    if any(network.name == "scratch" for network in trained):
        title = "Fine-tuning, and its control without pre-training"
        text = "The same examples in the same order; only the weights at the start differ."
    return Figure(
        title,
        text,
        story.facts(
            listed([network.title for network in trained]),
            "the training examples themselves",
            "MSE",
            training=f"fine-tuning: targets on a shortest path, graphs of 3 to {limit} vertices",
        ),
        charts=[Chart(_loss_chart(story.metrics, trained))],
        legend=network_keys(trained),
    )


def network_keys(networks: Sequence[Network]) -> list[Key]:
    """The series of a chart by network."""
    return [Key(network.title, colour(network.name)) for network in networks]


def distance_loss_chart(
    lines: Sequence[Logged], max_vertices: int, x: Axis = STEPS
) -> alt.LayerChart:
    """Training loss of each true distance, on a logarithmic axis."""
    points = pooled(lines)
    rows = [
        {"series": label_title(label, max_vertices), "step": step, "loss": loss}
        for label in range(1, max_vertices + 1)
        for step, loss in _steady(points, str(label))
        if loss > 0
    ]
    name = f"training loss by true distance up to step {max(line.step for line in lines)}"
    return curves(rows, label_keys(max_vertices), Frame(name, 300, x, loss_axis()))


def _loss_chart(lines: Sequence[Logged], networks: Sequence[Network]) -> alt.LayerChart:
    rows = [
        {"series": network.title, "step": point.step, "loss": point.loss}
        for network in networks
        for point in pooled([line for line in lines if line.network == network.name])
        if point.loss > 0
    ]
    return curves(rows, network_keys(networks), Frame("training loss", 300, STEPS, loss_axis()))


def _rate_chart(lines: Sequence[Logged]) -> alt.LayerChart:
    key = Key("learning rate", colour("muted"))
    rows = [{"series": key.title, "step": p.step, "rate": p.learning_rate} for p in pooled(lines)]
    rate = Axis("rate", key.title, axis={"tickCount": 2, "format": "~g", **IN_LINE})
    return curves(rows, [key], Frame(key.title, 90, STEPS, rate))


def pooled(lines: Sequence[Logged]) -> list[Logged]:
    """At most `MOST_POINTS` lines of metrics: each is the mean over equally many logged lines.

    A loss by label is weighted by its number of examples; step and learning rate are the last ones.
    """
    size = -(-len(lines) // MOST_POINTS) or 1
    return [_mean(lines[start : start + size]) for start in range(0, len(lines), size)]


def _mean(lines: Sequence[Logged]) -> Logged:
    sums: dict[str, float] = {}
    counts: dict[str, int] = {}
    for line in lines:
        for label, loss in line.loss_by_label.items():
            counts[label] = counts.get(label, 0) + line.count_by_label[label]
            sums[label] = sums.get(label, 0.0) + loss * line.count_by_label[label]
    return lines[-1]._replace(
        loss=sum(line.loss for line in lines) / len(lines),
        loss_by_label={label: sums[label] / counts[label] for label in sums if counts[label]},
        count_by_label=counts,
    )


def _steady(points: Sequence[Logged], label: str) -> Iterator[tuple[int, float]]:
    """(step, loss) of one true distance, over as many lines as give `LEAST_EXAMPLES` examples."""
    total, count = 0.0, 0
    for point in points:
        if added := point.count_by_label.get(label, 0):
            total, count = total + added * point.loss_by_label[label], count + added
        if count >= LEAST_EXAMPLES:
            yield point.step, total / count
            total, count = 0.0, 0
