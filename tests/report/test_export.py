"""What the report becomes for papers, and the colours it has there."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from pydantic import ValidationError

from offpath.report.colours import NO_PATH, STOPS, distance_colours, plain
from offpath.report.export import escaped, write_markdown
from offpath.report.page import page_colours
from offpath.report.parts import Story
from offpath.report.sections import sections
from offpath.results import Predictor


def test_true_distances_go_from_near_to_far_and_no_path_is_grey():
    colours = [*distance_colours(15).values()]
    assert colours[0] == STOPS[0]
    assert colours[-2:] == [STOPS[-1], NO_PATH]
    assert len({pair[0] for pair in colours}) == 15


@pytest.mark.parametrize("max_vertices", [3, 4, 5, 8, 15, 64])
def test_every_label_has_a_colour_in_light_and_dark(max_vertices: int):
    colours = distance_colours(max_vertices)
    assert [*colours] == [f"distance-{label}" for label in range(1, max_vertices + 1)]
    assert all(re.fullmatch("#[0-9a-f]{6}", one) for pair in colours.values() for one in pair)


def test_the_colour_in_the_middle_is_the_middle_stop():
    assert distance_colours(10)["distance-5"] == STOPS[2]


def test_a_chart_for_papers_has_the_colours_of_the_light_page():
    spec = {"color": "var(--mine)", "axis": {"labelColor": "var(--muted)"}}
    colours = {"mine": ("#111111", "#eeeeee")}
    assert plain(spec, colours) == {"color": "#111111", "axis": {"labelColor": "#5f6770"}}
    assert plain(spec, colours, dark=True)["color"] == "#eeeeee"


@pytest.mark.parametrize("text", ["<b>", "a|b", "[x](y)", "`code`", "# title", "a\nb"])
def test_markdown_makes_nothing_of_a_text(text: str):
    made = escaped(text)
    assert "\n" not in made
    assert re.sub(r"\\(.)", r"\1", made) == text.replace("\n", " ")
    assert not re.search(r"(?<!\\)[<|\[`#]", made)


def test_a_text_that_looks_like_a_colour_stays_a_text():
    assert plain({"title": "x var(--evil) y", "text": "var(--evil)"}, {}) == {
        "title": "x var(--evil) y",
        "text": "var(--evil)",
    }


def test_a_colour_of_a_result_is_a_colour_and_nothing_else():
    with pytest.raises(ValidationError, match="pattern"):
        Predictor(
            predictor="x",
            title="x",
            kind="rule",
            colour=("red); } body { display: none", "#000000"),
        )


def test_figures_beside_a_file_with_spaces_are_found(finished: Story, tmp_path: Path):
    path = tmp_path / "my report (1).md"
    write_markdown("x", sections(finished)[:2], page_colours(finished), path)
    text = path.read_text()
    (first, *_) = re.findall(r"\]\(([^)]*)\)", text)
    assert (tmp_path / unquote(first)).exists()
    assert "How far is vertex" in text  # the question of a drawing
