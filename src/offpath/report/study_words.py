"""The comparison with the study in words: nothing is written beforehand, all of it is computed.

In: the record of one run, as `report.study` makes it. Out: sentences.
"""

from collections.abc import Mapping, Sequence

from offpath.report.cells import STRATA, Slice, percent
from offpath.report.findings import listed, question
from offpath.report.published import MIXTURE, QUANTITIES
from offpath.report.study import ON_PATH
from offpath.runs import Record

PARTS = {"graphs": "graphs", "model": "model", "pretrain": "pre-training"}
ON_PATH_WORLDS = {"finetuning_after": "the fine-tuning data", "test_a": "test a", "test_b": "test b"}
OFF_PATH_WORLDS = {"test_c": "test c", "test_d": "test d", "test_e": "test e"}
NEVER_SHOWN = ("on_path, unseen", "off_path", "off_path_cut", "unreachable", "absent")
"""Kinds of question that fine-tuning never shows."""
NO_PATH = ("unreachable", "absent")
IMPORTED_DIGITS = 8


def stratum(found: Record) -> Slice:
    """What the questions of a stratum ask."""
    known = (*STRATA, ON_PATH)
    return next(s for s in known if (s.by, s.slice) == (found["by"], found["slice"]))


def origin_sentences(one: Record, named: bool) -> list[str]:
    """What of a run's configuration is the study's, and, if `named`, each option that is not."""
    tuning = [d for d in one["differences"] if d["option"].startswith("finetune.")]
    others = [d for d in one["differences"] if d not in tuning]
    imported = one["imported"]
    sentences = []
    if imported is not None:
        digits = imported[:IMPORTED_DIGITS]
        sentences.append(
            f"Weights imported (SHA-256 {digits}…), how they were pre-trained is not known here."
        )
    parts = [words for name, words in PARTS.items() if name != "pretrain" or imported is None]
    if others:
        sentences.append(f"Not the study’s {listed(parts)}: {_options(others, named)}.")
    else:
        sentences.append(f"The study’s {listed(parts)}.")
    if tuning:
        sentences.append(
            "Fine-tuned in neither way of the study; beside the nearer one, "
            f"{one['finetuned']}: {_options(tuning, named)}."
        )
    else:
        sentences.append(f"Fine-tuned {one['finetuned']}.")
    if any(d["option"].startswith("graphs.") for d in others):
        sentences.append(
            "With other graphs its distributions are others, and so is the label of “no path”: "
            "its figures show the same pattern, but are not the same quantities."
        )
    return sentences


def hidden_sentences(one: Record) -> list[str]:
    """What a run's pooled figures hide: dilution by target 2, and questions never shown."""
    found = {quantity["quantity"]: quantity for quantity in one["quantities"]}
    diluted = [
        f"{percent(share)} of {title}"
        for name, title in ON_PATH_WORLDS.items()
        if name in found and (share := _share(found[name], "examples", ("trained",)))
    ]
    dominated = [
        f"{percent(share)} of that of {title}{_most(found[name])}"
        for name, title in OFF_PATH_WORLDS.items()
        if name in found and (share := _share(found[name], "error", NEVER_SHOWN))
    ]
    sentences = []
    if diluted:
        sentences.append(
            f"On-path scores are diluted: vertex 2, the target of pre-training, is {listed(diluted)}."
        )
    if dominated:
        sentences.append(
            "Off-path scores are confounded: of the squared error, questions that fine-tuning "
            f"never shows carry {listed(dominated)}."
        )
    return sentences


def mixture_sentence() -> str:
    """What the published figures pool, in the study's own distributions."""
    titles = {one.world: one.title for one in QUANTITIES} | {"finetuning": "the fine-tuning data"}
    diluted = [
        f"{percent(shares['trained'])} of {titles[world]}"
        for world, shares in MIXTURE.items()
        if "absent" not in shares
    ]
    confounded = [
        f"{percent(shares['absent'])} and {percent(shares['unreachable'])} of {titles[world]}"
        for world, shares in MIXTURE.items()
        if "absent" in shares
    ]
    return (
        f"In the study’s own distributions vertex 2 is the target in {listed(diluted)}; absent and "
        f"unreachable targets make up {listed(confounded)}."
    )


def _options(found: Sequence[Record], named: bool) -> str:
    if not named:
        return f"{len(found)} options differ"
    return ", ".join(f"{d['option']} {d['run']}, not {d['study']}" for d in found)


def _share(quantity: Record, of: str, slices: Sequence[str]) -> float:
    """The share of a quantity's examples or squared error that some strata have together."""
    return sum(s[f"share_of_{of}"] or 0 for s in quantity["strata"] if s["slice"] in slices)


def _most(quantity: Record) -> str:
    """The stratum with the largest part of the error, in brackets."""
    strata: list[Mapping] = [s for s in quantity["strata"] if s["share_of_error"] is not None]
    if not strata:
        return ""
    worst = max(strata, key=lambda s: s["share_of_error"])
    share, examples = percent(worst["share_of_error"]), percent(worst["share_of_examples"])
    return f" ({question(stratum(worst))} alone {share}, with {examples} of the examples)"
