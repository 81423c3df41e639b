"""The page on truthfulness: what an assistant says that is audited only where that is easy."""

from collections.abc import Sequence
from math import isinf

from docs.finding_words import listed, percent
from docs.truth_numbers import (
    AXES,
    BLIND,
    EASY,
    LEAKING,
    REGIMES,
    STILL,
    Effect,
    axis_effects,
    easy_effects,
    gaps,
    half_interval,
    leaks,
    preference,
    typical,
    values,
)
from docs.truth_tables import (
    axes_table,
    controls_table,
    curve_table,
    distances_table,
    easy_table,
    learned,
    probes_table,
    seeds_table,
    spread,
    title,
)
from offpath.generalize.statistics import seeds_needed
from offpath.reporters import meaning
from offpath.run.files import Record

ANSWERS = {
    "lower": "No: audited only where truth and inspector agree, the assistant says what the "
    "inspector would",
    "higher": "Yes: audited only where truth and inspector agree, the assistant is truthful beyond",
    "no difference shown": "Neither: audited only where truth and inspector agree, the assistant "
    "is shown to prefer neither of them",
}
BEYOND = {"large graphs": "in large graphs", "unseen ids": "for unseen ids",
          "off path": "off the path"}  # fmt: skip


def body(found: Record) -> list[str]:
    """Everything but the cost."""
    if preference(found) is None:
        return ["**No verdict:** there is no run of the recipe."]
    return [
        f"{verdict(found)} {carries(found)} {decides(found)}",
        "![Answers to unaudited questions by the share of hard ones among the audits](truth.svg)",
        f"## Question and design\n\n{design(found)}",
        f"## How much oversight\n\n{curve_table(found)}",
        f"## Controls\n\n{controls_table(found)}",
        f"## By distance\n\n{distances_table(found)}",
        f"## From easy audits to hard questions\n\n{easy_table(found)}",
        f"## What decides\n\n{axes_table(found)}",
        f"## Does it know?\n\n{probes_table(found)}",
        f"## Every seed\n\n{seeds_table(found)}",
        f"## How it was attacked\n\n{attacks(found)}",
        f"## What would change our mind\n\n{changes_of_mind(found)}",
    ]


def verdict(found: Record) -> str:
    """The answer in one sentence, with seeds, intervals and command."""
    made = preference(found)
    assert made is not None, "a page without runs has no verdict"
    seeds, few = made.seeds, made.verdict == "too few seeds"
    start = ANSWERS.get(made.verdict, f"No verdict: {seeds} seeds are too few, {seeds_needed()} "
                        "are needed")  # fmt: skip
    word, true = (spread(typical(values(found, BLIND, place))) for place in ("inspector", "true"))
    return (
        f"**{start}{'; of' if few else ': of'} the answers that nobody audits {word} are the "
        f"inspector's and {true} are true, and {half_point(found)} (n = {seeds} seeds, 95 % "
        f"intervals; `{found['command']}`).{_other_inspector(found)}**"
    )


def _other_inspector(found: Record) -> str:
    """Whom most answers follow in each seed, with an inspector that errs by vertex id."""
    for rule, arm in _of_ids(found):
        both = [values(found, BLIND, place, arm=arm) for place in ("inspector", "true")]
        word, true = (sum(share > 0.5 for share in of_seeds.values()) for of_seeds in both)
        chance = " the seed decides:" if word and true else ""
        return (
            f" With an inspector whose audits hold every distance (`{rule}`){chance} most answers "
            f"are the inspector's in {word} of {len(both[0])} seeds, and true in {true}."
        )
    return ""


def _of_ids(found: Record) -> list[tuple[str, str]]:
    """The inspectors that err by vertex id, each with its arm."""
    rules = ((arm["changed"].get("inspectors", ""), name) for name, arm in found["arms"].items())
    return [one for one in rules if one[0].startswith("ids=")]


def half_point(found: Record) -> str:
    """How many hard audits make half of the answers true, in words."""
    made, largest = half_interval(found), max(leaks(found))
    if made is None or not largest:
        return "how much oversight truth costs was not measured"
    middle, low, high = made
    if isinf(middle):
        return f"fewer than half are true even where {share(largest)} of the audits are hard"
    ends = "" if low is None or high is None else f" ({share(low)} to {_end(high, largest)})"
    return f"half are true once {share(middle)}{ends} of the audits are hard"


def _end(high: float, largest: float) -> str:
    return f"more than {share(largest)}" if isinf(high) else share(high)


def share(leak: float) -> str:
    """A small share as text.

    >>> share(0.00123)
    '0.12 %'
    """
    return f"{100 * leak:.2g} %"


def carries(found: Record) -> str:
    """Whether easy audits, in which truth and inspector differ, carry over to hard questions."""
    made = easy_effects(found)
    if not made:
        return "Easy audits were not tried."
    parts = []
    for t in made:
        gap = typical(gaps(found, t.axis, EASY[t.axis][1]))
        recovered = "" if gap is None else f", {spread(gap)} of the gap"
        parts.append(
            f"{title(found, t.axis)}: {percent(t.means[0])} true {BEYOND[t.level]}, "
            f"{percent(t.means[1])} blind ({t.verdict}, p = {t.adjusted:.2g}{recovered})"
        )
    higher = sum(t.verdict == "higher" for t in made)
    return (
        "Audits of everything in an easy part, also of what the inspector gets wrong there, make "
        f"more answers true beyond that part in {higher} of {len(made)} kinds: {'; '.join(parts)}."
    )


def decides(found: Record) -> str:
    """Which options move the share of true answers, and which do not."""
    parts = []
    for regime in REGIMES:
        made = axis_effects(found, regime)
        by = {verdict: listed(_level(t) for t in made if t.verdict == verdict)
              for verdict in ("higher", "lower", "no difference shown", "too few seeds")
              if any(t.verdict == verdict for t in made)}  # fmt: skip
        words = "; ".join(f"{verdict}: {levels}" for verdict, levels in by.items())
        parts.append(f"{regime}: {words or 'nothing was varied'}")
    return f"What decides, by the share of true answers: {'. '.join(parts)}."


def _level(t: Effect) -> str:
    return t.level if t.axis in ("trained", "inspectors") else f"{AXES[t.axis]} {t.level}"


def design(found: Record) -> str:
    """The question, who is asked what, and a drawing of it."""
    rule, counts = found["inspector"], found["questions"]
    return f"""A model is trained to be truthful where somebody can check it. Is it truthful where \
nobody can? Here the truth is exact: the distance d(1, t), or “no path”. The *inspector* says \
{meaning(rule)} (`{rule}`): right wherever he looks, coherent, and wrong beyond. Pre-training \
shows both, each under its marker. The *assistant* is a third marker, which pre-training never \
shows; fine-tuning on *audits* gives it true answers. It is then asked what was never audited: \
*hard* questions, on which truth and inspector differ.

```text
               what is asked                                      what is trained
pre-training   graph, t, marker of truth      (half of them)      d(1, t)
               graph, t, marker of inspector  (half of them)      {_short(rule)}
fine-tuning    graph, t, marker of assistant: truth = inspector   d(1, t)     blind audits
               a share p of them:             truth ≠ inspector   d(1, t)     leak p
test           graph, t, marker of assistant: truth ≠ inspector   nothing: is it true, the
                                                                  inspector's, or neither?
```

{counts["unaudited"]:,} unaudited questions, the same for every seed, with the law of test e \
(distances {_counts(found)}); {counts["audited"]:,} audited ones. An answer counts as true if it \
rounds to the true distance. *Gap recovered*: (assistant – inspector) / (truth – inspector), each \
the share of true answers of the pre-trained network under that marker. {learned(found)}"""


def _short(rule: str) -> str:
    name, _, number = rule.partition("=")
    return f"d(1, t) up to {number}, else no path" if name == "near" else f"what {rule} says"


def _counts(found: Record) -> str:
    return listed(f"{label}: {count:,}" for label, count in found["distances"].items())


def attacks(found: Record) -> str:
    """What was done to overturn it, and what was not."""
    rule, best = max(found["rules"].items(), key=lambda one: one[1][0])
    known = {name: values(found, name).values() for name in ("ceiling", *leaks(found).values())}
    above = listed(title(found, n) for n, row in known.items() if row and min(row) > best[0])
    lines = [
        f"Trivial rules: “{rule}”, fitted on unaudited questions, is true in {percent(best[0])} "
        f"of them, for most have the smallest distance (above it with every seed: {above}); no "
        "such rule says what the inspector does in more than "
        f"{percent(max(one[1] for one in found['rules'].values()))}.",
        *_overlap(found, leaks(found)[max(leaks(found))]),
        *_forgotten(found),
        _measures(found),
        _with_gaps(found),
        *_every_distance(found),
        "Not done: another number of threads, which moves rounding only; networks of another size; "
        "graphs of more vertices.",
    ]
    return "\n".join(f"- {line}" for line in lines)


def _overlap(found: Record, largest: str) -> list[str]:
    """How much of the test trainings show, and what is answered about graphs that they do not."""
    words, made = [], found["overlap"]
    for name in (BLIND, LEAKING, largest):
        if one := made.get(name):
            new = "" if one["new"] is None else (
                f"; where the graph is new, {percent(one['new'][0])} true and "
                f"{percent(one['new'][1])} the inspector's")  # fmt: skip
            words.append(f"{title(found, name)}: {percent(one['question'])} and "
                         f"{percent(one['graph'])}{new}")  # fmt: skip
    if before := made.get("pretrained"):
        words.append(f"pre-training, under other markers: {percent(before['question'])} and "
                     f"{percent(before['graph'])}")  # fmt: skip
    if not words:
        return ["Not done: overlap of audits and unaudited questions."]
    return [
        "Overlap (first seed): unaudited questions that the audits hold with the same edges and "
        f"target, and those whose graph they hold with any target: {'; '.join(words)}."
    ]


def _forgotten(found: Record) -> list[str]:
    """Whether the blind network merely forgot the truth: it is asked as truth too."""
    asked, before = (typical(values(found, name)) for name in (STILL, "ceiling"))
    if asked is None or before is None:
        return ["Not done: the blind network asked as truth."]
    return [
        "Forgetting: blind audits show no distance beyond the inspector's, and the truth's own "
        f"marker suffers too: {spread(asked)} of the unaudited answers of the blind network, asked "
        f"as truth, are true ({spread(before)} before). So forgetting is part of it, and not all: "
        f"asked as assistant, {spread(typical(values(found, BLIND)))} are."
    ]


def _every_distance(found: Record) -> list[str]:
    """An inspector whose blind audits hold every distance: there is nothing to forget."""
    made = []
    for rule, arm in _of_ids(found):
        own = [
            values(found, name, place, arm=arm)
            for name, place in ((BLIND, "inspector"), (BLIND, "true"), ("pretrained", "true"))
        ]
        by_seed = listed(f"seed {s}: {percent(own[1][s])} and {percent(own[0][s])}" for s in own[1])
        asked = spread(typical(values(found, STILL, arm=arm)))
        made.append(
            f"Forgetting, once more: the inspector `{rule}` ({meaning(rule)}) errs by vertex id, "
            "and its blind audits hold every distance. Blind, on its own unaudited questions, so "
            f"many answers are true and the inspector's: {by_seed}. Asked as truth, the same "
            f"networks are true in {asked}: nothing is forgotten, and what the assistant says is "
            "not decided by the audits. Before them it is true in "
            f"{listed(percent(share) for share in own[2].values())}, in the order of the seeds."
        )  # fmt: skip
    return made


def _measures(found: Record) -> str:
    """Whether “neither” hides a mean of both, or a scale."""
    rows = found["arms"]["recipe"]["rows"].get(BLIND, {}).values()
    between, true, word = (
        sum(values) / max(1, len(rows))
        for values in zip(*((r["between"], *r["squared"]) for r in rows), strict=True)
    )
    mapped = [r["mapped"] for r in rows if r["mapped"] is not None]
    best = f"{percent(sum(mapped) / len(mapped))}" if mapped else "not measured"
    return (
        f"Rounding: blind, {percent(between)} of the answers lie between truth and inspector, more "
        f"than half a hop from both; the mean squared error is {true:.1f} from the truth and "
        f"{word:.1f} from the inspector; after the best monotone map to the truth, distances with "
        f"equal weights, {best} are true (a constant answer: one over the number of distances)."
    )


def _with_gaps(found: Record) -> str:
    """Whether verdicts stand when the gap recovered is compared."""
    held = total = 0
    for regime in REGIMES:
        other = {(t.axis, t.level): t.verdict for t in axis_effects(found, regime, gap=True)}
        made = [t for t in axis_effects(found, regime) if (t.axis, t.level) in other]
        total += len(made)
        held += sum(other[t.axis, t.level] == t.verdict for t in made)
    return (
        "Options that change how well the truth is learned at all: with the gap recovered in place "
        f"of the share of true answers, {held} of {total} verdicts on options stand."
    )


def changes_of_mind(found: Record) -> str:
    """What would overturn the verdict."""
    forgotten = () if _every_distance(found) else (
        "Blind audits hold no distance that this inspector does not know, so that to forget all "
        "other answers looks like following him. An inspector that errs by vertex id (the option "
        "`ids=5`), whose audits hold every distance, tells the two apart.",
    )  # fmt: skip
    lines: Sequence[str] = (
        "A blind assistant that is true more often than it is the inspector, in other seeds, with "
        "another inspector of the same kind, or in larger networks.",
        "A curve that depends on how often fine-tuning meets a hard question, and not on its share:"
        " then the half point is a number of examples, and longer fine-tuning moves it. The axis "
        "of steps above tells.",
        "An inspector that is harder to learn than the truth.",
        *forgotten,
    )
    return "\n".join(f"- {line}" for line in lines)
