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
from offpath.slices import TRAINED, label_title

ENDS = {"from_source": "1", "from_target": "t"}
CHANCE = 0.5  # of an AUROC, and of being noticed
READ = (Key("read or noticed", colour("above"), "square"),)
CARRIED = (Key("carried", colour("above"), "square"), Key("against", colour("below"), "square"))
LOST = (Key("lost", colour("below"), "square"), Key("gained", colour("above"), "square"))
NUMBER = "R²"  # the line of a probe that reads a number
ALL, ANSWER = "all", "answer"
FEW = 30  # questions: with fewer, what is lost is not sure
ROW_HEIGHT = 18  # of a cell


def edge_probes(networks: Sequence[Looked], result: Inside) -> list[Chart]:
    """Two maps of each network: layers across, hops from 1 and from t down."""
    bits = [_bit(k, result.max_vertices) for k in range(result.max_vertices)]
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
        if (probe.token, probe.target, probe.stratum) != ("edge", target, TRAINED.slice):
            continue
        bit = None if probe.bit is None else _bit(probe.bit, largest)
        sure = probe.low > (CHANCE if bit else 0)
        yield {
            "layer": probe.layer, "hops": bit or NUMBER, **({} if bit else {"chance": 0}),
            **_value(probe.score, sure=sure), "interval": interval(probe.low, probe.high),
            "shuffled": words.r_squared(probe.shuffled), "count": probe.count,
        }  # fmt: skip


def patching_distance(result: Inside) -> int | None:
    """The distance of which most hops are told apart, with half of the pairs; then the longest."""
    every = [p for one in result.networks for p in one.patches]
    enough = [p for p in every if p.hop is None and 2 * p.pairs >= result.pairs]
    hops = {p.distance: len({o.hop for o in every if o.distance == p.distance}) for p in enough}
    hops.pop(result.max_vertices, None)  # no path
    return max(hops, key=lambda distance: (hops[distance], distance), default=None)


def patching(networks: Sequence[Looked], distance: int | None) -> list[Chart]:
    """A map of each network that is compared: layers across, tokens down."""
    charts = []
    for one in networks:
        lines = patched_lines(one, distance)
        rows = [_patch_cell(line, p) for line, patches in lines.items() for p in patches]
        charts += _map("patching", one.title, rows, CARRIED, [*lines])
    return charts


def compared(networks: Sequence[Looked]) -> list[Looked]:
    """The networks of large tables and maps; all, where the result has none of these."""
    return [one for one in networks if one.inside.checkpoint in FIRST] or [*networks]


def patched_lines(one: Looked, distance: int | None) -> dict[str, list[Patch]]:
    """What tokens carry, layer by layer; edges by hop where that is measured.

    Each edge of the path is edited then, and the others are followed for the first and the last.
    """
    own = [p for p in one.inside.patches if p.distance == distance and p.carried is not None]
    hops = sorted({p.hop for p in own if p.hop is not None})

    def of(group: str, hop: int | None = None, at: int | None = None) -> list[Patch]:
        return [p for p in own if (p.group, p.hop, p.at) == (group, hop, at)]

    lines = {f"edited: hop {hop}": of("edited", hop) for hop in hops}
    for edited in dict.fromkeys([*hops[:1], *hops[-1:]]):
        lines |= {
            f"{edited} edited: hop {at}": of("path", edited, at) for at in hops if at != edited
        }
    lines |= {} if hops else {"edited edge": of("edited"), "path edges": of("path")}
    lines |= {"other edges": of("other"), "question": of("question")}
    return {name: patches for name, patches in lines.items() if patches}


def _patch_cell(line: str, patch: Patch) -> Row:
    carried = patch.carried or 0.0
    low, high = patch.low, patch.high
    sure = low is None or high is None or not low <= 0 <= high
    ends = "–" if low is None or high is None else f"{round(100 * low)} to {round(100 * high)} %"
    return {
        "layer": patch.layer, "tokens": line, **_value(carried, sure=sure),
        "interval": ends.replace("-", "−"), "pairs": patch.pairs,
        "change": round(patch.change, 3),
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
                "head": f"{a.layer}.{a.head}",
                **_value(a.right - a.right_without, sure=a.count >= FEW),
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


def cut_maps(networks: Sequence[Looked]) -> list[Chart]:
    """A map of each network: dead ends of the longest path, those near 1 above, those near 2 below.

    The last column is the answer's.
    """
    charts = []
    for one in networks:
        longest = max((cut.distance for cut in one.inside.cuts), default=0)
        own = [cut for cut in one.inside.cuts if cut.distance == longest]
        columns = [cut.layer for cut in own if cut.end == 1 and cut.layer is not None]
        rows = [
            {"layer": ANSWER if cut.layer is None else str(cut.layer), **_value(told),
             "end": f"{depth} from {cut.end}", "pairs": cut.pairs}
            for cut in own for depth, told in enumerate(cut.shares, start=1)
        ]  # fmt: skip
        near = [f"{depth} from 1" for depth in range(1, longest + 1)]
        down = [*near, *(line.replace("from 1", "from 2") for line in reversed(near))]
        across = [*map(str, columns), ANSWER]
        charts += _map("cuts", f"{one.title}: a path of {longest} hops", rows, READ, down, across)
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
