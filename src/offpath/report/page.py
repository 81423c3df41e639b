"""The report: one HTML file with everything in it, which asks nothing of any network.

In: a run folder, finished or not, or a comparison of several. Out: an HTML file, with Vega inlined
once and every chart as its Vega-Lite specification; a browser draws them as SVG.
"""

import shlex
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from offpath.comparison import ALPHA, Comparison
from offpath.networks import Colour
from offpath.recipes import VARIANTS
from offpath.report import words
from offpath.report.parts import Story, property_name, story
from offpath.report.sections import sections, seeds
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


def write_seeds_report(runs: Sequence[Run], comparison: Comparison, path: Path) -> None:
    """Write the page that shows several runs beside each other."""
    write_file(path, seeds_page(runs, comparison, path).encode(errors="replace"))


def page(story: Story) -> str:
    """The whole page of a run as text."""
    c, sets = story.run.configuration, story.get(Labels) or story.get(Matrix)
    ways = [name.replace("-", " ") for name, way in VARIANTS.items() if way() == c.finetune]
    return _rendered(
        "page",
        run=story.run,
        c=c,
        trains=story.trains,
        way=ways[0] if ways and story.trains else "",
        colours=_colours(story),
        sections=sections(story),
        gaps=story.gaps(),
        sessions=folder.sessions(story.run),
        worlds=sets.worlds if sets else [],
    )


def seeds_page(runs: Sequence[Run], comparison: Comparison, path: Path) -> str:
    """The whole page of several runs as text."""
    c, out = runs[0].configuration, shlex.quote(str(path))
    known = {
        "c": c,
        "trains": c.pretrain is not None,
        "comparison": comparison,
        "alpha": ALPHA,
        "seeds": words.listed(sorted({str(run.seed) for run in comparison.runs}, key=int)),
        "command": f"offpath report {' '.join(run.quoted for run in runs)} --out {out}",
    }
    return _rendered(
        "seeds",
        **known,
        colours={property_name(p.predictor): p.colour for p in comparison.predictors},
        sections=seeds.sections(comparison, known),
    )


def _rendered(name: str, **parts: object) -> str:
    """A page from its template, with the style sheet and all scripts in it."""
    environment = Environment(
        loader=PackageLoader("offpath.report", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    return environment.get_template(f"{name}.html.jinja").render(vega=Markup(_vega()), **parts)


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
