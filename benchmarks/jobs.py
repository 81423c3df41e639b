"""Two runs at once with one thread each, beside one run after the other with two threads.

    python benchmarks/jobs.py            three rounds of both by turns, on two cores

Each time two seeds of recipe `laptop` with a tenth of its steps and an eighth of its evaluation
sets, new run folders. Writes `benchmarks/results/jobs.json`.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from offpath.run.files import write_json

RESULTS = Path(__file__).parent / "results" / "jobs.json"
WAYS = {"two at once, one thread each": ("2", "1"), "one at a time, two threads": ("1", "2")}
SMALL = ["--pretrain.steps", "300", "--finetune.steps", "60", "--evaluate.examples", "8192"]
ROUNDS = 3


def main() -> None:
    """Measure, print and write."""
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(ROUNDS):
        for way, (jobs, threads) in WAYS.items():
            seconds[way].append(_sweep(jobs, threads))
            print(f"{way}: {seconds[way][-1]:.1f} s", flush=True)
    ratio = median(seconds["one at a time, two threads"]) / median(
        seconds["two at once, one thread each"]
    )
    command = "python benchmarks/jobs.py"
    write_json(RESULTS, {"command": command, "seconds": seconds, "ratio_of_medians": ratio})
    print(f"two at once are {ratio:.2f} times as fast")


def _sweep(jobs: str, threads: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "offpath", "sweep", "laptop", "--seeds", "2", *SMALL,
                   "--jobs", jobs, "--threads", threads, "--runs-folder", folder]  # fmt: skip
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began


if __name__ == "__main__":
    main()
