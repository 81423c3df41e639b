"""The section on what networks do inside: probes, heads, patching, how far they look, rules."""

from collections.abc import Sequence
from statistics import fmean

from offpath.report import words
from offpath.report.parts import Chart, Figure, Key, Section, Story, Table
from offpath.report.sections import inside_curves as curves
from offpath.report.sections import inside_maps as maps
from offpath.report.sections import inside_tables as tables
from offpath.report.sections.inside_parts import Looked, looked_into
from offpath.results import Inside, InsideNetwork
from offpath.slices import TRAINED

LAWS = {
    "one end": "search from one end", "both ends": "search from both ends", "doubling": "doubling",
    "none": "no law of search",
}  # fmt: skip
EARLY = 3  # layers, by which a search of a hop a layer has not spanned the longest paths
ENDS = ("from_source", "from_target")


def section(story: Story, result: Inside) -> Section:
    """What tools find in each network, beside a circuit of known inside and an untrained one."""
    networks = looked_into(story, result)
    few = maps.compared(networks)
    distance = maps.patching_distance(result)
    along, keys = curves.along_training(story, result)
    lines = [*(one.key for one in networks), curves.SHUFFLED]
    parts: dict[str, tuple[Sequence[Chart], Sequence[Table], Sequence[Key]]] = {
        "probes": (maps.edge_probes(few, result), [], []),
        "others": (maps.edge_probes([one for one in networks if one not in few], result), [], []),
        "question": (curves.question_probes(networks), [], lines),
        "strata": (curves.strata_probes(networks), [tables.strata_table(networks)], lines),
        "heads": ([], [tables.heads_table(few)], []),
        "patching": (maps.patching(few, distance), [], maps.CARRIED),
        "distances": ([], tables.patching_tables(few[:2], result), []),
        "ablation": (maps.ablations(few, result), [], maps.LOST),
        "reach": (maps.reach_maps(networks), [tables.reach_table(networks)], []),
        "cuts": (maps.cut_maps(networks), [], []),
        "along": (along, [tables.onset_table(story, result)], keys),
        "rules": ([], [tables.rules_table(networks)], []),
    }
    known = {
        "distance": distance,
        "thresholds": _thresholds(result),
        "kinds": {key: result.keys.get(key, key) for _, key in tables.main_kinds(few)},
    }
    figures = []
    for name, (charts, own, legend) in parts.items():
        filled = [table for table in own if table.rows]
        if charts or filled:
            caption = story.caption(f"inside.{name}", **known)
            figures.append(Figure(*caption, charts=charts, tables=filled, legend=legend))
    titles = {one.name: one.title for one in story.networks}
    return Section(figures, text=_left_out(networks), statement=statement(result, titles))


def _thresholds(result: Inside) -> str:
    """Names and numbers, as in the result file."""
    pairs = result.thresholds.items()
    return "; ".join(f"{name.replace('_', ' ')} {words.setting(value)}" for name, value in pairs)


def _left_out(networks: Sequence[Looked]) -> str:
    """What is not measured of which network, and why."""
    rows = [
        f"{one.name} ({'; '.join(one.inside.left_out)})" for one in networks if one.inside.left_out
    ]
    return words.sentence(f"not measured: {words.listed(rows)}") if rows else ""


def statement(result: Inside, titles: dict[str, str]) -> str:
    """How far the first network looks and what probes read in it, beside the two controls."""
    there = {one.checkpoint: one for one in result.networks}
    first = next((there[n] for n in ("pretrained", "finetuned", "circuit") if n in there), None)
    if first is None:
        return ""
    circuit = there.get("circuit") if first.checkpoint != "circuit" else None
    title = titles.get(first.checkpoint, first.checkpoint)
    return words.paragraph(
        _dead_ends(first, title),
        _looks(first, circuit, title),
        _reads(first, circuit, there.get("untrained")),
    )


def _dead_ends(first: InsideNetwork, title: str) -> str:
    """How often dead ends near 1 and near 2 are told, on paths that search has not yet spanned.

    A dead end one hop away is an edge by itself, which needs no search.
    """
    near: dict[int, list[float]] = {1: [], 2: []}
    for cut in first.cuts:
        if cut.layer == EARLY and cut.distance > EARLY:
            near[cut.end] += cut.shares[1 : cut.distance // 2]
    if not all(near.values()):
        return ""
    source, target = (words.percent(fmean(shares)) for shares in near.values())
    return (
        f"After {EARLY} layers the question token of the {title} network tells dead ends of two "
        f"hops or more near 1 in {source}, and near 2 in {target} of pairs (chance "
        f"{words.percent(0.5)}): a search from one end would tell those of one side alone."
    )


def _looks(first: InsideNetwork, circuit: InsideNetwork | None, title: str) -> str:
    """How many hops farther with each layer, and by which law."""
    if first.reach is None:
        return ""
    hops = tables.hops_per_layer(first.reach)
    text = f"With each layer, the {title} network looks {' hops farther '.join(hops)}"
    if first.reach.hops_per_layer is None:
        text = f"In too few lengths does the {title} network look farther with each layer"
    text += f": {LAWS[first.reach.law]} fits"
    if circuit and circuit.reach:
        known = f"{' '.join(tables.hops_per_layer(circuit.reach))}, {LAWS[circuit.reach.law]}"
        text += f" (the circuit, whose answer is known: {known})"
    return f"{text}."


def _reads(
    first: InsideNetwork, circuit: InsideNetwork | None, untrained: InsideNetwork | None
) -> str:
    """How well hops are told apart in the best layer, averaged over hops."""
    own = [_told_apart(first, target) for target in ENDS]
    if not all(own):
        return ""
    text = (
        "On its edge tokens, probes tell k from k + 1 hops from vertex 1 with an AUROC of "
        f"{own[0]} in the best layer, averaged over k, and hops from t with {own[1]}"
    )
    others = []
    for name, one in (("the circuit", circuit), ("the untrained network", untrained)):
        scores = [_told_apart(one, target) for target in ENDS] if one else [""]
        others += [f"{name}: {' and '.join(scores)}"] if all(scores) else []
    return f"{text} ({', '.join(others)})." if others else f"{text}."


def _told_apart(one: InsideNetwork, target: str) -> str:
    best: dict[int, float] = {}
    for p in one.probes:
        if (p.token, p.target, p.stratum) != ("edge", target, TRAINED.slice) or p.bit is None:
            continue
        best[p.bit] = max(best.get(p.bit, 0.0), p.score)
    return f"{fmean(best.values()):.2f}" if best else ""
