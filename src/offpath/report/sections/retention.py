"""Does a network that starts at the exact solution keep it under fine-tuning? Figures and words.

In: `retention` of `robustness.json`, and the test matrix to compare with. The words are computed:
one accuracy counts as above another where their 95 % intervals do not overlap.
"""

from collections.abc import Mapping, Sequence

import altair as alt

from offpath.networks import network
from offpath.report import marks
from offpath.report.marks import Axis, Frame, curves, intervals, loss_axis, share_axis
from offpath.report.parts import SHAPES, Chart, Figure, Key, Story, colour, text_table
from offpath.report.sections.strata import ACCURACY_WORDS, accuracy_row, strata_frame
from offpath.report.words import LEVELS, listed, percent, relation, setting, thousands
from offpath.results import Cell, Matrix, Retention, Robustness
from offpath.slices import ANY_TARGET, SPLIT_STRATA, Slice

EXACT, STARTED, TRAINED = "circuit", "circuit-finetuned", "finetuned"
"""The exact solution; the network that starts there; the one that is trained all the way."""
START = Key("starts at the exact solution", colour(STARTED))
TRAIN = Key("trained network, after its fine-tuning", colour(TRAINED), "dashed")
DATA = {"finetuning": "fine-tuning", "pretraining": "pre-training"}
HEIGHT = 110
Cells = Mapping[Slice, Cell]


def figures(story: Story, retentions: Sequence[Retention]) -> list[Figure]:
    """Accuracy along fine-tuning, before and after it, and at other learning rates."""
    own, trained = retentions[0], trained_cells(story)
    first = [_path_figure(story, own, trained), _ends_figure(story, own, trained)]
    return [*first, _rates_figure(story, retentions)] if retentions[1:] else first


def change_sentence(retention: Retention) -> str:
    """What fine-tuning did to a network that started at the exact solution, as a sentence."""
    last = max(retention.steps)
    changes = _changes(step_cells(retention, last), step_cells(retention, 0), shares=True)
    words = {"below": "fell", "above": "rose", "level with": "did not change clearly"}
    clauses = [f"{word} for {_all(parts)}" for k, word in words.items() if (parts := changes[k])]
    if not clauses:
        return ""
    return (
        f"After {thousands(last)} steps of fine-tuning, the accuracy of the network that started "
        f"at the exact solution {'; '.join(clauses)}."
    )


def comparison_sentence(story: Story, retention: Retention) -> str:
    """Where that network ends above and below the one that was trained all the way."""
    after = step_cells(retention, max(retention.steps))
    changes = _changes(after, trained_cells(story), shares=False)
    clauses = [f"{level} it for {_all(parts)}" for level, parts in changes.items() if parts]
    if not clauses:
        return ""
    return (
        "Compared with the trained network after its fine-tuning, the one that started at the "
        f"exact solution ends {'; '.join(clauses)}."
    )


def step_cells(retention: Retention, step: int) -> Cells:
    """The strata of test e after so many steps."""
    cells = {(c.by, c.slice): c for c in retention.cells if (c.world, c.step) == (ANY_TARGET, step)}
    return {s: cells[s.by, s.slice] for s in SPLIT_STRATA if (s.by, s.slice) in cells}


def trained_cells(story: Story) -> Cells:
    """The same of the network that was trained all the way."""
    matrix = story.get(Matrix)
    cells = {s: matrix.cell(TRAINED, ANY_TARGET, s) for s in SPLIT_STRATA} if matrix else {}
    return {where: cell for where, cell in cells.items() if cell}


def _changes(after: Cells, before: Cells, shares: bool) -> dict[str, list[str]]:
    """Strata where one network is above, below or level with another."""
    changes: dict[str, list[str]] = {level: [] for level in LEVELS}
    for where in (s for s in SPLIT_STRATA if s in after and s in before):
        level = relation(after[where], before[where])
        step = f" ({percent(before[where].accuracy)} to {percent(after[where].accuracy)})"
        shown = shares and level != "level with"
        changes[level].append(where.phrase + (step if shown else ""))
    return changes


def _all(parts: Sequence[str]) -> str:
    whole = len(parts) == len(SPLIT_STRATA) and not any("(" in part for part in parts)
    return "every stratum" if whole else listed(parts)


def _path_figure(story: Story, retention: Retention, trained: Cells) -> Figure:
    charts = []
    for where, cell in step_cells(retention, 0).items():
        cells = {step: step_cells(retention, step)[where] for step in retention.steps}
        chart = _path_chart(where, cells, trained.get(where))
        charts.append(Chart(chart, where.title, f"n {thousands(cell.count)}"))
    losses = [{"series": START.title, "step": s, "loss": x} for s, x in retention.losses if x > 0]
    if losses:
        y = loss_axis([row["loss"] for row in losses], None)
        frame = Frame("Loss on the fine-tuning data by step", HEIGHT, _steps(retention.steps), y)
        chart = curves(losses, [START], frame)
        charts.append(Chart(chart, "loss in fine-tuning", "on the training examples"))
    return Figure(
        "Does a network that starts at the exact solution keep it?",
        "Accuracy on test e over the steps of fine-tuning, by stratum, with 95 % intervals "
        "(Wilson). Later steps stand closer together.",
        _facts(story),
        charts=charts,
        legend=[START, TRAIN] if trained else [START],
        layout="grid",
    )


def _path_chart(where: Slice, cells: Mapping[int, Cell], trained: Cell | None) -> alt.LayerChart:
    """Accuracy on one stratum over the steps; the dashed line is the trained network."""
    rows = [{"step": s, **accuracy_row(START.title, where, c)} for s, c in cells.items()]
    frame = Frame(
        f"Accuracy on the stratum {where.title} by step of fine-tuning",
        HEIGHT,
        _steps(list(cells)),
        share_axis("accuracy", None, 3, **marks.IN_LINE),
        {"step": "step", **ACCURACY_WORDS},
        (trained.accuracy, TRAIN) if trained else None,
    )
    return intervals(rows, [START], frame, joined=True)


def _steps(steps: Sequence[int]) -> Axis:
    """Steps from 0, the later ones closer together."""
    scale = {"type": "symlog", "constant": 10, "domain": [0, max(steps)], "nice": False}
    look = {"values": list(steps), "format": "d", "grid": False, **marks.GREEDY}
    return Axis("step", scale=scale, axis=look)


def _ends_figure(story: Story, retention: Retention, trained: Cells) -> Figure:
    ends = {EXACT: step_cells(retention, 0), STARTED: step_cells(retention, max(retention.steps))}
    keys, rows = [], []
    for (name, cells), shape in zip((ends | {TRAINED: trained}).items(), SHAPES, strict=False):
        one = network(story.run.configuration, name)
        if one and cells:
            keys.append(Key(one.title, colour(name), shape))
            rows += [accuracy_row(one.title, where, cell) for where, cell in cells.items()]
    return Figure(
        "Before and after, beside the trained network",
        "The same on test e by stratum; all distributions are in the test matrix.",
        _facts(story),
        charts=[Chart(intervals(rows, keys, strata_frame(rows, "test e")))],
        legend=keys,
    )


def _rates_figure(story: Story, retentions: Sequence[Retention]) -> Figure:
    rows = []
    for one in retentions:
        cells = step_cells(one, max(one.steps))
        shares = [percent(cells[s].accuracy) if s in cells else "–" for s in SPLIT_STRATA]
        rows.append([DATA.get(one.finetuned_on, one.finetuned_on), setting(one.rate), *shares])
    heads = ["fine-tuned on", "learning rate", *(where.title for where in SPLIT_STRATA)]
    return Figure(
        "At which learning rate is the solution kept?",
        "The same start, fine-tuned at other learning rates, and on the pre-training distribution, "
        "where the circuit makes no error either: accuracy on test e after "
        f"{thousands(max(retentions[0].steps))} steps.",
        _facts(story) | {"Training data": "as the table gives it"},
        tables=[text_table("Accuracy by stratum", heads, rows)],
    )


def _facts(story: Story) -> dict[str, str]:
    limit = story.run.configuration.graphs.finetune_vertices
    return story.facts(
        "handcrafted, before and after fine-tuning; trained and fine-tuned",
        "test e: any target",
        "accuracy",
        *(Robustness, Matrix),
        training=f"fine-tuning: targets on a shortest path, graphs of 3 to {limit} vertices",
    )
