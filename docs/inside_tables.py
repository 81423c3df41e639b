"""Tables of the page on what networks do inside: reach, probes, heads, onsets, rules."""

from collections import Counter
from collections.abc import Sequence
from math import inf
from statistics import mean, median

from docs.finding_verdicts import Values
from docs.finding_words import percent
from docs.raw import markdown
from offpath.run.files import Record

MAIN, CONTROLS = "5 layers, 8 vertices", ("untrained", "pretrained", "finetuned", "circuit")
TITLES = {"untrained": "untrained", "pretrained": "pre-trained", "finetuned": "fine-tuned",
          "circuit": "edge circuit"}  # fmt: skip
LOSS = "loss of "


def rows_of(found: Record, arm: str, network: str) -> dict[int, Record]:
    """The rows of a network by seed."""
    rows = found["arms"].get(arm, {}).get("networks", {}).get(network, {})
    return {int(seed): row for seed, row in rows.items()}


def order(one: tuple[str, Record]) -> tuple[int, int]:
    """By the size of graphs, then by layers."""
    return one[1]["vertices"], one[1]["layers"]


def spread(values: Sequence[float]) -> str:
    """Mean and range in per cent."""
    if not values:
        return "–"
    low, middle, high = (100 * one for one in (min(values), mean(values), max(values)))
    return f"{middle:.0f} ({low:.0f}–{high:.0f})"


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
            span += f", {len(hops)} of {len(known)} seeds" if hops else ""
            laws = Counter(one["law"] for one in known)
            named = ", ".join(f"{law} {count}" for law, count in laws.most_common())
            rows.append([name, TITLES[network], ", ".join(first), span, named])
    head = ["networks", "which", "layer by length 1, 2, …", "hops per layer", "law, seeds"]
    return (
        "Another measure: one edge of the only path is removed, or an edge beside it, and the "
        "question token changes more by the first. The first layer in which every edge is so "
        "noticed in 90 % of graphs, median over seeds; – where half of the seeds have none. Hops "
        f"per layer of seeds that reach three lengths, median and range.\n\n{markdown(head, rows)}"
    )


def _layer(layers: Sequence[int | None]) -> str:
    middle = median(inf if one is None else one for one in layers)
    return "–" if middle == inf else f"{middle:g}"


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
        "The best layer is chosen on the test. What is not linear is not seen, and what can be "
        "read need not be used. Off the path, the R² of d(1,t) is above that of the untrained "
        f"network of the same seed in {_above(found, 'pretrained')} before fine-tuning, and in "
        f"{_above(found, 'finetuned')} after.\n\n{markdown(['network', *heads], rows)}"
    )


def _above(found: Record, network: str) -> str:
    """In how many seeds a network has more of the off-path distance than an untrained one."""
    key = "to_target, off_path"
    ours, theirs = (rows_of(found, MAIN, name) for name in (network, "untrained"))
    pairs = [(row["numbers"][key], theirs[seed]["numbers"][key])
             for seed, row in ours.items() if seed in theirs]  # fmt: skip
    known = [one > other for one, other in pairs if one is not None and other is not None]
    return f"{sum(known)} of {len(known)} seeds"


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
    halves = [name for name in order if len(known[name]) == len(rows) and LOSS not in name]
    before = ", ".join(_chain(halves, known))
    fallen = sorted(name.removeprefix(LOSS) for name in steps if LOSS in name)
    return (
        f"Pre-training of {MAIN}: the step by which a measure is half way between its first and "
        "its last value, and at which the loss of a distance begins to fall suddenly, median and "
        f"range over seeds.\n\n{markdown(['measure', 'step', 'range', 'seeds'], table)}\n\n"
        f"Half ways are coarse, and a loss is dated by the start of its fall: that it comes before "
        f"its accuracy is a matter of course. Losses that fall suddenly in some seed: "
        f"{', '.join(fallen) or 'none'}; all others in none. The longest row of half ways in which "
        f"each comes after the one before in every seed: {before}."
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
            if 2 * len(own) >= len(rows) and any(r["agreement"] != r["chance"] for r in own):
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
        "compare rules with one another. Two hops from 1 and one from both ends differ in few "
        "questions; rows that equal chance by construction are left out.\n\n"
        f"{markdown(head, table)}"
    )
