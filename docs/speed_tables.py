"""Tables of speed and of records, from the raw files and `records.toml` in `benchmarks/`."""

import tomllib
from functools import partial
from statistics import median

from benchmarks.tables import TABLES
from docs.raw import RESULTS, markdown, record

RECORDS = RESULTS.parent / "records.toml"
FIELDS = ("metric", "value", "spread", "command", "commit", "raw")


def records_table() -> str:
    """Every record, as `records.toml` has it, with a link to the raw file."""
    rows = [
        [r["metric"], f"**{r['value']}**", r["spread"], f"`{r['command']}`", r["commit"],
         f"[{r['raw'].removeprefix('results/')}]({r['raw']})"]
        for r in tomllib.loads(RECORDS.read_text())["record"]
    ]  # fmt: skip
    return markdown([*FIELDS], rows)


def tables_of(name: str) -> str:
    """All tables of a raw file, each below its title; the command where there is no file yet."""
    if not (RESULTS / f"{name}.json").exists():
        return f"Not measured yet: `python -m benchmarks.{name}`."
    tables = [table(record(name)) for table in TABLES[name]]
    if len(tables) == 1:
        return markdown(tables[0].headers, tables[0].rows)
    return "\n\n".join(f"{t.title}:\n\n{markdown(t.headers, t.rows)}" for t in tables)


def jobs_table() -> str:
    """Two runs at once beside one after the other: all rounds and the ratio of medians."""
    found = record("jobs")
    rows = [
        [way, ", ".join(f"{x:.0f}" for x in times), f"{median(times):.0f}"]
        for way, times in found["seconds"].items()
    ]
    rows.append(["ratio of medians", "", f"{found['ratio_of_medians']:.2f}"])
    return markdown(["two runs", "seconds of each round", "median"], rows)


PARTS = {name: partial(tables_of, name) for name in TABLES} | {
    "records": records_table,
    "jobs": jobs_table,
}
"""By marker."""
