"""The sections of the report, in the order in which they are read.

In: what a run folder has to show. Out: for each section its text, figures and tables, and what is
missing of it.
"""

from collections.abc import Callable

from altair.utils.schemapi import debug_mode

from offpath.report.cells import (
    ANY_TARGET,
    HEADLINE,
    ISOLATION,
    POOLED,
    STRATA,
    cell,
    distance_slices,
    ordered_predictors,
    percent,
)
from offpath.report.charts import colour
from offpath.report.coefficient import coefficient
from offpath.report.figures import (
    distance_chart,
    label_chart,
    prediction_chart,
    predictor_legend,
    strata_chart,
)
from offpath.report.findings import (
    BY_HAND,
    COMPARISONS,
    TUNED,
    circuit_headline,
    findings,
    headline,
)
from offpath.report.handcrafted import handcrafted
from offpath.report.heat import slice_table, world_table
from offpath.report.robustness import robustness
from offpath.report.story import Figure, Key, Section, Story
from offpath.report.study_section import study
from offpath.report.training import training
from offpath.run.files import Record

COMPARED = (TUNED, *COMPARISONS)
RULES = ("constant", "distance_to_2")
LEARNED = 0.9  # accuracy on the pre-training distribution: below, generalization is no question


def sections(told: Story) -> list[Section]:
    """All sections with figures, from the answer down to what it rests on."""
    trained: list[Callable[[Story], Section]] = [] if told.by_hand else [training]
    beside: list[Callable[[Story], Section]] = [] if told.by_hand else [study]
    makers = [_answer, _matrix, _strata, _data, *trained, _predictions, *beside]
    with debug_mode(False):  # Altair's checks would take half of the time; a test makes them
        return [make(told) for make in (*makers, handcrafted, robustness, coefficient)]


def _answer(told: Story) -> Section:
    matrix = told.results.get("matrix")
    anchor, title = "answer", "The answer in short"
    if matrix is None:
        return Section(anchor, title, missing=told.missing("matrix"))
    compared = (BY_HAND, *RULES) if told.by_hand else COMPARED
    slices = STRATA if told.by_hand else HEADLINE
    figure = Figure(
        "Right answers by kind of question",
        "Each dot is the share of answers that round to the true distance; its bar is the 95 % "
        "interval (Wilson).",
        told.facts(
            told.everyone if told.by_hand else "fine-tuned, and what it must be compared with",
            told.tuned_on,
            "test e: any target",
            "accuracy",
            "results/matrix.json",
        ),
        charts=[("", "", strata_chart(matrix, ANY_TARGET, slices, compared))],
        legend=predictor_legend(matrix, compared),
    )
    text = "All numbers are on test e, where any vertex may be asked for."
    if told.by_hand:
        text = f"{text} Nothing was trained in this run: its weights are set by hand."
        return Section(anchor, title, text, [figure], statement=circuit_headline(matrix))
    found = findings(matrix)
    untuned = told.missing("finetune") or [told.made_by("matrix")]  # or measured before
    missing = () if found else untuned
    text = (
        f"{text} One predictor is called above or below another only if their "
        "95 % intervals do not overlap."
    )
    statement = " ".join(filter(None, [_unlearned(matrix), headline(matrix)]))
    return Section(anchor, title, text, [figure], missing, found, statement)


def _unlearned(matrix: Record) -> str:
    """A warning, if the network did not even learn what it was pre-trained on."""
    learned = cell(matrix, "pretrained", "pretraining", POOLED)
    if learned is None or learned["accuracy"] >= LEARNED:
        return ""
    share = f"only {percent(learned['accuracy'])}" if learned["accuracy"] else "none"
    return (
        f"This network did not learn its first task: {share} of its answers on the pre-training "
        "distribution are right, so the rest means little."
    )


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
            told.everyone,
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
        told.everyone,
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
    compared = (BY_HAND, *RULES) if told.by_hand else (*COMPARED, BY_HAND)
    drawn = Figure(
        "Right answers by true distance",
        "The same shares on test e, with 95 % intervals.",
        facts | {"Test data": "test e: any target", "Metric": "accuracy"},
        charts=[("", "", distance_chart(matrix, ANY_TARGET, distances, compared))],
        legend=predictor_legend(matrix, compared),
    )
    terms = [(where.title, where.meaning) for where in (*STRATA, *ISOLATION)]
    text = "Each kind of question leaves the training data in its own way:"
    if told.by_hand:
        text = "The kinds are those by which trained networks are judged:"
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


def _predictions(told: Story) -> Section:
    anchor, title = "predictions", "What the models say"
    if missing := told.missing("matrix", "predictions"):
        return Section(anchor, title, missing=missing)
    matrix, predictions = told.results["matrix"], told.results["predictions"]
    everyone = [row["predictor"] for row in ordered_predictors(matrix)]
    figure = Figure(
        "Predicted value for each true distance",
        "Each column of a panel is one true distance and sums to 1, with shares below 0.2 % left "
        "out; the colour grows with the square root of the share. On the dashed diagonal the "
        "prediction is right. "
        f"“No path” should be answered by {matrix['max_vertices']}; predictions beyond the axis "
        "are counted at its end. A column of few examples looks as strong as one of many.",
        told.facts(
            told.everyone,
            told.tuned_on,
            "frozen evaluation sets of all distributions",
            "share of predictions, by true distance",
            "results/predictions.json",
        ),
        charts=[("", "", prediction_chart(predictions, matrix, everyone))],
        layout="wide",
    )
    text = "Predictors down, distributions across."
    return Section(anchor, title, text, [figure])


def _world_terms(told: Story) -> list[tuple[str, str]]:
    """What each distribution asks, if the evaluation sets say so."""
    worlds = told.results.get("labels", {"worlds": []})["worlds"]
    return [(world["title"], world["description"]) for world in worlds]
