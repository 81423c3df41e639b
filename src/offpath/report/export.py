"""The report for papers: Markdown with SVG figures, or every chart as a PDF or PNG file.

In: the sections of a page and its colours. Out: files, drawn by vl-convert without a browser, in
the colours of the light page.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import vl_convert

from offpath.networks import Colour
from offpath.report.colours import plain
from offpath.report.parts import Figure, Section, Spec, Table
from offpath.report.words import asset
from offpath.run.files import write_file

PaperFormat = Literal["md", "pdf", "png"]
VEGA_LITE = "6.4"  # the version in which charts are written
WIDTHS = {"stack": 640, "pairs": 420, "grid": 300, "wide": 640}  # of a chart, by layout
COLUMNS = {"stack": 4, "pairs": 3, "grid": 2, "wide": 4}  # of its legend
PNG_SCALE = 2.0  # pixels for each unit of a chart


def write_markdown(
    title: str, sections: Sequence[Section], colours: Mapping[str, Colour], path: Path
) -> list[Path]:
    """Write the report as Markdown beside a folder of its figures; everything that was written."""
    folder = path.with_name(f"{path.stem}-figures")
    files = write_figures(sections, colours, folder, "svg")
    lines = [f"# {escaped(title)}"]
    for section in sections:
        lines += [f"## {escaped(section.title)}", escaped(section.statement), escaped(section.text)]
        lines += [table_lines(section.headline)] if section.headline else []
        lines += [f"**{escaped(term)}.** {escaped(meaning)}" for term, meaning in section.terms]
        for number, figure in enumerate(section.figures, start=1):
            lines += _figure_lines(figure, f"{section.anchor}-{number}", folder)
    write_file(path, "\n\n".join(filter(None, lines)).encode() + b"\n")
    return [path, *files]


def write_figures(
    sections: Sequence[Section],
    colours: Mapping[str, Colour],
    folder: Path,
    kind: Literal["svg", "pdf", "png"],
) -> list[Path]:
    """Write every chart as a file of its own, named by section, figure and chart."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for section in sections:
        for number, figure in enumerate(section.figures, start=1):
            for name, chart in _charts(figure, f"{section.anchor}-{number}", colours):
                path = folder / f"{name}.{kind}"
                write_file(path, _drawn(chart, kind))
                files.append(path)
    return files


def _charts(
    figure: Figure, place: str, colours: Mapping[str, Colour]
) -> Iterator[tuple[str, Spec]]:
    """Each chart with its title, its legend and a width of its own."""
    look = plain(asset("charts")["look"], colours) | {"background": "white"}
    legend = {"title": None, "orient": "top", "columns": COLUMNS[figure.layout]}
    for number, chart in enumerate(figure.charts, start=1):
        spec = plain(chart.chart, colours) | {"config": look}
        spec["title"] = {"text": chart.title, "anchor": "start", "fontSize": 13}
        if "facet" not in spec:
            spec["width"] = WIDTHS[figure.layout]
        for layer in spec.get("layer", ()):
            for channel in layer["encoding"].values():
                if isinstance(channel, dict) and channel.get("field") == "series":
                    channel["legend"] = legend
        yield f"{place}-{number}", spec


def _drawn(chart: Spec, kind: str) -> bytes:
    if kind == "svg":
        return vl_convert.vegalite_to_svg(chart, VEGA_LITE).encode()
    if kind == "pdf":
        return vl_convert.vegalite_to_pdf(chart, VEGA_LITE)
    return vl_convert.vegalite_to_png(chart, VEGA_LITE, scale=PNG_SCALE)


def _figure_lines(figure: Figure, place: str, folder: Path) -> Iterator[str]:
    yield f"### {escaped(figure.title)}"
    yield escaped(figure.text)
    for number, chart in enumerate(figure.charts, start=1):
        words = escaped(chart.title or figure.title)
        yield escaped(chart.text)
        yield f"![{words}]({quote(folder.name)}/{place}-{number}.svg)"
    for table in figure.tables:
        yield escaped(table.title)
        yield table_lines(table)
    yield "\n".join(f"- {name}: {escaped(fact)}" for name, fact in figure.facts.items())


def table_lines(table: Table) -> str:
    """A table in Markdown; the lines of an entry stand behind each other.

    >>> from offpath.report.parts import text_table
    >>> print(table_lines(text_table("", ["a", "b"], [["x|y", "1"]])))
    | a | b |
    | --- | --- |
    | x\\|y | 1 |
    """
    rows = [[escaped(column) for column in table.columns], ["---"] * len(table.columns)]
    for row in table.rows:
        entries = ["–" if entry is None else ", ".join(entry.lines) for entry in row.entries]
        rows.append([escaped(text) for text in (row.title, *entries)])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def escaped(text: str) -> str:
    """A text of which Markdown and HTML make nothing."""
    return re.sub(r"([\\`*_{}\[\]<>|#])", r"\\\1", " ".join(text.split()))
