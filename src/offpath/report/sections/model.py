"""The section on the model: its tokens, its weights by part, and whether they could memorise.

All of it follows from the configuration; of the results only the ledger of overlap is used, which
knows how many different questions pre-training shows.
"""

from collections.abc import Sequence
from math import ceil, comb, factorial, log2
from typing import NamedTuple

from offpath.configs import Architecture, Configuration
from offpath.report.frames import frame
from offpath.report.marks import blocks
from offpath.report.parts import (
    Chart,
    Figure,
    Formula,
    Key,
    Section,
    Story,
    Table,
    colour,
    formula,
    text_table,
)
from offpath.report.words import paragraph, sentences, setting, significant, thousands
from offpath.reporters import names
from offpath.results import Overlap

HALVES = {
    "vertex": Key("row of a vertex", colour("bar"), "square"),
    "marker": Key("row that marks the question", colour("heat"), "square"),
    "padding": Key("row of padding", colour("unreached"), "square"),
}
TOKENS = {
    "edge 1–3": ("vertex 1", "vertex 3"),
    "edge 2–3": ("vertex 2", "vertex 3"),
    "padding": ("padding", "padding"),
    "question t = 2": ("vertex 2", "TARGET"),
}
"""What the first half of a token is, and the second."""
BITS = 32  # of a weight


def section(story: Story) -> Section:
    """Tokens, parameters by part, formulas, and the counting argument."""
    c = story.run.configuration
    counts = memorising(c, story.get(Overlap))
    weights = BITS * sum(parameters(c.model, c.graphs.max_vertices).values())
    shares = [one.bits / weights for one in counts]
    known = {"all": shares[0], "shown": shares[2] if len(shares) > 2 else None, "short": short}
    found = paragraph(*sentences("model_memorising", known))
    chart, halves = _tokens_chart(c), [*HALVES.values()]
    tables = [_parameters_table(c)], [_memorising_table(counts, weights)]
    counted = _distinct(story.get(Overlap)) is not None
    figures = [
        Figure(*story.caption("model.tokens"), charts=[chart], legend=halves),
        Figure(*story.caption("model.parameters"), tables=tables[0]),
        Figure(*story.caption("model.memorising", found=found, counted=counted), tables=tables[1]),
    ]
    return Section(figures, formulas=_formulas(c, counts[0]))


def parameters(a: Architecture, max_vertices: int) -> dict[str, int]:
    """How many numbers training may change, by part."""
    inner = a.heads * a.head_size if a.head_size else a.width
    rows = (1 + max_vertices + a.markers) * a.width // 2
    layers = 1 if a.looped else a.layers  # that have weights of their own
    norms = (2 * layers if a.norm != "none" else 0) + a.final_norm
    return {
        "embedding": rows if a.tokens == "edges" else 4 * (max_vertices + 1) * a.width,
        "attention": layers * (3 * inner * (a.width + 1) + a.width * (inner + 1)),
        "feed-forward": layers * (a.feed_forward * (2 * a.width + 1) + a.width),
        "layer norms": 2 * norms * a.width,
        "read-out": a.outputs(max_vertices) * (a.width + 1),
    }


class Memory(NamedTuple):
    """What it would take to store the answers to some questions."""

    title: str
    questions: int
    bits: float


def memorising(c: Configuration, overlap: Overlap | None) -> list[Memory]:
    """All inputs with target 2, exactly and as WWZ24 counts them, and those of pre-training.

    An input is a multiset of at most n edges out of M: loops are dropped, and order has no effect.
    WWZ24 counts M^n / n! graphs, and whole bits per answer.
    """
    n = c.graphs.max_vertices
    edges = n * (n - 1) // 2
    inputs, roughly = comb(edges + n, n), edges**n // factorial(n)
    made = [
        Memory("all inputs with t = 2", inputs, inputs * log2(n)),
        Memory("as WWZ24 counts them", roughly, float(roughly * ceil(log2(n)))),
    ]
    if c.pretrain and not c.imported:
        drawn = c.pretrain.steps * c.pretrain.batch_examples
        shown = _distinct(overlap) or min(drawn, inputs)
        made.append(Memory("those that pre-training shows", shown, shown * log2(n)))
    return made


def _distinct(overlap: Overlap | None) -> int | None:
    """How many different questions pre-training shows, where the ledger has counted them."""
    rows = overlap.rows if overlap else []
    counts = [row.distinct for row in rows if row.training_world == "pretraining"]
    return next(filter(None, counts), None)


def _tokens_chart(c: Configuration) -> Chart:
    """The two halves of four tokens, and what each is."""
    half, rows = c.model.width // 2, []
    for token, parts in TOKENS.items():
        for place, part in enumerate(parts):
            kind = {"TARGET": "marker", "padding": "padding"}.get(part, "vertex")
            ends = {"left": place * half, "right": (place + 1) * half}
            rows.append({"token": token, "series": HALVES[kind].title, "part": part, **ends})
    own = frame("tokens", {"scale": {"domain": [0, 2 * half]}}, width=2 * half)
    return Chart(blocks(rows, [*HALVES.values()], own))


def _parameters_table(c: Configuration) -> Table:
    """A row for each part: what it is made of, and its numbers."""
    a, n, counts = c.model, c.graphs.max_vertices, parameters(c.model, c.graphs.max_vertices)
    size = a.head_size or a.width // a.heads
    layers = f"1 layer {a.layers} times" if a.looped else f"{a.layers} layers"
    norms = (
        f"{2 if a.looped else 2 * a.layers}, {a.norm}-norm",
        f"{'' if a.final_norm else 'no '}norm at the end",
    )
    made_of = {
        "embedding": f"{1 + n + a.markers} rows of {a.width // 2}: padding, vertices 1 to {n}, "
        + (f"markers of {', '.join(names(c.reporters))}" if c.reporters else "TARGET"),
        "attention": f"{layers}, {a.heads} heads of {size}: queries, keys, values, output",
        "feed-forward": f"{layers} of {a.feed_forward} hidden units, ReLU",
        "layer norms": ", ".join(norms),
        "read-out": f"from the question’s {a.width} numbers to the answer",
    }
    rows = [(part, made_of[part], thousands(count)) for part, count in counts.items()]
    rows.append(("all", f"width {a.width}", thousands(sum(counts.values()))))
    return text_table("Parameters", ("part", "what it is", "parameters"), rows)


def _memorising_table(counts: Sequence[Memory], weights: int) -> Table:
    rows = [
        (one.title, short(one.questions), short(one.bits), short(one.bits / weights))
        for one in counts
    ]
    rows.append(("the weights", "–", short(weights), "1"))
    heads = ("answers to", "questions", "bits", "per bit of the weights")
    return text_table("What memorising would take", heads, rows)


def short(value: float | int) -> str:
    """A whole number with all digits unless it is very large, others with three.

    >>> short(0.04441), short(44.48), short(63777), short(4.7308e18)
    ('0.0444', '44.5', '63\u202f777', '4.73e18')
    """
    if value >= 1e7:
        return setting(float(f"{value:.3g}"))
    whole = isinstance(value, int) or value >= 1e3
    return thousands(round(value)) if whole else significant(value)


def _formulas(c: Configuration, inputs: Memory) -> list[Formula]:
    """What is drawn, what is to be learned, how, and how much it is."""
    n, a = c.graphs.max_vertices, c.model
    known: dict[str, object] = {"vertices": n, "edges": n * (n - 1) // 2}
    known |= {"balance": c.graphs.balance_distance, "size": a.head_size or a.width // a.heads}
    known |= {"inputs": short(inputs.questions), "bits": short(inputs.bits)}
    names = ["search", "attention", "counting"]
    if c.pretrain and not c.imported:
        known |= {"batch": c.pretrain.batch_examples, "entropy": c.pretrain.classification}
        names = ["acceptance", *names[:2], "loss", *names[2:]]
    return [formula(name, known) for name in names]
