"""The report: one HTML file with everything in it, which asks nothing of any network.

In: a run folder, finished or not. Out: `report.html`, with Vega inlined once and every chart as its
Vega-Lite specification; a browser draws them as SVG.
"""

from functools import cache
from pathlib import Path

import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from offpath.networks import Colour
from offpath.recipes import VARIANTS
from offpath.report.parts import Story, property_name, story
from offpath.report.sections import sections
from offpath.report.words import FILTERS
from offpath.results import Labels, Matrix
from offpath.run import folder
from offpath.run.files import write_file
from offpath.run.folder import Run
from offpath.run.provenance import note_made
from offpath.slices import ON_PATH, SPLIT_STRATA

VEGA_LITE = "6.4"  # the version in which charts are written


def write_report(run: Run) -> Path:
    """Write the page that shows a run, and return where it lies."""
    with folder.working_on(run):
        write_file(run.report, page(story(run)).encode(errors="replace"))
        note_made(run.folder, run.report.name)
    return run.report


def page(story: Story) -> str:
    """The whole page as text."""
    c, sets = story.run.configuration, story.get(Labels) or story.get(Matrix)
    ways = [name.replace("-", " ") for name, way in VARIANTS.items() if way() == c.finetune]
    loader = PackageLoader("offpath.report", "assets")
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    return environment.get_template("page.html.jinja").render(
        run=story.run,
        c=c,
        trains=story.trains,
        way=ways[0] if ways and story.trains else "",
        colours=_colours(story),
        sections=sections(story),
        sessions=folder.sessions(story.run),
        worlds=sets.worlds if sets else [],
        vega=Markup(_vega()),
    )


def _colours(story: Story) -> dict[str, Colour]:
    """The style sheet's name of each network, rule and stratum, and its two colours."""
    matrix = story.get(Matrix)
    predictors = {row.predictor: row.colour for row in matrix.predictors} if matrix else {}
    named = {**{network.name: network.colour for network in story.networks}, **predictors}
    strata = {f"slice-{where.slice}": where.colour for where in (*SPLIT_STRATA, ON_PATH)}
    return {property_name(name): pair for name, pair in {**named, **strata}.items()}


@cache
def _vega() -> str:
    """Vega, Vega-Lite and vega-embed in one script."""
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", VEGA_LITE)
