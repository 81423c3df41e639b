"""The panels of the playground in Chromium; run by `make test-browser`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from offpath.data.tokens import encode
from offpath.fit.checkpoints import load_model
from offpath.handcraft.trace import trace
from offpath.interpret.activations import record
from offpath.results import CircuitResult, read_result
from offpath.run.folder import Run
from tests.report import playgrounds
from tests.report.playgrounds import N, answers, opened

sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser
EDGES, TARGET = [(1, 3), (3, 4), (2, 4), (2, 5), (1, 3)], 5  # one edge twice
FRAGMENT = "#edges=1-3,3-4,2-4,2-5,1-3&target=5"


@pytest.fixture
def page(desk: Any, path: Path) -> Iterator[Any]:
    with opened(desk, path, FRAGMENT) as page:
        yield page


def look(page: Any, panel: str, network: int = 0) -> None:
    """Open a panel for a network, and wait until it is filled."""
    page.select_option("#network", str(network))
    page.click(f"#tab-{panel}")
    page.locator("#panel").scroll_into_view_if_needed()
    sync_api.expect(page.locator("#panel")).to_have_attribute("data-shown", f"{panel} {network}")


def test_rows_of_attention_sum_to_1_and_pointing_at_a_token_shows_what_it_looks_at(
    page: Any, run: Run
):
    look(page, "attention")
    page.locator(".maps .choice").nth(5).click()  # layer 3, head 2
    sync_api.expect(page.locator(".pane h3")).to_have_text("Layer 3, head 2")
    tokens = encode(EDGES, TARGET, N)[:, [0, 1, 2, 3, 4, -1]]
    weights = record(load_model(run, "finetuned", "cpu"), tokens).attention[2][0, 1]
    traced = f"Forward.trace(Page.page.models[0].model, {list(map(list, EDGES))}, {TARGET})"
    drawn = page.evaluate(f"{traced}.attention.map((maps) => maps.map((map) => [...map]))")
    every = np.array(drawn).reshape(5, 2, 6, 6)
    assert every.sum(-1) == pytest.approx(np.ones((5, 2, 6)))
    assert every[2, 1] == pytest.approx(weights.numpy(), abs=1e-5)
    page.locator(".rows .choice", has_text="3–4").hover()
    row = weights[1].numpy()
    shares = {"edge 1–3": row[0] + row[4], "itself": row[1], "edge 2–4": row[2],
              "edge 2–5": row[3], "the question on 5": row[5]}  # fmt: skip
    most = sorted(shares, key=lambda name: -shares[name])[:3]
    shares["others"] = 1 - sum(shares[name] for name in most)
    seen = ", ".join(f"{name} {100 * shares[name]:.0f} %" for name in [*most, "others"])
    assert page.inner_text("#attention-text") == f"Edge 3–4 looks at {seen}."
    page.click("#numbers")
    sync_api.expect(page.locator("#panel .labels [data-key='1-3']")).to_be_visible()
    page.mouse.move(5, 5)
    assert page.inner_text("#attention-text").startswith("The question on 5 looks at")
    question = weights[5].numpy()
    label = page.locator("#panel .labels [data-key='1-3']").text_content()
    assert label == f"{100 * (question[0] + question[4]):.0f} %"


def test_the_residual_stream_shows_values_norms_and_the_read_out_of_each_layer(page: Any, run: Run):
    look(page, "stream")
    model = load_model(run, "finetuned", "cpu")
    tokens = encode(EDGES, TARGET, N)[:, [0, 1, 2, 3, 4, -1]]
    residual = record(model, tokens).residual
    with torch.no_grad():
        readouts = [float(model.readout(model.final_norm(stream[0, -1]))) for stream in residual]
    texts = page.locator(".reading span").all_inner_texts()
    assert [float(text.replace("−", "-")) for text in texts] == pytest.approx(readouts, abs=6e-3)
    strips = page.locator("#panel canvas")
    strips.nth(2).focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
    *_, shown = page.locator("#panel .readout").inner_text().split(": ")
    assert "layer 2, token 1–3, coordinate 2" in page.locator("#panel .readout").inner_text()
    assert float(shown.replace("−", "-")) == pytest.approx(float(residual[2][0, 4, 2]), abs=6e-4)
    norms = page.locator(".norms").nth(1).get_attribute("aria-label")
    assert norms.endswith(f"5 ? {float(residual[1][0, 5].norm()):.1f}")


def test_removing_each_edge_moves_the_answer_as_torch_says_and_the_truth_as_it_should(
    page: Any, run: Run
):
    look(page, "removal", network=1)
    rows = [row.split("\t") for row in page.locator(".removals tbody tr").all_inner_texts()]
    shown = {edge: [float(x.replace("−", "-")) for x in (moves, answer, truth)]
             for edge, moves, answer, truth, _ in rows}  # fmt: skip
    whole, expected = answers(run, EDGES, TARGET)[1], {}
    for edge, truth in {(1, 3): 8, (3, 4): 8, (2, 4): 8, (2, 5): 8}.items():
        answer = answers(run, [e for e in EDGES if e != edge], TARGET)[1]
        expected["–".join(map(str, edge))] = [answer - whole, answer, truth - 4]
    assert set(shown) == set(expected)
    for edge, numbers in expected.items():
        assert shown[edge] == pytest.approx(numbers, abs=6e-3)
    sizes = [abs(shown[edge][0]) for edge, *_ in rows]
    assert sizes == sorted(sizes, reverse=True)
    label = page.locator("#panel .labels [data-key='2-5']").text_content()
    assert float(label.replace("−", "-")) == shown["2–5"][0]


def test_the_frontier_of_the_circuit_is_that_of_its_trace(page: Any, run: Run):
    graph = read_result(run, CircuitResult).graph
    edges = ",".join(f"{a}-{b}" for a, b in graph.edges)
    page.evaluate(f"location.hash = 'edges={edges}&target={graph.target}'")
    sync_api.expect(page.locator("#target")).to_have_value(str(graph.target))
    look(page, "search", network=2)
    tokens = encode(graph.edges, graph.target, N)
    for state in trace(load_model(run, "circuit", "cpu"), "edge", tokens):
        bits = page.evaluate(
            """([edges, target, layer]) => {
              const { model, network } = Page.page.models[2];
              return Search.frontier(Forward.trace(model, edges, target), network, layer, 8);
            }""",
            [graph.edges, graph.target, state.layer],
        )
        assert [bit["source"] for bit in bits] == pytest.approx(state.from_source, abs=1e-3)
        assert [bit["target"] for bit in bits] == pytest.approx(state.from_target, abs=1e-3)
        reached = [i for i, bit in enumerate(state.from_source, start=1) if bit > 0.5]
        text = page.inner_text("#search-text")
        assert f"reached from 1: {', '.join(map(str, reached))};" in text
        if 2 * state.layer < graph.distance:
            assert text.endswith(f"The read-out gives {N}.00: not met yet.")
        elif 2 * state.layer < graph.distance + 2:
            assert text.endswith(f"gives {N}.00: met, but the question has not read it yet.")
        page.click("#forth")
    assert f"The read-out gives {graph.distance}.00: the answer." in page.inner_text("#search-text")


def test_the_search_plays_only_when_asked_pauses_and_ends_at_the_last_layer(page: Any):
    page.clock.install()
    look(page, "search", network=2)
    layer = lambda: page.input_value("#step")  # noqa: E731
    page.clock.run_for(5000)
    assert layer() == "0"
    page.click("#play")
    page.clock.run_for(2500)
    assert layer() == "2"
    page.click("#play")
    page.clock.run_for(5000)
    assert layer() == "2"
    page.click("#back")
    assert layer() == "1"
    page.click("#play")
    page.clock.run_for(10_000)
    assert layer() == "5"
    assert page.inner_text("#play") == "Play"


def test_the_search_goes_to_the_circuit_and_a_run_without_it_has_a_page_too(
    page: Any, desk: Any, tmp_path: Path
):
    look(page, "attention", network=0)
    page.click("#tab-search")
    sync_api.expect(page.locator("#panel")).to_have_attribute("data-shown", "search 2")
    assert page.input_value("#network") == "2"
    page.select_option("#network", "1")
    sync_api.expect(page.locator("#panel")).to_have_attribute("data-shown", "attention 1")
    alone = playgrounds.written_page(playgrounds.playground_run(tmp_path, circuit=False))
    with opened(desk, alone) as other:
        assert other.locator("#answers tr").count() == 2
        assert not other.is_visible("#tab-search")
        assert "handcrafted" not in other.inner_text("body")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_no_violation_and_nothing_scrolls_sideways(
    browser: Any, path: Path, width: int, theme: Any
):
    package = pytest.importorskip("axe_playwright_python")
    axe = (Path(package.__file__).parent / "axe.min.js").read_text()
    screen = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=theme)
    with opened(screen, path, FRAGMENT) as page:
        page.evaluate(axe)
        page.click(".keys summary")
        for panel in ("attention", "stream", "removal", "search"):
            look(page, panel, network=2)
            part = "document" if panel == "attention" else "'#inside'"  # the rest stays as it was
            found = page.evaluate(f"axe.run({part}, {{ resultTypes: ['violations'] }})")[
                "violations"
            ]
            assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in found] == []
            root = "document.documentElement"
            assert page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")
