"""The comparison with the study in words: nothing is written beforehand, all of it is computed.

In: the record of one run, as `report.study` makes it. Out: sentences.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from offpath.generalize.published import MIXTURE, QUANTITIES
from offpath.generalize.study import ON_PATH
from offpath.report.cells import STRATA, Slice, percent, setting, written
from offpath.report.findings import listed, question
from offpath.run.files import Record

PARTS = {"graphs": "graphs", "model": "model", "pretrain": "pre-training"}
ON_PATH_WORLDS = {
    "finetuning_after": "the fine-tuning data",
    "test_a": "test a",
    "test_b": "test b",
}
OFF_PATH_WORLDS = {"test_c": "test c", "test_d": "test d", "test_e": "test e"}
TRAINED = ("trained",)
NEVER_SHOWN = ("on_path, unseen", "off_path", "off_path_cut", "unreachable", "absent")
"""Kinds of question that fine-tuning never shows."""
MOST = 0.5
"""An error is theirs above this share of it, or above their share of the examples."""
IMPORTED_DIGITS = 8
Way = TypeVar("Way")


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
    differ: list[str] = list(dict.fromkeys(d["option"].split(".")[0] for d in others))
    known = [part for part in PARTS if part != "pretrain" or imported is None]
    if same := [PARTS[part] for part in known if part not in differ]:
        sentences.append(f"The study’s {listed(same)}.")
    if differ:
        parts = listed([PARTS.get(part, part) for part in differ])
        sentences.append(f"Not the study’s {parts}: {_options(others, named)}.")
    if tuning:
        sentences.append(
            "Fine-tuned in neither way of the study; beside the nearer one, "
            f"{one['finetuned']}: {_options(tuning, named)}."
        )
    else:
        sentences.append(f"Fine-tuned {one['finetuned']}.")
    if any(d["option"].startswith("graphs.") for d in others):
        sentences.append(
            "Other graphs make other distributions: its figures are not the study’s quantities, "
            "and cannot be set beside the published ones one by one."
        )
    return sentences


def hidden_sentences(one: Record, detailed: bool = True) -> list[str]:
    """What a run's pooled figures hide: target 2 among the others, and questions never shown.

    Which way target 2 moves an error, and whether most of one comes from questions never shown, is
    told by the numbers. If `detailed`, also by how much, and which kind has most of it.
    """
    found = {quantity["quantity"]: quantity for quantity in one["quantities"]}
    return [*_on_path_sentences(found, detailed), *_off_path_sentences(found, detailed)]


def _on_path_sentences(found: Mapping[str, Record], detailed: bool) -> Iterator[str]:
    """Whether target 2 lowers the error of an on-path score, raises it, or leaves it as it is."""
    ways: dict[str, list[str]] = {"lowers": [], "raises": [], "leaves": []}
    asked = {name: share for name in found if (share := _share(found[name], "examples", TRAINED))}
    for name, title in ON_PATH_WORLDS.items():
        if name in asked and (rest := _without(found[name])) is not None:
            numbers = f" (MSE {written(rest)} without it, {written(found[name]['mse'])} with it)"
            shown = f"{percent(asked[name])} of {title}{numbers if detailed else ''}"
            ways[_way(rest, found[name]["mse"])].append(shown)
    two = "vertex 2, the target of pre-training,"
    words = {
        "lowers": f"are diluted: {two} is asked for in",
        "raises": f"mix two tasks, and {two} raises the error: it is asked for in",
        "leaves": f"mix two tasks, though {two} leaves the error as it is: it is asked for in",
    }
    yield from _told_apart("on-path scores", words, ways)


def _off_path_sentences(found: Mapping[str, Record], detailed: bool) -> Iterator[str]:
    """Whether the error of an off-path score comes from questions that fine-tuning never shows."""
    ways: dict[bool, list[str]] = {True: [], False: []}
    for name, title in OFF_PATH_WORLDS.items():
        if name in found and (error := _share(found[name], "error", NEVER_SHOWN)):
            examples = _share(found[name], "examples", NEVER_SHOWN)
            shown = (
                f"{percent(error)} of the squared error of {title} on {percent(examples)} of its "
                f"examples{_most(found[name]) if detailed else ''}"
            )
            ways[error > min(examples, MOST)].append(shown)
    words = {
        True: "are confounded: questions that fine-tuning never shows carry",
        False: "mix shown questions with those that fine-tuning never shows, which carry only",
    }
    yield from _told_apart("off-path scores", words, ways)


def _told_apart(
    what: str, words: Mapping[Way, str], ways: Mapping[Way, list[str]]
) -> Iterator[str]:
    """A sentence for each way that occurs, about some of the scores where there are several."""
    several = sum(map(bool, ways.values())) > 1
    for way, parts in ways.items():
        if parts:
            subject = f"some {what}" if several else what
            yield f"{subject[0].upper()}{subject[1:]} {words[way]} {listed(parts)}."


def _way(rest: float, whole: float) -> str:
    """What target 2 does to an error, as far as the digits that are shown tell."""
    if written(rest) == written(whole):
        return "leaves"
    return "lowers" if rest > whole else "raises"


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
        return f"{len(found)} option{'s differ' if len(found) > 1 else ' differs'}"
    return ", ".join(difference(one) for one in found)


def difference(found: Record) -> str:
    """An option that is not the study's, its numbers without digits that say nothing."""
    here, there = (
        setting(value) if isinstance(value, float) else str(value)
        for value in (found["run"], found["study"])
    )
    return f"{found['option']} {here}, not {there}"


def _share(quantity: Record, of: str, slices: Sequence[str]) -> float:
    """The share of a quantity's examples or squared error that some strata have together."""
    shares = (s[f"share_of_{of}"] for s in quantity["strata"] if s["slice"] in slices)
    return sum((share or 0.0 for share in shares), 0.0)


def _without(quantity: Record) -> float | None:
    """The error of what is left without target 2; None if nothing is."""
    rest = [s for s in quantity["strata"] if s["slice"] not in TRAINED]
    if not rest:
        return None
    return sum(s["count"] * s["mse"] for s in rest) / sum(s["count"] for s in rest)


def _most(quantity: Record) -> str:
    """The stratum with the largest part of the error, in brackets."""
    worst = max(quantity["strata"], key=lambda s: s["share_of_error"])
    share, examples = percent(worst["share_of_error"]), percent(worst["share_of_examples"])
    return f" ({share} from {question(stratum(worst))}, which are {examples} of the examples)"
