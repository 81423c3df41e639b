"""The documentation as a site: Sphinx, Furo and MyST over the repository as it is (`make docs`).

The source is the repository's root, so that links between pages work here as on GitHub.
"""

import re
from inspect import Parameter, Signature, get_annotations, signature

from docutils import nodes
from pydantic import BaseModel
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.pycode import parser

project = "offpath"
extensions = ["myst_parser", "sphinx.ext.autodoc"]
root_doc = "docs/index"
PROJECT = ["README.md", "LOG.md", "CONTRIBUTING.md", "CHANGELOG.md"]
FOLDERS = ["docs", "docs/api", "docs/findings", "benchmarks", "weights"]
include_patterns = [*PROJECT, *(f"{folder}/*.md" for folder in FOLDERS)]
exclude_patterns = [".*", "build", "dist", "examples", "runs", "src", "tests"]
nitpick_ignore_regex = [("py:class", r"offpath\..*\.(Name|[A-Z])")]  # type variables

myst_heading_anchors = 3  # as on GitHub
smartquotes = False  # "--out" stays as it is typed
default_role = "code"  # of docstrings: `x` is code, as in Markdown
autodoc_default_options = {
    "members": True,
    "member-order": "bysource",
    "exclude-members": "model_config",
    "no-value": True,  # of constants
}
autodoc_typehints_format = "short"
add_module_names = toc_object_entries = False  # a heading has the module
# The comment behind a field or constant is its docstring.
parser.comment_re = re.compile(r"^\s*#:? (?!fmt:|noqa)(.*)\r?\n?$")

html_theme = "furo"
html_title = "offpath"
html_additional_pages = {"index": "to-the-home-page.html"}
templates_path = ["templates"]
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = html_show_copyright = html_show_sphinx = False
FONTS = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif'
html_theme_options = {  # the colours of the report
    "light_css_variables": {
        "font-stack": FONTS,
        "color-brand-primary": "#0b5d8f",
        "color-brand-content": "#0b5d8f",
        "color-brand-visited": "#0b5d8f",
        "color-api-name": "#0b5d8f",
        "color-api-pre-name": "#5f6770",
        "color-background-primary": "#fcfcfa",
    },
    "dark_css_variables": {
        "color-brand-primary": "#7cc0f2",
        "color-brand-content": "#7cc0f2",
        "color-brand-visited": "#7cc0f2",
        "color-api-name": "#7cc0f2",
        "color-api-pre-name": "#9ba4ae",
        "color-background-primary": "#15181c",
    },
}


def setup(app: Sphinx) -> None:
    """Connect the functions below."""
    app.connect("autodoc-process-signature", plain_fields)
    app.connect("doctree-read", names_of_others)
    app.connect("doctree-resolved", open_pages)


def plain_fields(
    _app: Sphinx, _what: str, _name: str, of: object, *_rest: object
) -> tuple[str, None] | None:
    """Of a record its fields and defaults; types and meanings follow field by field.

    Types lose what `Annotated` adds to them, which is for the command line.
    """
    if not isinstance(of, type) or not issubclass(of, BaseModel | tuple):
        return None
    if issubclass(of, BaseModel):
        plain = {name: field.annotation for name, field in of.model_fields.items()}
        own = get_annotations(of).items()
        of.__annotations__ = {name: plain.get(name, kind) for name, kind in own}
    fields = [one.replace(annotation=Parameter.empty) for one in signature(of).parameters.values()]
    return str(Signature(fields)), None


def names_of_others(_app: Sphinx, page: nodes.document) -> None:
    """Leave the names of other packages' types as text: their pages are not on this machine."""
    for name in [*page.findall(addnodes.pending_xref)]:
        if name["refdomain"] == "py" and not name["reftarget"].startswith("offpath."):
            name.replace_self(name.children)


def open_pages(_app: Sphinx, page: nodes.document, name: str) -> None:
    """Let links to HTML files, such as the example report, open them: Sphinx would save them."""
    for link in [*page.findall(addnodes.download_reference)]:
        if link["reftarget"].endswith(".html"):
            path = f"{'../' * name.count('/')}_downloads/{link['filename']}"
            link.replace_self(nodes.reference("", "", *link.children, refuri=path))
