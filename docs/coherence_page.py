"""The page on coherence: trained to be truthful on A and coherent on B, is a network true on B?"""

from collections.abc import Iterator, Sequence
from statistics import mean

from docs.finding_parts import meanings, seeds_table, statistics_table
from docs.finding_verdicts import RULE, Compared, Contrast, Values, compared, decided, values
from docs.finding_words import listed, percent, title, told
from docs.raw import markdown
from offpath.run.files import Record

A, OPEN, NEITHER = "finetuned", "bellman_unanchored", "pretrained"
HARD = "off path, d(1,t) neither 1 nor d(1,2)"
FAR = "off path, d(1,t) at least 3 and not d(1,2)"
NEAR = "off path, d(1,t) = 1 and not d(1,2)"
UNSEEN, CUT, UNREACHABLE = "on path, unseen ids", "off path, cut", "unreachable, with edges"
DRAWN = (HARD, FAR, NEAR, UNSEEN, CUT, UNREACHABLE)
LADDER = ("components", "lipschitz_unanchored", "lipschitz", OPEN, "bellman")
BASE = {
    NEITHER: "Neither: pre-training alone.",
    A: "A alone: plain fine-tuning on audited examples, targets on the path of small graphs.",
}
FAMILIES: dict[str, Sequence[Contrast]] = {
    "Beside A alone": [
        Contrast(name, A, HARD) for name in LADDER],
    "Does coherence need the audit, and its own edges": [
        Contrast("bellman", "bellman+audit0", HARD), Contrast("bellman", "bellman+shuffled", HARD)],
    "How many audited examples": [
        Contrast(OPEN, f"{OPEN}+audit0.1", HARD),
        Contrast(f"{OPEN}+audit0.1", f"{OPEN}+audit0.01", HARD),
        Contrast(f"{OPEN}+audit0.01", f"{OPEN}+audit0", HARD)],
    "Which graphs, and how long": [
        Contrast(f"{OPEN}+{word}", OPEN, HARD) for word in ("small_b", "large_b", "steps1600")],
    "What it costs elsewhere": [
        Contrast(OPEN, A, kind) for kind in (NEAR, UNSEEN, CUT, UNREACHABLE)],
    "Against the best trivial rule": [
        Contrast(name, RULE, kind) for kind in (HARD, FAR) for name in (OPEN, "bellman")],
}  # fmt: skip
"""Planned together, and adjusted together (Holm)."""
KINDS = {
    "truth": "the distances",
    "d(1,2)": "d(1,2) everywhere",
    "constant": "another constant",
    "shifted": "distances plus a number",
    "bellman": "another solution",
    "lipschitz": "Lipschitz, no solution",
    "none": "not coherent",
}
LIES = ("d(1,2)", "constant", "shifted", "bellman", "lipschitz")


def body(found: Record) -> list[str]:
    """Everything but the cost."""
    both = interactions(found, HARD)
    families = {name: compared(found, family) for name, family in FAMILIES.items()}
    tables = [f"{name}:\n\n{statistics_table(found, rows)}" for name, rows in
              (*_interaction_families(found), *families.items()) if rows]  # fmt: skip
    return [
        verdict(found, both, families),
        "![Accuracy of every network and seed, beside the best trivial rule](coherence.svg)",
        f"## Design\n\n{design(found)}",
        f"## Every seed\n\n{seeds_table(found, DRAWN)}",
        "\n\n".join(["## Statistics", *tables]),
        f"## Which functions\n\n{functions_table(found)}",
        f"## How it was attacked\n\n{attacks(found)}",
    ]


def interactions(found: Record, kind: str) -> list[Compared]:
    """Each coherence with A, against what A and that coherence alone add to neither."""
    return decided([*_sums(found, kind)])


def _sums(found: Record, kind: str) -> Iterator[tuple[Contrast, Values, Values]]:
    audited, neither = values(found, A, kind), values(found, NEITHER, kind)
    for name in LADDER:
        together, alone = values(found, name, kind), values(found, f"{name}+audit0", kind)
        seeds = audited.keys() & neither.keys() & alone.keys()
        added = {seed: audited[seed] + alone[seed] - neither[seed] for seed in seeds}
        if together and added:
            yield Contrast(name, "what A and it add alone", kind), together, added


def _interaction_families(found: Record) -> Iterator[tuple[str, list[Compared]]]:
    for kind in (HARD, FAR):
        yield f"Interaction of A and coherence, {kind}", interactions(found, kind)


def verdict(found: Record, both: list[Compared], families: dict[str, list[Compared]]) -> str:
    """Whether the audited truth is carried over, by which coherence, and how far it goes."""
    own = {t.contrast.first: t for t in both}
    if OPEN not in own or own[OPEN].verdict == "too few seeds":
        return told(found, both)
    t, beside = own[OPEN], {t.contrast.first: t for t in families["Beside A alone"]}
    first = {
        "higher": "Coherence that leaves the truth open carries the audited truth to hard "
                  "questions off the path: more than audit and coherence add alone",
        "lower": "Coherence that leaves the truth open works against the audited truth",
        "no difference shown": "That coherence carries the audited truth to hard questions is not "
                               "shown",
    }[t.verdict]  # fmt: skip
    weak = [beside[name] for name in LADDER[: LADDER.index(OPEN)] if name in beside]
    second = "; ".join(
        f"{words}: {listed(title(found, w.contrast.first) for w in weak if w.verdict == which)}"
        for which, words in (("lower", "weaker coherence that makes it worse"),
                             ("higher", "weaker coherence that helps too"))
    )  # fmt: skip
    rule = [x for x in families["Against the best trivial rule"]
            if x.contrast[:1] + x.contrast[2:] == (OPEN, HARD)]  # fmt: skip
    third = {"higher": "and above the best trivial rule", "lower": "and yet below the best trivial "
             "rule"}.get(rule[0].verdict if rule else "", "and not apart from the best trivial "
                         "rule")  # fmt: skip
    return (
        f"**{first}, {third}; {second}.** Right answers to hard questions off the path: "
        f"{percent(t.means[0])}; A alone {_mean(found, A)}, coherence alone "
        f"{_mean(found, f'{OPEN}+audit0')}, neither {_mean(found, NEITHER)}: interaction "
        f"{_points(t)}. Elsewhere, and A alone: {_elsewhere(found)}. Coherent lies: {_lies(found)}."
    )


def _elsewhere(found: Record) -> str:
    """Accuracy of open coherence with A on other questions, beside A alone."""
    return "; ".join(f"{kind} {_mean(found, OPEN, kind)}, {_mean(found, A, kind)}"
                     for kind in (FAR, NEAR, UNSEEN, CUT, UNREACHABLE)
                     if kind in found["scores"])  # fmt: skip


def _mean(found: Record, name: str, kind: str = HARD) -> str:
    row = values(found, name, kind)
    return percent(mean(row.values())) if row else "not measured"


def _points(t: Compared) -> str:
    spread = "" if t.low is None or t.high is None else (
        f", {100 * t.low:+.1f} to {100 * t.high:+.1f}")  # fmt: skip
    return f"{100 * t.estimate:+.1f} points{spread}; p = {t.adjusted:.2g}, {t.seeds} seeds"


def _lies(found: Record) -> str:
    """How often answers to a graph are coherent and false, by network."""
    parts = []
    for name in (A, *LADDER):
        shares = [_share(found, kind, name) for kind in LIES]
        if None not in shares:
            parts.append(f"{title(found, name)} {percent(sum(filter(None, shares)))}")
    return "; ".join(parts) + " of the graphs"


def _share(found: Record, kind: str, name: str) -> float | None:
    known = [v for v in found["functions"][kind].get(name, []) if v is not None]
    return mean(known) if known else None


def design(found: Record) -> str:
    """What A, B and the networks are."""
    rows = [[words, BASE.get(name) or " ".join(meanings(name, found))]
            for name, words in found["networks"].items()]  # fmt: skip
    arms = markdown(["network", "what it is trained on"], rows)
    return (
        f"{len(found['seeds'])} seeds, recipe `{found['recipe']}`. A: the examples of fine-tuning, "
        f"{found['finetune']['batch_examples']} in each of {found['finetune']['steps']} steps, "
        "with true labels. B: whole graphs as in test e, 48 in each step, without labels: the "
        "answers f(2), f(3), ... to one graph are to fit together. All start from the pre-trained "
        f"weights. Asked: every target in {found['graphs']:,} graphs ({found['contents']:,} "
        "different ones) of the quarter that is never part of B, the same for every seed. Rules "
        f"are fitted on other graphs.\n\n{arms}"
    )


def functions_table(found: Record) -> str:
    """What the answers to a whole graph are, in per cent of the graphs, mean over seeds."""
    rows = []
    for name, words in found["networks"].items():
        shares = [_share(found, kind, name) for kind in KINDS]
        met = [[v for v in row.get(name, []) if v is not None]
               for row in found["requirements"].values()]  # fmt: skip
        cells = ["–" if s is None else f"{100 * s:.1f}" for s in shares]
        cells += [f"{100 * mean(v):.1f}" if v else "–" for v in met]
        rows.append([words, *cells])
    head = ["network", *KINDS.values(), *(f"meets `{one}`" for one in found["requirements"])]
    return (
        "Rounded answers on all vertices with an edge, as a function; per cent of "
        f"{found['judged']:,} graphs with a vertex two hops from 1 or more, mean over seeds. The "
        "first kind that fits; “another solution” solves the Bellman equation away from vertex 1 "
        f"and is false.\n\n{markdown(head, rows)}"
    )


def attacks(found: Record) -> str:
    """What was done to overturn it, and what was not."""
    rules = "; ".join(f"{kind}: {percent(one['accuracy'])} ({one['rule']})"
                      for kind, one in found["rules"].items() if kind in DRAWN)  # fmt: skip
    control = "Not done: a control on the edges of other graphs."
    if "bellman+shuffled" in found["networks"]:
        control = "A control meets the same requirement on the edges of another graph of the step."
    return "\n".join([
        f"- Best trivial rule on the same questions: {rules}.",
        "- Most hard questions off the path have the distance 2; those of at least 3 are a part of "
        "their own, with an interaction of their own.",
        "- Hard questions leave distance 1 out, and so what unanchored coherence requires nothing "
        "of: the neighbours of 1. They are a part of their own.",
        "- Overlap: by their edges the graphs asked are of a quarter that B never shows. A may "
        "show small ones of them, asked about targets on the path.",
        f"- {control}",
        "- Not done: other recipes, other weights of the loss, another number of threads.",
    ])  # fmt: skip
