"""A playground in Chromium: a run with small random networks and the circuit, its page, and mice,
fingers and oracles for the tests."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import networkx as nx
import torch

from offpath.cli.reports import playground
from offpath.data.tokens import encode
from offpath.fit.checkpoints import load_model, new_model, save_model
from offpath.fit.transformer import predict
from offpath.handcraft.circuits import set_circuit
from offpath.recipes import laptop
from offpath.run.folder import Run, create_run

N, SMALL = 8, 5  # vertices of the largest graphs, and of those of fine-tuning
NETWORKS = ("finetuned", "pretrained", "circuit")  # in the order of the page
Edges = Sequence[tuple[int, int]]


def playground_run(folder: Path, *, circuit: bool = True) -> Run:
    """A run of the laptop recipe whose networks have random weights, with the circuit or not."""
    run = create_run(laptop(), folder)
    for seed, name in enumerate(NETWORKS[:2]):
        torch.manual_seed(seed)
        save_model(run, name, new_model(run.configuration))
    if circuit:
        set_circuit(run)
    return run


def written_page(run: Run) -> Path:
    """The page of a run, as the command line writes it."""
    playground((run.folder,))
    return run.playground


@contextmanager
def opened(context: Any, path: Path, fragment: str = "") -> Iterator[Any]:
    """The page with all its networks loaded; it asks for nothing else and complains of nothing."""
    page, complaints, asked = context.new_page(), [], []
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url.split("#")[0]))
    page.goto(path.as_uri() + fragment)
    page.evaluate("Page.loaded")
    yield page
    assert complaints == []
    assert set(asked) == {path.as_uri()}
    page.close()


def state(page: Any) -> tuple[dict[int, tuple[float, float]], list[tuple[int, int]], int]:
    """Vertices with their places, edges and target of the drawing."""
    places, edges, target = page.evaluate(
        "(({ places, edges, target }) => [[...places], edges, target])(Page.page.state.drawing)"
    )
    return {v: tuple(at) for v, at in places}, [tuple(edge) for edge in edges], target


def vertex_at(page: Any, vertex: int) -> tuple[float, float]:
    """Where a vertex is on the screen."""
    box = page.locator(f"#canvas [data-vertex='{vertex}'] .disc").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Press, move and release the mouse."""
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=4)
    page.mouse.up()


def tool(page: Any, name: str) -> None:
    """Choose a tool."""
    page.locator("#tools label", has_text=name).click()


def ground(page: Any, x: float, y: float) -> tuple[float, float]:
    """A point of the canvas, in shares of it."""
    box = page.locator("#canvas").bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def answers(run: Run, edges: Edges, target: int) -> list[float]:
    """What torch answers for each network of the page."""
    models = [load_model(run, name, "cpu") for name in NETWORKS]
    return [float(predict(model, encode(edges, target, N))[0]) for model in models]


def axes(edges: Edges, target: int) -> tuple[set[str], set[str]]:
    """By what a question leaves pre-training and fine-tuning, found by networkx."""
    graph = nx.Graph(edges)
    graph.add_nodes_from([1, 2])
    touched, largest = target in {v for edge in edges for v in edge}, max([1, *sum(edges, ())])
    reached = target in graph and nx.has_path(graph, 1, target)
    to_2 = nx.has_path(graph, 1, 2)
    on_path = to_2 and any(target in path for path in nx.all_shortest_paths(graph, 1, 2))
    pretraining = {
        "not target 2": target != 2, "more vertices": largest > N, "more edges": len(edges) > N,
    }  # fmt: skip
    finetuning = {
        "unseen id": target > SMALL,
        "isolated or absent": not touched,
        "unreachable": touched and not reached and target != 2,
        "vertex 2 is cut off": not to_2,
        "off path": reached and to_2 and not on_path,
        "more vertices": largest > SMALL,
        "more edges": len(edges) > SMALL,
    }
    return _true(pretraining), _true(finetuning)


def _true(facts: dict[str, bool]) -> set[str]:
    return {name for name, holds in facts.items() if holds}
