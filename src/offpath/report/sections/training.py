"""The sections on training: losses over the steps, and the chart of losses by true distance."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from offpath.networks import Network
from offpath.report.frames import Row, frame
from offpath.report.marks import curves
from offpath.report.parts import Chart, Figure, Key, Logged, Section, Spec, Story, colour
from offpath.report.words import listed
from offpath.slices import label_title

MOST_POINTS = 400  # of one line: what a screen can show, and what keeps the page small
LEAST_EXAMPLES = 100  # behind a point of one true distance: fewer show noise, not learning


def section(story: Story) -> Section:
    """Loss and learning rate of pre-training."""
    figures = []
    for network in _logged(story, "pretrain"):
        lines = [line for line in story.metrics if line.network == network.name]
        loss, _ = _loss_chart(lines, [network])
        caption = story.caption("training.pretraining", networks=network.title)
        figures.append(Figure(*caption, charts=[loss, _rate_chart(lines)]))
    return Section(figures)


def finetuning_section(story: Story) -> Section:
    """The losses of every network that is fine-tuned; then of interventions."""
    figures, logged = [], _logged(story, "finetune")
    changed = [one for one in logged if one.intervention]
    base = [one for one in logged if one not in changed]
    for place, finetuned in (("losses", base), ("interventions", changed)):
        if not finetuned:
            continue
        titles = listed([network.title for network in finetuned])
        controlled = any(network.name == "scratch" for network in finetuned)
        caption = story.caption(f"finetuning.{place}", networks=titles, controlled=controlled)
        chart, keys = _loss_chart(story.metrics, finetuned)
        figures.append(Figure(*caption, charts=[chart], legend=keys))
    return Section(figures)


def _logged(story: Story, made_by: str) -> list[Network]:
    """Networks made by this verb whose training has begun."""
    there = {line.network for line in story.metrics}
    return [one for one in story.networks if one.made_by == made_by and one.name in there]


def _is_control(network: Network) -> bool:
    """Whether it is that of an intervention, whose colour it has."""
    return bool(network.intervention) and network.control != "finetuned"


def label_keys(max_vertices: int) -> list[Key]:
    """A key for each true distance, "no path" last."""
    labels = range(1, max_vertices + 1)
    titles = {label: label_title(label, max_vertices) for label in labels}
    return [Key(titles[n], colour(f"distance-{n}"), distance=True) for n in labels]


def distance_loss_chart(
    lines: Sequence[Logged], max_vertices: int, x: Spec | None = None, changes: Sequence[Row] = ()
) -> Spec:
    """Training loss of each true distance; `x` is what changes a logarithmic axis of steps.

    `changes` are pieces of the curves to be marked, as `curves` takes them.
    """
    points = pooled(lines)
    rows = [
        {"series": label_title(label, max_vertices), "step": step, "loss": loss}
        for label in range(1, max_vertices + 1)
        for step, loss in _steady(points, str(label))
        if loss > 0
    ]
    last = max(line.step for line in lines)
    made = frame("distance_loss_log" if x else "distance_loss", x, last=last)
    return curves(rows, label_keys(max_vertices), made, pieces=changes)


def _loss_chart(lines: Sequence[Logged], networks: Sequence[Network]) -> tuple[Chart, list[Key]]:
    keys = [
        Key(one.title, colour(one.name), "dashed" if _is_control(one) else "line")
        for one in networks
    ]
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
