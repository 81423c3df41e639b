"""The comparison with WWZ24 as sentences: each is computed from the numbers of `study.json`."""

from collections.abc import Iterator, Mapping, Sequence
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
    finetuning = {o: d for o, d in study.differences.items() if o.startswith("finetune.")}
    others = {o: d for o, d in study.differences.items() if o not in finetuning}
    differ = list(dict.fromkeys(option.split(".")[0] for option in others))
    known = [part for part in PARTS if part != "pretrain" or study.imported is None]
    same = [PARTS[part] for part in known if part not in differ]
    nearer = f"compared with the nearer one, {study.finetuned}: {_options(finetuning, named)}."
    sentences = {
        f"The weights are imported (SHA-256 {study.imported!s:.8}…); how they were pre-trained is "
        "not known here.": study.imported,
        f"The same as in WWZ24: {listed(same)}.": same,
        f"Not the same as in WWZ24: {listed([PARTS.get(part, part) for part in differ])} "
        f"({_options(others, named)}).": differ,
        f"Fine-tuning is neither way of WWZ24; {nearer}": finetuning,
        f"Fine-tuning is that of WWZ24, {study.finetuned}.": not finetuning,
        "Other graphs make other distributions: the figures of this run are not the quantities of "
        "WWZ24, and cannot be compared with the published ones one by one.": "graphs" in differ,
    }
    return [sentence for sentence, holds in sentences.items() if holds]


def hidden_sentences(study: Study, detailed: bool = True) -> list[str]:
    """What the pooled figures hide: target 2 among the others, and questions never shown.

    If `detailed`, also by how much, and which stratum has most of the error.
    """
    diluted, confounded = _dilutions(study, detailed), _confoundings(study, detailed)
    return [
        *_sentences("on-path scores", DILUTION, list(diluted)),
        *_sentences("off-path scores", CONFOUNDING, list(confounded)),
    ]


def mixture_sentence(study: Study) -> str:
    """What the published figures pool, in the distributions of WWZ24."""
    titles = {quantity.world: _data(quantity) for quantity in study.quantities}
    pools = {titles[world]: shares for world, shares in study.mixture.items()}
    two = [f"{percent(p['trained'])} of {data}" for data, p in pools.items() if "absent" not in p]
    never = [
        f"{percent(p['absent'])} and {percent(p['unreachable'])} of {data}"
        for data, p in pools.items()
        if "absent" in p
    ]
    return (
        f"In the distributions of WWZ24, vertex 2 is the target in {listed(two)}; absent and "
        f"unreachable targets make up {listed(never)}."
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


def _dilutions(study: Study, detailed: bool) -> Iterator[tuple[str, str]]:
    """What target 2 does to each on-path score, by the digits that are shown, and its share."""
    for quantity in (q for q in study.quantities if q.quantity in ON_PATH_SCORES):
        rest = [part for part in quantity.strata if stratum(part) != TRAINED]
        share = sum(part.share_of_examples for part in quantity.strata if part not in rest)
        if quantity.pooled and share and rest:
            without = sum(part.count * part.mse for part in rest) / sum(part.count for part in rest)
            one, other = significant(without), significant(quantity.pooled.mse)
            effect = "lowers" if without > quantity.pooled.mse else "raises"
            numbers = f" (MSE {one} without it, {other} with it)" if detailed else ""
            text = f"{percent(share)} of {_data(quantity)}{numbers}"
            yield "leaves" if one == other else effect, text


def _confoundings(study: Study, detailed: bool) -> Iterator[tuple[str, str]]:
    """How much of off-path scores is of questions that fine-tuning never shows."""
    for quantity in (q for q in study.quantities if q.quantity in OFF_PATH_SCORES):
        never = [part for part in quantity.strata if stratum(part) not in SHOWN]
        examples = sum(part.share_of_examples for part in never)
        if error := sum(part.share_of_error or 0.0 for part in never):
            worst = max(quantity.strata, key=lambda part: part.share_of_error or 0.0)
            largest = (
                f" ({percent(worst.share_of_error or 0.0)} from {stratum(worst).phrase}, which are "
                f"{percent(worst.share_of_examples)} of the examples)"
            )
            yield (
                "most" if error > min(examples, MOST) else "less",
                f"{percent(error)} of the squared error of {_data(quantity)} on "
                f"{percent(examples)} of its examples{largest if detailed else ''}",
            )


def _sentences(
    scores: str, words: Mapping[str, str], pairs: Sequence[tuple[str, str]]
) -> list[str]:
    """A sentence for each way that occurs, about some of the scores where there are several."""
    parts = {way: [text for w, text in pairs if w == way] for way in words}
    start = f"Some {scores}" if sum(map(bool, parts.values())) > 1 else scores.capitalize()
    return [f"{start} {words[way]} {listed(texts)}." for way, texts in parts.items() if texts]


def _options(differences: Mapping[str, tuple[Any, Any]], named: bool) -> str:
    if named:
        return ", ".join(difference(option, *values) for option, values in differences.items())
    return f"{len(differences)} option{'s differ' if len(differences) > 1 else ' differs'}"
