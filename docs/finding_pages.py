"""The pages on findings, `docs/findings/QUESTION.md`: everything between their markers.

In: `benchmarks/results/findings/QUESTION.json`. Out: verdict, figure, design, every seed,
statistics, attacks, cost. A verdict is computed from the numbers; what is missing is named.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from docs import coherence_page, depth_page, inside_page, prediction_page, truth_page
from docs.finding_parts import arms_table, attacks, cost, seeds_table, statistics_table
from docs.finding_verdicts import RULE, Compared, Contrast, compared, decided, values
from docs.finding_words import claims, listed, percent, phrase, title, told
from docs.raw import RESULTS, markdown, record
from offpath.run.files import Record
from offpath.sweep.presets import PRESETS

SEEN, UNSEEN = "hard: on path, seen", "hard: on path, unseen"
OFF, CUT, TRAINED = "hard: off path", "hard: off path, cut", "hard: trained"
NO_PATH = "pre-training: no path"
BOTH = "off_path0.2+unreachable0.2"
ELICITING = ("off_path0.2", "unreachable0.2", BOTH, f"{BOTH}+random_ids", "oracle")
KEEPING = ("replay0.2", "l2_sp0.01", "last_block_only", "bias_and_norm_only", "low_rank2")
HELPED = ("finetuned", "random_ids", BOTH, f"{BOTH}+random_ids", "oracle")


MOTIVE, INSIDE = ("truth", "coherence"), "inside"


class Family(NamedTuple):
    """Contrasts that were planned together; Holm's method adjusts them as one."""

    title: str
    contrasts: Sequence[Contrast]


class Finding(NamedTuple):
    """How a question is read from its values."""

    families: Sequence[Family]
    verdict: Callable[[Record, list[list[Compared]]], str]
    kinds: Sequence[str]  # of question, in the figure and the table of seeds
    more: Callable[[Record], str] = lambda _: ""


def ids_verdict(found: Record, families: list[list[Compared]]) -> str:
    """Whether unseen ids, size, or both break the skill."""
    by = {(t.contrast.first, t.contrast.second): t for t in families[0]}
    ids, size = by.get(("random_ids", "finetuned")), by.get(("large_graphs", "finetuned"))
    if ids is None or size is None or "too few seeds" in (ids.verdict, size.verdict):
        return told(found, families[0])
    raised = (ids.verdict == "higher", size.verdict == "higher")
    word = {(True, False): "Unseen ids: the ids, not size.", (False, True): "Unseen ids: size.",
            (True, True): "Unseen ids: both, ids and size.",
            (False, False): "Unseen ids: neither ids nor size is shown."}  # fmt: skip
    beside = by.get(("random_ids", "large_graphs"))
    rows = [ids, size, beside] if beside else [ids, size]
    seen = {(t.contrast.first, t.contrast.second): t for t in families[-1]}
    above = seen.get(("large_graphs", RULE))
    more = (" Seen ids: shown larger graphs too, which are then no shift, the network is above the "
            "best trivial rule.")  # fmt: skip
    more = more if above and above.verdict == "higher" else ""
    return f"**{word[raised]}{more}** {claims(found, rows)} {claims(found, [*seen.values()])}"


def elicits_verdict(found: Record, families: list[list[Compared]]) -> str:
    """Which interventions raise the accuracy off the path, and whether any passes the rules."""
    against, beside, *_ = families
    if not against or against[0].verdict == "too few seeds":
        return told(found, against)
    raised = [t for t in against if t.verdict == "higher"]
    above = [t for t in beside if t.verdict == "higher"]
    first = (
        f"Higher than plain fine-tuning: {listed(title(found, t.contrast.first) for t in raised)}."
    )
    if not raised:
        first = "No intervention is shown to raise the accuracy."
    second = (
        f"Above the best trivial rule: {listed(title(found, t.contrast.first) for t in above)}."
    )
    if not above:
        second = "None is shown to be above the best trivial rule."
    return f"**{first} {second}** {claims(found, raised or against)}"


def _firsts(found: Record, rows: Sequence[Compared]) -> str:
    return listed(title(found, one.contrast.first) for one in rows)


def helps_verdict(found: Record, families: list[list[Compared]]) -> str:
    """In how many comparisons pre-training helps, hurts, or shows nothing."""
    every = [t for family in families for t in family]
    if not every or every[0].verdict == "too few seeds":
        return told(found, every)
    parts = []
    for verdict, words in (("higher", "helps"), ("lower", "hurts")):
        ones = [f"{title(found, t.contrast.first)} ({phrase(t.contrast.kind)})"
                for t in every if t.verdict == verdict]  # fmt: skip
        parts.append(f"it {words} in {len(ones)}" + (f": {listed(ones)}" if ones else ""))
    rest = sum(not t.shown for t in every)
    counts = [part.split(":")[0] for part in parts]
    return (
        f"**Of {len(every)} comparisons with the same fine-tuning from untrained weights, "
        f"{counts[0]}, {counts[1]}, and in {rest} no difference is shown.** {above_rules(found)} "
        f"In detail: {parts[0]}; {parts[1]}."
    )


def above_rules(found: Record) -> str:
    """Which networks are above the best trivial rule whatever the seed, as a sentence."""
    above = []
    for kind in (SEEN, UNSEEN, OFF, CUT):
        bound = found["rules"][kind]["accuracy"]
        for name in found["networks"]:
            row = values(found, name, kind)
            if row and min(row.values()) > bound:
                above.append(f"{title(found, name)} ({phrase(kind)})")
    return f"Above the best trivial rule with every seed: {listed(above)}."


def forgets_verdict(found: Record, families: list[list[Compared]]) -> str:
    """What fine-tuning loses of pre-training, what keeps it, and whether it is erased."""
    lost, kept = families[0], families[1]
    if not lost or lost[0].verdict == "too few seeds":
        return told(found, lost)
    saved = _firsts(found, [t for t in kept if t.verdict == "higher"])
    keeps = f"Keep more of “no path”: {saved}."
    less = [phrase(t.contrast.kind) for t in lost if t.verdict == "lower"]
    loss = (
        f"Fine-tuning is worse at {listed(less)}." if less else "No loss by fine-tuning is shown."
    )
    return f"**{loss} {keeps}** {relearned(found)} {claims(found, lost)}"


def relearned(found: Record) -> str:
    """Whether "no path" comes back sooner than it is learned anew."""
    made = relearning_verdicts(found)
    if not made:
        return "Whether it is masked or erased was not measured."
    sooner = [t for t in made if t.verdict == "lower"]
    word = "**Masked, not erased:**" if len(sooner) == len(made) else (
        "**Masked in part:**" if sooner else "**Not shown to be masked:**")  # fmt: skip
    steps = [f"below {t.contrast.kind}: {t.means[0]:.0f} steps again, {t.means[1]:.0f} anew"
             for t in made]  # fmt: skip
    return f"{word} in pre-training's examples the loss of “no path” is {'; '.join(steps)}."


def relearning_verdicts(found: Record) -> list[Compared]:
    """Steps to revive "no path" against those to learn it anew; never settled counts as all."""
    made = found.get("relearning")
    if not made or not {"relearn", "relearn-scratch"} <= made["rows"].keys():
        return []
    pairs = []
    for place, bound in enumerate(made["bounds"]):
        sides = [
            {seed: float(made["steps"] if row[place] is None else row[place])
             for seed, row in zip(found["seeds"], made["rows"][name], strict=True) if row}
            for name in ("relearn", "relearn-scratch")
        ]  # fmt: skip
        pairs.append((Contrast("relearn", "relearn-scratch", f"{bound:g}"), *sides))
    return decided(pairs)


def relearning_table(found: Record) -> str:
    """Steps of each seed until "no path" is there again, or for the first time."""
    made, rows = found.get("relearning") or {}, []
    for t in relearning_verdicts(found):
        place = [f"{bound:g}" for bound in made["bounds"]].index(t.contrast.kind)
        for name, words in (("relearn", "after fine-tuning"), ("relearn-scratch", "anew")):
            steps = [row[place] if row else None for row in made["rows"][name]]
            rows.append([t.contrast.kind, words, *("never" if s is None else str(s) for s in steps),
                         f"{t.adjusted:.2g}"])  # fmt: skip
    if not rows:
        return ""
    head = ["loss below", "trained", *(f"seed {seed}" for seed in found["seeds"]), "p after Holm"]
    return (
        "## Masked or erased\n\nThe fine-tuned network, and untrained weights as control, are "
        f"trained for {made['steps']} steps on the same examples of pre-training, with the "
        "schedule of fine-tuning; the former has seen these examples before. Steps from which the "
        f"loss of “no path” stays below a bound:\n\n{markdown(head, rows)}"
    )


def held_out_ids(found: Record) -> str:
    """Ids asked for and held out, the first three and random ones by seed, as sentences."""
    small = [*range(3, found["finetune_vertices"] + 1)]
    asked = {"other_ids": found["other_ids"], "finetuned": [small] * len(found["seeds"])}
    pairs = [(Contrast(name, "held out", "asked"), _by_ids(found, name, of_seed, asked=True),
              _by_ids(found, name, of_seed, asked=False))
             for name, of_seed in asked.items()]  # fmt: skip
    rows = [
        f"- {'ids random by seed' if t.contrast.first == 'other_ids' else 'ids 3, 4, ...'}: "
        f"{percent(t.means[0])} for ids that fine-tuning asks for, {percent(t.means[1])} for the "
        f"others (p after Holm {t.adjusted:.2g}: {t.verdict})"
        for t in decided([pair for pair in pairs if pair[1] and pair[2]])
    ]
    return "## Held-out ids at random\n\n" + "\n".join(rows) if rows else ""


def _by_ids(
    found: Record, name: str, of_seed: Sequence[Sequence[int]], *, asked: bool
) -> dict[int, float]:
    """By seed the mean accuracy over the ids that fine-tuning asks for, or over the others."""
    by_id = {target: values(found, name, f"hard: on path, t = {target}")
             for target in range(3, found["max_vertices"] + 1)}  # fmt: skip
    made = {}
    for seed, own in zip(found["seeds"], of_seed, strict=True):
        got = [row[seed] for t, row in by_id.items() if (t in own) == asked and seed in row]
        made |= {seed: sum(got) / len(got)} if got else {}
    return made


def _against(names: Sequence[str], other: str, kind: str) -> list[Contrast]:
    return [Contrast(name, other, kind) for name in names]


def _scratch(names: Sequence[str], kind: str) -> list[Contrast]:
    return [
        Contrast(name, "scratch" if name == "finetuned" else f"{name}-scratch", kind)
        for name in names
    ]


FINDINGS = {
    "ids": Finding(
        [Family("Ids or size", [
            *_against(("random_ids", "large_graphs", "present_ids"), "finetuned", UNSEEN),
            Contrast("random_ids", "large_graphs", UNSEEN),
            Contrast("random_ids", "present_ids", UNSEEN)]),
         Family("Diversity or size", [
            Contrast("distinct_graphs100", "finetuned", SEEN),
            Contrast("large_graphs+distinct_graphs100", "distinct_graphs100", SEEN),
            Contrast("large_graphs+distinct_graphs814", "large_graphs+distinct_graphs100", SEEN),
            Contrast("large_graphs+distinct_graphs10000", "large_graphs+distinct_graphs814", SEEN),
            Contrast("large_graphs", "large_graphs+distinct_graphs10000", SEEN)]),
         Family("Embeddings of unseen ids",
                _against(("averaged_ids", "reset_ids"), "finetuned", UNSEEN)),
         Family("Seen ids (not planned, but compared after the numbers were seen)", [
            *_against(("large_graphs", "random_ids"), "finetuned", SEEN),
            *_against(("large_graphs", "random_ids"), RULE, SEEN)])],
        ids_verdict, (UNSEEN, SEEN), held_out_ids),
    "off-path": Finding(
        [Family("Against plain fine-tuning", _against(ELICITING, "finetuned", OFF)),
         Family("Against the best trivial rule", _against(ELICITING, RULE, OFF)),
         Family("Another read-out", [
            *_against(("classification", "ordinal"), "finetuned", OFF),
            *_against(("classification", "ordinal"), "finetuned", SEEN)])],
        elicits_verdict, (OFF, CUT)),
    "pretraining": Finding(
        [*(Family("Against the same fine-tuning from untrained weights", _scratch(HELPED, kind))
           for kind in (SEEN, UNSEEN, OFF, CUT))],
        helps_verdict, (SEEN, UNSEEN, OFF, CUT)),
    "forgetting": Finding(
        [Family("What fine-tuning loses", [
            Contrast("finetuned", "pretrained", kind) for kind in (NO_PATH, TRAINED)]),
         Family("What keeps “no path”", _against(KEEPING, "finetuned", NO_PATH)),
         Family("What it costs", _against(KEEPING, "finetuned", UNSEEN))],
        forgets_verdict, (NO_PATH, TRAINED, UNSEEN), relearning_table),
}  # fmt: skip


def page(question: str) -> str:
    """The computed part of a page."""
    if not _measured(question):
        return (
            f"Not measured yet: `offpath sweep {question} --seeds 10`, and then the command that "
            "it prints at its end."
        )
    return made(question, record(f"findings/{question}"))


def _measured(question: str) -> bool:
    return (RESULTS / "findings" / f"{question}.json").exists()


def made(question: str, found: Record) -> str:
    """The same from a record."""
    others = {"depth": depth_page.body, "prediction": prediction_page.body,
              "coherence": coherence_page.body, "truth": truth_page.body,
              "inside": inside_page.body}  # fmt: skip
    body = others[question](found) if question in others else _body(question, found)
    return "\n\n".join([*body, cost(found)])


def _body(question: str, found: Record) -> list[str]:
    finding = FINDINGS[question]
    families = [compared(found, family.contrasts) for family in finding.families]
    tables = [
        f"{family.title}:\n\n{statistics_table(found, rows)}"
        for family, rows in zip(finding.families, families, strict=True) if rows
    ]  # fmt: skip
    contrasts = [family.contrasts for family in finding.families]
    parts = [
        finding.verdict(found, families),
        f"![Accuracy of every network and seed, beside the best trivial rule]({question}.svg)",
        f"## Design\n\n{arms_table(found)}",
        f"## Every seed\n\n{seeds_table(found, finding.kinds)}",
        "\n\n".join(["## Statistics", *tables]),
        finding.more(found),
        f"## How it was attacked\n\n{attacks(found, contrasts)}",
    ]
    return [part for part in parts if part]


def index() -> str:
    """Each question with the first sentence of its verdict."""
    rows = [[f"[{PRESETS[name].question}]({name}.md)", words] for name, words in _verdicts()]
    return markdown(["question", "verdict"], rows)


def in_short() -> str:
    """Each question with its verdict, as one paragraph."""
    parts = {name: f"[*{PRESETS[name].question}*](docs/findings/{name}.md) {words}"
             for name, words in _verdicts()}  # fmt: skip
    motive = " ".join(parts.pop(name) for name in MOTIVE if name in parts)
    behind = f" **The question behind them:** {motive}" if motive else ""
    inside = f" **And inside:** {parts.pop(INSIDE)}" if INSIDE in parts else ""
    return (
        f"**Six questions, ten seeds each, one number of threads:** {' '.join(parts.values())}"
        f"{behind}{inside}"
    )


def _verdicts() -> Iterator[tuple[str, str]]:
    """The first sentences of each page, those in bold, or all of them."""
    for name in filter(_measured, PRESETS):
        first = page(name).split("\n\n")[0]
        verdict = re.match(r"\*\*(.*?)\*\*", first)
        yield name, verdict[1] if verdict else first


PARTS: dict[str, Callable[[], str]] = {
    "findings": index,
    "six questions": in_short,
    **{f"finding {name}": partial(page, name) for name in PRESETS},
}
PAGES = ("docs/findings/index.md", *(f"docs/findings/{name}.md" for name in PRESETS))
