"""The comparison with WWZ24 as sentences: each is computed from the numbers of `study.json`.

In: the record of one run. Out: sentences for the page and the terminal.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from offpath.report.words import listed, percent, setting, significant
from offpath.results import Study, StudyQuantity, StudyStratum
from offpath.slices import ON_PATH, SEEN, SPLIT_STRATA, TRAINED, Slice

PARTS = {"graphs": "graphs", "model": "model", "pretrain": "pre-training"}
ON_PATH_SCORES = ("finetuning_after", "test_a", "test_b")
OFF_PATH_SCORES = ("test_c", "test_d", "test_e")
SHOWN = (TRAINED, SEEN, ON_PATH)
"""Fine-tuning shows questions of these; vertex ids on the path are apart where they are known."""
MOST = 0.5
"""An error comes from some examples above this share of it, or above their share of the whole."""
IMPORTED_DIGITS = 8
TWO = "vertex 2, the target of pre-training,"
DILUTION = {
    "lowers": f"are diluted: {TWO} is the target in",
    "raises": f"mix two tasks, and {TWO} raises the error: it is the target in",
    "leaves": f"mix two tasks, though {TWO} leaves the error as it is: it is the target in",
}
CONFOUNDING = {
    "most": "are confounded: questions that fine-tuning never shows carry",
    "less": "mix shown questions with those that fine-tuning never shows, which carry only",
}


def origin_sentences(study: Study, named: bool) -> list[str]:
    """Which options are those of WWZ24, and, if `named`, each option that is not."""
    others = {o: d for o, d in study.differences.items() if not o.startswith("finetune.")}
    finetuning = {o: d for o, d in study.differences.items() if o not in others}
    differ = list(dict.fromkeys(option.split(".")[0] for option in others))
    known = [part for part in PARTS if part != "pretrain" or study.imported is None]
    sentences = []
    if study.imported is not None:
        sentences.append(
            f"The weights are imported (SHA-256 {study.imported[:IMPORTED_DIGITS]}…); how they "
            "were pre-trained is not known here."
        )
    if same := [PARTS[part] for part in known if part not in differ]:
        sentences.append(f"The same as in WWZ24: {listed(same)}.")
    if differ:
        parts = listed([PARTS.get(part, part) for part in differ])
        sentences.append(f"Not the same as in WWZ24: {parts} ({_options(others, named)}).")
    if finetuning:
        sentences.append(
            "Fine-tuning is neither way of WWZ24; compared with the nearer one, "
            f"{study.finetuned}: {_options(finetuning, named)}."
        )
    else:
        sentences.append(f"Fine-tuning is that of WWZ24, {study.finetuned}.")
    if "graphs" in differ:
        sentences.append(
            "Other graphs make other distributions: the figures of this run are not the quantities "
            "of WWZ24, and cannot be compared with the published ones one by one."
        )
    return sentences


def hidden_sentences(study: Study, detailed: bool = True) -> list[str]:
    """What the pooled figures hide: target 2 among the others, and questions never shown.

    If `detailed`, also by how much, and which stratum has most of the error.
    """
    quantities = {one.quantity: one for one in study.quantities}
    diluted: dict[str, list[str]] = {way: [] for way in DILUTION}
    for quantity in (quantities[name] for name in ON_PATH_SCORES):
        share = sum(p.share_of_examples for p in quantity.strata if stratum(p) == TRAINED)
        rest = [p for p in quantity.strata if stratum(p) != TRAINED]
        if quantity.pooled and share and rest:
            without = sum(p.count * p.mse for p in rest) / sum(p.count for p in rest)
            mse = quantity.pooled.mse
            numbers = f" (MSE {significant(without)} without it, {significant(mse)} with it)"
            text = f"{percent(share)} of {_data(quantity)}{numbers if detailed else ''}"
            diluted[_effect(without, mse)].append(text)
    confounded: dict[str, list[str]] = {way: [] for way in CONFOUNDING}
    for quantity in (quantities[name] for name in OFF_PATH_SCORES):
        never = [part for part in quantity.strata if stratum(part) not in SHOWN]
        examples = sum(part.share_of_examples for part in never)
        if error := sum(part.share_of_error or 0.0 for part in never):
            way = "most" if error > min(examples, MOST) else "less"
            confounded[way].append(
                f"{percent(error)} of the squared error of {_data(quantity)} on {percent(examples)}"
                f" of its examples{_largest_part(quantity) if detailed else ''}"
            )
    return [
        *_sentences("on-path scores", DILUTION, diluted),
        *_sentences("off-path scores", CONFOUNDING, confounded),
    ]


def mixture_sentence(study: Study) -> str:
    """What the published figures pool, in the distributions of WWZ24."""
    titles = {quantity.world: _data(quantity) for quantity in study.quantities}
    diluted, confounded = [], []
    for world, shares in study.mixture.items():
        if "absent" in shares:
            both = f"{percent(shares['absent'])} and {percent(shares['unreachable'])}"
            confounded.append(f"{both} of {titles[world]}")
        else:
            diluted.append(f"{percent(shares['trained'])} of {titles[world]}")
    return (
        f"In the distributions of WWZ24, vertex 2 is the target in {listed(diluted)}; absent and "
        f"unreachable targets make up {listed(confounded)}."
    )


def difference(option: str, here: object, there: object) -> str:
    """An option that is not that of WWZ24, its numbers without digits that mean nothing."""
    texts = [setting(v) if isinstance(v, float) else str(v) for v in (here, there)]
    return f"{option} {texts[0]}, not {texts[1]}"


def stratum(part: StudyStratum) -> Slice:
    """The slice that a part of a quantity is."""
    return next(s for s in (*SPLIT_STRATA, ON_PATH) if (s.by, s.slice) == (part.by, part.slice))


def _data(quantity: StudyQuantity) -> str:
    """The distribution of a quantity, in a sentence."""
    return "the fine-tuning data" if quantity.world == "finetuning" else quantity.title


def _effect(rest: float, whole: float) -> str:
    """What target 2 does to an error, as far as the digits that are shown tell."""
    if significant(rest) == significant(whole):
        return "leaves"
    return "lowers" if rest > whole else "raises"


def _largest_part(quantity: StudyQuantity) -> str:
    """The stratum with the largest part of the error, in brackets."""
    worst = max(quantity.strata, key=lambda part: part.share_of_error or 0.0)
    share, examples = percent(worst.share_of_error or 0.0), percent(worst.share_of_examples)
    return f" ({share} from {stratum(worst).phrase}, which are {examples} of the examples)"


def _sentences(
    scores: str, words: Mapping[str, str], ways: Mapping[str, list[str]]
) -> Iterator[str]:
    """A sentence for each way that occurs, about some of the scores where there are several."""
    several = sum(map(bool, ways.values())) > 1
    for way, parts in ways.items():
        if parts:
            subject = f"some {scores}" if several else scores
            yield f"{subject[0].upper()}{subject[1:]} {words[way]} {listed(parts)}."


def _options(differences: Mapping[str, tuple[Any, Any]], named: bool) -> str:
    if named:
        return ", ".join(difference(option, *values) for option, values in differences.items())
    return f"{len(differences)} option{'s differ' if len(differences) > 1 else ' differs'}"
