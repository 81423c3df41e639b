"""The raw files of speed as tables, for the terminal here and for RECORDS.md in `docs/`.

python -m benchmarks.tables FILE.json ...      shows graphs, step, scaling, playground .json
"""

import argparse
import json
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from offpath.cli.tables import show_table
from offpath.run.files import Record


class Table(NamedTuple):
    """A title, headers, and rows of text."""

    title: str
    headers: list[str]
    rows: list[list[str]]


def main() -> None:
    """Show the tables of the files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="+", help="such as step.json")
    for path in parser.parse_args().files:
        if path.stem not in TABLES:
            parser.error(f"FILE must be {', '.join(TABLES)} .json; got {path}")
        show(*(table(json.loads(path.read_text())) for table in TABLES[path.stem]))


def show(*tables: Table) -> None:
    """Print the tables that have rows to the terminal."""
    for table in (table for table in tables if table.rows):
        show_table(table.headers, table.rows, table.title)


def graphs(result: Record) -> Table:
    """Every distribution at both scales, with the ratios of all rounds."""
    rows = [
        [
            r["recipe"],
            r["world"],
            f"{r['examples_per_second']:,.0f}",
            f"{r['plain_examples_per_second']:,.0f}",
            f"{r['ratio']:.0f}",
            ", ".join(f"{x:.0f}" for x in sorted(x["fast"] / x["plain"] for x in r["rounds"])),
        ]
        for r in result["rows"]
    ]
    head = ["recipe", "distribution", "examples per second", "plain Python", "ratio", "all ratios"]
    return Table("Drawing examples", head, rows)


def rates(result: Record) -> Table:
    """Examples per second of every training step."""
    rows = [
        [*_place(r), *(f"{rate['median']:,.0f}" for rate in r["examples_per_second"].values())]
        for r in result["rows"]
    ]
    head = ["recipe", "distribution", "threads", "batch", "reference", "torch", "native"]
    return Table("Training steps: examples per second", head, rows)


def ratios(result: Record) -> Table:
    """The same as multiples of the reference of the same round."""
    rows = [
        [*_place(r)[:3], *(_ratio(r["examples_per_second"], way) for way in ("torch", "native"))]
        for r in result["rows"]
    ]
    head = ["recipe", "distribution", "threads", "torch", "native"]
    return Table("Training steps: times as fast as the reference (range)", head, rows)


def limits(result: Record) -> Table:
    """The native step's operations per second, beside those of matrix products."""
    products = {
        p["threads"]: p["operations_per_second"]["median"] for p in result["matrix_products"]
    }
    rows = []
    for r in result["rows"]:
        of_one = r["operations_per_example"]
        done = r["examples_per_second"]["native"]["median"] * of_one
        share = f"{100 * done / products[r['threads']]:.0f} %"
        rows.append([*_place(r)[:3], f"{of_one / 1e6:.2f}", f"{done / 1e9:.1f}", share])
    head = ["recipe", "distribution", "threads", "10^6 per example", "10^9 per second", "limit"]
    return Table("The native step: operations, and their share of the limit", head, rows)


def matrix_products(result: Record) -> Table:
    """The limit: the measured rate of products of 512 x 512 matrices, by threads."""
    rows = [
        [str(p["threads"]), f"{rate['median'] / 1e9:.1f}", _range(rate["rounds"], 1e-9, 1)]
        for p in result["matrix_products"]
        for rate in [p["operations_per_second"]]
    ]
    head = ["threads", "billion operations per second", "range"]
    return Table("The limit: products of 512 x 512 matrices in float32", head, rows)


def shares(result: Record) -> Table:
    """What every step spends its time on, in pre-training."""
    rows = [
        [r["recipe"], str(r["threads"]), way, *(f"{100 * share:.1f} %" for share in parts.values())]
        for r in result["rows"]
        if r["world"] == "pretraining"
        for way, parts in r["shares"].items()
    ]
    head = ["recipe", "threads", "step", *result["rows"][0]["shares"]["native"]]
    return Table("Training steps: shares of time in pre-training", head, rows)


def speed_ups(result: Record) -> Table:
    """The native step with two threads beside one."""
    rows = [[r["recipe"], r["world"], f"{r['ratio']:.2f}"] for r in result["native_speed_up"]]
    head = ["recipe", "distribution", "native step, two threads to one"]
    return Table("From one thread to two", head, rows)


def arrangements(result: Record) -> Table:
    """Threads and processes by recipe and way."""
    rows: dict[tuple[str, str], list[str]] = {}
    head = ["recipe", "step"]
    for r in result["arrangements"]:
        rate = r["examples_per_second"]
        text = f"{rate['median']:,.0f} ({_range(rate['rounds'])})"
        rows.setdefault((r["recipe"], r["way"]), []).append(text)
        if r["arrangement"] not in head:
            head.append(r["arrangement"])
    return Table(
        "Threads and processes: examples per second", head, [[*k, *v] for k, v in rows.items()]
    )


def sizes(result: Record) -> Table:
    """Examples per second at every size, with ratios to the reference."""
    rows = []
    for r in result["sizes"]:
        rates = r["examples_per_second"]
        texts = [f"{rate['median']:,.0f}" for rate in rates.values()]
        rows.append([r["changed"], str(r["size"]), *texts, _ratio(rates, "native")])
    head = ["changed", "size", "reference", "torch", "native", "native, ratio"]
    return Table("Sizes: examples per second, one thread", head, rows)


def memory(result: Record) -> Table:
    """Peaks of resident memory by recipe, way and threads."""
    rows = [
        [r["recipe"], r["way"], str(r["threads"]), f"{r['peak_bytes'] / 2**20:,.0f} MiB"]
        for r in result["memory"]
    ]
    return Table("Memory: largest resident size", ["recipe", "step", "threads", "peak"], rows)


def playground(result: Record) -> Table:
    """Milliseconds of the forward pass in a browser."""
    kinds = [*result["rows"][0]["milliseconds"]]
    rows = [
        [r["recipe"], r["network"], *(_milliseconds(r["milliseconds"][kind]) for kind in kinds)]
        for r in result["rows"]
    ]
    title = f"Playground in {result['browser']}: milliseconds (range)"
    return Table(title, ["recipe", "network", *kinds], rows)


def _milliseconds(found: Record) -> str:
    return f"{found['median']:.1f} ({_range(found['rounds'], digits=1)})"


def _place(row: Record) -> list[str]:
    return [row["recipe"], row["world"], str(row["threads"]), str(row["batch_examples"])]


def _ratio(rates: dict[str, Any], way: str) -> str:
    """The median of the ratios to the reference of the same round, and their range."""
    pairs = zip(rates[way]["rounds"], rates["reference"]["rounds"], strict=True)
    ratios = [ours / reference for ours, reference in pairs]
    return f"{median(ratios):.2f} ({_range(ratios, digits=2)})"


def _range(values: list[float], unit: float = 1, digits: int = 0) -> str:
    low, high = unit * min(values), unit * max(values)
    return f"{low:,.{digits}f}–{high:,.{digits}f}"


TABLES = {
    "graphs": (graphs,),
    "step": (rates, ratios, matrix_products, limits, speed_ups, shares),
    "scaling": (arrangements, sizes, memory),
    "playground": (playground,),
}
"""By raw file."""


if __name__ == "__main__":
    main()
