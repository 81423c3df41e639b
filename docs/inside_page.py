"""The page on what networks do inside: search from one end, from both, or none."""

from collections import Counter
from collections.abc import Sequence
from statistics import mean, median

from docs.finding_verdicts import Compared, Contrast, Values, decided
from docs.finding_words import percent
from docs.raw import markdown
from offpath.run.files import Record

CHANCE = 0.5  # of telling a path from its cut twin
MAIN, CONTROLS = "5 layers, 8 vertices", ("untrained", "pretrained", "finetuned", "circuit")
TITLES = {"untrained": "untrained", "pretrained": "pre-trained", "finetuned": "fine-tuned",
          "circuit": "edge circuit"}  # fmt: skip
LONG = 15  # vertices of the graphs that the verdict is tested in
LATER = 5  # the first seed that was trained after the test had its form


def body(found: Record) -> list[str]:
    """Everything but the cost."""
    if MAIN not in found["arms"]:
        return ["**No verdict:** there are no runs of 5 layers."]
    ends, lengths = end_verdicts(found), length_verdicts(found)
    return [
        verdict(found, ends, lengths),
        "![How often a path is told from its cut twin, by length and layers](inside.svg)",
        f"## Design\n\n{design(found)}",
        f"## From which end\n\n{ends_table(found)}\n\n{verdicts_table(ends)}",
        f"## The prediction\n\n{prediction(found)}\n\n{lengths_table(found)}\n\n"
        f"{verdicts_table(lengths)}",
        f"## How far by layer\n\n{reach_table(found)}",
        f"## What probes read\n\n{probes_table(found)}",
        f"## Heads\n\n{heads_table(found)}",
        f"## When\n\n{onsets_table(found)}",
        f"## Which rule\n\n{rules_table(found)}",
        f"## How it was attacked\n\n{attacks(found)}",
    ]


def rows_of(found: Record, arm: str, network: str) -> dict[int, Record]:
    """The rows of a network by seed."""
    rows = found["arms"].get(arm, {}).get("networks", {}).get(network, {})
    return {int(seed): row for seed, row in rows.items()}


def near(found: Record, network: str, end: int) -> Values:
    """How often dead ends near 1 (end 0), or near 2 (end 1), are told, mean of the layers."""
    made = {}
    for seed, row in rows_of(found, MAIN, network).items():
        layers = [pair[end] for pair in row["ends"].values() if pair]
        if layers:
            made[seed] = mean(layers)
    return made


def end_verdicts(found: Record) -> list[Compared]:
    """Are dead ends told from 1, from 2, and from one more than from the other?"""
    source, target = (near(found, "pretrained", end) for end in (0, 1))
    level = dict.fromkeys(source, CHANCE)
    return decided([
        (Contrast("near 1", "chance", "dead ends"), source, level),
        (Contrast("near 2", "chance", "dead ends"), target, level),
        (Contrast("near 1", "near 2", "dead ends"), source, target),
    ])  # fmt: skip


def spans(layers: int) -> tuple[range, range]:
    """Lengths beyond search from one end and within search from both; and beyond both."""
    return range(layers + 1, 2 * layers), range(2 * layers, 2 * layers + 2)


def told(found: Record, arm: str, span: range) -> Values:
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
    """Beyond one end and within both: above chance? Beyond both: still?"""
    pairs = []
    for arm, layers in tested(found):
        for span, words in zip(spans(layers), ("beyond one end", "beyond both ends"), strict=True):
            values = told(found, arm, span)
            level = dict.fromkeys(values, CHANCE)
            pairs.append((Contrast(f"{layers} layers", "chance", f"{words}: {_hops(span)}"),
                          values, level))  # fmt: skip
    return decided(pairs)


def _hops(span: range) -> str:
    return " and ".join(map(str, span)) + " hops"


def verdict(found: Record, ends: Sequence[Compared], lengths: Sequence[Compared]) -> str:
    """From which end, and whether the prediction held."""
    if any(t.verdict == "too few seeds" for t in ends):
        return f"**No verdict:** {ends[0].seeds} seeds are too few."
    seen = tuple(t.verdict == "higher" for t in ends[:2])
    words = {(True, True): "From both ends.", (True, False): "From vertex 1.",
             (False, True): "From the target.", (False, False): "No search is shown."}  # fmt: skip
    text = (
        f"In {ends[0].seeds} pre-trained networks of 5 layers the question token tells dead ends "
        f"near 1 in {percent(ends[0].means[0])} and near 2 in {percent(ends[1].means[0])} of "
        "pairs, in layers by which search from the other end cannot have seen them (chance 50 %, "
        f"untrained {percent(_mean(near(found, 'untrained', 0)))} and "
        f"{percent(_mean(near(found, 'untrained', 1)))})."
    )
    return f"**{words[seen]} {_held(lengths)}** {text} {_numbers(found)}"


def _held(lengths: Sequence[Compared]) -> str:
    """Whether what was predicted of other networks is so."""
    if not lengths:
        return "The prediction was not tested."
    if any(t.verdict == "too few seeds" for t in lengths):
        return "Too few seeds test the prediction."
    within = all(t.verdict == "higher" for t in lengths[::2])
    beyond = [t for t in lengths[1::2] if t.shown]
    if not within:
        return "The prediction, a hop a layer from each end, did not hold."
    if not beyond:
        return (
            "As predicted of networks of 2 and 3 layers in larger graphs, paths are told that "
            "search from one end cannot span, and none that is too long for both."
        )
    most = max(abs(t.means[0] - CHANCE) for t in beyond)
    return (
        "As predicted of networks of 2 and 3 layers in larger graphs, paths are told that search "
        f"from one end cannot span; of those too long for both, {percent(most)} above chance is "
        "left."
    )


def _numbers(found: Record) -> str:
    parts = []
    for arm, layers in tested(found):
        (within, beyond) = (told(found, arm, span) for span in spans(layers))
        one, two = spans(layers)
        parts.append(
            f"{layers} layers: {percent(_mean(within))} at {_hops(one)}, {percent(_mean(beyond))} "
            f"at {_hops(two)}"
        )
    return f"Paths told by the answer in graphs of {LONG} vertices: {'; '.join(parts)}."


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
        "the others 32; nothing else differs. Each question is “how far is 2 from 1?”. Pairs of "
        "graphs are alike but for one crossing: in one the only path leads from 1 to 2, in the "
        "other it is cut, and no vertex has another number of edges. Whoever follows the path "
        "from one end meets either its other end or a dead end; no count of edges, degrees or "
        "vertices differs, so that every rule that does not follow the path is right in 50 %. "
        "A probe of the question token tells which graph is which, layer by layer; the answer "
        "tells it if it is the larger without the path. Search of a hop a layer from one end "
        "spans as many hops as there are layers, L; from both ends 2 L − 1, for the question "
        "reads in the last layer what edges have learned before."
    )


def order(one: tuple[str, Record]) -> tuple[int, int]:
    """By the size of graphs, then by layers."""
    return one[1]["vertices"], one[1]["layers"]


def ends_table(found: Record) -> str:
    """By layer, dead ends near 1 and near 2, of trained networks and controls."""
    names = [name for name in CONTROLS if rows_of(found, MAIN, name)]
    layers = list(next(iter(rows_of(found, MAIN, "pretrained").values()))["ends"])
    table = []
    for name in names:
        rows = rows_of(found, MAIN, name).values()
        for end, words in enumerate(("near 1", "near 2")):
            cells = [_range([row["ends"][layer][end] for row in rows if row["ends"].get(layer)])
                     for layer in layers]  # fmt: skip
            table.append([TITLES[name], words, *cells])
    heads = ["network", "dead ends", *(f"layer {layer}" for layer in layers)]
    return (
        f"{MAIN}. On paths longer than the layer, dead ends in the nearer half and within as many "
        "hops as layers: search of a hop a layer from 1 cannot see those near 2, nor search from "
        f"2 those near 1. In %, mean and range over seeds:\n\n{markdown(heads, table)}\n\n"
        "The circuit waits for both searches to meet and looks for no dead end: it tells a path "
        "of d hops from layer 1 + d / 2 on, whatever the end."
    )


def _range(values: Sequence[float]) -> str:
    if not values:
        return "–"
    low, middle, high = (100 * one for one in (min(values), mean(values), max(values)))
    return f"{middle:.0f} ({low:.0f}–{high:.0f})"


def verdicts_table(rows: Sequence[Compared]) -> str:
    """A family with its verdicts."""
    head = ["what is told", "against", "questions", "first", "second", "p after Holm", "verdict"]
    return markdown(head, [
        [t.contrast.first, t.contrast.second, t.contrast.kind, *map(percent, t.means),
         f"{t.adjusted:.2g}", f"{t.verdict} ({t.seeds} seeds)"] for t in rows
    ])  # fmt: skip


def prediction(found: Record) -> str:
    """What was predicted, of which networks, and which part of it fell."""
    return (
        "The verdict was reached on graphs of 8 vertices. Before networks of 2 and 3 layers in "
        f"graphs of {LONG} vertices were asked anything, it was predicted of them: search of a hop "
        "a layer from each end tells paths of up to 2 L − 1 hops, 3 and 5; one end would tell L, "
        "doubling 4 and 8. Longer paths must fail. It was also predicted that dead ends up to L "
        "hops deep would be told on both sides: that fell, the last of them are not. Counted are "
        "dead ends L hops deep or more, where only the path itself can be followed, on pairs that "
        "nothing else was read from. The pairs were first drawn with the dead end far away, where "
        "nobody can follow it, and got this form after seeds 0 to 4 had been looked at; the "
        f"others were trained later{_later(found)}. Paths told by the answer, in %, mean and range "
        "over seeds:"
    )


def _later(found: Record) -> str:
    """The same of the seeds that were trained after the test had its form."""
    parts = []
    for arm, layers in tested(found):
        shares = []
        for span in spans(layers):
            own = {seed: v for seed, v in told(found, arm, span).items() if seed >= LATER}
            shares.append(percent(_mean(own)))
        parts.append(f"{layers} layers, within both ends and beyond: {' and '.join(shares)}")
    return f" ({'; '.join(parts)})" if parts else ""


def lengths_table(found: Record) -> str:
    """By length, how often the path is told, with what each search would tell."""
    rows = []
    for name, arm in sorted(found["arms"].items(), key=order):
        known = rows_of(found, name, "pretrained").values()
        longest = max(int(d) for row in known for d in row["lengths"])
        cells = [_range([row["lengths"][str(d)] for row in known]) if d <= longest else "–"
                 for d in range(2, 12)]  # fmt: skip
        layers = arm["layers"]
        rows.append([name, str(layers), str(2 * layers - 1), *cells])
    return markdown(["networks", "one end", "both ends", *map(str, range(2, 12))], rows)


def reach_table(found: Record) -> str:
    """The layer by which the loss of every edge of a path is noticed, hops per layer, laws."""
    rows = []
    for name, arm in sorted(found["arms"].items(), key=order):
        for network in (n for n in CONTROLS if n in arm["networks"]):
            known = [row["reach"] for row in rows_of(found, name, network).values() if row["reach"]]
            if not known:
                continue
            lengths = min(len(one["layers"]) for one in known)
            first = [_layer([one["layers"][i] for one in known]) for i in range(min(lengths, 10))]
            hops = [one["hops_per_layer"] for one in known if one["hops_per_layer"]]
            span = f"{median(hops):.2g} ({min(hops):.2g}–{max(hops):.2g})" if hops else "–"
            laws = Counter(one["law"] for one in known)
            named = ", ".join(f"{law} {count}" for law, count in laws.most_common())
            rows.append([name, TITLES[network], ", ".join(first), span, named])
    head = ["networks", "which", "layer by length 1, 2, …", "hops per layer", "law, seeds"]
    return (
        "Another measure: one edge of the only path is removed, or an edge beside it, and the "
        "question token changes more by the first. The first layer in which every edge is so "
        "noticed in 90 % of graphs, median over seeds; – where most seeds have none. No law of "
        "search fits most trained networks: they look 1 to 3 hops farther with each layer, and "
        f"not evenly.\n\n{markdown(head, rows)}"
    )


def _layer(layers: Sequence[int | None]) -> str:
    known = [one for one in layers if one is not None]
    return f"{median(known):g}" if 2 * len(known) > len(layers) else "–"


def probes_table(found: Record) -> str:
    """Bits of edge tokens, and what the question token holds by stratum."""
    rows = []
    for network in (n for n in CONTROLS if rows_of(found, MAIN, n)):
        known = list(rows_of(found, MAIN, network).values())
        bits = [_two([row["bits"][key] for row in known if key in row["bits"]])
                for key in known[0]["bits"]]  # fmt: skip
        numbers = [_two([v for row in known if (v := row["numbers"][key]) is not None])
                   for key in known[0]["numbers"]]  # fmt: skip
        rows.append([TITLES[network], *bits, *numbers])
    first = next(iter(rows_of(found, MAIN, "pretrained").values()))
    sides = {"from_source": "1", "from_target": "2"}
    heads = [f"from {sides[key.split()[0]]}, {key.split()[1]}" for key in first["bits"]]
    names = {"to_target": "d(1,t)", "to_2": "d(1,2)"}
    heads += [f"{names[key.split(', ')[0]]}, {key.split(', ')[1].replace('_', ' ')}"
              for key in first["numbers"]]  # fmt: skip
    return (
        f"{MAIN}. At the ends of edge tokens, AUROC of k against k + 1 hops, in the best layer; "
        "on the question token, R² after the last layer, by stratum. Median and range over seeds. "
        "A hop from each end is read nearly as well as from the circuit, farther ones hardly: "
        "what is not linear is not seen. Off the path d(1,t) is there neither before nor after "
        "fine-tuning, beyond what an untrained network has: the networks compute d(1,2), whatever "
        f"is asked.\n\n{markdown(['network', *heads], rows)}"
    )


def _two(values: Sequence[float]) -> str:
    if not values:
        return "–"
    if max(values) - min(values) < 0.005:
        return f"{median(values):.2f}"
    return f"{median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def heads_table(found: Record) -> str:
    """How many heads have each name, a mean over seeds."""
    columns = {}
    for name, arm in sorted(found["arms"].items(), key=order):
        for network in (n for n in CONTROLS if n in arm["networks"]):
            known = rows_of(found, name, network).values()
            if any(row["heads"] for row in known):
                columns[f"{TITLES[network]}, {name}"] = known
    names = dict.fromkeys(n for known in columns.values() for row in known for n in row["heads"])
    rows = [
        [title, *(f"{mean(row['heads'].get(n, 0) for row in known):.1f}" for n in names)]
        for title, known in columns.items()
    ]
    return (
        "Heads that pass a threshold, by what they do (`offpath inside` and its page define each "
        f"name); numbers of heads, mean over seeds.\n\n{markdown(['networks', *names], rows)}"
    )


def onsets_table(found: Record) -> str:
    """Median onset of each measure, earliest first, and the orders that hold in every seed."""
    rows = {int(seed): row for seed, row in found["arms"][MAIN]["onsets"].items()}
    if not rows:
        return "Not measured."
    names = dict.fromkeys(name for row in rows.values() for name in row)
    steps = {name: {s: row[name] for s, row in rows.items() if row.get(name) is not None}
             for name in names}  # fmt: skip
    known = {name: own for name, own in steps.items() if 2 * len(own) > len(rows)}
    order = sorted(known, key=lambda name: median(known[name].values()))
    table = [
        [name, f"{median(known[name].values()):.0f}",
         f"{min(known[name].values()):.0f}–{max(known[name].values()):.0f}",
         f"{len(known[name])} of {len(rows)}"]
        for name in order
    ]  # fmt: skip
    before = ", ".join(_chain([name for name in order if len(known[name]) == len(rows)], known))
    return (
        f"Pre-training of {MAIN}: the step by which a measure is half way between its first and "
        "its last value, and at which the loss of a distance begins to fall suddenly, median and "
        f"range over seeds.\n\n{markdown(['measure', 'step', 'range', 'seeds'], table)}\n\n"
        f"The longest row in which each comes after the one before in every seed: {before}."
    )


def _chain(names: Sequence[str], known: dict[str, Values]) -> list[str]:
    """The longest row in which each is later than the one before in every seed."""
    best: dict[str, list[str]] = {}
    for name in names:
        before = [
            row for other, row in best.items()
            if all(known[other][seed] < step for seed, step in known[name].items())
        ]  # fmt: skip
        best[name] = [*max(before, key=len, default=[]), name]
    return max(best.values(), key=len, default=[])


def rules_table(found: Record) -> str:
    """Agreement with bounded rules on errors, beyond chance."""
    table = []
    for network in ("pretrained", "finetuned"):
        rows = rows_of(found, MAIN, network)
        pairs = dict.fromkeys((r["rule"], r["questions"]) for row in rows.values()
                              for r in row["rules"])  # fmt: skip
        for rule, questions in pairs:
            own = [r for row in rows.values() for r in row["rules"]
                   if (r["rule"], r["questions"]) == (rule, questions)]  # fmt: skip
            if 2 * len(own) >= len(rows):
                table.append([
                    TITLES[network], rule, questions.replace("_", " "),
                    percent(mean(r["agreement"] for r in own)),
                    percent(mean(r["chance"] for r in own)),
                    f"{sum(r['low'] > 0 for r in own)} of {len(own)}",
                ])  # fmt: skip
    head = ["network", "rule", "questions", "agreement", "by chance", "seeds above chance"]
    return (
        f"{MAIN}. Where network and rule are both wrong, how often they give the same answer, and "
        "what independent errors give; how many seeds have a 95 % interval above chance. A rule "
        "that guesses the middle agrees with every network whose errors lean to the middle: "
        f"compare rules with one another.\n\n{markdown(head, table)}"
    )


def attacks(found: Record) -> str:
    """What was done to overturn it, and what was not."""
    return "\n".join([
        "- Trivial rules: pairs have the same vertices, degrees and number of edges, so that every "
        "rule of counts is right in 50 %; untrained networks are in the tables.",
        "- Rounding: the order of two answers decides, before they are rounded; streams are rounded"
        " to 1 % of how far questions lie apart before they are probed.",
        "- Rescaling: probes standardise what they read, and shares of attention do not depend on "
        "the scale of values.",
        "- The test's pairs are drawn by a seed of their own, for networks of other depth in "
        "graphs of other size.",
        "- The name of a law and hops per layer are weak in graphs of 8 vertices: five usable "
        "lengths. They carry no verdict.",
        "- Not done: another number of threads; graphs with cycles beside the path; overlap of "
        "these graphs with training examples; deeper networks in larger graphs over seeds.",
    ])  # fmt: skip
