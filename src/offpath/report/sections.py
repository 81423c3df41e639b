"""The sections of the report, in the order in which they are read.

In: what a run folder has to show. Out: for each section its text, figures and tables, and what is
missing of it.
"""

from collections.abc import Mapping, Sequence

from offpath.report.cells import (
    ANY_TARGET,
    HEADLINE,
    ISOLATION,
    POOLED,
    STRATA,
    cell,
    distance_slices,
    percent,
)
from offpath.report.charts import colour, label_colours
from offpath.report.curves import (
    LEAST_EXAMPLES,
    MOST_POINTS,
    distance_loss_chart,
    learning_rate_chart,
    loss_chart,
)
from offpath.report.figures import (
    SHAPES,
    distance_chart,
    label_chart,
    prediction_chart,
    predictor_titles,
    strata_chart,
)
from offpath.report.findings import COMPARISONS, TUNED, findings, headline
from offpath.report.heat import slice_table, world_table
from offpath.report.story import Figure, Key, Section, Story
from offpath.runs import Record

TUNING = {"finetune": "fine-tuning", "scratch": "from scratch"}
COMPARED = (TUNED, *COMPARISONS)
LEARNED = 0.9  # accuracy on the pre-training distribution: below, generalization is no question
EARLY_STEPS = 400  # the phase changes of the study all lie within


def sections(told: Story) -> list[Section]:
    """All sections with figures, from the answer down to what it rests on."""
    makers = (_answer, _matrix, _strata, _data, _training, _predictions)
    return [make(told) for make in makers]


def _answer(told: Story) -> Section:
    matrix = told.results.get("matrix")
    anchor, title = "answer", "The answer in short"
    if matrix is None:
        return Section(anchor, title, missing=told.missing("matrix"))
    figure = Figure(
        "Right answers by kind of question",
        "Each dot is the share of answers that round to the true distance; its bar is the 95 % "
        "interval (Wilson).",
        told.facts(
            "fine-tuned, and what it must be compared with",
            told.tuned_on,
            "test e: any target",
            "accuracy",
            "results/matrix.json",
        ),
        charts=[("", "", strata_chart(matrix, ANY_TARGET, HEADLINE, COMPARED))],
        legend=_legend(matrix, COMPARED),
    )
    text = (
        "All numbers are on test e, where any vertex may be asked for. One predictor is called "
        "above or below another only if their 95 % intervals do not overlap."
    )
    learned = cell(matrix, "pretrained", "pretraining", POOLED)
    if learned and learned["accuracy"] < LEARNED:
        text = (
            f"This network did not learn its first task: only {percent(learned['accuracy'])} of "
            "its answers on the pre-training distribution are right, so the rest means little. "
            f"{text}"
        )
    found = findings(matrix)
    untuned = told.missing("finetune") or [told.made_by("matrix")]  # or measured before
    missing = () if found else untuned
    return Section(anchor, title, text, [figure], missing, found, headline(matrix))


def _matrix(told: Story) -> Section:
    matrix = told.results.get("matrix")
    anchor, title = "matrix", "The test matrix"
    if matrix is None:
        return Section(anchor, title, missing=told.missing("matrix"))
    resamples = matrix["bootstrap_resamples"]
    figure = Figure(
        "Every predictor on every distribution",
        "Large: share of right answers, which also sets the colour. Below: mean squared error, its "
        f"95 % interval from {resamples} bootstrap resamples (– below 30 examples), and R² against "
        "the best constant.",
        told.facts(
            "all checkpoints and rules",
            told.tuned_on,
            "frozen evaluation sets, the same for every predictor",
            "accuracy, MSE, R²",
            "results/matrix.json",
        ),
        tables=[world_table(matrix)],
        layout="wide",
    )
    text = (
        "Pooled figures mix easy and hard questions: on-path questions often ask for vertex 2, the "
        "target of pre-training, and tests c, d and e also ask for vertices that the graph does "
        "not have. Read this table together with the next section."
    )
    return Section(anchor, title, text, [figure], terms=_world_terms(told))


def _strata(told: Story) -> Section:
    matrix = told.results.get("matrix")
    anchor, title = "strata", "By kind of question and by distance"
    if matrix is None:
        return Section(anchor, title, missing=told.missing("matrix"))
    distances = distance_slices(matrix)
    worlds = sorted(matrix["worlds"], key=lambda world: world["world"] != ANY_TARGET)
    facts = told.facts(
        "all checkpoints and rules",
        told.tuned_on,
        "test e, then the other distributions (folded)",
        "accuracy, MSE, R² against the best constant of the same cell",
        "results/matrix.json",
    )
    by_kind = Figure(
        "By kind of question",
        "The last two columns cut the same examples another way: does any edge touch the target?",
        facts,
        tables=[slice_table(matrix, world, (*STRATA, *ISOLATION)) for world in worlds],
        layout="wide",
    )
    by_distance = Figure(
        "By true distance",
        "Within one distance there is no constant to compare with, so R² is left out.",
        facts | {"Metric": "accuracy, MSE"},
        tables=[slice_table(matrix, world, distances) for world in worlds],
        layout="wide",
    )
    drawn = Figure(
        "Right answers by true distance",
        "The same shares on test e, with 95 % intervals.",
        facts | {"Test data": "test e: any target", "Metric": "accuracy"},
        charts=[("", "", distance_chart(matrix, ANY_TARGET, distances, COMPARED))],
        legend=_legend(matrix, COMPARED),
    )
    terms = [(where.title, where.meaning) for where in (*STRATA, *ISOLATION)]
    text = "Each kind of question leaves the training data in its own way:"
    return Section(anchor, title, text, [by_kind, drawn, by_distance], terms=terms)


def _data(told: Story) -> Section:
    labels = told.results.get("labels")
    anchor, title = "data", "The data"
    if labels is None:
        return Section(anchor, title, missing=told.missing("labels"))
    largest = labels["max_vertices"]
    figure = Figure(
        "True distances of the seven distributions",
        "Bars: share of the frozen evaluation set. Ticks: the exact probability, computed in "
        f"fractions. “No path” carries the label {largest}.",
        told.facts(
            "none",
            "none",
            "frozen evaluation sets",
            "share of examples",
            "results/labels.json",
        ),
        charts=[
            (world["title"], world["description"], label_chart(world, largest))
            for world in labels["worlds"]
        ],
        legend=[Key("drawn", colour("bar"), "square"), Key("exact probability", colour("ink"))],
        layout="grid",
    )
    text = "How far the asked-for vertex lies from vertex 1, in training and in every test."
    return Section(anchor, title, text, [figure])


def _training(told: Story) -> Section:
    begun = {line["stage"] for line in told.metrics}
    tuned = {stage: title for stage, title in TUNING.items() if stage in begun}
    figures = [
        *(_pretraining_figures(told) if "pretrain" in begun else ()),
        *([_tuning_figure(told, tuned)] if tuned else ()),
    ]
    text = (
        "Mean squared error on training examples, each of which is seen once. A line is averaged "
        f"down to at most {MOST_POINTS} points."
    )
    return Section("training", "Training", text, figures, told.missing("pretrain", *TUNING))


def _pretraining_figures(told: Story) -> list[Figure]:
    largest = told.run.configuration.graphs.max_vertices
    last = max(line["step"] for line in told.metrics if line["stage"] == "pretrain")
    graphs = f"pre-training: target 2, graphs of 3 to {largest} vertices"
    facts = told.facts(
        "pre-trained", graphs, "the training examples themselves", "MSE", "metrics.jsonl"
    )
    loss = Figure(
        "Pre-training",
        "The loss on a logarithmic axis, and beneath it the learning rate of the same steps.",
        facts,
        charts=[
            ("", "", loss_chart(told.metrics, {"pretrain": "pre-training"})),
            ("", "", learning_rate_chart(told.metrics, "pretrain")),
        ],
    )
    spans = [("All steps", last)]
    if last > EARLY_STEPS:
        spans.insert(0, (f"The first {EARLY_STEPS} steps", EARLY_STEPS))
    by_distance = Figure(
        "Pre-training by true distance",
        "A sudden drop of one line is a phase change: the model has found out how to answer that "
        f"distance. Each point is the mean over at least {LEAST_EXAMPLES} examples, so that rare "
        "distances have few.",
        facts | {"Metric": "MSE over the examples of one true distance"},
        charts=[
            (title, "", distance_loss_chart(told.metrics, "pretrain", largest, until))
            for title, until in spans
        ],
        legend=[Key(title, name) for title, name in label_colours(largest).items()],
    )
    return [loss, by_distance]


def _tuning_figure(told: Story, tuned: Mapping[str, str]) -> Figure:
    limit = told.run.configuration.graphs.tune_vertices
    return Figure(
        "Fine-tuning, and its control without pre-training",
        "The same examples in the same order; only the weights at the start differ.",
        told.facts(
            " and ".join(tuned.values()),
            f"fine-tuning: targets on a shortest path, graphs of 3 to {limit} vertices",
            "the training examples themselves",
            "MSE",
            "metrics.jsonl",
        ),
        charts=[("", "", loss_chart(told.metrics, tuned))],
        legend=[Key(title, colour(stage)) for stage, title in tuned.items()],
    )


def _predictions(told: Story) -> Section:
    anchor, title = "predictions", "What the models say"
    if missing := told.missing("matrix", "predictions"):
        return Section(anchor, title, missing=missing)
    matrix, predictions = told.results["matrix"], told.results["predictions"]
    everyone = [row["predictor"] for row in matrix["predictors"]]
    figure = Figure(
        "Predicted value for each true distance",
        "Each column of a panel is one true distance and sums to 1, with shares below 0.2 % left "
        "out; the colour grows with the square root of the share. On the dashed diagonal the "
        "prediction is right. "
        f"“No path” should be answered by {matrix['max_vertices']}; predictions beyond the axis "
        "are counted at its end. A column of few examples looks as strong as one of many.",
        told.facts(
            "all checkpoints and rules",
            told.tuned_on,
            "frozen evaluation sets of all distributions",
            "share of predictions, by true distance",
            "results/predictions.json",
        ),
        charts=[("", "", prediction_chart(predictions, matrix, everyone))],
        layout="wide",
    )
    text = "Checkpoints and rules down, distributions across."
    return Section(anchor, title, text, [figure])


def _legend(matrix: Record, predictors: Sequence[str]) -> list[Key]:
    """Colour and shape of those predictors that the matrix has."""
    titles = predictor_titles(matrix, predictors)
    marks = zip(titles.items(), SHAPES, strict=False)
    return [Key(title, colour(name), shape) for (name, title), shape in marks]


def _world_terms(told: Story) -> list[tuple[str, str]]:
    """What each distribution asks, if the evaluation sets say so."""
    worlds = told.results.get("labels", {"worlds": []})["worlds"]
    return [(world["title"], world["description"]) for world in worlds]
