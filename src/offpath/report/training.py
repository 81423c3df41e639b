"""The section of the report on training: losses over the steps, by stage and by true distance."""

from collections.abc import Mapping

from offpath.report.charts import colour, label_colours
from offpath.report.curves import (
    LEAST_EXAMPLES,
    MOST_POINTS,
    distance_loss_chart,
    learning_rate_chart,
    loss_chart,
)
from offpath.report.story import Figure, Key, Section, Story

TUNING = {"finetune": "fine-tuning", "scratch": "from scratch"}
EARLY_STEPS = 400  # the phase changes of the study all lie within


def training(told: Story) -> Section:
    """Losses of every stage of training that has begun, and what has not."""
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
    if told.imported:
        text += (
            " The pre-trained weights were imported, not trained here (SHA-256 "
            f"{told.imported[:12]}…), so that there is no curve of pre-training."
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
    limit = told.run.configuration.graphs.finetune_vertices
    title, text = "Fine-tuning", "The loss on a logarithmic axis."
    if "scratch" in tuned:
        title = "Fine-tuning, and its control without pre-training"
        text = "The same examples in the same order; only the weights at the start differ."
    return Figure(
        title,
        text,
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
