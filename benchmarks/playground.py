"""Milliseconds of the playground's forward pass in Chromium, for the shapes of two recipes.

    python -m benchmarks.playground [--rounds 7] [--out FILE.json]

Each round opens a new page and so compiles anew: it decodes the weights, then asks about graphs
with as many edges, all different, as the largest graphs have. `first` is the answer before anything
is compiled, the others are medians of a round. All rounds are in the file, by default
benchmarks/results/playground.json.
"""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path
from random import Random
from statistics import median

from playwright.sync_api import Browser, sync_playwright

from benchmarks.tables import TABLES, show
from benchmarks.turns import about
from offpath import recipes
from offpath.configs import Configuration
from offpath.fit.checkpoints import new_model, save_model
from offpath.handcraft.circuits import set_circuit
from offpath.report.playground import payload, playground_page
from offpath.run.files import Record, write_json
from offpath.run.folder import create_run

RESULTS = Path(__file__).parent / "results" / "playground.json"
RECIPES = ("laptop", "paper")
NETWORKS = {"pretrained": "trained", "circuit": "handcrafted"}
MEASURE = """async ([record, questions]) => {
  const timed = (work) => {
    const start = performance.now();
    work();
    return performance.now() - start;
  };
  const each = (work) => questions.map((asked) => timed(() => work(...asked)));
  const start = performance.now();
  const network = await Forward.decode(record);
  const decode = performance.now() - start;
  const first = timed(() => Forward.answer(network, ...questions[0]));
  return {
    decode: [decode], first: [first],
    answer: each((edges, target) => Forward.answer(network, edges, target)),
    trace: each((edges, target) => Forward.trace(network, edges, target)),
    removals: each((edges, target) => Forward.removals(network, edges, target)),
  };
}"""


def main(words: list[str] | None = None) -> None:
    """Measure, write and show."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--questions", type=int, default=40, help="of each round")
    parser.add_argument("--recipes", nargs="+", default=RECIPES)
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args(words)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        rows = [
            row
            for name in given.recipes
            for row in _rows(recipes.recipe(name), chromium, given.rounds, given.questions)
        ]
        version = chromium.version
    result = {
        **about("python -m benchmarks.playground"),
        "browser": f"Chromium {version}",
        "rounds": given.rounds,
        "questions": given.questions,
        "rows": rows,
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(given.out, result)
    show(*(table(result) for table in TABLES["playground"]))


def _rows(c: Configuration, chromium: Browser, rounds: int, count: int) -> Iterator[Record]:
    """A row for each kind of network of a recipe."""
    n, random = c.graphs.max_vertices, Random(0)
    pairs = list(combinations(range(1, n + 1), 2))
    questions = [(random.sample(pairs, n), random.randint(2, n)) for _ in range(count)]
    with _page_of(c) as (path, records):
        for record in records:
            measured = []
            for _ in range(rounds):
                page = chromium.new_page()
                page.goto(path.as_uri())
                measured.append(page.evaluate(MEASURE, [record, questions]))
                page.close()
            yield {
                "recipe": c.recipe,
                "network": NETWORKS[record["name"]],
                "edges": n,
                "payload_bytes": len(record["weights"]),
                "milliseconds": {
                    what: _over_rounds([median(found[what]) for found in measured])
                    for what in measured[0]
                },
            }


@contextmanager
def _page_of(c: Configuration) -> Iterator[tuple[Path, list[Record]]]:
    """The playground of one network that is trained and one that is handcrafted."""
    with tempfile.TemporaryDirectory() as folder:
        run = create_run(c, folder)
        save_model(run, "pretrained", new_model(c))
        set_circuit(run)
        path = Path(folder) / "page.html"
        path.write_text(playground_page([run], []))
        yield path, payload([run], [])["networks"]


def _over_rounds(found: list[float]) -> Record:
    return {"median": round(median(found), 3), "rounds": [round(one, 3) for one in found]}


if __name__ == "__main__":
    main()
