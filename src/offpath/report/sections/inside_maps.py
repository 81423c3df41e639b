"""Maps of what networks do inside: layers across, and down what is read, patched or noticed.

A number in a cell is in hundredths; the colour is that of its sign.
"""

from collections.abc import Iterable, Iterator, Sequence

from offpath.report import words
from offpath.report.frames import Row, frame
from offpath.report.marks import grid
from offpath.report.parts import Chart, Key, colour
from offpath.report.sections.inside_parts import FIRST, Looked, interval
from offpath.results import Inside, Notice, Patch, ProbedTarget
from offpath.slices import label_title

ENDS = {"from_source": "1", "from_target": "t"}
CHANCE = 0.5  # of an AUROC, and of being noticed
READ = (Key("read or noticed", colour("above"), "square"),)
CARRIED = (Key("carried", colour("above"), "square"), Key("against", colour("below"), "square"))
LOST = (Key("lost", colour("below"), "square"), Key("gained", colour("above"), "square"))
NUMBER = "R²"  # the line of a probe that reads a number
ALL = "all"
ROW_HEIGHT = 18  # of a cell


def edge_probes(networks: Sequence[Looked], result: Inside) -> list[Chart]:
    """Two maps of each network: layers across, hops from 1 and from t down."""
    bits = [_bit(k, result.max_vertices) for k in range(1, result.max_vertices)]
    charts = []
    for one in networks:
        for target, end in ENDS.items():
            rows = [*_probe_cells(one.inside.probes, target, result.max_vertices)]
            there = {row["hops"] for row in rows}
            down = [line for line in (*bits, NUMBER) if line in there]
            charts += _map("probes", f"{one.title}: hops from {end}", rows, READ, down)
    return charts


def _bit(k: int, max_vertices: int) -> str:
    return f"{k} or {label_title(k + 1, max_vertices)}"


def _probe_cells(probes: Sequence[ProbedTarget], target: str, largest: int) -> Iterator[Row]:
    for probe in probes:
        if (probe.token, probe.target, probe.stratum) != ("edge", target, None):
            continue
        if probe.score is None:
            continue
        bit = None if probe.bit is None else _bit(probe.bit, largest)
        sure = probe.low is None or probe.low > (CHANCE if bit else 0)
        yield {
            "layer": probe.layer, "hops": bit or NUMBER, **({} if bit else {"chance": 0}),
            **_value(probe.score, sure=sure), "interval": interval(probe.low, probe.high),
            "shuffled": words.r_squared(probe.shuffled), "count": probe.count,
        }  # fmt: skip


def patching_distance(result: Inside) -> int | None:
    """The longest distance with at least half of the pairs, or with the most pairs."""
    pairs: dict[int, int] = {}
    for one in result.networks:
        for p in one.patches:
            if p.distance < result.max_vertices and p.carried is not None:
                pairs[p.distance] = min(pairs.get(p.distance, p.pairs), p.pairs)
    enough = [distance for distance, count in pairs.items() if 2 * count >= result.pairs]
    return max(enough) if enough else max(pairs, key=pairs.__getitem__, default=None)


def patching(networks: Sequence[Looked], distance: int | None) -> list[Chart]:
    """A map of each network that is compared: layers across, tokens down."""
    charts = []
    for one in patched(networks):
        lines = patched_lines(one, distance)
        rows = [_patch_cell(line, p) for line, patches in lines.items() for p in patches]
        charts += _map("patching", one.title, rows, CARRIED, [*lines])
    return charts


def patched(networks: Sequence[Looked]) -> list[Looked]:
    """The networks of which patching is shown; all, where the result has none of these."""
    there = [one for one in networks if one.inside.patches]
    return [one for one in there if one.inside.checkpoint in FIRST] or there


def patched_lines(one: Looked, distance: int | None) -> dict[str, list[Patch]]:
    """What tokens of one distance carry: edited edges and those of the path by hop, the others.

    The edited edge is told by its hop where that is measured; of others the mean over edits is.
    """
    lines: dict[str, list[Patch]] = {}
    own = [p for p in one.inside.patches if p.distance == distance and p.carried is not None]
    by_hop = any(p.group == "edited" and p.hop is not None for p in own)
    for p in own:
        if p.group == "edited" and (p.hop is not None) == by_hop:
            lines.setdefault(f"edited edge, hop {p.hop}" if by_hop else "edited edge", []).append(p)
        elif p.hop is None and p.group in ("path", "other", "question"):
            at = "" if p.at is None else f", hop {p.at}"
            name = {"path": f"path edge{at}", "other": "other edges"}.get(p.group, "question")
            lines.setdefault(name, []).append(p)
    order = ("edited", "path", "other", "question")
    known = sorted(
        lines, key=lambda n: (order.index(n.split()[0]), lines[n][0].hop or 0, lines[n][0].at or 0)
    )
    return {name: lines[name] for name in known}


def _patch_cell(line: str, patch: Patch) -> Row:
    carried = patch.carried or 0.0
    low, high = patch.low, patch.high
    sure = low is None or high is None or not low <= 0 <= high
    ends = "–" if low is None or high is None else f"{words.percent_interval(low, high)} %"
    return {
        "layer": patch.layer, "tokens": line, **_value(carried, sure=sure),
        "interval": ends.replace("-", "−"), "pairs": patch.pairs,
    }  # fmt: skip


def ablations(networks: Sequence[Looked], result: Inside) -> list[Chart]:
    """A map of each network: true distances across, heads down."""
    charts = []
    for one in networks:
        rows, there = [], set()
        for a in one.inside.ablations:
            there.add(a.distance)
            rows.append({
                "distance": _distance(a.distance, result.max_vertices),
                "head": f"{a.layer}.{a.head}", **_value(a.right - a.right_without),
                "right": round(a.right, 3), "moved": round(a.moved, 3), "count": a.count,
            })  # fmt: skip
        across = [None, *range(1, result.max_vertices + 1)]
        columns = [_distance(d, result.max_vertices) for d in across if d in there]
        down = dict.fromkeys(row["head"] for row in rows)
        charts += _map("ablation", one.title, rows, LOST, [*down], columns)
    return charts


def _distance(distance: int | None, largest: int) -> str:
    return ALL if distance is None else label_title(distance, largest)


def reach_maps(networks: Sequence[Looked]) -> list[Chart]:
    """Two maps of each network: the hop noticed least, by length; each hop of the longest path."""
    charts = []
    for one in networks:
        least: dict[tuple[int, int], Notice] = {}
        for n in one.inside.notices:
            place = (n.distance, n.layer)
            least[place] = min(least.get(place, n), n, key=lambda n: n.noticed)
        longest = max((distance for distance, _ in least), default=0)
        rows = [
            {"length": str(n.distance), "hop": n.hop, **_notice_cell(n)} for n in least.values()
        ]
        lengths = [str(distance) for distance in range(1, longest + 1)]
        hops = [
            {"hop": str(n.hop), **_notice_cell(n)}
            for n in one.inside.notices
            if n.distance == longest
        ]
        charts += _map("lengths", f"{one.title}: paths of each length", rows, READ, lengths)
        charts += _map("hops", f"{one.title}: a path of {longest} hops", hops, READ, lengths)
    return charts


def _notice_cell(n: Notice) -> Row:
    return {"layer": n.layer, **_value(n.noticed), "pairs": n.pairs}


def _map(
    name: str, title: str, rows: Sequence[Row], keys: Sequence[Key], down: Sequence[str],
    across: Iterable[object] = (),
) -> list[Chart]:  # fmt: skip
    """A map with these lines, by default with all layers across; none without rows."""
    if not rows:
        return []
    columns = [*across] or sorted({row["layer"] for row in rows})
    sides = ({"scale": {"domain": columns}}, {"scale": {"domain": [*down]}})
    made = frame(f"inside_{name}", *sides, title=title)._replace(height=ROW_HEIGHT * len(down))
    return [Chart(grid(rows, keys, made, chance=CHANCE if keys == READ else 0.0), title)]


def _value(value: float, *, sure: bool = True) -> Row:
    """What a cell shows."""
    return {"value": round(value, 3), **({} if sure else {"sure": False})}
