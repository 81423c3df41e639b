"""The playground: one offline HTML file in which a drawn graph is put to the networks of runs.

In: runs with the same graphs, and example questions. Out: a page that holds the weights, read from
the checkpoints; a network with which it would get too large is left out, and named. The forward
pass is `assets/playground/forward.js`.
"""

import base64
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypedDict

import numpy as np

from offpath.configs import Architecture, Configuration, Graphs, differences
from offpath.errors import InputError
from offpath.networks import Network, networks
from offpath.report.page import rendered
from offpath.reporters import names
from offpath.results import CircuitResult, Direction, read_result
from offpath.run.files import Record, write_file
from offpath.run.folder import Run, working_on
from offpath.run.provenance import note_made
from offpath.run.tensors import read_arrays, read_notes
from offpath.slices import STRATA

MOST_BYTES = 8_000_000  # of the page
MOST_WEIGHT_BYTES = 100_000_000  # of a network's weights as a browser holds them
ORDER = ("finetuned", "pretrained", "circuit", "scratch", "circuit-finetuned")
"""Which networks the page takes first; others follow."""
NOTHING_TO_ASK = "untrained"
REACHED = {"source": "{end} end, r: reached from 1", "target": "{end} end, s: reached from t"}
"""Names of the edge circuit's directions: which end of an edge was reached, and from where."""


class Question(TypedDict):
    """A graph, with repeated edges as drawn, and the vertex asked for."""

    vertices: int
    edges: list[list[int]]
    target: int


class Examples(TypedDict):
    """Questions of one distribution."""

    world: str
    title: str
    description: str
    questions: list[Question]


class Candidate(NamedTuple):
    """A network that the page could hold."""

    run: Run
    network: Network
    title: str
    marker: int = 0  # of the reporter that it is asked to be


def write_playground(
    runs: Sequence[Run], examples: Sequence[Examples], path: Path
) -> list[dict[str, str]]:
    """Write the page, and return which networks were left out, and why."""
    made = payload(runs, examples)
    content = _page(runs, made).encode(errors="replace")
    if path == runs[0].playground:
        with working_on(runs[0]):
            write_file(path, content)
            note_made(runs[0].folder, path.name)
    else:
        write_file(path, content)
    return made["omitted"]


def playground_page(runs: Sequence[Run], examples: Sequence[Examples]) -> str:
    """The whole page as text."""
    return _page(runs, payload(runs, examples))


def payload(
    runs: Sequence[Run], examples: Sequence[Examples], most_bytes: int = MOST_BYTES
) -> Record:
    """What the page's script reads; with it the page has at most `most_bytes`."""
    graphs, candidates = _same_graphs(runs), _candidates(runs)
    left = {one: _why_not(one, most_bytes) for one in candidates}  # out, until it proves to fit
    made: Record = {
        "maxVertices": graphs.max_vertices,
        "finetuneVertices": graphs.finetune_vertices,
        "networks": [],
        "omitted": _lines(left),
        "strata": [{"slice": s.slice, "title": s.title, "meaning": s.meaning} for s in STRATA],
        "examples": list(examples),
    }
    for one in candidates:
        if _never(one):
            continue
        rest = {other: why for other, why in left.items() if other is not one}
        shown = [*made["networks"], _network(one)]
        larger = {**made, "networks": shown, "omitted": _lines(rest)}
        if len(_page(runs, larger).encode(errors="replace")) <= most_bytes:
            made, left = larger, rest
    return made


def _why_not(one: Candidate, most_bytes: int) -> str:
    """Why a network is left out, if it is."""
    return _never(one) or f"with it the page would be larger than {most_bytes / 1e6:g} MB"


def _never(one: Candidate) -> str:
    """Why no page can hold a network; empty if one can."""
    size = one.run.checkpoint(one.network.name).stat().st_size
    if size > MOST_WEIGHT_BYTES:
        return f"its weights take {size / 1e6:.0f} MB, more than {MOST_WEIGHT_BYTES / 1e6:.0f} MB"
    notes = read_notes(one.run, one.network.name)
    a = Architecture.model_validate_json(notes["architecture"])
    if a.looped:
        return "the page does not compute looped layers"
    return "" if a.head == "regression" else "the page does not compute a read-out of labels"


def _lines(left: Mapping[Candidate, str]) -> list[dict[str, str]]:
    return [{"title": one.title, "why": why} for one, why in left.items()]


def _page(runs: Sequence[Run], made: Record) -> str:
    command = f"offpath playground {' '.join(run.quoted for run in runs)}"
    return rendered("playground", payload=made, runs=runs, command=command)


def _same_graphs(runs: Sequence[Run]) -> Graphs:
    """The options of the graphs, which all runs share."""
    first, *others = runs
    for other in others:
        pairs = differences(first.configuration, other.configuration)
        if unlike := [pair for pair in pairs if pair[0].startswith("graphs.")]:
            where = ", ".join(f"{name} {here} and {there}" for name, here, there in unlike)
            raise InputError(
                f"the runs of a playground must have the same graphs; {first.folder} and "
                f"{other.folder} differ in {where}: make a page for each"
            )
    return first.configuration.graphs


def _candidates(runs: Sequence[Run]) -> list[Candidate]:
    """Every network with a checkpoint, in `ORDER`; a circuit that several runs share is one."""
    seeds = {run.configuration.seed for run in runs}
    found: dict[tuple[object, ...], Candidate] = {}
    for run in runs:
        c = run.configuration
        of = f", seed {c.seed}" if len(seeds) == len(runs) else f", {c.run_name}"
        for network in networks(c):
            if network.name == NOTHING_TO_ASK or not run.checkpoint(network.name).exists():
                continue
            key, more = (run.folder, network.name), of
            if network.made_by == "handcraft":
                key, more = (c.circuit, c.model), f" ({c.circuit})"
            more = more if len(runs) > 1 else ""
            for marker, role in _roles(network, c):
                title = f"{network.title}{role}{more}"
                found.setdefault((*key, marker), Candidate(run, network, title, marker))
    if not found:
        folders = " ".join(run.quoted for run in runs)
        raise InputError(
            f"{folders} has no network to ask yet; continue it with the command that began it, or "
            "make a run with `offpath run`"
        )
    places = {name: place for place, name in enumerate(ORDER)}
    return sorted(found.values(), key=lambda one: places.get(one.network.name, len(places)))


def _roles(network: Network, c: Configuration) -> list[tuple[int, str]]:
    """Marker and words of each reporter that a network is asked to be."""
    if c.reporters is None or network.made_by == "handcraft":
        return [(0, "")]
    roles = [(marker, f", asked as {name}") for marker, name in enumerate(names(c.reporters))]
    return roles if network.made_by == "pretrain" else roles[-1:]


def _network(one: Candidate) -> Record:
    """One network as the page's script reads it: with one marker of questions."""
    run, network, c = one.run, one.network, one.run.configuration
    arrays, notes = read_arrays(run, network.name)
    a = Architecture.model_validate_json(notes["architecture"])
    if a.tokens == "edges":
        rows = [*range(c.graphs.max_vertices + 1), c.graphs.max_vertices + 1 + one.marker]
        arrays = {**arrays, "embedding.weight": arrays["embedding.weight"][rows]}
    circuit = c.circuit if network.made_by == "handcraft" else None
    directions = _directions(run) if circuit == "edge" else None
    numbers = np.float64 if any(x.dtype == np.float64 for x in arrays.values()) else np.float32
    return {
        "name": network.name,
        "title": one.title,
        "run": f"{c.recipe}, seed {c.seed}",
        "colour": network.colour,
        "circuit": circuit,
        "tokens": a.tokens,
        "norm": a.norm,
        "finalNorm": a.final_norm,
        "layers": a.layers,
        "width": a.width,
        "heads": a.heads,
        "headSize": a.head_size or a.width // a.heads,
        "feedForward": a.feed_forward,
        "dtype": np.dtype(numbers).name,
        "tensors": [[name, array.shape] for name, array in arrays.items()],
        "weights": _packed([array.astype(numbers) for array in arrays.values()]),
        "directions": directions and [direction.model_dump() for direction in directions],
        "reach": directions and _reach(directions),
    }


def _packed(arrays: Sequence[np.ndarray]) -> str:
    """Numbers, little-endian, as base64 of compressed bytes, sorted by their place in a number.

    The bytes with signs and exponents are alike, and so compress when they lie side by side.
    """
    numbers = np.concatenate([array.ravel() for array in arrays])
    numbers = numbers.astype(numbers.dtype.newbyteorder("<"))
    places = numbers.view(np.uint8).reshape(len(numbers), -1).T  # (place, number)
    compressor = zlib.compressobj(9, wbits=-15)
    return base64.b64encode(compressor.compress(places.tobytes()) + compressor.flush()).decode()


def _directions(run: Run) -> list[Direction] | None:
    """What each coordinate of the edge circuit's stream means, if its result file is there."""
    known = run.result(CircuitResult.file).exists()
    return read_result(run, CircuitResult).directions if known else None


def _reach(directions: Sequence[Direction]) -> dict[str, list[int]]:
    """Coordinates that say whether the first and the second end of an edge was reached."""
    at = {direction.name: direction.index for direction in directions}
    return {
        start: [at[name.format(end=end)] for end in ("first", "second")]
        for start, name in REACHED.items()
    }
