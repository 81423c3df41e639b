"""The report: one HTML file with everything in it, which asks nothing of any network.

In: a run folder, finished or not. Out: `report.html`, with Vega inlined once and every chart as its
Vega-Lite specification; a browser draws them as SVG.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import altair
import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from offpath.recipes import VARIANTS
from offpath.report.sections import sections
from offpath.report.story import Section, Story, story
from offpath.run.files import write_file
from offpath.run.folder import Run, sessions, working_on
from offpath.run.provenance import note_made


def write_report(run: Run) -> Path:
    """Write the page that shows a run, and return where it lies."""
    with working_on(run):
        write_file(run.report, page(story(run)).encode(errors="replace"))
        note_made(run.folder, run.report.name)
    return run.report


def page(told: Story) -> str:
    """The whole page as text."""
    shown = sections(told)
    environment = Environment(
        loader=PackageLoader("offpath.report", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["script"] = script
    environment.globals["asset"] = lambda name: Markup(environment.get_template(name).render())
    return environment.get_template("page.html.jinja").render(
        run=told.run,
        by_hand=told.by_hand,
        way=_way_of_tuning(told),
        configuration=told.run.configuration.model_dump(),
        sections=shown,
        specifications=_specifications(shown),
        sessions=sessions(told.run),
        worlds=told.results.get("labels", told.results.get("matrix", {})).get("worlds", []),
        vega=Markup(_vega()),
    )


def script(value: Any) -> Markup:
    """JSON that can stand inside a <script> element: no "<" is left in it.

    >>> script({"a": "</script>"})
    Markup('{"a": "\\\\u003c/script>"}')
    """
    return Markup(json.dumps(value, separators=(",", ": ")).replace("<", "\\u003c"))


def _way_of_tuning(told: Story) -> str:
    """Which of the study's ways of fine-tuning is the run's in every option, or nothing."""
    tuned = told.run.configuration.finetune
    ways = [name.replace("-", " ") for name, way in VARIANTS.items() if way() == tuned]
    return "" if told.by_hand or not ways else ways[0]


def _specifications(shown: list[Section]) -> dict[str, dict[str, Any]]:
    """Every chart by its place, as the template counts them: section, figure, chart."""
    return {
        f"{section.anchor}-{i}-{j}": chart.to_dict(validate=False)
        for section in shown
        for i, figure in enumerate(section.figures, start=1)
        for j, (_, _, chart) in enumerate(figure.charts, start=1)
    }


@cache
def _vega() -> str:
    """Vega, Vega-Lite and vega-embed in one script, in the version that Altair writes for."""
    version = ".".join(altair.SCHEMA_VERSION.split(".")[:2])
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", version)
