"""Tables of speed, from the raw files in `benchmarks/results/`."""

from statistics import median

from docs.raw import markdown, record


def graphs_table() -> str:
    """Every distribution at both scales, with the ratios of all rounds."""
    head = ["recipe", "distribution", "examples per second", "plain Python", "ratio", "all ratios"]
    rows = [
        [
            r["recipe"],
            r["world"],
            f"{r['examples_per_second']:,.0f}",
            f"{r['plain_examples_per_second']:,.0f}",
            f"{r['ratio']:.0f}",
            ", ".join(f"{x:.0f}" for x in sorted(x["fast"] / x["plain"] for x in r["rounds"])),
        ]
        for r in record("graphs")["rows"]
    ]
    return markdown(head, rows)


def step_table() -> str:
    """Every training step that was measured, with the spread over rounds."""
    head = ["recipe", "distribution", "examples", "seconds", "torch's encoder, padded", "ratio"]
    rows = []
    for r in record("training_step")["rows"]:
        ratios = [x["torch"] / x["ours"] for x in r["rounds"]]
        seconds = [f"{r['seconds']:.4f}", f"{r['torch_seconds']:.4f}", f"{r['ratio']:.2f}"]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        rows.append([r["recipe"], r["world"], str(r["batch_examples"]), *seconds, spread])
    return markdown([*head, "range"], rows)


def jobs_table() -> str:
    """Two runs at once beside one after the other: all rounds and the ratio of medians."""
    found = record("jobs")
    rows = [
        [way, ", ".join(f"{x:.0f}" for x in times), f"{median(times):.0f}"]
        for way, times in found["seconds"].items()
    ]
    rows.append(["ratio of medians", "", f"{found['ratio_of_medians']:.2f}"])
    return markdown(["two runs", "seconds of each round", "median"], rows)
