"""The pictures of the pages on findings, `docs/findings/QUESTION.svg`, from their raw values.

python docs/finding_figures.py        writes those whose values there are
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import altair as alt

sys.path.insert(0, str(Path(__file__).parents[1]))

from docs import coherence_page, inside_page
from docs.finding_pages import FINDINGS
from docs.finding_verdicts import values
from docs.picture import INK, Picture, save
from docs.raw import RESULTS, record
from docs.truth_numbers import leaks
from docs.truth_numbers import values as values_of_truth
from offpath.run.files import Record
from offpath.sweep.presets import PRESETS

BLUE, GREEN, ORANGE, GREY = "#0072b2", "#00795f", "#cf4f00", "#8a8f98"
SHARES = alt.Scale(domain=[0, 1])
PERCENT = alt.Axis(format="%", values=[0, 0.25, 0.5, 0.75, 1], grid=True, labelOverlap=True)
START = {"from pre-trained weights": BLUE, "from untrained weights": GREEN}


def main() -> None:
    """Write the pictures."""
    for name in PRESETS:
        if (RESULTS / "findings" / f"{name}.json").exists():
            save(figure(name, record(f"findings/{name}")), f"findings/{name}")


def figure(question: str, found: Record) -> Picture:
    """The picture of a page."""
    if question == "depth":
        return distances(found)
    if question == "prediction":
        return correlations(found)
    if question == "coherence":
        return accuracies(found, coherence_page.DRAWN)
    if question == "truth":
        return leak_curve(found)
    if question == "inside":
        return paths_told(found)
    return accuracies(found, FINDINGS[question].kinds)


def accuracies(found: Record, kinds: Sequence[str]) -> Picture:
    """One dot for each network and seed, one panel for each kind of question, rules as bars."""
    rows, order = [], []
    for name, title in found["networks"].items():
        scratch = name == "scratch" or name.endswith("-scratch")
        arm = found["networks"][name.removesuffix("-scratch")] if scratch and name != "scratch" \
            else found["networks"].get("finetuned", title) if scratch else title  # fmt: skip
        order += [arm] if arm not in order else []
        rows += [
            {"arm": arm, "kind": kind, "accuracy": value, "start": [*START][scratch]}
            for kind in kinds
            for value in values(found, name, kind).values()
        ]
    rules = [{"kind": kind, "rule": found["rules"][kind]["accuracy"]}
             for kind in kinds if kind in found["rules"]]  # fmt: skip
    colour = alt.Color("start:N", scale=alt.Scale(domain=[*START], range=[*START.values()]),
                       legend=alt.Legend(title=None, orient="top"))  # fmt: skip
    x = alt.X("accuracy:Q", title=None, scale=SHARES, axis=PERCENT)
    panels, step = [], 13 * len({row["start"] for row in rows})
    for kind in (kind for kind in kinds if kind in found["scores"]):
        axis = None if panels else alt.Axis(labelLimit=320)
        y = alt.Y("arm:N", sort=order, title=None, axis=axis)
        here = alt.Chart(alt.Data(values=[row for row in rows if row["kind"] == kind]))
        dots = here.mark_point(filled=True, size=26, opacity=0.6).encode(
            x=x, y=y, color=colour, yOffset=alt.YOffset("start:N", sort=[*START])
        )
        bar = alt.Chart(alt.Data(values=[row for row in rules if row["kind"] == kind]))
        rule = bar.mark_rule(color=INK, strokeWidth=2).encode(x=alt.X("rule:Q", title=None))
        panels.append((dots + rule).properties(width=170, height={"step": step}, title=kind))
    title = alt.TitleParams(
        f"{PRESETS[found['question']].question} Accuracy, one dot for each of "
        f"{len(found['seeds'])} seeds",
        subtitle="Black line: the best trivial rule on the same questions.", anchor="start",
    )  # fmt: skip
    return alt.hconcat(*panels, spacing=18).properties(title=title)


def distances(found: Record) -> Picture:
    """Accuracy by distance, one thin line for each seed, one panel for each number of layers."""
    labels = [str(label) for label in found["labels"] if label < found["max_vertices"]]
    names = {True: "every distance shown", False: "none beyond the bound shown"}
    rows = [
        {"layers": arm["layers"], "shown": names[arm["shown"] is None], "seed": f"{name} {seed}",
         "distance": label, "accuracy": row["right"][label], "bound": arm["bound"]}
        for name, arm in found["arms"].items()
        for seed, row in arm["rows"].items()
        for label in labels
    ]  # fmt: skip
    colour = alt.Color("shown:N", legend=alt.Legend(title=None, orient="top"),
                       scale=alt.Scale(domain=[*names.values()], range=[BLUE, ORANGE]))  # fmt: skip
    panels = []
    for layers in sorted({row["layers"] for row in rows}):
        mine = [row for row in rows if row["layers"] == layers]
        lines = alt.Chart(alt.Data(values=mine)).mark_line(opacity=0.5, strokeWidth=1.4).encode(
            x=alt.X("distance:N", sort=labels, title="distance", axis=alt.Axis(labelAngle=0)),
            y=alt.Y("accuracy:Q", title=None, scale=SHARES, axis=None if panels else PERCENT),
            color=colour, detail="seed:N",
        )  # fmt: skip
        end = [{"distance": str(mine[0]["bound"])}]
        bound = alt.Chart(alt.Data(values=end)).mark_rule(color=INK, strokeDash=[4, 3]).encode(
            x=alt.X("distance:N", sort=labels)
        )  # fmt: skip
        inside = [bound] if mine[0]["bound"] < found["max_vertices"] else []
        panels.append(alt.layer(lines, *inside).properties(
            width=170, height=190, title=f"{layers} layers"))  # fmt: skip
    title = alt.TitleParams(
        f"Accuracy by distance from 1 to 2, one line for each of {len(found['seeds'])} seeds",
        subtitle="Dashed: the largest distance of the edge circuit with as many layers.",
        anchor="start",
    )
    return alt.hconcat(*panels, spacing=16).properties(title=title)


def correlations(found: Record) -> Picture:
    """Spearman's correlation of each predictor, with its interval, one panel for each stratum."""
    names = {"all": "all networks", "within": "within arms"}
    panels = []
    for stratum, made in found["strata"].items():
        rows = [
            {"predictor": name, "which": names[which], "r": r, "low": low, "high": high}
            for name, one in made["correlations"].items()
            for which, (r, low, high) in one.items()
        ]
        base = alt.Chart(alt.Data(values=rows)).encode(
            y=alt.Y("predictor:N", sort=None, title=None, axis=None if panels else alt.Axis()),
            yOffset=alt.YOffset("which:N"),
            color=alt.Color("which:N", legend=alt.Legend(title=None, orient="top"),
                            scale=alt.Scale(domain=[*names.values()], range=[BLUE, ORANGE])),
        )  # fmt: skip
        scale = alt.Scale(domain=[-1, 1])
        bars = base.mark_rule(strokeWidth=2).encode(
            x=alt.X("low:Q", title=None, scale=scale), x2="high:Q"
        )
        dots = base.mark_point(filled=True, size=40).encode(x=alt.X("r:Q", title=None, scale=scale))
        panels.append((bars + dots).properties(width=190, height={"step": 24}, title=stratum))
    title = alt.TitleParams(
        "Rank correlation with accuracy, 95 % intervals that resample seeds", anchor="start"
    )
    return alt.hconcat(*panels, spacing=16).properties(title=title)


def leak_curve(found: Record) -> Picture:
    """True, inspector's and other answers by leak: a thin line for each seed, a thick mean."""
    names = {"true": "the truth", "inspector": "the inspector's answer", "neither": "neither"}
    order = [f"{100 * leak:g} %" if leak else "none (blind)" for leak in leaks(found)]
    rows = [
        {"leak": words, "place": names[place], "seed": seed, "share": share}
        for words, name in zip(order, leaks(found).values(), strict=True)
        for place in names
        for seed, share in values_of_truth(found, name, place).items()
    ]
    scale = alt.Scale(domain=[*names.values()], range=[BLUE, ORANGE, GREY])
    colour = alt.Color("place:N", legend=alt.Legend(title=None, orient="top"), scale=scale)
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("leak:N", sort=order, title="share of hard questions among the audits",
                axis=alt.Axis(labelAngle=0)),
        color=colour,
    )  # fmt: skip
    y = alt.Y("share:Q", title=None, scale=SHARES, axis=PERCENT)
    thin = base.mark_line(opacity=0.3, strokeWidth=1.2).encode(y=y, detail="seed:N")
    thick = base.mark_line(strokeWidth=3, point=True).encode(
        y=alt.Y("mean(share):Q", title=None, scale=SHARES, axis=PERCENT)
    )
    top = values_of_truth(found, "ceiling").values()
    ceiling = [{"share": sum(top) / len(top)}] if top else []
    rule = alt.Chart(alt.Data(values=ceiling)).mark_rule(color=INK, strokeDash=[4, 3]).encode(y=y)
    title = alt.TitleParams(
        f"Answers that nobody audited, one thin line for each of {len(found['seeds'])} seeds",
        subtitle="Dashed: true answers of the same networks before fine-tuning, asked as truth.",
        anchor="start",
    )
    return alt.layer(thin, thick, rule).properties(width=560, height=260, title=title)


def paths_told(found: Record) -> Picture:
    """How often a path is told from its cut twin, by length, one thin line for each seed."""
    panels = []
    for name, arm in sorted(found["arms"].items(), key=lambda one: inside_page.order(one)):
        rows = [
            {"length": int(d), "told": share, "seed": seed}
            for seed, row in arm["networks"]["pretrained"].items()
            for d, share in row["lengths"].items()
        ]
        axis = None if panels else PERCENT
        base = alt.Chart(alt.Data(values=rows)).encode(
            x=alt.X("length:Q", title="hops", axis=alt.Axis(format="d", tickMinStep=1)),
        )  # fmt: skip
        y = alt.Y("told:Q", title=None, scale=SHARES, axis=axis)
        thin = base.mark_line(opacity=0.35, strokeWidth=1.2, color=BLUE).encode(
            y=y, detail="seed:N"
        )
        thick = base.mark_line(
            strokeWidth=2.5, color=BLUE, point=alt.OverlayMarkDef(color=BLUE)
        ).encode(y=alt.Y("mean(told):Q", title=None, scale=SHARES, axis=axis))
        longest, layers = max(row["length"] for row in rows), arm["layers"]
        bounds = [(layers + 1, ORANGE, [2, 3]), (2 * layers, INK, [5, 3])]
        marks = [
            alt.Chart(alt.Data(values=[{"length": at + 0.5}]))
            .mark_rule(color=colour, strokeDash=dash, strokeWidth=1.6)
            .encode(x="length:Q")
            for at, colour, dash in bounds
            if at < longest
        ]
        panels.append(
            alt.layer(thin, thick, *marks).properties(
                width=150 if longest > 4 else 70,
                height=190,
                title=name.replace(", ", "\n").split("\n"),
            )
        )
    title = alt.TitleParams(
        "Is the path from 1 to 2 told from its cut twin? By its length, a thin line for each seed",
        subtitle="50 % is chance. Dotted: as far as search of a hop a layer spans from one end; "
        "dashed: from both.",
        anchor="start",
    )
    return alt.hconcat(*panels, spacing=16).properties(title=title)


if __name__ == "__main__":
    main()
