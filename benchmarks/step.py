"""Examples per second of a training step: the reference, torch's step and the native step.

    python -m benchmarks.step              all of it, into benchmarks/results/step.json
    python -m benchmarks.step --short --out FILE.json     in about two minutes

The reference is torch's own encoder on the padded rectangle, always with Adam and with neither
classes nor candidates (`plain_step`). The same batch and initial weights, by turns in the same run,
one and two threads in processes of their own; figures are medians of the rounds, and every round is
in the file. Beside them: the rate of matrix products, which no step can exceed, and what a step
spends its time on.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.shares import shares
from benchmarks.tables import TABLES, show
from benchmarks.turns import (
    BATCH_EXAMPLES,
    WAYS,
    Part,
    Process,
    about,
    beginning,
    matrix_product_rate,
    measured,
    sized,
    waiting_processes,
)
from offpath.data.tokens import pack
from offpath.fit.forecast import operations
from offpath.run.files import Record, write_json

RESULTS = Path(__file__).parent / "results" / "step.json"
THREADS = (1, 2)
WORLDS = ("pretraining", "finetuning")
"""Of recipe paper-fast the first alone: its fine-tuning is that of paper."""


def main(words: list[str] | None = None) -> None:
    """Measure, write and show."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipes", nargs="+", choices=BATCH_EXAMPLES,
                        default=["laptop", "paper", "paper-fast"])  # fmt: skip
    parser.add_argument("--threads", nargs="+", type=int, choices=THREADS, default=THREADS)
    parser.add_argument("--rounds", type=int, help="by default 7")
    parser.add_argument("--seconds", type=float, help="per way and round, by default 2")
    parser.add_argument(
        "--short", action="store_true", help="3 rounds of 0.3 seconds, pre-training alone"
    )
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args(words)
    rounds = given.rounds or (3 if given.short else 7)
    seconds = given.seconds or (0.3 if given.short else 2.0)
    with waiting_processes() as process:
        products = _matrix_products(given.threads, rounds, seconds, process)
        rows = [
            row
            for name in given.recipes
            for world in WORLDS[: 1 if given.short or name == "paper-fast" else None]
            for row in _compared(name, world, given.threads, rounds, seconds, process)
        ]
    result = {
        **about("python -m benchmarks.step"),
        "rounds": rounds,
        "seconds": seconds,
        "matrix_products": products,
        "rows": rows,
        "native_speed_up": _speed_ups(rows),
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(given.out, result)
    show(*(table(result) for table in TABLES["step"]))


def _matrix_products(
    threads: list[int], rounds: int, seconds: float, process: Process
) -> list[Record]:
    """Operations per second of matrix products, for each number of threads."""
    rates: dict[int, list[float]] = {count: [] for count in threads}
    for _ in range(rounds):
        for count in threads:
            rate = process(count, 0).submit(matrix_product_rate, count, seconds)
            rates[count].append(round(rate.result()))
    return [
        {"threads": count, "operations_per_second": {"median": median(found), "rounds": found}}
        for count, found in rates.items()
    ]


def _compared(
    name: str, world: str, threads: list[int], rounds: int, seconds: float, process: Process
) -> Iterator[Record]:
    """A row for each number of threads."""
    c = sized(name)
    parts = [Part(c, way, count, world=world) for count in threads for way in WAYS]
    rates = dict(zip(parts, measured(parts, rounds, seconds, process), strict=True))
    for count in threads:
        here = {part.way: rates[part] for part in parts if part.threads == count}
        reference = here["reference"]["rounds"]
        ours = [part for part in parts if part.threads == count and part.way != "reference"]
        yield {
            "recipe": name,
            "world": world,
            "batch_examples": BATCH_EXAMPLES[name],
            "threads": count,
            "optimizer": c.training("pretrain").optimizer,
            "operations_per_example": _operations_per_example(ours[0]),
            "examples_per_second": here,
            "ratio_to_reference": {
                part.way: median(
                    a / b for a, b in zip(here[part.way]["rounds"], reference, strict=True)
                )
                for part in ours
            },
            "shares": {
                part.way: process(count, 0).submit(shares, part, rounds * seconds).result()
                for part in ours
            },
        }


def _operations_per_example(part: Part) -> float:
    """Of forward and backward, on the examples that the training chooses."""
    packed = pack(next(beginning(part)[2]).tokens)
    tokens = [length for count, length in packed.groups for _ in range(count)]
    return operations(part.configuration, tokens) / len(tokens)


def _speed_ups(rows: list[Record]) -> list[Record]:
    """How much faster the native step is with two threads than with one."""
    rates = {
        (row["recipe"], row["world"], row["threads"]): row["examples_per_second"]["native"]
        for row in rows
    }
    return [
        {
            "recipe": name,
            "world": world,
            "ratio": median(
                b / a for a, b in zip(one["rounds"], rates[name, world, 2]["rounds"], strict=True)
            ),
        }
        for (name, world, threads), one in rates.items()
        if threads == 1 and (name, world, 2) in rates
    ]


if __name__ == "__main__":
    main()
