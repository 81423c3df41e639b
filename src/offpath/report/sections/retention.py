"""Does a network that starts at the exact solution keep it under fine-tuning? Figures and words.

In: `retention` of `robustness.json`, and the test matrix to compare with.
"""

from collections.abc import Sequence

from offpath.networks import network
from offpath.report import captions
from offpath.report.marks import curves, frame, intervals
from offpath.report.parts import SHAPES, Chart, Figure, Key, Story, colour, text_table
from offpath.report.sections.matrix import accuracy_row, strata_chart
from offpath.report.words import LEVELS, comparisons, paragraph, percent, setting, thousands
from offpath.results import Cell, Matrix, Retention
from offpath.slices import ANY_TARGET, SPLIT_STRATA, Slice

EXACT, STARTED, TRAINED = "circuit", "circuit-finetuned", "finetuned"
"""The exact solution; the network that starts there; the one that is trained all the way."""
START = Key("starts at the exact solution", colour(STARTED))
TRAIN = Key("trained network, after its fine-tuning", colour(TRAINED), "dashed")
CHANGED = {"below": "fell for", "above": "rose for", "level with": "did not change clearly for"}
DATA = {"finetuning": "fine-tuning", "pretraining": "pre-training"}
Cells = dict[Slice, Cell]


def figures(story: Story, retentions: Sequence[Retention]) -> list[Figure]:
    """Accuracy along fine-tuning, before and after it, and at other learning rates."""
    own, trained = retentions[0], _trained_cells(story)
    first = [_path_figure(story, own, trained), _ends_figure(story, own, trained)]
    return [*first, _rates_figure(story, retentions)] if retentions[1:] else first


def sentences(story: Story, retention: Retention) -> list[str]:
    """What fine-tuning did to the exact solution, and where that ends beside the trained network.

    Empty, where there is nothing to compare with.
    """
    last, beside = max(retention.steps), {level: f"{level} it for" for level in LEVELS}
    start, end, trained = _cells(retention, 0), _cells(retention, last), _trained_cells(story)
    words = {
        "steps": thousands(last),
        "change": "; ".join(comparisons(start, end, CHANGED, ("below", "above"))),
        "beside": "; ".join(comparisons(trained, end, beside, ())),
    }
    names = ("retention_change", "retention_beside")
    return [paragraph(*captions.sentences(name, words)) for name in names]


def _cells(retention: Retention, step: int) -> Cells:
    """The strata of test e after so many steps."""
    cells = {(c.by, c.slice): c for c in retention.cells if (c.world, c.step) == (ANY_TARGET, step)}
    return {s: cells[s[:2]] for s in SPLIT_STRATA if s[:2] in cells}


def _trained_cells(story: Story) -> Cells:
    """The same of the network that was trained all the way."""
    matrix = story.get(Matrix)
    return {s: c for s in SPLIT_STRATA if matrix and (c := matrix.cell(TRAINED, ANY_TARGET, s))}


def _path_figure(story: Story, retention: Retention, trained: Cells) -> Figure:
    ends = {"domain": [0, max(retention.steps)]}
    steps = {"scale": ends, "axis": {"values": retention.steps}}
    path, charts = {step: _cells(retention, step) for step in retention.steps}, []
    for where, start in path[0].items():
        rows = [{"step": s, **accuracy_row(START.title, where, c[where])} for s, c in path.items()]
        level = (trained[where].accuracy, TRAIN) if where in trained else None
        own = frame("retention", steps, title=where.title)._replace(level=level)
        count = f"n {thousands(start.count)}"
        charts.append(Chart(intervals(rows, [START], own), where.title, count))
    losses = [{"series": START.title, "step": s, "loss": x} for s, x in retention.losses if x > 0]
    if losses:
        chart = curves(losses, [START], frame("retention_loss", steps))
        charts.append(Chart(chart, "loss in fine-tuning", "on the training examples"))
    keys = [START, TRAIN] if trained else [START]
    return Figure(*story.caption("robustness.retention"), charts=charts, legend=keys, layout="grid")


def _ends_figure(story: Story, retention: Retention, trained: Cells) -> Figure:
    ends = (_cells(retention, 0), _cells(retention, max(retention.steps)), trained)
    keys, rows = [], []
    for name, cells, shape in zip((EXACT, STARTED, TRAINED), ends, SHAPES, strict=False):
        known = network(story.run.configuration, name)
        if known and cells:
            keys.append(Key(known.title, colour(name), shape))
            rows += [accuracy_row(known.title, where, cell) for where, cell in cells.items()]
    chart = strata_chart(rows, keys)
    return Figure(*story.caption("robustness.ends"), charts=[chart], legend=keys)


def _rates_figure(story: Story, retentions: Sequence[Retention]) -> Figure:
    rows = []
    for one in retentions:
        cells = _cells(one, max(one.steps))
        shares = [percent(cells[s].accuracy) if s in cells else "–" for s in SPLIT_STRATA]
        rows.append([DATA.get(one.finetuned_on, one.finetuned_on), setting(one.rate), *shares])
    heads = ["fine-tuned on", "learning rate", *(where.title for where in SPLIT_STRATA)]
    table = text_table("Accuracy by stratum", heads, rows)
    return Figure(*story.caption("robustness.rates"), tables=[table])
