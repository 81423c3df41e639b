"""The page on what networks do inside: search from one end, from both, or none."""

from collections.abc import Sequence
from statistics import mean

from docs.finding_verdicts import Compared, Contrast, Values, decided
from docs.finding_words import percent
from docs.inside_tables import (
    CONTROLS,
    MAIN,
    TITLES,
    heads_table,
    onsets_table,
    order,
    probes_table,
    reach_table,
    rows_of,
    rules_table,
    spread,
)
from docs.raw import markdown
from offpath.run.files import Record

CHANCE = 0.5  # of telling a path from its cut twin
EARLY = "2"  # layer: by then search of a hop a layer from one end has not spanned 4 hops
LONG = 15  # vertices of the graphs that the verdict is tested in
FAR = "3 layers, 15 vertices"
LATER = 5  # the first seed that was trained after the test had its form


def body(found: Record) -> list[str]:
    """Everything but the cost."""
    if MAIN not in found["arms"] or FAR not in found["arms"]:
        return ["**No verdict:** runs of 5 layers, or of 3 in larger graphs, are missing."]
    early, far, lengths = end_verdicts(found), far_verdicts(found), length_verdicts(found)
    return [
        verdict(found, early, far, lengths),
        "![How often a path is told from its cut twin, by length and layers](inside.svg)",
        f"## Design\n\n{design(found)}",
        f"## From which end\n\n{ends_table(found)}\n\n{verdicts_table(early)}",
        f"## The prediction\n\n{prediction(found)}\n\n{far_table(found)}\n\n"
        f"{verdicts_table(far)}\n\n{LENGTHS}\n\n{lengths_table(found)}\n\n"
        f"{verdicts_table(lengths)}",
        f"## How far by layer\n\n{reach_table(found)}",
        f"## What probes read\n\n{probes_table(found)}",
        f"## Heads\n\n{heads_table(found)}",
        f"## When\n\n{onsets_table(found)}",
        f"## Which rule\n\n{rules_table(found)}",
        f"## How it was attacked\n\n{ATTACKS}",
    ]


def near(found: Record, network: str, end: int) -> Values:
    """How often the early layer tells dead ends near 1 (end 0), or near 2 (end 1), by seed."""
    rows = rows_of(found, MAIN, network).items()
    return {seed: row["early"][EARLY][end] for seed, row in rows}


def end_verdicts(found: Record) -> list[Compared]:
    """Does an early layer tell dead ends from 1, and from 2?"""
    pairs = []
    for end, words in enumerate(("near 1", "near 2")):
        values = near(found, "pretrained", end)
        pairs.append((Contrast(words, "chance", MAIN), values, dict.fromkeys(values, CHANCE)))
    return decided(pairs)


def far_verdicts(found: Record) -> list[Compared]:
    """Are dead ends told on paths that cannot be spanned, and more often than decoys?"""
    rows = {seed: row["far"] for seed, row in rows_of(found, FAR, "pretrained").items()}
    pairs = []
    for end in ("1", "2"):
        values = {seed: row[end] for seed, row in rows.items()}
        decoys = {seed: row["decoy"] for seed, row in rows.items()}
        pairs += [(Contrast(f"near {end}", "chance", FAR), values, dict.fromkeys(values, CHANCE)),
                  (Contrast(f"near {end}", "decoy", FAR), values, decoys)]  # fmt: skip
    return decided(pairs)


def spans(layers: int) -> tuple[range, range]:
    """Lengths beyond search from one end and within search from both; and beyond both."""
    return range(layers + 2, 2 * layers + 1), range(2 * layers + 1, 2 * layers + 3)


def told(found: Record, arm: str, span: Sequence[int]) -> Values:
    """How often paths of some lengths are told, by seed."""
    return {
        seed: mean(row["lengths"][str(d)] for d in span)
        for seed, row in rows_of(found, arm, "pretrained").items()
    }


def tested(found: Record) -> list[tuple[str, int]]:
    """The arms in whose graphs the verdict is tested."""
    arms = sorted(found["arms"].items(), key=lambda one: one[1]["layers"])
    return [(name, arm["layers"]) for name, arm in arms if arm["vertices"] == LONG]


def length_verdicts(found: Record) -> list[Compared]:
    """At the first length beyond one end, and at those beyond both: above chance?"""
    pairs = []
    for arm, layers in tested(found):
        within, beyond = spans(layers)
        for span in (within[:1], beyond):
            values = told(found, arm, span)
            contrast = Contrast(arm, "chance", f"{' and '.join(map(str, span))} hops")
            pairs.append((contrast, values, dict.fromkeys(values, CHANCE)))
    return decided(pairs)


def verdict(
    found: Record, early: Sequence[Compared], far: Sequence[Compared], lengths: Sequence[Compared]
) -> str:
    """From which end, and whether the prediction held."""
    if any(t.verdict == "too few seeds" for t in (*early, *far)):
        return f"**No verdict:** {far[0].seeds} seeds are too few."
    seen = tuple(t.verdict == "higher" for t in early)
    words = {(True, True): "From both ends.", (True, False): "From vertex 1.",
             (False, True): "From the target.", (False, False): "No search is shown."}  # fmt: skip
    spanned = _mean(told(found, FAR, (7, 8)))
    decoy = _mean({seed: row["far"]["decoy"]
                   for seed, row in rows_of(found, FAR, "pretrained").items()})  # fmt: skip
    return (
        f"**{words[seen]} {_held(far)}** In {early[0].seeds} pre-trained networks of 5 layers the "
        f"second layer tells dead ends two hops from 1 in {percent(early[0].means[0])} and from 2 "
        f"in {percent(early[1].means[0])} of pairs (chance 50 %, untrained "
        f"{percent(_mean(near(found, 'untrained', 0)))} and "
        f"{percent(_mean(near(found, 'untrained', 1)))}). In {far[0].seeds} networks of 3 layers, "
        "in larger graphs, the answer tells them on paths of 7 and 8 hops, which it cannot span "
        f"({percent(spanned)}), in {percent(far[0].means[0])} and {percent(far[2].means[0])}; a "
        f"decoy that touches neither end is taken for one in {percent(decoy)}. How far both "
        f"searches get together is less than predicted: {_numbers(lengths)}."
    )


def _held(far: Sequence[Compared]) -> str:
    """Whether what was predicted of other networks is so."""
    if all(t.verdict == "higher" for t in far):
        return (
            "As predicted, other networks see dead ends near either end of paths too long for them."
        )
    if all(t.verdict == "higher" for t in far[::2]):
        return (
            "As predicted, other networks see dead ends near either end of paths too long for "
            "them; that decoys are taken for them less often is not shown for both."
        )
    return "The prediction, dead ends near either end in other networks, did not hold."


def _numbers(lengths: Sequence[Compared]) -> str:
    return "; ".join(
        f"{t.contrast.first}, {t.contrast.kind}: {percent(t.means[0])}" for t in lengths
    )


def _mean(values: Values) -> float:
    return mean(values.values()) if values else float("nan")


def design(found: Record) -> str:
    """What was trained and asked."""
    arms = "; ".join(
        f"{name} ({len(arm['networks'].get('pretrained', {}))} seeds)"
        for name, arm in sorted(found["arms"].items(), key=order)
    )
    return (
        f"Recipe `{found['recipe']}`; networks of {arms}. Those of {LONG} vertices are 64 wide, "
        "the others 32; nothing else differs. They were trained one by one; the command below "
        "trains and fine-tunes more seeds of some. Each question is “how far is 2 from 1?”. Pairs "
        "of graphs are alike but for one crossing: in one the only path leads from 1 to 2, in the "
        "other it is cut and leaves a dead end near 1 or near 2; every vertex has as many edges "
        "in both, so that rules of counts and degrees are right in 50 %. A dead end one hop away "
        "is an edge by itself, which needs no search: it is not counted. A probe of the question "
        "token tells which graph is which, layer by layer; the answer tells it if it is the "
        "larger without the path. With L layers, search of a hop a layer from one end spans L "
        "hops, L + 1 if the question itself joins what two edges know; from both ends 2 L − 1, "
        "or 2 L."
    )


def ends_table(found: Record) -> str:
    """By layer, dead ends near 1 and near 2, of trained networks and controls."""
    table = []
    layers = [str(layer) for layer in range(1, 6)]
    for arm, network in _shown(found):
        rows = rows_of(found, arm, network).values()
        for end, words in enumerate(("near 1", "near 2")):
            cells = [spread([row["early"][layer][end] for row in rows if layer in row["early"]])
                     for layer in layers]  # fmt: skip
            table.append([arm, TITLES[network], words, *cells])
    heads = ["networks", "which", "dead ends", *(f"layer {layer}" for layer in layers)]
    return (
        "Dead ends two hops from 1, and from 2, on paths of four hops, told by a probe of the "
        "question token. In %, mean and range over seeds:\n\n"
        f"{markdown(heads, table)}\n\n"
        "In layer 2 search of a hop a layer from one end has not spanned four hops; later both "
        "searches have, and all dead ends are told at once. The circuit looks for the path alone. "
        "Single seeds look from one end first: see the ranges."
    )


def _shown(found: Record) -> list[tuple[str, str]]:
    return [(MAIN, name) for name in CONTROLS if rows_of(found, MAIN, name)] + [
        (name, "pretrained") for name, _ in sorted(found["arms"].items(), key=order)
        if name != MAIN
    ]  # fmt: skip


def verdicts_table(rows: Sequence[Compared]) -> str:
    """A family with its verdicts."""
    head = ["what is told", "against", "where", "first", "second", "p after Holm", "verdict"]
    return markdown(head, [
        [t.contrast.first, t.contrast.second, t.contrast.kind, *map(percent, t.means),
         f"{t.adjusted:.2g}", f"{t.verdict} ({t.seeds} seeds)"] for t in rows
    ])  # fmt: skip


def prediction(found: Record) -> str:
    """What was predicted, of which networks, and which part of it fell."""
    return (
        "The verdict was reached on graphs of 8 vertices. Before networks of 2 and 3 layers in "
        f"graphs of {LONG} vertices were asked anything, it was predicted of them: dead ends up to "
        "L hops deep are told near either end, deeper ones are not; paths of up to 2 L − 1 hops "
        "are told, longer ones are not. **Held:** dead ends near both ends, on paths that cannot "
        "be spanned; long paths at chance. **Fell:** dead ends L hops deep are hardly told; and "
        "lengths fade instead of ending at a bound, so that one hop beyond one end is sure and "
        "the rest is faint. The pairs were first drawn with the dead end far away, where nobody "
        f"can follow it, and got this form after seeds 0 to {LATER - 1} had been looked at; the "
        f"others were trained later. Dead ends two hops from either end, on paths of 2 L + 1 to "
        f"{LONG - 7} hops; a decoy is as short a piece of the other path. Told by the answer, in "
        "%, mean and range over seeds:"
    )


LENGTHS = (
    "Paths told by the answer, by length; dead ends are deeper than L hops, so that neither search "
    "gets to them. In %, mean and range over seeds:"
)


def far_table(found: Record) -> str:
    """Dead ends near either end of paths that cannot be spanned, beside decoys."""
    table = []
    for arm, _ in tested(found):
        rows = rows_of(found, arm, "pretrained")
        for words, kept in (("all", 0), (f"{LATER} and later", LATER)):
            own = [row["far"] for seed, row in rows.items() if seed >= kept]
            if own:
                cells = [spread([one[key] for one in own]) for key in ("1", "2", "decoy")]
                table.append([arm, words, *cells])
    return markdown(["networks", "seeds", "near 1", "near 2", "decoy"], table)


def lengths_table(found: Record) -> str:
    """By length, how often the path is told, with what each search would span."""
    rows = []
    for name, arm in sorted(found["arms"].items(), key=order):
        known = rows_of(found, name, "pretrained").values()
        longest = max(int(d) for row in known for d in row["lengths"])
        cells = [spread([row["lengths"][str(d)] for row in known]) if d <= longest else "–"
                 for d in range(2, 12)]  # fmt: skip
        right = spread([row["right"] for row in known])
        rows.append([name, right, str(arm["layers"] + 1), str(2 * arm["layers"]), *cells])
    heads = ["networks", "accuracy", "one end", "both ends", *map(str, range(2, 12))]
    return markdown(heads, rows)


ATTACKS = "\n".join([
    "- Trivial rules: pairs have the same vertices, degrees and number of edges, so that every "
    "rule of counts is right in 50 %. Dead ends one hop away, which a rule without search sees, "
    "were found by this attack to carry most of a first version of the verdict, and are left out.",
    "- Short pieces anywhere: decoys touch neither end. Networks of 2 layers take them for dead "
    "ends nearly as often, so that theirs show nothing; of 3 layers, by seed, between a quarter "
    "and most of the time: that dead ends are told more often is not shown at p < 0.01.",
    "- Faster search from one end: it would have to span the paths on which dead ends near the "
    "other end are told, and these are not told.",
    "- Rounding: the order of two answers decides, before they are rounded; streams are rounded"
    " to 1 % of how far questions lie apart before they are probed.",
    "- Rescaling: probes standardise what they read, and shares of attention do not depend on "
    "the scale of values.",
    "- The name of a law and hops per layer are weak in graphs of 8 vertices: five usable "
    "lengths. They carry no verdict.",
    "- Not done: another number of threads; graphs with cycles beside the path; overlap of "
    "these graphs with training examples; deeper networks in larger graphs over seeds.",
])  # fmt: skip
