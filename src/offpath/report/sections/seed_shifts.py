"""The shift suite over seeds: mean differences from the best rule, and how many seeds are above."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import mean

from offpath.report import words
from offpath.report.parts import Section, Story, caption
from offpath.report.sections.shifts import hard_cells, heat_figure, look, looked_at, no_rule
from offpath.results import BesideRule, Shifts


def section(stories: Sequence[Story], known: Mapping[str, object]) -> Section:
    """One heat map of all runs; none where one lacks the result, or was made otherwise."""
    suites = [suite for story in stories if (suite := story.get(Shifts))]
    alike = len({story.run.configuration.fingerprint() for story in stories}) == 1
    if len(suites) < len(stories) or not alike:
        return Section()
    networks = looked_at(stories[0].networks)
    found: dict[tuple[tuple[str, str], ...], list[BesideRule]] = defaultdict(list)
    for suite in suites:
        for axis in suite.axes:
            for place, cell in hard_cells(axis, networks):
                found[tuple(place.items())].append(cell)
    rows = [{**dict(place), **_over_seeds(cells)} for place, cells in found.items()]
    texts = caption("seeds.shifts", {**known, "shifts": suites[0], "columns": len(networks)})
    figure = heat_figure(texts, suites[0].axes, rows, networks)
    return Section([figure], anchor="shifts", title=words.asset("captions")["shifts"]["title"])


def _over_seeds(cells: Sequence[BesideRule]) -> Mapping[str, object]:
    """The mean over seeds, sure where all are on its side; accuracy where there is no rule."""
    accuracy = mean(cell.accuracy for cell in cells)
    own = {"accuracy": words.percent(accuracy), "count": round(mean(c.count for c in cells))}
    if any(cell.above_rule is None for cell in cells):
        return {**no_rule(accuracy), **own, "above": "–"}
    differences = [cell.above_rule or 0.0 for cell in cells]
    above, middle = sum(value > 0 for value in differences), mean(differences)
    below = sum(value < 0 for value in differences)
    ends = f"{words.points(min(differences))} to {words.points(max(differences))}"
    return {
        **look(middle, sure=len(cells) in (above, below)),
        **own,
        "above": f"{words.points(middle)} ({ends}), above in {above} of {len(cells)} seeds",
    }
