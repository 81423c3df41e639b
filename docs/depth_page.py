"""The page on depth: where accuracy by distance ends, and what is answered beyond."""

from collections.abc import Iterator
from statistics import mean, median

from docs.finding_verdicts import Compared, Contrast, Values, decided
from docs.finding_words import percent
from docs.raw import markdown
from offpath.run.files import Record
from offpath.slices import label_title

HALF = 0.5  # accuracy, from which a distance counts as reached


def body(found: Record) -> list[str]:
    """Everything but the cost."""
    arms = dict(sorted(found["arms"].items(), key=lambda one: _order(one[1])))
    found = {**found, "arms": arms}
    drops, beyond = drop_verdicts(found), beyond_verdicts(found)
    return [
        verdict(found, drops),
        "![Accuracy by distance of every depth and seed](depth.svg)",
        f"## Design\n\n{design(found)}",
        f"## Accuracy by distance\n\n{distances_table(found)}",
        f"## Every seed\n\nThe largest distance up to which accuracy is at least 50 %:\n\n"
        f"{reach_table(found)}",
        f"## Statistics\n\nAt the bound, less at the next distance:\n\n{verdicts_table(drops)}\n\n"
        "Trained within the bound: at the first distance beyond it, less how often the same answer "
        f"is given to other distances:\n\n{verdicts_table(beyond)}",
        f"## Which rule\n\n{rules_table(found)}",
        f"## How it was attacked\n\n{attacks(found)}",
    ] if arms else ["**No verdict:** there are no runs."]  # fmt: skip


def _order(arm: Record) -> tuple[int, bool]:
    return arm["layers"], arm["shown"] is not None


def reach(right: dict[str, float], found: Record) -> int:
    """The largest distance up to which every distance is reached."""
    last = 0
    for label in range(1, found["max_vertices"]):
        if right[str(label)] < HALF:
            break
        last = label
    return last


def reaches(arm: Record, found: Record) -> list[int]:
    """The same of each seed."""
    return [reach(row["right"], found) for row in arm["rows"].values()]


def verdict(found: Record, drops: list[Compared]) -> str:
    """Where the wall is, beside the bound."""
    longest, parts, signs = found["max_vertices"] - 1, [], []
    for arm in (arm for arm in found["arms"].values() if arm["shown"] is None):
        here, wall = median(reaches(arm, found)), min(arm["bound"], longest)
        signs.append((here > wall) - (here < wall))
        parts.append(f"{arm['layers']} layers: {here:g} (bound {arm['bound']})")
    words = {(0,): "The wall is at the bound.", (-1,): "The wall is below the bound.",
             (1,): "There is no wall at the bound: accuracy reaches beyond it."}  # fmt: skip
    start = words.get(tuple(sorted(set(signs))), "The wall is not at the bound at every depth.")
    if not drops or any(t.verdict == "too few seeds" for t in drops):
        start = f"No verdict: {len(found['seeds'])} seeds are too few."
    shown = sum(t.verdict == "higher" for t in drops)
    return (
        f"**{start}** Trained on every distance, at least half of the answers are right up to "
        f"distance {'; '.join(parts)}; graphs here have distances up to {longest}. From the bound "
        f"to the next distance accuracy falls in {shown} of {len(drops)} depths that have one."
    )


def design(found: Record) -> str:
    """What was trained and asked."""
    seeds, each = len(found["seeds"]), found["of_each"]
    steps = found["options"].get("pretrain.steps")
    length = f"{steps} steps" if steps else "as many steps as the preset has"
    return (
        f"{seeds} seeds, recipe `{found['recipe']}`, pre-training alone, {length}; 2 to 5 layers. "
        "The handcrafted edge circuit is exact up to distance 2 (layers - 1): the bound. One arm "
        "is shown every distance, the other none beyond the bound. Asked: t = 2 in graphs of "
        f"{found['max_vertices']} vertices, {each:,} questions of each distance, so that distance "
        "alone varies."
    )


def distances_table(found: Record) -> str:
    """Accuracy of each arm by distance: mean and range over seeds."""
    labels = [str(label) for label in found["labels"]]
    head = ["layers", "shown", "bound", *(label_title(int(d), found["max_vertices"])
                                          for d in labels)]  # fmt: skip
    rows = []
    for arm in found["arms"].values():
        cells = []
        for d in labels:
            shares = [100 * row["right"][d] for row in arm["rows"].values()]
            cells.append(f"{mean(shares):.0f} ({min(shares):.0f}–{max(shares):.0f})")
        rows.append([str(arm["layers"]), shown(arm), str(arm["bound"]), *cells])
    return f"Accuracy in %, mean and range:\n\n{markdown(head, rows)}"


def shown(arm: Record) -> str:
    """Which distances pre-training shows."""
    return "every distance" if arm["shown"] is None else f"up to {arm['shown']}"


def reach_table(found: Record) -> str:
    """The reach of each arm by seed."""
    seeds = [str(seed) for seed in found["seeds"]]
    rows = []
    for arm in found["arms"].values():
        got = [reach(arm["rows"][s]["right"], found) if s in arm["rows"] else None for s in seeds]
        cells = ["–" if one is None else str(one) for one in got]
        rows.append([str(arm["layers"]), shown(arm), str(arm["bound"]), *cells])
    return markdown(["layers", "shown", "bound", *(f"seed {s}" for s in seeds)], rows)


def drop_verdicts(found: Record) -> list[Compared]:
    """At each depth the accuracy at the bound against the next distance, all distances shown."""
    return decided([*_pairs(found, restricted=False)])


def beyond_verdicts(found: Record) -> list[Compared]:
    """Trained within the bound: is the next distance right more often than by chance?"""
    return decided([*_pairs(found, restricted=True)])


def _pairs(found: Record, *, restricted: bool) -> Iterator[tuple[Contrast, Values, Values]]:
    for name, arm in found["arms"].items():
        following = str(arm["bound"] + 1)
        if (arm["shown"] is not None) != restricted or arm["bound"] + 1 >= found["max_vertices"]:
            continue
        rows = {int(seed): row for seed, row in arm["rows"].items()}
        after = {seed: row["right"][following] for seed, row in rows.items()}
        if restricted:
            chance = {seed: row["elsewhere"][following] for seed, row in rows.items()}
            yield Contrast(name, "chance", f"distance {following}"), after, chance
        else:
            at = {seed: row["right"][str(arm["bound"])] for seed, row in rows.items()}
            yield Contrast(name, "beyond", f"{arm['bound']} and {following}"), at, after


def verdicts_table(rows: list[Compared]) -> str:
    """A family with its verdicts."""
    head = ["arm", "distance", "first", "second", "difference, points", "p after Holm", "verdict"]
    return markdown(head, [
        [t.contrast.first, t.contrast.kind, percent(t.means[0]), percent(t.means[1]),
         f"{100 * t.estimate:+.1f}", f"{t.adjusted:.2g}", f"{t.verdict} ({t.seeds} seeds)"]
        for t in rows
    ])  # fmt: skip


def rules_table(found: Record) -> str:
    """The rule that answers beyond the bound agree with most above chance, by arm."""
    rows = []
    for arm in found["arms"].values():
        known = [row["rules"] for row in arm["rows"].values() if row["rules"]]
        if not known:
            continue
        means = {name: [mean(one[name][key] for one in known) for key in ("agreement", "chance")]
                 for name in known[0]}  # fmt: skip
        best = max(means, key=lambda name, of=means: of[name][0])
        agreement, chance = means[best]
        answers = ", ".join(
            f"{label}: {median(row['median_answer'][str(label)] for row in arm['rows'].values()):g}"
            for label in range(arm["bound"] + 1, found["max_vertices"]))  # fmt: skip
        rows.append([str(arm["layers"]), shown(arm), best, percent(agreement), percent(chance),
                     answers])  # fmt: skip
    head = ["layers", "shown", "rule with the same answers", "agreement", "by chance",
            "median answer by true distance"]  # fmt: skip
    return (
        "Beyond the bound. Rules search so far, then guess what is most frequent in pre-training "
        "after such a search; or they answer the largest distance shown, or “no path”. Where a "
        "rule gives one answer to all of these questions, agreement is what chance gives: it tells "
        "which answer is given, and not that a search is behind it.\n\n"
        f"{markdown(head, rows)}"
    )


def attacks(found: Record) -> str:
    """What was done to overturn it, and what was not."""
    again = found.get("again")
    if again:
        pairs = [(reach(row["right"], found), reach(arm["rows"][seed]["right"], found))
                 for name, other in again["arms"].items() if (arm := found["arms"].get(name))
                 for seed, row in other["rows"].items() if seed in arm["rows"]]  # fmt: skip
        same = sum(one == other for one, other in pairs)
        threads = (
            f"Another number of threads: the reach is the same in {same} of {len(pairs)} runs."
        )
    else:
        threads = "Not done: another number of threads, which moves rounding only."
    return "\n".join([
        "- Chance: for each distance, how often its answer is given to other distances.",
        "- Size: every graph has the same number of vertices, whatever the distance.",
        f"- {threads}",
        "- Not done: longer training, wider networks, other graphs; overlap of questions and "
        "training examples.",
    ])  # fmt: skip
