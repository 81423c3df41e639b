"""The playground's own forward pass beside torch, in Chromium; run by `make test-browser`."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from offpath import recipes
from offpath.compute import compute
from offpath.configs import Graphs
from offpath.data.batches import draw
from offpath.data.tokens import encode
from offpath.data.worlds import world
from offpath.fit.checkpoints import load_model, save_model
from offpath.fit.stages import pretrain
from offpath.fit.transformer import Transformer, predict, residual_streams
from offpath.handcraft.circuits import make
from offpath.interpret.activations import record
from offpath.report.playground import payload, playground_page
from offpath.run.folder import create_run
from tests.cases import CASES

pytestmark = pytest.mark.browser

QUESTIONS, TRACED = 1000, 5
TOLERANCE = 1e-4
"""Largest difference from torch, relative to max(1, |answer|)."""
TOLERANCE_IN_FLOAT64 = 1e-8
"""Of streams: beside the constants of the edge circuit float32 rounds other numbers by 1e-4."""
LAPTOP, PAPER = recipes.laptop().model, recipes.paper().model


def random_model(max_vertices: int = 8, **changes: Any) -> Transformer:
    """Random weights, biases and gains too."""
    torch.manual_seed(0)
    model = Transformer(LAPTOP.model_copy(update=changes), max_vertices)
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return model


MODELS: dict[str, Callable[[], Transformer]] = {
    "pre-norm": random_model,
    "post-norm": lambda: random_model(norm="post"),
    "no norm": lambda: random_model(norm="none"),
    "final norm": lambda: random_model(final_norm=True),
    "odd sizes": lambda: random_model(width=42, heads=3, head_size=5, feed_forward=30),
    "one head, one layer": lambda: random_model(width=6, heads=1, layers=1, feed_forward=1),
    "vertex tokens": lambda: random_model(tokens="vertices", norm="post", width=33, heads=3),
    "paper's shape": lambda: random_model(15, **dict(PAPER)),
    "edge, float32": lambda: make("edge", 8, LAPTOP),
    "edge, float64": lambda: make("edge", 8, LAPTOP, double=True),
    "edge of 15, float64": lambda: make("edge", 15, PAPER, double=True),
    "wide": lambda: make("wide", 8, LAPTOP),
    "wide of 15": lambda: make("wide", 15, PAPER),
    "doubling": lambda: make("doubling", 8, LAPTOP),
}


@pytest.fixture(scope="module")
def page(browser: Any) -> Any:
    """A page of Chromium."""
    return browser.new_page()


@pytest.fixture(params=MODELS.values(), ids=list(MODELS))
def model(request: pytest.FixtureRequest) -> Transformer:
    return request.param()


def open_network(page: Any, model: Transformer, folder: Path) -> None:
    """The playground of one network, decoded in `window.network`."""
    few = min(5, model.max_vertices)
    graphs = Graphs(max_vertices=model.max_vertices, finetune_vertices=few, balance_distance=3)
    run = create_run(recipes.smoke().model_copy(update={"graphs": graphs}), folder)
    save_model(run, "pretrained", model)
    (folder / "page.html").write_text(playground_page([run], []))
    page.goto((folder / "page.html").as_uri())
    decode(page, payload([run], [])["networks"][0])


def decode(page: Any, record: dict[str, Any]) -> None:
    page.evaluate("async (record) => { window.network = await Forward.decode(record); }", record)


def questions(max_vertices: int, count: int = QUESTIONS) -> np.ndarray:
    graphs = Graphs(max_vertices=max_vertices, finetune_vertices=5, balance_distance=3)
    return draw(world("test_e", graphs), 0, 0, count).tokens


def as_drawn(tokens: np.ndarray) -> list[tuple[list[list[int]], int]]:
    """Edges and target of each example, as the page has them."""
    return [([edge for edge in edges if any(edge)], last[0]) for *edges, last in tokens.tolist()]


def difference(found: Any, expected: np.ndarray) -> float:
    return float(np.max(np.abs(np.array(found) - expected) / np.maximum(1, np.abs(expected))))


def answers(page: Any, tokens: np.ndarray) -> Any:
    return page.evaluate(
        "(asked) => asked.map(([edges, target]) => Forward.answer(window.network, edges, target))",
        as_drawn(tokens),
    )


def test_a_thousand_answers_are_those_of_torch(page: Any, model: Transformer, tmp_path: Path):
    open_network(page, model, tmp_path)
    tokens = questions(model.max_vertices)
    expected = predict(model, tokens)
    assert np.ptp(expected) > 0.1
    assert difference(answers(page, tokens), expected) < TOLERANCE


TRACE = """(asked) => asked.map(([edges, target]) => {
  const made = Forward.trace(window.network, edges, target);
  return {
    ...made, same: Forward.answer(window.network, edges, target),
    streams: made.streams.map((stream) => [...stream]),
    attention: made.attention.map((heads) => heads.map((head) => [...head])),
  };
})"""


def test_a_trace_has_the_streams_and_attention_of_torch(
    page: Any, model: Transformer, tmp_path: Path
):
    open_network(page, model, tmp_path)
    tokens, a = questions(model.max_vertices, TRACED), model.architecture
    precise = deepcopy(model).double()
    for row, made in zip(tokens, page.evaluate(TRACE, as_drawn(tokens)), strict=True):
        shown = row[row[:, 1] > 0][None]  # without padding
        count = len(made["tokens"])
        if a.tokens == "edges":
            assert made["tokens"] == shown[0].tolist()
        else:
            assert made["tokens"] == [*map(str, range(1, model.max_vertices + 1)), "answer"]
        streams = [stream[0].numpy() for stream in residual_streams(precise, shown)]
        assert len(made["streams"]) == a.layers + 1
        for found, expected in zip(made["streams"], streams, strict=True):
            found = np.array(found).reshape(count, a.width)
            assert difference(found, expected) < TOLERANCE_IN_FLOAT64
        attention = record(precise, shown).attention
        for found, expected in zip(made["attention"], attention, strict=True):
            found = np.array(found).reshape(a.heads, count, count)
            assert difference(found, expected[0].numpy()) < TOLERANCE_IN_FLOAT64
        with torch.no_grad():
            read = [
                precise.readout(precise.final_norm(torch.from_numpy(stream[-1]))).item()
                for stream in streams
            ]
        assert difference(made["readouts"], np.array(read)) < TOLERANCE_IN_FLOAT64
        assert made["answer"] == made["readouts"][-1]
        assert made["same"] == pytest.approx(made["answer"], abs=1e-9)


def test_trained_weights_answer_as_in_torch(page: Any, tiny: Any, tmp_path: Path):
    run = create_run(tiny, tmp_path)
    for _ in pretrain(run, compute("cpu", threads=1)):
        pass
    page.goto("about:blank")
    page.set_content(playground_page([run], []))
    decode(page, payload([run], [])["networks"][0])
    tokens = questions(tiny.graphs.max_vertices)
    expected = predict(load_model(run, "pretrained", "cpu"), tokens)
    assert difference(answers(page, tokens), expected) < TOLERANCE


@pytest.mark.parametrize("name", ["embedding.weight", "layers.4.linear2.bias", "readout.weight"])
def test_one_other_weight_is_seen(page: Any, tmp_path: Path, name: str):
    model, tokens = random_model(), questions(8)
    expected = predict(model, tokens)
    with torch.no_grad():
        model.get_parameter(name).flatten()[-1] += 0.01
    open_network(page, model, tmp_path)
    assert difference(answers(page, tokens), expected) > TOLERANCE


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_edges_may_be_given_either_way_round_and_in_any_order(page: Any, tmp_path: Path, case: Any):
    model = random_model()
    open_network(page, model, tmp_path)
    turned = [[b, a] for a, b in reversed(case.edges)]
    expected = predict(model, encode(case.edges, 2, 8))
    found = page.evaluate("(edges) => Forward.answer(window.network, edges, 2)", turned)
    assert difference([found], expected) < TOLERANCE


def test_removals_are_the_answers_without_each_edge(page: Any, tmp_path: Path):
    model = random_model()
    open_network(page, model, tmp_path)
    edges = [(1, 3), (3, 4), (1, 3), (2, 4), (5, 6)]
    found = page.evaluate("(edges) => [...Forward.removals(window.network, edges, 2)]", edges)
    left = [[edge for edge in edges if edge != gone] for gone in edges]
    expected = [predict(model, encode(rest, 2, 8))[0] for rest in left]
    assert difference(found, np.array(expected)) < TOLERANCE
    assert found[0] == found[2] != found[1]


def test_a_small_graph_after_a_large_one_is_answered_as_before(page: Any, tmp_path: Path):
    open_network(page, random_model(), tmp_path)
    found = page.evaluate("""() => {
      const small = () => Forward.answer(window.network, [[1, 2]], 2);
      const before = small();
      Forward.answer(window.network, [[1, 3], [3, 4], [4, 5], [5, 6], [2, 6], [7, 8]], 7);
      return [before, small()];
    }""")
    assert found[0] == found[1]
