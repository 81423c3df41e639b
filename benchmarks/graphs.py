"""Accepted examples per second on one core: this generator beside a plain pure-Python one.

    python benchmarks/graphs.py [--rounds 5] [--seconds 2] > benchmarks/results/graphs.json

Both draw the same distribution in the same run, in turns, so that whatever else the machine does
falls on both; the figures are medians over the rounds, and all rounds are in the output.
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.plain_sampler import WORLDS, plain_example
from offpath.data.batches import draw
from offpath.data.worlds import World, worlds
from offpath.recipes import laptop, paper

FAST_CHUNK = 100_000


def main(words: list[str] | None = None) -> None:
    """Measure every distribution at both scales and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="per generator and round")
    options = parser.parse_args(words)
    rows = []
    for recipe in (paper, laptop):
        known = worlds(recipe().graphs)
        for world in (known[name] for name in WORLDS):
            draw(world, 0, 0, 10)  # compiles
            pairs = [
                (_fast(world, options.seconds), _plain(world, options.seconds))
                for _ in range(options.rounds)
            ]
            fast, plain = zip(*pairs, strict=True)
            rows.append(
                {
                    "recipe": recipe.__name__,
                    "world": world.name,
                    "examples_per_second": median(fast),
                    "plain_examples_per_second": median(plain),
                    "ratio": median(f / p for f, p in pairs),
                    "rounds": [{"fast": f, "plain": p} for f, p in pairs],
                }
            )
            print(f"{recipe.__name__} {world.name}: {rows[-1]['ratio']:.0f}", file=sys.stderr)
    machine = f"{platform.machine()}, Python {platform.python_version()}, one thread"
    print(json.dumps({"machine": machine, "rows": rows}, indent=1))


def _fast(world: World, seconds: float) -> float:
    return _rate(lambda done: draw(world, 0, done, FAST_CHUNK), FAST_CHUNK, seconds)


def _plain(world: World, seconds: float) -> float:
    random = Random(0)
    return _rate(lambda _: plain_example(world.name, world.graphs, random), 1, seconds)


def _rate(make: Callable[[int], object], examples: int, seconds: float) -> float:
    """Examples per second of processor time, which other processes do not change."""
    done, began = 0, time.process_time()
    while time.process_time() - began < seconds:
        make(done)
        done += examples
    return round(done / (time.process_time() - began), 1)


if __name__ == "__main__":
    main()
