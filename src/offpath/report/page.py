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

from offpath.networks import Colour
from offpath.recipes import VARIANTS
from offpath.report.parts import Section, Story, property_name, story
from offpath.report.sections import sections
from offpath.results import Labels, Matrix
from offpath.run.files import write_file
from offpath.run.folder import Run, sessions, working_on
from offpath.run.provenance import note_made
from offpath.slices import ON_PATH, SPLIT_STRATA


def write_report(run: Run) -> Path:
    """Write the page that shows a run, and return where it lies."""
    with working_on(run):
        write_file(run.report, page(story(run)).encode(errors="replace"))
        note_made(run.folder, run.report.name)
    return run.report


def page(story: Story) -> str:
    """The whole page as text."""
    contents = sections(story)
    environment = Environment(
        loader=PackageLoader("offpath.report", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["script"] = script
    environment.globals["asset"] = lambda name: Markup(environment.get_template(name).render())
    sets = story.get(Labels) or story.get(Matrix)
    return environment.get_template("page.html.jinja").render(
        run=story.run,
        trains=story.trains,
        way=_published_way(story),
        colours=_colours(story),
        configuration=story.run.configuration,
        parts=_options(story.run),
        sections=contents,
        specifications=_specifications(contents),
        sessions=sessions(story.run),
        worlds=sets.worlds if sets else [],
        vega=Markup(_vega()),
    )


def script(value: object) -> Markup:
    """JSON that can stand inside a <script> element: no "<" is left in it.

    >>> script({"a": "</script>"})
    Markup('{"a": "\\\\u003c/script>"}')
    """
    return Markup(json.dumps(value, separators=(",", ": ")).replace("<", "\\u003c"))


def _colours(story: Story) -> dict[str, Colour]:
    """The style sheet's name of each network, rule and stratum, and its two colours."""
    matrix = story.get(Matrix)
    predictors = {row.predictor: row.colour for row in matrix.predictors} if matrix else {}
    named = {**{network.name: network.colour for network in story.networks}, **predictors}
    strata = {f"slice-{where.slice}": where.colour for where in (*SPLIT_STRATA, ON_PATH)}
    return {property_name(name): pair for name, pair in {**named, **strata}.items()}


def _published_way(story: Story) -> str:
    """Which way of fine-tuning of WWZ24 is the run's in every option, or nothing."""
    own = story.run.configuration.finetune
    ways = [name.replace("-", " ") for name, way in VARIANTS.items() if way() == own]
    return ways[0] if ways and story.trains else ""


def _options(run: Run) -> dict[str, dict[str, Any]]:
    """The options of the run that have an effect, by part of the configuration."""
    parts: dict[str, dict[str, Any]] = {"run": {}}
    for name, value in run.configuration.model_dump(exclude_none=True).items():
        if not isinstance(value, dict):
            parts["run"][name] = value
        elif not (name == "pretrain" and run.configuration.imported):
            parts[name] = value
    return parts


def _specifications(contents: list[Section]) -> dict[str, dict[str, Any]]:
    """Every chart by its place, as the template counts them: section, figure, chart."""
    return {
        f"{section.anchor}-{i}-{j}": chart.chart.to_dict(validate=False)
        for section in contents
        for i, figure in enumerate(section.figures, start=1)
        for j, chart in enumerate(figure.charts, start=1)
    }


@cache
def _vega() -> str:
    """Vega, Vega-Lite and vega-embed in one script, in the version that Altair writes for."""
    version = ".".join(altair.SCHEMA_VERSION.split(".")[:2])
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", version)
