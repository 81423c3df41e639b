"""The parts that the pages on findings share: arms, every seed, statistics, attacks, cost."""

from collections.abc import Iterator, Sequence

from docs.finding_verdicts import Compared, Contrast, Score, compared, values
from docs.finding_words import percent, phrase, title
from docs.raw import markdown
from offpath.interventions import INTERVENTIONS, parse
from offpath.run.files import Record

BASE = {
    "pretrained": "Pre-training alone: d(1,2) in graphs of every size.",
    "finetuned": "Plain fine-tuning: targets on the path, small graphs.",
    "scratch": "The same fine-tuning from untrained weights.",
}
SCORES: dict[Score, str] = {
    "recalibrated": "after the best monotone map of the answers, distances with equal weights",
    "mse": "by squared error",
}
"""Measures that rounding cannot move, or not alone."""


def arms_table(found: Record) -> str:
    """Every network but the controls from scratch, and what is different about it."""
    rows = []
    for name, words in found["networks"].items():
        if not name.endswith(("-scratch", "-pretrained")):
            rows.append([words, BASE.get(name) or " ".join(meanings(name, found))])
    arms = markdown(["network", "what is changed about fine-tuning"], rows)
    seeds = found["seeds"]
    counts = found["questions"].values()
    return (
        f"{len(seeds)} seeds, recipe `{found['recipe']}`; the same questions for every seed, "
        f"{min(counts):,} to {max(counts):,} of each kind ([strata](../strata.md); hard: distance "
        "3 or more, and not d(1,2)). What changes the examples has a control from scratch: same "
        f"examples, same steps, untrained weights.\n\n{arms}"
    )


def meanings(name: str, found: Record) -> Iterator[str]:
    """What each word of an intervention does."""
    spec = next((s for s in found["specs"] if s.replace("=", "") == name), None)
    for word in parse(spec) if spec else ():
        yield INTERVENTIONS[word].meaning


def seeds_table(found: Record, kinds: Sequence[str]) -> str:
    """Accuracy of each network by seed, a table for each kind of question."""
    tables = []
    for kind in (kind for kind in kinds if kind in found["scores"]):
        rows = []
        for name, words in found["networks"].items():
            row = values(found, name, kind)
            cells = [f"{100 * row[seed]:.1f}" if seed in row else "–" for seed in found["seeds"]]
            mean = f"{100 * sum(row.values()) / len(row):.1f}" if row else "–"
            rows.append([words, mean, *cells])
        rule = found["rules"][kind]
        best = f"{100 * rule['accuracy']:.1f}"
        rows.append([f"best trivial rule ({rule['rule']})", best, *[best] * len(found["seeds"])])
        head = ["network", "mean", *(f"seed {seed}" for seed in found["seeds"])]
        count = found["questions"][kind]
        words = f"{phrase(kind)[0].upper()}{phrase(kind)[1:]}"
        tables.append(f"{words} ({count:,}), accuracy in %:\n\n{markdown(head, rows)}")
    return "\n\n".join(tables)


def statistics_table(found: Record, rows: Sequence[Compared]) -> str:
    """A family with its differences and verdicts."""
    head = ["comparison", "questions", "difference, points", "interval", "p", "p after Holm",
            "verdict"]  # fmt: skip
    return markdown(head, [
        [f"{title(found, t.contrast.first)} – {title(found, t.contrast.second)}",
         phrase(t.contrast.kind),
         f"{100 * t.estimate:+.1f}",
         "–" if t.low is None or t.high is None else f"{100 * t.low:+.1f} to {100 * t.high:+.1f}",
         f"{t.p:.2g}", f"{t.adjusted:.2g}", f"{t.verdict} ({t.seeds} seeds)"]
        for t in rows
    ])  # fmt: skip


def attacks(found: Record, families: Sequence[Sequence[Contrast]]) -> str:
    """What was done to overturn the verdicts, and what was not."""
    lines = [_rules(found, families), *_measures(found, families), _overlap(found),
             _threads(found, families)]  # fmt: skip
    lines.append(
        "Not done: other recipes, other learning rates, other amounts of an intervention than "
        "those above."
    )
    return "\n".join(f"- {line}" for line in lines)


def _rules(found: Record, families: Sequence[Sequence[Contrast]]) -> str:
    """The best rule on each kind of question."""
    kinds = dict.fromkeys(one.kind for family in families for one in family)
    parts = [f"{phrase(kind)}: {percent(found['rules'][kind]['accuracy'])} "
             f"({found['rules'][kind]['rule']})"
             for kind in kinds if kind in found["rules"]]  # fmt: skip
    return f"Best trivial rule on the same questions: {'; '.join(parts)}."


def _measures(found: Record, families: Sequence[Sequence[Contrast]]) -> Iterator[str]:
    """Whether verdicts stand when answers are scored otherwise."""
    first = [t for family in families for t in compared(found, family)]
    for score, words in SCORES.items():
        other = {
            t.contrast: t.verdict for family in families for t in compared(found, family, score)
        }
        both = [t for t in first if t.contrast in other]
        changed = [
            f"{title(found, t.contrast.first)} – {title(found, t.contrast.second)}, "
            f"{phrase(t.contrast.kind)}: {other[t.contrast]}"
            for t in both if other[t.contrast] != t.verdict
        ]  # fmt: skip
        held = f"{len(both) - len(changed)} of {len(both)} verdicts stand"
        yield f"Rounding, {words}: {held}{_in_brackets(changed)}."


def _in_brackets(changed: Sequence[str]) -> str:
    return f" (not: {'; '.join(changed)})" if changed else ""


def _overlap(found: Record) -> str:
    """How much of the questions training shows."""
    largest = max(
        ((share, name, kind) for name, row in found["overlap"].items()
         for kind, share in row.items() if kind.startswith("hard")),
        default=None,
    )  # fmt: skip
    if largest is None:
        return "Not done: overlap of questions and training examples."
    share, name, kind = largest
    return (
        "Overlap (seed "
        f"{found['seeds'][0]}): the last training of a network shows at most {percent(share)} of "
        f"the hard questions of a kind with the same edges and target ({title(found, name)}, "
        f"{phrase(kind)})."
    )


def _threads(found: Record, families: Sequence[Sequence[Contrast]]) -> str:
    """The same differences with another number of threads."""
    again = found.get("again")
    if again is None:
        return "Not done: another number of threads, which moves rounding only."
    other = {**found, **again}
    parts = []
    for t in (t for family in families for t in compared(found, family) if t.shown):
        there = compared(other, [t.contrast])
        same = bool(there) and (there[0].estimate > 0) == (t.estimate > 0)
        parts.append(same)
    seeds = len(other["seeds"])
    return (
        f"Another number of threads ({', '.join(map(str, again['threads']))}; {seeds} seeds): "
        f"{sum(parts)} of the {len(parts)} differences that are shown have the same sign."
    )


def cost(found: Record) -> str:
    """Time, machine, and the command that makes it all again."""
    seconds = found["seconds"]
    time = f"{seconds / 60:.0f} minutes one after the other" if seconds else "time not recorded"
    threads = ", ".join(map(str, found["threads"]))
    return (
        "## Cost and command\n\n"
        f"{len(found['runs'])} runs, {time} (threads of each: {threads}), on "
        f"{', '.join(found['machines'])}; what another run had trained was copied. Commit "
        f"{', '.join(found['commits'])}.\n\n"
        f"<!-- not run: minutes -->\n```console\n$ {found['command']}\n"
        "```\n\nAt its end it prints the command that collects the values: "
        f"`benchmarks/results/findings/{found['question']}.json`."
    )
