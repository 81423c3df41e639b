"""How a training step scales: threads, processes, sizes of graphs, network and batch; and memory.

    python -m benchmarks.scaling              all of it, into benchmarks/results/scaling.json
    python -m benchmarks.scaling --short --out FILE.json     in about two minutes

The reference (`plain_step`), torch's step and the native step by turns in the same run; figures are
medians of the rounds, and every round is in the file. Sizes are changed one at a time, from recipe
`paper` with batches of 128 examples on one thread.
"""

import argparse
from pathlib import Path

from benchmarks.tables import TABLES, show
from benchmarks.turns import (
    BATCH_EXAMPLES,
    WAYS,
    Part,
    Process,
    about,
    measured,
    peak_bytes,
    sized,
    waiting_processes,
)
from offpath.configs import Configuration
from offpath.run.files import Record, write_json

RESULTS = Path(__file__).parent / "results" / "scaling.json"
ARRANGEMENTS = {"one thread": (1, 1), "two threads": (2, 1), "two processes": (1, 2)}
"""Threads of each process, and processes."""
SIZES = {
    "vertices": (8, 15, 31, 63),
    "layers": (2, 5, 11),
    "width": (32, 64, 128),
    "batch": (32, 128, 512, 2048),
}
SMOKE_SIZES = {"vertices": (5, 6), "layers": (1, 2), "width": (16, 32), "batch": (32, 64)}


def main(words: list[str] | None = None) -> None:
    """Measure, write and show."""
    given = _parser().parse_args(words)
    rounds = given.rounds or (3 if given.short else 5)
    seconds = given.seconds or (0.2 if given.short else 1.0)
    recipes = given.recipes or ["laptop", *([] if given.short else ["paper"]), "paper-fast"]
    with waiting_processes() as process:
        memory = _memory(recipes, given.threads)
        arranged = [
            row
            for name in recipes
            for row in _arranged(name, given.threads, rounds, seconds, process)
        ]
        rows = [
            _row(what, size, rounds, seconds, process, base=given.base)
            for what, sizes in (SIZES if given.base == "paper" else SMOKE_SIZES).items()
            for size in (sizes[:-1] if given.short else sizes)
        ]
    how = {**about("python -m benchmarks.scaling"), "rounds": rounds, "seconds": seconds}
    result = {**how, "arrangements": arranged, "sizes": rows, "memory": memory}
    given.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(given.out, result)
    show(*(table(result) for table in TABLES["scaling"]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    of_recipes = "whose threads, processes and memory are measured; laptop, paper, paper-fast"
    parser.add_argument("--recipes", nargs="+", choices=BATCH_EXAMPLES, help=of_recipes)
    parser.add_argument("--base", choices=("paper", "smoke"), default="paper",
                        help="the recipe whose sizes are changed")  # fmt: skip
    parser.add_argument("--threads", nargs="+", type=int, choices=(1, 2), default=(1, 2))
    parser.add_argument("--rounds", type=int, help="by default 5")
    parser.add_argument("--seconds", type=float, help="per way and round, by default 1")
    fewer = "3 rounds of 0.2 seconds, without the largest sizes and recipe paper"
    parser.add_argument("--short", action="store_true", help=fewer)
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser


def _arranged(
    name: str, threads: list[int], rounds: int, seconds: float, process: Process
) -> list[Record]:
    """Examples per second of a recipe by way and arrangement, all in turns."""
    c = sized(name)
    parts = {
        (way, arrangement): Part(c, way, count, processes)
        for way in WAYS
        for arrangement, (count, processes) in ARRANGEMENTS.items()
        if count in threads
    }
    rates = measured([*parts.values()], rounds, seconds, process)
    return [
        {"recipe": name, "way": way, "arrangement": arrangement, "examples_per_second": rate}
        for (way, arrangement), rate in zip(parts, rates, strict=True)
    ]


def _row(
    what: str, size: int, rounds: int, seconds: float, process: Process, *, base: str
) -> Record:
    """Examples per second of each way at one size."""
    parts = [Part(_changed(base, what, size), way) for way in WAYS]
    rates = measured(parts, rounds, seconds, process)
    return {
        "changed": what,
        "size": size,
        "examples_per_second": dict(zip(WAYS, rates, strict=True)),
    }


def _changed(base: str, what: str, size: int) -> Configuration:
    """The base with one size changed; the feed-forward part keeps four times the width."""
    options = {
        "vertices": {"graphs__max_vertices": size},
        "layers": {"model__layers": size},
        "width": {"model__width": size, "model__feed_forward": 4 * size},
        "batch": {"pretrain__batch_examples": size},
    }[what]
    return sized(base, **{"pretrain__batch_examples": 128, **options})


def _memory(recipes: list[str], threads: list[int]) -> list[Record]:
    """The peak of resident memory by recipe, way and threads, each in a process of its own.

    First that of a process which has loaded everything and trains nothing.
    """
    rows: list[Record] = [{"recipe": "none", "way": "", "threads": 1, "peak_bytes": _peak(None)}]
    for name in recipes:
        for way in WAYS:
            for count in threads:
                place = {"recipe": name, "way": way, "threads": count}
                rows.append({**place, "peak_bytes": _peak(Part(sized(name), way, count))})
    return rows


def _peak(part: Part | None) -> int:
    with waiting_processes() as process:
        return process(1, 0).submit(peak_bytes, part).result()


if __name__ == "__main__":
    main()
