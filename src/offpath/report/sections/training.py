"""The section on training: losses over the steps, by network and by true distance."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from offpath.networks import Network
from offpath.report.marks import curves, frame
from offpath.report.parts import Chart, Figure, Key, Logged, Section, Spec, Story, colour
from offpath.report.words import listed
from offpath.slices import label_title

EARLY_STEPS = 400  # the phase changes of WWZ24 all lie within
MOST_POINTS = 400  # of one line: what a screen can show, and what keeps the page small
LEAST_EXAMPLES = 100  # behind a point of one true distance: fewer show noise, not learning


def section(story: Story) -> Section:
    """Losses of every network whose training has begun."""
    logged = {line.network for line in story.metrics}
    logging = [network for network in story.networks if network.name in logged]
    figures = [f for n in logging if n.made_by == "pretrain" for f in _pretraining(story, n)]
    if finetuned := [network for network in logging if network.made_by == "finetune"]:
        titles, controlled = listed([n.title for n in finetuned]), "scratch" in logged
        caption = story.caption("training.finetuning", networks=titles, controlled=controlled)
        chart, keys = _loss_chart(story.metrics, finetuned)
        figures.append(Figure(*caption, charts=[chart], legend=keys))
    return Section(figures)


def _pretraining(story: Story, network: Network) -> list[Figure]:
    largest = story.run.configuration.graphs.max_vertices
    lines = [line for line in story.metrics if line.network == network.name]
    last = max(line.step for line in lines)
    charts = [
        Chart(distance_loss_chart([m for m in lines if m.step <= until], largest), title)
        for until, title in ((EARLY_STEPS, f"The first {EARLY_STEPS} steps"), (last, "All steps"))
        if until <= last
    ]
    words = {"networks": network.title, "least": LEAST_EXAMPLES}
    first, second = (story.caption(f"training.{n}", **words) for n in ("pretraining", "distances"))
    loss, _ = _loss_chart(lines, [network])
    return [
        Figure(*first, charts=[loss, _rate_chart(lines)]),
        Figure(*second, charts=charts, legend=label_keys(largest)),
    ]


def label_keys(max_vertices: int) -> list[Key]:
    """A key for each true distance, "no path" last."""
    labels = range(1, max_vertices + 1)
    titles = {label: label_title(label, max_vertices) for label in labels}
    return [Key(titles[n], colour(f"distance-{n}"), distance=True) for n in labels]


def distance_loss_chart(lines: Sequence[Logged], max_vertices: int, x: Spec | None = None) -> Spec:
    """Training loss of each true distance; `x` is what changes a logarithmic axis of steps."""
    points = pooled(lines)
    rows = [
        {"series": label_title(label, max_vertices), "step": step, "loss": loss}
        for label in range(1, max_vertices + 1)
        for step, loss in _steady(points, str(label))
        if loss > 0
    ]
    last = max(line.step for line in lines)
    made = frame("distance_loss_log" if x else "distance_loss", x, last=last)
    return curves(rows, label_keys(max_vertices), made)


def _loss_chart(lines: Sequence[Logged], networks: Sequence[Network]) -> tuple[Chart, list[Key]]:
    keys = [Key(network.title, colour(network.name)) for network in networks]
    rows = [
        {"series": network.title, "step": point.step, "loss": point.loss}
        for network in networks
        for point in pooled([line for line in lines if line.network == network.name])
        if point.loss > 0
    ]
    return Chart(curves(rows, keys, frame("training_loss"))), keys


def _rate_chart(lines: Sequence[Logged]) -> Chart:
    key = Key("learning rate", colour("muted"))
    rows = [{"series": key.title, "step": p.step, "rate": p.learning_rate} for p in pooled(lines)]
    return Chart(curves(rows, [key], frame("learning_rate")))


def pooled(lines: Sequence[Logged], most: int = MOST_POINTS) -> list[Logged]:
    """At most `most` lines of metrics: each is the mean over equally many logged lines.

    A loss by label is weighted by its number of examples; step and learning rate are the last ones.
    """
    size = -(-len(lines) // most) or 1
    return [_mean(lines[start : start + size]) for start in range(0, len(lines), size)]


def _mean(lines: Sequence[Logged]) -> Logged:
    counts: Counter[str] = Counter()
    sums: defaultdict[str, float] = defaultdict(float)
    for line in lines:
        counts.update(line.count_by_label)
        for label, loss in line.loss_by_label.items():
            sums[label] += loss * line.count_by_label[label]
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
