"""The report: one HTML file with everything in it, which asks nothing of any network.

In: a run folder, finished or not, or a comparison of several. Out: an HTML file, with Vega inlined
once and every chart as its Vega-Lite specification; a browser draws them as SVG.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from offpath.comparison import ALPHA, Comparison
from offpath.networks import Colour
from offpath.recipes import VARIANTS
from offpath.report import words
from offpath.report.colours import distance_colours
from offpath.report.export import VEGA_LITE, PaperFormat, write_figures, write_markdown
from offpath.report.parts import Section, Story, property_name, story
from offpath.report.sections import section, sections, seed_curves, seed_shifts, seeds
from offpath.report.sections.model import parameters
from offpath.report.words import FILTERS, asset
from offpath.results import Labels, Matrix
from offpath.run import folder
from offpath.run.files import write_file
from offpath.run.folder import Run
from offpath.run.provenance import note_made
from offpath.slices import ON_PATH, SPLIT_STRATA


def write_report(run: Run, path: Path | None = None) -> Path:
    """Write the page that shows a run, by default into its folder, and return where it lies."""
    with folder.working_on(run):
        made = path or run.report
        write_file(made, page(story(run)).encode(errors="replace"))
        if made == run.report:
            note_made(run.folder, made.name)
    return made


def write_for_papers(run: Run, kind: PaperFormat, path: Path | None = None) -> list[Path]:
    """Write the report of a run as Markdown with figures, or each chart as a file of its own.

    By default beside the page of the run: `report.md`, or the folder `figures`.
    """
    there = story(run)
    shown, colours = sections(there), page_colours(there)
    if kind == "md":
        title = f"{run.configuration.run_name}: where does the skill still hold?"
        return write_markdown(title, shown, colours, path or run.folder / "report.md")
    return write_figures(shown, colours, path or run.folder / "figures", kind)


def write_seeds_report(
    runs: Sequence[Run], comparison: Comparison, path: Path, options: str = ""
) -> None:
    """Write the page that shows several runs beside each other; `options` are those it is for."""
    write_file(path, seeds_page(runs, comparison, path, options).encode(errors="replace"))


def page(story: Story) -> str:
    """The whole page of a run as text."""
    c, sets = story.run.configuration, story.get(Labels) or story.get(Matrix)
    ways = [name.replace("-", " ") for name, way in VARIANTS.items() if way() == c.finetune]
    return _rendered(
        "page",
        page_colours(story),
        sections(story),
        run=story.run,
        c=c,
        trains=story.trains,
        learns=bool(story.metrics),
        weights=sum(parameters(c.model, c.graphs.max_vertices).values()),
        way=ways[0] if ways and story.trains else "",
        gaps=story.gaps(),
        sessions=folder.sessions(story.run),
        worlds=sets.worlds if sets else [],
    )


def seeds_page(runs: Sequence[Run], comparison: Comparison, path: Path, options: str = "") -> str:
    """The whole page of several runs as text."""
    c, out = runs[0].configuration, shlex.quote(str(path))
    known = {
        "c": c,
        "trains": c.pretrain is not None,
        "comparison": comparison,
        "alpha": ALPHA,
        "seeds": words.listed(sorted({str(run.seed) for run in comparison.runs}, key=int)),
        "command": f"offpath report {' '.join(run.quoted for run in runs)}{options} --out {out}",
    }
    stories = [story(run) for run in runs]
    shown = [*seeds.sections(comparison, known), *_shared(stories, str(known["command"])),
             seed_shifts.section(stories, known), seed_curves.section(stories, known)]  # fmt: skip
    predictors = {row.predictor: row.colour for row in comparison.predictors}
    colours = page_colours(stories[0]) | predictors
    return _rendered("seeds", colours, [one for one in shown if one.figures], **known)


def _shared(stories: Sequence[Story], command: str) -> list[Section]:
    """The sections that are the same for all runs: those whose options they share."""
    made, first = [], stories[0].run.configuration
    for anchor, option in (("task", "graphs"), ("data", "graphs"), ("model", "model")):
        alike = all(getattr(s.run.configuration, option) == getattr(first, option) for s in stories)
        one = section(stories[0], anchor) if alike else Section()
        facts = {"Made by": command}
        if anchor != "model":
            facts["Seeds"] = f"{first.evaluate.seed} for evaluation sets"
        figures = [replace(figure, facts=figure.facts | facts) for figure in one.figures]
        made.append(replace(one, figures=figures))
    return made


def _rendered(
    name: str, colours: Mapping[str, Colour], shown: Sequence[Section], **parts: object
) -> str:
    """A page of figures from its template."""
    named = {property_name(one): pair for one, pair in colours.items()}
    fixed = {"vega": _vega(), "look": asset("charts")["look"], "colours": named}
    return rendered(name, sections=shown, **fixed, **parts)


def rendered(name: str, **parts: object) -> str:
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
    return environment.get_template(f"{name}.html.jinja").render(**parts)


def page_colours(story: Story) -> dict[str, Colour]:
    """The two colours of each network, rule, stratum and true distance, by its name."""
    matrix = story.get(Matrix)
    predictors = {row.predictor: row.colour for row in matrix.predictors} if matrix else {}
    strata = {f"slice-{where.slice}": where.colour for where in (*SPLIT_STRATA, ON_PATH)}
    distances = distance_colours(story.run.configuration.graphs.max_vertices)
    networks = {network.name: network.colour for network in story.networks}
    return {**networks, **predictors, **strata, **distances}


@cache
def _vega() -> Markup:
    """Vega, Vega-Lite and vega-embed in one script."""
    return Markup(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", VEGA_LITE))
