"""Tables of what networks do inside: heads, strata, patching, how far they look, onsets, rules."""

from collections.abc import Sequence
from math import inf

from offpath.report import words
from offpath.report.parts import Entry, Story, Table, TableRow
from offpath.report.sections.inside_curves import STRATUM_TITLES, numbers_read, strata_titles
from offpath.report.sections.inside_maps import patched_lines
from offpath.report.sections.inside_parts import Looked, interval
from offpath.report.words import percent, points, r_squared, significant
from offpath.results import AttentionShare, Inside, Patch, ProbedTarget, Reach, RuleAgreement

PREFERRED = 0.25  # least of what is beyond an even share, for a kind of keys to have a column


def strata_table(networks: Sequence[Looked]) -> Table:
    """Strata down, networks across: the true distance in the last layer, and in the best."""
    rows = []
    for place, title in strata_titles(networks).items():
        read = [numbers_read(one, *place) for one in networks]
        rows.append(TableRow(title, [_last_and_best(probes) for probes in read], place[0]))
    return Table("R² in one stratum", ["stratum", *(one.head for one in networks)], rows, "heat")


def _last_and_best(probes: Sequence[ProbedTarget]) -> Entry | None:
    if not probes:
        return None
    last = max(probes, key=lambda probe: probe.layer)
    best = max(probes, key=lambda probe: probe.score)
    lines = [r_squared(last.score), interval(last.low, last.high)]
    lines += [f"best {r_squared(best.score)} ({best.layer})"]
    hover = f"{words.thousands(last.count)} questions; shuffled {r_squared(last.shuffled)}"
    return Entry(lines, max(0.0, last.score), hover=hover)


def main_kinds(networks: Sequence[Looked]) -> dict[tuple[str, str], float]:
    """Kinds of queries and keys that some head prefers, and the share of even attention."""
    heads = [head for one in networks for head in one.inside.heads]
    main = {_kind(s) for head in heads for s in head.shares if s.lift >= PREFERRED}
    return {_kind(s): s.even for head in heads[:1] for s in head.shares if _kind(s) in main}


def heads_table(networks: Sequence[Looked]) -> Table:
    """Heads down, main kinds of keys across; above them the share of even attention."""
    kinds = main_kinds(networks)
    rows = []
    for one in networks:
        for head in one.inside.heads:
            own = {_kind(s): s for s in head.shares}
            shares = [_share(own[pair]) if pair in own else None for pair in kinds]
            entropies = [Entry([f"{e:.2f}"]) for e in (head.edge_entropy, head.question_entropy)]
            names = ", ".join(name.replace(" ", words.NO_BREAK) for name in head.names)
            title = f"{one.name}, {head.layer}.{head.head}"
            rows.append(TableRow(title, [Entry([names or "–"]), *shares, *entropies], one.name))
    columns = [f"{query}: {key}\neven {percent(even)}" for (query, key), even in kinds.items()]
    ends = ["entropy\nof edges", "entropy\nof the question"]
    return Table("Heads", ["network, layer.head", "does", *columns, *ends], rows, "heat")


def _kind(one: AttentionShare) -> tuple[str, str]:
    return one.query, one.key


def _share(one: AttentionShare) -> Entry:
    return Entry([percent(one.share)], max(0.0, one.lift))


def patching_tables(networks: Sequence[Looked], result: Inside) -> list[Table]:
    """A table for each network: tokens of every distance down, layers across, in per cent."""
    tables = []
    for one in networks:
        layers = sorted({p.layer for p in one.inside.patches})
        rows = []
        for distance in sorted({p.distance for p in one.inside.patches} - {result.max_vertices}):
            for line, patches in patched_lines(one, distance).items():
                by = {p.layer: p for p in patches}
                entries = [_carried(by.get(layer)) for layer in layers]
                rows.append(TableRow(f"{distance}: {line}", entries, str(distance)))
        heads = [one.title, *(f"layer {layer}" for layer in layers)]
        tables.append(Table(one.title, heads, rows))
    return tables


def _carried(patch: Patch | None) -> Entry | None:
    if patch is None or patch.carried is None:
        return None
    text = str(round(100 * patch.carried))
    if patch.low is not None and patch.high is not None:
        text += f" ({round(100 * patch.low)} to {round(100 * patch.high)})"
    return Entry([text.replace("-", "−")])


def reach_table(networks: Sequence[Looked]) -> Table:
    """Networks down: the law, hops per layer, the layer that sees each length, and accuracy."""
    rows = []
    for one in networks:
        found = one.inside.reach
        if found:
            layers = ", ".join("–" if layer is None else str(layer) for layer in found.layers)
            texts = ([found.law], hops_per_layer(found), [layers], [percent(one.inside.right)])
            rows.append(TableRow(one.title, [Entry(lines) for lines in texts]))
    heads = ["network", "law", "hops per layer", "layer that notices lengths 1, 2, …",
             "accuracy, t = 2"]  # fmt: skip
    return Table("How far networks look", heads, rows, "narrow")


def hops_per_layer(found: Reach) -> list[str]:
    """The estimate and its interval; a dash where there is none."""
    if found.hops_per_layer is None:
        return ["–"]
    return [significant(found.hops_per_layer), f"({interval(found.hops_low, found.hops_high)})"]


def onset_table(story: Story, result: Inside) -> Table:
    """Measures in their order, networks across: the step half way, and the values at the ends."""
    titles = {one.name: one.title for one in story.networks}
    names = list(dict.fromkeys(onset.network for onset in result.onsets))
    found = {(onset.measure, onset.network): onset for onset in result.onsets}
    order = sorted(result.onsets, key=lambda one: one.step if one.step is not None else inf)
    rows = []
    for measure in dict.fromkeys(onset.measure for onset in order):
        entries: list[Entry | None] = []
        for name in names:
            one = found.get((measure, name))
            ends = f"from {significant(one.first)} to {significant(one.last)}" if one else ""
            step = "–" if one is None or one.step is None else words.thousands(round(one.step))
            entries.append(Entry([step, ends]) if one else None)
        rows.append(TableRow(measure, entries))
    heads = ["measure", *(f"half way, step: {titles.get(name, name)}" for name in names)]
    return Table("Onsets", heads, rows, "narrow")


def rules_table(networks: Sequence[Looked]) -> Table:
    """Rules down, networks across: agreement on errors, and what chance gives.

    Questions on which no network errs often enough with the rule are left out.
    """
    found = {
        (rule.rule, rule.questions, one.name): rule for one in networks for rule in one.inside.rules
    }
    compared = [place for place, rule in found.items() if rule.agreement is not None]
    known = dict.fromkeys((rule, questions) for rule, questions, _ in compared)
    titles = {rule.rule: rule.title for rule in found.values()}
    shown = [one for one in networks if one.inside.rules]
    rows = []
    for rule in titles:  # the strata of a rule stand together
        for questions in (where for name, where in known if name == rule):
            entries = [_agreement(found.get((rule, questions, one.name))) for one in shown]
            where = STRATUM_TITLES.get(questions, questions)
            rows.append(TableRow(titles[rule], entries, rule, where))
    return Table("Agreement on errors", ["rule", *(one.head for one in shown)], rows, "heat")


def _agreement(rule: RuleAgreement | None) -> Entry | None:
    """The colour is agreement above chance."""
    if rule is None:
        return None
    count = f"n {words.thousands(rule.errors)}"
    if rule.agreement is None or rule.chance is None:
        return Entry(["–", count], 0.0)
    lines = [percent(rule.agreement), f"chance {percent(rule.chance)}"]
    if rule.low is not None and rule.high is not None:
        lines.append(f"{points(rule.low)} to {points(rule.high)}")
    return Entry([*lines, count], max(0.0, rule.agreement - rule.chance))
